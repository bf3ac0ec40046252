"""What decoding returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from asrkit import _native


class Word(NamedTuple):  # much cheaper to make than a dataclass, and there are many
    """A word and when it was spoken.

    Args:
        text: The word.
        start_step: First step of its first letter in the most likely alignment.
        end_step: One past the last step of its last letter.
        confidence: Share of the hypotheses, by probability, that have this word at this time; 0 to 1.
    """

    text: str
    start_step: int
    end_step: int
    confidence: float


@dataclass(frozen=True)
class Hypothesis:
    """A text the utterance may be.

    Args:
        text: The words, one space between each two.
        score: ``acoustic_score + lm_weight * lm_score + word_bonus * len(words) + hotword_score``; without a
            language model ``acoustic_score + hotword_score``.
        acoustic_score: Natural log-probability of the text given the emissions, summed over all alignments; with
            ``prior_scale``, given the emissions after the division by priors.
        lm_score: Natural log-probability of the words and the end of the sentence; 0 without a language model.
        words: The words with their times.
        confidence: Share of the probability of all hypotheses considered; 0 to 1.
        hotword_score: Sum of the weights of the hotwords in the text.
    """

    text: str
    score: float
    acoustic_score: float
    lm_score: float
    words: tuple[Word, ...]
    confidence: float
    hotword_score: float = 0.0


def hypothesis_of(decoded: _native.Decoded) -> Hypothesis:
    """Return what the C++ decoder found."""
    return Hypothesis(
        text=decoded.text,
        score=decoded.score,
        acoustic_score=decoded.acoustic_score,
        lm_score=decoded.lm_score,
        words=tuple(map(Word._make, decoded.words)),
        confidence=decoded.confidence,
        hotword_score=decoded.hotword_score,
    )
