"""The lock of a run's folder: one at a time writes into it, on whatever host, and anyone may look whether."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import IO

from asrkit.errors import InUseError
from asrkit.reading import require_plain

LOCK_NAME = ".asrkit.lock"
_PATIENCE_S, _PAUSE_S = 1.0, 0.05  # who only looks lets go at once


def hold(folder: Path) -> IO[bytes]:
    """Take a folder for this process; closing the file lets go of it, and so does the end of the process.

    Raises:
        InUseError: Another one has it.
        OSError: There is no such folder, or it cannot be written to.
    """
    path = folder / LOCK_NAME
    if path.is_symlink():  # what it leads to is no lock of ours
        path.unlink()
    require_plain(path)
    file = path.open("ab")
    until = time.monotonic() + _PATIENCE_S
    while not _try_lock(file, shared=False):
        if time.monotonic() > until:
            file.close()
            raise InUseError("another run is writing into this folder; wait for it or name another one", path=folder)
        time.sleep(_PAUSE_S)
    return file


def is_in_use(folder: Path) -> bool:
    """Whether a run is writing into a folder right now."""
    path = folder / LOCK_NAME
    try:
        require_plain(path)
        with path.open("rb") as file:
            return not _try_lock(file, shared=True)  # looks do not see each other
    except OSError:
        return False


def _try_lock(file: IO[bytes], *, shared: bool) -> bool:
    """Lock a file unless another one has; network mounts want a file open for reading to share, for writing to hold."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # the latter from Windows and some network mounts
        return False
    except OSError:  # a file system without locks
        pass
    return True
