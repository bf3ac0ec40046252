"""Metrics: how wrong a transcript is, how sure one can be of that, and where the errors lie."""

from asrkit.metrics.alignment import Step, align
from asrkit.metrics.comparison import Comparison, compare
from asrkit.metrics.counting import CountTable, count_errors, count_pairs
from asrkit.metrics.counts import ErrorCounts
from asrkit.metrics.scoring import ScoreReport, score

__all__ = [
    "Comparison",
    "CountTable",
    "ErrorCounts",
    "ScoreReport",
    "Step",
    "align",
    "compare",
    "count_errors",
    "count_pairs",
    "score",
]
