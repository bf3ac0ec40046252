"""What the readers of all layouts produce, and the one place where it is checked.

A reader turns its files into rows, and what it cannot read into problems; it never stops. ``check_rows`` turns rows
into utterances and adds the problems that only show when all rows are seen.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from asrkit.data.utterance import Utterance
from asrkit.text.identifiers import ids_of_rows, is_id


@dataclass(frozen=True)
class Row:
    """One entry as it stands in a file: nothing checked, numbers still words."""

    source: Path
    line: int
    audio: str | Path
    utterance_id: str | None = None
    text: str | None = None
    duration_s: str | float | None = None
    speaker: str | None = None
    corpus: str | None = None
    start_s: str | float | None = None
    end_s: str | float | None = None
    channel: str | int | None = None
    subset: str | None = None  # a published part of its corpus, where the path does not tell
    weight: str | float | None = None


@dataclass(frozen=True)
class Problem:
    """One entry that cannot be used, and why."""

    path: Path
    line: int
    message: str
    is_missing_audio: bool = False  # the table is fine, the disk is not

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


# Parts of corpora by which others compare their results: not trained on unless they are named themselves.
_HELD_OUT = re.compile(r"(?:^|[-_.])(?:dev|test|valid|validation|eval|evaluation)(?:$|[-_.\d])", re.IGNORECASE)


def held_out_part(names: Iterable[str]) -> str | None:
    """Return the first of the names of folders and files that others test with; None if there is none."""
    return next((name for name in names if _HELD_OUT.search(name)), None)


class _RowError(Exception):
    """Says what is wrong with one row."""


class _MissingAudioError(_RowError):
    """Says that a row is fine but its recording is not there."""


def check_rows(
    rows: Iterable[Row | Problem], audio_root: Path, require_text: bool, require_audio: bool = True
) -> tuple[list[Utterance], list[Problem]]:
    """Turn rows into utterances.

    A row without text, or without its recording, is a problem where that is required.

    Returns:
        The usable utterances in their order, and what is wrong with the others.
    """
    utterances: list[Utterance] = []
    problems: list[Problem] = []
    first_seen: dict[str, Row] = {}
    for row in _with_ids(list(rows)):
        if isinstance(row, Problem):
            problems.append(row)
            continue
        try:
            utterance = _utterance(row, audio_root, require_text, require_audio)
            if utterance.id in first_seen:
                first = first_seen[utterance.id]
                where = f"line {first.line}" if first.source == row.source else f"{first.source}:{first.line}"
                raise _RowError(f"duplicate id {utterance.id!r}, first seen in {where}; give each a name of its own")
        except _RowError as error:
            problems.append(Problem(row.source, row.line, str(error), isinstance(error, _MissingAudioError)))
            continue
        first_seen[utterance.id] = row
        utterances.append(utterance)
    return utterances, problems


def _utterance(row: Row, audio_root: Path, require_text: bool, require_audio: bool) -> Utterance:
    """Check one row.

    Raises:
        _RowError: Something is wrong with it.
    """
    utterance_id = row.utterance_id or ""
    if not is_id(utterance_id):
        raise _RowError(f"the id {utterance_id!r} must not be empty nor hold spaces or control characters")
    text = None if row.text is None else " ".join(row.text.split())
    if require_text and text is None:
        raise _RowError(f"{utterance_id!r} has no text; name its column or key 'text', or remove the line")
    if require_text and not text:
        raise _RowError(f"the text of {utterance_id!r} is empty; write what is said or remove the line")
    start_s = _number(row.start_s, "start")
    end_s = _number(row.end_s, "end")
    duration_s = _number(row.duration_s, "duration")
    if duration_s is None and end_s is not None:
        duration_s = end_s - (start_s or 0.0)
    if duration_s is not None and duration_s <= 0:
        raise _RowError(f"the duration of {utterance_id!r} is {duration_s:g} s; correct it or leave it out")
    if end_s is None and start_s is not None and duration_s is not None:
        end_s = start_s + duration_s
    audio_path = audio_root / row.audio
    try:
        is_there = not require_audio or audio_path.is_file()
    except (OSError, ValueError):
        is_there = False
    if not is_there:
        raise _MissingAudioError(f"no audio file at {str(audio_path)!r}; correct the path or --audio-root")
    speaker, corpus = row.speaker or None, row.corpus or None
    channel = _channel(row.channel)
    weight = _number(row.weight, "weight", "number")
    if weight == 0.0:
        raise _RowError(f"the weight of {utterance_id!r} is 0; remove the line")
    weight = 1.0 if weight is None else weight
    return Utterance(utterance_id, audio_path, text, duration_s, speaker, corpus, start_s, end_s, channel, weight)


def _channel(value: str | int | None) -> int | None:
    """Read a channel that may be missing."""
    if value is None or value == "":
        return None
    if re.fullmatch(r"[0-9]{1,9}", str(value)) is None:
        raise _RowError(f"the channel {value!r:.50} is not a whole number from 0; correct it or leave it out")
    return int(value)


def _number(value: str | float | None, name: str, what: str = "number of seconds") -> float | None:
    """Read a number that may be missing."""
    if value is None or value == "":
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):  # a whole number may have hundreds of digits
        seconds = math.nan
    if isinstance(value, bool) or not math.isfinite(seconds) or seconds < 0:
        raise _RowError(f"the {name} {value!r:.50} is not a {what}; correct it or leave it out")
    return seconds


def _with_ids(rows: list[Row | Problem]) -> Iterator[Row | Problem]:
    """Name rows without an id after their file."""
    nameless = [row for row in rows if isinstance(row, Row) and row.utterance_id is None]
    ids = iter(ids_of_rows([(str(row.audio), row.start_s, row.channel) for row in nameless]))
    for row in rows:
        if isinstance(row, Row) and row.utterance_id is None:
            row = dataclasses.replace(row, utterance_id=next(ids))
        yield row
