"""Smaller and mixed models: entropy pruning, linear interpolation; and any model as ARPA text or a binary."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from asrkit.errors import ConfigError, LanguageModelError
from asrkit.language_model.files import COMPRESSED_SUFFIXES, check_arpa_name, model_file
from asrkit.language_model.ngram import NgramModel
from asrkit.text.words import split_words

if TYPE_CHECKING:
    from asrkit import _native

_PIECE_BYTES = 1 << 22
_EM_ROUNDS = 100
_EM_TOLERANCE = 1e-6


def write_arpa(model: NgramModel, output: Path | str, *, progress: Callable[[float], None] | None = None) -> Path:
    """Write any model as ARPA text.

    Args:
        model: The model.
        output: The ARPA file; ``.gz``, ``.xz`` and ``.bz2`` compress it.
        progress: Called with the share written so far.

    Raises:
        ConfigError: The name does not end as an ARPA file's.
        LanguageModelError: The model is damaged, or the file cannot be written.
    """
    check_arpa_name(Path(output))
    return _write(_editable(model), Path(output), progress)


def write_binary(model: NgramModel, output: Path | str, *, quantize: bool = False) -> Path:
    """Write a model as one file that ``NgramModel.load`` maps into memory at once.

    Args:
        model: Any model; one that is quantized already stays so.
        output: The file; it appears only when it is complete.
        quantize: Keep probabilities and back-offs in 8 bits: a quarter or more smaller, and a little less exact.

    Raises:
        ConfigError: Its name says that it is compressed.
        LanguageModelError: The model is too large to quantize, or the file cannot be written.
    """
    from asrkit import _native

    output = Path(output)
    if output.suffix in COMPRESSED_SUFFIXES:
        raise ConfigError(f"a binary model is mapped and not compressed; name it .bin, not {output.name!r}")
    try:
        image = _native.NgramImage(model.native, quantize)
    except ValueError as error:
        raise LanguageModelError(str(error), path=model.path) from None
    with model_file(output, compress=False) as file:
        for index in range(image.num_pieces):
            file.write(image.piece(index).data)
    return output


def prune_model(
    model: NgramModel, output: Path | str, threshold: float, *, progress: Callable[[float], None] | None = None
) -> tuple[int, ...]:
    """Drop the n-grams whose loss changes the model least, and write what stays as ARPA text.

    Args:
        model: The model to make smaller.
        output: The ARPA file.
        threshold: Drop an n-gram when the perplexity rises by less than this share; 1e-8 is mild, 1e-6 strong.
        progress: Called with the share written so far.

    Returns:
        The number of n-grams of each order that stay.

    Raises:
        ConfigError: The threshold is not positive.
        LanguageModelError: The model is damaged, or the file cannot be written.

    Source:
        Stolcke (1998), Entropy-based Pruning of Backoff Language Models. Kneser-Ney models suffer more than others,
        because their lower orders are no marginal distributions (Chelba et al. 2010).
    """
    if not 0.0 < threshold < math.inf:
        raise ConfigError(f"the pruning threshold must be positive, not {threshold!r}")
    check_arpa_name(Path(output))
    editable = _editable(model)
    editable.prune(threshold)
    _write(editable, Path(output), progress)
    return tuple(editable.num_ngrams)


def interpolate_models(
    models: Sequence[NgramModel],
    output: Path | str,
    weights: Sequence[float],
    *,
    progress: Callable[[float], None] | None = None,
) -> tuple[int, ...]:
    """Mix models: each word's probability is the weighted mean of theirs. Writes ARPA text.

    Args:
        models: Two or more models. A word that one of them lacks has probability 0 there.
        output: The ARPA file, with the n-grams of all of them.
        weights: One for each model, positive; they are scaled to sum to 1.
        progress: Called with the share written so far.

    Returns:
        The number of n-grams of each order.

    Raises:
        ConfigError: The weights do not fit.
        LanguageModelError: A model is damaged, or the file cannot be written.
    """
    from asrkit import _native

    if len(models) < 2:
        raise ConfigError("interpolation needs two models or more")
    if len(weights) != len(models):
        raise ConfigError(f"{len(models)} models need as many weights, not {len(weights)}")
    if not all(0.0 < weight < math.inf for weight in weights):
        raise ConfigError(f"weights must be positive, not {' '.join(map(str, weights))}")
    check_arpa_name(Path(output))
    shares = [weight / sum(weights) for weight in weights]
    try:
        mixed = _native.EditableModel.mix([model.native for model in models], shares)
    except ValueError as error:
        raise LanguageModelError(str(error)) from None
    _write(mixed, Path(output), progress)
    return tuple(mixed.num_ngrams)


def tune_weights(models: Sequence[NgramModel], texts: Sequence[str]) -> tuple[float, ...]:
    """Find the weights that give a text the highest probability, by expectation maximization.

    Args:
        models: The models to mix.
        texts: Sentences, or blocks of sentences, one a line; not what the models were built from.

    Raises:
        LanguageModelError: The text is empty, or no model knows any of its words.
    """
    words = frozenset(word for text in texts for word in split_words(text))
    if not words:
        raise LanguageModelError("there is no text to tune the weights on")
    if all(words.isdisjoint(model.vocabulary) for model in models):  # and only ends of sentences would count
        raise LanguageModelError("no model knows a word of the text to tune the weights on: they may differ in case")
    probs = np.stack([_word_probs(model, texts) for model in models])
    probs = probs[:, probs.any(axis=0)]
    weights = np.full(len(models), 1.0 / len(models))
    for _ in range(_EM_ROUNDS):
        shares = weights[:, None] * probs
        new = (shares / shares.sum(axis=0)).mean(axis=1)
        is_done = bool(np.abs(new - weights).max() < _EM_TOLERANCE)
        weights = new
        if is_done:
            break
    return tuple(float(weight) for weight in weights)


def _word_probs(model: NgramModel, texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return the probability of each word and sentence end; 0 for words that the model does not know."""
    scores = [
        10**log10_prob if is_known else 0.0
        for text in texts
        for line in text.split("\n")
        if line.strip()
        for log10_prob, is_known in model.score_words(line)
    ]
    return np.array(scores)


def _editable(model: NgramModel) -> _native.EditableModel:
    from asrkit import _native

    try:
        return _native.EditableModel.of(model.native)
    except ValueError as error:
        raise LanguageModelError(str(error), path=model.path) from None


def _write(editable: _native.EditableModel, output: Path, progress: Callable[[float], None] | None) -> Path:
    with model_file(output) as file:
        write_pieces(editable.next_arpa_text, file.write, sum(editable.num_ngrams), progress)
    return output


def write_pieces(
    next_piece: Callable[[int], bytes],
    write: Callable[[bytes], int],
    num_ngrams: int,
    progress: Callable[[float], None] | None,
) -> None:
    """Write ARPA text piece by piece, one line an n-gram."""
    written = 0
    while piece := next_piece(_PIECE_BYTES):
        write(piece)
        written += piece.count(b"\n")
        if progress is not None:
            progress(min(1.0, written / num_ngrams))
