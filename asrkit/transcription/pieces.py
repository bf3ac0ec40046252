"""Long emissions are decoded piece by piece, cut in the longest pauses between words.

A search over hours would keep hours of histories; between two pauses a language model has little to say anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from asrkit.text import Alphabet

if TYPE_CHECKING:
    from asrkit.decoder import Hypothesis

FloatArray = npt.NDArray[np.float32]

# A piece ends in the longest pause between these two; a recording up to the longer one is a single piece.
SHORTEST_PIECE_S, LONGEST_PIECE_S = 30.0, 90.0


class Decoder(Protocol):
    """Emissions to hypotheses."""

    def decode(self, emissions: FloatArray) -> list[Hypothesis]:
        """Return hypotheses for ``(steps, symbols)``, best first, at least one."""


@dataclass(frozen=True)
class JoinedWord:
    """A word of one of several pieces, with its steps in the whole."""

    text: str
    start_step: int
    end_step: int
    confidence: float


@dataclass(frozen=True)
class JoinedHypothesis:
    """The best hypotheses of consecutive pieces, as one: texts joined, scores added, confidence the mean by words."""

    text: str
    score: float
    acoustic_score: float
    lm_score: float
    words: tuple[JoinedWord, ...]
    confidence: float


def decode_in_pieces(
    decoder: Decoder, emissions: FloatArray, alphabet: Alphabet, step_s: float
) -> Sequence[Hypothesis | JoinedHypothesis]:
    """Decode emissions of any length in bounded memory.

    Args:
        decoder: Decodes one piece.
        emissions: ``(steps, symbols)`` natural-log probabilities.
        alphabet: Its symbols.
        step_s: Seconds per step.

    Returns:
        Hypotheses, best first; a single one where there is more than one piece.
    """
    cuts = find_cuts(emissions, alphabet, round(SHORTEST_PIECE_S / step_s), round(LONGEST_PIECE_S / step_s))
    if not cuts:
        return decoder.decode(emissions)
    starts = [0, *cuts]
    return [_join([decoder.decode(piece)[0] for piece in np.split(emissions, cuts)], starts)]


def find_cuts(emissions: FloatArray, alphabet: Alphabet, shortest: int, longest: int) -> list[int]:
    """Return the steps at which new pieces start, so that no word is cut.

    Each cut lies in the middle of the longest pause between ``shortest`` and ``longest`` steps after the last one.
    A pause is a run of steps after a space, or of blanks, in the most likely path; where the alphabet has no
    space, a run of blanks.
    """
    cuts: list[int] = []
    start = 0
    while len(emissions) - start > longest:
        best = emissions[start : start + longest].argmax(axis=1)
        start += _middle_of_longest_pause(best, alphabet, shortest)
        cuts.append(start)
    return cuts


def _middle_of_longest_pause(best: npt.NDArray[np.intp], alphabet: Alphabet, shortest: int) -> int:
    """Return a step of the most likely path, from ``shortest`` on, that is surest to lie between words."""
    silent = best == alphabet.blank_index
    if alphabet.space_index is not None:
        silent |= best == alphabet.space_index
    edges = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]]).astype(np.int8)))
    begins, ends = edges[::2], edges[1::2]
    middles = (np.maximum(begins, shortest) + ends) // 2
    lengths = ends - np.maximum(begins, shortest)
    if alphabet.space_index is not None and len(begins):
        # Blanks also stand inside words; a run with a space in it does not.
        spaces = np.concatenate([[0], np.cumsum(best == alphabet.space_index)])
        between_words = spaces[ends] > spaces[begins]
        if (between_words & (lengths > 0)).any():
            lengths = np.where(between_words, lengths, 0)
    if not len(lengths) or lengths.max() <= 0:
        return len(best)  # no pause at all
    return int(middles[lengths.argmax()])


def _join(hypotheses: Sequence[Hypothesis], starts: Sequence[int]) -> JoinedHypothesis:
    words = tuple(
        JoinedWord(word.text, start + word.start_step, start + word.end_step, word.confidence)
        for hypothesis, start in zip(hypotheses, starts, strict=True)
        for word in hypothesis.words
    )
    weights = [max(1, len(hypothesis.words)) for hypothesis in hypotheses]
    return JoinedHypothesis(
        text=" ".join(hypothesis.text for hypothesis in hypotheses if hypothesis.text),
        score=sum(hypothesis.score for hypothesis in hypotheses),
        acoustic_score=sum(hypothesis.acoustic_score for hypothesis in hypotheses),
        lm_score=sum(hypothesis.lm_score for hypothesis in hypotheses),
        words=words,
        confidence=float(np.average([hypothesis.confidence for hypothesis in hypotheses], weights=weights)),
    )
