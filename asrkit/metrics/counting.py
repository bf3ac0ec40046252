"""Counting errors of many utterances at once.

The canonical alignment has the fewest errors and, among those, the most hits. With R reference units, M hypothesis
units, E errors and S substitutions the rest follows (H = (R + M - E - S) / 2), so two numbers fix all counts: the
distance E, and the least S among the alignments of E errors.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asrkit.errors import ConfigError, ScoringError
from asrkit.metrics.alignment import MOST_CELLS, is_exact, number_units, plain_trace
from asrkit.metrics.counts import ErrorCounts

UNITS = ("word", "char", "char-nospace", "grapheme")
WEIGHTS = ("unit", "nist")

IntArray = npt.NDArray[np.int64]

# Larger than the errors of any utterance, so that a second goal never outweighs the first.
_FIRST = 1 << 32
# Pairs with more cells than this (2,000 by 2,000) get a search of their own: a banded distance, a banded split.
_LONG_CELLS = 4_000_000


@dataclass(frozen=True)
class CountTable:
    """Counts of many utterances as columns, ``(utterances,)`` each.

    ``inexact`` lists the utterances too long for the canonical split: their errors are exact, the split is not.
    """

    hits: IntArray
    substitutions: IntArray
    deletions: IntArray
    insertions: IntArray
    inexact: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.hits)

    def __getitem__(self, index: int) -> ErrorCounts:
        columns = (self.hits, self.substitutions, self.deletions, self.insertions)
        return ErrorCounts(*(int(column[index]) for column in columns))

    @property
    def errors(self) -> IntArray:
        """Errors of each utterance."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def num_reference(self) -> IntArray:
        """Reference units of each utterance."""
        return self.hits + self.substitutions + self.deletions

    def replace_rows(self, indices: Sequence[int], rows: CountTable) -> CountTable:
        """Return a copy in which some utterances have other counts."""
        columns = []
        for name in ("hits", "substitutions", "deletions", "insertions"):
            column = getattr(self, name).copy()
            column[list(indices)] = getattr(rows, name)
            columns.append(column)
        changed = set(indices)
        inexact = {i for i in self.inexact if i not in changed} | {indices[i] for i in rows.inexact}
        return CountTable(columns[0], columns[1], columns[2], columns[3], tuple(sorted(inexact)))

    def total(self, select: npt.NDArray[np.bool_] | IntArray | slice = slice(None)) -> ErrorCounts:
        """Pool all utterances, or those selected by a mask, indices or a slice."""
        columns = (self.hits, self.substitutions, self.deletions, self.insertions)
        return ErrorCounts(*(int(column[select].sum()) for column in columns))


def split_graphemes(text: str) -> list[str]:
    """Split a text into user-perceived characters: a base with its marks, emoji sequences and Hangul syllables.

    Source:
        A short form of Unicode Annex 29: marks, variation selectors and joiners extend what they follow, a
        zero-width joiner binds what follows it, and regional indicators pair up.
    """
    graphemes: list[str] = []
    for character in text:
        if graphemes and _extends(graphemes[-1], character):
            graphemes[-1] += character
        else:
            graphemes.append(character)
    return graphemes


def _extends(grapheme: str, character: str) -> bool:
    if character.isascii():
        return False
    if unicodedata.category(character)[0] == "M" or character in "\u200c\u200d" or "🏻" <= character <= "🏿":
        return True
    if grapheme[-1] == "\u200d":
        return unicodedata.category(character) == "So"
    is_flag = "🇦" <= character <= "🇿"
    return is_flag and len(grapheme) == 1 and "🇦" <= grapheme <= "🇿"


def splitter(unit: str) -> Callable[[str], Sequence[str]]:
    """Return the function that cuts a text into its units.

    Raises:
        ConfigError: The unit is unknown.
    """
    splitters: dict[str, Callable[[str], Sequence[str]]] = {
        "word": str.split,
        "char": lambda text: " ".join(text.split()),
        "char-nospace": lambda text: "".join(text.split()),
        "grapheme": lambda text: split_graphemes(" ".join(text.split())),
    }
    if unit not in splitters:
        raise ConfigError(f"unknown unit {unit!r}; known: {', '.join(UNITS)}")
    return splitters[unit]


class _Vocabulary(dict[str, str]):
    """One code point for each grapheme seen."""

    def __missing__(self, grapheme: str) -> str:
        self[grapheme] = symbol = chr(len(self))
        return symbol


def _count_natively(hypotheses: Sequence[str], references: Sequence[str], unit: str, weights: str) -> IntArray:
    """Return errors, substitutions, reference units, hypothesis units and whether a pair is too long, in rows."""
    from asrkit._native import count_errors as count

    table = np.zeros((len(references), 5), np.int64)
    native_unit = UNITS.index(unit)
    if unit == "grapheme":
        symbols = _Vocabulary()
        hypotheses, references = (
            ["".join(map(symbols.__getitem__, split_graphemes(" ".join(text.split())))) for text in side]
            for side in (hypotheses, references)
        )
    count(list(hypotheses), list(references), native_unit, weights == "nist", _LONG_CELLS, table)
    return table


def _count_long_pair(
    hypothesis: Sequence[str], reference: Sequence[str], weights: str, most_cells: int
) -> tuple[int, int, bool]:
    """Return errors, substitutions, and whether the split is canonical, of a pair too long for a full table."""
    from asrkit._native import price_alignment

    hyp, ref, errors = number_units(hypothesis, reference)
    if not is_exact(len(hyp), len(ref), errors, most_cells):
        return errors, plain_trace(hyp, ref).count("S"), False
    if weights == "unit":
        return errors, price_alignment(ref, hyp, _FIRST + 1, _FIRST, errors) - errors * _FIRST, True
    price = price_alignment(ref, hyp, 4 * _FIRST + 1, 3 * _FIRST + 1, 4 * errors // 3)
    return price % _FIRST, price // _FIRST - 3 * (price % _FIRST), True


def count_pairs(
    hypotheses: Sequence[str], references: Sequence[str], unit: str = "word", weights: str = "unit"
) -> CountTable:
    """Count the errors of each hypothesis against the reference at the same place.

    Args:
        hypotheses: Recognized texts; any run of white space separates words.
        references: True texts, as many.
        unit: "word"; "char" (code points, a space between words counts), "char-nospace", or "grapheme".
        weights: "unit" for the fewest errors, then the most hits; "nist" for the alignment of NIST's sclite.

    Raises:
        ScoringError: The numbers of texts differ.
        ConfigError: The unit or the weights are unknown.
    """
    if len(hypotheses) != len(references):
        raise ScoringError(f"{len(hypotheses)} hypotheses but {len(references)} references; give one for each")
    if weights not in WEIGHTS:
        raise ConfigError(f"unknown weights {weights!r}; known: {', '.join(WEIGHTS)}")
    split = splitter(unit)
    table = _count_natively(hypotheses, references, unit, weights)
    # Pairs of characters are longer and their split matters less.
    most_cells = MOST_CELLS if unit == "word" else MOST_CELLS // 10
    inexact = []
    for i in np.flatnonzero(table[:, 4]).tolist():
        *table[i, :2], is_canonical = _count_long_pair(split(hypotheses[i]), split(references[i]), weights, most_cells)
        if not is_canonical:
            inexact.append(i)
    errors, substitutions, num_reference, num_hypothesis, _ = table.T.copy()
    hits = (num_reference + num_hypothesis - errors - substitutions) // 2
    deletions, insertions = num_reference - hits - substitutions, num_hypothesis - hits - substitutions
    return CountTable(hits, substitutions, deletions, insertions, tuple(inexact))


def count_errors(hypotheses: Sequence[str], references: Sequence[str], unit: str = "word") -> ErrorCounts:
    """Pool the errors of hypotheses against the references at the same places.

    >>> count_errors(["a b c"], ["a x c d"]).errors
    2

    Raises:
        ScoringError: The numbers of texts differ.
        ConfigError: The unit is unknown.
    """
    return count_pairs(hypotheses, references, unit).total()
