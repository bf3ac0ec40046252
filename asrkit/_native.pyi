"""Beam search, n-gram queries and n-gram estimation in C++."""

from collections.abc import Sequence
from typing import Annotated

import numpy
from numpy.typing import NDArray


class ArpaError(ValueError):
    pass

class NgramModel:
    @staticmethod
    def read_arpa(bytes: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> NgramModel: ...

    @property
    def order(self) -> int: ...

    @property
    def counts(self) -> list[int]: ...

    @property
    def words(self) -> list[str]: ...

    def score_words(self, words: Sequence[str], bos: bool = True, eos: bool = True) -> list[tuple[float, bool]]: ...
