"""Ogg (RFC 3533): joined files, and pages that are damaged or missing, which libsndfile leaves out in silence."""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from asrkit.audio.parts import Part

MAGIC = b"OggS\0"

_HEADER = struct.Struct("<4sBBqIIIB")
_CRC_AT = slice(22, 26)
_BEGINS = 0x02
_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
# How a stream of sound begins, and where that tells the rate in which its pages count time; Opus counts 48,000.
_SOUNDS: tuple[tuple[bytes, int, Literal["little", "big"], int], ...] = (
    (b"\x01vorbis", 12, "little", 0),
    (b"Speex   ", 36, "little", 0),
    (b"\x7fFLAC", 27, "big", 12),  # 20 bits
)


@dataclass(frozen=True)
class _Page:
    start: int
    end: int
    is_whole: bool  # as its checksum tells
    begins: bool  # a stream
    granule: int  # samples of the stream to the page's end, -1 where no packet ends on it
    serial: int
    number: int
    packet: int  # its first byte


@dataclass
class _Stream:
    """What has come of a stream of sound."""

    rate_hz: int
    number: int = 0
    granule: int = 0
    missing: int = 0  # pages since the granule was told
    seen: int = 0
    num_pages: int = 0
    lost_samples: float = 0.0

    def take(self, page: _Page, num_damaged: int) -> None:
        gap = max(0, page.number - self.number - 1)
        self.number = page.number
        if page.granule == 0:  # headers
            return
        # a stream that was recorded from the web begins anywhere
        self.missing += gap if self.granule else min(gap, num_damaged)
        self.seen, self.num_pages = self.seen + 1, self.num_pages + 1
        if page.granule < 0:
            return
        share = self.missing / (self.missing + self.seen)
        self.lost_samples += max(0, page.granule - self.granule) * share
        self.granule, self.missing, self.seen = page.granule, 0, 0

    def end(self, num_damaged: int) -> float:
        """Return how many seconds are lost, the last pages of the file among them."""
        a_page = self.granule / max(1, self.num_pages)
        return (self.lost_samples + num_damaged * a_page) / self.rate_hz


@dataclass
class _Link:
    """The streams that begin at one place."""

    start: int
    streams: dict[int, _Stream] = field(default_factory=dict)
    num_damaged: int = 0  # pages since the last whole one

    def take(self, data: mmap.mmap, page: _Page) -> None:
        if page.begins and (rate_hz := _rate_hz(data, page.packet)):
            self.streams[page.serial] = _Stream(rate_hz, page.number)
        elif page.serial in self.streams:
            self.streams[page.serial].take(page, self.num_damaged)
        self.num_damaged = 0

    def lost_s(self) -> float:
        return max((stream.end(self.num_damaged) for stream in self.streams.values()), default=0.0)


def find_ogg_parts(path: Path, data: mmap.mmap) -> list[Part]:
    """Walk from page to page; where streams begin anew, a part does."""
    links = [_Link(0)]
    is_beginning, is_cut = True, False
    for page in _pages(data):
        is_cut = page.end > len(data)
        if not page.is_whole:
            links[-1].num_damaged += not is_cut
            continue
        if page.begins and not is_beginning:
            links.append(_Link(page.start))
        is_beginning = page.begins
        links[-1].take(data, page)
    parts = Part.split(path, [link.start for link in links], len(data))
    parts = [replace(part, lost_s=link.lost_s()) for part, link in zip(parts, links, strict=True)]
    return [*parts[:-1], replace(parts[-1], cut="the last Ogg page is cut" if is_cut else None)]


def _pages(data: mmap.mmap) -> Iterator[_Page]:
    """Yield whatever begins like a page; behind a damaged one the next may begin anywhere."""
    place = 0
    while (start := data.find(MAGIC, place)) >= 0:
        header = data[start : start + _HEADER.size]
        if len(header) < _HEADER.size:
            yield _Page(start, len(data) + 1, False, False, -1, 0, 0, 0)
            return
        _, _, flags, granule, serial, number, _, segments = _HEADER.unpack(header)
        packet = start + _HEADER.size + segments
        sizes = data[start + _HEADER.size : packet]
        end = packet + sum(sizes) + segments - len(sizes)
        is_whole = end <= len(data) and header[_CRC_AT] == _checksum(header, data[start + _HEADER.size : end])
        yield _Page(start, end, is_whole, bool(flags & _BEGINS), granule, serial, number, packet)
        place = end if is_whole else start + len(MAGIC)


def _checksum(header: bytes, rest: bytes) -> bytes:
    """Return the CRC of a page: zlib's polynomial with the bits of all bytes the other way, from 0, not inverted."""
    page = header[: _CRC_AT.start] + bytes(4) + header[_CRC_AT.stop :] + rest
    crc = zlib.crc32(page.translate(_REVERSED_BITS), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return crc.to_bytes(4, "big").translate(_REVERSED_BITS)


def _rate_hz(data: mmap.mmap, packet: int) -> int | None:
    """Return the rate in which a stream counts time, None where it is no sound."""
    if data[packet : packet + 8] == b"OpusHead":
        return 48_000
    for magic, place, order, shift in _SOUNDS:
        if data[packet : packet + len(magic)] == magic:
            return int.from_bytes(data[packet + place : packet + place + 4], order) >> shift
    return None
