"""Features: exact frame counts, independence of the neighbors, tones where they belong."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrkit.config import FRONT_ENDS, FeatureConfig, ForeignFeatures, front_end_named, read_features
from asrkit.errors import AudioError, ConfigError
from asrkit.features import extract_features, is_silent, mel_filters, num_frames, sound_span
from asrkit.features.log_power import filter_bank, power_in_filters

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
    monkeypatch.setattr("asrkit.features.log_power._CHUNK_FRAMES", 7)
    np.testing.assert_allclose(extract_features(waveform, LOG_MEL), whole, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_filters_add_the_power_of_their_bins(dtype):
    power, filters = np.random.default_rng(7).random((50, 257)).astype(dtype), mel_filters(LOG_MEL).astype(dtype)
    np.testing.assert_allclose(power_in_filters(power, filter_bank(filters)), power @ filters, rtol=1e-5)


def test_the_number_of_threads_and_frames_changes_no_bit():
    """A library of matrix products divides its work by both, and rounds otherwise."""
    program = (
        "import hashlib, numpy, sys; from asrkit.config import FeatureConfig; from asrkit.features import *; "
        "sound = numpy.random.default_rng(3).standard_normal(160_000).astype('f4') / 9; "
        "print(hashlib.sha256(extract_features(sound, FeatureConfig()).tobytes()).hexdigest())"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", program], env=os.environ | threads, capture_output=True, text=True, check=True
        ).stdout
        for threads in ({"OPENBLAS_NUM_THREADS": "1"}, {"OPENBLAS_NUM_THREADS": "2"})
    ]
    assert told[0] == told[1] != ""
    power, filters = np.random.default_rng(7).random((500, 257)).astype(np.float32), mel_filters(LOG_MEL)
    bank, in_order = filter_bank(filters), np.zeros((500, filters.shape[1]), np.float32)
    for bin_power, weights in zip(power.T, filters, strict=True):
        in_order += bin_power[:, None] * weights
    for frames in (1, 99, 500):
        np.testing.assert_array_equal(power_in_filters(power[:frames], bank), in_order[:frames])


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


GOLDEN = Path(__file__).parent / "golden" / "front_ends.npz"
# made by transformers and kaldi-native-fbank: scripts/foreign_models/front_ends.py
FOREIGN = {
    "wav2vec2": front_end_named("wav2vec2", {}),
    "nemo80": front_end_named("nemo80", {}),
    "nemo128": front_end_named("nemo128", {}),
    "kaldi": front_end_named("kaldi", {}),
    "wenet": front_end_named("wenet", {}),
    "funasr, not stacked": front_end_named("funasr", {"stack": 1, "stack_step": 1}),
    "wav2vec2-bert": front_end_named("wav2vec2-bert", {}),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_features_are_those_of_the_libraries_that_define_them(name):
    with np.load(GOLDEN) as golden:
        expected, waveform = golden[name], (golden["samples"] / 32_768).astype(np.float32)
    found = extract_features(waveform, FOREIGN[name])
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("name", FOREIGN)
@given(samples=st.integers(1, 3_000))
@settings(max_examples=20)
def test_foreign_features_of_any_length_are_finite(name, samples):
    features = extract_features(noise(samples), FOREIGN[name])
    assert len(features) >= 1
    assert np.isfinite(features).all()
    assert features.shape[1:] == (() if FOREIGN[name].kind == "waveform" else (FOREIGN[name].num_bins,))


def test_frames_are_counted_as_the_toolkits_count_them():
    for samples, nemo, kaldi, wenet in ((16_000, 100, 100, 98), (16_079, 100, 100, 98), (16_080, 100, 101, 99)):
        counts = [len(extract_features(noise(samples), FOREIGN[name])) for name in ("nemo80", "kaldi", "wenet")]
        assert counts == [nemo, kaldi, wenet], samples


def test_long_recordings_are_transformed_in_pieces_with_the_same_answer(monkeypatch):
    whole = {name: extract_features(noise(30_000), config) for name, config in FOREIGN.items()}
    monkeypatch.setattr("asrkit.features.foreign._CHUNK_FRAMES", 7)
    for name, config in FOREIGN.items():
        np.testing.assert_allclose(extract_features(noise(30_000), config), whole[name], atol=1e-5)


def test_frames_are_stacked_as_funasr_does():
    config = front_end_named("funasr", {})
    frames = extract_features(noise(16_000), config.replace(stack=1, stack_step=1))
    stacked = extract_features(noise(16_000), config)
    assert stacked.shape == (-(-len(frames) // 6), 560)
    assert np.array_equal(stacked[0].reshape(7, 80)[3:], frames[:4])  # its frame stands in the middle
    assert np.array_equal(stacked[0].reshape(7, 80)[:3], np.repeat(frames[:1], 3, axis=0))
    assert np.array_equal(stacked[5].reshape(7, 80), frames[27:34])
    assert np.array_equal(stacked[-1].reshape(7, 80)[-1], frames[-1])  # the last is filled up


@pytest.mark.parametrize(("stack", "bins"), [(1, 80), (7, 80), (7, 560)])
def test_means_of_a_file_are_taken_before_stacking_or_after(stack, bins):
    config = front_end_named("wenet", {"stack": stack, "stack_step": stack})
    plain = extract_features(noise(8_000), config)
    rng = np.random.default_rng(0)
    mean, deviation = rng.normal(size=bins), rng.uniform(0.5, 2, bins)
    centered = extract_features(noise(8_000), config.replace(mean=tuple(mean), deviation=tuple(deviation)))
    repeat = config.num_bins // bins
    np.testing.assert_allclose(centered, (plain - np.tile(mean, repeat)) / np.tile(deviation, repeat), atol=1e-4)


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_a_front_end_is_read_as_it_was_written(name):
    config = front_end_named(name, {"sample_rate_hz": 16_000})
    assert read_features(config.to_dict()) == config


@pytest.mark.parametrize(
    ("name", "settings_", "reason"),
    [
        ("mfcc", {}, "no front end 'mfcc'"),
        ("kaldi", {"window": "kaiser"}, "window"),
        ("kaldi", {"snip": True}, "unknown setting 'snip'"),
        ("kaldi", {"stack": 2, "stack_step": 3}, "leave frames out"),
        ("kaldi", {"mean": [1.0], "deviation": [1.0]}, "80 or 80 values"),
        ("kaldi", {"mean": [0.0] * 80, "deviation": [0.0] * 80}, "must not be 0"),
        ("waveform", {"stack": 2}, "neither stacked"),
        ("nemo80", {"mel_bins": 10**9}, "mel_bins"),
        ("nemo80", {"epsilon": float("nan")}, "epsilon"),
    ],
)
def test_a_front_end_that_makes_no_sense_is_refused(name, settings_, reason):
    with pytest.raises(ConfigError, match=reason):
        front_end_named(name, settings_)


def test_samples_are_handed_on_as_they_are():
    assert np.array_equal(extract_features(noise(100), FOREIGN["wav2vec2"].replace(normalize="none")), noise(100))
    louder = extract_features(noise(100), ForeignFeatures(scale=32_768.0))
    assert np.array_equal(louder, noise(100) * np.float32(32_768))
