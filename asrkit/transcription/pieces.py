"""Long emissions are decoded piece by piece, cut in the longest pauses between words.

A search over hours would keep hours of histories; between two pauses a language model has little to say anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from asrkit.audio import FloatArray
from asrkit.decoder import Hypothesis
from asrkit.text import Symbols, WordRule

if TYPE_CHECKING:
    from asrkit.transcription.recordings import Recording

# A piece ends in the longest pause between these two; a recording up to the longer one is a single piece.
SHORTEST_PIECE_S, LONGEST_PIECE_S = 30.0, 90.0


class Decoder(Protocol):
    """Emissions to hypotheses."""

    def decode(self, emissions: FloatArray) -> list[Hypothesis]:
        """Return hypotheses for ``(steps, symbols)``, best first, at least one."""


@runtime_checkable
class WholeDecoder(Protocol):
    """A decoder that must see a recording whole and know which it is, as where its text is known."""

    def decode_whole(self, recording: Recording, emissions: FloatArray) -> list[AlignedHypothesis]:
        """Return hypotheses for ``(steps, symbols)``, best first, at least one."""


@dataclass(frozen=True)
class AlignedHypothesis(Hypothesis):
    """A known text, with what is missing on either side, and what a user should know."""

    alignment: Mapping[str, Any] | None = None
    remarks: tuple[str, ...] = ()


def decode_in_pieces(decoder: Decoder, emissions: FloatArray, symbols: Symbols, step_s: float) -> list[Hypothesis]:
    """Decode emissions of any length in bounded memory.

    Args:
        decoder: Decodes one piece.
        emissions: ``(steps, symbols)`` natural-log probabilities.
        symbols: Its outputs.
        step_s: Seconds per step.

    Returns:
        Hypotheses, best first; a single one where there is more than one piece.
    """
    cuts = find_cuts(emissions, symbols, round(SHORTEST_PIECE_S / step_s), round(LONGEST_PIECE_S / step_s))
    if not cuts:
        return decoder.decode(emissions)
    starts = [0, *cuts]
    separator = "" if symbols.words is WordRule.NONE else " "
    return [_join([decoder.decode(piece)[0] for piece in np.split(emissions, cuts)], starts, separator)]


def find_cuts(emissions: FloatArray, symbols: Symbols, shortest: int, longest: int) -> list[int]:
    """Return the steps at which new pieces start, so that no word is cut.

    Each cut lies in the middle of the longest pause between ``shortest`` and ``longest`` steps after the last one.
    A pause is a run of steps between two words in the most likely path: after a space, or of blanks before what opens
    a word or after what closes one; where no symbol tells words apart, a run of blanks.
    """
    cuts: list[int] = []
    start = 0
    while len(emissions) - start > longest:
        best = emissions[start : start + longest].argmax(axis=1)
        start += _middle_of_longest_pause(best, symbols, shortest)
        cuts.append(start)
    return cuts


def _middle_of_longest_pause(best: npt.NDArray[np.intp], symbols: Symbols, shortest: int) -> int:
    """Return a step of the most likely path, from ``shortest`` on, that is surest to lie between words."""
    spellings = [symbols.spellings[index] for index in best]
    silent = np.array([spelling is None or not spelling.text for spelling in spellings])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]]).astype(np.int8)))
    begins, ends = edges[::2], edges[1::2]
    middles = (np.maximum(begins, shortest) + ends) // 2
    lengths = ends - np.maximum(begins, shortest)
    if symbols.words is not WordRule.NONE and len(begins):
        # Blanks also stand inside words; a run with a space in it, or before the start of a word, does not.
        opens = np.array([False, *(spelling is not None and spelling.opens for spelling in spellings), False])
        closes = np.array([False, *(spelling is not None and spelling.closes for spelling in spellings), False])
        starts = np.concatenate([[0], np.cumsum(opens)])
        between_words = (starts[ends + 2] > starts[begins + 1]) | closes[begins]
        if (between_words & (lengths > 0)).any():
            lengths = np.where(between_words, lengths, 0)
    if not len(lengths) or lengths.max() <= 0:
        return len(best)  # no pause at all
    return int(middles[lengths.argmax()])


def _join(hypotheses: Sequence[Hypothesis], starts: Sequence[int], separator: str) -> Hypothesis:
    """Return the best hypotheses of consecutive pieces as one: scores added, confidence the mean by words."""
    words = tuple(
        word._replace(start_step=start + word.start_step, end_step=start + word.end_step)
        for hypothesis, start in zip(hypotheses, starts, strict=True)
        for word in hypothesis.words
    )
    weights = [max(1, len(hypothesis.words)) for hypothesis in hypotheses]
    return Hypothesis(
        text=separator.join(hypothesis.text for hypothesis in hypotheses if hypothesis.text),
        score=sum(hypothesis.score for hypothesis in hypotheses),
        acoustic_score=sum(hypothesis.acoustic_score for hypothesis in hypotheses),
        lm_score=sum(hypothesis.lm_score for hypothesis in hypotheses),
        words=words,
        confidence=float(np.average([hypothesis.confidence for hypothesis in hypotheses], weights=weights)),
        hotword_score=sum(hypothesis.hotword_score for hypothesis in hypotheses),
    )
