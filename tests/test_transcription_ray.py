"""The same bytes from a cluster, also when its workers die."""

from __future__ import annotations

import os
import signal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import soundfile
from fake_recognition import write_speech
from foreign_graphs import RATE_HZ, hugging_face_folder, planted_sound
from random_bundle import random_bundle

from asrkit.config import TranscriptionConfig
from asrkit.errors import LanguageModelError
from asrkit.model.importing import Wishes, import_model
from asrkit.transcription import Observer, TranscriptionSummary, transcribe
from asrkit.transcription.recipe import Recipe

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (pip install ray)"),
    pytest.mark.skipif(os.name != "posix", reason="SIGKILL"),
]

CONFIG = TranscriptionConfig(runner="ray", jobs=2, batch_size=3, window_s=8.0, overlap_s=2.0)


def contents(folder: Path) -> dict[str, bytes]:
    files = (
        path
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("run.json", ".asrkit.lock", ".asrkit.files")
    )
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_ray_gives_the_same_bytes_though_workers_die(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from asrkit.transcription.ray_runner import RayRunner

    for index in range(24):
        write_speech(tmp_path / f"in/{index}.wav", 0.2 + index / 20, seed=index)
    write_speech(tmp_path / "in/long.wav", 20.0)
    (tmp_path / "in/bad.wav").write_text("not audio")
    random_bundle(tmp_path / "models/babble")
    monkeypatch.chdir(tmp_path)  # workers run elsewhere; relative paths must not matter
    from asrkit.model.bundle import Bundle

    bundle = Bundle.load("models/babble")
    runners: list[RayRunner] = []

    def make_runner(recipe: Recipe) -> RayRunner:
        runners.append(RayRunner(recipe))
        return runners[0]

    class Killer(Observer):
        killed = 0

        def transcribed(self, transcript: Any) -> None:
            if self.killed < 2:
                worker = runners[0].workers[self.killed]
                os.kill(runners[0]._ray.get(worker.process_id.remote()), signal.SIGKILL)
                self.killed += 1

    killer = Killer()
    local = transcribe(["in"], bundle, output_dir="local", config=CONFIG.replace(runner="local"), keep_emissions=True)
    far = transcribe(
        ["in"], bundle, output_dir="far", config=CONFIG, keep_emissions=True, make_runner=make_runner, observer=killer
    )
    assert killer.killed == 2
    assert counts(local) == counts(far) == (25, 1)
    assert far.stage_cpu_s["network_s"] > 0
    assert contents(Path("local")) == contents(Path("far"))
    assert not runners[0]._ray.is_initialized()
    assert capfd.readouterr() == ("", "")


def test_a_model_made_elsewhere_gives_the_same_bytes_on_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hugging_face_folder(tmp_path / "hf")
    monkeypatch.chdir(tmp_path)
    bundle = import_model(Path("hf"), Path("bundle"), Wishes(longest_s=5.0))
    Path("in").mkdir()
    for place, outputs in enumerate(([5, 6], [7, 5, 6, 4, 5], [6, 5] * 60)):
        soundfile.write(f"in/{place}.wav", planted_sound(outputs), RATE_HZ, subtype="FLOAT")
    for name, config in (("local", CONFIG.replace(runner="local")), ("far", CONFIG)):
        assert counts(transcribe(["in"], bundle, output_dir=name, config=config, keep_emissions=True)) == (3, 0)
    assert Path("far/1.txt").read_text() == "CAB A\n"
    assert contents(Path("local")) == contents(Path("far"))


def counts(summary: TranscriptionSummary) -> tuple[int, int]:
    return summary.num_transcribed, len(summary.failures)


def test_a_language_model_that_no_worker_can_use_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(
        tmp_path
    )  # Ray's workers look for modules where it was started: in a clone, a package without C++
    write_speech(tmp_path / "in/a.wav", 0.5)
    (tmp_path / "lm.arpa").write_text("not a model")
    bundle = random_bundle(tmp_path / "babble")
    with pytest.raises(LanguageModelError, match=r"lm\.arpa"):
        transcribe([tmp_path / "in"], bundle, output_dir=tmp_path / "out", lm=tmp_path / "lm.arpa", config=CONFIG)
