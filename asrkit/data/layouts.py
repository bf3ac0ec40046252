"""Corpora in their original layout, read as they are.

To add one: write a function that yields rows and problems, and a line in ``LAYOUTS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from asrkit.audio import SOUNDFILE_SUFFIXES
from asrkit.data.rows import Problem, Row
from asrkit.errors import ManifestError


@dataclass(frozen=True)
class Layout:
    """A folder structure: how to know it and how to read it."""

    name: str
    description: str
    matches: Callable[[Path], bool]
    read: Callable[[Path], Iterator[Row | Problem]]


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file; only a line feed ends a line, a carriage return before it is dropped.

    Raises:
        ManifestError: The file cannot be read or is not UTF-8.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ManifestError(f"cannot be read: {error.strerror}", path=path) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ManifestError("is not UTF-8; save it as UTF-8 text", path=path, line=line) from None
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if lines[-1] == "":
        lines.pop()
    return lines


def read_ljspeech(folder: Path) -> Iterator[Row | Problem]:
    """Read LJSpeech: ``metadata.csv`` with ``id|text|normalized text``, no quoting, audio at ``wavs/ID.wav``."""
    path = folder / "metadata.csv"
    for line, content in enumerate(read_lines(path), 1):
        fields = content.split("|")
        if len(fields) not in (2, 3):
            yield Problem(path, line, f"{len(fields)} fields instead of id|text|normalized text")
            continue
        utterance_id, text = fields[0].strip(), fields[-1].strip() or fields[1].strip()
        audio = Path("wavs", f"{utterance_id}.wav")
        yield Row(path, line, audio, utterance_id, text, speaker="lj", corpus="ljspeech")


def read_librispeech(folder: Path) -> Iterator[Row | Problem]:
    """Read LibriSpeech: ``SPEAKER-CHAPTER.trans.txt`` with ``id TEXT``, the audio beside it, at any depth."""
    for path in sorted(folder.rglob("*.trans.txt")):
        recordings = {
            audio.stem: audio for audio in sorted(path.parent.iterdir()) if audio.suffix.lower() in SOUNDFILE_SUFFIXES
        }
        for line, content in enumerate(read_lines(path), 1):
            utterance_id, _, text = content.strip().partition(" ")
            audio = recordings.get(utterance_id, path.parent / f"{utterance_id}.flac")
            speaker = utterance_id.split("-")[0]
            yield Row(path, line, audio.relative_to(folder), utterance_id, text, speaker=speaker, corpus="librispeech")


def _is_ljspeech(folder: Path) -> bool:
    return (folder / "metadata.csv").is_file() and (folder / "wavs").is_dir()


def _is_librispeech(folder: Path) -> bool:
    return next(folder.rglob("*.trans.txt"), None) is not None


LAYOUTS: tuple[Layout, ...] = (
    Layout("ljspeech", "metadata.csv and wavs/", _is_ljspeech, read_ljspeech),
    Layout("librispeech", "*.trans.txt beside the audio", _is_librispeech, read_librispeech),
)
