"""What leads from a number to its utterances: terms of the search box of the page (``html/search.js`` reads them)."""

from __future__ import annotations

import re

ANY = "*"
_BARE = re.compile(r"\w[\w'’.-]*|\*")
_NO_KEY = re.compile(r'[\s:"=<>]+')


def group_key(name: str) -> str:
    """Return the name of a column as a key of the search box."""
    return _NO_KEY.sub("_", name)


def in_group(column: str, value: str) -> str:
    """Return what finds the utterances of a group, such as ``speaker:s1``."""
    return f"{group_key(column)}:{_quoted(value)}"


def confused(said: str, heard: str, system: str = "") -> str:
    """Return what finds a word taken for another; one of them is empty for a deletion or insertion, or ``ANY``."""
    return f"{_prefix(system)}{_quoted(said) if said else ''}=>{_quoted(heard) if heard else ''}"


def with_word(kind: str, word: str, system: str = "") -> str:
    """Return what finds a word or phrase that was "said", "heard" or "missed"."""
    return f"{_prefix(system)}{kind}:{_quoted(word)}"


def in_range(name: str, low: float, high: float | None, system: str = "") -> str:
    """Return what finds numbers from one bound to below the other."""
    least = f"{_prefix(system)}{name}>={low:g}"
    return least if high is None else f"{least} {_prefix(system)}{name}<{high:g}"


def _prefix(system: str) -> str:
    return f"{system}." if system else ""


def _quoted(text: str) -> str:
    if _BARE.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
