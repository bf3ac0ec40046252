"""Features as other toolkits compute them, for models that were trained on those.

Held within 1e-3 to the libraries that define them, by golden values in ``tests/golden/front_ends``.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from asrkit.config import ForeignFeatures
from asrkit.config.foreign import NEMO, WAVEFORM
from asrkit.features.log_power import FilterBank, filter_bank, mel_filters, power_in_filters

FloatArray = npt.NDArray[np.float32]

_PRE_EMPHASIS = 0.97
_CHUNK_FRAMES = 4096  # transformed at once: bounds memory for long recordings
_NEMO_FLOOR = 2.0**-24
_NEMO_EPSILON = 1e-5
_KALDI_FLOOR = float(np.finfo(np.float32).eps)


def foreign_features(waveform: FloatArray, config: ForeignFeatures) -> FloatArray:
    """Turn one utterance into what a model of another toolkit listens to.

    Args:
        waveform: ``(samples,)`` in [-1, 1].
        config: Of the model.

    Returns:
        ``(frames, bins)``, at least one frame; ``(samples,)`` where it listens to samples.
    """
    samples = (waveform * np.float32(config.scale)).astype(np.float32)
    if config.kind == WAVEFORM:
        return _standard(samples, config.epsilon) if config.normalize == "utterance" else samples
    samples = np.pad(samples, (0, max(0, config.window_samples - len(samples))))
    if config.kind == NEMO:
        features = _nemo(samples, config)
    else:
        features = _log_mel(_kaldi_frames(samples, config), _kaldi_window(config), config)
        if config.normalize == "utterance":
            features = _standard(features, config.epsilon, ddof=1)
    features = _centered(features, config) if len(config.mean) == config.mel_bins else features
    features = _stacked(features, config) if config.stack > 1 else features
    return _centered(features, config) if len(config.mean) != config.mel_bins else features


def _standard(values: FloatArray, epsilon: float, ddof: int = 0) -> FloatArray:
    """Give values mean 0 and variance 1 over time, as wav2vec2 and its kin do."""
    wide = values.astype(np.float64)
    variance = wide.var(axis=0, ddof=min(ddof, len(wide) - 1))
    result: FloatArray = ((wide - wide.mean(axis=0)) / np.sqrt(variance + epsilon)).astype(np.float32)
    return result


def _nemo(samples: FloatArray, config: ForeignFeatures) -> FloatArray:
    """Return NeMo's log-mel spectrogram; a frame for each whole hop."""
    emphasized = samples.copy()
    emphasized[1:] -= np.float32(_PRE_EMPHASIS) * samples[:-1]
    size, hop = config.fft_size, config.hop_samples
    padded = np.pad(emphasized, size // 2)
    framed = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop][: len(samples) // hop]
    around = (size - config.window_samples) // 2
    window = np.pad(np.hanning(config.window_samples), (around, size - config.window_samples - around))
    features = _log_mel(framed, window, config)
    if config.normalize == "utterance":
        deviation = features.std(axis=0, ddof=min(1, len(features) - 1), dtype=np.float64) + _NEMO_EPSILON
        features = ((features - features.mean(axis=0, dtype=np.float64)) / deviation).astype(np.float32)
    return features


def _kaldi_frames(samples: FloatArray, config: ForeignFeatures) -> FloatArray:
    """Return the samples of Kaldi's frames, ``(frames, window)``; beyond its edges a recording is its own mirror."""
    hop, window = config.hop_samples, config.window_samples
    if config.snip_edges:
        before, count = 0, 1 + (len(samples) - window) // hop
    else:
        before, count = (window - hop) // 2, max(1, (len(samples) + hop // 2) // hop)
    behind = max(0, (count - 1) * hop + window - before - len(samples))
    padded = np.pad(samples, (before, behind), mode="symmetric")
    framed: FloatArray = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop][:count]
    return framed


@lru_cache(maxsize=8)
def _kaldi_window(config: ForeignFeatures) -> npt.NDArray[np.float64]:
    size = config.window_samples
    if config.window == "hamming":
        return np.hamming(size)
    return np.asarray(np.hanning(size) ** (0.85 if config.window == "povey" else 1.0))


def _log_mel(framed: FloatArray, window: npt.NDArray[np.float64], config: ForeignFeatures) -> FloatArray:
    """Return the logarithms of the filters' power, ``(frames, mel_bins)``."""
    is_nemo = config.kind == NEMO
    bank = _filter_bank(config)
    features = np.empty((len(framed), config.mel_bins), np.float32)
    for start in range(0, len(framed), _CHUNK_FRAMES):
        chunk = framed[start : start + _CHUNK_FRAMES].astype(np.float64)
        if not is_nemo:
            chunk -= chunk.mean(axis=1, keepdims=True)
            chunk -= _PRE_EMPHASIS * np.concatenate([chunk[:, :1], chunk[:, :-1]], axis=1)
        spectrum = np.fft.rfft(chunk * window, config.fft_size)
        power = power_in_filters((np.abs(spectrum) ** 2).astype(np.float64), bank)
        features[start : start + len(chunk)] = np.log(
            power + _NEMO_FLOOR if is_nemo else np.maximum(power, _KALDI_FLOOR)
        )
    return features


@lru_cache(maxsize=8)
def _filter_bank(config: ForeignFeatures) -> FilterBank:
    return filter_bank(_slaney_filters(config) if config.kind == NEMO else mel_filters(config).astype(np.float64))


def _slaney_filters(config: ForeignFeatures) -> npt.NDArray[np.float64]:
    """Return triangles in Hz of equal area, ``(fft_size // 2 + 1, mel_bins)``, on the scale of Slaney's toolbox.

    Source:
        Slaney 1998, Auditory Toolbox: linear up to 1,000 Hz (a mel is 200/3 Hz), logarithmic beyond (27 mels for a
        factor of 6.4).
    """
    corner, step = 15.0, np.log(6.4) / 27

    def to_mel(hz: float) -> float:
        return hz * 3 / 200 if hz < 1000 else corner + float(np.log(hz / 1000)) / step

    mels = np.linspace(to_mel(config.low_hz), to_mel(config.high_hz), config.mel_bins + 2)
    edges = np.where(mels < corner, mels * 200 / 3, 1000 * np.exp(step * (mels - corner)))
    hz = np.arange(config.fft_size // 2 + 1)[:, None] * config.sample_rate_hz / config.fft_size
    left, center, right = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.maximum(0, np.minimum((hz - left) / (center - left), (right - hz) / (right - center)))
    filters: npt.NDArray[np.float64] = triangles * 2 / (right - left)
    return filters


def _centered(features: FloatArray, config: ForeignFeatures) -> FloatArray:
    if not config.mean:
        return features
    centered: FloatArray = (features - np.array(config.mean, np.float32)) / np.array(config.deviation, np.float32)
    return centered


def _stacked(features: FloatArray, config: ForeignFeatures) -> FloatArray:
    """Put neighboring frames side by side.

    Stacks that overlap are those of FunASR: the first has its frame in the middle, the last is filled up. Of stacks
    that do not, as of wav2vec2-bert, the last is dropped where frames are missing.
    """
    before = (config.stack - 1) // 2
    count = -(-len(features) // config.stack_step)
    if config.stack == config.stack_step:
        before, count = 0, max(1, len(features) // config.stack)
    behind = max(0, (count - 1) * config.stack_step + config.stack - before - len(features))
    padded = np.pad(features, ((before, behind), (0, 0)), mode="edge")
    places = np.arange(count)[:, None] * config.stack_step + np.arange(config.stack)
    stacked: FloatArray = padded[places].reshape(count, -1)
    return stacked
