"""The most likely symbol of each step, and nothing else: the baseline of every decoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from asrkit.decoder.emissions import Emissions, FloatArray, Lengths, check_batch
from asrkit.decoder.hypothesis import Hypothesis, Word
from asrkit.text import Symbols, WordRule


def greedy_decode(emissions: Emissions, symbols: Symbols, *, name: str = "utterance") -> Hypothesis:
    """Read off the best alignment: the most likely symbol of each step, repeats joined, blanks dropped.

    Args:
        emissions: ``(steps, symbols)`` natural log-probabilities.
        symbols: Their outputs.
        name: What to call the utterance in an error.

    Returns:
        One hypothesis. Its scores are those of this one alignment, not of all of its text; the confidence of a word
        is the geometric mean of the probabilities along it.

    Raises:
        DecodingError: The emissions have the wrong shape or impossible values.
    """
    return GreedyDecoder(symbols).decode(emissions, name=name)[0]


class GreedyDecoder:
    """``greedy_decode`` with the methods of the other decoders."""

    def __init__(self, symbols: Symbols) -> None:
        self._symbols = symbols

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
        arrays = check_batch(emissions, lengths, len(self._symbols), names)
        return [[_read_off(array, self._symbols)] for array in arrays]


def _read_off(emissions: FloatArray, symbols: Symbols) -> Hypothesis:
    outputs = emissions.argmax(axis=1) if len(emissions) else np.zeros(0, np.int64)
    log_probs = emissions[np.arange(len(outputs)), outputs].astype(np.float64)
    is_new = np.ones(len(outputs), bool)
    is_new[1:] = outputs[1:] != outputs[:-1]
    is_undivided = symbols.words is WordRule.NONE
    words: list[Word] = []
    text = b""
    steps: list[int] = []
    for step in map(int, np.flatnonzero(is_new)):
        spelling = symbols.spellings[outputs[step]]
        if spelling is None:
            continue
        if spelling.opens:
            words += _word(text, steps, outputs, log_probs)
            text, steps = b"", []
        if spelling.text:
            text += spelling.text
            steps.append(step)
        if spelling.closes or (is_undivided and _is_whole(text)):
            words += _word(text, steps, outputs, log_probs)
            text, steps = b"", []
    words += _word(text, steps, outputs, log_probs)
    score = float(log_probs.sum())
    confidence = float(np.exp(log_probs.mean())) if len(log_probs) else 1.0
    separator = "" if is_undivided else " "
    return Hypothesis(separator.join(word.text for word in words), score, score, 0.0, tuple(words), confidence)


def _is_whole(text: bytes) -> bool:
    """Whether bytes end with a whole character."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error.reason != "unexpected end of data"
    return True


def _word(
    text: bytes, steps: list[int], outputs: npt.NDArray[np.intp], log_probs: npt.NDArray[np.float64]
) -> list[Word]:
    """Return the word whose symbols begin at these steps, if there are any."""
    if not steps:
        return []
    end = steps[-1] + 1
    while end < len(outputs) and outputs[end] == outputs[steps[-1]]:
        end += 1
    # Bytes that make no character are said to be one that is unknown.
    confidence = float(np.exp(log_probs[steps[0] : end].mean()))
    return [Word(text.decode("utf-8", "replace"), steps[0], end, confidence)]
