"""Whatever is read as a text ends: a device or a pipe that never does is refused in one line, and fills no memory."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import asrkit.reading
from asrkit.cli.lists import listed
from asrkit.config import read_toml
from asrkit.data.lines import read_lines
from asrkit.errors import AsrkitError
from asrkit.metrics.transcripts.files import read_text
from asrkit.reading import read_whole
from asrkit.transcription.provenance import file_fingerprint

ENDLESS = Path("/dev/zero")

pytestmark = pytest.mark.skipif(not ENDLESS.exists(), reason="this system has no /dev/zero")


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (read_text, "is larger than 1 MB; refusing it"),
        (read_lines, "is larger than 1 MB; refusing it"),
        (lambda path: listed(str(path)), "is larger than 1 MB; refusing it"),
        (read_toml, "no settings take 16 MB"),
        (file_fingerprint, "is no regular file"),
    ],
)
def test_a_device_that_never_ends_is_refused(
    read: Callable[[Path], object], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asrkit.reading, "_MOST_PIPED_BYTES", 1 << 20)
    with pytest.raises((AsrkitError, OSError), match=reason) as caught:
        read(ENDLESS)
    assert "\n" not in str(caught.value)


def test_a_file_may_be_larger_than_what_comes_from_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asrkit.reading, "_MOST_PIPED_BYTES", 8)
    (tmp_path / "a.txt").write_text("nine bytes")
    assert read_whole(tmp_path / "a.txt") == b"nine bytes"
    ends = os.pipe()
    os.write(ends[1], b"nine bytes")
    os.close(ends[1])
    with pytest.raises(OSError, match="refusing it"):
        read_whole(Path(f"/dev/fd/{ends[0]}"))
    os.close(ends[0])


def test_a_line_that_never_ends_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    """A text that comes through a pipe has no size to look at."""
    build = [sys.executable, "-m", "asrkit", "lm", "build", "-", "--order", "2", "-o", str(tmp_path / "lm.arpa")]
    command = ["bash", "-c", 'ulimit -v 2000000; exec "$@"', "bash", *build]  # KB of addresses, libraries included
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stderr is not None
        with contextlib.suppress(BrokenPipeError):
            while True:
                process.stdin.write(b"ab cd " * 100_000)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (1, b"asrkit: <stdin>: a line is longer than 256 MB\n")
    assert list(tmp_path.iterdir()) == []
