"""Which recordings a file holds.

`cat a.flac b.flac` makes a file that players read to its end, and libraries to the end of its first part.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from asrkit.audio import flac
from asrkit.audio.headers import MAGICS, find_sample_parts
from asrkit.audio.parts import Part

_OGG = b"OggS\0"
_OGG_HEADER_BYTES = 27
_OGG_BEGINS, _OGG_PAGE_FLAGS = 0x02, 5
_OGG_SERIAL = slice(14, 18)
_EBML = b"\x1aE\xdf\xa3"


def find_parts(path: Path, head: bytes) -> list[Part]:
    """Return the parts of a file like Ogg, FLAC, WAV, Matroska, MP4 or their kin; any other is one, as it is.

    Args:
        path: The file.
        head: Its first bytes.
    """
    whole = Part.whole(path)
    finder = next((find for magic, kind, find in _FINDERS if head.startswith(magic) and kind in head[4:12]), None)
    if finder is not None and whole.size > 0:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if parts := finder(path, data):
                return parts
    return [whole]


def _from_starts(path: Path, starts: list[int], size: int) -> list[Part]:
    if len(starts) <= 1:
        return []
    return [Part(path, first, last - first) for first, last in zip(starts, [*starts[1:], size], strict=True)]


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


# first bytes, what follows somewhere in bytes 4 to 12, who finds the parts
_FINDERS = (
    (_OGG, b"", _ogg_parts),
    (flac.MAGIC, b"", flac.find_flac_parts),
    *((magic, b"", find_sample_parts) for magic in MAGICS),
    (_EBML, b"", _matroska_parts),
    (b"", b"ftyp", _mp4_parts),
)
