"""What the runs of a folder have written, so that what somebody changed since is told from it."""

from __future__ import annotations

import errno
import hashlib
import os
from functools import partial
from pathlib import Path
from typing import IO

from asrkit.reading import require_plain
from asrkit.transcription.naming import HYPOTHESES_NAME, RESULTS_NAME, WRITTEN_NAME

_DIGEST_BYTES = 16
_ENTRY_BYTES = 2 * _DIGEST_BYTES
# In place of a name: the time of the last results before there was such a record; what is older counts as written.
_BEFORE = bytes(_DIGEST_BYTES)


class WrittenFiles:
    """A digest of the name of each file and one of what a run wrote there last, kept beside the results.

    Args:
        folder: Where it is kept; it exists.
        whole: The output folder that this is a shard of: its record counts, too.
        read_only: Look, but touch nothing.

    Raises:
        OSError: It cannot be read or written.
    """

    def __init__(self, folder: Path, whole: Path | None = None, *, read_only: bool = False) -> None:
        self._digests: dict[bytes, bytes] = {}
        self._read_only = read_only
        self._file = open_log(folder / WRITTEN_NAME, read_only=read_only)
        for source in filter(None, (whole, folder)):
            self._digests |= _read(source)
        self._end = self._file.seek(0, os.SEEK_END) // _ENTRY_BYTES * _ENTRY_BYTES  # a power cut may halve the last
        if not self._digests and (results := (whole or folder) / RESULTS_NAME).is_file():
            self._add(_BEFORE, results.stat().st_mtime_ns.to_bytes(_DIGEST_BYTES))

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    def note(self, name: str, data: bytes) -> None:
        """Note what is about to be written: a kill in between leaves no file, or none that counts as written.

        Raises:
            OSError: The disk is full.
        """
        self._add(_digest(os.fsencode(name)), _digest(data))

    def knows(self, name: str) -> bool:
        """Whether a run has ever written a file, or may have before there was a record."""
        return not self._digests.keys().isdisjoint([_digest(os.fsencode(name)), _BEFORE])

    def holds(self, name: str, path: Path) -> bool:
        """Whether a file, which has this name in the record, is as a run wrote it.

        Raises:
            OSError: It cannot be read.
        """
        known = self._digests.get(_digest(os.fsencode(name)))
        if known is None:
            return path.stat().st_mtime_ns <= int.from_bytes(self._digests.get(_BEFORE, b""))
        return known == _digest(path.read_bytes())

    def take_over(self, tables: Path) -> None:
        """Add what others have noted.

        Raises:
            OSError: It cannot be read or written.
        """
        for name, digest in _read(tables).items():
            if name != _digest(HYPOTHESES_NAME.encode()):  # each has its own
                self._add(name, digest)

    def _add(self, name: bytes, digest: bytes) -> None:
        if self._digests.get(name) == digest:
            return
        self._digests[name] = digest
        if not self._read_only:
            self._file.seek(self._end)
            if self._file.write(name + digest) < _ENTRY_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._end += _ENTRY_BYTES


def open_log(path: Path, *, read_only: bool) -> IO[bytes]:
    """Open a file that a run appends to; one that only looks sees an empty one where there is none.

    Raises:
        OSError: It cannot be read or written, is no regular file, or is a link.
    """
    require_plain(path)
    if read_only:
        return (path if path.exists() else Path(os.devnull)).open("rb", buffering=0)
    if path.is_symlink():  # what it leads to is not ours to cut
        raise OSError(errno.EINVAL, "is a link", str(path))
    return path.open("r+b" if path.exists() else "w+b", buffering=0)


def _read(folder: Path) -> dict[bytes, bytes]:
    with open_log(folder / WRITTEN_NAME, read_only=True) as raw, open(raw.fileno(), "rb", closefd=False) as file:
        entries = iter(partial(file.read, _ENTRY_BYTES), b"")
        return {one[:_DIGEST_BYTES]: one[_DIGEST_BYTES:] for one in entries if len(one) == _ENTRY_BYTES}


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()
