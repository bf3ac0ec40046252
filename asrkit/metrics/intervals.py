"""How sure a rate is: percentile bootstrap over utterances, or over speakers where they are known.

Source:
    Bisani, Ney (ICASSP 2004), "Bootstrap estimates for confidence intervals in ASR performance evaluation"; blocks of
    speakers: Liu, Peng (2020, arXiv 1912.09508), since utterances of one speaker are not independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

# Fewer speakers than this give no useful interval over speakers.
FEWEST_SPEAKERS = 5
_DRAWS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Interval:
    """A confidence interval of a rate.

    Args:
        low: Lower end.
        high: Upper end.
        confidence: Its nominal coverage, such as 0.95.
        unit: What was resampled, "utterance" or "speaker".
        num_units: How many of them there are.
    """

    low: float
    high: float
    confidence: float
    unit: str
    num_units: int


def pool_by(values: IntArray, groups: Sequence[str]) -> IntArray:
    """Sum the rows of ``(utterances, columns)`` that share a group, ``(groups, columns)`` in order of appearance."""
    place: dict[str, int] = {}
    index = np.array([place.setdefault(group, len(place)) for group in groups], np.int64)
    pooled = np.zeros((len(place), values.shape[1]), np.int64)
    np.add.at(pooled, index, values)
    return pooled


def resample(values: IntArray, resamples: int, seed: int) -> FloatArray:
    """Draw bootstrap sums.

    Utterances with equal rows are exchangeable, so how often each *distinct* row is drawn follows a multinomial:
    the same distribution as drawing utterances one by one, at a cost that does not grow with their number.

    Args:
        values: ``(units, columns)``, what to sum.
        resamples: How many sums to draw.
        seed: Of the random numbers.

    Returns:
        ``(resamples, columns)`` sums over as many units as there are.
    """
    distinct, counts = _distinct_rows(values)
    generator = np.random.default_rng(seed)
    at_once = max(1, _DRAWS_AT_ONCE // len(distinct))
    sums = []
    for start in range(0, resamples, at_once):
        draws = generator.multinomial(len(values), counts / len(values), size=min(at_once, resamples - start))
        sums.append(draws.astype(np.float64) @ distinct.astype(np.float64))
    return np.concatenate(sums)


def _distinct_rows(values: IntArray) -> tuple[IntArray, IntArray]:
    """Return the distinct rows and how often each occurs; far faster than ``np.unique`` along an axis."""
    ranges = values.max(axis=0) - values.min(axis=0) + 1
    if float(np.prod(ranges.astype(np.float64))) > 2.0**62:
        rows, counts = np.unique(values, axis=0, return_counts=True)
        return rows, counts
    scales = np.concatenate([np.cumprod(ranges[::-1])[-2::-1], [1]])
    _, first, counts = np.unique((values - values.min(axis=0)) @ scales, return_index=True, return_counts=True)
    return values[first], counts


def rate_interval(
    errors: IntArray,
    num_reference: IntArray,
    *,
    resamples: int,
    confidence: float,
    seed: int,
    speakers: Sequence[str] | None = None,
) -> Interval | None:
    """Return the percentile bootstrap interval of a pooled error rate.

    Args:
        errors: ``(utterances,)`` errors of each utterance.
        num_reference: ``(utterances,)`` reference units of each utterance.
        resamples: Bootstrap resamples; 0 for no interval.
        confidence: Nominal coverage.
        seed: Of the random numbers.
        speakers: Who speaks each utterance; whole speakers are resampled when there are enough of them.

    Returns:
        None when the rate is undefined or there are fewer than two units to resample.
    """
    values = np.stack([errors, num_reference], axis=1)
    unit = "utterance"
    if speakers is not None and len(set(speakers)) >= FEWEST_SPEAKERS:
        values, unit = pool_by(values, speakers), "speaker"
    if resamples == 0 or len(values) < 2 or num_reference.sum() == 0:
        return None
    sums = resample(values, resamples, seed)
    defined = sums[:, 1] > 0
    if not defined.any():
        return None
    rates = sums[defined, 0] / sums[defined, 1]
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(rates, [tail, 1.0 - tail])
    return Interval(float(low), float(high), confidence, unit, len(values))
