"""What decoding returns, and what all decoders can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from asrkit.decoder.emissions import Emissions, FloatArray, Lengths, check_batch
from asrkit.errors import DecodingError

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
            language model there is no ``word_bonus``.
        acoustic_score: Natural log-probability of the text given the emissions, summed over all alignments; with
            ``prior_scale``, given the emissions after the division by priors.
        lm_score: Natural log-probability of the words and the end of the sentence. Without a language model 0, but for
            words that ``vocabulary="spelled"`` adds to those of a lexicon: their spelling is scored as it is with one.
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


class Decoder(ABC):
    """Emissions to hypotheses."""

    num_symbols: int

    def decode(self, emissions: Emissions, *, name: str = "utterance") -> list[Hypothesis]:
        """Decode one utterance.

        Args:
            emissions: ``(steps, symbols)`` natural log-probabilities; float32 is taken without a copy, but for priors.
            name: What to call the utterance in an error.

        Returns:
            At most ``n_best`` hypotheses with distinct texts, best first, at least one.

        Raises:
            DecodingError: The emissions have the wrong shape or impossible values.
        """
        return self.decode_batch([emissions], names=[name])[0]

    def decode_batch(
        self,
        emissions: Sequence[Emissions] | Emissions,
        lengths: Lengths | None = None,
        *,
        threads: int = 1,
        names: Sequence[str] | None = None,
    ) -> list[list[Hypothesis]]:
        """Decode many utterances; the result does not depend on the batch or the number of threads.

        Args:
            emissions: A list of ``(steps, symbols)``, or a padded ``(utterances, steps, symbols)``.
            lengths: Steps that count, of each utterance; all when None.
            threads: Threads to use; Python's lock is released meanwhile.
            names: What to call the utterances in an error.

        Returns:
            The hypotheses of each utterance, as ``decode`` gives them.

        Raises:
            DecodingError: Emissions have the wrong shape or impossible values; the utterance is named.
        """
        return self._decode_all(self._checked(emissions, lengths, threads, names), threads)

    def _checked(
        self,
        emissions: Sequence[Emissions] | Emissions,
        lengths: Lengths | None,
        threads: int,
        names: Sequence[str] | None,
    ) -> list[FloatArray]:
        if threads < 1:
            raise DecodingError(f"threads must be positive, not {threads}")
        return check_batch(emissions, lengths, self.num_symbols, names)

    @abstractmethod
    def _decode_all(self, emissions: Sequence[FloatArray], threads: int) -> list[list[Hypothesis]]:
        """Decode utterances that were checked."""
