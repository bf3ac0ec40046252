"""What headers declare that FFmpeg does not tell: the frames of an MP3, the bytes of AVI and ASF, the index of MP4."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import BinaryIO

_RIFF_HEADER = struct.Struct("<4sI4s")
_ASF_OBJECT = struct.Struct("<16sQ")  # GUID and size with this header
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_SEARCHED_BYTES = 4_096
_UNKNOWN_SIZE = 0x7FFF_0000  # writers to a pipe put the largest number into the size field
_MOST_CHUNKS = 10_000  # a damaged file may hold any number of empty ones


def mp3_frames(path: Path) -> int:
    """Return how many frames the first one of an MP3 counts; 0 where it counts none, and libraries guess its length.

    FFmpeg's answer will not do: it is guessed from the bit rate where the file is longer.
    """
    with path.open("rb") as file:
        _skip_tags(file)
        first_frame = file.read(_SEARCHED_BYTES)
    frames = 0
    for mark in (b"Xing", b"Info"):  # flags, then the number of frames where the first one is set
        place = first_frame.find(mark)
        if place >= 0 and len(counted := first_frame[place + 4 : place + 12]) == 8 and counted[3] & 1:
            frames = int.from_bytes(counted[4:], "big")
    if (place := first_frame.find(b"VBRI")) >= 0:  # version, delay, quality, bytes, frames
        frames = int.from_bytes(first_frame[place + 14 : place + 18], "big")
    return frames


def _skip_tags(file: BinaryIO) -> None:
    """Go to the first byte behind the ID3 tags at the beginning."""
    place = 0
    while (head := file.read(10)).startswith(b"ID3") and len(head) == 10:  # sizes are written in 7 bits a byte
        place += 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        file.seek(place)
    file.seek(place)


def lacks_index(path: Path, head: bytes) -> bool:
    """Tell whether an MP4 or its kin has nowhere what tells where its sound is: recorders write it when they stop."""
    if head[4:8] != b"ftyp":
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(b"moov") < 0


def missing_part(path: Path) -> float:
    """Return the bytes of packets that lie behind the end of an AVI or ASF file, as a share of those it holds.

    0 where nothing tells.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_ASF_OBJECT.size)
        total, end = _asf_packets(file, size, head) if head.startswith(_ASF_HEADER) else _avi_packets(file, size)
    missing = max(0, end - size)
    return missing / max(1, total - missing)


def _asf_packets(file: BinaryIO, size: int, head: bytes) -> tuple[int, int]:
    """Return the bytes of the object that holds the packets, and where it ends (ASF specification, section 5)."""
    start = int(_ASF_OBJECT.unpack(head)[1]) if len(head) == _ASF_OBJECT.size else size
    if start + _ASF_OBJECT.size > size:
        return 0, 0
    file.seek(start)
    head = file.read(_ASF_OBJECT.size)
    if not head.startswith(_ASF_DATA):
        return 0, 0
    length = int(_ASF_OBJECT.unpack(head)[1])  # broadcasts say 0
    return length, start + length


def _avi_packets(file: BinaryIO, size: int) -> tuple[int, int]:
    """Return the bytes of all lists of packets, and where the last one ends; large files hold several (OpenDML)."""
    total = end = place = 0
    for _ in range(_MOST_CHUNKS):
        if place + _RIFF_HEADER.size > size:
            break
        file.seek(place)
        name, length, kind = _RIFF_HEADER.unpack(file.read(_RIFF_HEADER.size))
        if kind == b"movi" and length < _UNKNOWN_SIZE:
            total, end = total + 8 + length, place + 8 + length
        # into a file, over a list or a chunk
        place += _RIFF_HEADER.size if name == b"RIFF" else 8 + length + (length & 1)
    return total, end
