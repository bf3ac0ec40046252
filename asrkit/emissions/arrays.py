"""Arrays of other toolkits: ``.npy``, ``.npz`` and Kaldi archives, listed by their headers and read one by one.

Nothing in a file is executed, and nothing is allocated that the file does not hold.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from asrkit.errors import DecodingError

FloatArray = npt.NDArray[np.float32]

_MAX_BYTES = 4 << 30  # of an array that is compressed, once it is not
_DEFLATE_RATIO = 1100  # no compressed file is longer than this many times its length
_BFLOAT16 = np.dtype("V2")  # what numpy makes of it on disk


@dataclass(frozen=True)
class ArrayFile:
    """Emissions of one utterance in a file of another toolkit.

    Args:
        path: The file.
        key: What the file calls it; "" where it holds nothing else.
        shape: ``(steps, outputs)``.
        offset: Where it begins in a Kaldi archive.
        fingerprint: What tells it from another version of it.
    """

    path: Path
    key: str
    shape: tuple[int, int]
    offset: int | None = None
    fingerprint: str = ""

    def read(self) -> FloatArray:
        """Return its values, ``shape``.

        Raises:
            DecodingError: The file is not what it was when it was listed.
        """
        try:
            if self.offset is not None:
                from asrkit.emissions.kaldi import read_matrix

                values = read_matrix(self.path, self.offset)
            elif self.path.suffix == ".npz":
                with zipfile.ZipFile(self.path) as archive:
                    values = read_member(archive, f"{self.key}.npy")
            else:
                with self.path.open("rb") as file:
                    values = _read_npy(file, self.path.stat().st_size)
        except _UNREADABLE as error:
            raise DecodingError(f"cannot be read: {error}", path=self.path) from None
        if values.dtype == _BFLOAT16:
            values = (values.view("<u2").astype(np.uint32) << 16).view(np.float32)
        if values.ndim == 3 and len(values) == 1:
            values = values[0]
        if values.shape != self.shape:
            raise DecodingError(f"its shape has changed to {values.shape}; start again", path=self.path)
        return values.astype(np.float32)


@dataclass(frozen=True)
class BadArray:
    """An array that cannot be used.

    Args:
        key: What the file calls it; "" for the whole file.
        problem: Why, in one line.
    """

    key: str
    problem: str


_UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError)


def list_npy(path: Path) -> Iterator[ArrayFile | BadArray]:
    """Yield the one array of a ``.npy`` file."""
    try:
        with path.open("rb") as file:
            shape = matrix_shape(*_read_header(file, path.stat().st_size))
        yield ArrayFile(path, "", shape, fingerprint=fingerprint(path))
    except _UNREADABLE as error:
        yield BadArray("", _why(error))


def list_npz(path: Path) -> Iterator[ArrayFile | BadArray]:
    """Yield the arrays of a ``.npz`` file."""
    try:
        with zipfile.ZipFile(path) as archive:
            stamp = fingerprint(path)
            for member in archive.infolist():
                key = member.filename.removesuffix(".npy")
                try:
                    if key == member.filename:
                        raise ValueError("is not an array")
                    with _open_member(archive, member) as file:
                        shape = matrix_shape(*_read_header(file, member.file_size))
                    yield ArrayFile(path, key, shape, fingerprint=f"{stamp}-{key}")
                except _UNREADABLE as error:
                    yield BadArray(key, f"{key!r}: {_why(error)}")
    except _UNREADABLE as error:
        yield BadArray("", _why(error))


def read_member(archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    """Return an array of a ``.npz`` file.

    Raises:
        KeyError, ValueError, OSError, zipfile.BadZipFile: There is none, or it cannot be used.
    """
    member = archive.getinfo(name)
    with _open_member(archive, member) as file:
        return _read_npy(file, member.file_size)


def _open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    if member.file_size > min(_MAX_BYTES, _DEFLATE_RATIO * member.compress_size + 1024):
        raise ValueError(f"claims to hold {member.file_size:,} bytes; refusing it")
    return archive.open(member)


def matrix_shape(shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, int]:
    """Return the steps and outputs of an array; a batch of one is taken.

    Raises:
        ValueError: It cannot be emissions.
    """
    if dtype.kind != "f" and dtype != _BFLOAT16:
        raise ValueError(f"holds {dtype}, not floating-point numbers")
    bare = shape[1:] if len(shape) == 3 and shape[0] == 1 else shape
    if len(bare) != 2:
        raise ValueError(f"has the shape {shape}, not (steps, outputs); give each utterance its own array")
    if bare[0] == 0 or bare[1] == 0:
        raise ValueError(f"has the shape {shape}: there is not one step")
    return bare[0], bare[1]


def fingerprint(path: Path) -> str:
    """Return what tells a file from another version of it."""
    status = path.stat()
    return f"{status.st_size}-{status.st_mtime_ns}"


def _read_header(file: IO[bytes], size: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
    return _parse_header(file, size)[:2]


def _read_npy(file: IO[bytes], size: int) -> npt.NDArray[Any]:
    shape, dtype, is_fortran = _parse_header(file, size)
    values = np.frombuffer(file.read(math.prod(shape) * dtype.itemsize), dtype)
    return values.reshape(shape, order="F" if is_fortran else "C")


def _parse_header(file: IO[bytes], size: int) -> tuple[tuple[int, ...], np.dtype[Any], bool]:
    """Return shape, type and order of the array that begins here, in a file of ``size`` bytes."""
    readers: Any = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    start = file.read(6)
    if start != b"\x93NUMPY":
        if start[:1] == b"\x80" or start[:2] == b"PK":
            raise ValueError("is a pickle or an archive, not an array; save the array with numpy.save")
        raise ValueError("is not an array that numpy.save wrote")
    version = tuple(file.read(2))
    if version not in readers:
        raise ValueError(f"has a header of version {version}; save the array with numpy.save")
    try:
        shape, is_fortran, dtype = readers[version](file)
    except Exception:  # numpy's parser raises whatever the parser of Python does
        raise ValueError("its header cannot be read; save the array with numpy.save") from None
    if dtype.hasobject:
        raise ValueError("holds Python objects, which could run code; save numbers with numpy.save")
    promised, left = math.prod(shape) * dtype.itemsize, size - file.tell()
    if promised > left or min(shape, default=0) < 0:
        raise ValueError(f"its header promises {promised:,} bytes of shape {shape}, but {left:,} follow")
    return shape, dtype, is_fortran


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror.lower()}"
    if isinstance(error, zipfile.BadZipFile):
        return f"is not an archive that numpy.savez wrote: {error}"
    return " ".join(str(error).split()) or type(error).__name__


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path, all its links followed, lies below a folder."""
    return os.path.realpath(path).startswith(os.path.realpath(folder).rstrip(os.sep) + os.sep)
