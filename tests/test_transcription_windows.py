from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fake_recognition import FakeDecoder, FakeModel, FakeNetwork, write_speech
from hypothesis import given, settings
from hypothesis import strategies as st

from asrkit.config import FeatureConfig, TranscriptionConfig
from asrkit.transcription import transcribe
from asrkit.transcription.windows import EmissionsJoiner, WindowPlan

PLAN = WindowPlan(window_samples=50, stride_samples=40, stride_steps=4, step_samples=10)


def test_windows_start_on_steps_of_the_whole() -> None:
    features = FeatureConfig()
    plan = WindowPlan.fit(window_s=29.99, overlap_s=5.99, features=features, step_ms=40.0)
    step_samples = features.hop_samples * 4
    assert plan == WindowPlan(750 * step_samples, 600 * step_samples, 600, step_samples)


@given(st.lists(st.integers(1, 70), min_size=1, max_size=12))
def test_windows_cover_every_sample_however_the_blocks_fall(sizes: list[int]) -> None:
    waveform = np.arange(sum(sizes), dtype=np.float32)
    windows = list(PLAN.windows(np.split(waveform, np.cumsum(sizes)[:-1])))
    for index, window in enumerate(windows):
        begin = index * PLAN.stride_samples
        np.testing.assert_array_equal(window, waveform[begin : begin + PLAN.window_samples])
    assert windows[-1][-1] == waveform[-1]
    assert len(windows) == 1 or len(windows[-1]) > PLAN.window_samples - PLAN.stride_samples


def cut(emissions: np.ndarray, window: int, stride: int) -> list[np.ndarray]:
    starts = [0]
    while starts[-1] + window < len(emissions):
        starts.append(starts[-1] + stride)
    return [emissions[start : start + window] for start in starts]


@given(st.integers(1, 200), st.integers(2, 40), st.data())
@settings(deadline=None)
def test_joining_windows_of_a_sequence_gives_the_sequence(steps: int, window: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(max(1, window // 2), window - 1))
    emissions = np.random.default_rng(steps).normal(size=(steps, 5)).astype(np.float32)
    joiner = EmissionsJoiner(stride, blank_index=4)
    for part in cut(emissions, window, stride):
        joiner.add(part)
    np.testing.assert_array_equal(joiner.join(), emissions)


def test_the_seam_avoids_speech_and_disturbed_edges() -> None:
    # Symbol 0 is spoken all through the overlap (steps 40 to 60) but for a pause at 52 to 55.
    whole = np.full((100, 2), -9.0, np.float32)
    whole[:, 0] = -0.01
    whole[52:56] = (-9.0, -0.01)
    first, second = whole[:60].copy(), whole[40:].copy()
    first[-4:], second[:4] = -5.0, -5.0  # what a model makes of a cut
    first[:, 0] += 0.001
    joiner = EmissionsJoiner(stride_steps=40, blank_index=1)
    joiner.add(first)
    joiner.add(second)
    joined = joiner.join()
    assert len(joined) == 100 and joined.min() == -9.0
    seam = int(np.argmin(np.isclose(joined[:, 0] - whole[:, 0], 0.001, atol=1e-4)))
    assert 52 <= seam <= 56


class Deaf(FakeNetwork):
    """Counts windows; says the same whatever it hears, so features' own normalization does not matter."""

    def emissions(self, features):  # type: ignore[no-untyped-def]
        self.batches.append(len(features))
        symbols = np.array([1, 6, 2, 6, 0, 6, 6, 6, 6, 6])  # "ab " and a rest, ten steps
        outputs = []
        for values in features:
            steps = -(-len(values) // 4)
            outputs.append(np.log(np.eye(7, dtype=np.float32)[np.resize(symbols, steps)] * 0.9 + 0.01))
        return outputs


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_long_recording_is_read_in_windows_and_no_word_is_cut(jobs: int, tmp_path: Path) -> None:
    write_speech(tmp_path / "in/long.wav", 61.3)
    network = Deaf()
    config = TranscriptionConfig(window_s=8.0, overlap_s=2.4, batch_seconds=16.0, jobs=jobs)
    model = FakeModel()
    transcribe(
        [tmp_path / "in"],
        model,
        output_dir=tmp_path / "out",
        config=config,
        network=network,
        make_decoder=lambda: FakeDecoder(model.alphabet),
    )
    assert max(network.batches) == 2 and sum(network.batches) == 11  # 8 + 10 x 5.6 s cover 61.3 s
    text = (tmp_path / "out/long.txt").read_text()
    steps = -(-(1 + -(-(61_3 * 800 - 200) // 80)) // 4)
    assert text.split() == ["ab"] * (steps // 10) + (["ab"] if steps % 10 > 2 else [])
