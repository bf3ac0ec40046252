"""All ways in which the outputs of a model can write words: places between units, and outputs that lead from one on."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from asrkit.memory import collection_paused
from asrkit.text.lexicon import Lexicon
from asrkit.text.symbols import Symbols, WordRule

_OPENING = (WordRule.PIECE, WordRule.CONTINUATION, WordRule.BYTE_PIECE)
_CLOSING = (WordRule.CONTINUED, WordRule.ENDING)
WILD = -1  # an output that stands for whatever is said


@dataclass
class Lattice:
    """Ways to write a text."""

    starts: list[int]  # the place where each output starts
    ends: list[int]  # the place where it ends
    outputs: list[int]  # which output it is
    num_places: int  # how many places there are
    first: Sequence[int]  # places where a way may begin
    last: Sequence[int]  # places where it may end
    hubs: Sequence[int] = ()  # of a text of words: the place before each word, and the last place

    def add(self, start: int, end: int, output: int) -> None:
        """Let an output lead from one place to another."""
        self.starts.append(start)
        self.ends.append(end)
        self.outputs.append(output)

    @property
    def reaches_its_end(self) -> bool:
        """Whether there is a way at all."""
        reached = set(self.first)
        for start, end in sorted(zip(self.starts, self.ends, strict=True)):
            if start in reached:
                reached.add(end)
        return not reached.isdisjoint(self.last)


class Speller:
    """Spells texts with the outputs of a model.

    Args:
        symbols: The outputs.
        lexicon: What words are made of, where the outputs are no letters.
    """

    @collection_paused()
    def __init__(self, symbols: Symbols, lexicon: Lexicon | None = None) -> None:
        self.symbols = symbols
        self._outputs: Mapping[bytes, list[int]] = defaultdict(list)
        for index, spelling in enumerate(symbols.spellings):
            if spelling is not None:
                written = b" " * spelling.opens + spelling.text + b" " * spelling.closes
                self._outputs[written].append(index)
        self._longest = max(map(len, self._outputs))
        self._said: dict[str, list[list[int]]] | None = None
        if lexicon is not None:
            self._said = defaultdict(list)
            for word, outputs in lexicon.spell(symbols)[0]:
                self._said[word].append(outputs)
        self._folded: dict[str, str] = {}

    @cached_property
    def _letters(self) -> frozenset[str]:
        texts = (spelling.text.decode("utf-8", "ignore") for spelling in self.symbols.spellings if spelling)
        return frozenset(character for text in texts for character in text)

    @property
    def is_said(self) -> bool:
        """Whether a lexicon says what words are made of."""
        return self._said is not None

    @property
    def divides_words(self) -> bool:
        """Whether a text is words with spaces between, rather than a row of characters."""
        return self.symbols.words is not WordRule.NONE or self._said is not None

    def fold(self, word: str) -> str:
        """Return a word in the letters of the outputs, as far as they have them: in another case, without accents."""
        if self._said is not None:
            return next((form for form in (word, word.lower(), word.upper()) if form in self._said), word)
        if self.symbols.is_bytewise:
            return word
        return "".join(self._folded.get(c) or self._folded.setdefault(c, self._fold(c)) for c in word)

    def _fold(self, character: str) -> str:
        base = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
        for form in (character, character.lower(), character.upper(), base, base.lower(), base.upper()):
            if form and set(form) <= self._letters:
                return form
        return "" if unicodedata.category(character)[0] in "PZC" else character

    def units(self, word: str) -> tuple[int, ...] | None:
        """Return what a folded word is made of, for comparison with what is heard; None where it cannot be spelled."""
        if self._said is not None:
            ways = self._said.get(word)
            return None if ways is None else tuple(ways[0])
        if not word or (not self.symbols.is_bytewise and not set(word) <= self._letters):
            return None
        return tuple(word.encode())

    def spell_text(self, text: str) -> Lattice | None:
        """Return all ways to write a text exactly, its spaces too; None where there is none.

        Args:
            text: Words with one space between two.
        """
        if self._said is not None:
            return self._spell_said(text.split())
        written = text.encode("utf-8", "surrogatepass")
        rule = self.symbols.words
        if written and rule in _OPENING:  # the mark of the first word may be missing
            lattice = self._spelled(b" " + written, [0, 1], [len(written) + 1])
        elif written and rule in _CLOSING:
            lattice = self._spelled(written + b" ", [0], [len(written), len(written) + 1])
        else:
            lattice = self._spelled(written, [0], [len(written)])
        return lattice if lattice.reaches_its_end else None

    def _spell_said(self, words: Sequence[str]) -> Lattice | None:
        assert self._said is not None
        lattice = Lattice([], [], [], 1, [0], [0])
        spaces = self.symbols.spaces
        for number, word in enumerate(words):
            if word not in self._said:
                return None
            if number and spaces:
                for space in spaces:
                    lattice.add(lattice.num_places - 1, lattice.num_places, space)
                lattice.num_places += 1
            _add_ways(lattice, lattice.num_places - 1, self._said[word])
        lattice.last = [lattice.num_places - 1]
        return lattice

    def spell_words(self, words: Sequence[str]) -> Lattice:
        """Return all ways to write words with or without something between them; one that has none is wild.

        Args:
            words: Folded ones.
        """
        rule, is_said = self.symbols.words, self._said is not None
        opens, closes = not is_said and rule in _OPENING, not is_said and rule in _CLOSING
        lattice = Lattice([], [], [], 1, [0], [0])
        hubs = [0]
        for number, word in enumerate(words):
            hub = hubs[-1]
            units = self.units(word)
            if units is None:
                pass
            elif self._said is not None:
                _add_ways(lattice, hub, self._said[word])
            else:
                written = b" " * opens + bytes(units) + b" " * closes
                first = [0, 1] if opens and number == 0 else [0]
                part = self._spelled(written, first, [len(written)])
                if part.reaches_its_end:
                    lattice.num_places = hub + part.num_places
                    for start, end, output in zip(part.starts, part.ends, part.outputs, strict=True):
                        lattice.add(hub if start in first else hub + start, hub + end, output)
            if lattice.num_places == hub + 1:
                lattice.num_places += 1
                lattice.add(hub, hub + 1, WILD)
            hubs.append(lattice.num_places - 1)
        lattice.last, lattice.hubs = [hubs[-1]], hubs
        return lattice

    def _spelled(self, written: bytes, first: Sequence[int], last: Sequence[int]) -> Lattice:
        lattice = Lattice([], [], [], len(written) + 1, first, last)
        reached = set(first)
        for start in range(len(written)):
            if start not in reached:
                continue
            for end in range(start + 1, min(start + self._longest, len(written)) + 1):
                for output in self._outputs.get(written[start:end], ()):
                    lattice.add(start, end, output)
                    reached.add(end)
        return lattice


def _add_ways(lattice: Lattice, hub: int, ways: Sequence[Sequence[int]]) -> None:
    """Add ways to say a word between the hub and a new last place."""
    inner = hub + 1
    last = hub + 1 + sum(len(way) - 1 for way in ways)
    for way in ways:
        places = [hub, *range(inner, inner + len(way) - 1), last]
        inner += len(way) - 1
        for start, end, output in zip(places, places[1:], way, strict=False):
            lattice.add(start, end, output)
    lattice.num_places = last + 1
