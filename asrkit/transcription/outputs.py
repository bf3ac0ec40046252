"""Files written so that nobody ever sees half of one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from asrkit.config import TranscriptionConfig
from asrkit.errors import TranscriptionError
from asrkit.transcription.dialogue import DIALOGUES, turns_of
from asrkit.transcription.formats import FORMATS
from asrkit.transcription.naming import file_in, without_channel
from asrkit.transcription.recordings import Recording
from asrkit.transcription.transcript import Transcript
from asrkit.transcription.written import WrittenFiles
from asrkit.writing import DISK_FULL, refuse_links, written_whole

SUBTITLE_SETTINGS = ("subtitle_width", "subtitle_lines", "subtitle_min_s", "subtitle_max_s")


class InTheWayError(TranscriptionError):
    """The files of one recording cannot be written; those of others may be."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file whole."""
    with written_whole(path) as file:
        file.write(data)


class TranscriptFiles:
    """Writes the files of each recording, in a mirror of the input tree or, without a folder, beside the audio.

    What no run wrote, or somebody changed since, stays as it is; with ``overwrite``, in the formats of this run, it is
    replaced.
    """

    def __init__(self, folder: Path | None, config: TranscriptionConfig, *, overwrite: bool = False) -> None:
        self._folder = folder
        self.beside_audio = folder is None
        self._config = config
        self._overwrite = overwrite
        self.written: WrittenFiles | None = None  # what runs wrote, where that is known
        self.kept: list[Path] = []  # what stays although a run would write there
        self._removed: set[Path] = set()  # what is to be written anew

    @property
    def layout(self) -> dict[str, float] | None:
        """How subtitles are set, where some are written: what decides the files, but not the transcripts."""
        if not any(FORMATS[name].has_cues for name in self._config.format):
            return None
        return {name: getattr(self._config, name) for name in SUBTITLE_SETTINGS}

    def paths(self, recording: Recording) -> list[Path]:
        """Return where the transcripts of a recording go."""
        return list(self._paths(recording, recording.output, self._config.format).values())

    def dialogues(self, recording: Recording) -> list[Path]:
        """Return where the dialogue of all channels goes, if the recording is one of them."""
        return [path for form, path in self._dialogues(recording).items() if form in self._config.format]

    def _dialogues(self, recording: Recording) -> dict[str, Path]:
        return self._paths(recording, without_channel(recording.output), DIALOGUES if recording.channels else ())

    def _paths(self, recording: Recording, output: str, formats: Iterable[str] = FORMATS) -> dict[str, Path]:
        folder = self._folder
        if folder is None:
            folder, output = recording.path.parent, output.rpartition("/")[2]
        return {form: file_in(folder, output, FORMATS[form].suffix) for form in formats}

    def _all(self, recording: Recording) -> list[tuple[str, Path]]:
        return [*self._paths(recording, recording.output).items(), *self._dialogues(recording).items()]

    def write(self, recording: Recording, transcript: Transcript) -> None:
        """Write a transcript in every format that is asked for, or was removed.

        Raises:
            InTheWayError: Something keeps this recording's files from being written.
            TranscriptionError: The disk is full.
        """
        for form, path in self._paths(recording, recording.output).items():
            if form in self._config.format or path in self._removed:
                self._write(form, path, FORMATS[form].render(transcript, self._config))

    def write_dialogue(self, recording: Recording, channels: Sequence[Transcript]) -> None:
        """Write all channels, in their order, of a recording as one dialogue, in the formats that have such.

        Raises:
            InTheWayError: Something keeps these files from being written.
            TranscriptionError: The disk is full.
        """
        turns = turns_of(channels)
        for form, path in self._dialogues(recording).items():
            if form in self._config.format or path in self._removed:
                self._write(form, path, DIALOGUES[form](turns, channels, self._config))

    def _write(self, form: str, path: Path, text: str) -> None:
        data = text.encode("utf-8", "backslashreplace")  # names of files that are no Unicode
        with for_one_recording(path, self._folder):
            is_there = is_written(path)
            is_same = is_there and path.read_bytes() == data
            if is_there and not is_same:
                if not self._is_ours(form, path):
                    self.kept.append(path)
                    return
                path.unlink()  # else a kill behind the next line would make it somebody else's
            if self.written is not None:
                self.written.note(self.name_of(path), data)
            if not is_same:
                write_atomically(path, data)

    def _is_ours(self, form: str, path: Path) -> bool:
        """Whether a file may be replaced."""
        if self._overwrite and form in self._config.format:
            return True
        return self.written is not None and self.written.holds(self.name_of(path), path)

    def name_of(self, path: Path) -> str:
        """Return what a file is called: by its path below the folder, else its whole path."""
        return str(path if self._folder is None else path.relative_to(self._folder))

    def exist(self, recording: Recording) -> bool:
        """Whether every file of a recording is there, and not from elsewhere."""
        return all(
            is_written(path) and (self.written is None or self.written.knows(self.name_of(path)))
            for path in self.paths(recording)
        )

    def in_the_way(self, recording: Recording) -> Path | None:
        """Return a file beside the audio that is not ours to replace; in an output folder one costs no transcript."""
        if not self.beside_audio or self._overwrite:
            return None
        wanted = [(form, path) for form, path in self._all(recording) if form in self._config.format]
        there = [(form, path) for form, path in wanted if os.path.lexists(path)]
        return next((path for form, path in there if not (is_file(path) and self._is_ours(form, path))), None)

    def remove(self, recording: Recording) -> None:
        """Delete the files, in all formats, of a recording that is about to be written anew, and its dialogue.

        Raises:
            InTheWayError: One is there and cannot be deleted.
        """
        for form, path in self._all(recording):
            with for_one_recording(path, self._folder):
                if is_file(path) and self._is_ours(form, path):
                    path.unlink()
                    self._removed.add(path)


@contextmanager
def for_one_recording(path: Path, folder: Path | None = None) -> Iterator[None]:
    """Make what keeps a file from being written a matter of its recording alone; only a full disk concerns all.

    Raises:
        InTheWayError: A folder is in the way, or on the way there from ``folder`` a link; the name is too long for the
            file system; writing there is not allowed.
        TranscriptionError: The disk is full.
    """
    try:
        if folder is not None:
            refuse_links(path.parent, folder)
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise unwritable(path, error) from None
        why = (error.strerror or str(error)).lower()
        raise InTheWayError(f"cannot be written ({why}); mend that and run the same command again", path=path) from None


def unwritable(path: Path, error: OSError) -> TranscriptionError:
    """Return the error for a file or folder that cannot be written."""
    reason = (error.strerror or str(error)).lower()
    if isinstance(error, FileExistsError | NotADirectoryError):
        return TranscriptionError(f"cannot be written ({reason}): a file is in the way; name another folder", path=path)
    what = "make room" if error.errno in DISK_FULL else "mend that"
    return TranscriptionError(
        f"cannot be written ({reason}); what is done stays done: {what} and run the same command again, "
        "or name another folder",
        path=path,
    )


def is_file(path: Path) -> bool:
    """Whether a file is there; unlike with ``Path.is_file``, no name is an error."""
    return os.path.isfile(path)  # noqa: PTH113


def is_written(path: Path) -> bool:
    """Whether a file is there with something in it: after a power cut it may have its name and nothing else."""
    return is_file(path) and path.stat().st_size > 0
