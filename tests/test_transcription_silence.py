"""Silences are planted, left out, and put back where they were."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fake_recognition import FakeDecoder, FakeModel, FakeNetwork
from hypothesis import given, settings
from hypothesis import strategies as st

from asrkit.config import TranscriptionConfig
from asrkit.text import Alphabet
from asrkit.transcription import transcribe
from asrkit.transcription.silence import MARGIN_S, SilenceSkipper, put_back

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
    skipper = SilenceSkipper(STEP, RATE_HZ)
    blocks = [waveform[i : i + block] for i in range(0, len(waveform), block)]
    return np.concatenate(list(skipper.speech(blocks))), skipper


@pytest.mark.parametrize("noise", [0.0, 0.0005, 0.005])
def test_long_silences_go_and_speech_stays(noise: float) -> None:
    layout = [(5, False), (7, True), (1.5, False), (4, True), (70, False), (3, True), (25, False)]
    waveform = planted(layout, noise)
    kept, skipper = skip(waveform)
    left_out = [num_steps * STEP / RATE_HZ for _, num_steps in skipper.gaps]
    assert left_out == pytest.approx([5 - 2 * MARGIN_S, 70 - 2 * MARGIN_S, 25 - 2 * MARGIN_S], abs=0.3)
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
    np.testing.assert_array_equal(np.concatenate([*parts, waveform[place:]]), kept)


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


def test_word_times_are_those_of_the_whole_recording(tmp_path: Path) -> None:
    waveform = planted([(6, False), (2, True), (50, False), (2, True), (30, False), (2, True), (8, False)])
    soundfile.write(tmp_path / "long.wav", waveform, RATE_HZ)
    model = FakeModel()
    words, heard = {}, {}
    for vad in (False, True):
        network = Loud()
        transcribe(
            [tmp_path / "long.wav"],
            model,
            output_dir=tmp_path / str(vad),
            config=TranscriptionConfig(window_s=20.0, overlap_s=4.0, vad=vad),
            network=network,
            make_decoder=lambda: FakeDecoder(model.alphabet),
        )
        row = json.loads((tmp_path / str(vad) / "results.jsonl").read_text().splitlines()[-1])
        assert row["duration_s"] == pytest.approx(100.0)
        words[vad], heard[vad] = row["words"], sum(network.batches)
    starts = [word["start_s"] for word in words[True]]
    assert {6.0, 58.0, 90.0} <= set(starts)
    kept = [(0, 0.6), (5.4, 8.6), (57.4, 60.6), (89.4, 92.6), (99.4, 100)]  # a fake network may hear words in noise
    assert all(any(begin <= start <= end for begin, end in kept) for start in starts)
    assert heard[True] < 0.25 * heard[False]
