"""Files of lines that a command line names: inputs, and words to listen for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from asrkit.errors import MissingPathError


def listed(files_from: str | None) -> list[str]:
    """Return the inputs that a file lists, or stdin where it is ``-``.

    Raises:
        MissingPathError: There is no such file.
    """
    if files_from is None:
        return []
    return _lines(sys.stdin.buffer.read()) if files_from == "-" else _lines_of(Path(files_from), "list of files")


def phrases(hotwords: Sequence[str], path: Path | None) -> list[str]:
    """Return words and phrases from flags and a file, normalized as transcripts are, each once, flags first.

    Raises:
        MissingPathError: There is no such file.
    """
    from asrkit.text import normalize

    weights: dict[str, str] = {}
    for line in [*hotwords, *(_lines_of(path, "file of hotwords") if path is not None else ())]:
        phrase, equals, weight = line.rpartition("=") if "=" in line else (line, "", "")
        if normal := normalize(phrase):
            weights.setdefault(normal, equals + weight.strip())
    return [phrase + weight for phrase, weight in weights.items()]


def _lines_of(path: Path, kind: str) -> list[str]:
    from asrkit.reading import read_whole  # which loads NumPy: nothing that --help should wait for

    try:
        return _lines(read_whole(path))
    except FileNotFoundError:
        raise MissingPathError(f"no such {kind}", path=path) from None
    except IsADirectoryError:
        raise MissingPathError(f"is a folder, not a {kind}", path=path) from None


def _lines(data: bytes) -> list[str]:
    r"""Return the lines that say something; only ``\n`` and ``\r\n`` end one: names may hold other breaks."""
    lines = (line.removesuffix("\r") for line in data.decode("utf-8-sig", "surrogateescape").split("\n"))
    return [line for line in lines if line.strip()]
