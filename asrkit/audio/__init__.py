"""Recordings of any format, rate and length as mono float32 waveforms, read to their last byte."""

from asrkit.audio.opening import AUDIO_SUFFIXES, MEDIA_SUFFIXES, RAW_SUFFIXES, SOUNDFILE_SUFFIXES
from asrkit.audio.source import FloatArray, Reading
from asrkit.audio.waveform import (
    AudioInfo,
    iterate_waveform,
    load_waveform,
    measure_duration_s,
    probe,
    require_channel,
    write_waveform,
)

__all__ = [
    "AUDIO_SUFFIXES",
    "MEDIA_SUFFIXES",
    "RAW_SUFFIXES",
    "SOUNDFILE_SUFFIXES",
    "AudioInfo",
    "FloatArray",
    "Reading",
    "iterate_waveform",
    "load_waveform",
    "measure_duration_s",
    "probe",
    "require_channel",
    "write_waveform",
]
