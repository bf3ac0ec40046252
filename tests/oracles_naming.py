"""What names were before one function settled all of them: where they were good, they must stay."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from asrkit.text.identifiers import escape_id

RESERVED = frozenset({"hyp", "results", "failures", "run", "emissions"})


def former_name_of_files(relative_paths: Sequence[str]) -> list[str]:
    """Names of files of a folder: the suffix stays where it takes that."""
    stems = [str(PurePosixPath(path).with_suffix("")) for path in relative_paths]
    full = [folded(stem) in RESERVED for stem in stems]
    while True:
        names = [path if keep else stem for path, stem, keep in zip(relative_paths, stems, full, strict=True)]
        counts = Counter(folded(name) for name in names)
        clashing = [counts[folded(name)] > 1 and not keep for name, keep in zip(names, full, strict=True)]
        if not any(clashing):
            return names
        full = [keep or clash for keep, clash in zip(full, clashing, strict=True)]


def former_name_of_id(utterance_id: str) -> str:
    """The name of an id of a manifest."""
    parts = [part for part in re.split(r"[/\\]", escape_id(utterance_id)) if part]
    parts = [part.replace(".", "%2E") if set(part) == {"."} else part for part in parts] or ["%"]
    if len(parts) == 1 and folded(parts[0]) in RESERVED:
        parts[0] += "%"
    return "/".join(part.replace(":", "%3A") for part in parts)


def former_file(stem: str, suffix: str) -> str:
    """The file of a name, its last part alone."""
    if len(os.fsencode(stem + suffix)) <= 255:
        return stem + suffix
    mark = "~" + hashlib.sha256(os.fsencode(stem)).hexdigest()[:12]
    room = 255 - len(os.fsencode(mark + suffix))
    return os.fsencode(stem)[:room].decode("utf-8", "ignore") + mark + suffix


def folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
