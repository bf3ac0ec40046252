"""What lies between microphone and listener: overload, codecs, the telephone."""

from __future__ import annotations

import numpy as np
import soxr

from asrkit.audio import FloatArray
from asrkit.audio.coding import recode
from asrkit.degrading.spectra import fast_size

_TELEPHONE_HZ = 8_000
_BAND_HZ, _BAND_GAINS = (200.0, 300.0, 3_400.0, 3_700.0), (0.0, 1.0, 1.0, 0.0)
_CODEC_HZ = 16_000


def clip(waveform: FloatArray, over_db: float) -> FloatArray:
    """Return a waveform cut off so far below its loudest sample."""
    ceiling = np.abs(waveform).max(initial=0.0) * np.float32(10 ** (-over_db / 20))
    return np.clip(waveform, -ceiling, ceiling)


def through_codec(waveform: FloatArray, sample_rate_hz: int, name: str) -> FloatArray:
    """Return what comes out of a codec, ``(samples,)`` of the same length and in the same place.

    Args:
        waveform: ``(samples,)``.
        sample_rate_hz: Of the waveform.
        name: ``telephone`` (300 to 3,400 Hz, 8 kHz, mu-law), or MP3 or Opus with its kbit/s, such as ``mp3-32k``.
    """
    if name == "telephone":
        narrow = telephone_band(_resampled(waveform, sample_rate_hz, _TELEPHONE_HZ))
        heard = _resampled(recode(narrow, _TELEPHONE_HZ, "mulaw"), _TELEPHONE_HZ, sample_rate_hz)
    else:
        codec, _, rate = name.partition("-")
        coded_hz = _CODEC_HZ if sample_rate_hz >= _CODEC_HZ else _TELEPHONE_HZ
        coded = recode(_resampled(waveform, sample_rate_hz, coded_hz), coded_hz, codec, int(rate.removesuffix("k")))
        heard = _resampled(coded, coded_hz, sample_rate_hz)
    fitted = np.zeros(len(waveform), np.float32)
    fitted[: len(heard)] = heard[: len(fitted)]
    return fitted


def telephone_band(waveform: FloatArray) -> FloatArray:
    """Return what a telephone passes of a waveform at 8 kHz, without delay."""
    size = fast_size(len(waveform) + _TELEPHONE_HZ // 10)
    spectrum = np.fft.rfft(waveform, size)
    spectrum *= np.interp(np.fft.rfftfreq(size, 1 / _TELEPHONE_HZ), _BAND_HZ, _BAND_GAINS)
    return np.fft.irfft(spectrum, size)[: len(waveform)].astype(np.float32)


def _resampled(waveform: FloatArray, from_hz: int, to_hz: int) -> FloatArray:
    return waveform if from_hz == to_hz else np.asarray(soxr.resample(waveform, from_hz, to_hz, "MQ"), np.float32)
