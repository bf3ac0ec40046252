"""All that a report can tell beyond its rates, given what is at hand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asrkit.metrics.breakdown import Breakdown, break_down
from asrkit.metrics.confidence import Calibration, Oracle, calibrate, oracle_rates
from asrkit.metrics.scoring import ScoreReport

if TYPE_CHECKING:
    from asrkit.metrics.blame import Blame


@dataclass(frozen=True)
class Details:
    """Tables beside the rates."""

    breakdown: Breakdown  # where the errors lie
    oracles: list[Oracle]  # how good the n-best lists could be; empty without such lists
    calibration: Calibration | None  # whether confidences can be believed; None without any
    blame: Blame | None = None  # the causes of the errors; None without emissions


def find_details(
    report: ScoreReport,
    *,
    vocabulary: Collection[str] | None = None,
    training_counts: Mapping[str, int] | None = None,
    keywords: Sequence[str] = (),
    blame: Blame | None = None,
) -> Details:
    """Work out every table for which there is enough at hand; see :func:`asrkit.metrics.breakdown.break_down`."""
    breakdown = break_down(report, vocabulary=vocabulary, training_counts=training_counts, keywords=keywords)
    return Details(breakdown, oracle_rates(report), calibrate(report), blame)
