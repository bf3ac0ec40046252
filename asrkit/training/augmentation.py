"""Changes to training audio and features, drawn anew for each utterance and epoch from a seed of their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import soxr

from asrkit.audio import FloatArray
from asrkit.config import AugmentationConfig
from asrkit.degrading import Another, Degraded, Degrader


def augment_waveform(
    waveform: FloatArray, degrader: Degrader, rng: np.random.Generator, another: Another | None = None
) -> Degraded:
    """Play a waveform at another speed, maybe in a room, with noise, through a codec, at another gain.

    Args:
        waveform: ``(samples,)`` in [-1, 1].
        degrader: Knows what may happen, and the sample rate.
        rng: Draws what does happen.
        another: Draws the waveform of another utterance, for babble.

    Returns:
        The waveform, ``(samples / speed,)``, and what was done to it, with its ``speed``.

    Raises:
        AudioError: A recording to degrade it with cannot be read.
    """
    speed, rate_hz = float(rng.choice(degrader.config.speeds)), degrader.sample_rate_hz
    if speed != 1.0:
        waveform = soxr.resample(waveform, rate_hz * speed, rate_hz, quality="MQ")
    degraded = degrader.degrade(waveform, rng, another)
    return replace(degraded, done={"speed": speed, **degraded.done})


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
