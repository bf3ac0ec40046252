"""What a named file, folder or pattern holds, as far as the folders tell; nothing is opened."""

from __future__ import annotations

import errno
import fnmatch
import glob
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from asrkit.transcription.naming import absolute


@dataclass(frozen=True)
class Listing:
    """What an input consists of.

    Args:
        root: The folder that was meant; ids count from it.
        files: The files, and for those that are no use the reason.
    """

    root: Path
    files: Mapping[Path, str | None]


def list_input(given: Path | str, recursive: bool, wanted: Callable[[Path, Path], bool]) -> Listing | None:
    """Return the files of a named file, folder or pattern; None where there is nothing.

    Args:
        given: What a user named.
        recursive: Whether to enter the folders below a folder.
        wanted: What ``wanted_files`` returns.
    """
    path = absolute(given)
    if is_true(path.is_dir):
        return Listing(path, dict(_walk(path, recursive, wanted)))
    if _is_there(path):
        return Listing(path.parent, {path: _problem(path)})
    files: dict[Path, str | None] = {}
    for match in _expand(str(given)):
        files |= dict(_walk(match, recursive, wanted)) if match.is_dir() else {match: _problem(match)}
    return Listing(_fixed_part(str(given)), files) if files else None


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


def wanted_files(
    include: Sequence[str], exclude: Sequence[str], suffixes: Collection[str]
) -> Callable[[Path, Path], bool]:
    """Return what tells whether a file below a folder is a recording; arguments as of ``find_recordings``."""
    return partial(_wanted, include=include, exclude=exclude, suffixes=suffixes)


def _walk(top: Path, recursive: bool, wanted: Callable[[Path, Path], bool]) -> Iterator[tuple[Path, str | None]]:
    """Yield the audio files below a folder with their problems, each folder once, in a fixed order."""
    seen: set[tuple[int, int]] = set()
    _is_new(top, seen)
    problems: list[OSError] = []
    for name, folders, files in os.walk(top, followlinks=True, onerror=problems.append):
        parent = Path(name)
        folders[:] = sorted(folder for folder in folders if recursive and _is_new(parent / folder, seen))
        for path in sorted(parent / file for file in files):
            if wanted(path, top):
                yield path, _problem(path)
    for error in problems:
        yield absolute(error.filename), f"the folder cannot be listed: {str(error.strerror).lower()}"


def _is_new(folder: Path, seen: set[tuple[int, int]]) -> bool:
    """Whether a folder is neither hidden nor met before; links that form a loop end here."""
    if folder.name.startswith("."):
        return False
    try:
        status = folder.stat()
    except OSError:
        return False
    key = (status.st_dev, status.st_ino)
    is_new = key not in seen
    seen.add(key)
    return is_new


def _wanted(
    path: Path, top: Path, *, include: Sequence[str], exclude: Sequence[str], suffixes: Collection[str]
) -> bool:
    if path.name.startswith("."):
        return False

    def matches(patterns: Sequence[str]) -> bool:
        relative = path.relative_to(top).as_posix() if patterns else ""
        return any(fnmatch.fnmatch(path.name, pattern) or fnmatch.fnmatch(relative, pattern) for pattern in patterns)

    if matches(exclude):
        return False
    return matches(include) if include else path.suffix.lower() in suffixes


def _problem(path: Path) -> str | None:
    """Return why a path is no recording, as far as the folder tells."""
    try:
        if path.is_file():
            return None
        return "is a link to a file that does not exist" if path.is_symlink() else "is not a regular file"
    except OSError as error:
        return f"cannot be read: {str(error.strerror).lower()}"


def _expand(pattern: str) -> list[Path]:
    if not glob.has_magic(pattern):
        return []
    return sorted(absolute(path) for path in glob.glob(pattern, recursive=True))  # noqa: PTH207  absolute patterns too


def _fixed_part(pattern: str) -> Path:
    """Return the folder before the first wildcard of a pattern."""
    parts = Path(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:fixed])
