"""Aligning two texts of which parts can be said in several ways: the ways that fit best.

Both sides are laid out as lattices: a node for each word, and one where the ways to say a part meet again. The table of
an alignment has a row for each node of the reference and a column for each node of the hypothesis; a row is made from
the row before it in a few array operations, so that a word costs microseconds, and few rows are in memory at a time.

Costs are single integers: the cost proper in the high bits, what decides between equal costs in the low ones.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
# One way to say a part: its words, and what it costs to say it so.
Choice = tuple[Sequence[str], int]

_FAR = 1 << 60
# So many cells are kept (64 MB); of larger tables some rows are, and those between are made again when needed.
_CELLS = 8_000_000


class Prices(NamedTuple):
    """What the steps of an alignment cost."""

    hit: int
    substitution: int
    gap: int


class Fit(NamedTuple):
    """The ways that fit best, by their places in each part of the reference and of the hypothesis, and the cost."""

    reference: list[int]
    hypothesis: list[int]
    cost: int


class _Lattice:
    """The parts of one side; node 0 is where it begins, the last node where it ends.

    Attributes:
        words: The word of each node, None where ways meet.
        before: The node before each word.
        meetings: For each node where ways meet, the last node and the cost of each way.
        ends: The node where the ways to say each part meet; None where there is but one.
        cuts: The nodes that every way passes.
    """

    def __init__(self, parts: Sequence[Sequence[Choice]]) -> None:
        self.words: list[str | None] = [None]
        self.before = [0]
        self.meetings: dict[int, list[tuple[int, int]]] = {}
        self.ends: list[int | None] = []
        self.cuts: set[int] = set()
        for ways in parts:
            start = len(self.words) - 1
            last = [(self._add(start, words), cost) for words, cost in ways]
            end: int | None = None
            if len(last) > 1 or last[0][1]:
                end = self._add(start, [None])
                self.meetings[end] = last
                self.cuts.add(end)
            else:
                self.cuts.update(range(start + 1, len(self.words)))
            self.ends.append(end)

    def _add(self, start: int, words: Sequence[str | None]) -> int:
        """Add a chain of words and return its last node."""
        for word in words:
            self.before.append(start)
            self.words.append(word)
            start = len(self.words) - 1
        return start


class _Table:
    """The rows of the alignment table, of which only some are in memory at a time.

    A column's price is kept less what the words of the hypothesis before it cost when they stand alone, so that letting
    words stand alone is a running minimum.
    """

    def __init__(self, reference: _Lattice, hypothesis: _Lattice, prices: Prices) -> None:
        self.reference, self.hypothesis, self.prices = reference, hypothesis, prices
        alone: list[int] = []
        for node, before in enumerate(hypothesis.before):
            alone.append(alone[before] + prices.gap * (hypothesis.words[node] is not None) if node else 0)
        self.alone = alone
        self.meetings = {
            node: [(end, cost + alone[end] - alone[node]) for end, cost in ways]
            for node, ways in hypothesis.meetings.items()
        }
        self.chains = _chains(hypothesis)
        self.before: IntArray = np.array(hypothesis.before, np.int64)
        # The columns that do not follow the one on their left.
        self.elsewhere: IntArray = np.flatnonzero(self.before != np.arange(len(self.before)) - 1)
        self.apart: IntArray = np.full(len(self.before), prices.substitution - prices.gap, np.int64)
        places: dict[str | None, list[int]] = defaultdict(list)
        for place, word in enumerate(hypothesis.words):
            places[word].append(place)
        self.apart[places.pop(None)] = _FAR
        self.places: dict[str | None, IntArray] = {word: np.array(where) for word, where in places.items()}
        first = np.full(len(self.before), _FAR, np.int64)
        first[0] = 0
        self.saved = {0: self._insert(first)}
        self.rows = dict(self.saved)
        self.most_rows = max(math.isqrt(len(reference.words)), _CELLS // len(self.before))
        self._fill(len(reference.words))

    def row(self, node: int) -> IntArray:
        """Return the row of a node of the reference, made again from the saved one before it if need be."""
        if node in self.saved:
            return self.saved[node]
        if node not in self.rows:
            start = max(saved for saved in self.saved if saved < node)
            self.rows = {start: self.saved[start]}
            self._fill(node + 1)
        return self.rows[node]

    def _fill(self, stop: int) -> None:
        """Make rows up to a node, saving one and forgetting those before it whenever there are many."""
        for node in range(max(self.rows) + 1, stop):
            self.rows[node] = self._make(node)
            if len(self.rows) > self.most_rows and node in self.reference.cuts:
                self.rows = {node: self.rows[node]}
                self.saved |= self.rows

    def _make(self, node: int) -> IntArray:
        """Return the row of a node of the reference from those before it."""
        if node in self.reference.meetings:
            ends = [self.rows[end] + cost for end, cost in self.reference.meetings[node]]
            return np.asarray(np.minimum.reduce(ends))
        last = self.rows[self.reference.before[node]]
        paired = self.apart.copy()
        paired[1:] += last[:-1]
        if len(self.elsewhere) > 1:
            paired[self.elsewhere] = last[self.before[self.elsewhere]] + self.apart[self.elsewhere]
        same = self.places.get(self.reference.words[node])
        if same is not None:
            paired[same] += self.prices.hit - self.prices.substitution
        return self._insert(np.minimum(last + self.prices.gap, paired))

    def pair(self, i: int, j: int) -> int:
        """Return what it costs to pair two words, less what that of the hypothesis costs alone."""
        same = self.reference.words[i] == self.hypothesis.words[j]
        return (self.prices.hit if same else self.prices.substitution) - self.prices.gap

    def _insert(self, row: IntArray) -> IntArray:
        """Let words of the hypothesis stand alone before each column."""
        for start, stop in self.chains:
            if start in self.meetings:
                row[start] = min(row[end] + cost for end, cost in self.meetings[start])
            else:
                row[start] = min(row[start], row[self.hypothesis.before[start]])
                np.minimum.accumulate(row[start:stop], out=row[start:stop])
        return row


def _chains(lattice: _Lattice) -> list[tuple[int, int]]:
    """Return stretches of words that follow each other, and nodes where ways meet, as (first, behind the last)."""
    chains: list[tuple[int, int]] = []
    for node in range(1, len(lattice.words)):
        follows = lattice.before[node] == node - 1 and lattice.words[node] is not None is not lattice.words[node - 1]
        if chains and follows:
            chains[-1] = chains[-1][0], node + 1
        else:
            chains.append((node, node + 1))
    return chains


def _walk(table: _Table) -> tuple[dict[int, int], dict[int, int]]:
    """Follow the best alignment from its end, and return the way taken to each node where ways meet, of both sides."""
    ref, hyp, prices = table.reference, table.hypothesis, table.prices
    taken: tuple[dict[int, int], dict[int, int]] = {}, {}
    i, j = len(ref.words) - 1, len(hyp.words) - 1
    while i or j:
        row, price = table.row(i), int(table.row(i)[j])
        if j in hyp.meetings:
            ways = [int(row[end]) + cost for end, cost in table.meetings[j]]
            taken[1][j] = ways.index(price)
            j = hyp.meetings[j][taken[1][j]][0]
        elif i in ref.meetings:
            ways = [int(table.row(end)[j]) + cost for end, cost in ref.meetings[i]]
            taken[0][i] = ways.index(price)
            i = ref.meetings[i][taken[0][i]][0]
        elif i and j and price == table.row(ref.before[i])[hyp.before[j]] + table.pair(i, j):
            i, j = ref.before[i], hyp.before[j]
        elif i and price == table.row(ref.before[i])[j] + prices.gap:
            i = ref.before[i]
        else:
            j = hyp.before[j]
    return taken


def choose_ways(reference: Sequence[Sequence[Choice]], hypothesis: Sequence[Sequence[Choice]], prices: Prices) -> Fit:
    """Align every way to say a reference with every way to say a hypothesis, and return the two that fit best.

    A plain text is one part with one way.

    >>> choose_ways([[(["i"], 0)], [(["um"], 0), (["uh"], 0)]], [[(["i", "uh"], 0)]], Prices(0, 1, 1))
    Fit(reference=[0, 1], hypothesis=[0], cost=0)
    """
    lattices = _Lattice(reference), _Lattice(hypothesis)
    table = _Table(*lattices, prices)
    cost = int(table.row(len(lattices[0].words) - 1)[-1]) + table.alone[-1]
    ways = [
        [0 if end is None else taken[end] for end in side.ends]
        for side, taken in zip(lattices, _walk(table), strict=True)
    ]
    return Fit(ways[0], ways[1], cost)
