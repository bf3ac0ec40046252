"""
Beam search, n-gram queries and estimation, alignments, plain text, emissions and recurrences in C++.
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

def count_errors(hypotheses: list[str], references: list[str], unit: int, nist: bool, long_cells: int, counts: Annotated[NDArray[numpy.int64], dict(shape=(None, 5), order='C', device='cpu')]) -> None:
    """
    Write errors, substitutions, lengths and whether it was too long to count into a row for each pair.
    """

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

class EditableModel:
    """A model that can be pruned, mixed and written as ARPA text."""

    @staticmethod
    def of(model: NgramModel) -> EditableModel: ...

    @staticmethod
    def mix(models: Sequence[NgramModel], weights: Sequence[float]) -> EditableModel: ...

    def prune(self, threshold: float) -> None: ...

    def next_arpa_text(self, num_bytes: int) -> bytes: ...

    @property
    def num_ngrams(self) -> list[int]: ...

class ArpaError(ValueError):
    pass

class NgramFileError(ValueError):
    pass

class TextScore:
    @property
    def num_sentences(self) -> int: ...

    @property
    def num_words(self) -> int: ...

    @property
    def num_unknown(self) -> int: ...

    @property
    def log10_prob(self) -> float: ...

    @property
    def log10_prob_of_unknown(self) -> float: ...

class NgramImage:
    def __init__(self, model: NgramModel, quantize: bool) -> None: ...

    @property
    def num_pieces(self) -> int: ...

    def piece(self, index: int) -> Annotated[NDArray[numpy.uint8], dict(shape=(None,), writable=False)]: ...

class NgramModel:
    @staticmethod
    def read_arpa(bytes: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> NgramModel: ...

    @staticmethod
    def open_binary(bytes: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> NgramModel: ...

    @staticmethod
    def elsewhere(words: Sequence[str], counts: Sequence[int], scorer: object, start: int) -> NgramModel: ...

    @staticmethod
    def check_binary(bytes: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> None: ...

    @property
    def is_quantized(self) -> bool: ...

    def score_text(self, text: bytes) -> TextScore: ...

    @property
    def order(self) -> int: ...

    @property
    def counts(self) -> list[int]: ...

    @property
    def words(self) -> list[str]: ...

    def sample_ngrams(self, count: int) -> str: ...

    def score_words(self, words: Sequence[str], bos: bool = True, eos: bool = True) -> list[tuple[float, bool]]: ...

def find_faulty_step(emissions: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], limit: float) -> int:
    """
    Return the first step with NaN, a value above the limit, or no possible symbol; -1 if there is none.
    """

def sample_sums(emissions: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)]) -> tuple[int, int, float]:
    """
    Return how many steps were looked at, and where the exponentials sum to most, and to what.
    """

def sample_words(language_model: NgramModel, count: int) -> list[bytes]:
    """
    Return about that many words of a language model, from all parts of its vocabulary.
    """

def count_known(language_model: NgramModel, words: Sequence[str]) -> int:
    """Return how many of the words are in a language model's vocabulary."""

class Piece:
    def __init__(self, units: Sequence[int], opens: bool, continues: bool, closes: bool, separates: bool) -> None: ...

class UnitText:
    def __init__(self, text: bytes, names: Sequence[bytes], alike: int, opens: bool, closes: bool) -> None: ...

class SymbolSet:
    def __init__(self, pieces: Sequence[Piece], units: Sequence[UnitText], blank: int, space: int | None, is_bytewise: bool) -> None: ...

    @property
    def are_letters(self) -> bool: ...

    def spell(self, texts: Sequence[bytes]) -> list[list[int]]:
        """Return the units of each text; none where they cannot spell it."""

class SearchOptions:
    def __init__(self) -> None: ...

    @property
    def beam(self) -> int: ...

    @beam.setter
    def beam(self, arg: int, /) -> None: ...

    @property
    def beam_threshold(self) -> float: ...

    @beam_threshold.setter
    def beam_threshold(self, arg: float, /) -> None: ...

    @property
    def symbol_threshold(self) -> float: ...

    @symbol_threshold.setter
    def symbol_threshold(self, arg: float, /) -> None: ...

    @property
    def lm_weight(self) -> float: ...

    @lm_weight.setter
    def lm_weight(self, arg: float, /) -> None: ...

    @property
    def word_bonus(self) -> float: ...

    @word_bonus.setter
    def word_bonus(self, arg: float, /) -> None: ...

    @property
    def unknown_weight(self) -> float: ...

    @unknown_weight.setter
    def unknown_weight(self, arg: float, /) -> None: ...

    @property
    def unknown_bonus(self) -> float: ...

    @unknown_bonus.setter
    def unknown_bonus(self, arg: float, /) -> None: ...

    @property
    def is_closed_vocabulary(self) -> bool: ...

    @is_closed_vocabulary.setter
    def is_closed_vocabulary(self, arg: bool, /) -> None: ...

    @property
    def recombine(self) -> bool: ...

    @recombine.setter
    def recombine(self, arg: bool, /) -> None: ...

    @property
    def n_best(self) -> int: ...

    @n_best.setter
    def n_best(self, arg: int, /) -> None: ...

class Decoded:
    @property
    def text(self) -> str: ...

    @property
    def score(self) -> float: ...

    @property
    def acoustic_score(self) -> float: ...

    @property
    def lm_score(self) -> float: ...

    @property
    def hotword_score(self) -> float: ...

    @property
    def words(self) -> list[tuple[str, int, int, float]]: ...

    @property
    def confidence(self) -> float: ...

class Decoder:
    @staticmethod
    def make(symbols: SymbolSet, options: SearchOptions, language_model: NgramModel | None, lexicon: Sequence[tuple[str, Sequence[str], Sequence[int]]]) -> Decoder: ...

    def derive(self, options: SearchOptions, phrases: Sequence[tuple[Sequence[str], float]], said: Sequence[str]) -> Decoder: ...

    @property
    def num_spelled_words(self) -> int: ...

    def stream(self) -> DecodingStream: ...

    def decode_batch(self, emissions: Sequence[Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)]], threads: int = 1) -> list[list[Decoded]]: ...

    def decode_texts(self, emissions: Sequence[Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)]], threads: int = 1) -> list[str]: ...

class DecodingStream:
    def push(self, emissions: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)]) -> None: ...

    @property
    def stable_words(self) -> list[str]: ...

    @property
    def text(self) -> str: ...

    def finish(self) -> list[Decoded]: ...

def normalize_plain(texts: list[str]) -> list[str | None]:
    """
    Bring plain ASCII texts into the standard form; None where a text needs more thought.
    """

def compose_plain(texts: list[str]) -> list[str | None]:
    """
    Return the ASCII texts with single spaces between words as they are; None for all others.
    """

def count_signs(texts: list[str]) -> tuple[int, int, int, int, int]:
    """
    Count the ASCII texts with capitals, punctuation, digits, backquotes, and with none of these.
    """

def normalize_logits(values: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], out: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], peaks: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> None:
    """
    Write the natural-log probabilities of (steps, outputs) of logits; peaks are the largest of each step.
    """

def normalize_shares(values: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], out: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], least: float) -> int:
    """
    Write those of (steps, outputs) of probabilities, of which none counts as less than the least. Return the first step with a negative one, or -1.
    """

def keep_likely(values: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], out: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], least: float, rare: float) -> None:
    """Write values rounded to 16 bits, and those below the least as rare."""

def gru_instruction_sets() -> list[str]:
    """Name the instruction sets that run here, best first."""

def gru_forward(projected: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu', writable=False)], recurrent: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None), order='C', device='cpu', writable=False)], bias: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], lengths: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], outputs: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu')], gates: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu')], threads: int, instructions: int = 0) -> None:
    """
    Run a GRU's recurrence over (batch, steps, directions, 3 units) into outputs and gates.
    """

def gru_backward(recurrent: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None), order='C', device='cpu', writable=False)], bias: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], lengths: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], outputs: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu', writable=False)], gates: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu', writable=False)], output_gradient: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu', writable=False)], projected_gradient: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu')], recurrent_gradient: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None, None), order='C', device='cpu')], threads: int, instructions: int = 0) -> None:
    """
    Write the gradients by the projected inputs and by the recurrent products.
    """
