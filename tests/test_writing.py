"""Files that others may read meanwhile: the old one or the new one, never half of one."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from asrkit.audio import write_waveform
from asrkit.writing import write_whole, written_whole


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / ("long" * 60 + ".txt")
    with written_whole(path) as file:
        file.write(b"all of it")
        assert not path.exists()
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == b"all of it"


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_whole(path, "old")
    with pytest.raises(KeyboardInterrupt), written_whole(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert [found.name for found in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "old"


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_others_may_read_it_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "a.txt", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640


def test_what_is_to_last_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    synced: list[tuple[bool, bool, bytes]] = []
    real = os.fsync

    def fsync(number: int) -> None:
        status = os.fstat(number)
        is_folder = stat.S_ISDIR(status.st_mode)
        content = b"" if is_folder else b"".join(found.read_bytes() for found in tmp_path.iterdir())
        synced.append((is_folder, path.exists(), content))
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    write_whole(path, "text", lasting=True)
    assert synced == [(False, False, b"text"), (True, True, b"")]
    synced.clear()
    write_whole(path, "text")
    assert synced == []


@pytest.mark.skipif(os.name != "posix", reason="links and pipes are POSIX's")
def test_what_a_link_leads_to_stays_as_it_is(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "a.wav"
    victim.write_text("precious")
    for write in (lambda: write_whole(path, "new"), lambda: write_waveform(path, np.zeros(100, np.float32))):
        path.unlink(missing_ok=True)
        path.symlink_to(victim)
        write()
        assert path.is_file() and not path.is_symlink()
        assert victim.read_text() == "precious"
