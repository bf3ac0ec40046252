"""What a run tells while it goes on, and at its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asrkit.transcription.transcript import Transcript

if TYPE_CHECKING:
    from asrkit.transcription.estimate import RunEstimate
    from asrkit.tuning.confidence import ExpectedErrors


@dataclass(frozen=True)
class Failure:
    """A recording that could not be transcribed, and why."""

    utterance_id: str
    audio: str
    reason: str


@dataclass
class TranscriptionSummary:
    """What a run did.

    Args:
        output_dir: Where the transcripts are; None when none were written.
        num_transcribed: Recordings transcribed now.
        num_reused: Recordings transcribed before, with the same audio, model and settings.
        failures: Recordings that failed.
        audio_s: Seconds of audio transcribed now.
        elapsed_s: Seconds it took.
        stage_cpu_s: CPU seconds by stage.
        planned: Of a dry run: what there is to do, as id, state and path.
        estimate: Of a plan: what the run will cost.
        left_out: Files of folders that were passed over: how many of each suffix, and hidden ones.
        orphans: Ids of earlier results whose recording is gone, has another id now, or was not asked for while others
            were made with other settings.
        kept: Files that were not written, since what is there was changed or comes from elsewhere.
        expected: Word errors that all transcripts asked for, those made before among them, are to be expected to have;
            None where confidences are not calibrated.
    """

    output_dir: Path | None = None
    num_transcribed: int = 0
    num_reused: int = 0
    failures: list[Failure] = field(default_factory=list)
    audio_s: float = 0.0
    elapsed_s: float = 0.0
    stage_cpu_s: dict[str, float] = field(default_factory=dict)
    planned: list[tuple[str, str, Path]] = field(default_factory=list)
    estimate: RunEstimate | None = None
    left_out: dict[str, int] = field(default_factory=dict)
    orphans: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    expected: ExpectedErrors | None = None

    @property
    def exit_code(self) -> int:
        """0 when all went well, 3 when some failed, 1 when all did."""
        if not self.failures:
            return 0
        return 3 if self.num_transcribed + self.num_reused else 1

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "output_dir": None if self.output_dir is None else str(self.output_dir),
            "transcribed": self.num_transcribed,
            "reused": self.num_reused,
            "failed": [vars(failure) for failure in self.failures],
            "audio_s": round(self.audio_s, 3),
            "elapsed_s": round(self.elapsed_s, 3),
            "speed": round(self.audio_s / self.elapsed_s, 1) if self.elapsed_s else None,
            "stage_cpu_s": self.stage_cpu_s,
            "left_out": self.left_out,
            "orphans": self.orphans,
            "kept": self.kept,
            "expected": None if self.expected is None else self.expected.to_dict(),
        }


class Observer:
    """Told what happens while a run goes on; a base that does nothing."""

    def remark(self, text: str) -> None:
        """Something should be said, such as what stored numbers are taken for."""

    def fetched(self, num_files: int, num_all: int) -> None:
        """So many of the files on another machine are copied or were here."""

    def found(self, num_recordings: int) -> None:
        """The inputs hold this many recordings."""

    def scanned(self, num_recordings: int, num_reused: int, audio_s: float) -> None:
        """So many more were looked at; so many of them are done already, the others last so long."""

    def heard(self, utterance_id: str, seconds: float) -> None:
        """So many seconds of a long recording are heard; called from any thread."""

    def transcribed(self, transcript: Transcript) -> None:
        """A recording was transcribed and written."""

    def failed(self, failure: Failure) -> None:
        """A recording failed."""
