"""A disk that forgets at a power cut what nobody waited for.

It watches a folder while a test writes there, and keeps, after each step that matters (a file or a folder waited for,
a rename), what a cut at this moment would leave: of each file the bytes last waited for, nothing of one that nobody
waited for; under the names of the last folder waited for (the journal was late), or under those of now (it was early).
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

Files = dict[str, bytes]


class ForgetfulDisk:
    """Watches a folder; what is in it at the beginning has been on the disk for long."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.left: list[Files] = []
        self._held: list[int] = []  # open, so that no number of a file is given twice
        self._waited_for: dict[int, bytes] = {}
        for path in self._paths():
            with path.open("rb") as file:
                self._keep(file.fileno())
        self._late = self._names()
        self.look()

    def look(self) -> None:
        """Note what a power cut would leave now."""
        for names in (self._late, self._names()):
            self.left.append({name: self._waited_for.get(number, b"") for name, number in names.items()})

    def waited(self, number: int) -> None:
        """Take note of a file or a folder that is on the disk now."""
        found = os.fstat(number)
        if stat.S_ISDIR(found.st_mode):
            folders = [self.folder, *filter(Path.is_dir, self.folder.rglob("*"))]
            (folder,) = (path for path in folders if path.stat().st_ino == found.st_ino)
            elsewhere = {name: key for name, key in self._late.items() if (self.folder / name).parent != folder}
            here = {name: key for name, key in self._names().items() if (self.folder / name).parent == folder}
            self._late = elsewhere | here
        else:
            self._keep(number)
        self.look()

    @property
    def now(self) -> Files:
        """What there is while the power lasts."""
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in self._paths()}

    def restore(self, files: Files, folder: Path) -> Path:
        """Write what a power cut left into a folder, as it is found afterwards."""
        shutil.rmtree(folder, ignore_errors=True)
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder

    def close(self) -> None:
        """Let the files go."""
        for number in self._held:
            os.close(number)

    def _keep(self, number: int) -> None:
        self._held.append(os.dup(number))
        found = os.fstat(number)
        path = next((path for path in self._paths() if path.stat().st_ino == found.st_ino), None)
        if path is not None:
            self._waited_for[found.st_ino] = path.read_bytes()

    def _paths(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]

    def _names(self) -> dict[str, int]:
        return {str(path.relative_to(self.folder)): path.stat().st_ino for path in self._paths()}


@contextmanager
def forgetful_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ForgetfulDisk]:
    """Watch a folder."""
    disk = ForgetfulDisk(folder)
    with monkeypatch.context() as patch:
        real_sync = os.fsync

        def sync(number: int) -> None:
            real_sync(number)
            disk.waited(number)

        patch.setattr(os, "fsync", sync)
        for name in ("rename", "replace"):
            patch.setattr(os, name, _then(getattr(os, name), disk.look))
        yield disk
    disk.look()
    disk.close()


def _then(function: Any, look: Any) -> Any:
    def both(*arguments: Any, **options: Any) -> None:
        look()
        function(*arguments, **options)
        look()

    return both
