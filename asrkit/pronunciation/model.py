"""An n-gram model of the units that words are made of says what an unknown word may be made of.

Source:
    Bisani and Ney (2008), Joint-Sequence Models for Grapheme-to-Phoneme Conversion; Novak, Minematsu and Hirose (2016),
    Phonetisaurus: Exploring Grapheme-to-Phoneme Conversion with Joint n-gram Models.
"""

from __future__ import annotations

import functools
import math
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Self

from asrkit.errors import LexiconError
from asrkit.language_model import NgramModel, build_ngram
from asrkit.pronunciation.alignment import MAX_LABELS, Line, align
from asrkit.text import Lexicon

_State = tuple[tuple[str, ...], tuple[str, ...]]  # the last units of a beginning of a word, and all its labels
_NamedUnit = tuple[str, tuple[str, ...]]  # a word of the n-gram model, and the labels it stands for

_MAX_LETTERS = 100  # of words to learn from; nothing longer is one
_BEAM = 32
_MARGIN = 8.0  # what is this much less likely than the best is dropped; natural log
_LN10 = math.log(10)


class PronunciationModel:
    """Says words as the words of a lexicon are said.

    Args:
        ngrams: A model whose words are units; use ``PronunciationModel.estimate``.
        units: For each letter its units: what the model calls them, and the labels they stand for.
    """

    def __init__(self, ngrams: NgramModel, units: Mapping[str, Sequence[_NamedUnit]]) -> None:
        self._ngrams = ngrams
        self._units = dict(units)
        self._remembered = max(ngrams.order - 1, 1)

    @classmethod
    def estimate(cls, lexicon: Lexicon, *, order: int = 6) -> Self:
        """Learn from a lexicon; CMUdict takes about 15 s of one core and 0.5 GB.

        Words with more than two labels for each letter, such as abbreviations that are said in full, teach nothing.

        Args:
            lexicon: All its ways to say a word count alike.
            order: Length of the longest n-grams of units, 1 to 6; no more than the longest word gives.

        Raises:
            LexiconError: Not one word of the lexicon can teach anything.
            ConfigError: The order is out of range.
        """
        lines = [
            (word, labels)
            for word, labels in lexicon.lines
            if len(word) <= _MAX_LETTERS and 0 < len(labels) <= MAX_LABELS * len(word)
        ]
        if not lines:
            raise LexiconError(
                f"has no word to learn from: give words of at most {_MAX_LETTERS} letters with symbols, "
                f"no more than {MAX_LABELS} for each letter",
                path=lexicon.path,
            )
        ways = align(lines)
        names = {unit: str(number) for number, unit in enumerate(sorted({unit for way in ways for unit in way}))}
        text = "\n".join(" ".join(names[unit] for unit in way) for way in ways)
        with tempfile.TemporaryDirectory(prefix="asrkit-pronunciation-") as folder:
            path = Path(folder) / "units.arpa"
            # small or very regular lexicons give no discounts of their own
            build_ngram([text], path, order=min(order, max(map(len, ways)) + 2), discount_fallback=True)
            ngrams = NgramModel.load(path)
        units = defaultdict(list)
        for (letter, labels), name in names.items():
            units[letter].append((name, labels))
        return cls(ngrams, units)

    def pronounce(self, word: str, n_best: int = 1) -> list[tuple[tuple[str, ...], float]]:
        """Return the likeliest ways to say a word, the best first, with their natural-log probabilities given the word.

        Args:
            word: Letters as the lexicon writes them.
            n_best: Ways returned, at most.

        Returns:
            Labels and log-probability of each; nothing for a word with letters that the lexicon never uses.
        """
        if any(letter not in self._units for letter in word):
            return []
        beam: dict[_State, float] = {(("<s>",), ()): 0.0}
        for letter in word:
            beam = self._extend(beam, self._units[letter])
        ways: dict[tuple[str, ...], float] = {}
        for (_, labels), log_prob in self._extend(beam, [("</s>", ())]).items():
            if labels:
                ways[labels] = _add(ways.get(labels, -math.inf), log_prob)
        ranked = sorted(ways.items(), key=lambda way: (-way[1], way[0]))
        total = functools.reduce(_add, ways.values(), -math.inf)
        return [(labels, log_prob - total) for labels, log_prob in ranked[:n_best]]

    def pronounce_all(self, words: Iterable[str]) -> tuple[tuple[Line, ...], list[str]]:
        """Return lines for a lexicon, one for each different word, and the words that cannot be said.

        Args:
            words: Letters as the lexicon writes them; about 150 words are said a second.
        """
        lines, left_out = [], []
        for word in dict.fromkeys(words):
            ways = self.pronounce(word)
            if ways:
                lines.append((word, ways[0][0]))
            else:
                left_out.append(word)
        return tuple(lines), left_out

    def _extend(self, beam: Mapping[_State, float], units: Sequence[_NamedUnit]) -> dict[_State, float]:
        """Add each unit to the best of a beam; what becomes the same state adds up."""
        longer: dict[_State, float] = {}
        steps: dict[tuple[str, ...], list[float]] = {}
        best = -math.inf
        for (history, labels), log_prob in sorted(beam.items(), key=lambda item: (-item[1], item[0]))[:_BEAM]:
            if history not in steps:
                steps[history] = self._score(history, units)
            for (name, added), step in zip(units, steps[history], strict=True):
                extended = log_prob + step
                if extended > best - _MARGIN:
                    best = max(best, extended)
                    key = (*history, name)[-self._remembered :], labels + added
                    longer[key] = _add(longer.get(key, -math.inf), extended)
        return longer

    def _score(self, history: tuple[str, ...], units: Sequence[_NamedUnit]) -> list[float]:
        """Return the natural-log probability of each unit after a history.

        All are asked for at once, one history behind the other: an n-gram reaches back no further than one history.
        """
        before = " ".join(history)
        answers = self._ngrams.score_words(" ".join(f"{before} {name}" for name, _ in units), bos=False, eos=False)
        return [_LN10 * log10_prob for log10_prob, _ in answers[len(history) :: len(history) + 1]]


class Completed(NamedTuple):
    """A lexicon with words that it lacked."""

    lexicon: Lexicon  # all its lines, then one for each word that was guessed
    guessed: tuple[str, ...]  # these words
    left_out: tuple[str, ...]  # words with letters that the lexicon never uses


def complete_lexicon(lexicon: Lexicon, words: Iterable[str]) -> Completed:
    """Add words that a lexicon lacks, said as its own words are said.

    Args:
        lexicon: What it says is kept.
        words: In the lexicon's letters; those that it knows are passed over.

    Raises:
        LexiconError: There are words to guess and nothing to learn from.
    """
    missing = [word for word in dict.fromkeys(words) if word not in lexicon.pronunciations]
    if not missing:
        return Completed(lexicon, (), ())
    lines, left_out = PronunciationModel.estimate(lexicon).pronounce_all(missing)
    completed = replace(lexicon, lines=(*lexicon.lines, *lines))
    return Completed(completed, tuple(word for word, _ in lines), tuple(left_out))


def _add(log_prob: float, other: float) -> float:
    """Return the logarithm of the sum of two probabilities, of which the first may be 0."""
    return max(log_prob, other) + math.log1p(math.exp(-abs(log_prob - other)))
