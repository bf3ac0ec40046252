"""Files of the language model tools: compressed or not, and whole or not there at all."""

from __future__ import annotations

import bz2
import gzip
import lzma
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, cast

import numpy as np
import numpy.typing as npt

from asrkit.errors import AsrkitError, ConfigError, LanguageModelError, MissingPathError
from asrkit.packages import needed
from asrkit.reading import UNPACKING_ERRORS, require_plain
from asrkit.writing import written_whole

COMPRESSED_SUFFIXES = (".gz", ".xz", ".bz2", ".zst")
BINARY_MAGIC = b"asrkit n-grams\n"
KENLM_MAGIC = b"mmap lm http://kheafield.com/code"
# Models shrink to a third or a tenth. What unpacks to much more than that fills the memory on purpose.
_MOST_UNPACKED = 50
_FREE_BYTES = 1 << 26
_READ_BYTES = 1 << 20
_ZSTANDARD_BYTES = 1 << 10  # unpacked at once, to no more than 32 MB


@dataclass(frozen=True)
class ModelFile:
    """A model as it lies on the disk."""

    path: Path
    data: npt.NDArray[np.uint8]  # its bytes, unpacked if it is compressed
    status: os.stat_result  # of the file that was opened, whatever the path has led to since
    is_mapped: bool  # whether the bytes stay on the disk until they are needed

    @property
    def is_binary(self) -> bool:
        """Whether it is a binary model of asrkit."""
        return self.data[: len(BINARY_MAGIC)].tobytes() == BINARY_MAGIC

    @property
    def is_kenlm(self) -> bool:
        """Whether it is a binary model of KenLM."""
        return self.data[: len(KENLM_MAGIC)].tobytes() == KENLM_MAGIC


def open_model(path: Path) -> ModelFile:
    """Return a model's bytes; a plain file is mapped, not copied.

    Raises:
        MissingPathError: There is no such file.
        LanguageModelError: It cannot be read, is empty, no file, or unpacks to more than a model does.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe would keep us waiting
            raise LanguageModelError("this is no file", path=path)
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_size == 0:
                raise LanguageModelError("the file is empty", path=path)
            if path.suffix not in COMPRESSED_SUFFIXES:
                data = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
                return ModelFile(path, data, status, is_mapped=True)
            unpacked = _unpack(decompressed(file, path), status.st_size, path)
            return ModelFile(path, np.frombuffer(unpacked, np.uint8), status, is_mapped=False)
    except FileNotFoundError:
        raise MissingPathError("no such language model", path=path) from None
    except AsrkitError:  # some are ValueErrors, too
        raise
    except UNPACKING_ERRORS as error:
        raise LanguageModelError(f"cannot be read: {getattr(error, 'strerror', None) or error}", path=path) from error


def _unpack(stream: IO[bytes], packed_bytes: int, path: Path) -> bytearray:
    """Read a compressed model to its end, or as far as it can be one."""
    most = max(_FREE_BYTES, _MOST_UNPACKED * packed_bytes)
    data = bytearray()
    while piece := stream.read(_READ_BYTES):
        data += piece
        if len(data) > most:
            raise LanguageModelError(f"unpacks to over {_MOST_UNPACKED} times its size, as no model does", path=path)
    return data


def is_arpa_name(path: Path) -> bool:
    """Tell whether a name ends in ``.arpa``, or in ``.arpa`` and a compression."""
    return (path.with_suffix("").suffix if path.suffix in COMPRESSED_SUFFIXES else path.suffix) == ".arpa"


def check_arpa_name(path: Path) -> None:
    """Refuse a name that does not say that the file is ARPA text.

    Raises:
        ConfigError: It does not end in ``.arpa`` or ``.arpa`` and a compression.
    """
    if not is_arpa_name(path):
        raise ConfigError(
            f"the model is ARPA text; name it .arpa, or .arpa and {', '.join(COMPRESSED_SUFFIXES)}, not {path.name!r}"
        )


def open_raw(path: Path) -> IO[bytes]:
    """Open an input for reading as it lies on the disk.

    Raises:
        MissingPathError: There is no such file.
        LanguageModelError: It cannot be opened.
    """
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise MissingPathError("no such file", path=path) from None
    except OSError as error:
        raise LanguageModelError(f"cannot be opened: {error.strerror or error}", path=path) from None


def decompressed(file: IO[bytes], path: Path, mode: str = "rb") -> IO[bytes]:
    """Wrap a file in the codec that its suffix names.

    Raises:
        LanguageModelError: The codec is not installed.
    """
    codec: Any = file
    if path.suffix == ".gz":
        codec = gzip.GzipFile(fileobj=file, mode=mode, filename="", mtime=0)
    elif path.suffix == ".xz":
        codec = lzma.LZMAFile(file, mode, preset=3 if "w" in mode else None)  # noqa: SIM115
    elif path.suffix == ".bz2":
        codec = bz2.BZ2File(file, cast("Literal['rb']", mode))
    elif path.suffix == ".zst":
        codec = _zstandard(file, path, mode)
    return cast("IO[bytes]", codec)


def _zstandard(file: IO[bytes], path: Path, mode: str) -> Any:
    with needed(f"reading or writing {path}", "zstandard", instead="use .gz, .xz or .bz2"):
        import zstandard
    if "w" in mode:
        return zstandard.open(cast("BinaryIO", file), mode, closefd=False)
    return _ZstandardReader(file, zstandard)


class _ZstandardReader:
    """Reads one frame after the other; the package's own reader takes a file that was cut for a whole one."""

    def __init__(self, file: IO[bytes], zstandard: Any) -> None:
        self._file, self._zstandard = file, zstandard
        self._frame: Any = None  # whose end is not reached

    def read(self, size: int) -> bytes:
        """Return about ``size`` bytes, and none only at the end.

        Raises:
            EOFError, ValueError: The file was cut, or is damaged; the package's own error is neither.
        """
        data = bytearray()
        while len(data) < size:
            packed = self._file.read(_ZSTANDARD_BYTES)
            if not packed:
                if self._frame is not None:
                    raise EOFError("Compressed file ended before the end of a frame")
                break
            while packed:
                frame = self._frame or self._zstandard.ZstdDecompressor().decompressobj()
                try:
                    data += frame.decompress(packed)
                except self._zstandard.ZstdError as error:
                    raise ValueError(str(error)) from None
                packed, self._frame = (frame.unused_data, None) if frame.eof else (b"", frame)
        return bytes(data)


@contextmanager
def model_file(path: Path, *, compress: bool = True) -> Iterator[IO[bytes]]:
    """Open a model to write, which gets its name only when it is complete.

    Args:
        path: The output.
        compress: Whether a suffix such as ``.gz`` names a compression.

    Raises:
        LanguageModelError: The disk is full, or the folder cannot be written to.
    """
    try:
        require_plain(path)  # who makes a model reads it next
        with written_whole(path) as raw:
            output = decompressed(raw, path, "wb") if compress else raw
            yield output
            if output is not raw:
                output.close()
    except OSError as error:
        raise LanguageModelError(f"cannot be written: {error.strerror or error}", path=path) from error
