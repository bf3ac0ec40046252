"""Noise: from formulas, and mixed of other people's speech; added at a signal-to-noise ratio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from asrkit.audio import FloatArray

_VOICES = (3, 7)  # that babble is mixed of, at least and at most
_TILTS = {"white": 0.0, "colored": 1.0}  # steepest spectral tilt: the amplitude falls by frequency to its power


def add_noise(waveform: FloatArray, noise: FloatArray, snr_db: float) -> FloatArray:
    """Return a waveform with a noise of the same length so much below it, both measured over all samples."""
    wanted = np.sqrt(np.square(waveform).mean()) * 10 ** (-snr_db / 20)
    return np.asarray(waveform + noise * (wanted / (np.sqrt(np.square(noise).mean()) + 1e-12)), np.float32)


def formula_noise(kind: str, length: int, rng: np.random.Generator) -> FloatArray:
    """Return Gaussian noise, ``(length,)``: white, or colored with a random tilt between white and brown."""
    size = 1 << max(1, length - 1).bit_length()  # odd lengths transform several times slower
    spectrum = np.fft.rfft(rng.standard_normal(size).astype(np.float32))
    tilt = rng.uniform(0.0, _TILTS[kind])
    spectrum *= np.arange(1, len(spectrum) + 1) ** -tilt
    return np.fft.irfft(spectrum, size)[:length].astype(np.float32)


def babble(length: int, another: Callable[[np.random.Generator], FloatArray], rng: np.random.Generator) -> FloatArray:
    """Return a few voices at once, equally loud, ``(length,)``.

    Args:
        length: In samples.
        another: Draws the waveform of an utterance.
        rng: Draws how many voices, which, and from where on.
    """
    mixed = np.zeros(length, np.float32)
    for _ in range(int(rng.integers(_VOICES[0], _VOICES[1] + 1))):
        voice = excerpt(another(rng), length, rng)
        mixed += voice / (np.sqrt(np.square(voice).mean()) + np.float32(1e-6))
    return mixed


def draw_other(place: int, count: int, rng: np.random.Generator) -> int:
    """Return one of so many places, any but this one."""
    other = int(rng.integers(count - 1))
    return other + (other >= place)


def excerpt(samples: npt.NDArray[Any], length: int, rng: np.random.Generator) -> FloatArray:
    """Return ``(length,)`` samples from a random place on; the recording repeats where it ends."""
    start = int(rng.integers(len(samples)))
    if start + length <= len(samples):
        return samples[start : start + length].astype(np.float32)
    return samples.take(np.arange(start, start + length), mode="wrap").astype(np.float32)
