"""Manifests as tables: tab-separated, comma-separated, JSON lines; one set of names for all of them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from asrkit.data.rows import Problem, Row
from asrkit.errors import ManifestError
from asrkit.reading import parse_json

# Field of a row -> its columns or keys: ours and NeMo's first, then those of Common Voice, Coqui and Hugging Face, and
# what people call them. Of several the first counts.
_NAMES = {
    "utterance_id": ("utterance_id", "id"),
    "audio": (
        "path", "audio_filepath", "wav_filename", "file_name", "audio", "audio_path", "audio_file", "filename", "file",
        "wav",
    ),
    "duration_s": ("seconds", "duration", "duration_s"),
    "start_s": ("start", "start_time", "offset", "begin", "start_s", "start_sec", "start_seconds"),
    "end_s": ("end", "end_time", "stop", "end_s", "end_sec", "end_seconds"),
    "channel": ("channel", "channel_selector"),
    "speaker": ("speaker", "speaker_id", "client_id"),
    "corpus": ("corpus",),
    "weight": ("weight",),
    "text": ("text", "sentence", "transcript", "transcription"),
}  # fmt: skip
_NUMBERS = ("duration_s", "start_s", "end_s", "weight")
# Other names of times, in other units maybe: whoever did not read them would train on whole recordings.
_TIME = re.compile(
    r"(?:(?:segment|seg|clip|utt|utterance|audio)[_ ]?)?(start|begin|onset|end|stop)"
    r"(?:[_ ]?(?:s|sec|secs|seconds|ms|msec|milliseconds|time|timestamp|frame|sample|[\[(]m?s[\])]))*"
)
# What our own manifests tell beside it, for people and for `asrkit score --by`.
_TOLD = {"recording", "confidence", "room", "noise", "snr", "clip", "codec"}


def read_tsv(path: Path, lines: Sequence[str]) -> Iterator[Row | Problem]:
    """Read a tab-separated table without quoting.

    Raises:
        ManifestError: The header names no audio.
    """
    header = lines[0].split("\t")
    fields = _fields(path, header)
    clips = "clips" if "client_id" in header and (path.parent / "clips").is_dir() else ""  # Common Voice
    for line, content in enumerate(lines[1:], 2):
        if content.strip():
            yield _table_row(path, line, fields, content.split("\t"), clips)


def separator(first_line: str) -> str:
    """Return what separates the columns of a table: a tab, a comma, or what Excel writes where that is in numbers."""
    return next((sign for sign in "\t,;" if sign in first_line), "\t")


def read_csv(path: Path, lines: Sequence[str]) -> Iterator[Row | Problem]:
    """Read a table whose columns are separated by a sign, with the usual quoting.

    Raises:
        ManifestError: The header names no audio.
    """
    sign = separator(next((line for line in lines if line.strip()), ","))
    reader = csv.reader((f"{line}\n" for line in lines), strict=True, delimiter=sign)
    try:
        header = next(reader)
    except csv.Error as error:
        raise ManifestError(f"is not CSV: {error}", path=path, line=1) from None
    fields = _fields(path, header)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            through = f", with all that follows up to line {reader.line_num}" if reader.line_num > line else ""
            yield Problem(path, line, f"is not CSV{through}: {error}")
            continue
        if cells:
            yield _table_row(path, line, fields, cells)


def read_jsonl(path: Path, lines: Sequence[str]) -> Iterator[Row | Problem]:
    """Read one JSON object a line."""
    for line, content in enumerate(lines, 1):
        if not content.strip():
            continue
        try:
            entry = parse_json(content)
        except ValueError as error:
            yield Problem(path, line, f"is not JSON: {error}")
            continue
        if not isinstance(entry, dict):
            yield Problem(path, line, "is not a JSON object")
            continue
        given = [key for key, value in entry.items() if value is not None]
        columns = _columns(given)
        if unread := _unread_time(given, columns):
            yield Problem(path, line, unread)
            continue
        values = {field: entry[key] for field, key in columns.items()}
        wrong = [key for key, value in values.items() if key not in _NUMBERS and not isinstance(value, str | int)]
        if wrong or any(isinstance(value, bool) for key, value in values.items() if key not in _NUMBERS):
            yield Problem(path, line, f"{wrong[0] if wrong else 'a name'} must be a string")
            continue
        yield _row(path, line, {key: value if key in _NUMBERS else str(value) for key, value in values.items()})


def named_values(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain values of an object whose keys are known, by the names that manifests have; the audio is not."""
    names = ("utterance_id", "text", "speaker")
    columns = _columns(key for key, value in entry.items() if isinstance(value, str | int))
    return {name: str(entry[columns[name]]) for name in names if columns.get(name) and entry[columns[name]] != ""}


def unread_columns(first_line: str) -> list[str]:
    """Return the columns of a header, or the keys of a JSON object, that no field is read from, but for our own."""
    names: Sequence[str]
    try:
        if first_line.lstrip().startswith("{"):
            names = [*parse_json(first_line)]
        else:
            names = next(csv.reader([first_line], delimiter=separator(first_line)))
    except (ValueError, csv.Error):
        return []
    lowered = [name.strip().lower() for name in names]
    known = {"", *_TOLD, *_columns(lowered).values()}
    return [name for name, low in zip(names, lowered, strict=True) if low not in known]


def _unread_time(names: Iterable[str], columns: Mapping[str, str]) -> str:
    """Return what to do about a name that stands for a time but is not among the columns read; nothing if none does."""
    ends = "end_s" in columns or {"start_s", "duration_s"} <= columns.keys()
    for name in names:
        found = None if name in columns.values() else _TIME.fullmatch(name.lower())
        if found and not (ends if found[1] in ("end", "stop") else "start_s" in columns):
            return f"{name!r} may be a time and is not read; name it start or end, in seconds, or remove it"
    return ""


def _columns(names: Iterable[str]) -> dict[str, str]:
    """Return which of some names stands for each field that has one."""
    given = set(names)
    found = {field: next((name for name in known if name in given), "") for field, known in _NAMES.items()}
    return {field: name for field, name in found.items() if name}


def _fields(path: Path, header: Sequence[str]) -> list[str | None]:
    """Return the field of each column, None for columns nobody needs."""
    lowered = [column.strip().lower() for column in header]
    fields = {name: field for field, name in _columns(lowered).items()}
    if "audio" not in fields.values():
        raise ManifestError(
            f"is no manifest: the header {' '.join(header)[:60]!r} lacks a column 'path'; expected tab-separated "
            "columns utterance_id, path, seconds, speaker, corpus, text, or JSON lines",
            path=path,
            line=1,
        )
    if unread := _unread_time(lowered, _columns(lowered)):
        raise ManifestError(f"its column {unread}", path=path, line=1)
    return [fields.get(name) for name in lowered]


def _table_row(
    path: Path, line: int, fields: Sequence[str | None], cells: Sequence[str], folder: str = ""
) -> Row | Problem:
    if len(cells) != len(fields):
        return Problem(path, line, f"{len(cells)} columns where the header has {len(fields)}; mend the separators")
    values = {field: cell.strip() for field, cell in zip(fields, cells, strict=True) if field is not None}
    if folder and values["audio"]:
        values["audio"] = f"{folder}/{values['audio']}"
    return _row(path, line, values)


def _row(path: Path, line: int, values: dict[str, Any]) -> Row | Problem:
    audio = values.pop("audio", "")
    if not audio:
        return Problem(path, line, "names no audio file; fill in its path or remove the line")
    return Row(path, line, audio, **values)
