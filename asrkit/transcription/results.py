"""``results.jsonl``: one line per transcript, safe against a kill at any moment.

While a run goes on, finished lines are appended; only whole lines count, a torn last one is cut off. At the end the
file is written anew, sorted by id, and ``hyp.txt`` with it; lines of others move to ``results.aside.jsonl``. Of each
line only its place is kept in memory.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from asrkit.errors import TranscriptionError
from asrkit.reading import parse_json, require_plain
from asrkit.transcription.naming import ASIDE_NAME, HYPOTHESES_ASIDE_NAME, HYPOTHESES_NAME, RESULTS_NAME
from asrkit.transcription.outputs import is_written, unwritable
from asrkit.transcription.transcript import Transcript
from asrkit.transcription.written import WrittenFiles, open_log
from asrkit.tuning.confidence import Doubt
from asrkit.writing import written_whole


@dataclass(frozen=True)
class Entry:
    """Where a line stands and what it was made from."""

    offset: int
    length: int
    key: str
    audio: str
    audio_fingerprint: str
    damage: str | None = None  # what is missing, where the rest was salvaged
    doubt: Doubt = field(default_factory=Doubt)


class ResultsLog:
    """The transcripts of an output folder.

    Args:
        folder: The output folder; it exists.
        read_only: Look, but touch nothing: what is added is known, but cannot be read back.

    Raises:
        TranscriptionError: The file cannot be read or written.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.path = folder / RESULTS_NAME
        self._read_only = read_only
        self._entries: dict[str, Entry] = {}
        self._foreign: list[tuple[int, int]] = []  # offset and length
        self._end = 0
        try:
            self._file: IO[bytes] = open_log(self.path, read_only=read_only)
            for offset, line in _whole_lines(self._file):
                self._end = offset + len(line)
                self._index(offset, line)
            if not read_only:
                self._file.truncate(self._end)
        except OSError as error:
            raise (unreadable if read_only else unwritable)(self.path, error) from None
        self._earlier = {_made_from(entry): entry for entry in self._entries.values()}

    def close(self) -> None:
        """Let the file go; every line appended so far stays."""
        self._file.close()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    @property
    def num_foreign(self) -> int:
        """How many lines hold no transcript, or one with values of other types: what they stand for is done again."""
        return len(self._foreign)

    def get(self, utterance_id: str) -> Entry | None:
        """Return the latest entry of an id, or None."""
        return self._entries.get(utterance_id)

    def made_from(self, key: str, audio: str, audio_fingerprint: str) -> Entry | None:
        """Return what an earlier run made with this key of this audio, under whatever id."""
        return self._earlier.get((key, audio, audio_fingerprint))

    def read(self, entry: Entry) -> Transcript:
        """Read a transcript back."""
        return Transcript.from_row(parse_json(self._line(entry)))

    def append(self, transcripts: Sequence[Transcript]) -> None:
        """Add lines; afterwards they survive a kill of this process.

        Raises:
            TranscriptionError: They cannot be written; the file holds whole lines all the same.
        """
        lines = [_encoded(transcript.to_row()) for transcript in transcripts]
        data = memoryview(b"" if self._read_only else b"".join(lines))
        try:
            self._file.seek(self._end)
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            self._file.truncate(self._end)
            raise unwritable(self.path, error) from None
        for transcript, line in zip(transcripts, lines, strict=True):
            self._entries[transcript.utterance_id] = _entry(transcript, self._end, len(line))
            self._end += len(line)

    def finish(self, keep: Collection[str], written: WrittenFiles) -> bool:
        """Write ``results.jsonl`` and ``hyp.txt`` anew, sorted by id, with the ids to keep.

        Lines that are not ours, and a ``hyp.txt`` that is not as it was written, are put beside them first; return
        whether the latter was.

        Raises:
            TranscriptionError: They cannot be written; the old files stay.
        """
        kept = sorted(utterance_id for utterance_id in self._entries if utterance_id in keep)
        path = self.path.with_name(HYPOTHESES_NAME)
        hypotheses = []
        try:
            if self._foreign:
                self._put_aside(ASIDE_NAME, *(self._bytes(*place) for place in self._foreign))
            with written_whole(self.path, lasting=True) as results:
                for utterance_id in kept:
                    line = self._line(self._entries[utterance_id])
                    results.write(line)
                    hypotheses.append(f"{utterance_id} {parse_json(line)['text']}".rstrip() + "\n")
                data = "".join(hypotheses).encode()
                before = path.read_bytes() if is_written(path) else data
                is_changed = before != data and not written.holds(HYPOTHESES_NAME, path)
                if is_changed:
                    self._put_aside(HYPOTHESES_ASIDE_NAME, before)
                with written_whole(path, lasting=True) as file:
                    file.write(data)
                written.note(HYPOTHESES_NAME, data)
        except OSError as error:
            raise unwritable(self.path, error) from None
        return is_changed

    def _put_aside(self, name: str, *pieces: bytes) -> None:
        aside = self.path.with_name(name)
        require_plain(aside)
        earlier = aside.read_bytes() if aside.exists() else b""
        with written_whole(aside, lasting=True) as file:
            file.writelines((earlier, *pieces))

    def _line(self, entry: Entry) -> bytes:
        return self._bytes(entry.offset, entry.length)

    def _bytes(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length)

    def _index(self, offset: int, line: bytes) -> None:
        try:
            transcript = Transcript.from_row(parse_json(line))
            self._entries[transcript.utterance_id] = _entry(transcript, offset, len(line))
        except (ValueError, KeyError, TypeError, AttributeError):
            if line.strip(b"\0 \t\r\n"):  # else nothing is in it
                self._foreign.append((offset, len(line)))


def _whole_lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the complete lines of a file with their offsets."""
    offset = 0
    with open(file.fileno(), "rb", closefd=False) as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                return
            yield offset, line
            offset += len(line)


def _made_from(entry: Entry) -> tuple[str, str, str]:
    return entry.key, entry.audio, entry.audio_fingerprint


def _entry(transcript: Transcript, offset: int, length: int) -> Entry:
    key = str(transcript.provenance.get("key", ""))
    about = (transcript.audio, transcript.audio_fingerprint, transcript.damage, transcript.doubt)
    return Entry(offset, length, key, *about)


def _encoded(row: dict[str, Any]) -> bytes:
    try:
        return json.dumps(row, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # a file name that is not text
        return json.dumps(row).encode() + b"\n"


def read_results(folder: Path) -> Iterator[Transcript]:
    """Yield the transcripts of an output folder without touching it; torn and foreign lines are left out.

    Raises:
        TranscriptionError: There is no ``results.jsonl``.
    """
    path = folder / RESULTS_NAME
    try:
        require_plain(path)
        with path.open("rb") as file:
            for line in file:
                try:
                    yield Transcript.from_row(parse_json(line))
                except (ValueError, KeyError, TypeError, AttributeError):
                    continue
    except OSError as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: OSError) -> TranscriptionError:
    """Return the error for a file of a run that cannot be read."""
    why = (error.strerror or str(error)).lower()
    return TranscriptionError(f"cannot be read ({why}); name an output folder of `asrkit transcribe`", path=path)
