"""N-gram models in memory or mapped from a file. Queries run in C++; probabilities are log10, as in the ARPA format."""

from __future__ import annotations

import bz2
import gzip
import lzma
import mmap
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from asrkit.errors import LanguageModelError, MissingPathError

if TYPE_CHECKING:
    from asrkit import _native

BINARY_MAGIC = b"asrkit n-grams\n"
KENLM_MAGIC = b"mmap lm http://kheafield.com/code"
_COMPRESSED = {".gz": gzip.decompress, ".xz": lzma.decompress, ".bz2": bz2.decompress}


@dataclass(frozen=True)
class Perplexity:
    """How well a model foresees a text. Ends of sentences are foreseen too, as KenLM's ``query`` does.

    Args:
        sentences: Lines with at least one word.
        words: Words of the text.
        unknown_words: Those outside the model's vocabulary.
        log10_prob: Of the whole text.
        with_unknown: Perplexity, unknown words included.
        without_unknown: Perplexity of the known words and the ends of sentences.
    """

    sentences: int
    words: int
    unknown_words: int
    log10_prob: float
    with_unknown: float
    without_unknown: float

    @property
    def unknown_rate(self) -> float:
        """Share of the words that the model does not know."""
        return self.unknown_words / self.words


class NgramModel:
    """A back-off n-gram model of words.

    Args:
        native: The model in C++; use ``NgramModel.load``.
        path: Where it came from.
    """

    def __init__(self, native: _native.NgramModel, path: Path | None = None) -> None:
        self.native = native
        self.path = path

    @classmethod
    def load(cls, path: Path | str) -> NgramModel:
        """Load a model: ARPA text, plain or compressed (``.gz``, ``.xz``, ``.bz2``), or a binary of asrkit or KenLM.

        A binary file is mapped, not read: it is there at once, and processes share its memory.

        Raises:
            MissingPathError: There is no such file.
            LanguageModelError: The file is no usable model; an error in ARPA text names the line.
        """
        from asrkit import _native

        path = Path(path)
        data = read_bytes(path)
        if data[:64].tobytes().startswith(KENLM_MAGIC):
            from asrkit.language_model.kenlm_binary import KenlmModel

            return KenlmModel(path, data)
        try:
            if is_binary(data):
                return cls(_native.NgramModel.open_binary(data), path)
            return cls(_native.NgramModel.read_arpa(data), path)
        except _native.ArpaError as error:
            message, line = error.args
            raise LanguageModelError(message, path=path, line=line) from None
        except _native.NgramFileError as error:
            raise LanguageModelError(str(error), path=path) from None

    @property
    def order(self) -> int:
        """Length of the longest n-grams."""
        return self.native.order

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of n-grams of order 1, 2, and so on."""
        return tuple(self.native.counts)

    @property
    def is_quantized(self) -> bool:
        """Whether probabilities and back-offs are kept in 8 bits."""
        return self.native.is_quantized

    @property
    def format(self) -> str:
        """What kind of file the model came from."""
        if self.path is not None and is_binary(read_bytes(self.path)[:64]):
            return "binary, 8 bits" if self.is_quantized else "binary"
        return "ARPA"

    def sample_ngrams(self, count: int = 20_000) -> str:
        """Return about so many of the longest n-grams, one a line, from all over the model."""
        if self.order == 1:
            return "\n".join(word for word in self.vocabulary[:count] if word not in ("<s>", "</s>", "<unk>"))
        return self.native.sample_ngrams(count)

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """All words, ``<s>``, ``</s>`` and ``<unk>`` among them."""
        return tuple(self.native.words)

    def score(self, sentence: str, *, bos: bool = True, eos: bool = True) -> float:
        """Return the log10 probability of a sentence.

        Args:
            sentence: Words between spaces, normalized as the model's text was.
            bos: Begin at the start of a sentence, not in the middle of one.
            eos: Include the end of the sentence.
        """
        return sum(log10_prob for log10_prob, _ in self.score_words(sentence, bos=bos, eos=eos))

    def score_words(self, sentence: str, *, bos: bool = True, eos: bool = True) -> list[tuple[float, bool]]:
        """Return the log10 probability of each word and whether the model knows it; with ``eos`` the end too."""
        return self.native.score_words(sentence.split(), bos, eos)

    def perplexity(self, texts: Iterable[str]) -> Perplexity:
        """Measure the model on a text.

        Args:
            texts: Sentences, or blocks of sentences, one a line.

        Raises:
            LanguageModelError: The text is empty.
        """
        return perplexity_of([self.native.score_text(text.encode()) for text in texts])


@dataclass
class TextTotals:
    """What a text adds up to under a model; the fields of the extension's ``TextScore``."""

    num_sentences: int = 0
    num_words: int = 0
    num_unknown: int = 0
    log10_prob: float = 0.0
    log10_prob_of_unknown: float = 0.0


def perplexity_of(totals: Sequence[TextTotals | _native.TextScore]) -> Perplexity:
    """Add totals up.

    Raises:
        LanguageModelError: They have no sentence.
    """
    sentences = sum(total.num_sentences for total in totals)
    if sentences == 0:
        raise LanguageModelError("there is no text to measure the model on")
    words = sum(total.num_words for total in totals)
    unknown = sum(total.num_unknown for total in totals)
    log10_prob = sum(total.log10_prob for total in totals)
    log10_known = log10_prob - sum(total.log10_prob_of_unknown for total in totals)
    return Perplexity(
        sentences=sentences,
        words=words,
        unknown_words=unknown,
        log10_prob=log10_prob,
        with_unknown=float(10 ** (-log10_prob / (words + sentences))),
        without_unknown=float(10 ** (-log10_known / (words - unknown + sentences))),
    )


def is_binary(data: npt.NDArray[np.uint8]) -> bool:
    """Tell asrkit's binary models from text by their first bytes."""
    return data[: len(BINARY_MAGIC)].tobytes() == BINARY_MAGIC


def read_bytes(path: Path) -> npt.NDArray[np.uint8]:
    """Return the (decompressed) bytes of a model; a plain file is mapped, not copied.

    Raises:
        MissingPathError: There is no such file.
        LanguageModelError: It cannot be read, or is empty.
    """
    try:
        with path.open("rb") as file:
            if path.suffix in _COMPRESSED:
                data = _COMPRESSED[path.suffix](file.read())
                return np.frombuffer(data, np.uint8)
            if path.stat().st_size == 0:
                raise LanguageModelError("the file is empty", path=path)
            return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
    except FileNotFoundError:
        raise MissingPathError("no such language model", path=path) from None
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
        raise LanguageModelError(f"cannot be read: {error}", path=path) from error
