"""The symbols a model can write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from asrkit.config import DataConfig
from asrkit.errors import ConfigError


@dataclass(frozen=True)
class Alphabet:
    """The symbols of a model, one character each, in the order of its outputs; the CTC blank comes last.

    Args:
        symbols: All characters the model can write, without the blank.

    Raises:
        ConfigError: A character is repeated, or there is none.
    """

    symbols: str = DataConfig.alphabet

    def __post_init__(self) -> None:
        if not self.symbols:
            raise ConfigError("the alphabet is empty; give at least one character")
        repeated = [symbol for symbol, count in Counter(self.symbols).items() if count > 1]
        if repeated:
            raise ConfigError(f"the alphabet repeats {repeated[0]!r}; each character may stand once")

    def __len__(self) -> int:
        """Number of outputs of the model: the symbols and the blank."""
        return len(self.symbols) + 1

    @property
    def blank_index(self) -> int:
        """Index of the CTC blank, always the last."""
        return len(self.symbols)

    @property
    def space_index(self) -> int | None:
        """Index of the word separator, or None when the alphabet has none."""
        index = self.symbols.find(" ")
        return None if index < 0 else index

    @cached_property
    def _index(self) -> dict[str, int]:
        return {symbol: index for index, symbol in enumerate(self.symbols)}

    def encode(self, text: str) -> npt.NDArray[np.int32]:
        """Return the symbol indices of a text, ``(len(text),)``.

        Raises:
            ConfigError: A character is not in the alphabet.
        """
        try:
            return np.fromiter((self._index[character] for character in text), np.int32, len(text))
        except KeyError as error:
            raise ConfigError(
                f"{error.args[0]!r} is not in the alphabet {self.symbols!r}; normalize the text first"
            ) from None

    def decode(self, indices: Sequence[int] | npt.NDArray[np.int32]) -> str:
        """Return the text of symbol indices; blanks are left out."""
        return "".join(self.symbols[index] for index in indices if index != self.blank_index)


def steps_needed(text: str) -> int:
    """Return the fewest steps in which CTC can write a text: one a symbol, and a blank between two equal ones."""
    return len(text) + sum(first == second for first, second in pairwise(text))
