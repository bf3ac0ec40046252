"""What a recording is like: its length, level, clipping and content, measured in one pass; and who shares it."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asrkit.audio import probe
from asrkit.data.utterance import Utterance

_FULL_SCALE = 0.999
_SHORTEST_CLIP = 3  # samples in a row at full scale: a single one may be an honest peak
_MARGIN_S = 0.5  # neighbors that share less, and less than half of one, share a pause


@dataclass(frozen=True)
class RecordingFacts:
    """What was measured of one utterance."""

    duration_s: float  # its true length
    sample_rate_hz: int  # of the file
    level_db: float  # root mean square, in dB below full scale
    clipped_share: float  # share of samples in runs at full scale
    content: str  # hash of the samples: equal for equal sound


def measure_recording(utterance: Utterance) -> RecordingFacts:
    """Read the part of a recording that an utterance names, and measure it.

    Raises:
        AudioError: The recording cannot be read.
    """
    rate_hz = probe(utterance.audio_path).sample_rate_hz
    waveform = utterance.waveform(rate_hz)
    power = float(np.var(waveform, dtype=np.float64))  # a constant is no sound
    return RecordingFacts(
        duration_s=len(waveform) / rate_hz,
        sample_rate_hz=rate_hz,
        level_db=10 * float(np.log10(power + 1e-20)),
        clipped_share=_clipped_share(np.abs(waveform) >= _FULL_SCALE),
        content=hashlib.sha256(np.rint(waveform * 32_767).astype("<i2").tobytes()).hexdigest(),
    )


def _clipped_share(is_full: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    """Return the share of samples in runs of at least ``_SHORTEST_CLIP`` at full scale."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_full, [False]]).astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    return float(lengths[lengths >= _SHORTEST_CLIP].sum() / max(1, len(is_full)))


class Parts:
    """Which parts of which recordings some utterances are."""

    def __init__(self, utterances: Iterable[Utterance]) -> None:
        self._of: defaultdict[Path, list[Utterance]] = defaultdict(list)
        for utterance in utterances:
            self._of[utterance.audio_path.resolve()].append(utterance)

    def of_recording(self, utterance: Utterance) -> list[Utterance]:
        """Return those of the same recording."""
        return self._of.get(utterance.audio_path.resolve(), [])

    def shared_with(self, utterance: Utterance) -> Utterance | None:
        """Return the first that lets one hear what is heard in an utterance too; None if none does."""
        return next((other for other in self.of_recording(utterance) if _overlap(utterance, other)), None)


def _overlap(one: Utterance, other: Utterance) -> bool:
    if one.channel is not None and other.channel is not None and one.channel != other.channel:
        return False
    (start_s, end_s), (other_start_s, other_end_s) = map(_span_s, (one, other))
    shared_s = min(end_s, other_end_s) - max(start_s, other_start_s)
    return shared_s > min(_MARGIN_S, (end_s - start_s) / 2, (other_end_s - other_start_s) / 2)


def _span_s(utterance: Utterance) -> tuple[float, float]:
    return utterance.start_s or 0.0, math.inf if utterance.end_s is None else utterance.end_s
