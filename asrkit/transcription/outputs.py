"""Files written so that nobody ever sees half of one."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path

from asrkit.errors import TranscriptionError
from asrkit.transcription.formats import FORMATS
from asrkit.transcription.identifiers import file_name
from asrkit.transcription.recordings import Recording
from asrkit.transcription.transcript import Transcript
from asrkit.writing import written_whole

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def write_atomically(path: Path, text: str) -> None:
    """Write a text file whole; names of files that are no Unicode come out escaped."""
    with written_whole(path) as file:
        file.write(text.encode("utf-8", "backslashreplace"))


class TranscriptFiles:
    """Writes the files of each recording, in a mirror of the input tree or beside the audio.

    Args:
        folder: The output folder; None writes beside the audio.
        formats: Names of formats.
    """

    def __init__(self, folder: Path | None, formats: Sequence[str]) -> None:
        self._folder = folder
        self.beside_audio = folder is None
        self._formats = [FORMATS[name] for name in dict.fromkeys(formats)]

    def paths(self, recording: Recording) -> list[Path]:
        """Return where the transcripts of a recording go, in the order of the formats."""
        name = Path(recording.output)
        parent = recording.path.parent if self._folder is None else self._folder / name.parent
        return [parent / file_name(name.name, form.suffix) for form in self._formats]

    def write(self, recording: Recording, transcript: Transcript) -> None:
        """Write a transcript in every format.

        Raises:
            TranscriptionError: The disk is full, or the folder cannot be written to.
        """
        for form, path in zip(self._formats, self.paths(recording), strict=True):
            try:
                write_atomically(path, form.render(transcript))
            except OSError as error:
                raise unwritable(path, error) from None

    def exist(self, recording: Recording) -> bool:
        """Whether every file of a recording is there."""
        return all(path.exists() for path in self.paths(recording))

    def in_the_way(self, recording: Recording) -> Path | None:
        """Return a file beside the audio that writing would replace; in an output folder nothing is anybody else's."""
        if not self.beside_audio:
            return None
        return next((path for path in self.paths(recording) if path.exists()), None)

    def remove(self, recording: Recording) -> None:
        """Delete the files of a recording that is about to be written anew.

        Raises:
            TranscriptionError: The disk is full, or the folder cannot be written to.
        """
        for path in self.paths(recording):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise unwritable(path, error) from None


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
