"""Corpora in their original layout, read as they are.

To add one: write a function that yields rows and problems, and a line in ``LAYOUTS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from asrkit.audio import SOUNDFILE_SUFFIXES
from asrkit.data.kaldi import is_kaldi, read_kaldi
from asrkit.data.lines import read_lines
from asrkit.data.rows import Problem, Row
from asrkit.data.tables import read_csv, read_jsonl, read_tsv


@dataclass(frozen=True)
class Layout:
    """A folder structure: how to know it and how to read it."""

    name: str
    description: str
    matches: Callable[[Path], bool]
    read: Callable[[Path], Iterator[Row | Problem]]


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


def read_common_voice(folder: Path) -> Iterator[Row | Problem]:
    """Read Mozilla Common Voice: ``validated.tsv`` (or another of its tables by its own name) and ``clips/``."""
    path = folder / "validated.tsv"
    yield from read_tsv(path, read_lines(path))


def read_audiofolder(folder: Path) -> Iterator[Row | Problem]:
    """Read a Hugging Face audio folder: ``metadata.csv`` or ``metadata.jsonl`` with ``file_name`` and a text."""
    path = folder / "metadata.jsonl"
    if path.is_file():
        yield from read_jsonl(path, read_lines(path))
        return
    path = folder / "metadata.csv"
    yield from read_csv(path, read_lines(path))


def is_ljspeech(folder: Path) -> bool:
    """Tell whether this is LJSpeech or a corpus in its layout."""
    return (folder / "wavs").is_dir() and "|" in _first_line(folder / "metadata.csv")


def _is_librispeech(folder: Path) -> bool:
    return next(folder.rglob("*.trans.txt"), None) is not None


def _is_common_voice(folder: Path) -> bool:
    return (folder / "clips").is_dir() and "client_id" in _first_line(folder / "validated.tsv")


def _is_audiofolder(folder: Path) -> bool:
    return any("file_name" in _first_line(folder / name) for name in ("metadata.csv", "metadata.jsonl"))


def _first_line(path: Path) -> str:
    """Return how a file begins; nothing where there is none."""
    try:
        with path.open("rb") as file:
            return file.readline(10_000).decode("utf-8", "replace")
    except OSError:
        return ""


LAYOUTS: tuple[Layout, ...] = (
    Layout("ljspeech", "metadata.csv and wavs/", is_ljspeech, read_ljspeech),
    Layout("common voice", "validated.tsv and clips/", _is_common_voice, read_common_voice),
    Layout("kaldi", "wav.scp and text", is_kaldi, read_kaldi),
    Layout("audiofolder", "metadata.csv or .jsonl with file_name", _is_audiofolder, read_audiofolder),
    Layout("librispeech", "*.trans.txt beside the audio", _is_librispeech, read_librispeech),
)
