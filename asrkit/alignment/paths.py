"""The sum over all alignments of a text with emissions, and the best one: of many texts at once.

Source:
    Forward variables of Graves et al. (ICML 2006), section 4.1, over a lattice of spellings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from asrkit.alignment.lattice import WILD, Lattice

FloatArray = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]

OPEN = 12.0  # nats that leaving the text costs, or leaving out words of it
PER_HEARD = 1.4  # nats for each symbol heard that is no part of the text
PER_UNIT = 1.4  # nats for each unit of the text that is not heard
_PER_WILD = 0.3  # nats for each symbol heard in a word that cannot be spelled
_APART = 1e6  # nats: more than any path costs


@dataclass(frozen=True)
class States:
    """A lattice as the states of a search: a blank at each place, then the outputs, then what lies beside the text.

    Beside the text are, where the lattice has hubs, a state at each hub for what is said and not written, and one, in
    which no time passes, for what is written and not said.
    """

    before: Indices  # ``(most, states)`` states from which each may be entered; ``len(states)`` is none
    costs: FloatArray  # ``(most, states)`` nats that it takes
    emitted: Indices  # ``(states,)`` column of the emissions; those beyond the outputs are as ``widen`` makes them
    first: Sequence[int]  # states in which a path may begin: those before the first step
    last: Sequence[int]  # states in which it may end
    num_places: int  # how many blanks
    hubs: Indices  # place of each hub
    lengths: npt.NDArray[np.float64]  # units of the words between hubs

    def __len__(self) -> int:
        return len(self.emitted)

    @cached_property
    def skipping(self) -> slice:
        """The states for what is not said, one a hub."""
        return slice(len(self) - len(self.hubs), len(self))

    @cached_property
    def adding(self) -> slice:
        """The states for what is not written, one a hub."""
        return slice(len(self) - 2 * len(self.hubs), len(self) - len(self.hubs))


def widen(emissions: FloatArray, silent: Sequence[int]) -> FloatArray:
    """Return emissions relative to the likeliest output of each step, with four more columns for ``states_of``.

    They are a pause, what is not written, what cannot be spelled, and nothing.

    Args:
        emissions: ``(steps, symbols)`` natural-log probabilities.
        silent: The outputs of a pause: those that add no text, the blank first.
    """
    best = emissions.argmax(axis=1)
    relative = emissions - emissions[np.arange(len(emissions)), best, None]
    begins = np.diff(best, prepend=silent[0]) != 0
    heard = begins & ~np.isin(best, silent)
    more = np.zeros((len(emissions), 4), np.float32)
    more[:, 0] = relative[:, silent].max(axis=1, initial=-np.inf)
    more[:, 1] = -PER_HEARD * heard
    more[:, 2] = -_PER_WILD * heard
    return np.concatenate([relative, more], axis=1)


def states_of(lattice: Lattice, num_outputs: int, blank_index: int, lengths: Sequence[int] = ()) -> States:
    """Return the states of a lattice.

    Args:
        lattice: The ways to write a text.
        num_outputs: Of the model.
        blank_index: Of them.
        lengths: Units of each word, where the lattice has hubs.
    """
    num_places, outputs = lattice.num_places, lattice.outputs
    hubs = list(lattice.hubs)
    beside = num_places + len(outputs)
    skip = beside + len(hubs)
    ending: list[list[int]] = [[] for _ in range(num_places)]
    for edge, end in enumerate(lattice.ends):
        ending[end].append(edge)
    before = [[(place, 0.0), *((num_places + edge, 0.0) for edge in ending[place])] for place in range(num_places)]
    hub_of = {place: number for number, place in enumerate(hubs)}
    for edge, start in enumerate(lattice.starts):
        others = [other for other in ending[start] if outputs[other] != outputs[edge]]
        entries = [(num_places + edge, 0.0), (start, 0.0), *((num_places + other, 0.0) for other in others)]
        if start in hub_of:
            entries.append((skip + hub_of[start], 0.0))
        before.append(entries)
    for number, place in enumerate(hubs):
        before[place] += [(beside + number, 0.0), (skip + number, 0.0)]
        before.append([(beside + number, 0.0), (place, -OPEN), (skip + number, -OPEN)])
    before += [[] for _ in hubs]
    most = max(map(len, before))
    table = np.full((most, len(before)), len(before), np.intp)
    costs = np.zeros((most, len(before)), np.float32)
    for state, entries in enumerate(before):
        for row, (source, cost) in enumerate(entries):
            table[row, state], costs[row, state] = source, cost
    pause, added, wild, nothing = range(num_outputs, num_outputs + 4)
    emitted = np.full(len(before), blank_index, np.intp)
    emitted[num_places:beside] = [wild if output == WILD else output for output in outputs]
    emitted[hubs], emitted[beside:skip], emitted[skip:] = pause, added, nothing
    last = [*lattice.last, *(num_places + edge for place in lattice.last for edge in ending[place])]
    last += [skip - 1, len(before) - 1] if hubs else []
    return States(
        table, costs, emitted, lattice.first, last, num_places, np.array(hubs, np.intp), np.array(lengths, np.float64)
    )


def log_sum(states: States, emissions: FloatArray) -> float:
    """Return the natural log of the summed probability of all paths; the states must have no hubs."""
    forward = np.full(len(states) + 1, -np.inf)
    forward[list(states.first)] = 0.0
    for step in emissions:
        forward[:-1] = np.logaddexp.reduce(forward[states.before], axis=0) + step[states.emitted]
    return float(np.logaddexp.reduce(forward[list(states.last)]))


def best_score(states: States, emissions: FloatArray) -> float:
    """Return the log-probability of the best path; the states must have no hubs."""
    best = np.full(len(states) + 1, -np.inf)
    best[list(states.first)] = 0.0
    for step in emissions:
        best[:-1] = best[states.before].max(axis=0) + step[states.emitted]
    return float(best[list(states.last)].max())


class Batch:
    """Searches the best paths of several texts side by side, which costs little more than one.

    Args:
        items: Each the states of a text and its widened emissions, ``(steps, columns)``.
    """

    def __init__(self, items: Sequence[tuple[States, FloatArray]]) -> None:
        self._items = items
        self._starts = np.cumsum([0, *(len(states) for states, _ in items)])
        self._num_steps = np.array([len(emissions) for _, emissions in items])
        self._none = int(self._starts[-1])
        most = max(len(states.before) for states, _ in items)
        self._before = np.full((most, self._none), self._none, np.intp)
        self._costs = np.zeros((most, self._none), np.float32)
        width = items[0][1].shape[1]
        self._rows = np.zeros((int(self._num_steps.max()), len(items), width), np.float32)
        emitted, hubs, skips, owed = [], [], [], []
        for number, ((states, emissions), start) in enumerate(zip(items, self._starts[:-1], strict=True)):
            part = slice(int(start), int(start) + len(states))
            table = np.where(states.before == len(states), self._none, states.before + start)
            self._before[: len(table), part], self._costs[: len(table), part] = table, states.costs
            self._rows[: len(emissions), number] = emissions
            emitted.append(states.emitted + number * width)
            hubs.append(states.hubs + start)
            skips.append(np.arange(len(states))[states.skipping] + start)
            owed.append(PER_UNIT * np.concatenate([[0.0], np.cumsum(states.lengths)]) + _APART * number)
        self._emitted, self._hubs, self._skips = map(np.concatenate, (emitted, hubs, skips))
        self._owed = np.concatenate(owed)
        self._is_skip = np.zeros(self._none + 1, bool)
        self._is_skip[self._skips] = True
        self._history = np.zeros((len(self._rows) + 1, self._none + 1), np.float32)

    def run(self) -> list[Indices | None]:
        """Return the state at each step of the best path of each text; None where there is no path."""
        history = self._history
        history[:, :] = -np.inf
        history[
            0, np.concatenate([np.array(s.first) + b for (s, _), b in zip(self._items, self._starts, strict=False)])
        ] = 0
        self._skip_words(history[0])
        gathered = np.empty(self._before.shape, np.float32)
        for step, rows in enumerate(self._rows):
            np.take(history[step], self._before, out=gathered)
            gathered += self._costs
            now = history[step + 1]
            gathered.max(axis=0, out=now[:-1])
            now[:-1] += rows.reshape(-1)[self._emitted]
            self._skip_words(now)
        return self._trace_back()

    def _skip_words(self, now: FloatArray) -> None:
        """Fill in the states in which no time passes."""
        reached = now[self._hubs] + self._owed
        best = np.maximum.accumulate(np.concatenate([[-np.inf], reached[:-1]]))
        now[self._skips] = np.where(best - self._owed < -_APART / 2, -np.inf, best - self._owed - OPEN)

    def _trace_back(self) -> list[Indices | None]:
        ends: list[int] = []
        for (states, _), start, steps in zip(self._items, self._starts, self._num_steps, strict=False):
            last = np.array(states.last) + start
            ends.append(int(last[self._history[steps, last].argmax()]))
        current = np.array(ends)
        paths = np.zeros((len(self._rows), len(ends)), np.intp)
        lost = ~np.isfinite(self._history[self._num_steps, current])
        for step in range(len(self._rows), 0, -1):
            self._leave_skips(current, step)
            paths[step - 1] = current
            before = self._before[:, current]
            values = self._history[step - 1][before] + self._costs[:, current]
            moved = before[values.argmax(axis=0), np.arange(len(current))]
            current = np.where((step <= self._num_steps) & ~lost, moved, current)
        return [
            None if lost[number] else paths[:steps, number] - self._starts[number]
            for number, steps in enumerate(self._num_steps)
        ]

    def _leave_skips(self, current: Indices, step: int) -> None:
        """Put paths that are in a state without time where they came from."""
        for number in np.flatnonzero(self._is_skip[current] & (step <= self._num_steps)):
            states, start = self._items[number][0], self._starts[number]
            hub = current[number] - start - states.skipping.start
            reached = self._history[step, states.hubs[:hub] + start]
            owed = PER_UNIT * np.concatenate([[0.0], np.cumsum(states.lengths)])[:hub]
            current[number] = start + states.hubs[int((reached + owed).argmax())]
