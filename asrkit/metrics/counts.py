"""Error counts: a value with arithmetic, so that rates are always pooled and never averaged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from asrkit.errors import ScoringError


@dataclass(frozen=True)
class ErrorCounts:
    """What an alignment of hypotheses to references counts, for one utterance or for many.

    Rates are None where they are undefined: a rate over nothing is not zero.

    Source:
        MER, WIL and WIP: Morris, Maier, Green (Interspeech 2004), "From WER and RIL to MER and WIL".
    """

    hits: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    def __post_init__(self) -> None:
        if min(self.hits, self.substitutions, self.deletions, self.insertions) < 0:
            raise ScoringError(f"counts cannot be negative: {self}")

    def __add__(self, other: ErrorCounts) -> ErrorCounts:
        return ErrorCounts(
            self.hits + other.hits,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )

    @classmethod
    def total(cls, counts: Iterable[ErrorCounts]) -> ErrorCounts:
        """Pool any number of counts."""
        return sum(counts, cls())

    @property
    def errors(self) -> int:
        """Substitutions, deletions and insertions together."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def num_reference(self) -> int:
        """Units of the reference."""
        return self.hits + self.substitutions + self.deletions

    @property
    def num_hypothesis(self) -> int:
        """Units of the hypothesis."""
        return self.hits + self.substitutions + self.insertions

    @property
    def rate(self) -> float | None:
        """Errors per reference unit (WER of words, CER of characters); None without a reference unit."""
        return self.errors / self.num_reference if self.num_reference else None

    @property
    def match_error_rate(self) -> float | None:
        """MER: the share of aligned positions that are errors; None when there is no position."""
        positions = self.hits + self.errors
        return self.errors / positions if positions else None

    @property
    def information_preserved(self) -> float | None:
        """WIP: hits per reference unit times hits per hypothesis unit; None without reference, 0 without hypothesis."""
        if not self.num_reference:
            return None
        return self.hits / self.num_reference * (self.hits / max(self.num_hypothesis, 1))

    @property
    def information_lost(self) -> float | None:
        """WIL: one minus WIP."""
        preserved = self.information_preserved
        return None if preserved is None else 1.0 - preserved
