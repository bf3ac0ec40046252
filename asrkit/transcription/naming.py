"""Where each transcript of a run goes, settled before the work begins: no two in one place, on any file system.

A name is a path below the output folder with ``/`` between its parts and without suffix; each format, the emissions and
the channels of the recording add theirs. Names depend on nothing but the inputs, and not on their order, so a run
that goes on finds what it wrote.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asrkit.emissions import EMISSIONS_SUFFIX
from asrkit.locks import LOCK_NAME
from asrkit.text.identifiers import escape_id, without_suffix
from asrkit.transcription.formats import FORMATS

# What a run keeps for itself at the top of its output folder.
RESULTS_NAME, HYPOTHESES_NAME, FAILURES_NAME, RUN_NAME = "results.jsonl", "hyp.txt", "failures.tsv", "run.json"
ASIDE_NAME, HYPOTHESES_ASIDE_NAME, WRITTEN_NAME = "results.aside.jsonl", "hyp.aside.txt", ".asrkit.files"
OWN_NAMES = (
    *(RESULTS_NAME, ASIDE_NAME, HYPOTHESES_NAME, HYPOTHESES_ASIDE_NAME),
    *(FAILURES_NAME, RUN_NAME, LOCK_NAME, WRITTEN_NAME),
)
EMISSIONS_FOLDER = "emissions"
SHARDS_FOLDER = ".asrkit.shards"  # no recording has such a name: see _TROUBLE
_RESERVED = frozenset(without_suffix(name) for name in OWN_NAMES) | {EMISSIONS_FOLDER}

TRANSCRIPT_SUFFIXES = (*(form.suffix for form in FORMATS.values()), EMISSIONS_SUFFIX)
_LONGEST_SUFFIX = max(map(len, TRANSCRIPT_SUFFIXES))
_LONGEST_PART_BYTES = 255  # on every common file system
_CHANNEL = re.compile(r"(.+)\.ch[1-9][0-9]*\Z", re.DOTALL)
# Devices of Windows, whatever follows the first dot; and what a killed run leaves behind, which the next one deletes.
_TROUBLE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|\Z)|\.asrkit", re.IGNORECASE)


@dataclass(frozen=True)
class Wish:
    """What a recording is called where nothing stands against it."""

    key: str  # what tells it from all others of the run
    names: tuple[str, str]  # names, the best one first; equally many for all recordings of a run
    utterance_id: str | None = None  # its id where it brings one; else it is made of the name it gets
    folder: str | None = None  # where its transcript goes, if that is not for the name to say: the folder of its audio

    @classmethod
    def of_file(cls, path: str) -> Wish:
        """Return that of a file, by its path below the folder of all inputs: without suffix, else with it."""
        return cls(path, (without_suffix(path), path))

    @classmethod
    def of_id(cls, utterance_id: str) -> Wish:
        """Return that of an id, which may come from a stranger."""
        plain = plain_path(utterance_id)
        return cls(utterance_id, (plain, f"{plain}%"), utterance_id)

    @classmethod
    def of_output(cls, name: str, utterance_id: str | None = None) -> Wish:
        """Return that of what goes by a name of an earlier run, such as stored emissions."""
        return cls(name, (name, f"{name}%"), utterance_id)

    @classmethod
    def of_line(cls, table: Path, line: int) -> Wish:
        """Return that of a line of a manifest that has no recording."""
        return cls(f"{table}:{line}", (f"{table.name}:{line}", f"{table.as_posix()}:{line}"))

    def at(self, level: int) -> str:
        """Return a name; the last one, past ``names``, is nobody else's."""
        if level < len(self.names):
            return self.names[level]
        return f"{self.names[-1]}~{hashlib.sha256(self.key.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def settle(wishes: Sequence[Wish], *, split_channels: bool = False) -> list[tuple[str, str]]:
    """Return the id and the name of each recording of a run.

    Who wants a place that another one wants as well, or that the run needs itself, takes its next name; of several in
    one place, those that have given way least so far. A place is taken whatever the formats of the run are, and by
    all names that differ in case or in the form of Unicode alone; neither is it one of a folder that others need.

    Wishes have different keys. With ``split_channels`` each needs room for its channels beside it.
    """
    levels = [0] * len(wishes)
    given = {wish.utterance_id for wish in wishes}
    names = [safe_path(wish.at(0)) for wish in wishes]
    stems = [_stems(wish, name) for wish, name in zip(wishes, names, strict=True)]
    folders = _stems_of_folders(wishes, names, split_channels)
    while True:
        owners: dict[str, list[int]] = defaultdict(list)
        for index, own in enumerate(stems):
            for stem in own:
                owners[stem].append(index)
        yielding = {index for index, own in enumerate(stems) if not folders.isdisjoint(own)}
        yielding |= {index for index, name in enumerate(names) if _folded(name) in _RESERVED}
        for index, wish in enumerate(wishes):
            if wish.utterance_id is None and escape_id(wish.at(levels[index])) in given:
                yielding.add(index)
        for rivals in _rivals(owners, split_channels):
            least = min(levels[index] for index in rivals)
            yielding |= {index for index in rivals if levels[index] == least}
        yielding = {index for index in yielding if levels[index] < len(wishes[index].names)}
        if not yielding:
            break
        for index in yielding:
            levels[index] += 1
            names[index] = safe_path(wishes[index].at(levels[index]))
            stems[index] = _stems(wishes[index], names[index])
    return [
        (escape_id(wish.at(level)) if wish.utterance_id is None else wish.utterance_id, name)
        for wish, level, name in zip(wishes, levels, names, strict=True)
    ]


def without_channel(name: str) -> str:
    """Return a name without the mark of a channel."""
    channel = _CHANNEL.match(name)
    return channel[1] if channel else name


def file_in(folder: Path, name: str, suffix: str) -> Path:
    """Return the file of a name; a last part that is too long is shortened, and stays different from others."""
    *parents, last = name.split("/")
    return folder.joinpath(*parents, _fitted(last, suffix))


def plain_path(place: str) -> str:
    """Return a path for an id or an address of a stranger, with nothing in it that another system reads its own way."""
    return "/".join(filter(None, re.split(r"[/\\]", escape_id(place)))).replace(":", "%3A")


def safe_path(name: str) -> str:
    """Return a relative path that stays below its folder and that every file system can hold."""
    *parents, last = [part for part in name.split("/") if part] or ["%"]
    safe = [_fitted(_safe_part(part, at_top=index == 0), "") for index, part in enumerate(parents)]
    return "/".join([*safe, _safe_part(last, is_folder=False)])


def absolute(path: Path | str) -> Path:
    """Return the absolute path without ``..``; links stay what they are, unlike with ``Path.resolve``."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def common_folder(folders: Sequence[Path]) -> Path:
    """Return the deepest folder that holds all the others, an absolute path."""
    try:
        return Path(os.path.commonpath([absolute(folder) for folder in folders]))
    except ValueError:  # drives of Windows have nothing in common
        return absolute(os.sep)


def _rivals(owners: dict[str, list[int]], split_channels: bool) -> Iterator[list[int]]:
    """Yield those that cannot stay where they are together."""
    for stem, own in owners.items():
        if len(own) > 1:
            yield own
        if split_channels and (channel := _CHANNEL.match(stem)) and channel[1] in owners:
            yield own + owners[channel[1]]


def _stems(wish: Wish, name: str) -> frozenset[str]:
    """Return the files of a name without their suffixes, as a file system sees them: mostly one, more if shortened."""
    folder, _, last = name.rpartition("/")
    short = {last}
    if len(os.fsencode(last)) + _LONGEST_SUFFIX > _LONGEST_PART_BYTES:
        short = {_fitted(last, suffix).removesuffix(suffix) for suffix in TRANSCRIPT_SUFFIXES}
    places = [folder] if wish.folder is None else [folder, wish.folder]
    return frozenset(_folded(f"{place}/{stem}" if place else stem) for place in places for stem in short)


def _stems_of_folders(wishes: Sequence[Wish], names: Sequence[str], split_channels: bool) -> frozenset[str]:
    """Return the stems whose files would be in the place of a folder."""
    folders: set[str] = set()
    for wish, name in zip(wishes, names, strict=True):
        for place in (name.rpartition("/")[0], wish.folder or ""):
            folder = _folded(place)
            while folder and folder not in folders:
                folders.add(folder)
                folder = folder.rpartition("/")[0]
    suffixes = [_folded(suffix) for suffix in TRANSCRIPT_SUFFIXES]
    stems = {folder.removesuffix(suffix) for folder in folders for suffix in suffixes if folder.endswith(suffix)}
    if split_channels:
        stems |= {channel[1] for stem in stems if (channel := _CHANNEL.match(stem))}
    top = f"{EMISSIONS_FOLDER}/"  # holds the same tree once more
    return frozenset(stems | {top + stem for stem in stems} | {stem.removeprefix(top) for stem in stems})


def _safe_part(part: str, *, at_top: bool = False, is_folder: bool = True) -> str:
    """Encode what makes a part of a path mean something else somewhere."""
    if set(part) == {"."}:
        return part.replace(".", "%2E")
    if is_folder and part[-1] in ". ":  # Windows drops it
        part = f"{part[:-1]}%{ord(part[-1]):02X}"
    if _TROUBLE.match(part) or (at_top and _folded(part) in OWN_NAMES):
        part = f"%{ord(part[0]):02X}{part[1:]}"
    return part


def _fitted(stem: str, suffix: str) -> str:
    """Return ``stem + suffix``, shortened to what file systems hold; a hash keeps shortened names apart."""
    if len(os.fsencode(stem + suffix)) <= _LONGEST_PART_BYTES:
        return stem + suffix
    mark = "~" + hashlib.sha256(os.fsencode(stem)).hexdigest()[:12]
    room = _LONGEST_PART_BYTES - len(os.fsencode(mark + suffix))
    return os.fsencode(stem)[:room].decode("utf-8", "ignore") + mark + suffix


def _folded(name: str) -> str:
    """Return what is equal for names that some file system takes for one (Unicode's canonical caseless match)."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())
