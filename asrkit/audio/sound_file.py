"""Recordings that libsndfile reads: WAV, FLAC, Ogg Vorbis, Opus, AIFF, AU, CAF, W64, SPHERE, and MP3 without PyAV."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from asrkit.audio.parts import Part, PartFile
from asrkit.audio.source import LEAST_LOSS_S, FloatArray, Reading, believable_duration_s, reason_of, truncated
from asrkit.errors import AudioError

_READ_BLOCK_S = 30.0
_STEP_SAMPLES = 1_024  # to come close to damage
# libsndfile counts frames in 64 bits; a stream of unknown length has about so many
_UNKNOWN_FRAMES = 1 << 60


class SoundFileSource:
    """A recording, or a part of a file, read by libsndfile.

    Args:
        part: What to read.
        reading: Whether to salvage; told of damage.
        raw_rate_hz: Rate of bare 16-bit samples, None for files with a header.

    Raises:
        soundfile.LibsndfileError: libsndfile cannot read it.
        AudioError: It is cut short.
    """

    def __init__(self, part: Part, reading: Reading, raw_rate_hz: int | None = None) -> None:
        import soundfile

        self._part, self._reading = part, reading
        raw = {"samplerate": raw_rate_hz, "channels": 1, "format": "RAW", "subtype": "PCM_16", "endian": "LITTLE"}
        self._options: dict[str, Any] = raw if raw_rate_hz is not None else {}
        self._file = soundfile.SoundFile(_opened(part), **self._options)
        self.broken_at_s: float | None = None  # where libsndfile could not read on
        self.sample_rate_hz = int(self._file.samplerate)
        self.num_channels = int(self._file.channels)
        claimed_s = self._file.frames / max(1, self.sample_rate_hz)
        is_streamed = self._file.frames == 0 and self._file.format == "FLAC"
        self.duration_s = None if is_streamed else believable_duration_s(claimed_s, part.size)
        try:
            if part.cut is not None:
                reading.lose(truncated(part.path, part.cut), part.cut)
        except AudioError:
            self.close()
            raise

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    def blocks(self, start_s: float, end_s: float | None) -> Iterator[FloatArray]:
        """Yield ``(samples, channels)`` blocks."""
        import soundfile

        path, rate_hz = self._part.path, self.sample_rate_hz
        declared = self._file.frames if self.duration_s is not None else _UNKNOWN_FRAMES
        stop = declared if end_s is None else min(declared, round(end_s * rate_hz))
        position = min(round(start_s * rate_hz), declared)
        try:
            if position:
                position = self._seek(position)
            for block in self._read(position, stop, round(_READ_BLOCK_S * rate_hz)):
                position += len(block)
                yield block
        except soundfile.LibsndfileError as error:
            for block in self._before_damage(position, stop):
                position += len(block)
                yield block
            self.broken_at_s = position / rate_hz
            detail = f"{reason_of(error)} after {self.broken_at_s:.1f} s"
            return self._reading.lose(truncated(path, detail), detail)
        missing_s = 0.0 if stop == _UNKNOWN_FRAMES else (stop - position) / rate_hz
        # MP3 headers are off by some padding; a real cut misses more.
        if missing_s > (max(0.25, stop / 50 / rate_hz) if self._file.format == "MP3" else LEAST_LOSS_S):
            detail = f"holds {position / rate_hz:.1f} s of {stop / rate_hz:.1f} s"
            self._reading.lose(truncated(path, detail), detail)

    def _before_damage(self, position: int, stop: int) -> Iterator[FloatArray]:
        """Read in small steps what failed at once, as a read that fails keeps nothing of what is right."""
        import soundfile

        self._file.close()  # after an error libsndfile finds no place any more
        with suppress(soundfile.LibsndfileError):
            self._file = soundfile.SoundFile(_opened(self._part), **self._options)
            yield from self._read(self._seek(position) if position else 0, stop, _STEP_SAMPLES)

    def _read(self, position: int, stop: int, step: int) -> Iterator[FloatArray]:
        """Yield blocks of so many samples at most, from where the file stands."""
        while position < stop:
            block = self._file.read(min(step, stop - position), dtype="float32", always_2d=True)
            if not len(block):
                break
            position += len(block)
            yield block

    def _seek(self, position: int) -> int:
        """Go to a sample, by reading where the format knows no other way (GSM)."""
        if self._file.seekable():
            return int(self._file.seek(position))
        left = position
        while left > 0 and len(block := self._file.read(min(left, self.sample_rate_hz * 30), always_2d=True)):
            left -= len(block)
        return position - left


def _opened(part: Part) -> Any:
    """Return what libsndfile opens: the file itself where nothing has to be done to it."""
    if not part.is_whole_file:
        return PartFile(part)
    return os.fsencode(part.path) if os.name == "posix" else str(part.path)
