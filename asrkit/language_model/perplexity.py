"""How well a model foresees a text."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asrkit.errors import LanguageModelError

if TYPE_CHECKING:
    from asrkit import _native


@dataclass(frozen=True)
class Perplexity:
    """How well a model foresees a text. Ends of sentences are foreseen too, as KenLM's ``query`` does.

    Args:
        sentences: Lines with at least one word.
        words: Words of the text.
        unknown_words: Those outside the model's vocabulary.
        log10_prob: Of the whole text.
        with_unknown: Perplexity, unknown words included.
        without_unknown: Perplexity of the known words and the ends of sentences.
    """

    sentences: int
    words: int
    unknown_words: int
    log10_prob: float
    with_unknown: float
    without_unknown: float

    @property
    def unknown_rate(self) -> float:
        """Share of the words that the model does not know."""
        return self.unknown_words / self.words


@dataclass
class TextTotals:
    """What a text adds up to under a model; the fields of the extension's ``TextScore``."""

    num_sentences: int = 0
    num_words: int = 0
    num_unknown: int = 0
    log10_prob: float = 0.0
    log10_prob_of_unknown: float = 0.0


def perplexity_of(totals: Sequence[TextTotals | _native.TextScore]) -> Perplexity:
    """Add totals up.

    Raises:
        LanguageModelError: They have no sentence.
    """
    sentences = sum(total.num_sentences for total in totals)
    if sentences == 0:
        raise LanguageModelError("there is no text to measure the model on")
    words = sum(total.num_words for total in totals)
    unknown = sum(total.num_unknown for total in totals)
    log10_prob = sum(total.log10_prob for total in totals)
    log10_known = log10_prob - sum(total.log10_prob_of_unknown for total in totals)
    return Perplexity(
        sentences=sentences,
        words=words,
        unknown_words=unknown,
        log10_prob=log10_prob,
        with_unknown=_power_of_ten(-log10_prob / (words + sentences)),
        without_unknown=_power_of_ten(-log10_known / (words - unknown + sentences)),
    )


def _power_of_ten(exponent: float) -> float:
    return float(10**exponent) if exponent < sys.float_info.max_10_exp else math.inf
