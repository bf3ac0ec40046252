"""Manifests: which recordings there are and what is said in them.

A tab-separated file with a header (``utterance_id path seconds speaker corpus text``), or JSON lines with NVIDIA
NeMo's names (``audio_filepath duration text offset speaker``); whole corpora in their original layout are read too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from asrkit.data.archives import archives_of
from asrkit.data.layouts import LAYOUTS, Layout, is_ljspeech, read_layout
from asrkit.data.lhotse import is_lhotse_table, read_lhotse
from asrkit.data.lines import read_lines
from asrkit.data.rows import Problem, Row, check_rows
from asrkit.data.tables import read_csv, read_jsonl, read_tsv, separator, unread_columns
from asrkit.data.utterance import Utterance
from asrkit.errors import ManifestError, MissingPathError
from asrkit.writing import written_whole

_PACKED = (".zip", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar")
_COLUMNS = ("utterance_id", "path", "seconds", "speaker", "corpus")


def read_manifest(
    path: Path | str, audio_root: Path | str | None = None, require_text: bool = True, *, require_audio: bool = True
) -> list[Utterance]:
    """Read a manifest, or a corpus in a layout of its own, and refuse it if anything is wrong.

    Args:
        path: A manifest (our TSV, NeMo's JSONL, Common Voice's TSV, Coqui's CSV, a Hugging Face ``metadata.csv`` or
            ``metadata.jsonl``) or a corpus folder of one of ``asrkit.data.layouts.LAYOUTS``.
        audio_root: Base of relative audio paths; None means the manifest's folder.
        require_text: Whether an utterance without text is an error.
        require_audio: Whether an utterance whose recording is not there is an error; text alone needs none.

    Raises:
        MissingPathError: There is no such file or folder.
        ManifestError: The format is unknown; or a line is broken, names audio that is not there, repeats an id or
            has no text. The error names the first such line and counts the others.
    """
    utterances, problems = scan_manifest(path, audio_root, require_text, require_audio=require_audio)
    if problems:
        first, others = problems[0], len(problems) - 1
        more = f" (and {others:,} more bad line{'s' * (others > 1)})" if others else ""
        way_out = f"; or leave such lines out: asrkit data import {path} -o usable.tsv"
        is_gone = all(problem.is_missing_audio for problem in problems)
        raise ManifestError(first.message + more + way_out * is_gone, path=first.path, line=first.line)
    if not utterances:
        raise ManifestError("lists no utterances; add a line for each recording", path=path)
    return utterances


def scan_manifest(
    path: Path | str, audio_root: Path | str | None = None, require_text: bool = True, *, require_audio: bool = True
) -> tuple[list[Utterance], list[Problem]]:
    """Read a manifest as ``read_manifest`` does, but return what is wrong beside what is usable.

    Raises:
        MissingPathError: There is no such file or folder.
        ManifestError: The format is unknown or the file is not text.
    """
    path = Path(path)
    if not path.exists():
        raise MissingPathError("no such manifest or corpus folder", path=path)
    if path.name == "metadata.csv" and is_ljspeech(path.parent):
        path = path.parent
    rows: Iterable[Row | Problem]
    if path.is_dir():
        rows, base = read_layout(_layout_of(path), path)[0], path
    else:
        rows, base = _read_file(path), path.parent
    return check_rows(rows, base if audio_root is None else Path(audio_root), require_text, require_audio)


def left_out(path: Path | str) -> list[str]:
    """Return what is not read of a manifest or corpus, a line each: columns; parts that others test with."""
    path = Path(path)
    if path.is_dir():
        layout = _find_layout(path)
        parts = {} if layout is None else read_layout(layout, path)[1]
        named = ", ".join(f"{name} ({count:,})" for name, count in sorted(parts.items()))
        return [f"parts to test with that are left out: {named}; name them to read them"] if parts else []
    if (
        not path.is_file()
        or is_lhotse_table(path)
        or archives_of(path)
        or (path.name == "metadata.csv" and is_ljspeech(path.parent))
    ):
        return []
    first = next((line for line in read_lines(path) if line.strip()), "")
    columns = unread_columns(first)
    return [f"columns that are not read: {', '.join(columns)}"] if columns else []


def is_own_manifest(path: Path) -> bool:
    """Tell whether a file looks as ``write_manifest`` leaves it, which no corpus does that others publish."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(10_000).decode("utf-8", "replace").partition("\n")[0]
    return start.startswith("\t".join(_COLUMNS)) or (
        start.startswith('{"audio_filepath": ') and '"utterance_id": ' in start
    )


def write_manifest(
    path: Path | str, utterances: Iterable[Utterance], columns: Mapping[str, Sequence[str]] | None = None
) -> None:
    """Write a manifest: JSON lines when the name ends in ``.jsonl`` or ``.json``, else tab-separated.

    Audio below the manifest's folder is named relative to it, other audio by its absolute path. The file appears
    whole or not at all.

    ``columns`` are further ones, as for ``asrkit score --by``, with a value for each utterance.

    Raises:
        ManifestError: The folder cannot be written, or a value cannot be stored in a line.
    """
    path = Path(path)
    lines = (_json_lines if path.suffix.lower() in (".jsonl", ".json") else _tsv_lines)(
        path, list(utterances), columns or {}
    )
    try:
        with written_whole(path) as file:
            file.writelines(f"{line}\n".encode() for line in lines)
    except OSError as error:
        raise ManifestError(f"cannot be written: {error.strerror}", path=path) from None


def _find_layout(folder: Path) -> Layout | None:
    return next((layout for layout in LAYOUTS if layout.matches(folder)), None)


def _layout_of(folder: Path) -> Layout:
    if (layout := _find_layout(folder)) is not None:
        return layout
    if archives_of(folder):
        raise ManifestError("holds archives; unpack them first: asrkit data import FOLDER -o corpus.tsv", path=folder)
    known = "; ".join(f"{layout.name}: {layout.description}" for layout in LAYOUTS)
    raise ManifestError(f"no known corpus layout in this folder ({known}); name a manifest file", path=folder)


def _read_file(path: Path) -> Iterator[Row | Problem]:
    if archives_of(path):
        raise ManifestError("is an archive; unpack it first: asrkit data import FILE -o corpus.tsv", path=path)
    if is_lhotse_table(path):
        return read_lhotse(path)
    if path.suffix.lower() in _PACKED:
        raise ManifestError("is packed; unpack it and name what comes out", path=path)
    lines = read_lines(path)
    first = next((line for line in lines if line.strip()), "")
    if not first:
        raise ManifestError("is empty; write a header and a line for each recording", path=path)
    if first.lstrip().startswith("["):
        raise ManifestError("is a JSON list; write an object a line: jq -c '.[]' FILE > FILE.jsonl", path=path)
    if first.lstrip().startswith("{"):
        return read_jsonl(path, lines)
    return (read_tsv if separator(first) == "\t" else read_csv)(path, lines)


def _tsv_lines(path: Path, utterances: list[Utterance], more: Mapping[str, Sequence[str]]) -> Iterator[str]:
    has_parts = any(utterance.start_s is not None for utterance in utterances)
    has_channels = any(utterance.channel is not None for utterance in utterances)
    has_weights = any(utterance.weight != 1.0 for utterance in utterances)
    needed = (("start", has_parts), ("channel", has_channels), ("weight", has_weights))
    own = [name for name, is_needed in needed if is_needed]
    columns = [*_COLUMNS, *own, *more, "text"]
    yield "\t".join(columns)
    for place, utterance in enumerate(utterances):
        cells = {
            "utterance_id": utterance.id,
            "path": _portable(utterance.audio_path, path),
            "seconds": "" if utterance.duration_s is None else f"{utterance.duration_s:.3f}",
            "speaker": utterance.speaker or "",
            "corpus": utterance.corpus or "",
            "start": "" if utterance.start_s is None else f"{utterance.start_s:.3f}",
            "channel": "" if utterance.channel is None else str(utterance.channel),
            "weight": f"{utterance.weight:g}",
            "text": utterance.text or "",
            **{name: values[place] for name, values in more.items()},
        }
        for name, cell in cells.items():
            if any(character in cell for character in "\t\n\r"):
                raise ManifestError(f"{name} of {utterance.id!r} holds a tab or a line break; write .jsonl", path=path)
        yield "\t".join(cells[column] for column in columns)


def _json_lines(path: Path, utterances: list[Utterance], more: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for place, utterance in enumerate(utterances):
        entry = {
            "audio_filepath": _portable(utterance.audio_path, path),
            "duration": None if utterance.duration_s is None else round(utterance.duration_s, 3),
            "text": utterance.text,
            "offset": None if utterance.start_s is None else round(utterance.start_s, 3),
            "channel": utterance.channel,
            "speaker": utterance.speaker,
            "corpus": utterance.corpus,
            "utterance_id": utterance.id,
            "weight": None if utterance.weight == 1.0 else utterance.weight,
            **{name: values[place] for name, values in more.items()},
        }
        yield json.dumps({key: value for key, value in entry.items() if value is not None}, ensure_ascii=False)


def _portable(audio_path: Path, manifest_path: Path) -> str:
    """Return the audio path relative to the manifest's folder where it lies below, else absolute."""
    audio_path = Path(os.path.abspath(audio_path))  # noqa: PTH100  (resolve() would follow links)
    folder = Path(os.path.abspath(manifest_path.parent))  # noqa: PTH100
    if audio_path.is_relative_to(folder):
        return audio_path.relative_to(folder).as_posix()
    return str(audio_path)
