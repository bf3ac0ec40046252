"""The most likely symbol of each step, and nothing else: the baseline of every decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from asrkit.decoder.emissions import Emissions, FloatArray
from asrkit.decoder.hypothesis import Decoder, Hypothesis, Word
from asrkit.text import Lexicon, Symbols, WordRule


def greedy_decode(
    emissions: Emissions, symbols: Symbols, lexicon: Lexicon | None = None, *, name: str = "utterance"
) -> Hypothesis:
    """Read off the best alignment: the most likely symbol of each step, repeats joined, blanks dropped.

    Args:
        emissions: ``(steps, symbols)`` natural log-probabilities.
        symbols: Their outputs.
        lexicon: How words are said, where the outputs are no letters.
        name: What to call the utterance in an error.

    Returns:
        One hypothesis. Its scores are those of this one alignment, not of all of its text; the confidence of a word
        is the geometric mean of the probabilities along it.

    Raises:
        DecodingError: The emissions have the wrong shape or impossible values.
    """
    return GreedyDecoder(symbols, lexicon).decode(emissions, name=name)[0]


class GreedyDecoder(Decoder):
    """``greedy_decode`` with the methods of the other decoders.

    With a lexicon, what was heard between two spaces becomes the first word that is said just so, and stays a row of
    outputs (``k'ae't``) where there is none: one word, which normalizing for a score leaves one.
    """

    def __init__(self, symbols: Symbols, lexicon: Lexicon | None = None) -> None:
        self._symbols, self.num_symbols = symbols, len(symbols)
        self._said: dict[tuple[int, ...], str] | None = None
        if lexicon is not None:
            self._said = {}
            for word, outputs in lexicon.spell(symbols)[0]:
                self._said.setdefault(tuple(outputs), word)

    def _decode_all(self, emissions: Sequence[FloatArray], threads: int) -> list[list[Hypothesis]]:
        return [self._decode(array) for array in emissions]

    def _decode(self, emissions: FloatArray) -> list[Hypothesis]:
        hypothesis, outputs = _read_off(emissions, self._symbols)
        if self._said is None:
            return [hypothesis]
        words = tuple(
            word._replace(text=self._said.get(said) or "'".join(self._symbols.labels[i] for i in said))
            for word, said in zip(hypothesis.words, outputs, strict=True)
        )
        return [replace(hypothesis, text=" ".join(word.text for word in words), words=words)]


def _read_off(emissions: FloatArray, symbols: Symbols) -> tuple[Hypothesis, list[tuple[int, ...]]]:
    """Return what is written and the outputs that write each word."""
    outputs = emissions.argmax(axis=1) if len(emissions) else np.zeros(0, np.int64)
    log_probs = emissions[np.arange(len(outputs)), outputs].astype(np.float64)
    is_new = np.ones(len(outputs), bool)
    is_new[1:] = outputs[1:] != outputs[:-1]
    is_undivided = symbols.words is WordRule.NONE
    words: list[Word] = []
    said: list[tuple[int, ...]] = []
    text = b""
    steps: list[int] = []

    def end_word() -> None:
        nonlocal text, steps
        if steps:
            words.append(_word(text, steps, outputs, log_probs))
            said.append(tuple(int(outputs[step]) for step in steps))
        text, steps = b"", []

    for step in map(int, np.flatnonzero(is_new)):
        spelling = symbols.spellings[outputs[step]]
        if spelling is None:
            continue
        if spelling.opens:
            end_word()
        if spelling.text:
            text += spelling.text
            steps.append(step)
        if spelling.closes or (is_undivided and _is_whole(text)):
            end_word()
    end_word()
    score = float(log_probs.sum())
    confidence = float(np.exp(log_probs.mean())) if len(log_probs) else 1.0
    separator = "" if is_undivided else " "
    return Hypothesis(separator.join(word.text for word in words), score, score, 0.0, tuple(words), confidence), said


def _is_whole(text: bytes) -> bool:
    """Whether bytes end with a whole character."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error.reason != "unexpected end of data"
    return True


def _word(text: bytes, steps: list[int], outputs: npt.NDArray[np.intp], log_probs: npt.NDArray[np.float64]) -> Word:
    """Return the word whose symbols begin at these steps."""
    end = steps[-1] + 1
    while end < len(outputs) and outputs[end] == outputs[steps[-1]]:
        end += 1
    # Bytes that make no character are said to be one that is unknown.
    confidence = float(np.exp(log_probs[steps[0] : end].mean()))
    return Word(text.decode("utf-8", "replace"), steps[0], end, confidence)
