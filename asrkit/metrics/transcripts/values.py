"""What reading gives: the texts of one side, with ids where there are ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from asrkit.errors import ScoringError
from asrkit.metrics.transcripts.files import stem_of

Role = Literal["hypothesis", "reference"]

# What people write in sentences with digits: numbers, times, dates, sums, ranges, ordinals, numbers with a unit.
_DIGITS = r"\d+(?:[.,:/'’]\d+)*"
_DATE = r"\d{4}-\d\d?-\d\d?|\d\d?-\d\d?-\d{4}"
_NUMBER = re.compile(rf"\W*(?:{_DATE}|{_DIGITS}(?:[–—-]{_DIGITS})?\W?[^\W\d_]{{0,3}})\W*\Z")
_CODE = re.compile(r"0\d{3,}|\d{7,}|\d+-\d{5,}")  # what they do not


@dataclass(frozen=True)
class Transcripts:
    """The texts of one side."""

    path: str  # where they were read
    format: str  # how; one of ``FORMATS`` other than "auto"
    texts: list[str]  # one for each utterance, as written; empty ones included
    ids: list[str] | None = None  # one for each utterance, or None when only the line tells which is which
    # What else is known, one value per utterance: "speaker", "duration_s", "audio", "words", "nbest", "confidence",
    # "provenance", "alternatives".
    columns: dict[str, list[Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # what a user should know about the reading
    text_field: str = ""  # the field that holds the text, where a format has fields
    document: str | None = None  # the name of the recording, where the file is all of one recording and tells no id

    def __len__(self) -> int:
        return len(self.texts)


def document_of(path: str, format: str, text: str) -> Transcripts:
    """Return the text of the one recording that a file is about and named after."""
    return Transcripts(path, format, [text], document=stem_of(path))


def split_lines(text: str) -> list[str]:
    """Split at line feeds alone; other Unicode line ends are spaces inside a line."""
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def with_ids(transcripts: Transcripts) -> Transcripts:
    """Read the first word of each line as its id; lines without any word are no utterances."""
    ids, texts = [], []
    for line in transcripts.texts:
        parts = line.split(maxsplit=1)
        if parts:
            ids.append(parts[0])
            texts.append(parts[1] if len(parts) > 1 else "")
    if len(set(ids)) < len(ids):
        check_unique(
            transcripts.path, ids, [number for number, line in enumerate(transcripts.texts, 1) if line.split()]
        )
    return replace(transcripts, format="ids", texts=texts, ids=ids)


def check_unique(path: str, ids: Sequence[str], lines: Sequence[int]) -> None:
    """Make sure that no id stands there twice.

    Raises:
        ScoringError: One does; the message names the lines.
    """
    if len(set(ids)) == len(ids):
        return
    first: dict[str, int] = {}
    repeated = []
    for name, line in zip(ids, lines, strict=True):
        if first.setdefault(name, line) != line:
            repeated.append((name, first[name], line))
    if repeated:
        examples = ", ".join(f"{name!r} on lines {one} and {other}" for name, one, other in repeated[:3])
        more = f" and {len(repeated) - 3} more" if len(repeated) > 3 else ""
        raise ScoringError(
            f"repeats utterance ids: {examples}{more}; keep one line for each",
            path=path,
            line=repeated[0][2],
            utterance_ids=[name for name, _, _ in repeated],
        )


def shorten(text: str, most: int = 40) -> str:
    """Return a text as an example in a note: quoted, on one line, short, and harmless in a terminal."""
    return repr(text if len(text) <= most else text[: most - 3] + "...")


def looks_like_id(word: str) -> bool:
    """Tell whether a word can hardly be anything but an id: digits among letters or signs, and no number."""
    if _CODE.fullmatch(word):
        return True
    if not any(character.isdigit() for character in word) or _NUMBER.match(word):
        return False
    return any(character.isalpha() or character in "-_./:" for character in word)
