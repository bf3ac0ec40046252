"""FLAC (RFC 9639): joined files, and lengths in the header that the frames contradict."""

from __future__ import annotations

import mmap
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from asrkit.audio.parts import Part, places_of
from asrkit.audio.source import LEAST_LOSS_S, believable_duration_s

MAGIC = b"fLaC"

_STREAMINFO = (b"\x00\x00\x00\x22", b"\x80\x00\x00\x22")  # the first block of a file, the last one or not
_TOTAL_AT, _TOTAL_BITS = 18, 36  # 64 bits that end with the number of samples
_SYNC = b"\xff\xf8\xff\xf9"  # frames of one size each, or of several
_SEARCHED_BYTES = 1 << 20  # at the end, for the last frame
_MOST_MARKS = 8
_LONGEST_HEADER_BYTES = 16


def _crc_table(polynomial: int, bits: int) -> list[int]:
    table = []
    for byte in range(256):
        value = byte << bits - 8
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> bits - 1 else 0)
        table.append(value & (1 << bits) - 1)
    return table


_CRC_8, _CRC_16 = _crc_table(0x107, 8), _crc_table(0x1_8005, 16)


class _Frame(NamedTuple):
    number: int  # of its first sample, or of the frame where all are of one size
    counts_samples: bool
    num_samples: int


def find_flac_parts(path: Path, data: mmap.mmap) -> list[Part]:
    """Return the recordings of a FLAC file."""
    starts = [place for place in places_of(MAGIC, data) if place == 0 or data[place + 4 : place + 8] in _STREAMINFO]
    return [_mended(data, part) for part in Part.split(path, starts, len(data))]


def _mended(data: mmap.mmap, part: Part) -> Part:
    """Return a part whose header tells as many samples as its last frame."""
    field = part.start + _TOTAL_AT
    found = _count_samples(data, part.start, part.start + part.size)
    if found is None or field + 8 > len(data):
        return part
    bits = int.from_bytes(data[field : field + 8], "big")
    told, rate_hz = bits & (1 << _TOTAL_BITS) - 1, max(1, bits >> 44)
    if told in (0, found):  # 0: written to a pipe, also by radios, whose stream may change its channels
        return part
    bits = bits - told + found
    part = replace(part, patches=((_TOTAL_AT, bits.to_bytes(8, "big")),), is_whole_file=False)
    told_s, found_s = told / rate_hz, found / rate_hz
    if told_s < found_s or believable_duration_s(told_s, part.size) is None:
        return replace(part, remark=f"its header tells {told_s:,.1f} s, {found_s:,.1f} s are there; all are read")
    return replace(part, cut=f"holds {found_s:.1f} s of {told_s:.1f} s" if told_s - found_s > LEAST_LOSS_S else None)


def _count_samples(data: mmap.mmap, start: int, end: int) -> int | None:
    """Return how many samples the frames hold by the number of the last one, None where that is not sure."""
    place, is_last = start + len(MAGIC), False
    if data[place : place + 4] not in _STREAMINFO:
        return None
    has_one_size = data[place + 4 : place + 6] == data[place + 6 : place + 8]  # smallest and largest frame
    while not is_last and place + 4 <= end:
        block = int.from_bytes(data[place : place + 4], "big")
        is_last, place = bool(block >> 31), place + 4 + (block & 0xFF_FFFF)
    first = _frame_at(data, place)
    last = None if first is None else _last_frame(data, place, end)
    if first is None or last is None or first.counts_samples != last.counts_samples:
        return None
    if not (last.counts_samples or has_one_size):  # old encoders count frames of all sizes, or samples
        return None
    unit = 1 if last.counts_samples else first.num_samples
    return max(0, last.number - first.number) * unit + last.num_samples


def _last_frame(data: mmap.mmap, first: int, end: int) -> _Frame | None:
    """Return the last frame: a header that a checked frame ends at, or a checked frame at the end of the file.

    Bytes within a frame may look like a header; the checksum of all bytes from one header to the next tells.
    """
    marks: list[tuple[int, _Frame | None]] = [(end, None)]  # where frames may end, the last ones first
    place, lowest = end, max(first, end - _SEARCHED_BYTES)
    while len(marks) <= _MOST_MARKS and (place := _sync_before(data, lowest, place)) >= 0:
        frame = _frame_at(data, place)
        if frame is None:
            continue
        for mark, next_frame in reversed(marks):
            if _crc_16(data[place:mark]) == 0:
                return next_frame or frame
        marks.append((place, frame))
    return None


def _sync_before(data: mmap.mmap, lowest: int, place: int) -> int:
    return max(data.rfind(sync, lowest, place) for sync in (_SYNC[:2], _SYNC[2:]))


def _frame_at(data: mmap.mmap, place: int) -> _Frame | None:
    """Read the header of a frame (RFC 9639, section 9.1), None where none with a right checksum is."""
    header = data[place : place + _LONGEST_HEADER_BYTES]
    if len(header) < 6 or header[:2] not in (_SYNC[:2], _SYNC[2:]):
        return None
    size_code, rate_code = header[2] >> 4, header[2] & 15
    more = 8 - (header[4] ^ 0xFF).bit_length()  # bytes of the number, as UTF-8 has them
    at = 4 + max(1, more)
    size_bytes = {6: 1, 7: 2}.get(size_code, 0)
    crc_at = at + size_bytes + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if more == 1 or more > 7 or size_code == 0 or rate_code == 15 or crc_at >= len(header):
        return None
    if _crc_8(header[: crc_at + 1]):
        return None
    number = header[4] & (0x7F if not more else 0x7F >> more)
    for byte in header[5:at]:
        number = number << 6 | byte & 0x3F
    return _Frame(number, bool(header[1] & 1), _num_samples(size_code, header[at : at + size_bytes]))


def _num_samples(code: int, told: bytes) -> int:
    if told:
        return int.from_bytes(told, "big") + 1
    return 192 if code == 1 else 144 << code if code < 6 else 1 << code


def _crc_8(data: bytes) -> int:
    value = 0
    for byte in data:
        value = _CRC_8[value ^ byte]
    return value


def _crc_16(data: bytes) -> int:
    value = 0
    for byte in data:
        value = (value << 8 & 0xFFFF) ^ _CRC_16[value >> 8 ^ byte]
    return value
