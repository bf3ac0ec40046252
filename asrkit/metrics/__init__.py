"""Metrics: how wrong a transcript is, how sure one can be of that, and where the errors lie."""

from asrkit.metrics.counting import CountTable, count_errors, count_pairs
from asrkit.metrics.counts import ErrorCounts

__all__ = ["CountTable", "ErrorCounts", "count_errors", "count_pairs"]
