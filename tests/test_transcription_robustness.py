"""The real network and search under hard conditions: any batching, a hostile tree, hours of audio."""

from __future__ import annotations

import os
import shutil
import sys
import tracemalloc
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fake_recognition import FakeDecoder, FakeModel, FakeNetwork, write_speech
from random_bundle import random_bundle

from asrkit.config import TranscriptionConfig
from asrkit.decoder import Hypothesis
from asrkit.model.bundle import Bundle
from asrkit.transcription import transcribe
from asrkit.transcription.summary import Observer

OWN_FILES = ("run.json", ".asrkit.lock", ".asrkit.files")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return random_bundle(tmp_path_factory.mktemp("models") / "babble")


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in OWN_FILES)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


class Listener(Observer):
    """Keeps how far recordings are told to be."""

    def __init__(self) -> None:
        self.parts: defaultdict[str, list[float]] = defaultdict(list)

    def heard(self, utterance_id: str, seconds: float) -> None:
        self.parts[utterance_id].append(seconds)


def test_transcripts_times_and_confidences_are_the_same_for_any_batching(bundle: Bundle, tmp_path: Path) -> None:
    for index in range(30):
        write_speech(tmp_path / f"in/{index}.wav", 0.1 + (index * 7 % 30) / 10, seed=index)
    write_speech(tmp_path / "in/long.wav", 25.0)
    spreads = [
        {"batch_size": 1, "jobs": 1, "batch_seconds": 8.0},
        {"batch_size": 8, "jobs": 2},
        {"batch_size": 64, "jobs": 2, "threads": 2},
    ]
    results = []
    for number, spread in enumerate(spreads):
        config = TranscriptionConfig(window_s=8.0, overlap_s=2.0, **spread)  # type: ignore[arg-type]
        out = tmp_path / str(number)
        told = Listener()
        transcribe([tmp_path / "in"], bundle, output_dir=out, config=config, keep_emissions=True, observer=told)
        results.append(contents(out))
        # of a long recording strides of windows are told, but for the last ones; with larger batches it is all at once
        assert told.parts == ({"long": [6.0, 12.0, 18.0]} if "batch_seconds" in spread else {})
    assert len(results[0]) == 64  # transcripts and emissions of 31 recordings, results.jsonl, hyp.txt
    assert results[0] == results[1] == results[2]


def write_hostile(folder: Path) -> tuple[set[str], set[str]]:
    """Write what a disk may hold; returns the ids of good and bad recordings."""
    folder.mkdir(parents=True)
    whole = write_speech(folder / "plain.wav", 0.5).read_bytes()
    good, bad = {"plain"}, set()
    for index in range(64):
        (folder / f"cut{index}.wav").write_bytes(whole[: 60 + index * 100])
        (folder / f"text{index}.wav").write_text("not audio " * index)
        (folder / f"noise{index}.flac").write_bytes(np.random.default_rng(index).bytes(50 + index * 40))
        bad |= {f"cut{index}", f"text{index}", f"noise{index}"}
    for index, value in enumerate((np.nan, np.inf, 1e30)):
        soundfile.write(folder / f"value{index}.wav", np.full(4_000, value), 8_000, subtype="FLOAT")
        bad.add(f"value{index}")
    soundfile.write(folder / "zero.wav", np.zeros(0), 8_000)
    soundfile.write(folder / "slow.wav", np.zeros(100), 1)
    (folder / "link.wav").symlink_to(folder / "nowhere.wav")
    os.mkfifo(folder / "pipe.wav")
    bad |= {"zero", "slow", "link", "pipe"}
    soundfile.write(folder / "one.wav", np.zeros(1), 8_000)
    soundfile.write(folder / "studio.wav", np.zeros(19_200), 192_000)
    soundfile.write(folder / "many.wav", np.zeros((800, 32)), 8_000)
    soundfile.write(folder / "silence.wav", np.zeros(8_000), 8_000)
    good |= {"one", "studio", "many", "silence"}
    names = {
        "with space.wav": "with%20space",
        "line\nbreak.wav": "line%0Abreak",
        "😀.wav": "😀",
        "ü" * 125 + ".wav": "ü" * 125,
    }
    names |= {"a" * 251 + ".wav": "a" * 251, "[red]%.wav": "[red]%25", os.fsdecode(b"\xff\xfe.wav"): "%FF%FE"}
    for name, utterance_id in names.items():
        (folder / name).write_bytes(whole)
        good.add(utterance_id)
    (folder / "deep/er").mkdir(parents=True)
    (folder / "deep/er/loop").symlink_to(folder)
    (folder / "deep/er/plain.wav").write_bytes(whole)
    return good | {"deep/er/plain"}, bad


@pytest.mark.skipif(os.name != "posix", reason="names and links of POSIX")
@pytest.mark.parametrize("num_good", [50, pytest.param(10_000, marks=pytest.mark.slow)])
def test_in_a_hostile_tree_every_good_file_is_transcribed_and_every_bad_one_named(
    num_good: int, tmp_path: Path
) -> None:
    good, bad = write_hostile(tmp_path / "in")
    random = np.random.default_rng(5)
    for index in range(num_good):
        path = tmp_path / f"in/d{index % 40}/{index}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, 0.1 * random.normal(size=random.integers(800, 6_000)), 8_000)
        good.add(f"d{index % 40}/{index}")
    before = peak_mb()
    model = FakeModel()
    summary = transcribe(
        [tmp_path / "in"],
        model,
        output_dir=tmp_path / "out",
        network=FakeNetwork(),
        make_decoder=lambda: FakeDecoder(model.alphabet),
        config=TranscriptionConfig(format=("txt", "textgrid")),
    )
    assert summary.exit_code == 3
    assert {failure.utterance_id for failure in summary.failures} == bad
    listed = (tmp_path / "out/failures.tsv").read_text().splitlines()[1:]
    assert [line.split("\t")[0] for line in listed] == sorted(bad)
    hypotheses = (tmp_path / "out/hyp.txt").read_text().splitlines()
    assert [line.split(" ")[0] for line in hypotheses] == sorted(good)
    assert len(list((tmp_path / "out").rglob("*.TextGrid"))) == len(good)
    assert peak_mb() - before < 150


class MuteDecoder:
    """Decodes everything to nothing, in no memory."""

    def decode(self, emissions):  # type: ignore[no-untyped-def]
        return [Hypothesis("", 0.0, 0.0, 0.0, (), 1.0)]


def test_memory_does_not_grow_with_the_length_of_a_recording(tmp_path: Path) -> None:
    """25 more minutes at 8 kHz are 48 MB of samples and 19 MB of features; windows need neither."""
    rate_hz = 8_000
    minute = 0.1 * np.random.default_rng(1).normal(size=60 * rate_hz)
    peaks = []
    for minutes in (5, 30):
        with soundfile.SoundFile(tmp_path / f"{minutes}.wav", "w", rate_hz, 1) as file:
            for _ in range(minutes):
                file.write(minute)
        tracemalloc.start()  # what this process holds beside it, other tests leave
        summary = transcribe(
            [tmp_path / f"{minutes}.wav"],
            FakeModel(),
            output_dir=tmp_path / "out",
            network=FakeNetwork(),
            make_decoder=MuteDecoder,
            config=TranscriptionConfig(batch_seconds=60.0),
        )
        assert (summary.num_transcribed, round(summary.audio_s)) == (1, minutes * 60)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 20e6


def peak_mb() -> float:
    """Return the most memory this process ever held."""
    import resource

    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def test_a_tree_that_vanishes_under_the_run_is_a_list_of_failures(tmp_path: Path) -> None:
    """As a network mount does: what was found at first is gone when its turn comes."""
    for index in range(3):
        write_speech(tmp_path / f"in/{index}.wav", 0.5, seed=index)

    class Vanishing(FakeNetwork):
        def emissions(self, features):  # type: ignore[no-untyped-def]
            shutil.rmtree(tmp_path / "in", ignore_errors=True)
            return super().emissions(features)

    model = FakeModel()
    summary = transcribe(
        [tmp_path / "in"],
        model,
        output_dir=tmp_path / "out",
        network=Vanishing(),
        make_decoder=lambda: FakeDecoder(model.alphabet),
        config=TranscriptionConfig(batch_size=1, jobs=1, batch_seconds=0.1),
    )
    assert 1 <= summary.num_transcribed <= 3
    reasons = [failure.reason for failure in summary.failures]
    assert all("no such file" in reason for reason in reasons), reasons
    assert summary.num_transcribed + len(summary.failures) == 3
