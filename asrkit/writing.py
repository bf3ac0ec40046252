"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

TEMPORARY_PATTERN = ".asrkit-*.part"  # what a kill may leave behind


@contextmanager
def written_whole(path: Path, *, lasting: bool = False) -> Iterator[IO[bytes]]:
    """Open a file that takes its name, and the place of an older one, when the block ends well.

    Its folder is made where there is none; an error leaves nothing behind.

    Args:
        path: The file.
        lasting: Whether it is to be whole after a power cut, too; without that, a kill alone cannot halve it.

    Raises:
        OSError: The disk is full, or the folder cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".asrkit-{secrets.token_hex(6)}.part")  # short, however long the name is
    try:
        with temporary.open("xb") as file:
            yield file
            if lasting:
                sync(file)
        temporary.replace(path)
        if lasting:
            sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def refuse_links(path: Path, folder: Path) -> None:
    """Keep to what lies in a folder: what a link there leads to is not ours to write.

    Raises:
        OSError: ``path``, or something on the way to it from ``folder``, is a link.
    """
    for part in (path, *path.parents):
        if part == folder:
            return
        if part.is_symlink():
            raise OSError(errno.ELOOP, f"{part.name} is a link", str(part))


def sync(file: IO[bytes]) -> None:
    """Wait until the bytes of an open file are on the disk: a rename may get there before them."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system lets one."""
    try:
        opened = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows
        return
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def write_whole(path: Path, text: str, *, lasting: bool = False) -> None:
    """Write a text as UTF-8; see ``written_whole``.

    Raises:
        OSError: The disk is full, or the folder cannot be written to.
    """
    with written_whole(path, lasting=lasting) as file:
        file.write(text.encode())
