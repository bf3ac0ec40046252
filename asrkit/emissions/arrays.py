"""Arrays of other toolkits: ``.npy``, ``.npz`` and Kaldi archives, listed by their headers and read one by one.

Nothing in a file is executed, and nothing is allocated that the file does not hold.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asrkit.errors import DecodingError
from asrkit.reading import UnreadableError, in_one_line, open_npz, read_npy, read_npy_header, unreadable_in_one_line

FloatArray = npt.NDArray[np.float32]

_BFLOAT16 = np.dtype("V2")  # what numpy makes of it on disk


@dataclass(frozen=True)
class ArrayFile:
    """Emissions of one utterance in a file of another toolkit."""

    path: Path
    key: str  # what the file calls it; "" where it holds nothing else
    shape: tuple[int, int]  # ``(steps, outputs)``
    offset: int | None = None  # where it begins in a Kaldi archive
    fingerprint: str = ""  # what tells it from another version of it

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
                with open_npz(self.path) as arrays:
                    values = arrays.read(self.key)
            else:
                with unreadable_in_one_line(), self.path.open("rb") as file:
                    values = read_npy(file, self.path.stat().st_size)
        except (OSError, ValueError) as error:
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
    """An array that cannot be used."""

    key: str  # what the file calls it; "" for the whole file
    problem: str  # why, in one line


def list_npy(path: Path) -> Iterator[ArrayFile | BadArray]:
    """Yield the one array of a ``.npy`` file."""
    try:
        with unreadable_in_one_line(), path.open("rb") as file:
            shape = matrix_shape(*read_npy_header(file, path.stat().st_size))
        yield ArrayFile(path, "", shape, fingerprint=fingerprint(path))
    except (OSError, ValueError) as error:
        yield BadArray("", in_one_line(error))


def list_npz(path: Path) -> Iterator[ArrayFile | BadArray]:
    """Yield the arrays of a ``.npz`` file."""
    try:
        with open_npz(path) as arrays:
            stamp = fingerprint(path)
            for member in arrays.members:
                key = member.removesuffix(".npy")
                try:
                    if key == member:
                        raise UnreadableError("is not an array")
                    shape = matrix_shape(*arrays.header(key))
                    yield ArrayFile(path, key, shape, fingerprint=f"{stamp}-{key}")
                except ValueError as error:
                    yield BadArray(key, f"{key!r}: {error}")
    except (OSError, ValueError) as error:
        yield BadArray("", in_one_line(error))


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


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path, all its links followed, lies below a folder."""
    return os.path.realpath(path).startswith(os.path.realpath(folder).rstrip(os.sep) + os.sep)
