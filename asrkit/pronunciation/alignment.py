"""Which letter of a word stands for which of its labels, by expectation maximization.

A letter and the labels it stands for make a unit: ``c`` with ``K``, ``x`` with ``K S``, ``e`` with none. Letters said
together need no larger units: one is silent in ``sh``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Unit = tuple[str, tuple[str, ...]]  # a letter and the labels it stands for
Line = tuple[str, tuple[str, ...]]  # a word and the labels it is spelled with
Floats = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]

MAX_LABELS = 2  # that a letter stands for
_SIZES = (1, 0, 2)  # labels of a unit; of equally likely ones the first is taken
_ROUNDS = 12
_COST_SCALE = 2**20  # costs are whole numbers: what is equally likely is so on every machine
_TINY = 1e-250  # the least chance that can still be divided by


@dataclass(frozen=True)
class _Block:
    """Words with the same number of letters and of labels."""

    places: list[int]  # which lines they are
    letters: int  # of each word
    labels: int  # of each word
    # Sizes, and for each the number of the unit that takes letter i and so many labels from label j on: ``(letters,
    # labels + 1 - size, words)``.
    units: tuple[tuple[int, Integers], ...]


def align(lines: Sequence[Line]) -> list[tuple[Unit, ...]]:
    """Return the likeliest units of each word, estimated from all of them.

    All chances are equal at first. What they add up to does not matter, for all ways through a word have as many units
    as it has letters.

    Args:
        lines: One or more; each has a letter, and no more than two labels for each letter.
    """
    units, blocks = _number_units(lines)
    chances = np.full(len(units), 1 / len(_SIZES))
    for _ in range(_ROUNDS):
        counts = np.full(len(units), _TINY)
        for block in blocks:
            _count(block, chances, counts)
        chances = counts / counts.max()
    costs = np.round(-_COST_SCALE * np.log(chances)).astype(np.int64)
    ways: list[tuple[Unit, ...]] = [()] * len(lines)
    for block in blocks:
        for place, numbers in zip(block.places, _cheapest(block, costs).tolist(), strict=True):
            ways[place] = tuple(units[number] for number in numbers)
    return ways


def _number_units(lines: Sequence[Line]) -> tuple[list[Unit], list[_Block]]:
    """Return all units that the words allow, and the words with the places of their units in that list."""
    letters = sorted({letter for word, _ in lines for letter in word})
    parts = sorted({part for _, labels in lines for size in _SIZES for part in _parts(labels, size)})
    letter_place = {letter: place * len(parts) for place, letter in enumerate(letters)}
    part_place = {part: place for place, part in enumerate(parts)}
    alike: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, (word, labels) in enumerate(lines):
        alike[len(word), len(labels)].append(place)
    blocks = []
    for (num_letters, num_labels), places in sorted(alike.items()):
        firsts = np.array([[letter_place[letter] for letter in lines[place][0]] for place in places]).T[:, None]
        units = tuple(
            (
                size,
                firsts + np.array([[part_place[part] for part in _parts(lines[place][1], size)] for place in places]).T,
            )
            for size in _SIZES
            if size <= num_labels
        )
        blocks.append(_Block(places, num_letters, num_labels, units))
    # pairs that no word has get no number
    used = np.unique(np.concatenate([np.unique(pairs) for block in blocks for _, pairs in block.units]))
    numbered = [
        replace(block, units=tuple((size, np.searchsorted(used, pairs)) for size, pairs in block.units))
        for block in blocks
    ]
    return [(letters[pair // len(parts)], parts[pair % len(parts)]) for pair in used.tolist()], numbered


def _parts(labels: tuple[str, ...], size: int) -> list[tuple[str, ...]]:
    return [labels[j : j + size] for j in range(len(labels) + 1 - size)]


def _count(block: _Block, chances: Floats, counts: Floats) -> None:
    """Add how often each unit is to be expected in the words of a block."""
    shape = (block.letters + 1, block.labels + 1, len(block.places))
    steps = [(size, units, chances[units]) for size, units in block.units]
    forward, backward = np.zeros(shape), np.zeros(shape)
    forward[0, 0] = backward[-1, -1] = 1.0
    for i in range(block.letters):
        for size, _, chance in steps:
            forward[i + 1, size:] += forward[i, : block.labels + 1 - size] * chance[i]
    for i in reversed(range(block.letters)):
        for size, _, chance in steps:
            backward[i, : block.labels + 1 - size] += backward[i + 1, size:] * chance[i]
    total = forward[-1, -1]
    # words of many hundred letters, whose chance is no number any more, do not count
    backward *= np.divide(1.0, total, out=np.zeros_like(total), where=total > _TINY)
    for size, units, chance in steps:
        expected = forward[:-1, : block.labels + 1 - size] * chance * backward[1:, size:]
        counts += np.bincount(units.ravel(), expected.ravel(), len(counts))


def _cheapest(block: _Block, costs: Integers) -> Integers:
    """Return the units of the cheapest way through each word, ``(words, letters)``."""
    cost = np.full((block.letters + 1, block.labels + 1, len(block.places)), 2**60)
    cost[0, 0] = 0
    last = np.zeros((*cost.shape, 2), dtype=np.int64)  # the unit that a way to here ends with, and its size
    for i in range(block.letters):
        for size, units in block.units:
            through = cost[i, : block.labels + 1 - size] + costs[units[i]]
            better = through < cost[i + 1, size:]
            cost[i + 1, size:][better] = through[better]
            last[i + 1, size:][better, 0] = units[i][better]
            last[i + 1, size:][better, 1] = size
    ways = np.empty((len(block.places), block.letters), dtype=np.int64)
    words, left = np.arange(len(block.places)), np.full(len(block.places), block.labels)
    for i in reversed(range(block.letters)):
        ways[:, i], sizes = last[i + 1, left, words].T
        left -= sizes
    return ways
