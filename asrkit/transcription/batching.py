"""Which recordings go through the network together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from asrkit.config import TranscriptionConfig
from asrkit.transcription.recordings import Recording

Batch = tuple[Recording, ...]


def plan_batches(recordings: Sequence[Recording], config: TranscriptionConfig) -> Iterator[Batch]:
    """Group recordings of similar length, the longest first, so that little is padded and no long one comes last.

    A batch holds at most ``batch_size`` recordings and ``batch_seconds`` of padded audio; a recording longer than a
    window is a batch by itself. How recordings are grouped never changes a transcript.
    """
    batch: list[Recording] = []
    longest_s = 0.0
    for recording in sorted(recordings, key=lambda r: (-r.duration_s, r.utterance_id)):
        if batch and (
            longest_s > config.window_s
            or len(batch) == config.batch_size
            or longest_s * (len(batch) + 1) > config.batch_seconds
        ):
            yield tuple(batch)
            batch = []
        if not batch:
            longest_s = recording.duration_s
        batch.append(recording)
    if batch:
        yield tuple(batch)
