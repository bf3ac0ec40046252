"""KenLM's binary models: probing and trie, quantized or not. KenLM itself answers; the words come from the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asrkit.errors import LanguageModelError
from asrkit.language_model.files import ModelFile
from asrkit.language_model.kenlm_layout import KenlmLayout, read_layout
from asrkit.language_model.perplexity import TextTotals
from asrkit.language_model.text_source import read_word_list
from asrkit.packages import needed
from asrkit.text.words import split_words

_MOST_LOG10 = 1e6
_WORD_LISTS = ("{name}.words", "{stem}.words", "unigrams.txt")


class KenlmBinary:
    """A KenLM binary, which KenLM answers for.

    Args:
        file: The binary. The words are taken from it, else from a word list beside it: ``NAME.words`` or
            ``unigrams.txt``, one word a line.

    Attributes:
        native: The words for the decoder, and where it asks for their probabilities.

    Raises:
        LanguageModelError: KenLM is not installed or refuses the file, or there is no word list.
    """

    def __init__(self, file: ModelFile) -> None:
        from asrkit import _native

        with needed(f"{file.path}, a KenLM binary,", "kenlm", instead="use the ARPA file it was made from"):
            import kenlm
        self._path = file.path
        try:
            layout = read_layout(file.data)
        except ValueError as error:
            raise LanguageModelError(
                f"this KenLM binary is damaged ({error}); make it anew with build_binary", path=file.path
            ) from None
        self._type = layout.type
        words = _words_of(file.data, layout) or _words_beside(file.path)
        if any(split_words(word) != [word] for word in words):
            raise LanguageModelError(
                "its list of words is damaged: there is an empty one, or a space in one", path=file.path
            )
        try:
            self._model = kenlm.Model(str(file.path))
        except (OSError, RuntimeError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise LanguageModelError(f"KenLM cannot read it: {reason}", path=file.path) from None
        self._known = frozenset(words)
        scorer = _Scorer(kenlm, self._model, words, file.path)
        try:
            self.native = _native.NgramModel.elsewhere(words, layout.counts, scorer, 0)
        except ValueError as error:
            raise LanguageModelError(str(error), path=file.path) from None

    @property
    def format(self) -> str:
        """What kind of binary it is."""
        return f"KenLM binary, {self._type}"

    @property
    def is_quantized(self) -> bool:
        """Whether probabilities are kept in few bits."""
        return "quantized" in self._type

    def score_words(self, words: list[str], bos: bool, eos: bool) -> list[tuple[float, bool]]:
        """Return the log10 probability of each word and whether the model knows it; with ``eos`` the end too."""
        answers = self._model.full_scores(" ".join(words), bos=bos, eos=eos)
        scores = [_sane(score, self._path) for score, _, _ in answers]
        return list(zip(scores, [*(word in self._known for word in words), True][: len(scores)], strict=True))

    def score_text(self, text: bytes) -> TextTotals:
        """Add up the sentences of a text, one a line."""
        totals = TextTotals()
        for words in filter(None, map(split_words, text.decode().split("\n"))):
            scores = self.score_words(words, bos=True, eos=True)
            totals.num_sentences += 1
            totals.num_words += len(words)
            totals.num_unknown += sum(not is_known for _, is_known in scores)
            totals.log10_prob += sum(score for score, _ in scores)
            totals.log10_prob_of_unknown += sum(score for score, is_known in scores if not is_known)
        return totals


class _Scorer:
    """Answers the decoder, with numbers for words and for KenLM's states; number 0 is the start of a sentence.

    It knows nothing of the ``KenlmBinary``: the extension holds it, and a circle through C++ would never be freed.
    """

    def __init__(self, kenlm: Any, model: Any, words: list[str], path: Path) -> None:
        self._new_state = kenlm.State
        self._path = path
        self._model = model
        self._words = words
        start = kenlm.State()
        model.BeginSentenceWrite(start)
        self._states = [start]
        self._numbers = {start: 0}

    def __call__(self, context: int, word: int) -> tuple[float, int]:
        """Return log10 p(word | context), and the number of the context that follows."""
        after = self._new_state()
        log10_prob = self._model.BaseScore(self._states[context], self._words[word], after)
        number = self._numbers.setdefault(after, len(self._states))
        if number == len(self._states):
            self._states.append(after)
        return _sane(log10_prob, self._path), number


def _sane(log10_prob: float, path: Path) -> float:
    """Pass an answer on; KenLM maps its file unchecked, so a damaged one may answer anything."""
    if not abs(log10_prob) <= _MOST_LOG10:
        raise LanguageModelError(f"KenLM answers {log10_prob} where a log10 probability is due: damaged", path=path)
    return log10_prob


def _words_of(data: npt.NDArray[np.uint8], layout: KenlmLayout) -> list[str] | None:
    words = [] if layout.words_at is None else data[layout.words_at :].tobytes().split(b"\0")[:-1]
    if not words or len(words) - layout.counts[0] not in (0, 1):  # <unk> may be missing in the ARPA file and its count
        return None
    try:
        return [word.decode() for word in words]
    except UnicodeDecodeError:
        return None


def _words_beside(path: Path) -> list[str]:
    names = [pattern.format(name=path.name, stem=path.stem) for pattern in _WORD_LISTS]
    for name in names:
        if (path.parent / name).is_file():
            markers = ["<unk>", "<s>", "</s>"]
            words = read_word_list(path.parent / name)
            return [*markers, *(word for word in dict.fromkeys(words) if word not in markers)]
    raise LanguageModelError(
        f"the binary carries no words; put its word list beside it as {names[0]}, or use the ARPA file", path=path
    )
