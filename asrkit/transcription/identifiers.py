"""Names that never collide: utterance ids, and where each transcript goes.

An utterance id is the recording's path below the folder that holds all inputs, without its suffix. It stands in
``id text`` lines, so whitespace, control characters and undecodable bytes are percent-encoded.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

_UNSAFE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LONGEST_NAME_BYTES = 255  # of one path component, on every common file system
# Stems at the top of an output folder that belong to the run itself.
_RESERVED = frozenset({"hyp", "results", "failures", "run", "emissions"})


def escape_id(name: str) -> str:
    """Percent-encode what would break an ``id text`` line or a terminal: ``my file`` becomes ``my%20file``."""
    return escape_rest(name.replace("%", "%25"))


def escape_rest(text: str) -> str:
    """Do the same to what may be encoded already: percent signs stay."""
    return _UNSAFE.sub(lambda match: "".join(f"%{byte:02X}" for byte in os.fsencode(match[0])), text)


def absolute(path: Path | str) -> Path:
    """Return the absolute path without ``..``; links stay what they are, unlike with ``Path.resolve``."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def common_folder(folders: Sequence[Path]) -> Path:
    """Return the deepest folder that holds all the others, an absolute path."""
    try:
        return Path(os.path.commonpath([absolute(folder) for folder in folders]))
    except ValueError:  # drives of Windows have nothing in common
        return absolute(os.sep)


def unique_stems(relative_paths: Sequence[str]) -> list[str]:
    """Return a name for each path: without its suffix where that is unambiguous, else with it.

    Args:
        relative_paths: Different paths with ``/`` between their parts.

    Returns:
        Names in the same order, all different, also where a file system ignores case; none is a name that the
        run itself writes.
    """
    stems = [str(PurePosixPath(path).with_suffix("")) for path in relative_paths]
    full = [_folded(stem) in _RESERVED for stem in stems]
    while True:
        names = [path if keep else stem for path, stem, keep in zip(relative_paths, stems, full, strict=True)]
        counts = Counter(_folded(name) for name in names)
        clashing = [counts[_folded(name)] > 1 and not keep for name, keep in zip(names, full, strict=True)]
        if not any(clashing):
            return names
        full = [keep or clash for keep, clash in zip(full, clashing, strict=True)]


def safe_path(utterance_id: str) -> str:
    """Return a relative path for an id of a manifest, which may come from a stranger: it never leaves its folder."""
    parts = [part for part in re.split(r"[/\\]", escape_id(utterance_id)) if part]
    parts = [part.replace(".", "%2E") if set(part) == {"."} else part for part in parts] or ["%"]
    if len(parts) == 1 and _folded(parts[0]) in _RESERVED:
        parts[0] += "%"
    return "/".join(part.replace(":", "%3A") for part in parts)


def file_name(stem: str, suffix: str) -> str:
    """Return ``stem + suffix``, shortened to what file systems hold; a hash keeps shortened names apart."""
    if len(os.fsencode(stem + suffix)) <= _LONGEST_NAME_BYTES:
        return stem + suffix
    mark = "~" + hashlib.sha256(os.fsencode(stem)).hexdigest()[:12]
    room = _LONGEST_NAME_BYTES - len(os.fsencode(mark + suffix))
    return os.fsencode(stem)[:room].decode("utf-8", "ignore") + mark + suffix


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
