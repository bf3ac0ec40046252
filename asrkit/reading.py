"""Files of strangers: found, of so many bytes, regular ones, and arrays in which nothing is ever executed.

Nothing is allocated that a file does not hold.
"""

from __future__ import annotations

import errno
import json
import lzma
import math
import os
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import numpy.typing as npt

_MOST_ARRAY_BYTES = 4 << 30  # of an array that is compressed, once it is not
_DEFLATE_RATIO = 1100  # no compressed file is longer than this many times its length
_PIECE_BYTES = 1 << 24
_MOST_TEXT_BYTES, _MOST_PIPED_BYTES = 4 << 30, 1 << 29
_MOST_QUOTED = 300
_POINTER = b"version https://git-lfs."  # which stands in the place of a large file until Git fetches it

# What gzip, bz2, lzma and zipfile raise for a damaged file.
UNPACKING_ERRORS = (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error)

_T = TypeVar("_T")
Header = tuple[tuple[int, ...], np.dtype[Any]]


class UnreadableError(ValueError):
    """What is the matter with a file, in one line; who wanted it makes an error of their own of it."""


def files_below(folder: Path) -> list[Path]:
    """Return the files below a folder, those in linked folders too, in the order of their paths.

    What is hidden is left out: ``._NAME`` is what macOS keeps beside NAME.
    """
    found: list[Path] = []
    met: set[tuple[int, int]] = set()
    is_new_folder(folder, met)
    for name, folders, files in os.walk(folder, followlinks=True):
        parent = Path(name)
        folders[:] = sorted(folder for folder in folders if is_new_folder(parent / folder, met))
        found += [parent / file for file in files if not file.startswith(".")]
    return sorted(found)


def is_new_folder(folder: Path, met: set[tuple[int, int]]) -> bool:
    """Whether a folder is neither hidden nor met before; links that form a loop end here."""
    if folder.name.startswith("."):
        return False
    try:
        status = folder.stat()
    except OSError:
        return False
    key = (status.st_dev, status.st_ino)
    is_new = key not in met
    met.add(key)
    return is_new


def require_plain(path: Path) -> None:
    """Refuse what is there but no regular file: a pipe would keep us waiting, a device never ends.

    Raises:
        OSError: It is none.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "is no regular file", str(path))


def read_bounded(path: Path, most_bytes: int) -> bytes:
    """Return the content of a file.

    Raises:
        OSError: It cannot be read, holds more bytes, or is a pointer of Git LFS.
    """
    data = bytearray()
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):  # no matter what size it is said to have
            data += piece
            if len(data) > most_bytes:
                raise OSError(errno.EFBIG, f"is larger than {most_bytes >> 20:,} MB; refusing it", str(path))
    if data.startswith(_POINTER):
        raise OSError(
            errno.EINVAL, "is a pointer of Git LFS and not the file itself; fetch it: git lfs pull", str(path)
        )
    return bytes(data)


def read_whole(path: Path) -> bytes:
    """Return the content of a text of any size that makes sense: less where a pipe or a device may go on for ever.

    Raises:
        OSError: It cannot be read, or holds more bytes.
    """
    return read_bounded(path, _MOST_TEXT_BYTES if path.is_file() else _MOST_PIPED_BYTES)


def parse_json(text: str | bytes, **how: Any) -> Any:
    """Return a value written as JSON.

    Args:
        text: Of the value.
        how: As ``json.loads`` has it.

    Raises:
        ValueError: It is none, or nested more deeply than can be read.
    """
    try:
        return json.loads(text, **how)
    except RecursionError:
        raise ValueError("its lists or objects are nested too deeply") from None


class ArrayArchive:
    """The arrays of an open ``.npz`` file.

    Args:
        archive: The file.

    Attributes:
        members: The names of its parts; those of arrays end in ``.npy``.
        num_bytes: How much it says that they hold, unpacked.
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.members = archive.namelist()
        self.num_bytes = sum(info.file_size for info in archive.infolist())

    @property
    def names(self) -> list[str]:
        """The names of the arrays."""
        return [member.removesuffix(".npy") for member in self.members]

    def header(self, name: str) -> Header:
        """Return shape and type of an array.

        Raises:
            UnreadableError: There is none, or it cannot be used.
        """
        with unreadable_in_one_line(), self._open(name) as (file, size):
            return read_npy_header(file, size)

    def read(self, name: str) -> npt.NDArray[Any]:
        """Return an array.

        Raises:
            UnreadableError: There is none, or it cannot be used.
        """
        with unreadable_in_one_line(), self._open(name) as (file, size):
            return read_npy(file, size)

    @contextmanager
    def _open(self, name: str) -> Iterator[tuple[IO[bytes], int]]:
        try:
            member = self._archive.getinfo(f"{name}.npy")
        except KeyError:
            raise UnreadableError(f"there is no array {name!r} in it") from None
        size = member.file_size
        if size > min(_MOST_ARRAY_BYTES, _DEFLATE_RATIO * member.compress_size + 1024):
            raise UnreadableError(f"claims to hold {size:,} bytes; refusing it")
        with self._archive.open(member) as file:
            yield file, size


@contextmanager
def open_npz(path: Path) -> Iterator[ArrayArchive]:
    """Open a file that ``numpy.savez`` wrote.

    Raises:
        FileNotFoundError: There is none.
        UnreadableError: It is something else.
    """
    with unreadable_in_one_line():
        require_plain(path)
        archive = zipfile.ZipFile(path)
    with archive:
        yield ArrayArchive(archive)


@contextmanager
def unreadable_in_one_line() -> Iterator[None]:
    """Turn whatever goes wrong inside a file into an UnreadableError, but for a missing file or a lack of memory."""
    try:
        yield
    except (UnreadableError, FileNotFoundError, MemoryError):
        raise
    except Exception as error:  # zipfile, its codecs and numpy have errors of many kinds
        raise UnreadableError(in_one_line(error)) from None


def in_one_line(error: Exception) -> str:
    """Say what is the matter with a file."""
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror.lower()}"
    if isinstance(error, zipfile.BadZipFile):
        return f"is not an archive that numpy.savez wrote: {error}"
    return one_line(error) or type(error).__name__


def one_line(said: object) -> str:
    """Return what a stranger says, in one line of a bounded length: an error may quote all of an answer."""
    return " ".join(str(said)[:_MOST_QUOTED].split())


def while_it_comes(ask: Callable[[], _T], num_bytes: Callable[[], int], least_bytes: int, patience_s: float) -> _T:
    """Return the answer of a server, unless it lets one wait: bytes that drip would keep a run for days.

    Args:
        ask: Gives the answer; goes on behind, in a thread of its own, when nobody waits for it any more.
        num_bytes: How many bytes there are.
        least_bytes: How many must come within ``patience_s``.
        patience_s: Seconds.

    Raises:
        TimeoutError: Fewer came.
    """
    from concurrent.futures import Future, wait  # which load logging: nothing that every start has to pay for

    answer: Future[_T] = Future()

    def work() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    seen = num_bytes()
    while not wait([answer], patience_s).done:
        before, seen = seen, num_bytes()
        if 0 <= seen - before < least_bytes:  # with fewer than before, it began anew
            raise TimeoutError(f"fewer than {least_bytes:,} bytes came in {patience_s:g} s")
    return answer.result()


def read_npy_header(file: IO[bytes], size: int) -> Header:
    """Return shape and type of the array that begins here, in a file of ``size`` bytes.

    Raises:
        ValueError: There is none that can be used.
    """
    return _parse_header(file, size)[:2]


def read_npy(file: IO[bytes], size: int) -> npt.NDArray[Any]:
    """Return the array that begins here, in a file of ``size`` bytes.

    Raises:
        ValueError: There is none that can be used.
    """
    shape, dtype, is_fortran = _parse_header(file, size)
    data = bytearray(file.read(math.prod(shape) * dtype.itemsize))  # which may be written to
    return np.frombuffer(data, dtype).reshape(shape, order="F" if is_fortran else "C")


def _parse_header(file: IO[bytes], size: int) -> tuple[tuple[int, ...], np.dtype[Any], bool]:
    """Return shape, type and order of an array."""
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
