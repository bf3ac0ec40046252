"""Files of the language model tools: compressed or not, and whole or not there at all."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, cast

from asrkit.errors import ConfigError, LanguageModelError, MissingPathError
from asrkit.writing import written_whole

COMPRESSED_SUFFIXES = (".gz", ".xz", ".bz2", ".zst")


def is_arpa_name(path: Path) -> bool:
    """Tell whether a name ends in ``.arpa``, or in ``.arpa`` and a compression."""
    return (path.with_suffix("").suffix if path.suffix in COMPRESSED_SUFFIXES else path.suffix) == ".arpa"


def check_arpa_name(path: Path) -> None:
    """Refuse a name that does not say that the file is ARPA text.

    Raises:
        ConfigError: It does not end in ``.arpa`` or ``.arpa`` and a compression.
    """
    if not is_arpa_name(path):
        raise ConfigError(f"the model is ARPA text; name it .arpa, .arpa.gz, .arpa.xz or .arpa.bz2, not {path.name!r}")


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
    try:
        import zstandard
    except ImportError:
        raise LanguageModelError(
            ".zst files need the package zstandard: pip install zstandard, or use .gz, .xz or .bz2", path=path
        ) from None
    return zstandard.open(cast("BinaryIO", file), mode, closefd=False)


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
        with written_whole(path) as raw:
            output = decompressed(raw, path, "wb") if compress else raw
            yield output
            if output is not raw:
                output.close()
    except OSError as error:
        raise LanguageModelError(f"cannot be written: {error.strerror or error}", path=path) from error
