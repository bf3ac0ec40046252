"""Texts of which parts can be said in several ways, aligned so that both are said as they fit best.

A text is a list of slots, a slot a list of ways. The search runs over the words of the reference and the nodes of the
hypothesis, as over the cells of a plain alignment; where a slot ends, the best of its ways goes on. Cells so far from
the diagonal that their path must cost more than the best one are never looked at.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple


class Way(NamedTuple):
    """One way to say a part of a text, and how many optional words it leaves out."""

    words: tuple[str, ...]
    left_out: int = 0


Slot = list[Way]  # the ways to say one part of a text


class _Price(NamedTuple):
    """What a step of an alignment adds to a cell: its cost, then what decides between equal costs."""

    cost: int
    tie: int


@dataclass(frozen=True)
class _Prices:
    hit: _Price
    substitution: _Price
    gap: _Price
    left_out: int


_PRICES = {
    "unit": _Prices(_Price(0, -1), _Price(1, 0), _Price(1, 0), 0),  # fewest errors, then most hits
    "nist": _Prices(_Price(0, 0), _Price(4, 1), _Price(3, 1), 2),  # of sclite, then fewest errors
}
_FIRST_LIMIT = 16  # gaps; doubled until the best path is known to lie within

# Cost, tie, and the ways chosen where there was a choice, as (before, side, way).
_Cell = tuple[int, int, "tuple[object, int, Way] | None"]
_NEVER: _Cell = (1 << 60, 0, None)


def join_ways(ways: Iterable[Way]) -> Way:
    """Say one way after the other."""
    ways = list(ways)
    return Way(tuple(word for way in ways for word in way.words), sum(way.left_out for way in ways))


def fit(reference: Sequence[Slot], hypothesis: Sequence[Slot], weights: str = "unit") -> tuple[Way, Way]:
    """Return the ways to say a reference and a hypothesis that fit best.

    Args:
        reference: Its slots, none of them empty.
        hypothesis: Likewise.
        weights: "unit", the fewest errors, then the most hits; or "nist", as sclite weighs.
    """
    prices = _PRICES[weights]
    most = _FIRST_LIMIT * prices.gap.cost
    while (cell := _Search(hypothesis, prices, most).run(reference))[0] > most:
        most = 2 * most if cell is _NEVER else max(2 * most, cell[0])
    chosen: tuple[list[Way], list[Way]] = ([], [])
    link: object = cell[2]
    while isinstance(link, tuple):
        link, side, way = link
        chosen[side].append(way)
    read, said = (
        join_ways(slot[0] if len(slot) == 1 else ways.pop() for slot in slots)
        for slots, ways in zip((reference, hypothesis), chosen, strict=True)
    )
    return read, said


class _Arc(NamedTuple):
    """A step through the hypothesis: from a node, over a word or over none."""

    origin: int
    word: str | None
    cost: int
    way: Way | None  # chosen on this arc


class _Search:
    """One pass over the cells whose path can cost at most so much.

    A path through a cell has at least as many gaps as reference and hypothesis differ in words up to there.
    """

    def __init__(self, hypothesis: Sequence[Slot], prices: _Prices, most: int) -> None:
        self.prices = prices
        self.gaps = most // prices.gap.cost
        self.nodes: list[list[_Arc]] = [[]]  # the arcs that lead to each node, in the order of the text
        fewest, longest = [0], [0]  # words up to each node
        for slot in hypothesis:
            self._add_slot(slot, fewest, longest)
        # Both rise from node to node, so that the cells of a row are one stretch.
        self.fewest = list(accumulate(reversed(fewest), min))[::-1]
        self.longest = list(accumulate(longest, max))

    def _add_slot(self, slot: Slot, fewest: list[int], longest: list[int]) -> None:
        start, ends = len(self.nodes) - 1, []
        for way in slot:
            origin, cost, chosen = start, way.left_out * self.prices.left_out, way if len(slot) > 1 else None
            for place, word in enumerate(way.words[:-1], 1):
                self.nodes.append([_Arc(origin, word, cost, chosen)])
                fewest.append(fewest[start] + place)
                longest.append(longest[start] + place)
                origin, cost, chosen = len(self.nodes) - 1, 0, None
            ends.append(_Arc(origin, way.words[-1] if way.words else None, cost, chosen))
        self.nodes.append(ends)
        fewest.append(fewest[start] + min(len(way.words) for way in slot))
        longest.append(longest[start] + max(len(way.words) for way in slot))

    def run(self, reference: Sequence[Slot]) -> _Cell:
        """Return the last cell of the best path."""
        fewest = longest = 0  # words of the reference so far
        row = self._insert([(0, 0, None), *[_NEVER] * (len(self.nodes) - 1)], self._stretch(0, 0))
        for slot in reference:
            rows = [self._extend(row, way, fewest, longest, len(slot) > 1) for way in slot]
            fewest += min(len(way.words) for way in slot)
            longest += max(len(way.words) for way in slot)
            if len(rows) > 1:
                best = [min(cells, key=_goodness) for cells in zip(*rows, strict=True)]
                rows = [self._insert(best, self._stretch(fewest, longest))]
            row = rows[0]
        return row[-1]

    def _stretch(self, fewest: int, longest: int) -> range:
        """Return the nodes that can be reached after so many words of the reference."""
        return range(bisect_left(self.longest, fewest - self.gaps), bisect_right(self.fewest, longest + self.gaps))

    def _extend(self, row: list[_Cell], way: Way, fewest: int, longest: int, is_choice: bool) -> list[_Cell]:
        """Align one way of saying a part of the reference after every node of the hypothesis."""
        if is_choice:
            cost = way.left_out * self.prices.left_out
            row = [cell if cell is _NEVER else (cell[0] + cost, cell[1], (cell[2], 0, way)) for cell in row]
        for place, word in enumerate(way.words, 1):
            row = self._next_row(row, word, self._stretch(fewest + place, longest + place))
        return row

    def _next_row(self, last: list[_Cell], word: str, stretch: range) -> list[_Cell]:
        """Align one more word of the reference: with a word of the hypothesis, or with none."""
        hit, substitution, (gap, gap_tie) = self.prices.hit, self.prices.substitution, self.prices.gap
        row = [_NEVER] * len(last)
        for node in stretch:
            cost, tie, link = _NEVER
            for arc in self.nodes[node]:
                if arc.word is not None:
                    before, price = last[arc.origin], hit if arc.word == word else substitution
                    step = before[0] + price.cost + arc.cost, before[1] + price.tie
                    if step < (cost, tie):
                        (cost, tie), link = step, _chosen(before, arc)
            before = last[node]
            step = before[0] + gap, before[1] + gap_tie
            if step < (cost, tie):
                (cost, tie), link = step, before[2]
            row[node] = self._stand_alone((cost, tie, link), node, row)
        return row

    def _insert(self, row: list[_Cell], stretch: range) -> list[_Cell]:
        """Let words of the hypothesis stand alone before each node."""
        done = [_NEVER] * len(row)
        for node in stretch:
            done[node] = self._stand_alone(row[node], node, done)
        return done

    def _stand_alone(self, cell: _Cell, node: int, row: list[_Cell]) -> _Cell:
        """Return the better of a cell and of those that lead to it within the row, over words said too much."""
        gap, gap_tie = self.prices.gap
        for arc in self.nodes[node]:
            before = row[arc.origin]
            if arc.word is None:
                step = before[0] + arc.cost, before[1]
            else:
                step = before[0] + gap + arc.cost, before[1] + gap_tie
            if step < cell[:2]:
                cell = (*step, _chosen(before, arc))
        return cell


def _goodness(cell: _Cell) -> tuple[int, int]:
    return cell[:2]


def _chosen(before: _Cell, arc: _Arc) -> tuple[object, int, Way] | None:
    return before[2] if arc.way is None else (before[2], 1, arc.way)
