"""
Beam search, n-gram queries and n-gram estimation, and alignments in C++.
"""

from collections.abc import Sequence
from typing import Annotated

import numpy
from numpy.typing import NDArray


def trace_alignment(reference: Sequence[int], hypothesis: Sequence[int], substitution: int, gap: int, most_gaps: int, extra: Annotated[NDArray[numpy.int32], dict(shape=(None, None), order='C', device='cpu', writable=False)], table_cells: int = 33554432) -> str:
    """
    Spell the cheapest alignment of two id sequences with one letter per step: '=', 'S', 'D', 'I'.
    """

def price_alignment(reference: Sequence[int], hypothesis: Sequence[int], substitution: int, gap: int, most_gaps: int) -> int:
    """Return the price of the cheapest alignment of two id sequences."""

class NgramEstimator:
    """Counts text and estimates a Kneser-Ney model of it."""

    def __init__(self, order: int, folder: str, memory_bytes: int) -> None: ...

    def add_text(self, text: bytes) -> None: ...

    def estimate(self, prune: Sequence[int], words: Sequence[str], max_words: int, discount_fallback: bool) -> list[list[float]]: ...

    def next_arpa_text(self, num_bytes: int) -> bytes: ...

    @property
    def num_sentences(self) -> int: ...

    @property
    def num_words(self) -> int: ...

    @property
    def vocabulary(self) -> list[str]: ...

    @property
    def num_ngrams(self) -> list[int]: ...

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
