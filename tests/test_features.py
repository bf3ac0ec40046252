"""Features: exact frame counts, independence of the neighbors, tones where they belong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrkit.config import FeatureConfig
from asrkit.errors import AudioError
from asrkit.features import extract_features, is_silent, mel_filters, num_frames, sound_span

LOG_MEL = FeatureConfig()
LINEAR = FeatureConfig(kind="linear", window_ms=20.0)
IGNORING = [config.replace(silence="ignored") for config in (LOG_MEL, LINEAR, LINEAR.replace(window_ms=16.0))]


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


@pytest.mark.parametrize(
    ("samples", "frames"),
    [(1, 1), (399, 1), (400, 1), (401, 2), (560, 2), (561, 3), (16_000, 99)],
)
def test_every_sample_lies_in_a_frame(samples, frames):
    assert num_frames(samples, LOG_MEL) == frames
    assert extract_features(noise(samples), LOG_MEL).shape == (frames, 80)


@given(samples=st.integers(1, 5_000), config=st.sampled_from([LOG_MEL, LINEAR, *IGNORING]))
@settings(max_examples=50, deadline=None)
def test_frame_count_is_exact(samples, config):
    features = extract_features(noise(samples), config)
    assert features.shape == (num_frames(samples, config), config.num_bins)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


@pytest.mark.parametrize("config", [LOG_MEL, LINEAR, *IGNORING])
def test_each_bin_is_normalized_over_the_utterance(config):
    features = extract_features(noise(16_000), config)
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(features.std(axis=0), 1, atol=1e-3)


def test_louder_changes_nothing():
    quiet = noise(8_000)
    np.testing.assert_allclose(extract_features(quiet, LOG_MEL), extract_features(3 * quiet, LOG_MEL), atol=2e-3)


def test_silence_is_finite_and_flat():
    assert np.abs(extract_features(np.zeros(8_000, np.float32), LOG_MEL)).max() < 1e-3


@given(
    config=st.sampled_from(IGNORING),
    samples=st.integers(700, 4_000),
    hops_before=st.integers(0, 50),
    after=st.integers(0, 9_000),
)
@settings(max_examples=80, deadline=None)
def test_digital_silence_around_a_sound_changes_nothing_about_it(config, samples, hops_before, after):
    """So it is for any number of zeros behind it, and in front for whole hops: others move the frames on the sound."""
    sound = noise(samples)
    alone = extract_features(sound, config)
    padded = np.zeros(hops_before * config.hop_samples + samples + after, np.float32)
    padded[hops_before * config.hop_samples :][:samples] = sound
    features = extract_features(padded, config)
    frames = slice(hops_before, hops_before + len(alone))
    np.testing.assert_allclose(features[frames], alone, atol=2e-4)
    others = np.delete(features, frames, axis=0)
    assert (others == -2).all(), "a pause, as networks know it from speech"


def test_a_muted_stretch_moves_no_word_before_or_behind_it():
    """A quiet and a loud sound with zeros between: without the setting, both would be squeezed above the silence."""
    first, second = noise(8_000), 0.01 * noise(8_000, seed=1)
    joined = np.concatenate([first, second]).astype(np.float32)
    apart = np.concatenate([first, np.zeros(32_000, np.float32), second]).astype(np.float32)
    expected = extract_features(joined, IGNORING[0])
    features = extract_features(apart, IGNORING[0])
    np.testing.assert_allclose(features[:47], expected[:47], atol=0.1)  # the joined sounds share two frames
    np.testing.assert_allclose(features[-48:], expected[-48:], atol=0.1)
    assert np.abs(extract_features(apart, LOG_MEL)[:47] - expected[:47]).mean() > 0.3


@pytest.mark.parametrize(
    ("level", "is_silence"),
    [
        (0.0, True),
        (2.0**-17, True),  # what a codec or a resampler leaves of zeros
        (2.0**-15, False),  # the last bit of 16: dither, or a very quiet room
    ],
)
def test_silence_is_what_16_bits_cannot_hold(level, is_silence):
    signs = np.sign(noise(4_000))
    waveform = np.concatenate([noise(4_000), level * signs]).astype(np.float32)
    features = extract_features(waveform, IGNORING[0])
    assert (features[30:] == -2).all() == is_silence
    assert (features[:22] != -2).all()


@pytest.mark.parametrize("config", IGNORING)
@pytest.mark.parametrize("clicks", [[], [1_000], [1_000, 1_001, 5_000]])
def test_nothing_but_silence_is_a_flat_pause(config, clicks):
    waveform = np.zeros(8_000, np.float32)
    waveform[clicks] = 0.9
    features = extract_features(waveform, config)
    assert (features == -2).all()


@pytest.mark.parametrize(
    ("waveform", "span"),
    [([], (0, 0)), ([0, 0], (0, 0)), ([1e-6, 1], (1, 2)), ([0, -1, 0, 1, 0], (1, 4)), ([1], (0, 1))],
)
def test_the_sound_is_what_lies_between_digital_silence(waveform, span):
    assert sound_span(np.array(waveform, np.float32)) == span
    assert is_silent(np.array(waveform, np.float32)) == (span == (0, 0))


@pytest.mark.parametrize("config", [LOG_MEL, LINEAR])
def test_models_of_old_count_silence(config):
    features = extract_features(np.concatenate([noise(8_000), np.zeros(8_000, np.float32)]), config)
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(features.std(axis=0), 1, atol=1e-3)


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
