"""What a named file, folder or pattern holds, as far as the folders tell; nothing is opened."""

from __future__ import annotations

import errno
import fnmatch
import glob
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asrkit.audio import AUDIO_SUFFIXES
from asrkit.reading import is_new_folder, parse_json
from asrkit.transcription.naming import OWN_NAMES, RUN_NAME, TRANSCRIPT_SUFFIXES, absolute, without_channel

_SHOWN_SUFFIXES = 10
_BESIDE = ("", *(end for suffix in sorted(AUDIO_SUFFIXES) for end in (suffix, suffix.upper())))


@dataclass(frozen=True)
class Listing:
    """What an input consists of."""

    root: Path  # the folder that was meant; ids count from it
    files: Mapping[Path, str | None]  # the files, and for those that are no use the reason
    left_out: Collection[Path] = ()  # files of folders that are passed over for their names


@dataclass(frozen=True)
class Wanted:
    """Which files below a folder are recordings."""

    include: Sequence[str] = ()  # patterns of names or paths to take; none takes what has one of the suffixes
    exclude: Sequence[str] = ()  # patterns of names or paths, relative or absolute, to leave out
    suffixes: Collection[str] = field(default=AUDIO_SUFFIXES)  # what counts as audio

    def __call__(self, path: Path, top: Path) -> bool:
        """Whether a file is one."""
        if path.name.startswith(".") or self.excludes(path, top):
            return False
        return _matches(path, top, self.include) if self.include else path.suffix.lower() in self.suffixes

    def excludes(self, path: Path, top: Path) -> bool:
        """Whether a file is one that somebody wants left out."""
        return _matches(path, top, self.exclude)

    def passes_over(self, path: Path, top: Path) -> bool:
        """Whether a file is none for its suffix or as a hidden recording, and nobody said so."""
        if self.include or self(path, top) or self.excludes(path, top):
            return False
        # of hidden files, ._NAME is what macOS keeps beside NAME
        return not path.name.startswith(".") or (path.suffix in self.suffixes and not path.name.startswith("._"))


def _matches(path: Path, top: Path, patterns: Sequence[str]) -> bool:
    forms = (path.name, path.relative_to(top).as_posix(), path.as_posix()) if patterns else ()
    return any(fnmatch.fnmatch(form, pattern) for form in forms for pattern in patterns)


def by_suffix(left_out: Iterable[Path]) -> dict[str, int]:
    """Count files by their suffixes, the most frequent first, and hidden ones."""
    counts = Counter("hidden" if path.name.startswith(".") else path.suffix[1:].lower() or "none" for path in left_out)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def say_left_out(counts: Mapping[str, int]) -> str:
    """Return a line about files that were passed over, as ``by_suffix`` counts them."""
    shown = [f"{suffix} {number:,}" for suffix, number in counts.items()][:_SHOWN_SUFFIXES]
    more = f" and {len(counts) - len(shown)} more kinds" if len(counts) > len(shown) else ""
    number = sum(counts.values())
    files = "1 file" if number == 1 else f"{number:,} files"
    return f"{files} left out ({', '.join(shown)}{more}); name them, or a pattern, to take them"


def is_own(path: Path) -> bool:
    """Whether a file is what a run wrote: a table of its folder, or the transcript of a recording beside it.

    A table that may as well be a manifest is one unless it says what only transcripts say.
    """
    if path.name in OWN_NAMES and is_true((path.parent / RUN_NAME).is_file):
        return True
    if path.suffix in (".json", ".jsonl", ".tsv"):
        return _holds_transcripts(path)
    return _is_transcript(path.name, lambda name: is_true((path.parent / name).is_file))


def _is_transcript(name: str, is_there: Callable[[str], bool]) -> bool:
    stem, suffix = os.path.splitext(name)  # noqa: PTH122
    if suffix not in TRANSCRIPT_SUFFIXES:
        return False
    return any(is_there(stem + end) for stem in {stem, without_channel(stem)} for end in _BESIDE)


def _holds_transcripts(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            if path.suffix == ".tsv":
                return file.readline() == "start_s\tend_s\tword\tconfidence\n"
            row = parse_json(file.read() if path.suffix == ".json" else file.readline())
    except (OSError, ValueError):
        return False
    return isinstance(row, dict) and row.keys() >= {"utterance_id", "audio", "confidence", "words", "provenance"}


def list_input(given: Path | str, recursive: bool, wanted: Wanted) -> Listing | None:
    """Return the files of a named file, folder or pattern; None where there is nothing.

    What a run wrote is no part of a folder or pattern.
    """
    path = absolute(given)
    left_out: list[Path] = []
    if is_true(path.is_dir):
        return Listing(path, dict(_walk(path, recursive, wanted, left_out)), left_out)
    if _is_there(path):
        return Listing(path.parent, {path: _problem(path)})
    files: dict[Path, str | None] = {}
    top = _fixed_part(str(given))
    for match in _expand(str(given)):
        if match.is_dir():
            files |= dict(_walk(match, recursive, wanted, left_out))
        elif not is_own(match) and not wanted.excludes(match, absolute(top)):
            files[match] = _problem(match)
    return Listing(top, files, left_out) if files else None


def is_true(look: Callable[[], bool]) -> bool:
    """Return what a look at the disk says; no where looking is not allowed."""
    try:
        return look()
    except OSError:
        return False


def _is_there(path: Path) -> bool:
    """Whether something is at a path; what cannot be looked at is, and gets a problem of its own."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG
    return True


def _walk(top: Path, recursive: bool, wanted: Wanted, left_out: list[Path]) -> Iterator[tuple[Path, str | None]]:
    """Yield the audio files below a folder with their problems, each folder once, in a fixed order."""
    seen: set[tuple[int, int]] = set()
    is_new_folder(top, seen)
    problems: list[OSError] = []
    written: set[Path] = set()  # output folders, and what is below them
    for name, folders, files in os.walk(top, followlinks=True, onerror=problems.append):
        parent = Path(name)
        folders[:] = sorted(folder for folder in folders if recursive and is_new_folder(parent / folder, seen))
        if RUN_NAME in files or parent.parent in written:
            written.add(parent)
        names = set(files)
        for path in sorted(parent / file for file in files):
            if wanted(path, top):
                if not (wanted.include and is_own(path)):
                    yield path, _problem(path)
            elif wanted.passes_over(path, top):
                own = parent in written and (path.suffix in TRANSCRIPT_SUFFIXES or path.name in OWN_NAMES)
                if not own and not _is_transcript(path.name, names.__contains__):
                    left_out.append(path)
    for error in problems:
        yield absolute(error.filename), f"the folder cannot be listed: {str(error.strerror).lower()}"


def _problem(path: Path) -> str | None:
    """Return why a path is no recording, as far as the folder tells."""
    try:
        if path.is_file():
            return None
        if path.is_symlink() and not path.exists():
            return "is a link to a file that does not exist"
        return "is not a regular file; pipe it in as - or save it first"
    except OSError as error:
        return f"cannot be read: {str(error.strerror).lower()}"


def _expand(pattern: str) -> list[Path]:
    if not glob.has_magic(pattern):
        return []
    return sorted(absolute(path) for path in glob.glob(pattern, recursive=True))  # noqa: PTH207  absolute patterns too


def _fixed_part(pattern: str) -> Path:
    """Return the folder before the first wildcard of a pattern."""
    parts = Path(pattern).parts
    fixed = next((index for index, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return Path(*parts[:fixed])
