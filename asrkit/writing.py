"""Files that appear whole or not at all, and never where a link leads."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

TEMPORARY_PATTERN = ".asrkit-*.part"  # what a kill may leave behind
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_FULL = (*DISK_FULL, errno.EFBIG)
_SYSTEM_FOLDERS = ("/dev", "/dev/fd", "/proc/self/fd")  # links in them are how the system names what is open


@contextmanager
def written_whole(path: Path, *, lasting: bool = False, part: Path | None = None) -> Iterator[IO[bytes]]:
    """Open a file that takes its name, and the place of an older one or of a link, when the block ends well.

    Its folder is made where there is none; an error leaves nothing behind. A device or a pipe keeps its place: it is
    written to at once.

    Args:
        path: The file.
        lasting: Whether it is to be whole after a power cut, too; without that, a kill alone cannot halve it.
        part: What it is called meanwhile, where one that a kill left is to be replaced by the next.

    Raises:
        OSError: The disk is full, the folder cannot be written to, nobody reads the pipe, or it is a whole disk.
    """
    if _is_open_ended(path):
        with _opened(path) as file:
            yield file
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = part or path.with_name(f".asrkit-{secrets.token_hex(6)}.part")  # short, however long the name is
    try:
        if part is not None:
            part.unlink(missing_ok=True)
        with temporary.open("xb") as file:
            yield file
            if lasting:
                sync(file)
        temporary.replace(path)
        if lasting:
            sync_folder(path.parent)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in _FULL and error.filename is None:  # as writing leaves it
            error.filename = str(path)
        raise


def _is_open_ended(path: Path) -> bool:
    """Whether a path is a device or a pipe, or a name of what is open already, such as ``/dev/stdout``."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    if stat.S_ISLNK(mode):
        return str(path.parent) in _SYSTEM_FOLDERS
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _opened(path: Path) -> IO[bytes]:
    """Open a device or a pipe to write, without waiting until somebody reads it."""
    try:
        opened = os.open(path, os.O_WRONLY | os.O_TRUNC | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(errno.ENXIO, "nobody reads from it", str(path)) from None
        raise
    if stat.S_ISBLK(os.fstat(opened).st_mode):
        os.close(opened)
        raise OSError(errno.EINVAL, "is a whole disk", str(path))
    if os.name == "posix":
        os.set_blocking(opened, True)
    return os.fdopen(opened, "wb")


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


def write_arrays(file: IO[bytes], arrays: Mapping[str, Any], *, compress: bool = False) -> None:
    """Write arrays as ``numpy.savez`` does, which leaves its archive open on a full disk: Python then complains, too.

    Raises:
        OSError: The disk is full.
    """
    import numpy as np  # not at the start of each command
    from numpy.lib import format as npy

    write: Any = npy.write_array
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                write(member, np.asanyarray(array), allow_pickle=False)


def copy_whole(source: Path, path: Path) -> None:
    """Copy a file; see ``written_whole``.

    Raises:
        OSError: It cannot be read, the disk is full, or the folder cannot be written to.
    """
    with source.open("rb") as original, written_whole(path) as file:
        shutil.copyfileobj(original, file)
