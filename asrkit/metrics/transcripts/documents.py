"""JSON: what recognizers write about one recording, and lists of utterances."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from asrkit.errors import ScoringError
from asrkit.metrics.transcripts.fields import Record, Table, has_text, is_record
from asrkit.metrics.transcripts.values import Transcripts, document_of, split_lines
from asrkit.reading import parse_json

# Where recognizers keep the text of a recording; "*" is every item of a list. Of several the first that is there.
_PLACES: tuple[tuple[str | int, ...], ...] = (
    ("text",),  # Whisper, vosk, Hugging Face
    ("segments", "*", "text"),  # WhisperX, faster-whisper
    ("transcription", "*", "text"),  # whisper.cpp
    ("chunks", "*", "text"),
    ("result", "*", "word"),  # vosk
    ("alternatives", 0, "text"),  # vosk with several
    ("results", "transcripts", "*", "transcript"),  # Amazon
    ("results", "channels", "*", "alternatives", 0, "transcript"),  # Deepgram
    ("results", "*", "alternatives", 0, "transcript"),  # Google
    ("combinedRecognizedPhrases", "*", "display"),  # Azure
    ("transcript",),
    ("transcription",),
    ("sentence",),
    ("words", "*", "word"),
)


_NO_SPACE = re.compile(r"\S")


def is_json_lines(lines: Sequence[str]) -> bool:
    """Tell whether the first line is a JSON object by itself, and one of several or an utterance."""
    if not lines or not lines[0].lstrip().startswith("{"):
        return False
    try:
        value = parse_json(lines[0])
    except ValueError:
        return False
    return isinstance(value, dict) and (len(lines) > 1 or is_record(value))


def is_json(lines: Sequence[str]) -> bool:
    """Tell whether a file begins as JSON does, whole or broken."""
    return bool(re.match(r'\s*(?:\{\s*"|\[\s*[{"\[])', "\n".join(lines[:3])))


def read_json_lines(path: str, text: str) -> Table:
    """Read one JSON object a line."""
    records = []
    for number, line in enumerate(split_lines(text), 1):
        if not line.strip():
            continue
        try:
            record = parse_json(line)
        except ValueError as error:
            raise ScoringError(f"is not JSON: {error}", path=path, line=number) from None
        if not isinstance(record, dict):
            raise ScoringError("is not a JSON object", path=path, line=number)
        # An escaped half of a surrogate pair is no character and could never be written again.
        records.append(Record(number, _mend(record) if "\\ud" in line.lower() else record))
    return Table(path, "jsonl", records)


def _mend(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mend(item) for item in value]
    if isinstance(value, dict):
        return {_mend(key): _mend(item) for key, item in value.items()}
    return value


def read_json(path: str, text: str) -> Transcripts | Table:
    """Read a JSON file: a list of utterances, texts by their ids, or what a recognizer wrote about one recording."""
    values = [_mend(value) for value in _values(path, text)]
    value = values[0] if len(values) == 1 else values
    if isinstance(value, dict) and is_record(value):
        value = [value]
    elif isinstance(value, dict) and _find_text(value) is None:
        value = next((items for items in value.values() if _are_records(items)), value)
    if _are_records(value):
        return Table(path, "json", [Record(number, record) for number, record in enumerate(value, 1)])
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return Transcripts(path, "json", value)
    found = _find_text(value)
    if found is not None:
        return document_of(path, "json", found)
    by_id = _by_id(value)
    if by_id:
        return Table(path, "json", by_id)
    raise ScoringError("is JSON without a text that is known; write a list of objects with id and text", path=path)


def _values(path: str, text: str) -> list[Any]:
    """Parse one JSON value, or several one after the other, as vosk prints them."""
    decoder, values, place = json.JSONDecoder(), [], 0
    while found := _NO_SPACE.search(text, place):
        place = found.start()
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            line = text.count("\n", 0, getattr(error, "pos", place)) + 1
            raise ScoringError(f"is not JSON: {error}", path=path, line=line) from None
        values.append(value)
    return values


def _are_records(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) for item in value)
        and any(has_text(item) for item in value)
    )


def _by_id(value: Any) -> list[Record] | None:
    """Read an object whose keys are ids, and whose values are texts or objects with one."""
    if not isinstance(value, dict) or not value:
        return None
    if all(isinstance(text, str) for text in value.values()):
        return [Record(number, {"id": name, "text": text}) for number, (name, text) in enumerate(value.items(), 1)]
    if all(isinstance(item, dict) and is_record({"id": "-", **item}) for item in value.values()):
        return [Record(number, {**item, "id": name}) for number, (name, item) in enumerate(value.items(), 1)]
    return None


def _find_text(value: Any) -> str | None:
    """Return the text of one recording, of all parts where it comes in parts; None where none is found."""
    if isinstance(value, list):
        parts = [text for item in value if (text := _find_text(item)) is not None]
        return " ".join(part.strip() for part in parts) if parts and len(parts) == len(value) else None
    for place in _PLACES:
        found = list(_walk(value, place))
        if found:
            return " ".join(text.strip() for text in found)
    return None


def _walk(value: Any, place: Sequence[str | int]) -> Iterator[str]:
    """Yield the texts at a place of nested JSON."""
    if not place:
        if isinstance(value, str):
            yield value
        return
    step, rest = place[0], place[1:]
    if step == "*":
        inner = value if isinstance(value, list) else []
    elif isinstance(step, int):
        inner = value[step : step + 1] if isinstance(value, list) else []
    else:
        inner = [value[step]] if isinstance(value, dict) and step in value else []
    for item in inner:
        yield from _walk(item, rest)
