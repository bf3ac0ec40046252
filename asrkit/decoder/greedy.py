"""The most likely symbol of each step, and nothing else: the baseline of every decoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from asrkit.decoder.emissions import Emissions, FloatArray, Lengths, check_batch
from asrkit.decoder.hypothesis import Hypothesis, Word
from asrkit.text import Alphabet


def greedy_decode(emissions: Emissions, alphabet: Alphabet, *, name: str = "utterance") -> Hypothesis:
    """Read off the best alignment: the most likely symbol of each step, repeats joined, blanks dropped.

    Args:
        emissions: ``(steps, symbols)`` natural log-probabilities.
        alphabet: Their symbols.
        name: What to call the utterance in an error.

    Returns:
        One hypothesis. Its scores are those of this one alignment, not of all of its text; the confidence of a word
        is the geometric mean of the probabilities along it.

    Raises:
        DecodingError: The emissions have the wrong shape or impossible values.
    """
    return GreedyDecoder(alphabet).decode(emissions, name=name)[0]


class GreedyDecoder:
    """``greedy_decode`` with the methods of the other decoders."""

    def __init__(self, alphabet: Alphabet) -> None:
        self._alphabet = alphabet

    def decode(self, emissions: Emissions, *, name: str = "utterance") -> list[Hypothesis]:
        """Decode one utterance; see ``BeamSearchDecoder.decode``."""
        return self.decode_batch([emissions], names=[name])[0]

    def decode_batch(
        self,
        emissions: Sequence[Emissions] | Emissions,
        lengths: Lengths | None = None,
        *,
        threads: int = 1,
        names: Sequence[str] | None = None,
    ) -> list[list[Hypothesis]]:
        """Decode many utterances; see ``BeamSearchDecoder.decode_batch``. Threads are not used."""
        arrays = check_batch(emissions, lengths, len(self._alphabet), names)
        return [[_read_off(array, self._alphabet)] for array in arrays]


def _read_off(emissions: FloatArray, alphabet: Alphabet) -> Hypothesis:
    symbols = emissions.argmax(axis=1) if len(emissions) else np.zeros(0, np.int64)
    log_probs = emissions[np.arange(len(symbols)), symbols].astype(np.float64)
    is_new = np.ones(len(symbols), bool)
    is_new[1:] = symbols[1:] != symbols[:-1]
    spoken = is_new & (symbols != alphabet.blank_index)
    words: list[Word] = []
    steps: list[int] = []
    for step in np.flatnonzero(spoken):
        if symbols[step] == alphabet.space_index:
            words += _word(steps, symbols, log_probs, alphabet)
            steps = []
        else:
            steps.append(int(step))
    words += _word(steps, symbols, log_probs, alphabet)
    score = float(log_probs.sum())
    confidence = float(np.exp(log_probs.mean())) if len(log_probs) else 1.0
    return Hypothesis(" ".join(word.text for word in words), score, score, 0.0, tuple(words), confidence)


def _word(
    steps: list[int], symbols: npt.NDArray[np.intp], log_probs: npt.NDArray[np.float64], alphabet: Alphabet
) -> list[Word]:
    """Return the word whose letters begin at these steps, if there are any."""
    if not steps:
        return []
    end = steps[-1] + 1
    while end < len(symbols) and symbols[end] == symbols[steps[-1]]:
        end += 1
    text = alphabet.decode(symbols[steps].astype(np.int32))
    return [Word(text, steps[0], end, float(np.exp(log_probs[steps[0] : end].mean())))]
