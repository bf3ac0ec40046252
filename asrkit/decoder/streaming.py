"""Decoding while the speaker still speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asrkit.decoder.emissions import Emissions, PriorDivision, check_emissions
from asrkit.decoder.hypothesis import Hypothesis, hypothesis_of

if TYPE_CHECKING:
    from asrkit import _native


@dataclass(frozen=True)
class Partial:
    """What is known before the end.

    Args:
        text: The most likely text so far; its last word may be unfinished, and all but ``stable`` may change.
        stable: Its first words, as far as what is still being considered agrees on them. They do not change in
            practice (1 of 2,000 streams of near-noise did).
    """

    text: str
    stable: str


class DecodingStream:
    """An utterance that arrives in pieces of any size; ``BeamSearchDecoder.stream`` makes one.

    ``finish`` gives exactly what decoding the whole at once would give. The stream keeps all emissions, for exact
    scores and times in the end: 4 bytes for each step and symbol.
    """

    def __init__(
        self, native: _native.DecodingStream, num_symbols: int, divide: PriorDivision, separator: str, name: str
    ) -> None:
        self._native = native
        self._num_symbols = num_symbols
        self._divide = divide
        self._separator = separator
        self._name = name
        self._stable: list[str] = []

    def push(self, emissions: Emissions) -> None:
        """Take the next steps, ``(steps, symbols)`` natural log-probabilities.

        Raises:
            DecodingError: The emissions have the wrong shape or impossible values; the stream is as before.
        """
        self._native.push(self._divide(check_emissions(emissions, self._num_symbols, self._name)))

    def partial(self) -> Partial:
        """Return the text so far and the part of it that is certain."""
        stable = self._native.stable_words
        # A word that ends just now may put those before it in doubt for a moment, as all it will gather is to come.
        if stable != self._stable[: len(stable)]:
            self._stable = stable
        return Partial(self._native.text, self._separator.join(self._stable))

    def finish(self) -> list[Hypothesis]:
        """Return the hypotheses for all that was pushed, best first; more may be pushed afterwards."""
        return [hypothesis_of(decoded) for decoded in self._native.finish()]
