"""Text to n-gram model: interpolated modified Kneser-Ney, equal to KenLM's ``lmplz``.

Source:
    Chen and Goodman (1998), An Empirical Study of Smoothing Techniques for Language Modeling; Heafield et al. (2013),
    Scalable Modified Kneser-Ney Language Model Estimation.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from asrkit.errors import ConfigError, LanguageModelError
from asrkit.language_model.editing import write_pieces
from asrkit.language_model.files import check_arpa_name, model_file
from asrkit.language_model.text_source import TextSource

MAX_ORDER = 6
_MOST = 10**12  # far beyond any text or machine, and within 64 bits, of megabytes too


@dataclass(frozen=True)
class BuildReport:
    """What a model was built from, and what it holds.

    Args:
        path: The ARPA file.
        sentences: Lines with at least one word.
        words: Words of the text, repeated ones counted each time.
        vocabulary: The distinct words of the text, in the order of their first appearance.
        ngrams: N-grams of order 1, 2, and so on; the first number includes ``<unk>``, ``<s>`` and ``</s>``.
        discounts: For each order what a count of 1, 2, and 3 or more loses.
    """

    path: Path
    sentences: int
    words: int
    vocabulary: tuple[str, ...]
    ngrams: tuple[int, ...]
    discounts: tuple[tuple[float, ...], ...]


def build_ngram(
    texts: Iterable[str],
    output: Path | str,
    *,
    order: int = 3,
    prune: Sequence[int] = (),
    vocabulary: Iterable[str] | None = None,
    max_vocabulary: int | None = None,
    discount_fallback: bool = False,
    memory_mb: int = 512,
    progress: Callable[[float], None] | None = None,
) -> BuildReport:
    """Estimate an n-gram model and write it in the ARPA format.

    Memory holds ``memory_mb`` for sorting and about 25 bytes for each n-gram; the rest of the sorting is done on disk.

    Args:
        texts: Sentences, or blocks of sentences, one a line. Empty lines do not count.
        output: The ARPA file; ``.gz``, ``.xz`` and ``.bz2`` compress it. It appears only when it is complete.
        order: Length of the longest n-grams, 1 to 6.
        prune: For order 1, 2, ... leave out n-grams seen this often or less; the last number holds for all higher
            orders. The first must be 0, and none smaller than the one before it.
        vocabulary: Leave out n-grams with any other word.
        max_vocabulary: Leave out n-grams with words that are not among so many most frequent ones.
        discount_fallback: Use discounts of 0.5, 1 and 1.5 where the text is too small to give its own.
        memory_mb: For sorting.
        progress: Called with the share of the model written so far, once the text is read.

    Raises:
        ConfigError: A setting is out of range.
        LanguageModelError: The text is empty or too small, or the output cannot be written.
    """
    from asrkit import _native

    output = Path(output)
    _check_settings(order, prune, vocabulary is not None, max_vocabulary, memory_mb)
    check_arpa_name(output)
    thresholds = [*prune, *[prune[-1] if prune else 0] * order][:order]
    words = _listed(vocabulary)
    with tempfile.TemporaryDirectory(prefix="asrkit-lm-") as folder:
        estimator = _native.NgramEstimator(order, folder, memory_mb << 20)
        try:
            for text in texts:
                estimator.add_text(text.encode())
            discounts = estimator.estimate(thresholds, words, max_vocabulary or 0, discount_fallback)
        except LanguageModelError:  # of the text, whose file it names
            raise
        except (ValueError, RuntimeError) as error:
            raise LanguageModelError(str(error), path=_name_of(texts)) from None
    if words and frozenset(words).isdisjoint(estimator.vocabulary):
        raise LanguageModelError(
            "no word of the vocabulary is in the text: they may differ in case", path=_name_of(texts)
        )
    counts = estimator.num_ngrams
    with model_file(output) as file:
        write_pieces(estimator.next_arpa_text, file.write, sum(counts), progress)
    return BuildReport(
        path=output,
        sentences=estimator.num_sentences,
        words=estimator.num_words,
        vocabulary=tuple(estimator.vocabulary),
        ngrams=tuple(counts),
        discounts=tuple(tuple(amounts) for amounts in discounts),
    )


def _listed(vocabulary: Iterable[str] | None) -> list[str]:
    words = list(vocabulary or ())
    if vocabulary is not None and not words:
        raise LanguageModelError("the vocabulary is empty; give at least one word")
    return words


def _name_of(texts: Iterable[str]) -> str | None:
    if not isinstance(texts, TextSource):
        return None
    return texts.inputs[0] if len(texts.inputs) == 1 else f"{texts.inputs[0]} and {len(texts.inputs) - 1} more"


def _check_settings(
    order: int, prune: Sequence[int], has_vocabulary: bool, max_vocabulary: int | None, memory_mb: int
) -> None:
    if not 1 <= order <= MAX_ORDER:
        raise ConfigError(f"order must lie between 1 and {MAX_ORDER}, not {order}")
    if len(prune) > order:
        raise ConfigError(f"prune has {len(prune)} numbers for {order} orders")
    if list(prune) != sorted(prune):
        raise ConfigError(f"prune must not fall from one order to the next, not {' '.join(map(str, prune))}")
    if prune and prune[0] != 0:
        raise ConfigError("prune must begin with 0: limit the words by --vocab or --max-vocab")
    if has_vocabulary and max_vocabulary is not None:
        raise ConfigError("give a vocabulary or a largest size for it, not both")
    if max_vocabulary is not None and max_vocabulary < 1:
        raise ConfigError(f"max_vocabulary must be positive, not {max_vocabulary}")
    if memory_mb < 1:
        raise ConfigError(f"memory_mb must be positive, not {memory_mb}")
    if (most := max(*prune, max_vocabulary or 0, memory_mb)) > _MOST:
        raise ConfigError(f"prune, max_vocabulary and memory_mb may be {_MOST:,} at most, not {most}")
