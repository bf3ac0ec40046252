"""What a run will cost, from a few seconds of real work on some of its own recordings."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from asrkit.memory import peak_mb
from asrkit.transcription.local import LocalRunner
from asrkit.transcription.recipe import Recipe
from asrkit.transcription.recordings import Batch, Recording, plan_batches

_SAMPLE_BATCH_S = 30.0  # audio in a batch of the sample
_BATCHES_PER_JOB = 2


@dataclass(frozen=True)
class RunEstimate:
    """How long a run will take on this machine."""

    num_recordings: int  # what the inputs hold
    num_todo: int  # what is neither done nor unusable
    audio_s: float  # seconds of audio to do
    measured_s: float = 0.0  # seconds of audio that were tried
    speed: float | None = None  # seconds of audio per second of work; None where nothing could be tried
    peak_mb: float | None = None  # memory at most; None where the system does not tell

    @property
    def work_s(self) -> float | None:
        """Seconds the run will take."""
        return None if self.speed is None else self.audio_s / self.speed

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**vars(self), "work_s": self.work_s}


def estimate_run(recipe: Recipe, todo: Sequence[Recording], *, num_recordings: int) -> RunEstimate:
    """Transcribe a few of the scanned recordings, of all lengths, write nothing, and extrapolate."""
    audio_s = sum(recording.duration_s for recording in todo)
    config = recipe.config
    sample = _sample(todo, recipe)
    if not sample:
        return RunEstimate(num_recordings, len(todo), audio_s)
    runner = LocalRunner(recipe.build(), config.jobs)
    for _ in runner.run(sample[:1]):  # the first batch allocates and fills caches
        pass
    loaded_mb = peak_mb()
    start_s = time.perf_counter()
    done = [outcome for outcomes in runner.run(sample) for outcome in outcomes if outcome.transcript is not None]
    elapsed_s = time.perf_counter() - start_s
    measured_s = sum(outcome.recording.duration_s for outcome in done)
    worked_mb = peak_mb()
    memory_mb = None
    if loaded_mb is not None and worked_mb is not None:
        # What grew with the sample's batches grows with the size of the run's batches.
        growth = min(config.batch_seconds, audio_s) / _SAMPLE_BATCH_S
        memory_mb = worked_mb + max(0.0, worked_mb - loaded_mb) * growth
    return RunEstimate(
        num_recordings, len(todo), audio_s, measured_s, measured_s / elapsed_s if measured_s else None, memory_mb
    )


def _sample(todo: Sequence[Recording], recipe: Recipe) -> list[Batch]:
    """Choose batches spread over all lengths."""
    small = recipe.config.replace(batch_seconds=min(recipe.config.batch_seconds, _SAMPLE_BATCH_S))
    batches = list(plan_batches([_beginning(recording) for recording in todo], small))
    wanted = _BATCHES_PER_JOB * max(1, recipe.config.jobs)
    if len(batches) <= wanted:
        return batches
    return [batches[index * (len(batches) - 1) // (wanted - 1)] for index in range(wanted)]


def _beginning(recording: Recording) -> Recording:
    """Return a recording, or of a long one the first seconds."""
    if recording.duration_s <= _SAMPLE_BATCH_S or recording.emissions is not None:
        return recording
    start_s = recording.start_s or 0.0
    return replace(recording, start_s=start_s, end_s=start_s + _SAMPLE_BATCH_S, duration_s=_SAMPLE_BATCH_S)
