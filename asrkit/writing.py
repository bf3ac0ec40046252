"""Files that appear whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

TEMPORARY_PATTERN = ".asrkit-*.part"  # what a kill may leave behind


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that takes its name, and the place of an older one, when the block ends well.

    Its folder is made where there is none; an error leaves nothing behind.

    Raises:
        OSError: The disk is full, or the folder cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".asrkit-{secrets.token_hex(6)}.part")  # short, however long the name is
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_whole(path: Path, text: str) -> None:
    """Write a text as UTF-8; see ``written_whole``.

    Raises:
        OSError: The disk is full, or the folder cannot be written to.
    """
    with written_whole(path) as file:
        file.write(text.encode())
