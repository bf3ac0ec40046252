"""Corpora in their original layout, read as they are.

Most are described in a line: texts in a file each, found from the path of the audio (``Beside``), or in tables, of
which each line names a recording (``Listed``). The others are functions. All are in ``LAYOUTS``, the surest first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from asrkit.audio import AUDIO_SUFFIXES
from asrkit.data.kaldi import is_kaldi, read_kaldi
from asrkit.data.lhotse import is_lhotse, read_lhotse
from asrkit.data.lines import read_lines
from asrkit.data.rows import Problem, Row, held_out_part
from asrkit.data.tables import read_csv, read_jsonl, read_tsv
from asrkit.errors import ManifestError
from asrkit.reading import files_below

_LOOKED_AT = 5  # lines
_SIDES = {"1": "0", "2": "1", "A": "0", "B": "1"}  # of a call, as stm names its channels
_STM_OPTIONS = re.compile(r"<[^<>]*>|\(\d+\)|\{[^{}]*\}")


@dataclass(frozen=True)
class Custom:
    """A layout that functions know and read."""

    name: str
    description: str
    matches: Callable[[Path], bool]
    read: Callable[[Path], Iterator[Row | Problem]]


@dataclass(frozen=True)
class Beside:
    """Texts in a file each."""

    name: str  # what it is called
    description: str  # by which files it is known
    # What the path of a recording below the folder, without suffix, must match; ``speaker`` and ``id`` may be among its
    # groups.
    audio: str
    text: str  # the path of its text, with these groups in it
    corpus: str | None = None  # of the utterances

    def matches(self, folder: Path) -> bool:
        """Tell whether any recording has its text."""
        return next(self._pairs(folder), None) is not None

    def read(self, folder: Path) -> Iterator[Row | Problem]:
        """Yield the recordings, a problem for each without text."""
        for audio, path, groups in self._pairs(folder, with_missing=True):
            if not path.is_file():
                yield Problem(folder / audio, 1, f"has no text at {path.relative_to(folder).as_posix()}")
                continue
            try:
                text = " ".join(" ".join(read_lines(path)).split())
            except ManifestError as error:
                yield Problem(path, error.line or 1, error.message)
                continue
            yield Row(path, 1, audio, groups.get("id"), text, speaker=groups.get("speaker"), corpus=self.corpus)

    def _pairs(self, folder: Path, *, with_missing: bool = False) -> Iterator[tuple[Path, Path, dict[str, str]]]:
        for path in _recordings(folder):
            audio = path.relative_to(folder)
            found = re.fullmatch(self.audio, audio.with_suffix("").as_posix())
            if found:
                groups = {name: value for name, value in found.groupdict().items() if value is not None}
                text = folder / self.text.format(**groups)
                if not text.is_file() and (upper := text.with_suffix(text.suffix.upper())).is_file():
                    text = upper
                if with_missing or text.is_file():
                    yield audio, text, groups


@dataclass(frozen=True)
class Listed:
    """Tables of which each line names a recording and its text."""

    name: str  # what it is called
    description: str  # by which files it is known
    tables: str  # pattern of their paths below the folder
    line: str  # what a line must match; groups ``id``, ``text``, maybe ``audio``, ``channel``, ``speaker``, ``start``,
    # ``end``
    # Where the recording may be, seen from the table, with these groups in it; its suffix may be missing.
    audio: tuple[str, ...]
    expected: str  # what a line should be, for those that are something else
    speaker: str = "(?!)"  # who speaks where the line does not tell: a pattern of the table's path
    only_speaker: str | None = None  # who speaks where that is the same for all
    corpus: str | None = None  # of the utterances
    clean: Callable[[str], str] = str.strip  # what the text passes
    skipped: str = "(?!)"  # what the text of lines that count for nothing matches

    def matches(self, folder: Path) -> bool:
        """Tell whether a table begins with such a line."""
        tables = self._tables(folder)
        return any(re.fullmatch(self.line, line) for path in tables for line in _first_lines(path)[:_LOOKED_AT])

    def read(self, folder: Path) -> Iterator[Row | Problem]:
        """Yield the lines of all tables."""
        find = cache(_audio_in)
        for path in self._tables(folder):
            whose = re.search(self.speaker, path.relative_to(folder.parent).as_posix())
            lines = [(content, re.fullmatch(self.line, content)) for content in read_lines(path)]
            # A table of recordings with one channel calls it 1, or A; it need not be named.
            is_two_sided = any(found and found.groupdict().get("channel") in ("2", "B") for _, found in lines)
            for line, (content, found) in enumerate(lines, 1):
                if not content.strip() or content.startswith(";;") or re.search(self.skipped, content):
                    continue
                if not found:
                    yield Problem(path, line, f"{content[:60]!r} is not {self.expected}")
                    continue
                values = {name: value or "" for name, value in found.groupdict().items()}
                places = [path.parent / audio.format(**values) for audio in self.audio]
                audio = next((a for p in places if (a := find(p.parent).get(p.name)) is not None), places[0])
                yield Row(
                    path,
                    line,
                    audio.relative_to(folder) if audio.is_relative_to(folder) else audio,
                    _without_suffix(values["id"]) if "id" in values else None,
                    self.clean(values["text"]) or self.clean(values.get("raw", "")),
                    speaker=values.get("speaker") or (whose[1] if whose else self.only_speaker),
                    corpus=self.corpus,
                    start_s=values.get("start"),
                    end_s=values.get("end"),
                    channel=_SIDES.get(values.get("channel", "")) if is_two_sided else None,
                )

    def _tables(self, folder: Path) -> Iterator[Path]:
        name = self.tables.removeprefix("**/")
        paths = [folder / name] if name == self.tables else files_below(folder)
        return (path for path in paths if path.match(name) and path.is_file())


def _recordings(folder: Path) -> Iterable[Path]:
    return (path for path in files_below(folder) if path.suffix.lower() in AUDIO_SUFFIXES)


def _audio_in(folder: Path) -> dict[str, Path]:
    """Return the recordings of a folder by name, with and without suffix."""
    if not folder.is_dir():
        return {}
    found = [path for path in sorted(folder.iterdir(), reverse=True) if path.suffix.lower() in AUDIO_SUFFIXES]
    return {path.stem: path for path in found} | {path.name: path for path in found}


def _without_suffix(name: str) -> str:
    return Path(name).stem if Path(name).suffix.lower() in AUDIO_SUFFIXES else name


def read_common_voice(folder: Path) -> Iterator[Row | Problem]:
    """Read Mozilla Common Voice: ``validated.tsv``, else ``train.tsv``, without its dev and test sets.

    Nor are other clips of their speakers and other readings of their sentences in the training set, as its makers have
    it; where nothing else is left, only the sets themselves are out. Any of its tables is read by its own name.
    """
    path = next(path for name in _COMMON_VOICE if (path := folder / name).is_file())
    rows = [*read_tsv(path, read_lines(path))]
    subsets: dict[tuple[str, str], str] = {}
    for name in ("dev", "test"):
        if (table := folder / f"{name}.tsv").is_file():
            for held in read_tsv(table, read_lines(table)):
                if isinstance(held, Row):
                    subsets["audio", str(held.audio)] = name
                    akin = (("speaker", held.speaker), ("text", held.text))
                    subsets |= {(kind, value): f"speakers or sentences of {name}" for kind, value in akin if value}
    keys: Sequence[str] = ("audio", "speaker", "text")
    if all(_subset(row, subsets, keys) for row in rows if isinstance(row, Row)):
        keys = keys[:1]
    yield from (replace(row, subset=_subset(row, subsets, keys)) if isinstance(row, Row) else row for row in rows)


def _subset(row: Row, subsets: Mapping[tuple[str, str], str], keys: Sequence[str]) -> str | None:
    found = (subsets.get((key, str(getattr(row, key)))) for key in keys)
    return next((name for name in found if name), None)


_COMMON_VOICE = ("validated.tsv", "train.tsv", "other.tsv")


def read_audiofolder(folder: Path) -> Iterator[Row | Problem]:
    """Read a Hugging Face audio folder: ``metadata.csv`` or ``.jsonl`` with ``file_name`` and a text, here or below."""
    for path in _audiofolder_tables(folder):
        below = path.parent.relative_to(folder)
        for row in (read_jsonl if path.suffix == ".jsonl" else read_csv)(path, read_lines(path)):
            yield replace(row, audio=below / row.audio) if isinstance(row, Row) else row


def is_ljspeech(folder: Path) -> bool:
    """Tell whether this is LJSpeech or a corpus in its layout."""
    return (folder / "wavs").is_dir() and "|" in _first_line(folder / "metadata.csv")


def _is_common_voice(folder: Path) -> bool:
    return (folder / "clips").is_dir() and any("client_id" in _first_line(folder / name) for name in _COMMON_VOICE)


def _audiofolder_tables(folder: Path) -> list[Path]:
    names = ("metadata.jsonl", "metadata.csv")
    tables = [path for place in ("", "*/", "data/*/") for name in names for path in sorted(folder.glob(place + name))]
    first = {path.parent: path for path in reversed(tables) if "file_name" in _first_line(path)}
    return [first[parent] for parent in sorted(first)]


def _first_lines(path: Path) -> list[str]:
    """Return how a file begins; nothing where there is none."""
    try:
        with path.open("rb") as file:
            return file.read(10_000).decode("utf-8-sig", "replace").splitlines()
    except OSError:
        return []


def _first_line(path: Path) -> str:
    return next(iter(_first_lines(path)), "")


def _spoken_stm(text: str) -> str:
    """Return the words of a line of stm without its marks: ``<unk>``, ``word(2)``, ``{NOISE}``, `` 's``."""
    return re.sub(r" (?='\w)", "", " ".join(_STM_OPTIONS.sub(" ", text).split()))


_LJ_LINE = r"(?P<id>[^|]+)\|(?P<raw>[^|]*)(?:\|(?P<text>[^|]*))?"
Layout = Custom | Beside | Listed
LAYOUTS: tuple[Layout, ...] = (
    Listed(
        "ljspeech", "metadata.csv and wavs/", "metadata.csv", _LJ_LINE, ("wavs/{id}", "{id}"),
        "id|text|normalized text", only_speaker="lj", corpus="ljspeech",
    ),
    Custom("common voice", "validated.tsv, or train.tsv, and clips/", _is_common_voice, read_common_voice),
    Custom("kaldi", "wav.scp and text", is_kaldi, read_kaldi),
    Custom("lhotse", "cuts.jsonl, or recordings.jsonl and supervisions.jsonl (also .gz)", is_lhotse, read_lhotse),
    Custom(
        "audiofolder", "metadata.csv or .jsonl with file_name, here or in train/, test/, data/train/",
        lambda folder: bool(_audiofolder_tables(folder)), read_audiofolder,
    ),
    Listed(
        "librispeech", "*.trans.txt beside the audio", "**/*.trans.txt", r"(?P<id>\S+)\s*(?P<text>.*)", ("{id}",),
        "an id and a text", r"([^/]+)/[^/]+/[^/]+$", corpus="librispeech",
    ),
    Beside(
        "libritts", "*.normalized.txt beside the audio",
        r"(?P<path>(?:.*/)?(?P<speaker>[^/]+)/[^/]+/(?P<id>[^/]+))", "{path}.normalized.txt", "libritts",
    ),
    Beside(
        "vctk", "wav48*/SPEAKER/*.flac and txt/SPEAKER/*.txt",
        r"wav[^/]*/(?P<speaker>[^/]+)/(?P<id>[^/]+?)(?:_mic1)?(?<!_mic2)", "txt/{speaker}/{id}.txt", "vctk",
    ),
    Listed(
        "voxforge", "etc/PROMPTS beside wav/", "**/etc/PROMPTS", r"(?:\S*/)?(?P<id>[^/\s]+)\s+(?P<text>.*)",
        ("../wav/{id}", "../flac/{id}"), "a path and a text", r"([^/]+?)(?:-[^/]*)?/etc/PROMPTS$", corpus="voxforge",
    ),
    Listed(
        "tedlium", "*.stm beside the recordings or in stm/", "**/*.stm",
        r"(?P<audio>\S+) +(?P<channel>\S+) +(?P<speaker>\S+) +(?P<start>[\d.]+) +(?P<end>[\d.]+) +(?P<text>.*)",
        ("../sph/{audio}", "{audio}", "../wav/{audio}"), "a line of stm",
        clean=_spoken_stm, skipped="ignore_time_segment_in_scoring|inter_segment_gap",
    ),
    Listed(
        "m-ailabs", "metadata.csv beside wavs/, at any depth", "**/metadata.csv", _LJ_LINE, ("wavs/{id}", "{id}"),
        "id|text|normalized text", r"([^/]+)/[^/]+/metadata\.csv$", corpus="m-ailabs",
    ),
    Beside("texts beside", "a .txt of the same name beside each recording", r"(?P<path>.+)", "{path}.txt"),
)  # fmt: skip


def read_layout(layout: Layout, folder: Path) -> tuple[list[Row | Problem], dict[str, int]]:
    """Read a corpus without the parts that others test with, unless it is nothing else.

    Returns:
        Its rows, and how many utterances of which parts are left out.
    """
    rows = [*layout.read(folder)]
    parts = [_held_out_part(row) if isinstance(row, Row) else None for row in rows]
    if not any(isinstance(row, Row) and part is None for row, part in zip(rows, parts, strict=True)):
        return rows, {}
    names = [part for part in parts if part is not None]
    kept = [row for row, part in zip(rows, parts, strict=True) if part is None]
    return kept, {name: names.count(name) for name in dict.fromkeys(names)}


def _held_out_part(row: Row) -> str | None:
    folders = () if Path(row.audio).is_absolute() else Path(row.audio).parent.parts
    return row.subset or held_out_part(folders)
