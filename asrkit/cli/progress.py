"""What ``asrkit transcribe`` shows on stderr while it works, and its closing words."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TaskID, TextColumn

from asrkit.cli.console import Console
from asrkit.errors import ConfigError
from asrkit.text.identifiers import printable
from asrkit.transcription.summary import Failure, Observer, TranscriptionSummary
from asrkit.transcription.transcript import Transcript

_LOG_EVERY_S = 30.0  # where nobody watches a bar
_SHOWN_FAILURES = 10
_DOING = {"transcribed": "Transcribing", "aligned": "Aligning"}
TELLING_FORMATS = frozenset({"txt", "json", "jsonl", "ctm"})  # each transcript brings its id
CANNOT_SHARE = "of such a format cannot share stdout; name a folder with -o, or print them as txt, jsonl or ctm"
_SHOWN_CHARACTERS = 1_000
_FEW = 3  # so few transcripts are shown at once


class TranscriptionProgress(Observer):
    """A bar with files, hours, speed and the time left; failures as they happen.

    Args:
        quiet: Say nothing but errors.
        verbose: Show each transcript.
        keep: Collect the transcripts, to print them at the end.
        verb: What becomes of recordings.
    """

    def __init__(
        self,
        *,
        quiet: bool = False,
        verbose: bool = False,
        keep: bool = False,
        verb: str = "transcribed",
    ) -> None:
        self.transcripts: list[Transcript] = []
        self.num_found = 0
        self._console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
        self._errors = Console(stderr=True, highlight=False, soft_wrap=True) if quiet else self._console
        self._verbose = verbose
        self._keep = keep
        self._alone: str | None = None
        self._verb = verb
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[state]}"),
            console=self._console,
            transient=True,
            refresh_per_second=4,
            disable=quiet or not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._fetching: TaskID | None = None
        self._started_s = self._logged_s = time.monotonic()
        self._num_looked_at = self._num_todo = self._num_done = self._num_failed = 0
        self._todo_s = self._done_s = 0.0
        self._heard_s: dict[str, float] = {}  # of long recordings under way

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if isinstance(error, KeyboardInterrupt) and self.num_found:
            how = "nothing is kept; name a folder with -o" if self._keep else "run the same command again to go on"
            error.add_note(f"{self._num_done:,} of {self._num_all:,} done; {how}")

    def allow_one_only(self, why: str) -> None:
        """Refuse more than one recording, for a reason."""
        self._alone = why

    def say(self, text: str) -> None:
        """Print a line on stderr."""
        self._console.print(printable(text), markup=False)

    def remark(self, text: str) -> None:
        """Say it."""
        self.say(text)

    def fetched(self, num_files: int, num_all: int) -> None:
        """Show how the copying goes."""
        if self._fetching is None:
            self._fetching = self._bar.add_task("Copying", total=num_all, state="")
        self._bar.update(
            self._fetching, completed=num_files, total=num_all, state=f"{num_files:,} of {num_all:,} files"
        )
        if num_files == num_all:
            self._bar.remove_task(self._fetching)
            self._fetching = None

    def found(self, num_recordings: int) -> None:
        """Start the bar.

        Raises:
            ConfigError: There may be one only.
        """
        if self._alone is not None and num_recordings > 1:
            raise ConfigError(f"{num_recordings:,} recordings {self._alone}")
        self.num_found = num_recordings
        self._task = self._bar.add_task(_DOING[self._verb], total=None, state=f"0 of {num_recordings:,}")

    def scanned(self, num_recordings: int, num_reused: int, audio_s: float) -> None:
        """Know more about how much there is to do."""
        self._num_looked_at += num_recordings
        self._num_todo += num_recordings - num_reused
        self._todo_s += audio_s
        self._update()

    def heard(self, utterance_id: str, seconds: float) -> None:
        """Move the bar within a long recording."""
        self._heard_s[utterance_id] = seconds
        self._update()

    def transcribed(self, transcript: Transcript) -> None:
        """Move the bar."""
        self._heard_s.pop(transcript.utterance_id, None)
        self._num_done += 1
        self._done_s += transcript.duration_s
        if self._keep or self.num_found <= _FEW:
            self.transcripts.append(transcript)
        if self._verbose:
            self._show(transcript)
        self._update()

    def failed(self, failure: Failure) -> None:
        """Name what failed."""
        self._heard_s.pop(failure.utterance_id, None)
        self._num_failed += 1
        if self._verbose or self._keep or self._num_failed <= _SHOWN_FAILURES:
            self._errors.print(f"failed: {failure.utterance_id}: {printable(failure.reason)}", markup=False)
        elif self._num_failed == _SHOWN_FAILURES + 1:
            self._errors.print("more failures are not shown; failures.tsv lists all of them", markup=False)
        self._update()

    def close(self, summary: TranscriptionSummary) -> None:
        """Print the closing words."""
        self._bar.stop()
        if self._verb == "transcribed" and not self._keep and not self._verbose and self.num_found <= _FEW:
            for transcript in self.transcripts:
                self._show(transcript)
        parts = [f"{summary.num_transcribed:,} {self._verb}"]
        if summary.num_reused:
            parts.append(f"{summary.num_reused:,} already done")
        if summary.failures:
            parts.append(f"{len(summary.failures):,} failed")
        line = ", ".join(parts)
        if summary.num_transcribed:
            speed = summary.audio_s / max(summary.elapsed_s, 1e-9)
            line += f"; {_hours(summary.audio_s)} of audio in {summary.elapsed_s:,.1f} s, {speed:,.0f}x real time"
        if self._verb == "transcribed" and summary.num_transcribed + summary.num_reused:
            line += "; word confidences are uncalibrated" if summary.expected is None else f"; {summary.expected}"
        self.say(line if summary.output_dir is None else f"{line} -> {summary.output_dir}")

    def _show(self, transcript: Transcript) -> None:
        """Print a transcript, of a long one the beginning: an hour of speech is 60,000 characters."""
        text = transcript.text
        if len(text) > _SHOWN_CHARACTERS:
            text = f"{text[:_SHOWN_CHARACTERS]} ... ({len(text):,} characters)"
        self.say(f"{transcript.utterance_id}: {text}")

    @property
    def _num_all(self) -> int:
        """How many there are to do, as far as known: what is not looked at may be done already."""
        return self._num_todo + self.num_found - self._num_looked_at

    def _update(self) -> None:
        done_s = self._done_s + sum([*self._heard_s.values()])  # threads add to it
        speed = done_s / max(time.monotonic() - self._started_s, 1e-9)
        total_s = self._todo_s * self.num_found / max(1, self._num_looked_at)
        state = (
            f"{self._num_done + self._num_failed:,} of {self._num_all:,}, "
            f"{_hours(done_s)} of {_hours(total_s)}, {speed:,.0f}x real time"
        )
        if done_s:  # of all so far: recordings end in bursts
            left_s = round(max(0.0, total_s - done_s) / speed)
            state += f", {left_s // 3600}:{left_s // 60 % 60:02}:{left_s % 60:02} left"
        if self._task is not None:
            self._bar.update(self._task, completed=done_s, total=total_s or None, state=state)
        if not self._console.is_terminal and time.monotonic() - self._logged_s > _LOG_EVERY_S:
            self._logged_s = time.monotonic()
            self.say(state)


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.2f} h" if seconds >= 360 else f"{seconds:.1f} s"
