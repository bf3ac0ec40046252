"""Text files by lines, the same way for every format."""

from __future__ import annotations

from pathlib import Path

from asrkit.errors import ManifestError
from asrkit.reading import read_whole


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file; only a line feed ends a line, a carriage return before it is dropped.

    Raises:
        ManifestError: The file cannot be read or is not UTF-8.
    """
    try:
        content = read_whole(path)
    except OSError as error:
        raise ManifestError(f"cannot be read: {error.strerror}", path=path) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ManifestError("is not UTF-8; save it as UTF-8 text", path=path, line=line) from None
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if lines[-1] == "":
        lines.pop()
    return lines
