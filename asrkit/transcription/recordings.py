"""From what a user names to the list of recordings: files, folders, globs, lists and manifests."""

from __future__ import annotations

import errno
import fnmatch
import glob
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from asrkit.audio import AUDIO_SUFFIXES
from asrkit.errors import ManifestError, MissingPathError, TranscriptionError
from asrkit.transcription.identifiers import absolute, common_folder, escape_id, safe_path, unique_stems

MANIFEST_SUFFIXES = frozenset({".csv", ".json", ".jsonl", ".tsv"})


@dataclass(frozen=True)
class Recording:
    """One thing to transcribe.

    Args:
        utterance_id: Unique in its run, without whitespace.
        path: The audio, an absolute path.
        output: Where its transcript goes: a path below the output folder, without suffix.
        channel: Channel to take, from 0; None mixes all.
        start_s: First second, of a segment.
        end_s: Second to stop before, of a segment; None is the end.
        problem: Why it cannot be transcribed, when that is known already.
        emissions_path: Its stored emissions, when these are decoded instead of the audio.
        duration_s: Seconds of audio, once it is scanned.
        fingerprint: What tells this audio from another version of it, once it is scanned.
    """

    utterance_id: str
    path: Path
    output: str
    channel: int | None = None
    start_s: float | None = None
    end_s: float | None = None
    problem: str | None = None
    emissions_path: Path | None = None
    duration_s: float = 0.0
    fingerprint: str = ""

    @property
    def is_segment(self) -> bool:
        """Whether it is a part of its file."""
        return self.start_s is not None or self.end_s is not None


@dataclass(frozen=True)
class Listing:
    """What an input consists of.

    Args:
        root: The folder that was meant; ids count from it.
        files: The files, and for those that are no use the reason.
    """

    root: Path
    files: Mapping[Path, str | None]


def find_recordings(
    inputs: Sequence[Path | str | Listing],
    *,
    recursive: bool = True,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    audio_root: Path | None = None,
    suffixes: Collection[str] = AUDIO_SUFFIXES,
) -> list[Recording]:
    """List what there is to transcribe, sorted by id.

    A file is taken whatever its suffix, but ``.tsv``, ``.jsonl``, ``.json`` and ``.csv`` are manifests, and so is the
    ``wav.scp`` of Kaldi. A folder gives its audio files, unless it is one of Kaldi's; hidden ones are left out, a
    folder met twice through links is read once. A pattern such as ``wavs/**/*.flac`` is expanded where the shell did
    not.

    Args:
        inputs: Files, folders, patterns and manifests, and what is listed already.
        recursive: Whether to enter the folders below a folder.
        include: Patterns of names or relative paths to take from folders; default: every audio suffix.
        exclude: Patterns of names or relative paths to leave out.
        audio_root: Base of relative paths in manifests; default: the manifest's folder.
        suffixes: What counts as audio in a folder.

    Raises:
        MissingPathError: A named path does not exist or a pattern matches nothing.
        ManifestError: A manifest is broken.
        TranscriptionError: There is nothing to transcribe.
    """
    wanted = wanted_files(include, exclude, suffixes)
    found: dict[Path, str | None] = {}
    roots: list[Path] = []
    recordings: list[Recording] = []
    missing: list[str] = []
    empty: list[Path] = []
    for given in inputs:
        if not isinstance(given, Listing) and (table := _table(absolute(given))) is not None:
            recordings += _from_manifest(table, audio_root)
            continue
        listing = given if isinstance(given, Listing) else _list(given, recursive, wanted)
        if listing is None:
            missing.append(str(given))
        else:
            roots.append(listing.root)
            found |= listing.files
            if not listing.files and not include and not exclude:
                empty.append(listing.root)
    if missing:
        raise MissingPathError(f"no such file or folder: {', '.join(missing[:5])}{_and_more(missing)}")
    if found or recordings:  # one of several folders, as where a mount is gone; nothing at all is an error
        holding = {parent for path in found for parent in path.parents}
        lost = [folder for folder in empty if folder not in holding]
        found |= dict.fromkeys(lost, "the folder holds no recordings")
        roots += [folder.parent for folder in lost]
    recordings += _with_ids(found, roots)
    if not recordings:
        raise TranscriptionError(_nothing_found(inputs, include))
    check_ids(recordings)
    return sorted(recordings, key=lambda recording: recording.utterance_id)


def is_manifest(path: Path) -> bool:
    """Whether a name is that of a manifest."""
    return path.suffix.lower() in MANIFEST_SUFFIXES


def _table(path: Path) -> Path | None:
    """Return a manifest or a Kaldi folder, which ``asrkit.data`` reads; None for anything else."""
    kaldi = path.parent if path.name == "wav.scp" else path
    if _is_true((kaldi / "wav.scp").is_file) and (kaldi == path.parent or _is_true((kaldi / "text").is_file)):
        return kaldi
    return path if is_manifest(path) and _is_true(path.is_file) else None


def _list(given: Path | str, recursive: bool, wanted: Callable[[Path, Path], bool]) -> Listing | None:
    """Return the files of a named file, folder or pattern; None where there is nothing."""
    path = absolute(given)
    if _is_true(path.is_dir):
        return Listing(path, dict(_walk(path, recursive, wanted)))
    if _is_there(path):
        return Listing(path.parent, {path: _problem(path)})
    files: dict[Path, str | None] = {}
    for match in _expand(str(given)):
        files |= dict(_walk(match, recursive, wanted)) if match.is_dir() else {match: _problem(match)}
    return Listing(_fixed_part(str(given)), files) if files else None


def _is_true(look: Callable[[], bool]) -> bool:
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


def _with_ids(found: Mapping[Path, str | None], roots: list[Path]) -> list[Recording]:
    if not found:
        return []
    base = common_folder(roots)
    names = unique_stems([_below(path, base) for path in found])
    return [
        Recording(escape_id(name), path, name, problem=problem)
        for (path, problem), name in zip(found.items(), names, strict=True)
    ]


def _below(path: Path, base: Path) -> str:
    return path.relative_to(base if path.is_relative_to(base) else path.anchor).as_posix()


def _from_manifest(path: Path, audio_root: Path | None) -> list[Recording]:
    """Return the recordings of a manifest; a missing one is a problem of its own, a broken table is an error."""
    from asrkit.data import scan_manifest

    utterances, problems = scan_manifest(path, audio_root=audio_root, require_text=False)
    for problem in problems:
        if not problem.is_missing_audio:
            raise ManifestError(problem.message, path=problem.path, line=problem.line)
    absent = [
        Recording(escape_id(f"{path.name}:{problem.line}"), path, "", problem=problem.message) for problem in problems
    ]
    return absent + [
        Recording(
            utterance.id,
            absolute(utterance.audio_path),
            safe_path(utterance.id),
            start_s=utterance.start_s,
            end_s=utterance.end_s,
        )
        for utterance in utterances
    ]


def check_ids(recordings: list[Recording]) -> None:
    """Refuse ids that stand twice.

    Raises:
        TranscriptionError: Two recordings have the same id.
    """
    seen: set[str] = set()
    for recording in recordings:
        if recording.utterance_id in seen:
            raise TranscriptionError(
                f"two inputs have the id {recording.utterance_id!r}; transcribe them into different output folders"
            )
        seen.add(recording.utterance_id)


def _nothing_found(inputs: Sequence[Path | str | Listing], include: Sequence[str]) -> str:
    places = (str(given.root if isinstance(given, Listing) else given) for given in inputs)
    wanted = ", ".join(include) if include else ", ".join(sorted(suffix[1:] for suffix in AUDIO_SUFFIXES))
    return f"nothing to transcribe in {', '.join(places)}; looked for {wanted}"


def _and_more(names: list[str]) -> str:
    return f" and {len(names) - 5} more" if len(names) > 5 else ""
