"""Which fields of tables and JSON are the text, the id and the rest: decided once for a whole file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from asrkit.errors import ScoringError
from asrkit.metrics.transcripts.files import stem_of
from asrkit.metrics.transcripts.values import Role, Transcripts, check_unique, shorten
from asrkit.text.identifiers import ids_of_rows

# The names under which files keep what a scorer needs, the likelier ones first.
_ID_FIELDS = ("utterance_id", "id", "utt_id", "utterance", "utt", "key", "name", "uttid", "sample_id")
_ROW_FIELDS = ("index",)  # what numbers the rows of a table, whatever they hold: an id where nothing else is one
_AUDIO_FIELDS = (
    "audio", "audio_filepath", "path", "audio_path", "wav", "file", "file_name", "filename", "audio_file",
    "wav_filename",
)  # fmt: skip
_HYPOTHESIS_FIELDS = (
    "pred_text", "hypothesis", "hyp", "prediction", "predictions", "pred", "predicted_text", "predicted", "asr",
)  # fmt: skip
_REFERENCE_FIELDS = ("reference", "ref", "references", "ground_truth", "groundtruth", "gt", "gold", "truth", "target")
_OWN_TEXT_FIELDS: dict[Role, tuple[str, ...]] = {"hypothesis": _HYPOTHESIS_FIELDS, "reference": _REFERENCE_FIELDS}
_TEXT_FIELDS = ("text", "normalized_text", "transcript", "transcription", "sentence", "label", "words")
_SPEAKER_FIELDS = ("speaker", "speaker_id", "spk", "client_id")
_DURATION_FIELDS = ("duration_s", "duration", "seconds")
_START_FIELDS = ("start", "start_time", "start_s", "offset", "begin", "timestamp", "timestamps", "result")
_END_FIELDS = ("end", "end_time", "end_s")
_DETAIL_FIELDS = ("words", "nbest", "confidence", "provenance")
_NAMES = (*_ID_FIELDS, *_AUDIO_FIELDS, "session_id", *_ROW_FIELDS)  # of utterances
_ALL_TEXT_FIELDS = {*_HYPOTHESIS_FIELDS, *_REFERENCE_FIELDS, *_TEXT_FIELDS}


class Record(NamedTuple):
    """A row of a table or an object of a JSON file, and the line it begins on."""

    line: int
    values: dict[str, Any]


@dataclass(frozen=True)
class Table:
    """The records of a file, before it is decided which field is what."""

    path: str  # where they were read
    format: str  # how
    records: list[Record]  # in their order
    notes: tuple[str, ...] = ()  # what was guessed so far


def column_names(cells: Sequence[str]) -> list[str]:
    """Return the names of the columns of a table; one without a name is the index that pandas writes."""
    names = [cell.strip().strip('"').lower() for cell in cells]
    return ["index" if name in ("", "unnamed: 0") else name for name in names]


def names_text(cells: Sequence[str]) -> bool:
    """Tell whether cells name the columns of a table of transcripts: a text, and what it belongs to or plain names."""
    names = column_names(cells)
    is_known = any(name in _NAMES or name in _START_FIELDS for name in names)
    are_plain = all(len(name.split()) == 1 and not any(sign.isdigit() for sign in name) for name in names)
    return len(names) > 1 and not _ALL_TEXT_FIELDS.isdisjoint(names) and (is_known or are_plain)


def names_utterances(cells: Sequence[str]) -> bool:
    """Tell whether cells name the columns of a table about utterances, with or without their texts."""
    names = column_names(cells)
    return len(names) > 1 and not set(names).isdisjoint(_NAMES)


def has_text(values: dict[str, Any]) -> bool:
    """Tell whether a JSON object holds a text under a name that is known."""
    return any(isinstance(values.get(name), str) for name in _ALL_TEXT_FIELDS)


def text_of_alternative(entry: Any) -> str | None:
    """Return the text of one item of an n-best list: a text, an object with one, or a text with its score."""
    if isinstance(entry, dict):
        entry = find(entry, (*_HYPOTHESIS_FIELDS, *_TEXT_FIELDS))
    return next((part for part in (entry if isinstance(entry, list) else [entry]) if isinstance(part, str)), None)


def is_record(values: dict[str, Any]) -> bool:
    """Tell whether a JSON object is an utterance with an id of its own, and no document about one recording."""
    return has_text(values) and any(values.get(name) not in (None, "") for name in _NAMES)


def choose_fields(table: Table, role: Role, told: str = "") -> Transcripts:
    """Turn records into the transcripts of one side.

    A hypothesis whose field is null or absent is no hypothesis: its id is left out, so that it is missing.

    Files that hold both sides keep them under different names. ``told`` names the field of the text; "" chooses one.

    Raises:
        ScoringError: There is no such field, a reference lacks it, or records cannot be told apart.
    """
    name, note = _text_field(table, role, told)
    notes = [*table.notes, *([note] if note else [])]
    ids = None if _is_one_recording(table.records) else record_ids(table.path, table.records)
    places, texts = [], []
    for place, record in enumerate(table.records):
        text = _text(table.path, record, name)
        if text is None and role == "reference":
            raise ScoringError(f"has no text under {name!r}", path=table.path, line=record.line)
        if text is not None:
            places.append(place)
            texts.append(text)
    if ids is None:
        joined = " ".join(text.strip() for text in texts)
        notes.append(f"{table.path}: its {len(texts)} segments are read as the text of one recording")
        document = stem_of(table.path)
        return Transcripts(table.path, table.format, [joined], None, {}, tuple(notes), name, document)
    columns = describe([table.records[place].values for place in places])
    return Transcripts(table.path, table.format, texts, [ids[place] for place in places], columns, tuple(notes), name)


def _text_field(table: Table, role: Role, told: str) -> tuple[str, str]:
    """Return the name of the field that holds the text, and what to say if there was a choice."""
    present: dict[str, Any] = {}
    for record in table.records:
        for name, value in record.values.items():
            if present.get(name) is None:
                present[name] = value
    names = ", ".join(map(repr, list(present)[:12]))
    if told:
        known = {str(name).lower(): name for name in present}
        if told not in present and told.lower() not in known and table.records:
            raise ScoringError(f"has no field {told!r}; its fields are {names}", path=table.path)
        return (told if told in present else known.get(told.lower(), told)), ""
    if not present:
        return "text", ""
    option = "--hyp-field" if role == "hypothesis" else "--ref-field"
    own = [
        name
        for name in _OWN_TEXT_FIELDS[role]
        if name in present and (_is_single(present[name]) or not isinstance(present[name], dict | list))
    ]
    common = [name for name in _TEXT_FIELDS if isinstance(present.get(name), str) or _is_single(present.get(name))]
    usable = own or common
    if not usable:
        looked = ", ".join((*_OWN_TEXT_FIELDS[role], *_TEXT_FIELDS))
        headless = "; --format ids if the first line is no header" if table.format == "tsv" else ""
        raise ScoringError(
            f"has no text for the {role}; it is looked for under {looked}; name one of its fields {names} with "
            f"{option}{headless}",
            path=table.path,
            line=table.records[0].line,
        )
    if len(usable) == 1:
        return usable[0], ""
    return usable[0], (
        f"{table.path}: {usable[0]!r} is taken for the text of the {role}, for instance "
        f"{shorten(str(present[usable[0]]))}, and not {' or '.join(map(repr, usable[1:]))}; {option} chooses"
    )


def _is_single(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 1 and isinstance(value[0], str)


def _text(path: str, record: Record, name: str) -> str | None:
    value = record.values.get(name)
    if isinstance(value, list) and _is_single(value):
        value = value[0]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if not isinstance(value, str):
        raise ScoringError(f"has no text under {name!r} but {shorten(str(value))}", path=path, line=record.line)
    return value


def _is_one_recording(records: Sequence[Record]) -> bool:
    """Tell whether records are the timed pieces of one recording, as Whisper writes and numbers them."""
    if all(find(values, _START_FIELDS) is None for _, values in records):
        return False
    if any(find(values, (*_AUDIO_FIELDS, "session_id")) is not None for _, values in records):
        return False
    names = [find(values, (*_ID_FIELDS, *_ROW_FIELDS)) for _, values in records]
    return all(name is None for name in names) or names in ([*range(len(names))], [*range(1, len(names) + 1)])


def record_ids(path: str, records: Sequence[Record]) -> list[str]:
    """Return the id of each record: a field of its own, else the name of its recording, with times where these repeat.

    Raises:
        ScoringError: A record has none, or one stands there twice.
    """
    names = (
        _own_ids(records, _ID_FIELDS)
        or _ids_from_audio(records)
        or _ids_of_sessions(records)
        or _own_ids(records, _ROW_FIELDS)
        or _row_numbers(records)
    )
    if names is None:
        line = next(
            (line for line, values in records if find(values, (*_ID_FIELDS, *_AUDIO_FIELDS)) is None), records[0].line
        )
        known, fields = ", ".join(_ID_FIELDS), ", ".join(map(repr, records[0].values))
        raise ScoringError(
            f"has no id; it is looked for under {known}; rename one of its fields {fields}", path=path, line=line
        )
    check_unique(path, names, [record.line for record in records])
    return names


def _row_numbers(records: Sequence[Record]) -> list[str] | None:
    """Number the rows of a file that holds both sides in each of them, so that nothing has to be joined."""
    has_both = all(
        not values.keys().isdisjoint(_HYPOTHESIS_FIELDS)
        and not values.keys().isdisjoint((*_REFERENCE_FIELDS, *_TEXT_FIELDS))
        for _, values in records
    )
    return [str(record.line) for record in records] if has_both else None


def _own_ids(records: Sequence[Record], fields: Sequence[str]) -> list[str] | None:
    for name in fields:
        values = [record.values.get(name) for record in records]
        if all((isinstance(value, str) and value) or type(value) is int for value in values):
            return [str(value) for value in values]
    return None


def _ids_from_audio(records: Sequence[Record]) -> list[str] | None:
    """Name utterances after their recordings, as all commands do."""
    for name in _AUDIO_FIELDS:
        found = [_audio_path(record.values.get(name)) for record in records]
        if all(found):
            parts = [(find(values, _START_FIELDS), values.get("channel")) for _, values in records]
            return ids_of_rows([(audio, *part) for audio, part in zip(found, parts, strict=True)])
    return None


def _audio_path(value: Any) -> str:
    if isinstance(value, dict):  # of Hugging Face datasets
        value = value.get("path")
    return value if isinstance(value, str) else ""


def _ids_of_sessions(records: Sequence[Record]) -> list[str] | None:
    """Name the segments of a SegLST file: session, speaker, start and end."""
    if not all(isinstance(record.values.get("session_id"), str) for record in records):
        return None
    parts = ("session_id", "speaker", "start_time", "end_time")
    return ["-".join(str(values[part]) for part in parts if part in values) for _, values in records]


def describe(records: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return what records tell beside the text; columns without any value are left out."""
    columns = {name: [record.get(name) for record in records] for name in _DETAIL_FIELDS}
    if any(isinstance(words, str) for words in columns["words"]):  # the text itself, in SegLST files
        del columns["words"]
    columns["speaker"] = [find(record, _SPEAKER_FIELDS) for record in records]
    columns["duration_s"] = [_duration(record) for record in records]
    columns["start_s"] = [to_seconds(find(record, _START_FIELDS)) for record in records]
    columns["audio"] = [find(record, _AUDIO_FIELDS) for record in records]
    columns |= _other_columns(records)
    return {name: values for name, values in columns.items() if any(value not in (None, "") for value in values)}


def _other_columns(records: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return the fields that mean nothing to a scorer, such as an accent, where they hold single values."""
    known = {*_ALL_TEXT_FIELDS, *_NAMES, *_SPEAKER_FIELDS, *_DURATION_FIELDS, *_START_FIELDS, *_END_FIELDS}
    known |= {*_DETAIL_FIELDS, "alternatives"}
    names = dict.fromkeys(name for record in records for name in record if name not in known)
    columns = {name: [record.get(name) for record in records] for name in names}
    return {
        name: values for name, values in columns.items() if not any(isinstance(value, list | dict) for value in values)
    }


def _duration(record: dict[str, Any]) -> float | None:
    told = to_seconds(find(record, _DURATION_FIELDS))
    start, end = to_seconds(find(record, _START_FIELDS)), to_seconds(find(record, _END_FIELDS))
    return told if told is not None or start is None or end is None or end < start else end - start


def find(record: dict[str, Any], names: Sequence[str]) -> Any:
    """Return the first value that a record has under one of the names."""
    for name in names:
        if record.get(name) is not None:
            return record[name]
    return None


def to_seconds(value: Any) -> float | None:
    """Return a number of seconds, or None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0.0 else None
