"""Student's t distribution: how far chance carries a mean whose spread is estimated from few values.

The area under it is an integral over an angle, with t = sqrt(f) tan(angle) and a density like cos(angle)^(f - 1):
smooth and bounded, so that 64 points of Gauss and Legendre leave no error that could be seen. The degrees of freedom f
need not be whole.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(64)  # type: ignore[no-untyped-call]
_FARTHEST = 12.0  # standard deviations; beyond, nothing is left
_HALVINGS = 60


def two_sided_p(t: float, freedom: float) -> float:
    """Return the probability of a value at least so far from zero.

    Args:
        t: The value.
        freedom: Degrees of freedom, at least 1.

    >>> round(two_sided_p(2.0, 2), 4), round(two_sided_p(1.959964, 1e6), 4)
    (0.1835, 0.05)
    """
    start = math.atan(abs(t) / math.sqrt(freedom))
    end = min(math.pi / 2, start + _FARTHEST / math.sqrt(freedom))
    angles = (start + end) / 2 + (end - start) / 2 * _POINTS
    tail = (end - start) / 2 * float(_WEIGHTS @ np.cos(angles) ** (freedom - 1))
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
