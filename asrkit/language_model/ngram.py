"""N-gram models in memory. Queries run in C++; probabilities are log10, as in the ARPA format."""

from __future__ import annotations

import bz2
import gzip
import lzma
import mmap
import zlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from asrkit.errors import LanguageModelError, MissingPathError

if TYPE_CHECKING:
    from asrkit import _native

_COMPRESSED = {".gz": gzip.decompress, ".xz": lzma.decompress, ".bz2": bz2.decompress}


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
        """Load a model in the ARPA format, plain or compressed (``.gz``, ``.xz``, ``.bz2``).

        Raises:
            MissingPathError: There is no such file.
            LanguageModelError: The file is not a well-formed ARPA file; the error names the line.
        """
        from asrkit import _native

        path = Path(path)
        try:
            return cls(_native.NgramModel.read_arpa(_read_bytes(path)), path)
        except _native.ArpaError as error:
            message, line = error.args
            raise LanguageModelError(message, path=path, line=line) from None

    @property
    def order(self) -> int:
        """Length of the longest n-grams."""
        return self.native.order

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of n-grams of order 1, 2, and so on."""
        return tuple(self.native.counts)

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


def _read_bytes(path: Path) -> npt.NDArray[np.uint8]:
    """Return the (decompressed) bytes of a file; a plain one is mapped, not copied."""
    try:
        with path.open("rb") as file:
            if path.suffix in _COMPRESSED:
                return np.frombuffer(_COMPRESSED[path.suffix](file.read()), np.uint8)
            if path.stat().st_size == 0:
                raise LanguageModelError("the file is empty", path=path)
            return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
    except FileNotFoundError:
        raise MissingPathError("no such language model", path=path) from None
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
        raise LanguageModelError(f"cannot be read: {error}", path=path) from error
