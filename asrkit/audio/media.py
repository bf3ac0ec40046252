"""Recordings that PyAV reads: what libsndfile does not know, or not to the end. The extra ``media``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from asrkit.audio.declared import missing_part, mp3_frames
from asrkit.audio.parts import Part, PartFile
from asrkit.audio.source import (
    LEAST_LOSS_S,
    FloatArray,
    Reading,
    believable_duration_s,
    reason_of,
    truncated,
    with_channels,
    within,
)
from asrkit.errors import AudioError
from asrkit.packages import needed

# Time stamps of these begin with the file; those of others begin anywhere (a broadcast) or with the decoder's delay.
_TIMED_FROM_ZERO = ("mov", "matroska", "webm", "mp4", "avi", "asf")
# Streams of frames without a container: time stamps and lengths are computed from the first frames.
_BARE = ("aac", "ac3", "amr", "amrnb", "amrwb", "dts", "eac3", "loas", "mp3")
_LEAST_GAP_S = 0.1  # below, it is rounding and decoder delay
_MOST_GAP_S = 3_600.0  # above, a time stamp is damaged
# Whole files of these end where their header says, to some milliseconds; others are off by some padding.
_EXACT = ("mov", "mp4", "matroska", "webm", "flv", "mp3", "avi", "asf")
_SLACK_S = 1.0
_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICS")


class MediaSource:
    """A recording read by PyAV, packet by packet; silence stands where time stamps leave a gap.

    Args:
        part: What to read.
        reading: Which track, whether to salvage; told of remarks and damage.

    Raises:
        AudioError: It holds no audio, or not the track asked for.
        OSError, ValueError: FFmpeg cannot read it.
        MissingPackageError: PyAV is not installed.
    """

    def __init__(self, part: Part, reading: Reading) -> None:
        path = part.path
        with needed(path.suffix or "this format", "av"):
            import av
        self._av: Any = av

        av.logging.set_level(av.logging.PANIC)  # its libraries would write past our log
        self._path, self._cut, self._reading = path, part.cut, reading
        opened = str(path) if part.is_whole_file else PartFile(part)
        try:
            self._container: Any = av.open(opened, metadata_errors="ignore")
        except av.FFmpegError as error:
            raise ValueError(reason_of(error)) from None
        try:
            self._stream: Any = _chosen_track(list(self._container.streams.audio), path, reading)
            if self._stream.codec_context is None:
                raise AudioError("is coded in a way that is not known here; convert it to WAV", path=path)
            if not self._stream.codec_context.sample_rate:
                raise AudioError("holds no audio; remove it, or export its sound", path=path)
        except AudioError:
            self.close()
            raise
        self.sample_rate_hz = int(self._stream.codec_context.sample_rate)
        self.num_channels = int(self._stream.codec_context.channels)
        self._declared_s = self._declared_duration_s()
        self._extent, self._lost_s = _Extent(), 0.0
        is_timed = not self._is_one_of(_BARE)
        self._clock = _Clock(self._origin_s(), self.sample_rate_hz, self.num_channels, is_timed, reading)

    def close(self) -> None:
        """Let the file go."""
        self._container.close()

    @cached_property
    def duration_s(self) -> float | None:
        """Length, None where nothing tells; FFmpeg guesses that of bare streams from their first frames."""
        if not self._is_one_of(_BARE) or mp3_frames(self._path):
            return self._declared_s
        extent = _Extent()
        with (
            suppress(self._av.FFmpegError, ValueError),
            self._av.open(str(self._path), metadata_errors="ignore") as file,
        ):
            for packet in file.demux(audio=0):
                extent.add(packet)
        return extent.end_s or None

    def blocks(self, start_s: float, end_s: float | None) -> Iterator[FloatArray]:
        """Yield ``(samples, channels)`` blocks."""
        num_read = yield from within(self._decoded(), start_s, end_s, self.sample_rate_hz)
        if self._clock.silent_s > 0.0:
            self._reading.remark(f"{self._clock.silent_s:.1f} s without sound, by its time stamps, are silence")
        if num_read is not None:
            self._check_complete(num_read / self.sample_rate_hz)

    def _check_complete(self, read_s: float) -> None:
        if self._cut is not None:
            self._reading.lose(truncated(self._path, self._cut), self._cut)
        missing_s = self._missing_s(read_s)
        if missing_s > (LEAST_LOSS_S if self._is_one_of(_EXACT) else _SLACK_S):
            detail = f"{missing_s:.1f} s of {read_s + missing_s:.1f} s are missing"
            self._reading.lose(truncated(self._path, detail), detail)
        if self._lost_s > 0.0:
            self._reading.miss(self._path, self._lost_s)

    def _missing_s(self, read_s: float) -> float:
        """Return how much the packets lack of what is declared; decoders leave out delay, packets do not."""
        if self._is_one_of(("avi", "asf")):  # FFmpeg takes their lengths from what is there
            missing_s = read_s * missing_part(self._path)
            return believable_duration_s(missing_s, self._container.size) or 0.0
        if self._is_one_of(("mp3",)):
            length_s = mp3_frames(self._path) * self._stream.codec_context.frame_size / self.sample_rate_hz
            return (believable_duration_s(length_s, self._container.size) or 0.0) - self._extent.end_s
        if self._declared_s is None or self._is_one_of(_BARE):
            return 0.0
        if self._stream.duration is not None:
            end = (self._stream.start_time or 0) + self._stream.duration
            return float(end * self._stream.time_base) - self._extent.end_s
        # The container's length is that of its longest track; a last picture may stand for any time.
        if any(stream.type != "audio" and not _is_cover(stream) for stream in self._container.streams):
            return 0.0
        held_s = self._extent.end_s - min(self._extent.start_s, self._origin_s())
        return float(self._container.duration) / float(self._av.time_base) - held_s - self._extent.packet_s

    def _declared_duration_s(self) -> float | None:
        if self._stream.duration is not None:
            claimed_s = float(self._stream.duration * self._stream.time_base) + self._start_s()
        else:  # counted from the file's beginning
            claimed_s = float(self._container.duration or 0) / float(self._av.time_base)
        return believable_duration_s(claimed_s, self._container.size) if claimed_s > 0.0 else None

    def _start_s(self) -> float:
        """Return how long after the file the sound begins."""
        if not self._is_timed_from_zero() or self._stream.start_time is None:
            return 0.0
        start_s = float(self._stream.start_time * self._stream.time_base)
        return start_s if _LEAST_GAP_S < start_s < _MOST_GAP_S else 0.0

    def _is_timed_from_zero(self) -> bool:
        return self._is_one_of(_TIMED_FROM_ZERO)

    def _is_one_of(self, formats: tuple[str, ...]) -> bool:
        return not set(formats).isdisjoint(self._container.format.name.split(","))

    def _origin_s(self) -> float:
        """Return the time stamp that is second 0 of the file."""
        if self._is_timed_from_zero():
            return 0.0
        return float(self._container.start_time or 0) / float(self._av.time_base)

    def _decoded(self) -> Iterator[FloatArray]:
        """Yield ``(samples, channels)`` frames as floats, with silence for gaps."""
        converter = _Converter(self._av.AudioResampler, self.sample_rate_hz, self.num_channels)
        for packet in self._packets():
            if packet.stream.index != self._stream.index:
                self._extent.add(packet)
                continue
            try:
                frames = packet.decode()
            except (self._av.FFmpegError, ValueError):
                data, length_s = bytes(packet), float((packet.duration or 0) * packet.time_base)
                length_s = length_s or self._extent.packet_s
                if self._is_pause(data):
                    self._extent.add(packet)
                    silence = np.zeros((round(length_s * self.sample_rate_hz), self.num_channels), np.float32)
                    self._clock.advance(len(silence))
                    yield silence
                elif not data.startswith(_TAGS):
                    self._lost_s += length_s
                continue
            self._extent.add(packet, sum(frame.samples / frame.sample_rate for frame in frames))
            for frame in frames:
                yield from self._clock.silence_before(frame)
                for samples in converter.convert(frame):
                    self._clock.advance(len(samples))
                    yield samples
        yield from converter.finish()

    def _is_pause(self, data: bytes) -> bool:
        """Tell whether AMR says that nobody speaks, in a few bits or none (3GPP TS 26.101 and 26.201, frame types)."""
        first_type = {"amrnb": 8, "amrwb": 9}.get(self._stream.codec_context.name)
        return first_type is not None and data != b"" and (data[0] >> 3 & 15) >= first_type

    def _packets(self) -> Iterator[Any]:
        """Yield packets until the container ends, or is damaged beyond its next one."""
        # the length of a container is that of its longest track
        tracks = self._container.streams.audio if self._stream.duration is None else [self._stream]
        try:
            yield from self._container.demux(*tracks)
        except (self._av.FFmpegError, ValueError) as error:
            detail = f"cannot be read on: {reason_of(error)}"
            self._reading.lose(AudioError(f"{detail}; keep what came with --salvage", path=self._path), detail)


class _Converter:
    """Turns frames into blocks of one rate and so many channels.

    What a header says holds for the first frames at best: HE-AAC comes at twice that rate, and streams that were joined
    or broadcast go on at another rate or with other channels.
    """

    def __init__(self, resampler_of: Any, rate_hz: int, num_channels: int) -> None:
        self._resampler_of, self._rate_hz, self._num_channels = resampler_of, rate_hz, num_channels
        self._resampler: Any = None
        self._kind: tuple[object, ...] = ()

    def convert(self, frame: Any) -> Iterator[FloatArray]:
        """Yield what is ready of a frame and of those before it."""
        kind = (frame.sample_rate, frame.format.name, frame.layout.name, frame.layout.nb_channels)
        if kind != self._kind:
            yield from self.finish()
            # Packed: arrays of planar frames of more than eight channels reach past their planes.
            self._resampler, self._kind = self._resampler_of("flt", None, self._rate_hz), kind
        frame.pts = None  # gaps are filled, the resampler must not fill them again
        yield from self._blocks(self._resampler.resample(frame))

    def finish(self) -> Iterator[FloatArray]:
        """Yield what is left of the frames so far."""
        if self._resampler is not None:
            yield from self._blocks(self._resampler.resample(None))

    def _blocks(self, frames: list[Any]) -> Iterator[FloatArray]:
        for frame in frames:
            yield with_channels(frame.to_ndarray().reshape(-1, frame.layout.nb_channels), self._num_channels)


class _Clock:
    """Compares the sound that came with what the time stamps say."""

    def __init__(self, origin_s: float, rate_hz: int, num_channels: int, is_timed: bool, reading: Reading) -> None:
        self._origin_s, self._rate_hz, self._num_channels, self._reading = origin_s, rate_hz, num_channels, reading
        self._is_timed = is_timed  # else time stamps are computed, and wrong where the rate changes
        self._has_stamps, self._first_rate_hz = True, 0
        self._samples, self.silent_s = 0, 0.0

    def advance(self, samples: int) -> None:
        self._samples += samples

    def silence_before(self, frame: Any) -> Iterator[FloatArray]:
        """Yield the silence that belongs before a frame."""
        self._first_rate_hz = self._first_rate_hz or frame.sample_rate
        self._has_stamps = self._has_stamps and (self._is_timed or frame.sample_rate == self._first_rate_hz)
        if frame.pts is None or not self._has_stamps:
            return
        gap_s = float(frame.pts * frame.time_base) - self._origin_s - self._samples / self._rate_hz
        if gap_s <= _LEAST_GAP_S:
            return
        if gap_s > _MOST_GAP_S:
            self._reading.remark(f"a time stamp leaves a gap of {gap_s:,.0f} s, which is not believed")
            self._origin_s += gap_s
            return
        self.silent_s += gap_s
        missing = round(gap_s * self._rate_hz)
        self.advance(missing)
        step = 30 * self._rate_hz
        for first in range(0, missing, step):
            yield np.zeros((min(step, missing - first), self._num_channels), np.float32)


class _Extent:
    """From when to when packets last, by their time stamps."""

    def __init__(self) -> None:
        self.start_s, self.end_s, self.packet_s = np.inf, 0.0, 0.0

    def add(self, packet: Any, decoded_s: float = 0.0) -> None:
        """Count a packet that could be decoded; not all containers tell how long its sound is."""
        if not packet.size:  # the end of the file
            return
        unit_s = float(packet.time_base)
        self.packet_s = (packet.duration or 0) * unit_s or decoded_s
        start_s = self.end_s if packet.pts is None else packet.pts * unit_s
        self.start_s, self.end_s = min(self.start_s, start_s), max(self.end_s, start_s + self.packet_s)


def _is_cover(stream: Any) -> bool:
    return stream.type == "attachment" or bool(stream.disposition & type(stream.disposition).attached_pic)


def _chosen_track(tracks: list[Any], path: Path, reading: Reading) -> Any:
    """Return the track asked for, else the one marked as default, else the first."""
    if not tracks:
        raise AudioError("holds no audio; remove it, or export its sound", path=path)
    if reading.track is not None:
        if not 0 <= reading.track < len(tracks):
            raise AudioError(f"has no audio track {reading.track}; count its {len(tracks)} track(s) from 0", path=path)
        return tracks[reading.track]
    default = next((i for i, track in enumerate(tracks) if track.disposition & type(track.disposition).default), 0)
    if len(tracks) > 1:
        reading.remark(f"has {len(tracks)} audio tracks; track {default} is read (--audio-track takes another)")
    return tracks[default]
