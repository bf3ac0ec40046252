"""Files that others may read meanwhile: the old one or the new one, never half of one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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
