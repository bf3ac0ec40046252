"""Word replacements of a user: spellings, contractions, fillers; ``colour => color``, or NIST's GLM files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from asrkit.errors import ConfigError, MissingPathError
from asrkit.reading import read_bounded

_MAX_BYTES = 64 << 20
_BRACKETED = re.compile(r"^\[(?P<old>[^\]]*)\]\s*=>\s*\[(?P<new>[^\]]*)\](?:\s*/\s*(?P<context>.*))?$")
_COMMENT = re.compile(r"^\s*[;#*].*|\s(?:;;|#(?!\S)).*")
_CHOICE = re.compile(r"\{([^{}/]*)(?:/[^{}]*)*\}")
Words = tuple[str, ...]


@dataclass(frozen=True)
class Replacements:
    """Phrases and what stands in their place; the longest phrase wins, and what was put in is not looked at again."""

    name: str  # name of the file, for signatures
    digest: str  # of its content, likewise
    phrases: Mapping[Words, Words] = field(repr=False)  # normalized words -> normalized words, which may be none

    @property
    def label(self) -> str:
        """Name and content as scores print them."""
        return f"{self.name}@{self.digest}"

    def apply(self, text: str) -> str:
        """Return a normalized text with its phrases replaced."""
        words = text.split()
        if self._first.isdisjoint(words):
            return text
        out: list[str] = []
        place = 0
        while place < len(words):
            length = self._match(words, place)
            out += self.phrases[tuple(words[place : place + length])] if length else (words[place],)
            place += length or 1
        return " ".join(out)

    def _match(self, words: list[str], place: int) -> int:
        if words[place] not in self._first:
            return 0
        most = min(self._longest, len(words) - place)
        return next((n for n in range(most, 0, -1) if tuple(words[place : place + n]) in self.phrases), 0)

    @cached_property
    def _first(self) -> frozenset[str]:
        return frozenset(phrase[0] for phrase in self.phrases)

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.phrases))


def read_replacements(path: Path, normalize: Callable[[str], str]) -> Replacements:
    """Read a file of replacements.

    A line is ``old => new``, or NIST's ``[old] => [new] / [ ] __ [ ]``; of alternatives ``{a / b}`` the first counts.
    Empty lines, those that begin with ``;``, ``#`` or ``*``, and what follows `` ;;`` or `` # `` say nothing.

    Args:
        path: UTF-8 text.
        normalize: Brings both sides into the form of the texts.

    Raises:
        MissingPathError: There is no such file.
        ConfigError: A line cannot be read, or two lines contradict each other.
    """
    try:
        data = read_bounded(path, _MAX_BYTES)
        lines = data.decode("utf-8-sig").splitlines()
    except FileNotFoundError:
        raise MissingPathError("no such file of replacements", path=path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: no text of replacements ({error}); write lines such as colour => color") from None
    phrases: dict[Words, Words] = {}
    line_of: dict[Words, int] = {}
    for number, line in enumerate(lines, 1):
        line = _COMMENT.sub("", line).strip()
        if not line:
            continue
        old, new = (tuple(normalize(side).split()) for side in _sides(line, path, number))
        if not old:
            raise ConfigError(f"{path}:{number}: nothing is left of what is to be replaced; give a word")
        if phrases.setdefault(old, new) != new:
            raise ConfigError(
                f"{path}:{number}: {' '.join(old)!r} becomes something else on line {line_of[old]}; delete one of them"
            )
        line_of.setdefault(old, number)
    if not phrases:
        raise ConfigError(f"{path}: there is no replacement in it; write lines such as colour => color")
    return Replacements(path.name, hashlib.sha256(data).hexdigest()[:8], phrases)


def _sides(line: str, path: Path, number: int) -> tuple[str, str]:
    if bracketed := _BRACKETED.match(line):
        if re.sub(r"[\s\[\]_]", "", bracketed["context"] or ""):
            raise ConfigError(f"{path}:{number}: rules with a context are not known; use / [ ] __ [ ] or none")
        old, new = bracketed["old"], bracketed["new"]
    else:
        old, arrow, new = line.partition("=>")
        if not arrow or "=>" in new:
            raise ConfigError(f"{path}:{number}: is no replacement; write old => new")
    return old, _CHOICE.sub(lambda match: match[1], new)
