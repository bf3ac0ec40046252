"""One utterance: a recording, or a part of one, and what was said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from asrkit.audio import FloatArray, load_waveform


@dataclass(frozen=True)
class Utterance:
    """A recording, or a part of one, and what was said in it.

    Args:
        id: Unique within its manifest, without whitespace.
        audio_path: The recording.
        text: What was said, as written by the corpus; None where nobody wrote it down.
        duration_s: Length of the utterance, as far as the manifest tells.
        speaker: Who spoke.
        corpus: Where the recording comes from.
        start_s: First second of the utterance within the recording; None for its beginning.
        end_s: Second after the utterance; None for the end of the recording.
        channel: Of the recording, from 0; None for all of them mixed.
        weight: What it counts in training, such as less than 1 where a model wrote the text.
    """

    id: str
    audio_path: Path
    text: str | None = None
    duration_s: float | None = None
    speaker: str | None = None
    corpus: str | None = None
    start_s: float | None = None
    end_s: float | None = None
    channel: int | None = None
    weight: float = 1.0

    def waveform(self, sample_rate_hz: int) -> FloatArray:
        """Read the utterance, and no other part of its recording, as ``(samples,)``.

        Raises:
            AudioError: The recording cannot be read, or has nothing in this place.
        """
        return load_waveform(
            self.audio_path, sample_rate_hz, channel=self.channel, start_s=self.start_s or 0.0, end_s=self.end_s
        )
