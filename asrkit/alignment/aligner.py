"""Known words and the emissions of a recording of any length: when each is said, and what is missing on either side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from asrkit.alignment.anchors import Block, find_blocks
from asrkit.alignment.lattice import Speller
from asrkit.alignment.paths import Batch, States, best_score, log_sum, states_of, widen
from asrkit.text.lexicon import Lexicon
from asrkit.text.symbols import Symbols

FloatArray = npt.NDArray[np.float32]

# A piece between two cuts is at least so long; what cannot be cut is searched whole up to so many states and steps.
_PIECE_STEPS = 100
_MOST_CELLS = 20_000_000
_BATCH_CELLS = 4_000_000
_MARGIN = 3  # matching units on both sides of a cut
_EDGE_STEPS, _EDGE_WORDS = 1_000, 150  # of what is too long to search, at both ends
_UNKNOWN = -2  # a unit that is never heard
_PULL = 0.1  # steps of pause that a step of distance counts
_SURE = 0.3  # a word of such a confidence is seldom found by chance
_MOST_TEXT = 4  # times what is heard: in more, something like it is found by chance
_FEWEST_ADDED = 3  # symbols that make something said


@dataclass
class AlignedWord:
    """When a word was said."""

    start_step: int = -1  # first step of its first output; -1 where it was not said
    end_step: int = -1  # one past the last step of its last output
    # How much less likely it is than what was heard, in nats a unit; infinite where it was not said.
    doubt: float = float("inf")
    # Its outputs, with their first step and one past their last.
    symbols: list[tuple[int, int, int]] = field(default_factory=list)
    is_spelled: bool = True  # whether the outputs can spell it

    @property
    def is_said(self) -> bool:
        """Whether it was found."""
        return self.start_step >= 0

    @property
    def confidence(self) -> float:
        """From 0 to 1: where it was heard as it is written."""
        return float(np.exp(-self.doubt)) if self.is_spelled else 0.0


@dataclass(frozen=True)
class Alignment:
    """All words of a text."""

    words: list[AlignedWord]  # in the order of the text
    extra: list[tuple[int, int]]  # first steps of what is said and not written, and one past the last
    order: list[tuple[int, int]]  # the stretches of words, ``[start, stop)``, in the order in which they are heard
    num_heard: float  # about how many words are heard

    @property
    def num_sure(self) -> int:
        """How many words were found for sure, beside another such: single ones are found by chance."""
        sure = np.array([False, *(word.confidence >= _SURE for word in self.words), False])
        return int((sure[1:-1] & (sure[:-2] | sure[2:] | (len(self.words) == 1))).sum())

    @property
    def agreement(self) -> float:
        """Share of the words that could be found, those written or those heard, that are; seldom 0.15 by chance."""
        return self.num_sure / max(1.0, min(len(self.words), self.num_heard))


class Aligner:
    """Aligns texts with the emissions of one model.

    Args:
        symbols: Its outputs.
        lexicon: What words are made of, where the outputs are no letters.
    """

    def __init__(self, symbols: Symbols, lexicon: Lexicon | None = None) -> None:
        self.speller = Speller(symbols, lexicon)
        self._symbols = symbols

    def log_prob(self, emissions: FloatArray, text: str) -> float | None:
        """Return the natural log-probability of a text, summed over all ways to spell it and all alignments of each.

        Args:
            emissions: ``(steps, symbols)`` natural-log probabilities.
            text: Words with one space between two, in any case.

        Returns:
            The score, or None where no symbols spell the text.
        """
        words = [(word, self.speller.fold(word)) for word in text.split()]
        in_case = [folded if folded.casefold() == word.casefold() else word for word, folded in words]
        states = self._exact((" " if self.speller.divides_words else "").join(in_case))
        return None if states is None else log_sum(states, emissions)

    def doubt(self, emissions: FloatArray, text: str) -> float:
        """Return how much less likely a text is than what was heard, in nats a unit; infinite where it cannot be.

        Args:
            emissions: ``(steps, symbols)`` natural-log probabilities.
            text: Words with one space between two.
        """
        states = self._exact(text)
        if states is None:
            return float("inf")
        length = sum(len(self.speller.units(word) or ()) for word in text.split())
        return (float(emissions.max(axis=1).sum()) - best_score(states, emissions)) / max(1, length)

    def _exact(self, text: str) -> States | None:
        lattice = self.speller.spell_text(text)
        return None if lattice is None else states_of(lattice, len(self._symbols), self._symbols.blank_index)

    def align(self, emissions: FloatArray, words: Sequence[str], breaks: Sequence[int] = ()) -> Alignment:
        """Find when the words of a text are said; what is missing in it or in the recording does not hurt the others.

        Args:
            emissions: ``(steps, symbols)`` natural-log probabilities.
            words: As they are said.
            breaks: Words that begin a part that may be heard elsewhere.
        """
        folded = [self.speller.fold(word) for word in words]
        units = [self.speller.units(word) for word in folded]
        text = np.array([unit for word in units for unit in word or (_UNKNOWN,)], np.int64)
        starts = np.cumsum([0, *(len(word or (0,)) for word in units)])
        heard = _Heard.of(emissions, self._symbols, by_output=self.speller.is_said)
        blocks = find_blocks(heard.units, text, [int(starts[place]) for place in breaks])
        if not blocks and len(text) <= _MOST_TEXT * len(heard.units) + _MOST_TEXT:
            blocks = [Block((0, len(heard.units)), (0, len(text)))]
        ends = [*(heard.pause_near(block.heard[1]) for block in blocks[:-1]), len(emissions)]
        pieces, order = list[_Piece](), list[tuple[int, int]]()
        for block, first, end in zip(blocks, [0, *ends[:-1]], ends, strict=False):
            low, high = (int(np.searchsorted(starts, place)) for place in block.text)
            order.append((low, high))
            pieces += _cut(_Piece(first, end, low, high), block, heard, starts)
        num_heard = len(heard.units) * len(units) / max(1, len(text))
        found = Alignment([AlignedWord(is_spelled=word is not None) for word in units], [], order, num_heard)
        lengths = np.diff(starts)
        for batch in _batches([part for piece in pieces for part in _bounded(piece, lengths, found)], lengths):
            self._search(batch, emissions, folded, lengths, found)
        found.extra.sort()
        for low, high in order:
            _start_earlier([word for word in found.words[low:high] if word.is_said])
        return found

    def _search(
        self,
        pieces: Sequence[_Piece],
        emissions: FloatArray,
        words: Sequence[str],
        lengths: npt.NDArray[np.intp],
        found: Alignment,
    ) -> None:
        """Search the best paths of some pieces and note what they say."""
        blank = self._symbols.blank_index
        silent = [*self._symbols.silent, *self._symbols.spaces]
        lattices = [self.speller.spell_words([words[place] for place in piece.words]) for piece in pieces]
        items = [
            (
                states_of(lattice, len(self._symbols), blank, lengths[piece.words].tolist()),
                widen(emissions[piece.first : piece.end], silent),
            )
            for piece, lattice in zip(pieces, lattices, strict=True)
        ]
        for piece, lattice, (states, rows), path in zip(pieces, lattices, items, Batch(items).run(), strict=True):
            if path is not None:
                word_of = piece.words[np.searchsorted(lattice.hubs, lattice.starts, side="right") - 1]
                _note_words(path, states, rows, piece.first, word_of, lattice.outputs, lengths, found)
                found.extra.extend(_added(path, states, rows, piece.first))


@dataclass(frozen=True)
class _Piece:
    """Steps ``[first, end)`` in which words ``[low, high)`` are looked for, or no more than so many at either end."""

    first: int
    end: int
    low: int
    high: int
    most_words: int | None = None

    @property
    def words(self) -> npt.NDArray[np.intp]:
        """Which words they are."""
        places = np.arange(self.low, self.high)
        most = self.most_words
        return places if most is None or len(places) <= 2 * most else np.r_[places[:most], places[-most:]]

    def num_cells(self, lengths: npt.NDArray[np.intp]) -> int:
        """Return about how many states are searched, times steps."""
        words = self.words
        return (self.end - self.first) * (2 * int(lengths[words].sum()) + 5 * len(words) + 4)


@dataclass(frozen=True)
class _Heard:
    """The likeliest output of each step, as units of text."""

    units: npt.NDArray[np.int64]  # ``(units,)``
    first: npt.NDArray[np.intp]  # first step of each
    end: npt.NDArray[np.intp]  # one past its last
    is_pause: npt.NDArray[np.bool_]  # ``(steps,)`` whether nothing is heard

    @classmethod
    def of(cls, emissions: FloatArray, symbols: Symbols, *, by_output: bool) -> _Heard:
        """Read emissions; a unit is an output, else a byte of what it writes."""
        best = emissions.argmax(axis=1)
        begins = np.flatnonzero(np.diff(best, prepend=-1))
        ends = np.append(begins, len(best))[1:]
        texts = [spelling.text if spelling else b"" for spelling in symbols.spellings]
        spelled = [(index,) if by_output and text else tuple(text) for index, text in enumerate(texts)]
        counts = np.array([len(spelled[output]) for output in best[begins]], np.intp)
        units = np.array([unit for output in best[begins] for unit in spelled[output]], np.int64)
        is_silent = np.array([not text for text in texts])
        return cls(units, np.repeat(begins, counts), np.repeat(ends, counts), is_silent[best])

    def pause_near(self, unit: int) -> int:
        """Return the middle of a pause around a unit, the longer and the nearer the better."""
        at = int(self.first[unit]) if unit < len(self.first) else len(self.is_pause)
        low, high = max(0, at - _PIECE_STEPS), min(len(self.is_pause), at + _PIECE_STEPS)
        pauses = low + _runs(self.is_pause[low:high])
        if not len(pauses):
            return at
        middles = pauses.sum(axis=1) // 2
        return int(middles[(pauses[:, 1] - pauses[:, 0] - _PULL * np.abs(middles - at)).argmax()])


def _runs(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Return ``(runs, 2)`` where each run of true begins and one past where it ends."""
    return np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8))).reshape(-1, 2)


def _cut(whole: _Piece, block: Block, heard: _Heard, starts: npt.NDArray[np.intp]) -> Iterator[_Piece]:
    """Cut a piece between words, inside of matches."""
    first, low = whole.first, whole.low
    for match in block.matches:
        inner = np.searchsorted(starts, [match.text + _MARGIN, match.text + match.length - _MARGIN])
        for word in range(int(inner[0]), int(inner[1])):
            unit = match.heard + int(starts[word]) - match.text
            step = int(heard.end[unit - 1] + heard.first[unit]) // 2
            if step - first >= _PIECE_STEPS and low < word and step < whole.end:
                yield _Piece(first, step, low, word)
                first, low = step, word
    yield _Piece(first, whole.end, low, whole.high)


def _bounded(piece: _Piece, lengths: npt.NDArray[np.intp], found: Alignment) -> Iterator[_Piece]:
    """Yield a piece, or where it is too long to be searched its ends: what lies between has nothing in common.

    Where only the text is too long, such as the chapters before one that is read, all steps are searched for both its
    ends: nobody knows at which of them the steps belong.
    """
    if piece.first == piece.end:
        return
    if piece.num_cells(lengths) <= _MOST_CELLS:
        yield piece
    elif piece.end - piece.first <= 2 * _EDGE_STEPS:
        yield replace(piece, most_words=_EDGE_WORDS)
    else:
        words = min(_EDGE_WORDS, (piece.high - piece.low) // 2)
        middle = piece.first + _EDGE_STEPS, piece.end - _EDGE_STEPS
        yield _Piece(piece.first, middle[0], piece.low, piece.low + words)
        found.extra.append(middle)
        yield _Piece(middle[1], piece.end, piece.high - words, piece.high)


def _batches(pieces: Sequence[_Piece], lengths: npt.NDArray[np.intp]) -> Iterator[list[_Piece]]:
    """Yield pieces of about the same length together."""
    batch: list[_Piece] = []
    num_cells = 0
    for piece in sorted(pieces, key=lambda piece: piece.end - piece.first):
        if batch and num_cells + piece.num_cells(lengths) > _BATCH_CELLS:
            yield batch
            batch, num_cells = [], 0
        batch.append(piece)
        num_cells += piece.num_cells(lengths)
    if batch:
        yield batch


def _note_words(
    path: npt.NDArray[np.intp],
    states: States,
    rows: FloatArray,
    first_step: int,
    word_of: npt.NDArray[np.intp],
    outputs: Sequence[int],
    lengths: npt.NDArray[np.intp],
    found: Alignment,
) -> None:
    """Set the times of words from a path, and how much what they say costs."""
    costs = -rows[np.arange(len(path)), states.emitted[path]]
    is_added = (path >= states.adding.start) & (path < states.adding.stop)
    costs[is_added] = 0.0
    is_output = (path >= states.num_places) & (path < states.adding.start)
    begins = np.flatnonzero(is_output & (np.diff(path, prepend=-1) != 0))
    for begin in begins.tolist():
        edge = int(path[begin]) - states.num_places
        end = begin + 1
        while end < len(path) and path[end] == path[begin]:
            end += 1
        word = found.words[word_of[edge]]
        if not word.is_said:
            word.start_step = first_step + begin
        word.end_step = first_step + end
        word.symbols.append((outputs[edge], first_step + begin, first_step + end))
    said = [
        (found.words[place], lengths[place])
        for place in dict.fromkeys(word_of[path[begins] - states.num_places].tolist())
    ]
    bounds = [0, *(word.start_step - first_step for word, _ in said[1:]), len(path)]
    for (word, length), (begin, end) in zip(said, pairwise(bounds), strict=False):
        word.doubt = float(costs[begin:end].sum()) / max(1, int(length))


def _start_earlier(words: Sequence[AlignedWord]) -> None:
    """Move the starts of words by the usual gap between two: a network is sure of a word's first output too late.

    In fluent speech a word begins where the last one ends, so the usual gap tells how late.
    """
    gaps = [after.start_step - before.end_step for before, after in pairwise(words)]
    late = int(np.median(gaps)) if gaps else 0
    for place, word in enumerate(words):
        earliest = words[place - 1].end_step if place else 0
        word.start_step = max(min(earliest, word.start_step), word.start_step - late)


def _added(path: npt.NDArray[np.intp], states: States, rows: FloatArray, first_step: int) -> Iterator[tuple[int, int]]:
    """Yield where something is said that is not written."""
    is_added = (path >= states.adding.start) & (path < states.adding.stop)
    for begin, end in _runs(is_added).tolist():
        sounds = begin + np.flatnonzero(rows[begin:end, -3] < 0)
        if len(sounds) >= _FEWEST_ADDED:
            yield first_step + int(sounds[0]), first_step + end
