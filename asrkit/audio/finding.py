"""Which recordings a file holds.

`cat a.flac b.flac` makes a file that players read to its end, and libraries to the end of its first part.
"""

from __future__ import annotations

import mmap
import re
import struct
from pathlib import Path

from asrkit.audio import flac, headers, ogg
from asrkit.audio.parts import Part, places_of

_EBML, _EBML_KIND = b"\x1aE\xdf\xa3", re.compile(b"webm|matroska")


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


def _matroska_parts(path: Path, data: mmap.mmap) -> list[Part]:
    starts = [place for place in places_of(_EBML, data) if place == 0 or _EBML_KIND.search(data, place, place + 64)]
    return Part.split(path, starts, len(data))


def _mp4_parts(path: Path, data: mmap.mmap) -> list[Part]:
    """Walk from box to box (ISO 14496-12, section 4.2); each file type begins a part."""
    starts, place = [0], 0
    while place + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[place : place + 8])
        if kind == b"ftyp" and place > 0:
            starts.append(place)
        if size == 1:  # a size of 64 bits follows
            size = int.from_bytes(data[place + 8 : place + 16], "big")
        if size < 8:  # the last box goes to the end, or something is wrong
            break
        place += size
    return Part.split(path, starts, len(data))


# first bytes, what follows somewhere in bytes 4 to 12, who finds the parts
_FINDERS = (
    (ogg.MAGIC, b"", ogg.find_ogg_parts),
    (flac.MAGIC, b"", flac.find_flac_parts),
    *((magic, b"", headers.find_sample_parts) for magic in headers.MAGICS),
    (_EBML, b"", _matroska_parts),
    (b"", b"ftyp", _mp4_parts),
)
