"""Files as text: UTF-8, UTF-16 with a mark, packed or not; standard input."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, Any

from asrkit.errors import MissingPathError, ScoringError
from asrkit.reading import UNPACKING_ERRORS, read_whole

PACKED_SUFFIXES = (".gz", ".xz", ".bz2")
_MOST_BYTES = 1 << 29  # of an unpacked file: a thousand hours of transcripts are a tenth of it
_PACKERS: tuple[tuple[bytes, Callable[[IO[bytes]], Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"\xfd7zXZ\x00", lzma.open),
    (b"BZh", bz2.open),
)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: Path | str) -> str:
    """Read a text file, or standard input for ``-``; a byte order mark and carriage returns are dropped.

    It is UTF-8, or UTF-16 with its mark, and may be packed with gzip, xz or bzip2.

    Raises:
        MissingPathError: There is no such file.
        ScoringError: The file is no such text; the message tells the line and the column.
    """
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else read_whole(Path(path))
    except FileNotFoundError:
        raise MissingPathError("no such file", path=path) from None
    except OSError as error:
        raise ScoringError(f"cannot be read: {error.strerror}", path=path) from None
    text = _decode(path, _unpack(path, data)).replace("\r\n", "\n")
    return text if "\n" in text else text.replace("\r", "\n")  # old Macs ended lines with it


def _unpack(path: Path | str, data: bytes) -> bytes:
    for magic, open_packed in _PACKERS:
        if data.startswith(magic):
            try:
                with open_packed(io.BytesIO(data)) as file:
                    data = file.read(_MOST_BYTES + 1)
            except UNPACKING_ERRORS as error:
                raise ScoringError(f"cannot be unpacked: {error}", path=path) from None
            if len(data) > _MOST_BYTES:
                raise ScoringError(f"unpacks to more than {_MOST_BYTES >> 20} MiB; split it", path=path)
            return data
    return data


def _decode(path: Path | str, data: bytes) -> str:
    encoding = "utf-16" if data.startswith(_UTF16) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode(encoding, "replace")) + 1
        advice = "iconv -f utf-16 -t utf-8" if _is_bare_utf16(data) else "iconv -f latin1 -t utf-8"
        raise ScoringError(
            f"column {column}: byte 0x{data[error.start]:02x} is not UTF-8; convert the file, for instance with "
            f"{advice}",
            path=path,
            line=line,
        ) from None
    if "\x00" in text and _is_bare_utf16(data):
        raise ScoringError("is UTF-16 without its mark; convert it, with iconv -f utf-16le -t utf-8", path=path)
    return text


def _is_bare_utf16(data: bytes) -> bool:
    """Tell whether every other byte of the beginning is mostly null, as in Latin letters of 16 bits."""
    sample = data[:1_000]
    return len(sample) > 5 and any(sample[start::2].count(0) > len(sample) // 4 for start in (0, 1))


def suffix_of(path: str) -> str:
    """Return what the name says of the content: the last suffix, below ``.gz`` and NIST's ``.filt``."""
    name = PurePosixPath(path.replace("\\", "/").lower())
    while name.suffix in (*PACKED_SUFFIXES, ".filt"):
        name = name.with_suffix("")
    return name.suffix


def stem_of(path: str) -> str:
    """Return the name of the recording that a file is named after."""
    name = PurePosixPath(path.replace("\\", "/"))
    while name.suffix.lower() in PACKED_SUFFIXES:
        name = name.with_suffix("")
    return name.stem
