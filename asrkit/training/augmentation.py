"""Changes to training audio and features, drawn anew for each utterance and epoch from a seed of their own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

from asrkit.config import AugmentationConfig

FloatArray = npt.NDArray[np.float32]


def augment_waveform(
    waveform: FloatArray, config: AugmentationConfig, sample_rate_hz: int, rng: np.random.Generator
) -> FloatArray:
    """Return a waveform played at another speed and gain, maybe with noise.

    Args:
        waveform: ``(samples,)`` in [-1, 1].
        config: What may happen.
        sample_rate_hz: Of the waveform.
        rng: Draws what does happen.

    Returns:
        ``(samples / speed,)``.
    """
    speed = float(rng.choice(config.speeds))
    if speed != 1.0:
        waveform = soxr.resample(waveform, sample_rate_hz * speed, sample_rate_hz, quality="MQ")
    if config.noise_probability and rng.random() < config.noise_probability:
        lowest, highest = config.noise_snr_db
        waveform = _add_noise(waveform, rng.uniform(lowest, highest), rng)
    if config.gain_db:
        waveform = waveform * np.float32(10 ** (rng.uniform(-config.gain_db, config.gain_db) / 20))
    return waveform.astype(np.float32, copy=False)


def _add_noise(waveform: FloatArray, snr_db: float, rng: np.random.Generator) -> FloatArray:
    """Add noise with a random spectral tilt, between white and brown."""
    size = 1 << max(1, len(waveform) - 1).bit_length()  # odd lengths transform several times slower
    spectrum = np.fft.rfft(rng.standard_normal(size).astype(np.float32))
    tilt = rng.uniform(0.0, 1.0)
    spectrum *= np.arange(1, len(spectrum) + 1) ** -tilt
    noise = np.fft.irfft(spectrum, size)[: len(waveform)].astype(np.float32)
    wanted = np.sqrt(np.square(waveform).mean()) * 10 ** (-snr_db / 20)
    return np.asarray(waveform + noise * (wanted / (np.sqrt(np.square(noise).mean()) + 1e-12)), np.float32)


def mask_features(features: FloatArray, config: AugmentationConfig, rng: np.random.Generator) -> FloatArray:
    """Hide random stretches of time and bands of frequency (SpecAugment), in place.

    Args:
        features: ``(frames, bins)``, mean 0: the masked parts are set to it.
        config: How many masks, and how wide at most.
        rng: Draws where.

    Source:
        Park et al. 2019, arXiv 1904.08779.
    """
    frames, bins = features.shape
    widest = min(config.time_mask_frames, int(frames * config.time_mask_share))
    for _ in range(config.time_masks):
        width = int(rng.integers(0, widest + 1))
        start = int(rng.integers(0, frames - width + 1))
        features[start : start + width] = 0.0
    for _ in range(config.frequency_masks):
        width = int(rng.integers(0, min(config.frequency_mask_bins, bins) + 1))
        start = int(rng.integers(0, bins - width + 1))
        features[:, start : start + width] = 0.0
    return features
