"""Utterance ids: whoever reads recordings makes them here, so a recording has one id for all commands.

An id stands in ``id text`` lines, so whitespace, control characters and undecodable bytes are percent-encoded.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

_UNSAFE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


# The same but for what leaves a terminal as it is: line feeds, tabs and the other kinds of space.
_STEERS = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
# A word in an isolate that ends with it, as our alignments have them, steers nothing outside of it.
_STEERING = re.compile(f"(\u2068[^{_STEERS}]*\u2069)|[{_STEERS}]")


def escape_id(name: str) -> str:
    """Percent-encode what would break an ``id text`` line or a terminal: ``my file`` becomes ``my%20file``."""
    return escape_rest(name.replace("%", "%25"))


def escape_rest(text: str) -> str:
    """Do the same to what may be encoded already: percent signs stay."""
    return _UNSAFE.sub(_encoded, text)


def printable(text: str) -> str:
    """Return one line that cannot command a terminal: what ends lines, steers or hides is percent-encoded."""
    return " ".join(map(escape_rest, text.split(" ")))


def harmless(text: str) -> str:
    """Return lines that cannot command a terminal; whatever a person gets to see passes it.

    What files of strangers say of themselves may hold anything, and errors and remarks quote it.
    """
    return (
        text
        if text.isascii() and text.isprintable()
        else _STEERING.sub(lambda found: found[1] or _encoded(found), text)
    )


def is_id(text: str) -> bool:
    """Whether a text can be an id as it is."""
    return bool(text) and not _UNSAFE.search(text)


def without_suffix(path: str) -> str:
    """Return a path with ``/`` between its parts without the suffix of the last one."""
    return path.removesuffix(PurePosixPath(path).suffix)


def ids_of_rows(rows: Sequence[tuple[str, object, object]]) -> list[str]:
    """Return ids for the rows of a table that names recordings, but has no ids.

    Args:
        rows: Path of the recording, as it stands in the table, and the start and channel of the part that is meant;
            None or empty: the beginning, and all of them.

    Returns:
        The name of the file without its suffix; where names collide, the path, start and channel, with the suffix only
        where it takes that to tell two files. Rows that name the same part of the same file get the same id.
    """
    paths = [PurePosixPath(audio.replace("\\", "/")) for audio, _, _ in rows]
    stems = Counter(without_suffix(path.name) for path in paths)
    full = {path: "-".join(part for part in path.parts if part not in (path.anchor, ".", "..")) for path in set(paths)}
    cut = Counter(without_suffix(name) for name in full.values())
    names = []
    for path, (_, start, channel) in zip(paths, rows, strict=True):
        name = without_suffix(path.name)
        if stems[name] > 1:
            name = without_suffix(full[path])
            name = full[path] if cut[name] > 1 else name
            name += "" if start in (None, "") else f"-{start}"
            name += "" if channel in (None, "") else f"-ch{channel}"
        names.append(escape_id(name))
    return names


def _encoded(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in _bytes(match[0]))


def _bytes(character: str) -> bytes:
    """Return the bytes of a character, or those of a file name that it stands for."""
    try:
        return os.fsencode(character)
    except UnicodeEncodeError:  # half of a surrogate pair is neither
        return character.encode("utf-8", "surrogatepass")
