"""The formats of transcripts: one table that tells how each is known and how it is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from asrkit.errors import ConfigError, ScoringError
from asrkit.metrics.transcripts.documents import (
    is_json,
    is_json_lines,
    read_json,
    read_json_lines,
)
from asrkit.metrics.transcripts.fields import Table, choose_fields, column_names, describe, names_utterances, record_ids
from asrkit.metrics.transcripts.files import PACKED_SUFFIXES, read_text, stem_of, suffix_of
from asrkit.metrics.transcripts.refused import name_refused
from asrkit.metrics.transcripts.subtitles import is_subtitles, read_subtitles
from asrkit.metrics.transcripts.tables import (
    has_tsv_header,
    is_csv,
    is_icefall,
    is_ljspeech,
    read_csv,
    read_headed,
    read_icefall,
    read_ljspeech,
    read_tsv,
)
from asrkit.metrics.transcripts.time_marked import looks_like_ctm, looks_like_stm, read_stm
from asrkit.metrics.transcripts.values import Role, Transcripts, check_unique, split_lines, with_ids

_HEAD = 100_000  # characters that show what a file is
_TRN_ID = re.compile(r"[^()]+\)\Z")
_PLAIN_ID = re.compile(r"[^()\s]+\)\s*\Z")


@dataclass(frozen=True)
class Format:
    """One way to write transcripts down."""

    name: str  # what ``--format`` calls it
    # Names of files that are of this format; where two share one, ``looks`` tells, the last one else.
    suffixes: tuple[str, ...]
    # Whether the lines at the beginning of a file, empty ones left out, can only be of this format.
    looks: Callable[[Sequence[str]], bool]
    # From path and content to transcripts, or to a table whose fields are still to be chosen.
    read: Callable[[str, str], Transcripts | Table]


def _read_lines(path: str, text: str) -> Transcripts:
    return Transcripts(path, "lines", split_lines(text))


def _read_ids(path: str, text: str) -> Transcripts:
    return with_ids(_read_lines(path, text))


def _read_ctm(path: str, text: str) -> Transcripts:
    raise ScoringError("a ctm file is scored against an stm file, which tells the segments", path=path)


def _split_trn(line: str) -> tuple[str, str] | None:
    """Return text and id of ``text (id)``, or None when the line is something else."""
    text, bracket, name = line.rstrip().rpartition("(")
    return (text.rstrip(), name[:-1]) if bracket and _TRN_ID.match(name) else None


def _read_trn(path: str, text: str) -> Transcripts:
    ids, texts, numbers = [], [], []
    for number, line in enumerate(split_lines(text), 1):
        if not line.strip() or line.startswith(";;"):
            continue
        parts = _split_trn(line)
        if parts is None:
            raise ScoringError("does not end with an (id) as a trn line must", path=path, line=number)
        texts.append(parts[0])
        ids.append(parts[1])
        numbers.append(number)
    check_unique(path, ids, numbers)
    return Transcripts(path, "trn", texts, ids)


def _is_trn(lines: Sequence[str]) -> bool:
    """Tell whether lines end with ids in brackets: all of them, or nearly all, so that the odd one is an error."""
    said = [line for line in lines if not line.startswith(";;")]
    ids = [name for line in said if _PLAIN_ID.match(name := line.rpartition("(")[2]) and "(" in line]
    return bool(said) and (len(ids) == len(said) or (len(ids) >= 0.9 * len(said) and len(set(ids)) == len(ids)))


def _never(lines: Sequence[str]) -> bool:
    return False


# The order is that of the questions asked of a file whose name tells nothing.
_TABLE = (
    Format("vtt", (".vtt",), lambda lines: bool(lines) and lines[0].startswith("WEBVTT"), read_subtitles),
    Format("srt", (".srt",), is_subtitles, read_subtitles),
    Format("jsonl", (".jsonl", ".ndjson", ".json"), is_json_lines, read_json_lines),
    Format("json", (".json",), is_json, read_json),
    Format("tsv", (".tsv",), has_tsv_header, read_tsv),
    Format("icefall", (), is_icefall, read_icefall),
    Format("trn", (".trn",), _is_trn, _read_trn),
    Format("stm", (".stm",), looks_like_stm, read_stm),
    Format("ctm", (".ctm",), looks_like_ctm, _read_ctm),
    Format("ljspeech", (".csv",), is_ljspeech, read_ljspeech),
    Format("csv", (".csv",), is_csv, read_csv),
    Format("lines", (), _never, _read_lines),
    Format("ids", (), _never, _read_ids),
)
_BY_NAME = {format.name: format for format in _TABLE}
FORMATS = ("auto", *_BY_NAME, "folder")

# What tells the texts of a whole folder, and how it is read.
_FOLDER_FILES = {
    "results.jsonl": ("jsonl",),  # our own runs
    "metadata.jsonl": ("jsonl",),  # Hugging Face
    "metadata.csv": ("ljspeech", "csv"),  # LJSpeech, Hugging Face
    "validated.tsv": ("tsv",),  # Common Voice
    "text": ("ids",),  # Kaldi
}
_FOLDER_SUFFIXES = (".txt", ".srt", ".vtt", ".json", ".trn", ".stm")
_DOCUMENTS = ("vtt", "srt", "jsonl", "json")  # what the text of one recording may be instead of plain


def read_transcripts(path: Path | str, role: Role = "reference", format: str = "auto", field: str = "") -> Transcripts:
    """Read the transcripts of one side.

    Args:
        path: A file, a folder with a file for each recording, a corpus or a folder written by ``asrkit transcribe``,
            or ``-``.
        role: Which side it is; files that hold both keep them under different names.
        format: One of ``FORMATS``; "auto" looks at the name and the content. Text of the form ``id text`` cannot be
            told from plain lines by one file alone and is read as "lines" then, see
            :func:`asrkit.metrics.joining.read_pair`.
        field: The field that holds the text, where the format has fields; "" chooses by their names.

    Raises:
        MissingPathError: There is no such file or folder.
        ScoringError: The content cannot be used; the message names the line.
        ConfigError: The format is unknown, or has no fields though one is named.
    """
    if format not in FORMATS:
        raise ConfigError(f"unknown format {format!r}; known: {', '.join(FORMATS)}")
    if str(path) != "-" and Path(path).is_dir():
        return _read_folder(Path(path), role, format, field)
    if format == "folder":
        raise ScoringError(f"is a file; the format {format!r} does not fit", path=path)
    text = read_text(path)
    name = detect_format(str(path), text) if format == "auto" else format
    read = _read_named(str(path), text, field, format, name) or _BY_NAME[name].read(str(path), text)
    if isinstance(read, Table):
        return choose_fields(read, role, field)
    if field:
        raise ConfigError(f"{path} is read as {name}, which has no fields; {field!r} cannot be one")
    return read


def _read_named(path: str, text: str, field: str, format: str, found: str) -> Table | None:
    """Read a table whose header has a field that was named, whatever the format was taken for; None where none has."""
    can_be = ("tsv", "csv", "lines", "ljspeech") if format == "auto" else ("tsv", "csv")
    if not field or found not in can_be:
        return None
    return read_headed(path, text, lambda cells: field.lower() in column_names(cells))


def detect_format(path: str, text: str) -> str:
    """Tell the format of a file by its name, or by how it begins.

    Raises:
        ScoringError: It is something that holds no transcripts in a form that is known.
    """
    end = len(text) if len(text) <= _HEAD else text.rfind("\n", 0, _HEAD) + 1 or _HEAD  # a line cut off is no sign
    lines = [line for line in split_lines(text[:end]) if line.strip()]
    named = [format for format in _TABLE if suffix_of(path) in format.suffixes]
    if named:
        return next((format.name for format in named[:-1] if format.looks(lines)), named[-1].name)
    found = next((format.name for format in _TABLE if format.looks(lines)), "lines")
    refused = None if found in ("vtt", "srt") else name_refused(lines, found == "lines")
    if refused:
        raise ScoringError(
            f"is {refused}, no transcripts that can be read; convert it to lines of `id text`", path=path
        )
    return found


def _read_folder(path: Path, role: Role, format: str, field: str) -> Transcripts:
    for name, formats in _FOLDER_FILES.items():
        is_told = format == "auto" or format in formats
        if is_told and (path / name).is_file() and (name == "results.jsonl" or _is_corpus(path)):
            told = formats[0] if format == "auto" and len(formats) == 1 else format
            read = read_transcripts(path / name, role, told, field)
            note = (f"{path} is read through its {name}",) if name != "results.jsonl" else ()
            return replace(read, notes=(*note, *read.notes))
    listed = sorted(path.rglob("*.trans.txt"))
    if listed and format in ("auto", "ids"):  # LibriSpeech
        text = "".join(f"{read_text(file)}\n" for file in listed)
        return replace(_read_ids(str(path), text), notes=(f"{path} is read through its *.trans.txt",))
    return _read_files(path, role, format, field)


def _is_corpus(path: Path) -> bool:
    """Tell whether a folder holds recordings and a table of their texts, no file of text for each."""
    return any((path / name).is_dir() for name in ("wavs", "clips")) or next(path.glob("*.txt"), None) is None


def _read_files(path: Path, role: Role, format: str, field: str) -> Transcripts:
    """Read a folder with a file for each recording, named after it; the first suffix that is there counts."""
    files = next((found for found in _files_of(path, format) if found), [])
    if not files:
        raise ScoringError("is a folder without .txt files, subtitles or JSON; name a file of transcripts", path=path)
    ids, texts = [], []
    for file in files:
        relative = file.relative_to(path)
        ids.append((relative.parent / stem_of(relative.name)).as_posix())
        texts.append(_one_text(file, role, field))
    check_unique(str(path), ids, range(1, len(ids) + 1))
    return Transcripts(str(path), "folder", texts, ids)


def _files_of(path: Path, format: str) -> Iterator[list[Path]]:
    for suffix in _FOLDER_SUFFIXES:
        if format in ("auto", "folder", suffix[1:]) or (format == "lines" and suffix == ".txt"):
            patterns = [f"[!.]*{suffix}{packed}" for packed in ("", *PACKED_SUFFIXES)]
            yield sorted(file for pattern in patterns for file in path.rglob(pattern) if file.is_file())


def _one_text(file: Path, role: Role, field: str) -> str:
    """Return the whole text of one recording."""
    if suffix_of(file.name) == ".txt":
        text = read_text(file)
        if detect_format(file.name, text) not in _DOCUMENTS:
            return " ".join(text.split())
    read = read_transcripts(file, role, "auto", field if suffix_of(file.name) == ".json" else "")
    return " ".join(" ".join(read.texts).split())


def read_columns(path: Path | str) -> tuple[list[str], dict[str, list[Any]]]:
    """Read what a manifest tells about utterances beside their text: speakers, durations, audio.

    Args:
        path: A table with a header, JSON lines, or lines of ``id speaker``.

    Returns:
        The ids, and the columns as in :class:`Transcripts`.
    """
    text = read_text(path)
    read = read_headed(str(path), text, names_utterances) or _BY_NAME[detect_format(str(path), text)].read(
        str(path), text
    )
    if isinstance(read, Table):
        columns = describe([record.values for record in read.records])
        if read.notes and "speaker" not in columns:  # a table without a header: id and speaker
            columns["speaker"] = [record.values.get("text") for record in read.records]
        return record_ids(read.path, read.records), columns
    speakers = with_ids(Transcripts(str(path), "lines", split_lines(text)))
    return speakers.ids or [], {"speaker": [name.strip() for name in speakers.texts]}
