"""Kaldi's archives and the tables that point into them.

Plain matrices need nothing else; kaldiio unpacks compressed ones, once their headers are believed.
"""

from __future__ import annotations

import importlib
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from asrkit.emissions.arrays import ArrayFile, BadArray, FloatArray, fingerprint, is_inside, matrix_shape

_LONGEST_KEY = 4096
_BETWEEN = re.compile(r"[ \t]+")
_PLACE = re.compile(r"(.*\S):([0-9]+)")
_PLAIN: dict[bytes, Any] = {b"FM": np.dtype("<f4"), b"DM": np.dtype("<f8")}
# Bytes of each kind of matrix, by its rows and columns.
_SIZES = {
    b"FM": lambda rows, columns: 4 * rows * columns,
    b"DM": lambda rows, columns: 8 * rows * columns,
    b"CM": lambda rows, columns: 8 * columns + rows * columns,
    b"CM2": lambda rows, columns: 2 * rows * columns,
    b"CM3": lambda rows, columns: rows * columns,
}


def list_ark(path: Path) -> Iterator[ArrayFile | BadArray]:
    """Yield the matrices of a binary archive; a damaged one ends the list, as nothing says where the next is."""
    key = ""
    try:
        stamp, size = fingerprint(path), path.stat().st_size
        with path.open("rb") as file:
            while file.tell() < size:
                key = ""
                key = _read_key(file)
                offset = file.tell()
                kind, shape, num_bytes = _read_header(file, size)
                yield _checked(ArrayFile(path, key, shape, offset, f"{stamp}-{offset}"), kind)
                file.seek(num_bytes, 1)
    except (OSError, ValueError) as error:
        yield BadArray(key, f"{key!r}: {error}" if key else str(error))


def list_scp(path: Path) -> Iterator[ArrayFile | BadArray]:
    """Yield the matrices of a table of ``key archive:offset`` lines; archives lie beside it or below."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        yield BadArray("", f"cannot be read: {error}")
        return
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        key, *place = _BETWEEN.split(line.strip(), maxsplit=1)
        try:
            yield _look_up(key, "".join(place), path.parent)
        except (OSError, ValueError) as error:
            yield BadArray(key, f"line {number}, {key!r}: {error}")


def read_matrix(path: Path, offset: int) -> FloatArray:
    """Return the matrix that begins at an offset.

    Raises:
        ValueError: There is none.
    """
    with path.open("rb") as file:
        file.seek(offset)
        kind, shape, num_bytes = _read_header(file, path.stat().st_size)
        if kind in _PLAIN:
            values = np.frombuffer(file.read(num_bytes), _PLAIN[kind]).reshape(shape)
        else:
            file.seek(offset)
            values = importlib.import_module("kaldiio.matio").read_matrix_or_vector(file)
    matrix: FloatArray = values.astype(np.float32)
    return matrix


def _look_up(key: str, place: str, folder: Path) -> ArrayFile | BadArray:
    if "|" in place:
        raise ValueError("is a pipe; commands are not run, copy the archive to a file first")
    match = _PLACE.fullmatch(place)
    if match is None:
        raise ValueError(f"{place!r} is not archive:offset; make the table with copy-matrix or kaldiio")
    # Kaldi counts from where it ran, everybody else from the table.
    named = Path(match[1])
    path = next((path for path in (folder / named, Path.cwd() / named) if path.is_file()), folder / named)
    if not is_inside(path, folder):
        raise ValueError(f"{match[1]} lies outside the folder of the table; put the table and its archives together")
    if not path.is_file():
        raise ValueError(f"no such archive: {match[1]}")
    offset, size = int(match[2]), path.stat().st_size
    with path.open("rb") as file:
        file.seek(offset)
        kind, shape, _ = _read_header(file, size)
    return _checked(ArrayFile(path, key, shape, offset, f"{fingerprint(path)}-{offset}"), kind)


def _checked(file: ArrayFile, kind: bytes) -> ArrayFile | BadArray:
    try:
        matrix_shape(file.shape, np.dtype(np.float32))
        if kind not in _PLAIN:
            importlib.import_module("kaldiio")
    except ValueError as error:
        return BadArray(file.key, f"{file.key!r}: {error}")
    except ImportError:
        return BadArray(file.key, f"{file.key!r}: is compressed, which needs kaldiio: pip install kaldiio")
    return file


def _read_key(file: IO[bytes]) -> str:
    start = file.tell()
    key, space, _ = file.read(_LONGEST_KEY).partition(b" ")
    if not space:
        raise ValueError(f"no key at byte {start}; this is no Kaldi archive, or its end is missing")
    file.seek(start + len(key) + 1)
    return key.decode("utf-8")


def _read_header(file: IO[bytes], size: int) -> tuple[bytes, tuple[int, int], int]:
    """Return kind, rows and columns of the matrix that begins here, and how many bytes of it follow."""
    start = file.read(2)
    begin = file.tell()
    if start != b"\0B":
        if start[:1] in b" [0123456789-" and start:
            raise ValueError("is written as text; copy it with copy-matrix ark,t:IN ark:OUT")
        raise ValueError("is not a binary matrix of Kaldi")
    kind, _, rest = file.read(20).partition(b" ")
    if kind not in _SIZES:
        raise ValueError(f"is of kind {kind.decode('ascii', 'replace')!r}, not a matrix of Kaldi")
    try:
        if kind in _PLAIN:
            four, rows, again, columns = struct.unpack_from("<bibi", rest)
            length = 10
            if (four, again) != (4, 4):
                raise ValueError("is damaged")
        else:
            rows, columns = struct.unpack_from("<ii", rest, 8)
            length = 16
    except struct.error:
        raise ValueError("its end is missing") from None
    file.seek(begin + len(kind) + 1 + length)
    promised, left = _SIZES[kind](rows, columns), size - file.tell()
    if rows < 0 or columns < 0 or promised > left:
        raise ValueError(f"its header promises {promised:,} bytes of shape ({rows}, {columns}), but {left:,} follow")
    return kind, (rows, columns), promised
