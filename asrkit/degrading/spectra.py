"""Sizes that transform fast."""

from __future__ import annotations


def fast_size(least: int) -> int:
    """Return the smallest power of two, times 1, 3, 5, 9 or 15, that is not below a size."""
    return min(odd << max(0, (-(-least // odd) - 1).bit_length()) for odd in (1, 3, 5, 9, 15))
