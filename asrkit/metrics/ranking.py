"""Comparing any number of systems on the same references: a ranking, and verdicts that many comparisons do not spoil.

Source:
    Holm (1979), "A simple sequentially rejective multiple test procedure".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from asrkit.config import ScoringConfig
from asrkit.errors import ScoringError
from asrkit.metrics.comparison import Comparison, compare_reports, score_systems
from asrkit.metrics.scoring import ScoreReport


@dataclass(frozen=True)
class PairVerdict:
    """Two of the systems compared."""

    first: int  # place of the first among the systems
    second: int  # place of the second
    comparison: Comparison  # the second against the first, as if there were no others
    adjusted_p: float | None  # its probability by chance, among so many comparisons; None where there is none

    @property
    def is_settled(self) -> bool:
        """Whether the difference is settled, all comparisons considered."""
        return replace(self.comparison, p=self.adjusted_p).is_settled


@dataclass(frozen=True)
class Ranking:
    """Several systems on the same references."""

    reports: list[ScoreReport]  # scores of the systems, in the order given
    pairs: list[PairVerdict]  # each pair of them, in that order

    @property
    def order(self) -> list[int]:
        """Places of the systems, the best first."""
        return sorted(range(len(self.reports)), key=lambda place: (self.reports[place].word_error_rate or 0.0, place))


def system_name(place: int) -> str:
    """Return the short name of a system: A, B, ..., Z, S27, ..."""
    return chr(ord("A") + place) if place < 26 else f"S{place + 1}"


def adjust_for_many(p_values: Sequence[float | None]) -> list[float | None]:
    """Return probabilities that hold for all of several tests at once, by Holm's method.

    >>> adjust_for_many([0.01, None, 0.04])
    [0.02, None, 0.04]
    """
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    least = 0.0
    for rank, (p, place) in enumerate(known):
        least = max(least, min(1.0, p * (len(known) - rank)))
        adjusted[place] = least
    return adjusted


def rank_reports(reports: Sequence[ScoreReport]) -> Ranking:
    """Compare reports of the same references, each with each.

    Raises:
        ScoringError: There are fewer than two, or they are of different utterances or references.
    """
    if len(reports) < 2:
        raise ScoringError("one system is no comparison; give at least two")
    places = list(combinations(range(len(reports)), 2))
    comparisons = [compare_reports(reports[first], reports[second]) for first, second in places]
    adjusted = adjust_for_many([comparison.p for comparison in comparisons])
    rows = zip(places, comparisons, adjusted, strict=True)
    return Ranking(list(reports), [PairVerdict(*place, comparison, p) for place, comparison, p in rows])


def rank(
    systems: Sequence[Path | str | Sequence[str]],
    references: Path | str | Sequence[str],
    config: ScoringConfig | None = None,
    *,
    format: str = "auto",
    speakers: Path | str | None = None,
) -> Ranking:
    """Compare the hypotheses of several systems, see :class:`Ranking`.

    Each is a file, a folder or texts; arguments are those of :func:`asrkit.metrics.scoring.score`.

    Raises:
        ScoringError: There is but one system; and other errors of ``score``.
    """
    return rank_reports(score_systems(systems, references, config, format=format, speakers=speakers))
