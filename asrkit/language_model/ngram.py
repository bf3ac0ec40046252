"""N-gram models in memory or mapped from a file. Queries run in C++; probabilities are log10, as in the ARPA format."""

from __future__ import annotations

import codecs
import weakref
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from asrkit.errors import LanguageModelError
from asrkit.language_model.files import open_model
from asrkit.language_model.kenlm_binary import KenlmBinary
from asrkit.language_model.perplexity import Perplexity, perplexity_of
from asrkit.language_model.verification import ensure_whole
from asrkit.text.words import split_words

if TYPE_CHECKING:
    from asrkit import _native

_IMPOSSIBLE_LOG10 = -99.0  # what models write for a logarithm of 0
_MARKERS = frozenset({"<s>", "</s>", "<unk>", "<UNK>"})


class NgramModel:
    """A back-off n-gram model of words.

    Args:
        native: The model in C++; use ``NgramModel.load``.
        path: Where it came from.
        format: What kind of file that was.
        kenlm: Answers in place of the model in C++, which then has nothing but the words; such a model cannot be
            converted, pruned or mixed.
    """

    def __init__(
        self,
        native: _native.NgramModel,
        path: Path | None = None,
        *,
        format: str = "ARPA",
        kenlm: KenlmBinary | None = None,
    ) -> None:
        self.native = native
        self.path = path
        self.format = format
        self._engine = kenlm or native

    @classmethod
    def load(cls, path: Path | str) -> NgramModel:
        """Load a model: ARPA text, plain or compressed (``.gz .xz .bz2 .zst``), or a binary of asrkit or KenLM.

        A binary file is mapped, not read: it is there at once, and processes share its memory. Only the first time it
        is read in full, to see whether it is damaged; see ``ensure_whole``.

        Raises:
            MissingPathError: There is no such file.
            LanguageModelError: The file is no usable model; an error in ARPA text names the line.
        """
        from asrkit import _native

        file = open_model(Path(path))
        if file.is_kenlm:
            kenlm = KenlmBinary(file)
            return cls(kenlm.native, file.path, format=kenlm.format, kenlm=kenlm)
        try:
            if not file.is_binary:
                has_mark = file.data[:3].tobytes() == codecs.BOM_UTF8  # of an editor
                return cls(_native.NgramModel.read_arpa(file.data[3:] if has_mark else file.data), file.path)
            ensure_whole(file)
            native = _native.NgramModel.open_binary(file.data)
            return cls(native, file.path, format="binary, 8 bits" if native.is_quantized else "binary")
        except _native.ArpaError as error:
            message, line = error.args
            raise LanguageModelError(message, path=file.path, line=line) from None
        except _native.NgramFileError as error:
            raise LanguageModelError(str(error), path=file.path) from None

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
        """Whether probabilities and back-offs are kept in few bits."""
        return self._engine.is_quantized

    def sample_ngrams(self, count: int = 20_000) -> str:
        """Return about so many of the longest n-grams, one a line, from all over the model.

        Raises:
            LanguageModelError: The model is damaged.
        """
        if self.order == 1:
            return "\n".join(self.words[:count])
        try:
            return self.native.sample_ngrams(count)
        except ValueError as error:
            raise LanguageModelError(str(error), path=self.path) from None

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """All words, ``<s>``, ``</s>`` and ``<unk>`` among them."""
        return tuple(self.native.words)

    @property
    def words(self) -> list[str]:
        """The words of its vocabulary that can stand in a text: without ``<s>``, ``</s>`` and ``<unk>``."""
        return [word for word in self.vocabulary if word not in _MARKERS]

    @property
    def has_unknown(self) -> bool:
        """Whether it gives words that it does not know any probability: models of SRILM and MITLM may not."""
        return self.score_split(["<unk>"], bos=False, eos=False)[0][0] > _IMPOSSIBLE_LOG10

    def score(self, sentence: str, *, bos: bool = True, eos: bool = True) -> float:
        """Return the log10 probability of a sentence.

        Args:
            sentence: Words between spaces, normalized as the model's text was.
            bos: Begin at the start of a sentence, not in the middle of one.
            eos: Include the end of the sentence.
        """
        if bos and eos and "\n" not in sentence:  # as perplexities are measured, without a list of words
            totals = self._engine.score_text(sentence.encode("utf-8", "surrogatepass"))
            if totals.num_sentences:
                return totals.log10_prob
        return sum(log10_prob for log10_prob, _ in self.score_words(sentence, bos=bos, eos=eos))

    def score_words(self, sentence: str, *, bos: bool = True, eos: bool = True) -> list[tuple[float, bool]]:
        """Return the log10 probability of each word and whether the model knows it; with ``eos`` the end too."""
        return self.score_split(split_words(sentence), bos=bos, eos=eos)

    def score_split(self, words: Sequence[str], *, bos: bool = True, eos: bool = True) -> list[tuple[float, bool]]:
        """Do as ``score_words`` does with words that are split already, whatever characters they are made of."""
        return self._engine.score_words(list(words), bos, eos)

    def __reduce__(self) -> tuple[object, ...]:
        if self.path is None:
            raise TypeError("a language model that did not come from a file cannot be pickled; save it and load it")
        return load_shared, (self.path,)

    def __deepcopy__(self, memo: object) -> NgramModel:
        return self  # it never changes

    def perplexity(self, texts: Iterable[str]) -> Perplexity:
        """Measure the model on a text.

        Args:
            texts: Sentences, or blocks of sentences, one a line.

        Raises:
            LanguageModelError: The text is empty.
        """
        return perplexity_of([self._engine.score_text(text.encode()) for text in texts])


# Models in use, by file and version: what is unpickled shares one, and none is kept alive by this.
_loaded: weakref.WeakValueDictionary[tuple[str, int, int], NgramModel] = weakref.WeakValueDictionary()


def load_shared(path: Path | str) -> NgramModel:
    """Return the model of a file, the same one as long as somebody in this process uses it.

    Raises:
        MissingPathError: There is no such file.
        LanguageModelError: The file is no usable model.
    """
    path = Path(path)
    try:
        status = path.stat()
    except OSError:
        return NgramModel.load(path)  # which says why
    key = (str(path.resolve()), status.st_size, status.st_mtime_ns)
    model = _loaded.get(key)
    if model is None:
        model = _loaded[key] = NgramModel.load(path)
    return model
