"""Decoding that goes on where another call was."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from asrkit.decoder.beam import BeamSearchDecoder
from asrkit.decoder.emissions import FloatArray
from asrkit.decoder.hypothesis import Hypothesis
from asrkit.errors import DecodingError
from asrkit.text import Symbols, WordRule

_UNLIKELY = -60.0


@dataclass(frozen=True)
class LMState:
    """Where a language model stands after a text: hand it to the next call as ``lm_start_state``.

    Args:
        words: The last words, as many as the model looks back on.
    """

    words: tuple[str, ...]


def decode_after(
    state: LMState, search: BeamSearchDecoder, symbols: Symbols, log_probs: FloatArray
) -> list[Hypothesis]:
    """Decode what follows some words: they are put before it as if they had been heard beyond all doubt.

    Args:
        state: The words.
        search: The decoder.
        symbols: Outputs of the model.
        log_probs: ``(steps, outputs)`` natural-log probabilities of what follows.

    Returns:
        Hypotheses for what follows alone, best first: texts, times and scores without the words before.

    Raises:
        DecodingError: The labels cannot spell the words.
    """
    said = ("" if symbols.words is WordRule.NONE else " ").join(state.words)
    outputs = _spell(symbols, said)
    if outputs is None:
        raise DecodingError(f"lm_start_state holds words that the labels cannot spell: {said!r}")
    path = [i for output in outputs for i in (output, symbols.blank_index)]
    if symbols.space_index is not None:
        path.append(symbols.space_index)
    heard = np.full((len(path), len(symbols)), _UNLIKELY, np.float32)
    heard[np.arange(len(path)), path] = 0.0
    before = search.decode(heard)[0]
    lm_before = before.lm_score
    if search.lm is not None:  # the end of the sentence is not there yet
        lm_before -= math.log(10.0) * search.lm.score_words(" ".join(state.words))[-1][0]
    weighted = before.score - search.config.lm_weight * (before.lm_score - lm_before)
    return [
        replace(
            h,
            text=h.text[len(before.text) :].lstrip(" "),
            score=h.score - weighted,
            acoustic_score=h.acoustic_score - before.acoustic_score,
            lm_score=h.lm_score - lm_before,
            words=tuple(
                word._replace(start_step=word.start_step - len(path), end_step=word.end_step - len(path))
                for word in h.words[len(before.words) :]
            ),
            hotword_score=h.hotword_score - before.hotword_score,
        )
        for h in search.decode(np.concatenate([heard, log_probs]))
    ]


def _spell(symbols: Symbols, text: str) -> list[int] | None:
    """Return the fewest outputs that write a text, one space between two words, or None where none do."""
    written = {
        b" " * spelling.opens + spelling.text + b" " * spelling.closes: index
        for index, spelling in reversed(list(enumerate(symbols.spellings)))
        if spelling
    }
    longest = max(map(len, written))
    wanted = text.encode()
    is_divided = symbols.words in (WordRule.SPACE, WordRule.BAR, WordRule.NONE)
    # The mark of the first word may be before it or missing, that of the last behind it.
    for target in [wanted] if is_divided else [b" " + wanted, wanted + b" ", wanted]:
        best: list[list[int] | None] = [[], *([None] * len(target))]
        for end in range(1, len(target) + 1):
            for start in range(max(0, end - longest), end):
                index = written.get(target[start:end])
                before = best[start]
                found = best[end]
                if index is not None and before is not None and (found is None or len(before) + 1 < len(found)):
                    best[end] = [*before, index]
        if best[-1] is not None:
            return best[-1]
    return None
