"""Texts of which parts can be said in several ways, read so that both sides fit best.

A text is a list of slots, a slot a list of ways. ``asrkit.metrics.lattices`` finds the ways; here is what they cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from asrkit.metrics.lattices import Choice, Prices, choose_ways


class Way(NamedTuple):
    """One way to say a part of a text, and how many optional words it leaves out."""

    words: tuple[str, ...]
    left_out: int = 0


Slot = list[Way]  # the ways to say one part of a text

# A price holds several goals: the cost, then what decides between equal costs.
_COST, _ERROR = 1 << 40, 1 << 20
_PRICES = {
    "unit": Prices(-1, _COST, _COST),  # fewest errors, then most hits
    "nist": Prices(-1, 4 * _COST + _ERROR, 3 * _COST + _ERROR),  # of sclite, then fewest errors, then most hits
}
_LEFT_OUT = {"unit": 0, "nist": 2 * _COST}


def join_ways(ways: Iterable[Way]) -> Way:
    """Say one way after the other."""
    ways = list(ways)
    return Way(tuple(word for way in ways for word in way.words), sum(way.left_out for way in ways))


def fit(reference: Sequence[Slot], hypothesis: Sequence[Slot], weights: str = "unit") -> tuple[Way, Way]:
    """Return the ways to say a reference and a hypothesis, with no empty slot, that fit best by the weights."""
    found = choose_ways(_choices(reference, weights), _choices(hypothesis, weights), _PRICES[weights])
    sides = ((reference, found.reference), (hypothesis, found.hypothesis))
    read, said = (join_ways(slot[place] for slot, place in zip(slots, places, strict=True)) for slots, places in sides)
    return read, said


def _choices(slots: Sequence[Slot], weights: str) -> list[list[Choice]]:
    return [[(way.words, way.left_out * _LEFT_OUT[weights]) for way in slot] for slot in slots]
