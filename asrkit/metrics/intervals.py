"""How sure a rate, or the difference of two, is: what leaving out one utterance, or one speaker, would change.

The standard error is that of the jackknife over units (speakers where they are known, else utterances), and the width
follows Student's t distribution with as many degrees of freedom as units of unequal size are worth: so intervals hold
for five units as for five thousand. That of a rate has the shape of a count's: longer upward, and never below zero.

Source:
    Ratios: Cochran (1977), "Sampling techniques", chapter 6. The jackknife over clusters: MacKinnon, Nielsen, Webb
    (2023), "Cluster-robust inference: a guide to empirical practice" (CV3). Effective number of units: Kish (1965),
    "Survey sampling". Why speakers: Liu, Peng (2020, arXiv 1912.09508), since utterances of one speaker are not
    independent. Probability of improvement from resamples: Bisani, Ney (ICASSP 2004). Swapping the systems: Noreen
    (1989), "Computer-intensive methods for testing hypotheses".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asrkit.metrics.student import two_sided_limit

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

# Fewer speakers than this give no useful interval over speakers.
FEWEST_SPEAKERS = 5
# With fewer units that differ, no test of signs reaches 5 %: five fall the same way in 1 of 16 cases by chance.
FEWEST_TO_SETTLE = 6
_DRAWS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Interval:
    """A confidence interval of a rate."""

    low: float  # lower end
    high: float  # upper end
    confidence: float  # its nominal coverage, such as 0.95
    unit: str  # what is taken as independent, "utterance" or "speaker"
    num_units: int  # how many of them there are


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


def choose_units(values: IntArray, speakers: Sequence[str] | None) -> tuple[IntArray, str]:
    """Return the rows of independent units and their name: speakers where enough are known, else utterances."""
    if speakers is not None and len(set(speakers)) >= FEWEST_SPEAKERS:
        return pool_by(values, speakers), "speaker"
    return values, "utterance"


def _influences(errors: IntArray, num_reference: IntArray) -> FloatArray | None:
    """Return how much the rate falls when each unit is left out; None where one unit holds every word."""
    total = int(num_reference.sum())
    rest = total - num_reference
    if total == 0 or not rest.all():
        return None
    return np.asarray((errors - errors.sum() / total * num_reference) / rest)


def _normal_quantile(confidence: float) -> float:
    """Return how many standard deviations on both sides of the mean hold this share of a normal distribution."""
    from statistics import NormalDist  # slow to load, and nothing of one utterance has an interval

    return NormalDist().inv_cdf((1.0 + confidence) / 2.0)


def _half_width(influences: FloatArray, sizes: IntArray, confidence: float) -> float:
    """Return half the width of an interval, of units that together hold ``sizes`` words each."""
    number = len(influences)
    error = float(np.sqrt((number - 1) / number * (influences**2).sum()))
    shares = sizes / sizes.sum()
    freedom = max(1.0, 1.0 / float((shares**2).sum()) - 1.0)
    return two_sided_limit(confidence, freedom) * error


def rate_interval(
    errors: IntArray, num_reference: IntArray, *, confidence: float, speakers: Sequence[str] | None = None
) -> Interval | None:
    """Return the interval of a pooled error rate.

    Units that happen to agree do not make it vanish: it is never narrower than half the variance of words that are
    right or wrong each by itself would make it, and without any error it reaches to where none would be a surprise. It
    ends at 100 %, or at the rate of the worst unit if that is higher.

    Args:
        errors: ``(utterances,)`` errors of each utterance.
        num_reference: ``(utterances,)`` reference units of each utterance.
        confidence: Nominal coverage.
        speakers: Who speaks each utterance; whole speakers are the units when there are enough of them.

    Returns:
        None when the rate is undefined or only one unit has words.
    """
    values, unit = choose_units(np.stack([errors, num_reference], axis=1), speakers)
    influences = _influences(values[:, 0], values[:, 1])
    if influences is None:
        return None
    total = int(values[:, 1].sum())
    rate = float(values[:, 0].sum()) / total
    normal = _normal_quantile(confidence)
    if rate == 0.0:
        scale = normal**2 / total
    else:
        least = normal**2 * rate * max(1.0 - rate, 0.0) / total / 2.0
        scale = max(_half_width(influences, values[:, 1], confidence) ** 2, least) / rate
    # The ends are the rates m with (rate - m)^2 = scale * m: the variance of a count grows with its mean.
    reach = float(np.sqrt(scale * rate + scale**2 / 4.0))
    low, high = rate + scale / 2.0 - reach, rate + scale / 2.0 + reach
    worst = float((values[:, 0] / np.maximum(values[:, 1], 1)).max())
    return Interval(max(low, 0.0), min(high, max(worst, 1.0)), confidence, unit, len(values))


def difference_interval(values: IntArray, confidence: float, unit: str) -> Interval | None:
    """Return the interval of the difference of two rates on the same units.

    It is never narrower than the units' differences would make it if each fell either way by chance.

    Args:
        values: ``(units, 4)`` errors and reference units of the first system, then of the second.
        confidence: Nominal coverage.
        unit: What a row is, "utterance" or "speaker".

    Returns:
        None when a rate is undefined or only one unit has words.
    """
    first, second = _influences(values[:, 0], values[:, 1]), _influences(values[:, 2], values[:, 3])
    if first is None or second is None:
        return None
    totals = values.sum(axis=0)
    difference = float(totals[0] / totals[1] - totals[2] / totals[3])
    sizes = values[:, 1] + values[:, 3]
    apart = max(1, int(np.abs(values[:, 0] - values[:, 2]).sum()))
    least = _normal_quantile(confidence) * float(np.sqrt(apart)) * 2.0 / int(sizes.sum())
    half = max(_half_width(first - second, sizes, confidence), least)
    return Interval(difference - half, difference + half, confidence, unit, len(values))


def swap_test(values: IntArray, draws: int, seed: int) -> float | None:
    """Return the probability of so large a difference of two rates if the systems were swapped in units at random.

    Were the systems equal, each unit could as well have fallen the other way. The test holds for any number of units:
    with fewer than six that differ it cannot fall below 5 %.

    Args:
        values: ``(units, 4)`` as for :func:`difference_interval`.
        draws: How many random swaps to try.
        seed: Of the random numbers.

    Returns:
        None when there is no word.
    """
    totals = values.sum(axis=0)
    if draws == 0 or totals[1] + totals[3] == 0:
        return None
    rate = (totals[0] + totals[2]) / (totals[1] + totals[3])
    # Where the systems read the references differently, the words that one of them has alone cost what a word costs.
    apart = (values[:, 0] - values[:, 2] - rate * (values[:, 1] - values[:, 3])).round(9)
    seen = abs(float(apart.sum()))
    sizes, counts = np.unique(np.abs(apart[apart != 0]), return_counts=True)
    generator = np.random.default_rng(seed)
    at_once = max(1, _DRAWS_AT_ONCE // max(1, len(sizes)))
    as_far = 0
    for start in range(0, draws, at_once):
        kept = generator.binomial(counts, 0.5, size=(min(at_once, draws - start), len(sizes)))
        as_far += int((np.abs((2 * kept - counts) @ sizes) >= seen - 1e-6).sum())
    return (as_far + 1) / (draws + 1)
