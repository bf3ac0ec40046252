"""Files written so that nobody ever sees half of one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from asrkit.config import TranscriptionConfig
from asrkit.errors import TranscriptionError
from asrkit.transcription.dialogue import DIALOGUES, turns_of
from asrkit.transcription.formats import FORMATS, Format
from asrkit.transcription.naming import file_in, without_channel
from asrkit.transcription.recordings import Recording
from asrkit.transcription.transcript import Transcript
from asrkit.writing import DISK_FULL, refuse_links, written_whole

SUBTITLE_SETTINGS = ("subtitle_width", "subtitle_lines", "subtitle_min_s", "subtitle_max_s")


class InTheWayError(TranscriptionError):
    """The files of one recording cannot be written; those of others may be."""


def write_atomically(path: Path, text: str) -> None:
    """Write a text file whole; names of files that are no Unicode come out escaped."""
    with written_whole(path) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


class TranscriptFiles:
    """Writes the files of each recording, in a mirror of the input tree or, without a folder, beside the audio."""

    def __init__(self, folder: Path | None, config: TranscriptionConfig) -> None:
        self._folder = folder
        self.beside_audio = folder is None
        self._config = config
        self._formats = [FORMATS[name] for name in dict.fromkeys(config.format)]

    @property
    def layout(self) -> dict[str, float] | None:
        """How subtitles are set, where some are written: what decides the files, but not the transcripts."""
        if not any(form.has_cues for form in self._formats):
            return None
        return {name: getattr(self._config, name) for name in SUBTITLE_SETTINGS}

    def paths(self, recording: Recording) -> list[Path]:
        """Return where the transcripts of a recording go, in the order of the formats."""
        return self._paths(recording, recording.output, self._formats)

    def _paths(self, recording: Recording, name: str, formats: Iterable[Format]) -> list[Path]:
        folder = self._folder
        if folder is None:
            folder, name = recording.path.parent, name.rpartition("/")[2]
        return [file_in(folder, name, form.suffix) for form in formats]

    def write(self, recording: Recording, transcript: Transcript) -> None:
        """Write a transcript in every format.

        Raises:
            InTheWayError: Something keeps this recording's files from being written.
            TranscriptionError: The disk is full.
        """
        for form, path in zip(self._formats, self.paths(recording), strict=True):
            with for_one_recording(path, self._folder):
                write_atomically(path, form.render(transcript, self._config))

    def write_dialogue(self, recording: Recording, channels: Sequence[Transcript]) -> None:
        """Write all channels, in their order, of a recording as one dialogue, in the formats that have such.

        Raises:
            InTheWayError: Something keeps these files from being written.
            TranscriptionError: The disk is full.
        """
        turns = turns_of(channels)
        names = [name for name in dict.fromkeys(self._config.format) if name in DIALOGUES]
        for name, path in zip(names, self.dialogues(recording), strict=True):
            with for_one_recording(path, self._folder):
                write_atomically(path, DIALOGUES[name](turns, channels, self._config))

    def dialogues(self, recording: Recording) -> list[Path]:
        """Return where the dialogue of all channels goes, if the recording is one of them."""
        if not recording.channels:
            return []
        formats = [FORMATS[name] for name in dict.fromkeys(self._config.format) if name in DIALOGUES]
        return self._paths(recording, without_channel(recording.output), formats)

    def exist(self, recording: Recording) -> bool:
        """Whether every file of a recording is there."""
        return all(map(is_written, self.paths(recording)))

    def in_the_way(self, recording: Recording) -> Path | None:
        """Return a file beside the audio that writing would replace; in an output folder nothing is anybody else's."""
        if not self.beside_audio:
            return None
        return next(filter(os.path.lexists, [*self.paths(recording), *self.dialogues(recording)]), None)

    def remove(self, recording: Recording) -> None:
        """Delete the files of a recording that is about to be written anew, and the dialogue it is a part of.

        Raises:
            InTheWayError: One is there and cannot be deleted.
        """
        for path in filter(is_file, [*self.paths(recording), *self.dialogues(recording)]):
            with for_one_recording(path, self._folder):
                path.unlink(missing_ok=True)


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
