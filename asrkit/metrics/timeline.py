"""Which of many stretches of time holds a moment, or lies nearest to it: found in logarithmic time.

A recording of four hours has thousands of segments and tens of thousands of words; asking every segment for every word
takes longer than all the rest of scoring.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from heapq import heappop, heappush


class Timeline:
    """Stretches of time, which may overlap; both ends belong to them, and none ends before it starts."""

    def __init__(self, stretches: Sequence[tuple[float, float]]) -> None:
        self._moments = sorted({time for stretch in stretches for time in stretch})
        self._at: list[int | None] = []  # the first stretch that holds each moment
        self._after: list[int | None] = []  # the first one that holds the time between it and the next
        self._starting, self._ending = _firsts(stretches, 0), _firsts(stretches, 1)
        by_start = sorted(range(len(stretches)), key=lambda index: stretches[index][0], reverse=True)
        open_now: list[int] = []
        for moment in self._moments:
            while by_start and stretches[by_start[-1]][0] <= moment:
                heappush(open_now, by_start.pop())
            while open_now and stretches[open_now[0]][1] < moment:
                heappop(open_now)
            self._at.append(open_now[0] if open_now else None)
            while open_now and stretches[open_now[0]][1] <= moment:
                heappop(open_now)
            self._after.append(open_now[0] if open_now else None)

    def find(self, moment: float) -> int:
        """Return the place of the first stretch that holds a moment, else of the nearest; of two, of the first."""
        place = bisect_left(self._moments, moment)
        if place < len(self._moments) and self._moments[place] == moment:
            held = self._at[place]
        else:
            held = self._after[place - 1] if place else None
        if held is not None:
            return held
        sides = []
        if place:
            before = self._moments[place - 1]
            sides.append((moment - before, self._ending[before]))
        if place < len(self._moments):
            after = self._moments[place]
            sides.append((after - moment, self._starting[after]))
        return min(sides)[1]


def _firsts(stretches: Sequence[tuple[float, float]], end: int) -> dict[float, int]:
    """Return the first stretch that starts (or ends) at each moment."""
    firsts: dict[float, int] = {}
    for index, stretch in enumerate(stretches):
        firsts.setdefault(stretch[end], index)
    return firsts
