"""Recordings within files, read through a window on the file; what is mended is mended there, never on the disk."""

from __future__ import annotations

import io
import mmap
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


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
    lost_s: float = 0.0  # of its sound, as far as its structure tells of damage before its end
    remark: str | None = None  # what was wrong with its header

    @classmethod
    def whole(cls, path: Path) -> Part:
        """Return a file as one recording, as it lies on the disk."""
        return cls(path, 0, path.stat().st_size, is_whole_file=True)

    @classmethod
    def split(cls, path: Path, starts: Sequence[int], size: int) -> list[Part]:
        """Return the recordings of a file of so many bytes by their first ones."""
        spans = zip(starts, [*starts[1:], size], strict=True)
        return [cls(path, first, last - first, is_whole_file=len(starts) == 1) for first, last in spans]


def places_of(mark: bytes, data: mmap.mmap) -> Iterator[int]:
    """Yield where some bytes stand."""
    place = data.find(mark)
    while place >= 0:
        yield place
        place = data.find(mark, place + len(mark))


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
