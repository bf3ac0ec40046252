"""The log-spectral features of our own models."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from asrkit.config import FeatureConfig

FloatArray = npt.NDArray[np.float32]

# Power below this counts as silence: about the quantization noise of 16-bit audio in one mel band.
_POWER_FLOOR = 1e-7
# Bands with a smaller standard deviation (digital silence) are centered but not scaled up.
_DEVIATION_FLOOR = 1e-3
# What 16 bits cannot tell from zero: digital silence, as muted microphones and editors leave it.
_FAINTEST_SAMPLE = 2.0**-16
# What frames of digital silence become: about the lowest values of speech, in which networks hear a pause.
_SILENCE = -2.0
# Frames transformed at once: their spectra stay in a core's cache, and threads need no new memory from the system.
_CHUNK_FRAMES = 256


def num_frames(num_samples: int, config: FeatureConfig) -> int:
    """Return how many frames a waveform gives: every sample lies in at least one, the last is padded with zeros."""
    beyond_first = max(0, num_samples - config.window_samples)
    return 1 + -(-beyond_first // config.hop_samples)


def sound_span(waveform: FloatArray) -> tuple[int, int]:
    """Return where a waveform begins and ends between digital silence; (0, 0) if it holds nothing else."""
    is_sound = np.abs(waveform) > _FAINTEST_SAMPLE
    if not is_sound.any():
        return 0, 0
    return int(is_sound.argmax()), len(is_sound) - int(is_sound[::-1].argmax())


def is_silent(waveform: FloatArray) -> bool:
    """Tell whether a waveform holds nothing but digital silence."""
    return sound_span(waveform) == (0, 0)


def log_power_features(waveform: FloatArray, config: FeatureConfig) -> FloatArray:
    """Turn one utterance into log-spectral features.

    Args:
        waveform: ``(samples,)`` in [-1, 1] at ``config.sample_rate_hz``.
        config: Window, hop and filter bank.

    Returns:
        ``(frames, bins)`` natural-log power, mean 0 and variance 1 in each bin over the utterance. Where
        ``config.silence`` is ``"ignored"``, over its frames that neither begin nor end in digital silence, and the
        others are a flat low value: zeros before, after or between words change nothing about the words.

    Source:
        The linear spectrogram is the one of Amodei et al. 2015 (arXiv 1512.02595); the mel scale is O'Shaughnessy's,
        ``2595 log10(1 + f / 700)``.
    """
    framed = _framed(waveform, config)
    features = _log_power(framed, config)
    is_sound = _find_sound(framed, config.hop_samples) if config.silence == "ignored" else np.ones(len(framed), bool)
    if is_sound.any():
        _normalize(features, slice(None) if is_sound.all() else is_sound)
    features[~is_sound] = _SILENCE
    return features


def _framed(waveform: FloatArray, config: FeatureConfig) -> FloatArray:
    """Return the samples of each frame, ``(frames, window)``, as a view."""
    frames, hop, window = num_frames(len(waveform), config), config.hop_samples, config.window_samples
    padded = np.zeros((frames - 1) * hop + window, np.float32)
    padded[: len(waveform)] = waveform
    framed: FloatArray = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    return framed


def _find_sound(framed: FloatArray, hop: int) -> npt.NDArray[np.bool_]:
    """Tell which frames neither begin nor end with a hop of digital silence.

    So a frame half in silence does not count either, and no more frames count the more zeros stand around a sound.
    """
    is_sound = np.ones(len(framed), bool)
    for edge in (framed[:, :hop], framed[:, -hop:]):
        quiet = np.flatnonzero(np.abs(edge[:, 0]) <= _FAINTEST_SAMPLE)  # one sample settles most frames
        is_sound[quiet[np.abs(edge[quiet]).max(axis=1) <= _FAINTEST_SAMPLE]] = False
    return is_sound


def _log_power(framed: FloatArray, config: FeatureConfig) -> FloatArray:
    taper = _hann(config.window_samples)
    features = np.empty((len(framed), config.num_bins), np.float32)
    for start in range(0, len(framed), _CHUNK_FRAMES):
        chunk = framed[start : start + _CHUNK_FRAMES] * taper
        features[start : start + len(chunk)] = _chunk_power(chunk, config)
    np.maximum(features, _POWER_FLOOR, out=features)
    return np.log(features, out=features)


def _chunk_power(chunk: FloatArray, config: FeatureConfig) -> FloatArray:
    size = config.fft_size if config.kind == "log_mel" else config.window_samples
    spectrum = np.fft.rfft(chunk, size)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    return power if config.kind == "linear" else power_in_filters(power, _mel_bank(config))


Numbers = TypeVar("Numbers", np.float32, np.float64)


class FilterBank(NamedTuple):
    """Filters as passes over the spectrum: each adds one more bin to all filters that have so many.

    Attributes:
        passes: The bin and the weight of each filter, ``(filters,)`` and ``(filters, 1)``, the widest filter first.
        places: Where each filter stands in that order.
    """

    passes: list[tuple[npt.NDArray[np.intp], npt.NDArray[Any]]]
    places: npt.NDArray[np.intp]


def filter_bank(filters: npt.NDArray[Any]) -> FilterBank:
    """Return the passes of a matrix of filters, ``(bins, filters)``, mostly zeros."""
    num_bins = np.count_nonzero(filters, axis=0)
    order = np.argsort(-num_bins, kind="stable")
    bins = np.argsort(filters[:, order] == 0, axis=0, kind="stable")  # those that count, in their order, then the rest
    still = [bins[number, : np.count_nonzero(num_bins > number)] for number in range(num_bins.max())]
    return FilterBank([(at, filters[at, order[: len(at)], None]) for at in still], np.argsort(order))


def power_in_filters(power: npt.NDArray[Numbers], bank: FilterBank) -> npt.NDArray[Numbers]:
    """Return the power that each filter lets through, ``(frames, filters)`` of ``(frames, bins)``.

    A matrix product would be shorter, but its last digits depend on the number of threads, and with them on the
    machine; sums in the order of the bins do not.
    """
    by_bin = np.ascontiguousarray(power.T)
    sums = np.zeros((len(bank.places), len(power)), power.dtype)
    for bins, weights in bank.passes:
        sums[: len(bins)] += by_bin[bins] * weights
    return sums[bank.places].T


def _normalize(features: FloatArray, counted: slice | npt.NDArray[np.bool_]) -> None:
    """Give the counted frames mean 0 and variance 1, in place."""
    features -= features[counted].mean(axis=0, dtype=np.float64).astype(np.float32)
    deviation = np.sqrt(np.square(features[counted]).mean(axis=0, dtype=np.float64)).astype(np.float32)
    features /= np.maximum(deviation, _DEVIATION_FLOOR)


@lru_cache(maxsize=8)
def _hann(size: int) -> FloatArray:
    # The periodic window, as short-time Fourier analysis uses it.
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size), np.float32)


@lru_cache(maxsize=8)
def _mel_bank(config: FeatureConfig) -> FilterBank:
    return filter_bank(mel_filters(config))


@lru_cache(maxsize=8)
def mel_filters(config: FeatureConfig) -> FloatArray:
    """Return the triangular mel filter bank, ``(fft_size // 2 + 1, mel_bins)``, each filter with peak 1."""

    def to_mel(hz: float | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(2595.0 * np.log10(1.0 + np.asarray(hz) / 700.0))

    edges = np.linspace(to_mel(config.low_hz), to_mel(config.high_hz), config.mel_bins + 2)
    bins = to_mel(np.arange(config.fft_size // 2 + 1) * config.sample_rate_hz / config.fft_size)
    left, center, right = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins[:, None] - left) / (center - left)
    falling = (right - bins[:, None]) / (right - center)
    filters: FloatArray = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    return filters
