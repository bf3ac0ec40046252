"""Student's t distribution: how far chance carries a mean whose spread is estimated from few values.

The area under it is an integral over an angle, with t = sqrt(f) / tan(angle) and a density like sin(angle)^(f - 1).
Taken over the angle's root it is smooth and bounded, so that 128 points leave no error that could be seen. The degrees
of freedom f need not be whole.

Source:
    The points and weights are Fejér's first rule: Waldvogel (2006), "Fast construction of the Fejér and Clenshaw-Curtis
    quadrature rules". Unlike those of Gauss they need no eigenvalues, whose library takes as long to start as the rest.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_NUM_POINTS = 128
_FARTHEST = 12.0  # standard deviations; beyond, nothing is left
_HALVINGS = 60


def two_sided_p(t: float, freedom: float) -> float:
    """Return the probability of a value at least so far from zero; there is at least 1 degree of freedom.

    >>> round(two_sided_p(2.0, 2), 4), round(two_sided_p(1.959964, 1e6), 4)
    (0.1835, 0.05)
    """
    start = math.atan(abs(t) / math.sqrt(freedom))
    end = min(math.pi / 2, start + _FARTHEST / math.sqrt(freedom))
    low, high = math.sqrt(math.pi / 2 - end), math.sqrt(math.pi / 2 - start)
    points, weights = _quadrature()
    roots = (low + high) / 2 + (high - low) / 2 * points
    tail = (high - low) * float((weights * roots * np.sin(roots**2) ** (freedom - 1)).sum())
    log_half = 0.5 * math.log(math.pi) + math.lgamma(freedom / 2) - math.lgamma((freedom + 1) / 2) - math.log(2)
    return min(1.0, tail / math.exp(log_half))


@lru_cache(maxsize=256)
def two_sided_limit(confidence: float, freedom: float) -> float:
    """Return how far from zero so large a share of all values reaches: 1.96 for 0.95 and many degrees of freedom."""
    low, high = 0.0, 1.0
    while two_sided_p(high, freedom) > 1.0 - confidence:
        high *= 2.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if two_sided_p(middle, freedom) > 1.0 - confidence else (low, middle)
    return high


@cache
def _quadrature() -> tuple[FloatArray, FloatArray]:
    """Return points in (-1, 1) and their weights, ``(points,)`` each."""
    angles = (np.arange(_NUM_POINTS) + 0.5) * np.pi / _NUM_POINTS
    terms = np.arange(1, _NUM_POINTS // 2 + 1)
    cosines = np.cos(2 * np.outer(angles, terms)) / (4 * terms**2 - 1)
    return np.cos(angles), (1 - 2 * cosines.sum(axis=1)) * 2 / _NUM_POINTS
