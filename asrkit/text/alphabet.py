"""The symbols our own models write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from asrkit.config import DataConfig
from asrkit.errors import ConfigError
from asrkit.text.symbols import Symbols, WordRule


class Alphabet(Symbols):
    """Symbols of one character each, in the order of the model's outputs; the CTC blank comes last.

    Args:
        symbols: All characters the model can write, without the blank.

    Raises:
        ConfigError: A character is repeated, or there is none.
    """

    def __init__(self, symbols: str = DataConfig.alphabet) -> None:
        if not symbols:
            raise ConfigError("the alphabet is empty; give at least one character")
        repeated = [symbol for symbol, count in Counter(symbols).items() if count > 1]
        if repeated:
            raise ConfigError(f"the alphabet repeats {repeated[0]!r}; each character may stand once")
        super().__init__((*symbols, ""), len(symbols), WordRule.SPACE if " " in symbols else WordRule.NONE)

    def __repr__(self) -> str:
        return f"Alphabet({self.symbols!r})"

    @property
    def symbols(self) -> str:
        """All characters, without the blank."""
        return "".join(self.labels)

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
        return "".join(self.labels[index] for index in indices)


def steps_needed(labels: Sequence[Any] | npt.NDArray[np.int32]) -> int:
    """Return the fewest steps in which CTC can write labels: one each, and a blank between two equal ones."""
    return len(labels) + sum(bool(first == second) for first, second in pairwise(labels))
