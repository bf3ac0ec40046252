"""Waveforms through a lossy codec and back, in memory."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from asrkit.audio.source import FloatArray

# bit rates in kbit/s that libsndfile's compression levels 1 to 0 stand for, by codec and sample rate
_KBPS = {("mp3", 8_000): (8, 64), ("mp3", 16_000): (8, 160), ("opus", 8_000): (6, 256), ("opus", 16_000): (6, 256)}
_FORMATS = {"mp3": ("MP3", "MPEG_LAYER_III"), "opus": ("OGG", "OPUS"), "mulaw": ("WAV", "ULAW")}
# samples by which an MP3 begins late: 576 of LAME's encoder and 529 of any decoder
_MP3_DELAY = 1_105
_HIGHEST_LEVEL = 0.999  # libsndfile refuses MP3 of level 1


def encode(waveform: FloatArray, sample_rate_hz: int, codec: str, kbps: int | None = None) -> bytes:
    """Return a waveform as a file in memory.

    Args:
        waveform: ``(samples,)`` in [-1, 1].
        sample_rate_hz: 8,000 or 16,000.
        codec: ``mp3``, ``opus`` or ``mulaw``.
        kbps: Bit rate in kbit/s, of MP3 and Opus; what the codec does not have is rounded.
    """
    import soundfile

    container, subtype = _FORMATS[codec]
    options: dict[str, Any] = {"bitrate_mode": "CONSTANT"} if codec == "mp3" else {}
    if kbps is not None:
        lowest, highest = _KBPS[codec, sample_rate_hz]
        options["compression_level"] = min(max((highest - kbps) / (highest - lowest), 0.0), _HIGHEST_LEVEL)
    file = io.BytesIO()
    soundfile.write(file, waveform, sample_rate_hz, format=container, subtype=subtype, **options)
    return file.getvalue()


def recode(waveform: FloatArray, sample_rate_hz: int, codec: str, kbps: int | None = None) -> FloatArray:
    """Return what a codec leaves of a waveform, ``(samples,)`` of the same length and in the same place.

    Args:
        waveform: ``(samples,)``; what is louder than 1 is coded as if all were softer.
        sample_rate_hz: 8,000 or 16,000.
        codec: As for ``encode``.
        kbps: As for ``encode``.
    """
    import soundfile

    if not len(waveform):  # a sample or two at a higher rate; no codec reads back an empty file
        return waveform
    loudest = max(1.0, float(np.abs(waveform).max(initial=0.0)))
    file = io.BytesIO(encode(waveform / np.float32(loudest), sample_rate_hz, codec, kbps))
    decoded, _ = soundfile.read(file, dtype="float32")
    # MP3 of few bits have no room for a header that tells the delay; with it, the decoder cuts to the true length
    if codec == "mp3" and len(decoded) >= len(waveform) + _MP3_DELAY:
        decoded = decoded[_MP3_DELAY:]
    heard = np.zeros(len(waveform), np.float32)
    heard[: len(decoded)] = decoded[: len(heard)]
    return heard * np.float32(loudest)
