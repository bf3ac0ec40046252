"""The map from what is heard of a word to the probability that it is right."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from asrkit.config.recognition import DecodingConfig
from asrkit.config.settings import Settings, not_negative, one_of, positive, require

# What the errors of a language model's words depend on; see DecodingConfig.
_WEIGHTS = ("lm_weight", "word_bonus", "prior_scale", "unknown_weight", "unknown_bonus")


@dataclass(frozen=True, kw_only=True)
class Calibration(Settings):
    """What ``asrkit lm tune`` learned of a dev set: how often words are right, and how many are missed.

    It holds for one model, one language model and the weights it was fitted with; ``choose`` sees to that.

    Args:
        lm: Fingerprint of the language model.
        lm_weight: Of the search, like the settings of DecodingConfig that follow.
        weights: Of the logistic map: a constant, then one for each column of ``asrkit.tuning.confidence.listen``.
        deletions: Words missed for each word that is wrong.
        insertions: Words too many for each word that is wrong.
        spread: Standard deviation of the logarithm of a speaker's errors over those expected.
        clumping: Variance of an utterance's errors over what it were if words were wrong by chance alone.
        error: Expected calibration error on halves of the dev set that the map was not fitted on.
        num_words: Words it was fitted on.
    """

    MOST: ClassVar = {"beam": 1_000_000}

    lm: str
    lm_weight: float
    word_bonus: float
    prior_scale: float
    unknown_weight: float
    unknown_bonus: float
    beam: int
    mode: str
    weights: tuple[float, ...]
    deletions: float
    insertions: float
    spread: float
    clumping: float
    error: float
    num_words: int

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("mode", self.mode, ("fast", "accurate", "thorough"))
        positive(self, "beam", "spread", "clumping", "num_words")
        require(len(self.weights) == 5, f"weights must be 5 numbers, not {len(self.weights)}")
        not_negative(self, "deletions", "insertions")

    @staticmethod
    def choose(known: Iterable[Calibration], decoding: DecodingConfig, lm: str | None) -> Calibration | None:
        """Return the one that holds for a search, fitted with the nearest beam; None where none does.

        Args:
            known: Those of the model.
            decoding: The search; hotwords, a closed vocabulary and other weights change which words are right.
            lm: Fingerprint of its language model, if it has one.
        """
        if decoding.decoder != "beam" or decoding.hotwords or decoding.vocabulary != "open":
            return None
        held = [
            one
            for one in known
            if one.lm == lm and all(getattr(one, name) == getattr(decoding, name) for name in _WEIGHTS)
        ]
        return min(
            held,
            key=lambda one: (one.mode != decoding.mode, abs(math.log(one.beam / decoding.beam))),
            default=None,
        )
