"""Inputs on other machines (``s3://``, ``gs://``, ``https://`` and what else fsspec knows), copied before being read.

A copy lies below the cache folder in a mirror of the place it comes from. It is made anew only when the original has
changed, so a second run downloads nothing and finds its recordings unchanged.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from asrkit.config import cache_folder
from asrkit.errors import ConfigError, MissingPackageError, TranscriptionError
from asrkit.packages import needed
from asrkit.reading import one_line, while_it_comes
from asrkit.text.identifiers import printable
from asrkit.transcription.listing import Listing, Wanted
from asrkit.transcription.naming import file_in, plain_path, safe_path
from asrkit.transcription.outputs import InTheWayError, for_one_recording, unwritable
from asrkit.transcription.recordings import is_manifest
from asrkit.writing import DISK_FULL, write_whole, written_whole

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped,unused-ignore]

# What fsspec needs beside itself; of other schemes it says so.
_MODULES = {
    "gcs": ("gcsfs",),
    "gs": ("gcsfs",),
    "http": ("aiohttp",),
    "https": ("aiohttp",),
    "s3": ("s3fs",),
    "s3a": ("s3fs",),
}
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
# What tells one version of a remote file from another; file systems differ in what they know.
_VERSION_FIELDS = ("size", "mtime", "etag", "ETag", "LastModified", "last_modified", "md5Hash", "updated", "created")

_PATIENCE_S = 60.0  # within which so much must come, or an answer
_LEAST_BYTES = 60_000


def is_url(given: Path | str) -> bool:
    """Whether an input lies on another machine."""
    return isinstance(given, str) and _URL.match(given) is not None


def fetch(
    inputs: Sequence[Path | str],
    wanted: Wanted,
    *,
    recursive: bool = True,
    cache_dir: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path | str | Listing]:
    """Copy what lies on other machines, and return the inputs with the copies in its place.

    What cannot be listed or copied, or is not there, is a problem of that file alone.

    Copies are kept in the cache folder, by default ``ASRKIT_CACHE_DIR``, else ``~/.cache/asrkit``. ``progress`` is
    called with the files copied so far, and in all.

    Raises:
        MissingPackageError: fsspec, or its part for such URLs, is not installed.
        TranscriptionError: The disk is full, or the cache folder cannot be written to.
    """
    if not any(map(is_url, inputs)):
        return list(inputs)
    cache = cache_folder(cache_dir) / "remote"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(cache, error) from None
    fetcher = _Fetcher(cache, wanted, recursive, progress or (lambda num_files, num_all: None))
    return [fetcher.fetch(str(given)) if is_url(given) else given for given in inputs]


@dataclass(frozen=True)
class _Fetcher:
    """Copies below a cache folder; arguments as of ``fetch``."""

    cache: Path
    wanted: Wanted
    recursive: bool
    progress: Callable[[int, int], None]

    def fetch(self, url: str) -> Path | Listing:
        """Copy a file, or the files of a folder or pattern; a manifest is returned as it is."""
        root = self.cache / url.partition("://")[0].lower() / hashlib.sha256(_host(url).encode()).hexdigest()[:8]
        place = url
        try:
            system, place = _open(url)
            top, files, left_out = self._list(system, url, place)
        except (ConfigError, MissingPackageError):
            raise
        except Exception as error:  # every file system has errors of its own
            path = _local(root, place)
            return Listing(path.parent, {path: _problem(url, error)})
        copies: dict[Path, str | None] = {}
        for index, file in enumerate(files):
            copy = _local(root, file)
            try:
                _copy(system, file, copy)
                copies[copy] = None
            except Exception as error:
                copies[copy] = _problem(url, error)
            self.progress(index + 1, len(files))
        if files == [place]:
            path = _local(root, place)
            return path if is_manifest(path) and copies[path] is None else Listing(path.parent, copies)
        return Listing(_local(root, top), copies, [_local(root, file) for file in left_out])

    def _list(self, system: AbstractFileSystem, url: str, place: str) -> tuple[str, list[str], list[str]]:
        """Return the folder that is meant, its files and those passed over for their names; or a file and itself."""
        left_out: list[str] = []
        is_web = url.lower().startswith("http")
        if any(sign in place for sign in "*[") and not is_web:
            files = [file for file in sorted(map(str, system.glob(place))) if system.isfile(file)]
            top = os.path.commonpath([str(PurePosixPath(file).parent) for file in files]) if files else place
        elif not is_web and system.isdir(place):
            top = place.rstrip("/")
            found = sorted(map(str, system.find(place, maxdepth=None if self.recursive else 1)))
            seen = [file for file in found if not _is_hidden(file, top)]
            files = [file for file in seen if self.wanted(Path(file), Path(top))]
            left_out = [file for file in seen if self.wanted.passes_over(Path(file), Path(top))]
        else:
            return place, [place], []
        if not files:
            raise FileNotFoundError
        return top, files, left_out


def _open(url: str) -> tuple[AbstractFileSystem, str]:
    scheme = url.partition("://")[0].lower()
    options: dict[str, Any] = {}
    with needed(url, "fsspec", *_MODULES.get(scheme, ())):
        from fsspec.core import url_to_fs  # type: ignore[import-untyped,unused-ignore]

        if scheme in ("http", "https"):  # whose calls would end after five minutes, however much came
            from aiohttp import ClientTimeout

            options["client_kwargs"] = {"timeout": ClientTimeout(total=None)}
    try:
        system, place = url_to_fs(url, **options)
    except ValueError as error:
        raise ConfigError(f"{url}: {error}") from None
    return system, place


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0]


def _is_hidden(file: str, top: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(file).relative_to(top).parts)


def _problem(url: str, error: Exception) -> str:
    """Return why something was not copied, in one line.

    Raises:
        MissingPackageError: What the place needs is not installed.
        TranscriptionError: The fault lies on this machine, so that no other file would fare better.
    """
    if isinstance(error, MissingPackageError | TranscriptionError) and not isinstance(error, InTheWayError):
        raise error
    if isinstance(error, ImportError):  # of a file system that fsspec leaves to another package; it says which
        raise MissingPackageError(f"{url}: {error}") from None
    status = getattr(error.__cause__, "status", None)  # the file system of the web calls all answers "not found"
    if isinstance(error, FileNotFoundError) and status not in (None, 404):
        return f"{url} cannot be copied: the server answered {status}; run again to try once more"
    if isinstance(error, FileNotFoundError):
        return f"there is nothing to transcribe at {url}, or it cannot be reached"
    text = printable(one_line(error)) or type(error).__name__
    return f"{url} cannot be copied: {text}; run again to try once more"


def _local(root: Path, place: str) -> Path:
    """Return where a remote file is copied to, never outside ``root``."""
    plain = place.partition("://")[2] if "://" in place else place
    *parents, name = plain_path(plain.partition("?")[0]).split("/")
    if "?" in plain or "//" in plain or "\\" in plain:  # tells files apart, but is no part of a name
        parents.append(hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[:8])
    return file_in(root, safe_path("/".join([*parents, name])), "")


def _copy(system: AbstractFileSystem, place: str, path: Path) -> None:
    """Copy a file, complete or not at all, unless the copy is that of the same version."""
    info: dict[str, Any] = while_it_comes(lambda: system.info(place), lambda: 0, _LEAST_BYTES, _PATIENCE_S)
    facts = [info.get(name) for name in _VERSION_FIELDS]
    version = json.dumps([str(fact) for fact in facts])
    is_known = any(fact is not None for fact in facts)  # what nobody knows is never the same
    note = file_in(path.parent, f".{path.name}", ".version")
    if is_known and path.is_file() and note.is_file() and note.read_text(encoding="utf-8") == version:
        return
    part = file_in(path.parent, f".{path.name}", ".part")
    with for_one_recording(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with written_whole(path, part=part):
            copy = partial(system.get_file, place, str(part))  # some file systems write to names only
            while_it_comes(copy, lambda: part.stat().st_size, _LEAST_BYTES, _PATIENCE_S)
        write_whole(note, version)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise unwritable(path, error) from None
        raise
