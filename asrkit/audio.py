"""Recordings of any format, rate and length become mono float32 waveforms.

soundfile reads WAV, FLAC, Ogg Vorbis, Opus, MP3, AIFF, AU, CAF and W64. What only a media library understands (MP4,
M4A, AAC, WebM, Matroska, WMA, AMR) goes to PyAV, the extra ``media``. soxr resamples. Everything streams in blocks,
so a header that lies about the length costs no memory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from asrkit.errors import AudioError

FloatArray = npt.NDArray[np.float32]

SOUNDFILE_SUFFIXES = frozenset(
    {".aif", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".sph", ".w64", ".wav"}
)
MEDIA_SUFFIXES = frozenset({".3gp", ".aac", ".amr", ".m4a", ".mka", ".mkv", ".mov", ".mp4", ".webm", ".wma"})
AUDIO_SUFFIXES = SOUNDFILE_SUFFIXES | MEDIA_SUFFIXES
RAW_SUFFIXES = frozenset({".pcm", ".raw"})  # 16-bit little-endian mono samples and nothing else

_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 1_000, 768_000  # a forged rate would make resampling explode
_LARGEST_SAMPLE = 64.0  # integers stored as floats reach 32,768; loud but honest floats stay far below
_READ_BLOCK_S = 30.0
_STREAMED_SIZE = 0x7FFF_0000  # writers to a pipe put the largest number into the size field
_SIZE_SLACK_BYTES = 8


@dataclass(frozen=True)
class AudioInfo:
    """What the header of a recording says."""

    duration_s: float
    sample_rate_hz: int
    num_channels: int


def load_waveform(
    path: Path | str,
    sample_rate_hz: int = 16_000,
    channel: int | None = None,
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
    raw_rate_hz: int | None = None,
) -> FloatArray:
    """Read a recording, or a part of it, as one waveform.

    Args:
        path: A recording of any format in ``AUDIO_SUFFIXES``, whatever its suffix.
        sample_rate_hz: Rate of the answer; resampled where the recording differs.
        channel: Channel to take, from 0; None takes the mean of all.
        start_s: First second to read.
        end_s: Second to stop before; None reads to the end.
        raw_rate_hz: Rate of files of ``RAW_SUFFIXES``, which do not tell it.

    Returns:
        ``(samples,)`` in [-1, 1] at ``sample_rate_hz``; louder samples are clipped.

    Raises:
        AudioError: The file is missing, empty, truncated, not audio, holds no samples or samples that are not
            finite, lacks the channel, or needs the extra ``media``.
    """
    path = Path(path)
    blocks = list(_resampled_blocks(path, sample_rate_hz, channel, start_s, end_s, raw_rate_hz))
    waveform = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    if not len(waveform):
        raise AudioError("holds no samples; remove the file or record it again", path=path)
    return waveform


def iterate_waveform(
    path: Path | str,
    sample_rate_hz: int = 16_000,
    block_s: float = 30.0,
    channel: int | None = None,
    *,
    raw_rate_hz: int | None = None,
) -> Iterator[FloatArray]:
    """Read a recording in blocks, for recordings too long for memory.

    Yields:
        Blocks of ``block_s`` seconds, the last one shorter; together they equal ``load_waveform`` bit for bit.

    Raises:
        AudioError: As ``load_waveform``, as soon as the fault is reached.
    """
    path = Path(path)
    block_samples = max(1, round(block_s * sample_rate_hz))
    pending: list[FloatArray] = []
    num_pending = num_yielded = 0
    for block in _resampled_blocks(path, sample_rate_hz, channel, 0.0, None, raw_rate_hz):
        pending.append(block)
        num_pending += len(block)
        if num_pending < block_samples:
            continue
        joined = np.concatenate(pending)
        for start in range(0, num_pending - block_samples + 1, block_samples):
            yield joined[start : start + block_samples]
            num_yielded += 1
        pending = [joined[len(joined) // block_samples * block_samples :]]
        num_pending = len(pending[0])
    if num_pending:
        yield np.concatenate(pending)
    elif not num_yielded:
        raise AudioError("holds no samples; remove the file or record it again", path=path)


def probe(path: Path | str, *, raw_rate_hz: int | None = None) -> AudioInfo:
    """Read the header of a recording.

    Raises:
        AudioError: As ``load_waveform``, as far as the header tells.
    """
    with closing(_open(Path(path), raw_rate_hz)) as source:
        return AudioInfo(source.duration_s, source.sample_rate_hz, source.num_channels)


def write_waveform(path: Path | str, waveform: FloatArray, sample_rate_hz: int = 16_000) -> None:
    """Write a mono waveform in [-1, 1] as 16-bit WAV (or FLAC, by the suffix)."""
    import soundfile

    soundfile.write(str(path), waveform, sample_rate_hz, subtype="PCM_16")


def _resampled_blocks(
    path: Path,
    sample_rate_hz: int,
    channel: int | None,
    start_s: float,
    end_s: float | None,
    raw_rate_hz: int | None,
) -> Iterator[FloatArray]:
    """Yield mono blocks at the rate asked for, of no particular size, none of them empty."""
    import soxr

    with closing(_open(path, raw_rate_hz)) as source:
        rate_hz = source.sample_rate_hz
        if channel is not None and not 0 <= channel < source.num_channels:
            raise AudioError(f"has no channel {channel}; count its {source.num_channels} channel(s) from 0", path=path)
        resampler = None if rate_hz == sample_rate_hz else soxr.ResampleStream(rate_hz, sample_rate_hz, 1, "float32")
        for block in source.blocks(start_s, end_s):
            mono = _checked_mono(block, channel, path)
            if resampler is not None:
                mono = resampler.resample_chunk(mono)
            if len(mono):
                yield np.clip(mono, -1.0, 1.0)
        if resampler is not None:
            rest = resampler.resample_chunk(np.zeros(0, np.float32), last=True)
            if len(rest):
                yield np.clip(rest, -1.0, 1.0)


def _checked_mono(block: FloatArray, channel: int | None, path: Path) -> FloatArray:
    """Turn ``(samples, channels)`` into ``(samples,)``; refuse numbers that are no audio."""
    if channel is not None:
        mono = np.ascontiguousarray(block[:, channel])
    else:
        mono = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)
    peak = float(np.abs(mono).max(initial=0.0))
    if not np.isfinite(peak):
        raise AudioError("holds NaN or infinite samples; export the recording again", path=path)
    if peak > _LARGEST_SAMPLE:
        raise AudioError(f"holds samples of {peak:.0f} where 1 is full scale; rescale the recording", path=path)
    return mono


class _Source(Protocol):
    """An open recording."""

    sample_rate_hz: int
    num_channels: int
    duration_s: float

    def blocks(self, start_s: float, end_s: float | None) -> Iterator[FloatArray]:
        """Yield ``(samples, channels)`` blocks."""

    def close(self) -> None:
        """Let the file go."""


def _open(path: Path, raw_rate_hz: int | None) -> _Source:
    """Open a recording with the library that understands it."""
    import soundfile

    head = _head(path)
    if raw_rate_hz is not None and path.suffix.lower() in RAW_SUFFIXES:
        source: _Source = _SoundFileSource(path, raw_rate_hz)
    elif path.suffix.lower() in RAW_SUFFIXES:
        raise AudioError("holds bare samples; say their rate (--raw-rate-hz 16000) or convert it to WAV", path=path)
    elif path.suffix.lower() in MEDIA_SUFFIXES or _is_media(head):
        source = _MediaSource(path)
    else:
        try:
            source = _SoundFileSource(path)
        except (soundfile.LibsndfileError, TypeError, FileNotFoundError) as error:
            if not path.exists():  # gone since its first bytes were read, as on a network mount
                raise AudioError("no such file; check the path", path=path) from None
            # TypeError: a suffix that needs more words
            raise AudioError(
                f"not a readable recording ({_reason(error)}); convert it to WAV or FLAC", path=path
            ) from None
    if not _LOWEST_RATE_HZ <= source.sample_rate_hz <= _HIGHEST_RATE_HZ:
        source.close()
        raise AudioError(f"claims an impossible rate of {source.sample_rate_hz} Hz; export it again", path=path)
    return source


def _head(path: Path) -> bytes:
    """Return the first bytes of a file that exists and is not empty."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except FileNotFoundError:
        raise AudioError("no such file; check the path", path=path) from None
    except IsADirectoryError:
        raise AudioError("is a folder; name a recording in it", path=path) from None
    except (OSError, ValueError) as error:
        raise AudioError(f"cannot be read: {_reason(error)}; check its name and permissions", path=path) from None
    if not head:
        raise AudioError("the file is empty (0 bytes); remove it or copy it again", path=path)
    return head


def _is_media(head: bytes) -> bool:
    """Tell MP4 and its kin, Matroska and WebM, ADTS AAC, ASF and AMR by their first bytes."""
    if head[4:8] == b"ftyp" or head.startswith((b"\x1aE\xdf\xa3", b"\x30\x26\xb2\x75", b"#!AMR")):
        return True
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0


def _reason(error: Exception) -> str:
    """Return what a library says went wrong, in few words."""
    text = str(getattr(error, "error_string", None) or getattr(error, "strerror", None) or error)
    return text.strip().removeprefix("Error : ").rstrip(".").lower()


def _truncated(path: Path, detail: str) -> AudioError:
    return AudioError(f"is truncated: {detail}; copy or download it again", path=path)


class _SoundFileSource:
    """A recording read by libsndfile."""

    def __init__(self, path: Path, raw_rate_hz: int | None = None) -> None:
        import soundfile

        self._path = path
        raw = {"samplerate": raw_rate_hz, "channels": 1, "format": "RAW", "subtype": "PCM_16", "endian": "LITTLE"}
        self._file = soundfile.SoundFile(
            os.fsencode(path) if os.name == "posix" else str(path), **(raw if raw_rate_hz is not None else {})
        )
        self.sample_rate_hz = int(self._file.samplerate)
        self.num_channels = int(self._file.channels)
        self.duration_s = self._file.frames / max(1, self.sample_rate_hz)
        try:
            self._check_complete()
        except AudioError:
            self.close()
            raise

    def close(self) -> None:
        self._file.close()

    def blocks(self, start_s: float, end_s: float | None) -> Iterator[FloatArray]:
        import soundfile

        declared = self._file.frames
        stop = declared if end_s is None else min(declared, round(end_s * self.sample_rate_hz))
        position = min(round(start_s * self.sample_rate_hz), declared)
        block_samples = round(_READ_BLOCK_S * self.sample_rate_hz)
        try:
            if position:
                self._file.seek(position)
            while position < stop:
                block = self._file.read(min(block_samples, stop - position), dtype="float32", always_2d=True)
                if not len(block):
                    break
                position += len(block)
                yield block
        except soundfile.LibsndfileError as error:
            raise _truncated(self._path, f"{_reason(error)} after {position / self.sample_rate_hz:.1f} s") from None
        # MP3 headers are off by some padding; a real cut misses more.
        if position < stop - max(self.sample_rate_hz // 4, stop // 50):
            rate_hz = self.sample_rate_hz
            raise _truncated(self._path, f"holds {position / rate_hz:.1f} s of {stop / rate_hz:.1f} s")

    def _check_complete(self) -> None:
        """Find cuts that libsndfile forgives: it reads what is left and says nothing."""
        sizes = re.search(
            r"^\s*(?:data|SSND|Data Size|riff)\s*: (\d+) \(should be (\d+)\)", self._file.extra_info, re.MULTILINE
        )
        if sizes:
            declared, found = int(sizes[1]), int(sizes[2])
            if found + _SIZE_SLACK_BYTES < declared < _STREAMED_SIZE:
                raise _truncated(self._path, f"{found:,} of {declared:,} bytes are there")
        if self._file.format == "OGG" and _ends_inside_ogg_page(self._path):
            raise _truncated(self._path, "the last Ogg page is cut")


def _ends_inside_ogg_page(path: Path) -> bool:
    """Tell whether an Ogg file stops before the end of its last page (RFC 3533, section 6)."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        tail_size = min(size, 2 * 65_307)  # a page is at most 65,307 bytes
        file.seek(size - tail_size)
        tail = file.read()
    start = tail.rfind(b"OggS\0")
    page = tail[start:]
    if start < 0 or len(page) < 27 or len(page) < 27 + page[26]:
        return True
    return len(page) < 27 + page[26] + sum(page[27 : 27 + page[26]])


class _MediaSource:
    """A recording read by PyAV, the extra ``media``."""

    def __init__(self, path: Path) -> None:
        try:
            import av
        except ImportError:
            raise AudioError(
                f"{path.suffix or 'this format'} needs PyAV; run: pip install 'asrkit[media]'", path=path
            ) from None
        self._path = path
        self._container: Any = None
        try:
            self._container = av.open(str(path))
            self._stream: Any = next(iter(self._container.streams.audio), None)
        except (av.FFmpegError, ValueError) as error:
            raise AudioError(
                f"not a readable recording ({_reason(error)}); convert it to WAV or FLAC", path=path
            ) from None
        if self._stream is None or not self._stream.codec_context.sample_rate:
            self.close()
            raise AudioError("holds no audio; remove it, or export its sound", path=path)
        self.sample_rate_hz = int(self._stream.codec_context.sample_rate)
        self.num_channels = int(self._stream.codec_context.channels)
        self.duration_s = self._declared_duration_s()

    def close(self) -> None:
        if self._container is not None:
            self._container.close()

    def _declared_duration_s(self) -> float:
        import av

        if self._stream.duration is not None:
            return float(self._stream.duration * self._stream.time_base)
        return float(self._container.duration or 0) / float(av.time_base)

    def blocks(self, start_s: float, end_s: float | None) -> Iterator[FloatArray]:
        start = round(start_s * self.sample_rate_hz)
        stop = None if end_s is None else round(end_s * self.sample_rate_hz)
        position = 0
        for block in self._decoded():
            first, last = position, position + len(block)
            position = last
            wanted = block[max(0, start - first) : None if stop is None else max(0, stop - first)]
            if len(wanted):
                yield wanted
            if stop is not None and last >= stop:
                return
        # An AAC stream without a container guesses its length; a container with video may be longer than its audio.
        missing_s = self.duration_s - position / self.sample_rate_hz
        if self._container.format.name != "aac" and not self._container.streams.video and missing_s > 1.0:
            raise _truncated(self._path, f"{missing_s:.1f} s of {self.duration_s:.1f} s are missing")

    def _decoded(self) -> Iterator[FloatArray]:
        """Yield ``(samples, channels)`` frames as floats."""
        import av

        # The rate is named because HE-AAC frames may come at twice the rate that the header gives.
        to_float = av.AudioResampler("fltp", self._stream.codec_context.layout, self.sample_rate_hz)
        try:
            for frame in self._container.decode(self._stream):
                frame.pts = None  # gaps in the time stamps are not audio
                for converted in to_float.resample(frame):
                    yield converted.to_ndarray().T
        except (av.FFmpegError, ValueError) as error:
            raise AudioError(f"cannot be decoded: {_reason(error)}; convert it to WAV", path=self._path) from None
