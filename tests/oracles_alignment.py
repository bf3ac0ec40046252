"""The slow, obvious alignment that the fast ones are held to."""

from __future__ import annotations

from collections.abc import Sequence

Counts = tuple[int, int, int, int]  # hits, substitutions, deletions, insertions


def best_counts(hypothesis: Sequence[str], reference: Sequence[str], *, nist: bool = False) -> Counts:
    """Return hits, substitutions, deletions, insertions of the best alignment by a full table.

    Best means fewest errors, then most hits; with ``nist`` the least 4S + 3D + 3I, then the fewest errors.
    """

    def key(counts: Counts) -> tuple[int, int]:
        hits, subs, dels, ins = counts
        errors = subs + dels + ins
        return (4 * subs + 3 * dels + 3 * ins, errors) if nist else (errors, -hits)

    def add(counts: Counts, place: int) -> Counts:
        new = list(counts)
        new[place] += 1
        return (new[0], new[1], new[2], new[3])

    row = [(0, 0, 0, j) for j in range(len(hypothesis) + 1)]
    for i, word in enumerate(reference):
        last, row = row, [(0, 0, i + 1, 0)]
        for j, other in enumerate(hypothesis):
            diagonal = add(last[j], 0 if word == other else 1)
            row.append(min(diagonal, add(last[j + 1], 2), add(row[j], 3), key=key))
    return row[-1]
