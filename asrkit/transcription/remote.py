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
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from asrkit.errors import ConfigError, MissingPathError, TranscriptionError
from asrkit.transcription.identifiers import file_name, safe_path

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped,unused-ignore]

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
# What tells one version of a remote file from another; file systems differ in what they know.
_VERSION_FIELDS = ("size", "mtime", "etag", "ETag", "LastModified", "last_modified", "md5Hash", "updated", "created")


def is_url(given: Path | str) -> bool:
    """Whether an input lies on another machine."""
    return isinstance(given, str) and _URL.match(given) is not None


def fetch(
    inputs: Sequence[Path | str],
    wanted: Callable[[Path, Path], bool],
    *,
    cache_dir: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path | str]:
    """Copy what lies on other machines, and return the inputs with the copies in its place.

    Args:
        inputs: Paths, and URLs of files, folders and patterns.
        wanted: Whether a file below a folder is an input; takes the file and the folder.
        cache_dir: Where copies are kept; default: ``ASRKIT_CACHE_DIR``, else ``~/.cache/asrkit``.
        progress: Called with the files copied so far, and in all.

    Raises:
        ConfigError: fsspec, or its part for such URLs, is not installed.
        MissingPathError: There is nothing at a URL.
        TranscriptionError: A file cannot be copied; what was copied stays.
    """
    if not any(map(is_url, inputs)):
        return list(inputs)
    cache = Path(cache_dir or os.environ.get("ASRKIT_CACHE_DIR") or Path.home() / ".cache" / "asrkit") / "remote"
    return [_fetch_one(str(given), cache, wanted, progress) if is_url(given) else given for given in inputs]


def _fetch_one(
    url: str, cache: Path, wanted: Callable[[Path, Path], bool], progress: Callable[[int, int], None] | None
) -> Path:
    """Copy a file, or the files of a folder or pattern, and return the path of the copy."""
    system, place = _open(url)
    root = cache / url.partition("://")[0].lower() / hashlib.sha256(_host(url).encode()).hexdigest()[:8]
    try:
        top, files = _list(system, url, place, wanted)
        for index, file in enumerate(files):
            _copy(system, file, _local(root, file))
            if progress is not None:
                progress(index + 1, len(files))
    except MissingPathError:
        raise
    except FileNotFoundError:
        raise MissingPathError("there is nothing there, or it cannot be reached", path=url) from None
    except ImportError as error:
        raise _not_installed(url, error) from None
    except Exception as error:  # every file system has errors of its own
        text = " ".join(str(error).split()) or type(error).__name__
        raise TranscriptionError(f"{url} cannot be copied: {text}; run again, what is here already stays") from error
    return _local(root, top)


def _open(url: str) -> tuple[AbstractFileSystem, str]:
    try:
        from fsspec.core import url_to_fs  # type: ignore[import-untyped,unused-ignore]

        system, place = url_to_fs(url)
    except ImportError as error:
        raise _not_installed(url, error) from None
    except ValueError as error:
        raise ConfigError(f"{url}: {error}") from None
    return system, place


def _not_installed(url: str, error: ImportError) -> ConfigError:
    return ConfigError(f"{url} needs the extra 'remote' ({error}): pip install 'asrkit[remote]'")


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0]


def _list(
    system: AbstractFileSystem, url: str, place: str, wanted: Callable[[Path, Path], bool]
) -> tuple[str, list[str]]:
    """Return what is asked for and the files it consists of."""
    if any(sign in place for sign in "*[") and not url.lower().startswith("http"):
        files = sorted(map(str, system.glob(place)))
        files = [file for file in files if system.isfile(file)]
        top = os.path.commonpath([str(PurePosixPath(file).parent) for file in files]) if files else place
    elif not url.lower().startswith("http") and system.isdir(place):
        top = place.rstrip("/")
        found = sorted(map(str, system.find(place)))
        files = [file for file in found if wanted(Path(file), Path(top))]
    else:
        top, files = place, [place]
    if not files:
        raise MissingPathError("there is nothing to transcribe there", path=url)
    return top, files


def _local(root: Path, place: str) -> Path:
    """Return where a remote file is copied to, never outside ``root``."""
    plain = place.partition("://")[2] if "://" in place else place
    parts = safe_path(plain.partition("?")[0].strip("/")).split("/")
    if "?" in plain:  # a signed URL, say: the query tells files apart, but is no part of a name
        parts.insert(-1, hashlib.sha256(plain.encode()).hexdigest()[:8])
    return root.joinpath(*(file_name(part, "") for part in parts))


def _copy(system: AbstractFileSystem, place: str, path: Path) -> None:
    """Copy a file, complete or not at all, unless the copy is that of the same version."""
    info: dict[str, Any] = system.info(place)
    version = json.dumps([str(info.get(name)) for name in _VERSION_FIELDS])
    note = path.with_name(f".{file_name(path.name, '.version')}")
    if path.is_file() and note.is_file() and note.read_text(encoding="utf-8") == version:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{file_name(path.name, '.part')}")
    system.get_file(place, str(partial))
    partial.replace(path)
    note.write_text(version, encoding="utf-8")
