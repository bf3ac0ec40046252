"""Files that hold several recordings one after the other, and headers that belie the bytes behind them.

`cat a.flac b.flac` makes a file that players read to its end, and libraries to the end of its first part. A part is
read through a window on the file; a WAV header with a wrong size is mended in that window, never on the disk.
"""

from __future__ import annotations

import io
import mmap
import os
import struct
from dataclasses import dataclass
from pathlib import Path

_OGG = b"OggS\0"
_OGG_HEADER_BYTES = 27
_OGG_BEGINS, _OGG_PAGE_FLAGS = 0x02, 5
_OGG_SERIAL = slice(14, 18)
_FLAC_START = b"fLaC"
_EBML = b"\x1aE\xdf\xa3"
_STREAMINFO = (b"\x00\x00\x00\x22", b"\x80\x00\x00\x22")  # the first block of a FLAC file, the last one or not
_CHUNK = struct.Struct("<4sI")
_UNKNOWN_SIZE = 0x7FFF_0000  # writers to a pipe put the largest number into the size field, or zero
_TAG_BYTES = 64  # fewer bytes behind the samples are no sound


@dataclass(frozen=True)
class Part:
    """A recording within a file."""

    path: Path
    start: int  # its first byte
    size: int  # its bytes
    # What to read instead of the bytes at some places: offset within the part -> bytes.
    patches: tuple[tuple[int, bytes], ...] = ()
    is_whole_file: bool = False  # whether it is all there is, as it lies on the disk
    cut: str | None = None  # what is missing at its end, as far as its structure tells
    remark: str | None = None  # what was wrong with its header


class PartFile(io.RawIOBase):
    """A part as a file of its own, for libraries that read from objects."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self._part = part
        self._file = part.path.open("rb")
        self._place = 0

    def readable(self) -> bool:  # noqa: D102
        return True

    def seekable(self) -> bool:  # noqa: D102
        return True

    def tell(self) -> int:  # noqa: D102
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:  # noqa: D102
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._part.size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # noqa: D102
        wanted = min(len(buffer), max(0, self._part.size - self._place))
        self._file.seek(self._part.start + self._place)
        data = bytearray(self._file.read(wanted))
        for offset, patch in self._part.patches:
            first, last = max(offset, self._place), min(offset + len(patch), self._place + len(data))
            if first < last:
                data[first - self._place : last - self._place] = patch[first - offset : last - offset]
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def close(self) -> None:  # noqa: D102
        self._file.close()
        super().close()


def find_parts(path: Path, head: bytes) -> list[Part]:
    """Return the parts of a file that begins like Ogg, FLAC, WAV, Matroska or MP4; any other is one, as it is.

    Args:
        path: The file.
        head: Its first bytes.
    """
    size = path.stat().st_size
    finder = next((find for magic, kind, find in _FINDERS if head.startswith(magic) and kind in head[4:12]), None)
    if finder is not None and size > 0:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if parts := finder(path, data):
                return parts
    return [Part(path, 0, size, is_whole_file=True)]


def _from_starts(path: Path, starts: list[int], size: int) -> list[Part]:
    if len(starts) <= 1:
        return []
    return [Part(path, first, last - first) for first, last in zip(starts, [*starts[1:], size], strict=True)]


def _flac_parts(path: Path, data: mmap.mmap) -> list[Part]:
    starts, place = [0], 4
    while (place := data.find(_FLAC_START, place)) >= 0:
        if data[place + 4 : place + 8] in _STREAMINFO:
            starts.append(place)
        place += 4
    return _from_starts(path, starts, len(data))


def _ogg_parts(path: Path, data: mmap.mmap) -> list[Part]:
    """Walk from page to page (RFC 3533, section 6); where streams begin anew, a part does."""
    starts, place, is_beginning = [0], 0, True
    is_cut = False
    while (found := data.find(_OGG, place)) >= 0:
        header = data[found : found + _OGG_HEADER_BYTES + 255]
        segments = header[26] if len(header) > 26 else 255
        end = found + _OGG_HEADER_BYTES + segments + sum(header[_OGG_HEADER_BYTES : _OGG_HEADER_BYTES + segments])
        begins = len(header) > _OGG_PAGE_FLAGS and bool(header[_OGG_PAGE_FLAGS] & _OGG_BEGINS)
        if begins and not is_beginning:
            starts.append(found)
        is_beginning = begins
        is_cut = end > len(data) or len(header) < _OGG_HEADER_BYTES + segments
        place = max(end, found + len(_OGG))
    parts = _from_starts(path, starts, len(data))
    if not is_cut:
        return parts
    last = parts.pop() if parts else Part(path, 0, len(data), is_whole_file=True)
    return [*parts, Part(path, last.start, last.size, is_whole_file=last.is_whole_file, cut="the last Ogg page is cut")]


def _wav_parts(path: Path, data: mmap.mmap) -> list[Part]:
    """Follow the chunks of each RIFF file; samples whose size is unknown go on to the end of the file."""
    parts: list[Part] = []
    start = 0
    while _is_wav(data, start):
        parts.append(_one_wav(path, data, start))
        start += parts[-1].size
    if len(parts) == 1 and not parts[0].patches:
        return []  # nothing to mend and nothing behind it
    return parts


def _one_wav(path: Path, data: mmap.mmap, start: int) -> Part:
    """Return a RIFF file to its end, its header mended where the bytes contradict it."""
    place = start + 12
    while place + _CHUNK.size <= len(data):
        name, size = _CHUNK.unpack(data[place : place + _CHUNK.size])
        body = place + _CHUNK.size
        if name == b"data":
            return _with_samples(path, data, start, body, size)
        place = body + size + (size & 1)
    return Part(path, start, len(data) - start)


def _with_samples(path: Path, data: mmap.mmap, start: int, body: int, size: int) -> Part:
    end = min(body + size + (size & 1), len(data))
    if size >= _UNKNOWN_SIZE:  # libsndfile knows what that means
        return Part(path, start, len(data) - start)
    while size and end < len(data) and _is_chunk(data, end):  # editors write chunks behind the samples
        end += _CHUNK.size + _CHUNK.unpack(data[end : end + _CHUNK.size])[1]
        end = min(end + (end - start & 1), len(data))
    if size and _is_wav(data, end):
        return Part(path, start, end - start)
    behind = data[end : end + _TAG_BYTES]
    if size and (len(behind) < _TAG_BYTES or behind.startswith((b"ID3", b"TAG", b"APETAG", bytes(_TAG_BYTES)))):
        return Part(path, start, len(data) - start)
    samples = min(len(data) - body, 0xFFFF_FFFF)
    total = min(body - start - 8 + samples, 0xFFFF_FFFF)
    patches = ((4, struct.pack("<I", total)), (body - start - 4, struct.pack("<I", samples)))
    remark = f"its header tells {size:,} bytes of samples, {samples:,} are there; all are read"
    return Part(path, start, len(data) - start, patches, remark=remark)


def _is_wav(data: mmap.mmap, place: int) -> bool:
    return data[place : place + 4] == b"RIFF" and data[place + 8 : place + 12] == b"WAVE"


def _is_chunk(data: mmap.mmap, place: int) -> bool:
    """Tell whether a chunk begins here: a printable name, and a size that the file holds."""
    header = data[place : place + _CHUNK.size]
    if len(header) < _CHUNK.size or _is_wav(data, place):
        return False
    name, size = _CHUNK.unpack(header)
    return all(0x20 <= byte < 0x7F for byte in name) and place + _CHUNK.size + size <= len(data)


def _matroska_parts(path: Path, data: mmap.mmap) -> list[Part]:
    starts, place = [0], len(_EBML)
    while (place := data.find(_EBML, place)) >= 0:
        if any(kind in data[place : place + 64] for kind in (b"webm", b"matroska")):
            starts.append(place)
        place += len(_EBML)
    return _from_starts(path, starts, len(data))


def _mp4_parts(path: Path, data: mmap.mmap) -> list[Part]:
    """Walk from box to box (ISO 14496-12, section 4.2); each file type begins a part."""
    starts: list[int] = []
    place = 0
    while place + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[place : place + 8])
        if kind == b"ftyp":
            starts.append(place)
        if size == 1:  # a size of 64 bits follows
            size = int.from_bytes(data[place + 8 : place + 16], "big")
        if size < 8:  # the last box goes to the end, or something is wrong
            break
        place += size
    return _from_starts(path, starts, len(data))


def _caf_parts(path: Path, data: mmap.mmap) -> list[Part]:
    """Follow the chunks; libsndfile calls one that is cut malformed, others read what is left."""
    place = 8
    while place + 12 <= len(data):
        name, size = struct.unpack(">4sq", data[place : place + 12])
        if name == b"data" and size > 0 and place + 12 + size > len(data):
            cut = f"{len(data) - place - 12:,} of {size:,} bytes are there"
            return [Part(path, 0, len(data), is_whole_file=True, cut=cut)]
        if size < 0:
            break
        place += 12 + size
    return []


# first bytes, what follows somewhere in bytes 4 to 12, who finds the parts
_FINDERS = (
    (_OGG, b"", _ogg_parts),
    (_FLAC_START, b"", _flac_parts),
    (b"RIFF", b"WAVE", _wav_parts),
    (b"caff", b"", _caf_parts),
    (_EBML, b"", _matroska_parts),
    (b"", b"ftyp", _mp4_parts),
)
