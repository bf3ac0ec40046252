"""What emissions say of a text, whatever symbols may spell it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asrkit.text import Symbols, WordRule

_OPENING = (WordRule.PIECE, WordRule.CONTINUATION, WordRule.BYTE_PIECE)
_CLOSING = (WordRule.CONTINUED, WordRule.ENDING)


class TextScorer:
    """The acoustic score of texts: summed over all ways to spell them and all alignments of each.

    Args:
        symbols: Outputs of the model.

    Source:
        Forward variables of Graves et al. (ICML 2006), section 4.1, over a lattice of spellings.
    """

    def __init__(self, symbols: Symbols) -> None:
        self._words = symbols.words
        self._blank = symbols.blank_index
        self._outputs: Mapping[bytes, list[int]] = defaultdict(list)
        for index, spelling in enumerate(symbols.spellings):
            if spelling is not None:
                written = b" " * spelling.opens + spelling.text + b" " * spelling.closes
                self._outputs[written].append(index)
        self._longest = max(map(len, self._outputs))

    def log_prob(self, emissions: npt.NDArray[np.float32], text: str) -> float | None:
        """Return the natural log-probability of a text.

        Args:
            emissions: ``(steps, symbols)`` natural-log probabilities.
            text: Words with one space between two.

        Returns:
            The score, or None where no symbols spell the text.
        """
        lattice = self._spell(text)
        if lattice is None:
            return None
        outputs = np.array(lattice.outputs)
        # Each state is entered from itself, and a place in the text from every symbol that ends there.
        before: list[list[int]] = []
        num_places = len(lattice.ending_at)
        for place, edges in enumerate(lattice.ending_at):
            before.append([place, *(num_places + edge for edge in edges)])
        for edge, start in enumerate(lattice.starts):
            others = [other for other in lattice.ending_at[start] if lattice.outputs[other] != lattice.outputs[edge]]
            before.append([num_places + edge, start, *(num_places + other for other in others)])
        sources = np.concatenate(before)
        offsets = np.cumsum([0, *map(len, before[:-1])])
        emitted = np.concatenate([np.full(num_places, self._blank), outputs]).astype(np.intp)
        forward = np.full(len(before), -np.inf)
        forward[lattice.first] = 0.0
        for step in emissions:
            forward = np.logaddexp.reduceat(forward[sources], offsets) + step[emitted]
        ends = [*lattice.last, *(num_places + edge for place in lattice.last for edge in lattice.ending_at[place])]
        return float(np.logaddexp.reduce(forward[ends]))

    def _spell(self, text: str) -> _Lattice | None:
        written = text.encode("utf-8", "surrogatepass")
        first, last = [0], [len(written)]
        if written and self._words in _OPENING:  # the mark of the first word may be missing
            written, first, last = b" " + written, [0, 1], [len(written) + 1]
        elif written and self._words in _CLOSING:
            written, last = written + b" ", [len(written), len(written) + 1]
        lattice = _Lattice([], [], [[] for _ in range(len(written) + 1)], first, last)
        reached = set(first)
        for start in range(len(written)):
            if start not in reached:
                continue
            for end in range(start + 1, min(start + self._longest, len(written)) + 1):
                for output in self._outputs.get(written[start:end], ()):
                    lattice.ending_at[end].append(len(lattice.outputs))
                    lattice.starts.append(start)
                    lattice.outputs.append(output)
                    reached.add(end)
        return lattice if reached.intersection(last) else None


@dataclass(frozen=True)
class _Lattice:
    """All spellings of a text: places between its bytes, and symbols that lead from one to another.

    Args:
        starts: Where each symbol starts.
        outputs: Which output each is.
        ending_at: The symbols that end at each place.
        first: Places where a spelling may begin.
        last: Places where it may end.
    """

    starts: list[int]
    outputs: list[int]
    ending_at: Sequence[list[int]]
    first: Sequence[int]
    last: Sequence[int]
