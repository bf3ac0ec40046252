"""Which library reads a recording, and what is said when none can."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path

from asrkit.audio.declared import lacks_index, mp3_frames
from asrkit.audio.finding import find_parts
from asrkit.audio.media import MediaSource
from asrkit.audio.parts import Part
from asrkit.audio.sound_file import SoundFileSource
from asrkit.audio.source import FloatArray, Reading, Source, reason_of, resampled, with_channels, within
from asrkit.errors import AudioError, MissingPackageError
from asrkit.packages import is_installed

SOUNDFILE_SUFFIXES = frozenset(
    {".aif", ".aifc", ".aiff", ".au", ".bwf", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".snd", ".sph", ".w64"}
    | {".wav", ".wave"}
)
MEDIA_SUFFIXES = frozenset(
    {".3g2", ".3gp", ".aac", ".ac3", ".amr", ".asf", ".avi", ".flv", ".m4a", ".m4b", ".m4v", ".mka", ".mkv", ".mov"}
    | {".mp2", ".mp4", ".mpg", ".ogv", ".spx", ".ts", ".webm", ".wma", ".wv"}
)
AUDIO_SUFFIXES = SOUNDFILE_SUFFIXES | MEDIA_SUFFIXES
RAW_SUFFIXES = frozenset({".pcm", ".raw"})  # 16-bit little-endian mono samples and nothing else

_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 1_000, 768_000  # a forged rate would make resampling explode
# What people name like a recording and is none.
_OTHERS = (
    ((b"<!", b"<html", b"<?xml", b"{", b"<HTML"), "a page or text"),
    ((b"\x89PNG", b"\xff\xd8\xff", b"GIF8"), "a picture"),
    ((b"%PDF",), "a PDF"),
    ((b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf"), "an archive"),
)


def open_recording(path: Path, reading: Reading, raw_rate_hz: int | None = None) -> Source:
    """Open a recording with the library that reads it whole: libsndfile where it is exact, PyAV for all else.

    Args:
        path: A recording of any format, whatever its suffix.
        reading: How to read it; told of remarks and damage.
        raw_rate_hz: Rate of files of ``RAW_SUFFIXES``.

    Raises:
        AudioError: No library can read it, or the one that could is not installed.
    """
    head = _head(path)
    try:
        if path.suffix.lower() in RAW_SUFFIXES:  # its first bytes are samples, whatever they look like
            source = _open_raw(path, reading, raw_rate_hz)
        else:
            source = _open(path, head, reading)
    except FileNotFoundError:  # gone since its first bytes were read, as on a network mount
        raise AudioError("no such file; check the path", path=path) from None
    if not _LOWEST_RATE_HZ <= source.sample_rate_hz <= _HIGHEST_RATE_HZ:
        source.close()
        raise AudioError(f"claims an impossible rate of {source.sample_rate_hz} Hz; export it again", path=path)
    return source


def _open_raw(path: Path, reading: Reading, rate_hz: int | None) -> Source:
    import soundfile

    if rate_hz is None:
        raise AudioError("holds bare samples; say their rate (--raw-rate-hz 16000) or convert it to WAV", path=path)
    try:
        return SoundFileSource(Part.whole(path), reading, rate_hz)
    except soundfile.LibsndfileError as error:
        raise AudioError(_why_not(error), path=path) from None


def _open(path: Path, head: bytes, reading: Reading) -> Source:
    import soundfile

    if (other := _other_kind(head)) is not None:
        raise AudioError(f"is {other}, not a recording", path=path)
    parts = find_parts(path, head)
    for part in parts:
        if part.remark is not None:
            reading.remark(part.remark)
    lost_s = sum(part.lost_s for part in parts)
    if lost_s > 0.0:
        reading.miss(path, lost_s)
    # of damaged and missing pages libsndfile says nothing, and later words would come too early
    needs_media = _is_media(head) or ((_is_mp3(path, head) or lost_s > 0.0) and is_installed("av"))
    first_error: Exception | None = None
    if not needs_media:
        no_length = AudioError("has no header with its length, so it needs PyAV: pip install av", path=path)
        if _is_mp3(path, head) and not mp3_frames(path):
            raise no_length
        try:
            sources = [SoundFileSource(part, reading) for part in parts]
            if all(source.duration_s is not None for source in sources):
                if not is_installed("av"):
                    return _joined(sources, reading)
                salvaged = [_SalvagedSource(*pair, reading) for pair in zip(sources, parts, strict=True)]
                return _joined(salvaged if reading.salvage else sources, reading)
            for source in sources:  # libsndfile reads as far as the header says, and it cannot be believed
                source.close()
            if not is_installed("av"):
                raise no_length
        except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: a suffix that needs more words
            first_error = error
    try:
        return _joined([MediaSource(part, reading) for part in parts], reading)
    except MissingPackageError as error:
        reason = "" if first_error is None else f" (libsndfile: {reason_of(first_error)})"
        raise AudioError(f"{error}{reason}", path=path) from None
    except (OSError, ValueError) as error:
        cut = "its index, which comes last, is missing" if lacks_index(path, head) else parts[-1].cut
        if cut is not None:
            detail = f"is truncated: {cut}, and nothing of it can be read; copy or download it again"
            raise AudioError(detail, path=path) from None
        raise AudioError(_why_not(error), path=path) from None


def _other_kind(head: bytes) -> str | None:
    text = head.lstrip()
    return next((name for marks, name in _OTHERS if text.startswith(marks)), None)


def _why_not(error: Exception) -> str:
    reason = reason_of(error)
    if "invalid data" in reason:
        return "not a readable recording (no audio format known to libsndfile or FFmpeg); convert it to WAV or FLAC"
    return f"not a readable recording ({reason}); convert it to WAV or FLAC"


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
        raise AudioError(f"cannot be read: {reason_of(error)}; check its name and permissions", path=path) from None
    if not head:
        raise AudioError("the file is empty (0 bytes); remove it or copy it again", path=path)
    return head


def _is_media(head: bytes) -> bool:
    """Tell MP4 and its kin, Matroska and WebM, ADTS AAC, ASF and AMR by their first bytes."""
    if head[4:8] == b"ftyp" or head.startswith((b"\x1aE\xdf\xa3", b"\x30\x26\xb2\x75", b"#!AMR")):
        return True
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0


def _is_mp3(path: Path, head: bytes) -> bool:
    is_frame = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0  # of any layer
    return is_frame or head.startswith(b"ID3") or path.suffix.lower() in (".mp3", ".mp2")


def _joined(sources: Sequence[Source], reading: Reading) -> Source:
    if len(sources) == 1:
        return sources[0]
    reading.remark(f"holds {len(sources)} recordings one after the other; all are read")
    return _JoinedSource(sources)


class _SalvagedSource:
    """A recording of libsndfile that PyAV reads on behind damage."""

    def __init__(self, source: SoundFileSource, part: Part, reading: Reading) -> None:
        self._source, self._part, self._reading = source, part, reading
        self.sample_rate_hz, self.num_channels = source.sample_rate_hz, source.num_channels
        self.duration_s = source.duration_s

    def close(self) -> None:
        self._source.close()

    def blocks(self, start_s: float, end_s: float | None) -> Iterator[FloatArray]:
        """Yield ``(samples, channels)`` blocks."""
        yield from self._source.blocks(start_s, end_s)
        if self._source.broken_at_s is None:
            return
        with suppress(AudioError, OSError, ValueError), closing(MediaSource(self._part, self._reading)) as rest:
            if (rest.sample_rate_hz, rest.num_channels) == (self.sample_rate_hz, self.num_channels):
                yield from rest.blocks(self._source.broken_at_s, end_s)


class _JoinedSource:
    """Several recordings as one, at the rate and with the channels of the first."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self.sample_rate_hz = sources[0].sample_rate_hz
        self.num_channels = sources[0].num_channels
        lengths = [source.duration_s for source in sources]
        self.duration_s = None if None in lengths else sum(length or 0.0 for length in lengths)

    def close(self) -> None:
        for source in self._sources:
            source.close()

    def blocks(self, start_s: float, end_s: float | None) -> Iterator[FloatArray]:
        """Yield ``(samples, channels)`` blocks; parts before the first second asked for are read over."""
        blocks = chain.from_iterable(map(self._alike, self._sources))
        yield from within(blocks, start_s, end_s, self.sample_rate_hz)

    def _alike(self, source: Source) -> Iterator[FloatArray]:
        blocks = (with_channels(block, self.num_channels) for block in source.blocks(0.0, None))
        return resampled(blocks, source.sample_rate_hz, self.sample_rate_hz, self.num_channels)
