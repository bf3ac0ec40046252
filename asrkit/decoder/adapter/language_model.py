"""pyctcdecode's language models: an n-gram model with its weights."""

from __future__ import annotations

import json
import math
import weakref
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from asrkit.decoder.emissions import listed
from asrkit.errors import DecodingError, LanguageModelError
from asrkit.language_model import NgramModel
from asrkit.language_model.ngram import load_shared
from asrkit.reading import parse_json
from asrkit.writing import copy_whole, write_whole, written_whole

if TYPE_CHECKING:
    from asrkit import _native

_ATTRIBUTES = ("alpha", "beta", "unk_score_offset", "score_boundary")
_ATTRIBUTES_NAME, _UNIGRAMS_NAME = "attrs.json", "unigrams.txt"
DEFAULT_OFFSET = -10.0


class LanguageModel:
    """An n-gram model and how it is weighted; decoders look at the weights at each call.

    Args:
        kenlm_model: A file (ARPA, our binary or KenLM's), a ``kenlm.Model`` or an ``NgramModel`` read from one.
        unigrams: The known words; others of the model pay ``unk_score_offset``. None or empty: all of the model's.
        alpha: Weight of the model.
        beta: Bonus per word.
        unk_score_offset: Added to log10 of a word's probability where it is unknown. Left at its default, words
            outside the model are scored by their spelling instead.
        score_boundary: Must be True: sentences have a begin and an end.

    Raises:
        DecodingError: The unigrams are one text, as of a file's name.
        LanguageModelError: It has no file.
        MissingPathError: There is no such file.
    """

    def __init__(
        self,
        kenlm_model: Any,
        unigrams: Collection[str] | None = None,
        alpha: float = 0.5,
        beta: float = 1.5,
        unk_score_offset: float = DEFAULT_OFFSET,
        score_boundary: bool = True,
    ) -> None:
        path = kenlm_model if isinstance(kenlm_model, str | Path) else getattr(kenlm_model, "path", None)
        if path is None:
            raise LanguageModelError("pass the file of a language model, or a model that was read from a file")
        self.path = Path(path.decode() if isinstance(path, bytes) else path)
        self.unigrams = frozenset(listed(unigrams, "unigrams"))
        self.alpha = alpha
        self.beta = beta
        self.unk_score_offset = unk_score_offset
        self.score_boundary = score_boundary
        self._penalized: tuple[weakref.ref[NgramModel], frozenset[str]] | None = None

    def ngrams(self) -> NgramModel:
        """Return the n-gram model."""
        return load_shared(self.path)

    @property
    def order(self) -> int:
        """Length of the longest n-grams."""
        return self.ngrams().order

    def penalized(self) -> frozenset[str]:
        """Return the words of the model that are not among the unigrams."""
        if not self.unigrams:
            return frozenset()
        model = self.ngrams()
        if self._penalized is None or self._penalized[0]() is not model:
            self._penalized = weakref.ref(model), frozenset(model.words).difference(self.unigrams)
        return self._penalized[1]

    def __reduce__(self) -> tuple[Any, ...]:
        weights = [getattr(self, name) for name in _ATTRIBUTES]
        return type(self), (self.path, self.unigrams, *weights)

    def reset_params(self, **params: Any) -> None:
        """Change ``alpha``, ``beta``, ``unk_score_offset`` or ``score_boundary``; None leaves one as it is."""
        for name in _ATTRIBUTES:
            if params.get(name) is not None:
                setattr(self, name, params[name])

    def save_to_dir(self, filepath: Path | str, unigram_encoding: str | None = None) -> None:
        """Write the weights, the unigrams and a copy of the model into a folder, as pyctcdecode does.

        Raises:
            DecodingError: There is another model, beside which neither could be read.
        """
        folder = Path(filepath)
        refuse_others(folder, _ATTRIBUTES_NAME, _UNIGRAMS_NAME, self.path.name)
        attributes = {name: getattr(self, name) for name in _ATTRIBUTES}
        write_whole(folder / _ATTRIBUTES_NAME, json.dumps(attributes))
        words = "".join(f"{word}\n" for word in sorted(self.unigrams))
        with written_whole(folder / _UNIGRAMS_NAME) as file:
            file.write(words.encode(unigram_encoding or "utf-8"))
        copy_whole(self.path, folder / self.path.name)

    @staticmethod
    def parse_directory_contents(filepath: Path | str) -> dict[str, str]:
        """Return the three files of a folder.

        Raises:
            DecodingError: There are others, or one is missing.
        """
        folder = Path(filepath)
        found = _names_in(folder)
        models = [name for name in found if name not in (_ATTRIBUTES_NAME, _UNIGRAMS_NAME)]
        if len(found) != 3 or len(models) != 1:
            raise DecodingError(
                f"a language model's folder has {_ATTRIBUTES_NAME}, {_UNIGRAMS_NAME} and the model, not {found}",
                path=folder,
            )
        names = {"json_attrs": _ATTRIBUTES_NAME, "unigrams": _UNIGRAMS_NAME, "kenlm": models[0]}
        return {what: str(folder / name) for what, name in names.items()}

    @classmethod
    def load_from_dir(cls, filepath: Path | str, unigram_encoding: str | None = None) -> Self:
        """Read what ``save_to_dir`` wrote, here or in pyctcdecode.

        Raises:
            DecodingError: The folder holds something else.
        """
        names = cls.parse_directory_contents(filepath)
        try:
            attributes = parse_json(Path(names["json_attrs"]).read_text(encoding="utf-8"))
            words = Path(names["unigrams"]).read_text(encoding=unigram_encoding or "utf-8").split("\n")
            weights = [attributes[name] for name in _ATTRIBUTES]
        except (ValueError, TypeError, KeyError) as error:
            raise DecodingError(
                f"{_ATTRIBUTES_NAME} or {_UNIGRAMS_NAME} cannot be read: {error}", path=filepath
            ) from None
        return cls(names["kenlm"], [word for word in words if word], *weights)


def refuse_others(folder: Path, *names: str) -> None:
    """Refuse a folder that holds anything but files of these names.

    Raises:
        DecodingError: It does.
    """
    if others := sorted(set(_names_in(folder)).difference(names)):
        raise DecodingError(f"holds another language model ({others[0]}); name a new folder", path=folder)


def _names_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith((".", "__"))) if folder.is_dir() else []


class MultiLanguageModel:
    """Several language models, whose scores are averaged.

    Args:
        language_models: At least two.

    Raises:
        DecodingError: There are fewer.
    """

    def __init__(self, language_models: Sequence[LanguageModel]) -> None:
        if len(language_models) < 2:
            raise DecodingError("a MultiLanguageModel has at least two language models")
        self.language_models = list(language_models)
        self._mixed: tuple[Any, NgramModel] | None = None

    @property
    def order(self) -> int:
        """Length of the longest n-grams of all models."""
        return max(model.order for model in self.language_models)

    @property
    def alpha(self) -> float:
        """Weight of the average of the models."""
        return _mean([model.alpha for model in self.language_models])

    @property
    def beta(self) -> float:
        """Bonus per word."""
        return _mean([model.beta for model in self.language_models])

    @property
    def unk_score_offset(self) -> float:
        """Added for unknown words."""
        return _mean([model.unk_score_offset for model in self.language_models])

    @property
    def score_boundary(self) -> bool:
        """Whether sentences have a begin and an end in all of them."""
        return all(model.score_boundary for model in self.language_models)

    def penalized(self) -> frozenset[str]:
        """Return the words that no model's unigrams hold."""
        return frozenset.intersection(*(model.penalized() for model in self.language_models))

    def ngrams(self) -> NgramModel:
        """Return one model of all."""
        models = [model.ngrams() for model in self.language_models]
        weights = [model.alpha for model in self.language_models]
        if all(model is models[0] for model in models):
            return models[0]
        facts = (tuple(map(id, models)), tuple(weights))
        if self._mixed is None or self._mixed[0] != facts:
            self._mixed = facts, _mix(models, weights)
        return self._mixed[1]

    def reset_params(self, **params: Any) -> None:
        """Change the weights of all models; see ``LanguageModel.reset_params``."""
        for model in self.language_models:
            model.reset_params(**params)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if all(map(math.isfinite, values)) else math.nan


def _mix(models: Sequence[NgramModel], weights: Sequence[float]) -> NgramModel:
    """Return a model whose log-probabilities are the weighted mean of those of several."""
    from asrkit import _native

    words = list(dict.fromkeys(["<s>", "</s>", "<unk>", *(word for model in models for word in model.words)]))
    order = max(model.order for model in models)
    total = math.fsum(weights)
    shares = [weight / total if total else 1 / len(models) for weight in weights]
    scorer = _MeanScorer(list(models), shares, words, order)
    native = _native.NgramModel.elsewhere(words, [len(words)] + [1] * (order - 1), scorer, 0)
    return _MixedModel(native, scorer, words)


class _MixedModel(NgramModel):
    """A mean of models behind the interface of one."""

    def __init__(self, native: _native.NgramModel, scorer: _MeanScorer, words: Sequence[str]) -> None:
        super().__init__(native)
        self._scorer = scorer
        self._known = frozenset(words) - {"<unk>"}

    def score_split(self, words: Sequence[str], *, bos: bool = True, eos: bool = True) -> list[tuple[float, bool]]:
        """Return the log10 probability of each word and whether a model knows it; with ``eos`` the end too."""
        start = ("<s>",) if bos else ()
        words = [*words, *(["</s>"] if eos else [])]
        return [
            (self._scorer.score((*start, *words[:place]), word), word in self._known)
            for place, word in enumerate(words)
        ]


class _MeanScorer:
    """Answers the decoder, with numbers for words and for what came before them; 0 is the start of a sentence."""

    def __init__(self, models: list[NgramModel], shares: list[float], words: list[str], order: int) -> None:
        self._models = models
        self._shares = shares
        self._words = words
        self._length = order - 1
        self._contexts: list[tuple[str, ...]] = [("<s>",)]
        self._numbers = {self._contexts[0]: 0}

    def __call__(self, context: int, word: int) -> tuple[float, int]:
        """Return log10 p(word | context), and the number of the context that follows."""
        before, text = self._contexts[context], self._words[word]
        longer = (*before, text)
        after = longer[max(0, len(longer) - self._length) :]
        number = self._numbers.setdefault(after, len(self._contexts))
        if number == len(self._contexts):
            self._contexts.append(after)
        return self.score(before, text), number

    def score(self, before: tuple[str, ...], word: str) -> float:
        """Return the mean of log10 p(word | the words before, the first of which may be ``<s>``)."""
        is_start, is_end = before[:1] == ("<s>",), word == "</s>"
        words = [*before[is_start:], *([] if is_end else [word])]
        scores = [model.score_split(words, bos=is_start, eos=is_end)[-1][0] for model in self._models]
        return math.fsum(share * score for share, score in zip(self._shares, scores, strict=True))
