"""Features: exact frame counts, independence of the neighbors, tones where they belong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrkit.config import FeatureConfig
from asrkit.errors import AudioError
from asrkit.features import extract_features, mel_filters, num_frames

LOG_MEL = FeatureConfig()
LINEAR = FeatureConfig(kind="linear", window_ms=20.0)


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


@pytest.mark.parametrize(
    ("samples", "frames"),
    [(1, 1), (399, 1), (400, 1), (401, 2), (560, 2), (561, 3), (16_000, 99)],
)
def test_every_sample_lies_in_a_frame(samples, frames):
    assert num_frames(samples, LOG_MEL) == frames
    assert extract_features(noise(samples), LOG_MEL).shape == (frames, 80)


@given(samples=st.integers(1, 5_000), config=st.sampled_from([LOG_MEL, LINEAR]))
@settings(max_examples=50, deadline=None)
def test_frame_count_is_exact(samples, config):
    features = extract_features(noise(samples), config)
    assert features.shape == (num_frames(samples, config), config.num_bins)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


@pytest.mark.parametrize("config", [LOG_MEL, LINEAR])
def test_each_bin_is_normalized_over_the_utterance(config):
    features = extract_features(noise(16_000), config)
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(features.std(axis=0), 1, atol=1e-3)


def test_louder_changes_nothing():
    quiet = noise(8_000)
    np.testing.assert_allclose(extract_features(quiet, LOG_MEL), extract_features(3 * quiet, LOG_MEL), atol=2e-3)


def test_silence_is_finite_and_flat():
    assert np.abs(extract_features(np.zeros(8_000, np.float32), LOG_MEL)).max() < 1e-3


def test_long_recordings_are_chunked_without_a_seam(monkeypatch):
    waveform = noise(48_000)
    whole = extract_features(waveform, LOG_MEL)
    monkeypatch.setattr("asrkit.features._CHUNK_FRAMES", 7)
    np.testing.assert_allclose(extract_features(waveform, LOG_MEL), whole, atol=1e-4)


def test_a_rising_tone_moves_up_the_mel_bins():
    time = np.arange(16_000) / 16_000
    sweep = np.sin(2 * np.pi * (300 * time + 1_500 * time**2)).astype(np.float32)  # 300 Hz to 3.3 kHz
    loudest = extract_features(sweep, LOG_MEL)[5:-5].argmax(axis=1)
    assert loudest[-1] > loudest[0] + 20


def test_mel_filters_cover_the_band():
    filters = mel_filters(LOG_MEL)
    frequencies = np.arange(len(filters)) * 16_000 / 512
    inside = (frequencies > 60) & (frequencies < 7_500)
    assert (filters[inside].sum(axis=1) > 0).all()
    assert not filters[frequencies > LOG_MEL.high_hz].any()


@pytest.mark.parametrize(
    ("waveform", "reason"),
    [
        (np.zeros(0, np.float32), "at least one sample"),
        (np.zeros((2, 10), np.float32), "shape"),
        (np.array([0.0, np.nan], np.float32), "NaN"),
    ],
)
def test_unusable_waveforms_are_refused(waveform, reason):
    with pytest.raises(AudioError, match=reason):
        extract_features(waveform, LOG_MEL)
