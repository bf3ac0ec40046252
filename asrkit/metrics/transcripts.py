"""Reading hypotheses and references of any common format, without ever losing a line in silence.

Formats: plain lines, ``id text``, ``text (id)`` (NIST trn), tables with a header (TSV), JSON lines (NeMo manifests,
``results.jsonl``), folders of ``.txt`` files, and NIST's ctm and stm (:mod:`asrkit.metrics.time_marked`).
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from asrkit.errors import ConfigError, MissingPathError, ScoringError
from asrkit.text.identifiers import ids_of_rows

FORMATS = ("auto", "lines", "ids", "trn", "tsv", "jsonl", "ctm", "stm", "folder")
Role = Literal["hypothesis", "reference"]

# The names under which tables and JSON lines keep what a scorer needs; the first that is there is taken.
_ID_FIELDS = ("utterance_id", "id", "utt_id", "utterance", "utt", "key", "name")
_AUDIO_FIELDS = ("audio", "audio_filepath", "path", "audio_path", "wav", "file")
_TEXT_FIELDS: dict[str, tuple[str, ...]] = {
    "hypothesis": ("pred_text", "hypothesis", "hyp", "prediction", "text", "transcript", "transcription", "sentence"),
    "reference": ("text", "reference", "ref", "normalized_text", "transcript", "transcription", "sentence"),
}
_SPEAKER_FIELDS = ("speaker", "speaker_id", "spk")
_START_FIELDS = ("start", "offset")
_DURATION_FIELDS = ("duration_s", "duration", "seconds")
_DETAIL_FIELDS = ("words", "nbest", "confidence", "provenance")
_TRN_ID = re.compile(r"[^()\s]+\)\Z")


@dataclass(frozen=True)
class Transcripts:
    """The texts of one side.

    Args:
        path: Where they were read.
        format: How; one of ``FORMATS`` other than "auto".
        texts: One for each utterance, as written; empty ones included.
        ids: One for each utterance, or None when only the line tells which is which.
        columns: What else is known, one value per utterance: "speaker", "duration_s", "audio", "words", "nbest",
            "confidence", "provenance".
        notes: What a user should know about the reading.
    """

    path: str
    format: str
    texts: list[str]
    ids: list[str] | None = None
    columns: dict[str, list[Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Number of utterances."""
        return len(self.texts)


def read_text(path: Path | str) -> str:
    """Read a UTF-8 file, or standard input for ``-``; a byte order mark and carriage returns are dropped.

    Raises:
        MissingPathError: There is no such file.
        ScoringError: The file is not UTF-8; the message tells the line and the column.
    """
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else Path(path).read_bytes()
    except FileNotFoundError:
        raise MissingPathError("no such file", path=path) from None
    except OSError as error:
        raise ScoringError(f"cannot be read: {error.strerror}", path=path) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        raise ScoringError(
            f"column {column}: byte 0x{data[error.start]:02x} is not UTF-8; convert the file, for instance with "
            "iconv -f latin1 -t utf-8",
            path=path,
            line=line,
        ) from None
    return text.replace("\r\n", "\n")


def read_transcripts(path: Path | str, role: Role = "reference", format: str = "auto") -> Transcripts:
    """Read the transcripts of one side.

    Args:
        path: A file, a folder of ``.txt`` files, a folder written by ``asrkit transcribe``, or ``-``.
        role: Which side it is; files that hold both keep them under different names.
        format: One of ``FORMATS``; "auto" looks at the name and the content. Text of the form ``id text`` cannot be
            told from plain lines by one file alone and is read as "lines" then, see :func:`read_pair`.

    Raises:
        MissingPathError: There is no such file or folder.
        ScoringError: The content cannot be used; the message names the line.
        ConfigError: The format is unknown.
    """
    if format not in FORMATS:
        raise ConfigError(f"unknown format {format!r}; known: {', '.join(FORMATS)}")
    if str(path) != "-" and Path(path).is_dir():
        results = Path(path) / "results.jsonl"
        if format in ("auto", "jsonl") and results.is_file():
            return read_transcripts(results, role, "jsonl")
        return _read_folder(Path(path))
    text = read_text(path)
    if format == "auto":
        format = _detect_format(str(path), text)
    if format == "lines":
        return Transcripts(str(path), "lines", _lines(text))
    if format == "ids":
        return with_ids(Transcripts(str(path), "lines", _lines(text)))
    if format == "trn":
        return _read_trn(str(path), text)
    if format == "tsv":
        return _read_table(str(path), text, role)
    if format == "jsonl":
        return _read_json_lines(str(path), text, role)
    if format in ("ctm", "stm"):
        from asrkit.metrics.time_marked import read_stm

        if format == "stm":
            return read_stm(str(path), text)
        raise ScoringError("a ctm file is scored against an stm file, which tells the segments", path=path)
    raise ScoringError(f"is a file; the format {format!r} does not fit", path=path)


def _lines(text: str) -> list[str]:
    """Split at line feeds alone; other Unicode line ends are spaces inside a line."""
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _detect_format(path: str, text: str) -> str:
    suffix = PurePosixPath(path.replace("\\", "/")).suffix.lower()
    by_suffix = {".trn": "trn", ".jsonl": "jsonl", ".ndjson": "jsonl", ".stm": "stm", ".ctm": "ctm"}
    if suffix in by_suffix:
        return by_suffix[suffix]
    lines = [line for line in _lines(text[:100_000]) if line.strip()]
    if lines and lines[0].lstrip().startswith("{") and _is_json_object(lines[0]):
        return "jsonl"
    if lines and "\t" in lines[0] and _has_table_header(lines[0]):
        return "tsv"
    if lines and all(_split_trn(line) for line in lines):
        return "trn"
    return "lines"


def _is_json_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _has_table_header(line: str) -> bool:
    names = {name.strip().lower() for name in line.split("\t")}
    texts = {name for fields in _TEXT_FIELDS.values() for name in fields}
    return bool(names & texts) and bool(names & {*_ID_FIELDS, *_AUDIO_FIELDS})


def with_ids(transcripts: Transcripts) -> Transcripts:
    """Read the first word of each line as its id; lines without any word are no utterances."""
    ids, texts, numbers = [], [], []
    for number, line in enumerate(transcripts.texts, 1):
        parts = line.split(maxsplit=1)
        if parts:
            ids.append(parts[0])
            texts.append(parts[1] if len(parts) > 1 else "")
            numbers.append(number)
    _check_unique(transcripts.path, ids, numbers)
    return replace(transcripts, format="ids", texts=texts, ids=ids)


def _check_unique(path: str, ids: Sequence[str], lines: Sequence[int]) -> None:
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


def _split_trn(line: str) -> tuple[str, str] | None:
    """Return text and id of ``text (id)``, or None when the line is something else."""
    text, bracket, name = line.rstrip().rpartition("(")
    return (text.rstrip(), name[:-1]) if bracket and _TRN_ID.match(name) else None


def _read_trn(path: str, text: str) -> Transcripts:
    ids, texts, numbers = [], [], []
    for number, line in enumerate(_lines(text), 1):
        if not line.strip() or line.startswith(";;"):
            continue
        parts = _split_trn(line)
        if parts is None:
            raise ScoringError("does not end with an (id) as a trn line must", path=path, line=number)
        texts.append(parts[0])
        ids.append(parts[1])
        numbers.append(number)
    _check_unique(path, ids, numbers)
    return Transcripts(path, "trn", texts, ids)


def _read_folder(path: Path) -> Transcripts:
    files = sorted(file for file in path.rglob("*.txt") if file.is_file())
    if not files:
        raise ScoringError("is a folder without .txt files; name a file of transcripts", path=path)
    ids = [file.relative_to(path).with_suffix("").as_posix() for file in files]
    return Transcripts(str(path), "folder", [" ".join(read_text(file).split()) for file in files], ids)


def _read_table(path: str, text: str, role: Role) -> Transcripts:
    return _from_records(path, "tsv", _table_records(path, text), role)


def _table_records(path: str, text: str) -> list[tuple[int, dict[str, Any]]]:
    rows = _lines(text)
    names = [name.strip().lower() for name in rows[0].split("\t")] if rows else []
    records: list[tuple[int, dict[str, Any]]] = []
    for number, row in enumerate(rows[1:], 2):
        cells = row.split("\t")
        if not row.strip():
            continue
        if len(cells) != len(names):
            raise ScoringError(f"has {len(cells)} cells but the header has {len(names)}", path=path, line=number)
        records.append((number, dict(zip(names, cells, strict=True))))
    return records


def _read_json_lines(path: str, text: str, role: Role) -> Transcripts:
    return _from_records(path, "jsonl", list(_json_records(path, text)), role)


def _json_records(path: str, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(_lines(text), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ScoringError(f"is not JSON: {error}", path=path, line=number) from None
        if not isinstance(record, dict):
            raise ScoringError("is not a JSON object", path=path, line=number)
        # An escaped half of a surrogate pair is no character and could never be written again.
        yield number, _mend(record) if "\\ud" in line.lower() else record


def _mend(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mend(item) for item in value]
    if isinstance(value, dict):
        return {_mend(key): _mend(item) for key, item in value.items()}
    return value


def _from_records(path: str, format: str, records: Sequence[tuple[int, dict[str, Any]]], role: Role) -> Transcripts:
    """Take ids, texts and what else is known from tables or JSON lines."""
    texts, numbers = [], []
    for number, record in records:
        text = _first(record, _TEXT_FIELDS[role])
        if not isinstance(text, str):
            known = ", ".join(_TEXT_FIELDS[role])
            raise ScoringError(f"has no text; it is looked for under {known}", path=path, line=number)
        texts.append(text)
        numbers.append(number)
    ids = _record_ids(path, records)
    _check_unique(path, ids, numbers)
    return Transcripts(path, format, texts, ids, _details([record for _, record in records]))


def _details(records: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return what records tell beside the text; columns without any value are left out."""
    columns = {name: [record.get(name) for record in records] for name in _DETAIL_FIELDS}
    columns["speaker"] = [_first(record, _SPEAKER_FIELDS) for record in records]
    columns["duration_s"] = [_to_float(_first(record, _DURATION_FIELDS)) for record in records]
    columns["audio"] = [_first(record, _AUDIO_FIELDS) for record in records]
    return {name: values for name, values in columns.items() if any(value not in (None, "") for value in values)}


def read_table_columns(path: Path | str) -> tuple[list[str], dict[str, list[Any]]]:
    """Read what a manifest tells about utterances beside their text: speakers, durations, audio.

    Args:
        path: A TSV or JSONL manifest, or lines of ``id speaker``.

    Returns:
        The ids, and the columns as in :class:`Transcripts`.
    """
    text = read_text(path)
    format = _detect_format(str(path), text)
    if format == "lines":
        speakers = with_ids(Transcripts(str(path), "lines", _lines(text)))
        return speakers.ids or [], {"speaker": [name.strip() for name in speakers.texts]}
    records = list(_json_records(str(path), text)) if format == "jsonl" else _table_records(str(path), text)
    ids = _record_ids(str(path), records)
    _check_unique(str(path), ids, [number for number, _ in records])
    return ids, _details([record for _, record in records])


def _first(record: dict[str, Any], names: Sequence[str]) -> Any:
    for name in names:
        if record.get(name) is not None:
            return record[name]
    return None


def _to_float(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0.0 else None


def _record_ids(path: str, records: Sequence[tuple[int, dict[str, Any]]]) -> list[str]:
    """Return the id of each record; where it brings none, the one that its recording has in all commands."""
    given: list[str | None] = []
    nameless: list[tuple[str, Any]] = []
    for number, record in records:
        value, audio = _first(record, _ID_FIELDS), _first(record, _AUDIO_FIELDS)
        is_id = isinstance(value, str | int) and bool(str(value))
        given.append(str(value) if is_id else None)
        if not is_id:
            if not isinstance(audio, str) or not audio.strip():
                raise ScoringError(f"has no id; it is looked for under {', '.join(_ID_FIELDS)}", path=path, line=number)
            start = _first(record, _START_FIELDS)
            nameless.append((audio.strip(), start.strip() if isinstance(start, str) else start))
    made = iter(ids_of_rows(nameless))
    return [next(made) if name is None else name for name in given]
