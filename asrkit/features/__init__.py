"""Waveform to feature frames: a pure function of one utterance, so batching never changes it."""

from __future__ import annotations

import numpy as np

from asrkit.config import FeatureConfig, ForeignFeatures
from asrkit.errors import AudioError
from asrkit.features.foreign import foreign_features
from asrkit.features.log_power import FloatArray, is_silent, log_power_features, mel_filters, num_frames, sound_span

__all__ = ["extract_features", "is_silent", "mel_filters", "num_frames", "sound_span"]


def extract_features(waveform: FloatArray, config: FeatureConfig) -> FloatArray:
    """Turn one utterance into what a network listens to.

    Args:
        waveform: ``(samples,)`` in [-1, 1] at ``config.sample_rate_hz``.
        config: How; see ``log_power_features`` of our own models and ``foreign_features`` of others.

    Returns:
        ``(frames, bins)``; ``(samples,)`` for a network that listens to samples.

    Raises:
        AudioError: The waveform is empty or not finite.
    """
    if waveform.ndim != 1 or not len(waveform):
        raise AudioError(f"expected a waveform of shape (samples,) with at least one sample, not {waveform.shape}")
    if not np.isfinite(waveform).all():
        raise AudioError("the waveform holds NaN or infinite samples; repair or remove the recording")
    if isinstance(config, ForeignFeatures):
        return foreign_features(waveform, config)
    return log_power_features(waveform, config)
