"""Counting errors of many utterances at once: rapidfuzz on interned words.

The canonical alignment has the fewest errors and, among those, the most hits. With R reference units, M hypothesis
units, E errors and S substitutions the rest follows (H = (R + M - E - S) / 2), so two distances fix all counts:
the plain one gives E, a weighted one gives the least S among the alignments of E errors.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asrkit.errors import ConfigError, ScoringError
from asrkit.metrics.alignment import MOST_CELLS, hint_errors, is_exact, plain_trace
from asrkit.metrics.counts import ErrorCounts

UNITS = ("word", "char", "char-nospace", "grapheme")
WEIGHTS = ("unit", "nist")

IntArray = npt.NDArray[np.int64]

# Larger than the errors of any utterance, so that a second goal never outweighs the first.
_FIRST = 1 << 20
# Code points stand for words in rapidfuzz; the vocabulary starts anew before they run out.
_MOST_WORDS = 1_000_000
_BATCH_CHARACTERS = 400_000
# From here on a banded trace is faster than a weighted distance, which fills the whole table.
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
        """Number of utterances."""
        return len(self.hits)

    def __getitem__(self, index: int) -> ErrorCounts:
        """Return the counts of one utterance."""
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
    """One code point for each word seen."""

    def __missing__(self, word: str) -> str:
        self[word] = symbol = chr(len(self))
        return symbol


def _interner(unit: str, vocabulary: _Vocabulary) -> Callable[[str], str]:
    """Return the function that turns a text into a string of one code point per unit."""
    split = splitter(unit)
    if unit.startswith("char"):
        return lambda text: str(split(text))
    look_up = vocabulary.__getitem__
    return lambda text: "".join(map(look_up, split(text)))


def _interned_batches(
    hypotheses: Sequence[str], references: Sequence[str], unit: str
) -> Iterator[tuple[slice, list[str], list[str]]]:
    """Yield stretches of utterances as interned strings; equal pairs are read once."""
    vocabulary = _Vocabulary()
    intern = _interner(unit, vocabulary)
    characters = np.cumsum([len(h) + len(r) for h, r in zip(hypotheses, references, strict=True)])
    start = 0
    while start < len(references):
        if len(vocabulary) > _MOST_WORDS - _BATCH_CHARACTERS // 2:
            vocabulary.clear()
        done = characters[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(characters, done + _BATCH_CHARACTERS)))
        stretch = slice(start, stop)
        reference_ids = [intern(text) for text in references[stretch]]
        hypothesis_ids = [
            ids if text == reference else intern(text)
            for text, reference, ids in zip(hypotheses[stretch], references[stretch], reference_ids, strict=True)
        ]
        yield stretch, hypothesis_ids, reference_ids
        start = stop


def _distances(hypotheses: Sequence[str], references: Sequence[str], weights: tuple[int, int, int]) -> IntArray:
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cpdist

    if not hypotheses:
        return np.zeros(0, np.int64)
    result = cpdist(
        references, hypotheses, scorer=Levenshtein.distance, scorer_kwargs={"weights": weights}, dtype=np.int64
    )
    return np.asarray(result, np.int64)


def _plain_distances(hypotheses: Sequence[str], references: Sequence[str], is_long: npt.NDArray[np.bool_]) -> IntArray:
    from rapidfuzz.distance import Levenshtein

    errors = np.zeros(len(references), np.int64)
    short = np.flatnonzero(~is_long)
    errors[short] = _distances([hypotheses[i] for i in short], [references[i] for i in short], (1, 1, 1))
    for i in np.flatnonzero(is_long):
        hint = hint_errors(references[i], hypotheses[i])
        errors[i] = Levenshtein.distance(references[i], hypotheses[i], score_hint=hint)
    return errors


def _split_long_pair(hypothesis: str, reference: str, errors: int, most_cells: int) -> int:
    """Return the substitutions of one long pair."""
    from asrkit._native import price_alignment

    if not is_exact(len(hypothesis), len(reference), errors, most_cells):
        return plain_trace(hypothesis, reference).count("S")
    pair = list(map(ord, reference)), list(map(ord, hypothesis))
    return price_alignment(*pair, _FIRST + 1, _FIRST, errors) - errors * _FIRST


def _errors_and_substitutions(
    hypotheses: Sequence[str], references: Sequence[str], weights: str, most_cells: int
) -> tuple[IntArray, IntArray]:
    """Return the errors and the substitutions of the canonical alignment of each pair."""
    if weights == "nist":
        # 4 for a substitution, 3 for the others; among equals the fewest errors.
        cost = _distances(hypotheses, references, (3 * _FIRST + 1, 3 * _FIRST + 1, 4 * _FIRST + 1))
        errors = cost % _FIRST
        return errors, cost // _FIRST - 3 * errors
    sizes = np.array([(len(h), len(r)) for h, r in zip(hypotheses, references, strict=True)], np.int64).reshape(-1, 2)
    is_long = sizes[:, 0] * sizes[:, 1] > _LONG_CELLS
    difference = abs(sizes[:, 0] - sizes[:, 1])
    errors = _plain_distances(hypotheses, references, is_long)
    substitutions = np.where((errors == 1) & (difference == 0), 1, 0)
    # With one error, or with no more errors than the lengths differ by, the split is already known.
    is_open = (errors > 1) & (errors > difference)
    for i in np.flatnonzero(is_open & is_long):
        substitutions[i] = _split_long_pair(hypotheses[i], references[i], int(errors[i]), most_cells)
    rest = np.flatnonzero(is_open & ~is_long)
    cost = _distances([hypotheses[i] for i in rest], [references[i] for i in rest], (_FIRST, _FIRST, _FIRST + 1))
    substitutions[rest] = cost - errors[rest] * _FIRST
    return errors, substitutions


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
    # Pairs of characters are longer and their split matters less.
    most_cells = MOST_CELLS if unit == "word" else MOST_CELLS // 10
    size = len(references)
    errors, substitutions = np.zeros(size, np.int64), np.zeros(size, np.int64)
    num_hypothesis, num_reference = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for stretch, hypothesis_ids, reference_ids in _interned_batches(hypotheses, references, unit):
        errors[stretch], substitutions[stretch] = _errors_and_substitutions(
            hypothesis_ids, reference_ids, weights, most_cells
        )
        num_hypothesis[stretch] = [len(ids) for ids in hypothesis_ids]
        num_reference[stretch] = [len(ids) for ids in reference_ids]
    hits = (num_reference + num_hypothesis - errors - substitutions) // 2
    inexact = tuple(
        i
        for i in np.flatnonzero(num_reference * num_hypothesis > most_cells).tolist()
        if not is_exact(int(num_hypothesis[i]), int(num_reference[i]), int(errors[i]), most_cells)
    )
    deletions, insertions = num_reference - hits - substitutions, num_hypothesis - hits - substitutions
    return CountTable(hits, substitutions, deletions, insertions, inexact)


def count_errors(hypotheses: Sequence[str], references: Sequence[str], unit: str = "word") -> ErrorCounts:
    """Pool the errors of hypotheses against the references at the same places.

    >>> count_errors(["a b c"], ["a x c d"]).errors
    2

    Raises:
        ScoringError: The numbers of texts differ.
        ConfigError: The unit is unknown.
    """
    return count_pairs(hypotheses, references, unit).total()
