"""Signals at any moment: nothing is lost but what was in flight, nothing doubled, nothing torn."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake_recognition import FakeDecoder, FakeModel, FakeNetwork, write_speech

from asrkit.config import TranscriptionConfig
from asrkit.transcription import transcribe
from asrkit.transcription.status import read_status

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL")

NUM_RECORDINGS = 40
RUN = """
import sys, time
from fake_recognition import FakeDecoder, FakeModel, FakeNetwork
from asrkit.config import TranscriptionConfig
from asrkit.transcription import transcribe

class Slow(FakeNetwork):
    def emissions(self, features):
        time.sleep(0.01)
        return super().emissions(features)

model = FakeModel()
config = TranscriptionConfig(batch_size=1, jobs=2, format=("txt", "srt"))
print("ready", flush=True)
transcribe([sys.argv[1]], model, output_dir=sys.argv[2], network=Slow(), config=config, keep_emissions=True,
           make_decoder=lambda: FakeDecoder(model.alphabet))
"""


@pytest.fixture(scope="module")
def wavs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wavs")
    for index in range(NUM_RECORDINGS):
        write_speech(folder / f"{index:02d}.wav", 0.2 + index / 100, seed=index)
    return folder


def start(wavs: Path, out: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(wavs), str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # where a test that ends with Ctrl-C writes its traceback
        text=True,
        env=environment,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def has_lines(out: Path) -> bool:
    return (out / "results.jsonl").exists() and (out / "results.jsonl").stat().st_size > 0


def contents(folder: Path) -> dict[str, bytes]:
    files = (
        path
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("run.json", ".asrkit.lock", ".asrkit.files")
    )
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("num_kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_killed_run_resumes_exactly(num_kills: int, wavs: Path, tmp_path: Path) -> None:
    out, moments = tmp_path / "out", random.Random(num_kills)
    done_before = 0
    for number in range(num_kills):
        process = start(wavs, out)
        while number % 3 == 1 and process.poll() is None and not has_lines(out):
            time.sleep(0.005)  # one in three is hit in the middle, however busy the machine is
        time.sleep(moments.uniform(0.02, 0.25))
        process.send_signal((signal.SIGKILL, signal.SIGINT, signal.SIGTERM)[number % 3])
        process.wait()
        if not (out / "run.json").exists():
            continue  # died before it began
        state = read_status(out)
        assert state.state in ("killed", "interrupted", "finished")
        assert done_before <= state.num_done <= NUM_RECORDINGS == state.num_done + state.num_left
        done_before = state.num_done
    assert done_before > 0
    process = start(wavs, out)
    assert process.wait() == 0
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert [row["utterance_id"] for row in rows] == [f"{index:02d}" for index in range(NUM_RECORDINGS)]
    assert read_status(out).state == "finished"

    model = FakeModel()
    transcribe(
        [wavs],
        model,
        output_dir=tmp_path / "whole",
        network=FakeNetwork(),
        make_decoder=lambda: FakeDecoder(model.alphabet),
        config=TranscriptionConfig(format=("txt", "srt")),
        keep_emissions=True,
    )
    assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.slow
def test_the_command_survives_every_signal() -> None:
    """The program behind benchmarks/results/robustness.md, with few runs; it fails where one of them differs."""
    program = Path(__file__).parents[1] / "benchmarks/interruptions.py"
    few = ["--kill", "3", "--int", "3", "--term", "2", "--recordings", "60"]
    done = subprocess.run([sys.executable, str(program), *few], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [line.split(" | ")[-1] for line in done.stdout.splitlines()[-3:]] == ["3 of 3 |", "3 of 3 |", "2 of 2 |"]
