"""Locks of output folders: one run at a time, whoever looks."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import IO

import pytest

from asrkit.errors import InUseError
from asrkit.locks import LOCK_NAME, hold, is_in_use
from asrkit.transcription.folder import OutputFolder

fcntl = pytest.importorskip("fcntl", reason="locks of POSIX")


def look(folder: Path) -> IO[bytes]:
    """Look as another process does, and stop in the middle."""
    file = (folder / LOCK_NAME).open("rb")
    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return file


def test_one_run_at_a_time_holds_a_folder(tmp_path: Path) -> None:
    assert not is_in_use(tmp_path)
    with hold(tmp_path):
        assert is_in_use(tmp_path)
        with pytest.raises(InUseError, match="another run is writing into this folder; wait for it"):
            hold(tmp_path)
    assert not is_in_use(tmp_path)
    hold(tmp_path).close()


def test_who_looks_is_no_run_and_is_in_nobody_s_way(tmp_path: Path) -> None:
    OutputFolder(tmp_path).close()
    looking = look(tmp_path)
    assert not is_in_use(tmp_path)
    timer = threading.Timer(0.2, looking.close)
    timer.start()
    OutputFolder(tmp_path).close()  # tasks of an array job start at the same moment, and each of them looks
    timer.join()


def test_runs_are_seen_where_a_mount_wants_files_open_for_what_they_are_locked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux makes locks of whole files on NFS from those of ranges, which have this rule."""
    flock = fcntl.flock

    def strict(file: IO[bytes], operation: int) -> None:
        if not (file.readable() if operation & fcntl.LOCK_SH else file.writable()):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", strict)
    with hold(tmp_path):
        assert is_in_use(tmp_path)
    assert not is_in_use(tmp_path)
