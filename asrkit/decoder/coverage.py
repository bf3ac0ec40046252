"""How well a language model and the outputs of a model go together."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable

from asrkit.errors import LanguageModelError
from asrkit.language_model import NgramModel
from asrkit.text import Symbols

_WORTH_SAYING = 0.01
_NUM_NAMED = 3

_log = logging.getLogger("asrkit")


def unspelled_mass(lm: NgramModel, symbols: Symbols, *, folds_case: bool = False) -> float:
    """Return the share of a language model's words, by unigram probability, that the symbols cannot spell.

    ``folds_case``: the model is asked without regard to case.
    """

    def fold(text: str) -> str:
        return text.casefold() if folds_case else text

    written = b"".join(spelling.text for spelling in symbols.spellings if spelling)
    words = lm.words
    if symbols.is_bytewise:
        units = set(written)
        unspelled = [word for word in words if not units.issuperset(word.encode())]
    else:
        letters = set(fold(written.decode("utf-8", "ignore")))
        if letters.issuperset(fold("".join(words))):  # most models, at once
            return 0.0
        unspelled = [word for word in words if not letters.issuperset(fold(word))]
    return _mass(lm, unspelled)


def _mass(lm: NgramModel, words: list[str]) -> float:
    """Return the share that some of its words have of a language model's, by unigram probability."""
    if not words:
        return 0.0
    mass = sum(_unigram(lm, word) for word in words)
    others = set(lm.words).difference(words)
    rest = sum(_unigram(lm, word) for word in others)
    return mass / (mass + rest) if mass + rest > 0 else float(not others)


def check_coverage(lm: NgramModel, symbols: Symbols, most: float, *, folds_case: bool = False) -> None:
    """Refuse a language model more of which, by probability, is beyond the symbols; say how much of one they lack.

    Raises:
        LanguageModelError: The share is larger.
    """
    share = unspelled_mass(lm, symbols, folds_case=folds_case)
    if share > most:
        raise LanguageModelError(
            f"{share:.1%} of its words, by probability, cannot be spelled with the model's symbols (another case, "
            "script or language?); build it from text normalized for them, or set decoding.max_unspelled=1",
            path=lm.path,
        )
    if share >= _WORTH_SAYING:
        _log.warning("%s: %.1f %% of its words, by probability, cannot be spelled", _name(lm), 100 * share)


def check_lexicon(lm: NgramModel, words: Iterable[str]) -> None:
    """Say how many words of a language model are not in a lexicon: they are never written."""
    if outside := sorted(set(lm.words).difference(words)):  # however rare: names are what a user's own model is for
        _log.warning(
            "%s: %s of its words (%.2g %% by probability) are not in the lexicon and will not be written, such as %s; "
            "`asrkit lm lexicon` makes one that has them",
            _name(lm),
            f"{len(outside):,}",
            100 * _mass(lm, outside),
            ", ".join(outside[:_NUM_NAMED]),
        )


def unknown_floor(lm: NgramModel) -> float:
    """Return the nats to add to the score of unknown words: none but for a model without ``<unk>``.

    Such a model (SRILM and MITLM make them) gives an unknown word no probability at all, so that the search bends its
    neighbors until every word is known. It is given that of the rarest word.
    """
    if lm.has_unknown:
        return 0.0
    given = _log10_prob(lm, "<unk>")
    rarest = min((_log10_prob(lm, word) for word in lm.words), default=given)
    _log.warning("%s: has no <unk>; unknown words count as its rarest word does", _name(lm))
    return math.log(10.0) * (rarest - given)


def _name(lm: NgramModel) -> str:
    return "language model" if lm.path is None else lm.path.name


def _log10_prob(lm: NgramModel, word: str) -> float:
    return lm.score_split([word], bos=False, eos=False)[0][0]


def _unigram(lm: NgramModel, word: str) -> float:
    return float(10.0 ** _log10_prob(lm, word))
