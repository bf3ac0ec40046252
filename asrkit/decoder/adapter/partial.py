"""pyctcdecode's decoding in pieces (its main branch) over our stream."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from asrkit.decoder.hypothesis import Hypothesis


@dataclass(frozen=True)
class LMBeam:
    """A text so far.

    Args:
        text: Its words.
        text_frames: Their frames, counted from the start of the utterance.
        logit_score: Natural log-probability of the text given the emissions.
        lm_score: The same with language model, bonus and hotwords.
    """

    text: str
    text_frames: list[tuple[int, int]]
    logit_score: float
    lm_score: float

    @classmethod
    def of(cls, h: Hypothesis) -> Self:
        """Return a hypothesis as a beam."""
        return cls(h.text, [(word.start_step, word.end_step) for word in h.words], h.acoustic_score, h.score)


@dataclass(frozen=True)
class HotwordScorer:
    """Words and phrases to prefer in all pieces of an utterance.

    Args:
        hotwords: The words and phrases.
        weight: How much, in nats.
    """

    hotwords: tuple[str, ...]
    weight: float

    @classmethod
    def build_scorer(cls, hotwords: Iterable[str] | None = None, weight: float = 10.0) -> Self:
        """Make one as pyctcdecode does."""
        return cls(tuple(hotwords or ()), weight)
