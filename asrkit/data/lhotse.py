"""Lhotse's manifests, read by hand: cuts, or recordings with supervisions, as JSON lines."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from json import JSONDecodeError
from pathlib import Path
from typing import Any

from asrkit.data.rows import Problem, Row, held_out_part
from asrkit.errors import ManifestError
from asrkit.reading import UNPACKING_ERRORS, parse_json

_MOST_IN_A_LINE = 1 << 24  # characters; whatever is packed more tightly fills the memory on purpose
_SUFFIXES = (".jsonl", ".jsonl.gz")
_PACES = ("Speed", "Tempo")  # what lhotse does to audio when it loads it, and to its times already here


def is_lhotse(folder: Path) -> bool:
    """Tell whether a folder holds lhotse's manifests."""
    return bool(_tables(folder, "cuts") or (_tables(folder, "recordings") and _tables(folder, "supervisions")))


def is_lhotse_table(path: Path) -> bool:
    """Tell whether a file is one of lhotse's manifests."""
    return path.name.endswith(_SUFFIXES) and any(kind in path.name for kind in ("cuts", "supervisions", "recordings"))


def read_lhotse(source: Path) -> Iterator[Row | Problem]:
    """Read a folder of manifests, or one of cuts or supervisions; the recordings of the latter lie beside it."""
    folder = source if source.is_dir() else source.parent
    cuts = _tables(folder, "cuts") if source.is_dir() else [source] if "cuts" in source.name else []
    for path in cuts:
        for line, content in _lines(path):
            yield from _well_formed(path, line, content, _cut_rows)
    if cuts:
        return
    made = (_parsed(content) for path in _tables(folder, "recordings") for _, content in _lines(path))
    recordings = {str(recording.get("id")): recording for recording in made}
    for path in _tables(folder, "supervisions") if source.is_dir() else [source]:
        for line, content in _lines(path):
            yield from _well_formed(path, line, content, partial(_said_rows, recordings=recordings))


def _well_formed(
    path: Path, line: int, content: str, rows: Callable[[Path, int, dict[str, Any]], Iterator[Row | Problem]]
) -> Iterator[Row | Problem]:
    try:
        yield from list(rows(path, line, parse_json(content)))
    except JSONDecodeError as error:
        yield Problem(path, line, f"is not JSON: {error}")
    except (AttributeError, TypeError, ValueError, OverflowError):
        yield Problem(path, line, "a value has another type than lhotse gives it")


def _parsed(content: str) -> dict[str, Any]:
    """Return an object; an empty one for what is none, whose lack is told where it is wanted."""
    try:
        value = parse_json(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _said_rows(
    path: Path, line: int, said: Mapping[str, Any], recordings: Mapping[str, Mapping[str, Any]]
) -> Iterator[Row | Problem]:
    """Yield what is said in a part of a recording."""
    recording = recordings.get(str(said.get("recording_id")))
    if recording is None:
        name = said.get("recording_id")
        yield Problem(path, line, f"its recording {name!r} is in no recordings*.jsonl beside it")
    else:
        yield _row(path, line, said, recording, 0.0, path.name)


def _cut_rows(path: Path, line: int, cut: Mapping[str, Any]) -> Iterator[Row | Problem]:
    """Yield what is said in a cut; a mixed or padded one is made of others and has no audio of its own."""
    recording = cut.get("recording")
    if not isinstance(recording, dict):
        yield Problem(path, line, "is no cut of one recording; write the cuts to files of their own first")
        return
    for said in cut.get("supervisions") or ():
        yield _row(path, line, said, recording, float(cut.get("start") or 0.0), str(cut.get("id")))


def _row(
    path: Path, line: int, said: Mapping[str, Any], recording: Mapping[str, Any], first_s: float, within: str
) -> Row | Problem:
    sources = [source for source in recording.get("sources") or () if source.get("type") == "file"]
    if len(sources) != 1:
        return Problem(path, line, f"its recording is not in one file ({within})")
    changes = [change.get("name") for change in recording.get("transforms") or ()]
    if pace := next((name for name in changes if name in _PACES), None):
        return Problem(path, line, f"its times are those after {pace}, which its file has not passed ({within})")
    channels = said.get("channel", 0)
    channels = channels if isinstance(channels, list) else [channels]
    has_many = len(sources[0].get("channels") or (0,)) > 1
    start_s = first_s + float(said.get("start") or 0.0)
    return Row(
        path,
        line,
        str(sources[0].get("source")),
        str(said.get("id")),
        None if said.get("text") is None else str(said["text"]),
        speaker=None if said.get("speaker") is None else str(said["speaker"]),
        start_s=start_s,
        end_s=start_s + float(said.get("duration") or 0.0),
        channel=int(channels[0]) if has_many and len(channels) == 1 else None,
        subset=held_out_part([path.name.removesuffix(".gz").removesuffix(".jsonl")]),
    )


def _tables(folder: Path, kind: str) -> list[Path]:
    found = (path for path in sorted(folder.glob(f"*{kind}*")) if path.name.endswith(_SUFFIXES))
    return [path for path in found if not path.name.startswith(".")]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
            for line, content in enumerate(iter(partial(file.readline, _MOST_IN_A_LINE + 1), ""), 1):
                if len(content) > _MOST_IN_A_LINE:
                    raise ValueError(f"line {line} is longer than {_MOST_IN_A_LINE:,} characters")
                if content.strip():
                    yield line, content
    except UNPACKING_ERRORS as error:
        raise ManifestError(f"cannot be read: {error}", path=path) from None
