"""Where a long text and what was heard agree beyond doubt: stretches of units that are found once in each.

Found like the anchors of a patience diff: long n-grams in the whole, then shorter ones between them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Units = npt.NDArray[np.int64]

_BITS = 2.6  # of surprise in a unit of speech, at least about so many
_SHORTEST = 5
_FEWEST, _LONG = 4, 40  # matches that make a block believable, or units of them
_NEAR = 2_000  # units; a larger jump begins a block
_MULTIPLIER = 0x9E3779B97F4A7C15


class Match(NamedTuple):
    """A stretch of units that is the same in what was heard and in the text."""

    heard: int
    text: int
    length: int

    @property
    def ends(self) -> tuple[int, int]:
        """One past the last unit heard, and of the text."""
        return self.heard + self.length, self.text + self.length


@dataclass(frozen=True)
class Block:
    """A part of the text that is heard in its order."""

    heard: tuple[int, int]  # first unit heard and one past the last
    text: tuple[int, int]  # the same of the text
    matches: tuple[Match, ...] = ()  # in their order


def find_blocks(heard: Units, text: Units, breaks: Sequence[int] = ()) -> list[Block]:
    """Return what of a text is heard where, in the order in which it is heard; nothing where they do not agree.

    A text that is heard as it is written is one block; of chapters in another order each is one.

    Args:
        heard: ``(units,)`` what was heard.
        text: ``(units,)`` what is written.
        breaks: Places in the text where one part may end and another begin, in their order.
    """
    runs = _runs(_matches(heard, text)) or _runs(_repeated(heard, text))
    if not runs:
        return []
    places = sorted(range(len(runs)), key=lambda place: runs[place][0].text)
    starts, stops = dict.fromkeys(places, 0), dict.fromkeys(places, len(text))
    for earlier, later in pairwise(places):
        low, high = runs[earlier][-1].ends[1], runs[later][0].text
        inside = [place for place in breaks if low <= place <= high] or [(low + high) // 2]
        starts[later] = stops[earlier] = inside[len(inside) // 2]
    cuts = [0]
    for place, (run, after) in enumerate(pairwise(runs)):
        tail, head = stops[place] - run[-1].ends[1], after[0].text - starts[place + 1]
        gap = after[0].heard - run[-1].ends[0]
        cuts.append(run[-1].ends[0] + round(gap * tail / max(1, tail + head)))
    cuts.append(len(heard))
    spans = [(span, (starts[place], stops[place])) for place, span in enumerate(pairwise(cuts))]
    return [Block(*bounds, tuple(_refined(heard, text, run, *bounds))) for run, bounds in zip(runs, spans, strict=True)]


def _runs(matches: Sequence[Match]) -> list[list[Match]]:
    """Return what is heard in the order of the text, each a list of matches."""
    runs: list[list[Match]] = []
    for match in matches:
        last = runs[-1][-1] if runs else None
        if last is None or abs(match.text - last.text - (match.heard - last.heard)) > _NEAR:
            runs.append([])
        runs[-1].append(match)
    return _without_overlaps([_in_order(run) for run in _joined([run for run in runs if _is_believable(run)])])


def _repeated(heard: Units, text: Units) -> list[Match]:
    """Return matches where all is written, or heard, more than once: the first of each; of a phrase nobody knows."""
    return _matches(heard, text, most=_NEAR) if min(len(heard), len(text)) > _NEAR else []


def _matches(heard: Units, text: Units, most: int = 1) -> list[Match]:
    """Return the stretches made of n-grams that occur once in both, in the order in which they are heard.

    Where more are no harm, it is the first of each that counts.
    """
    size = max(_SHORTEST, int(np.ceil(np.log2(max(2, len(heard) * len(text))) / _BITS)))
    if min(len(heard), len(text)) < size:
        return []
    pairs = [np.unique(_hashes(units, size), return_index=True, return_counts=True) for units in (heard, text)]
    single = [(values[counts <= most], places[counts <= most]) for values, places, counts in pairs]
    _, first, second = np.intersect1d(single[0][0], single[1][0], assume_unique=True, return_indices=True)
    at = np.stack([single[0][1][first], single[1][1][second]])
    if not at.size:
        return []
    at = at[:, at[0].argsort()]
    begins = np.flatnonzero((np.diff(at, axis=1, prepend=-2) != 1).any(axis=0))
    ends = np.append(begins[1:], at.shape[1])
    return [Match(int(at[0, a]), int(at[1, a]), int(b - a) + size - 1) for a, b in zip(begins, ends, strict=True)]


def _hashes(units: Units, size: int) -> npt.NDArray[np.uint64]:
    """Return a number for each n-gram: equal for equal ones."""
    values = np.zeros(len(units) - size + 1, np.uint64)
    for place in range(size):
        values = (values + units[place : place + len(values)].astype(np.uint64) + np.uint64(7)) * np.uint64(_MULTIPLIER)
        values ^= values >> np.uint64(29)
    return values


def _is_believable(run: Sequence[Match]) -> bool:
    return len(run) >= _FEWEST or sum(match.length for match in run) >= _LONG


def _joined(runs: list[list[Match]]) -> list[list[Match]]:
    """Join runs that follow each other both in what was heard and in the text: something lies between, no more."""
    rank = {id(run): place for place, run in enumerate(sorted(runs, key=lambda run: run[0].text))}
    joined: list[list[Match]] = []
    last = -2
    for run in runs:
        if joined and rank[id(run)] == last + 1 and joined[-1][-1].text < run[0].text:
            joined[-1] = joined[-1] + run
        else:
            joined.append(run)
        last = rank[id(run)]
    return joined


def _in_order(matches: Sequence[Match]) -> list[Match]:
    """Return the longest part of matches, as they are heard, that is in the order of the text, without overlaps."""
    tails: list[int] = []
    places: list[int] = []
    before: list[int] = []
    for place, match in enumerate(matches):
        at = bisect_left(tails, match.text)
        before.append(places[at - 1] if at else -1)
        tails[at : at + 1], places[at : at + 1] = [match.text], [place]
    chosen: list[Match] = []
    place = places[-1] if places else -1
    while place >= 0:
        match = matches[place]
        room = (
            min((b - a for a, b in zip(match[:2], chosen[-1][:2], strict=True)), default=0) if chosen else match.length
        )
        if room > 0:
            chosen.append(match._replace(length=min(match.length, room)))
        place = before[place]
    return chosen[::-1]


def _without_overlaps(runs: list[list[Match]]) -> list[list[Match]]:
    """Give text that is heard twice to the longer run."""
    order = sorted(range(len(runs)), key=lambda place: -sum(match.length for match in runs[place]))
    taken: list[tuple[int, int]] = []
    kept: dict[int, list[Match]] = {}
    for place in order:
        run = [m for m in runs[place] if all(m.ends[1] <= low or m.text >= high for low, high in taken)]
        if _is_believable(run):
            kept[place] = run
            taken.append((run[0].text, run[-1].ends[1]))
    return [kept[place] for place in sorted(kept)]


def _refined(
    heard: Units, text: Units, run: Sequence[Match], heard_span: tuple[int, int], text_span: tuple[int, int]
) -> Iterator[Match]:
    """Yield matches with those found before, between and behind them, ever shorter ones."""
    bounds = [Match(heard_span[0], text_span[0], 0), *run, Match(heard_span[1], text_span[1], 0)]
    for before, after in pairwise(bounds):
        if before.length:
            yield before
        (first, start), (last, stop) = before.ends, after[:2]
        if min(last - first, stop - start) < _SHORTEST:
            continue
        stretch = heard[first:last], text[start:stop]
        inner = _in_order(_matches(*stretch)) or _in_order(_repeated(*stretch))
        if inner:
            inner = [Match(first + m.heard, start + m.text, m.length) for m in inner]
            yield from _refined(heard, text, inner, (first, last), (start, stop))
