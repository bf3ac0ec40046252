"""Whether a binary model is whole: read in full once, and remembered."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

from asrkit.config import cache_folder
from asrkit.errors import LanguageModelError
from asrkit.language_model.files import ModelFile, open_model
from asrkit.writing import write_whole

# Part of each record: raise it when the checks get stricter, and every file is read once more.
_CHECKS = 1
_LARGE_BYTES = 200_000_000
_BUNDLE_MARK = "bundle.json"  # its neighbors come from whoever made the bundle
_FOLDER = "language_models"


def ensure_whole(file: ModelFile) -> None:
    """Check a binary model, unless a record in the cache folder says that this very file was checked before.

    A file is known by its path, size, time of change and inode. One that comes with a bundle is always checked, as
    unpacking an archive can make all of them up.

    Raises:
        _native.NgramFileError: It is damaged.
    """
    from asrkit import _native

    is_known_by_stamp = file.is_mapped and not (file.path.parent / _BUNDLE_MARK).exists()
    if is_known_by_stamp and _read_record(file.path) == _stamp(file):
        return
    _native.NgramModel.check_binary(file.data)
    if is_known_by_stamp:
        _write_record(file)


def verify_binary(path: Path | str) -> None:
    """Check a binary model, known or not: its checksums, and every number in it.

    Raises:
        MissingPathError: There is no such file.
        LanguageModelError: It is no binary model of asrkit, or it is damaged.
    """
    from asrkit import _native

    file = open_model(Path(path))
    if not file.is_binary:
        raise LanguageModelError(
            "only asrkit's binary models carry checksums; asrkit lm convert makes one of ARPA text", path=file.path
        )
    try:
        _native.NgramModel.check_binary(file.data)
    except _native.NgramFileError as error:
        raise LanguageModelError(str(error), path=file.path) from None


def _record_of(path: Path) -> Path:
    return cache_folder() / _FOLDER / f"{hashlib.sha256(bytes(path.resolve())).hexdigest()[:32]}.json"


def _stamp(file: ModelFile) -> dict[str, object]:
    status = file.status
    return {
        "path": str(file.path.resolve()),
        "bytes": status.st_size,
        "changed_ns": status.st_mtime_ns,
        "device": status.st_dev,
        "inode": status.st_ino,
        "checks": _CHECKS,
    }


def _read_record(path: Path) -> object:
    try:
        return json.loads(_record_of(path).read_bytes())
    except (OSError, ValueError, RuntimeError):  # none, no JSON, no home folder
        return None


def _write_record(file: ModelFile) -> None:
    try:
        write_whole(_record_of(file.path), json.dumps(_stamp(file)))
    except (OSError, ValueError, RuntimeError) as error:
        if file.data.size > _LARGE_BYTES:
            logging.getLogger(__name__).warning(
                "%s: %.1f GB were read to see whether they are damaged, as each start will: the cache folder cannot be "
                "written to (%s); name another with ASRKIT_CACHE_DIR",
                file.path,
                file.data.size / 1e9,
                error,
            )
