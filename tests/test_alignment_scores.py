from __future__ import annotations

from collections import defaultdict
from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrkit.alignment import Aligner
from asrkit.text import Alphabet, Symbols, WordRule

KINDS = {
    "characters": Alphabet("ab "),
    "no space": Alphabet("ab"),
    "blank first": Symbols(("_", "a", "|", "b"), 0, WordRule.BAR),
    "pieces": Symbols(("<blk>", "▁a", "a", "b", "▁"), 0, WordRule.PIECE),
    "overlapping pieces": Symbols(("a", "ab", "▁b", "<blk>"), 3, WordRule.PIECE),
    "wordpiece": Symbols(("[PAD]", "a", "##a", "##b"), 0, WordRule.CONTINUATION),
    "continued": Symbols(("<b>", "a", "a@@", "b"), 0, WordRule.CONTINUED),
    "endings": Symbols(("<b>", "a", "a</w>", "</w>"), 0, WordRule.ENDING),
    "bytes": Symbols(("<0xC3>", "<0xA9>", "▁", "<blk>"), 3, WordRule.PIECE),
    "skipped": Symbols(("<blk>", "<unk>", "▁a", "b"), 0, WordRule.PIECE, frozenset({1})),
}


def texts_of(emissions: np.ndarray, symbols: Symbols) -> dict[str, float]:
    """The probability of every text, by trying every path; a path in which a word is empty has none of its own."""
    found: defaultdict[str, float] = defaultdict(float)
    for path in product(range(len(symbols)), repeat=len(emissions)):
        outputs = [index for index, _ in groupby(path) if index != symbols.blank_index]
        if symbols.skipped.intersection(outputs):
            continue
        written = b""
        for index in outputs:
            spelling = symbols.spellings[index]
            assert spelling
            written += b" " * spelling.opens + spelling.text + b" " * spelling.closes
        text = written.decode("utf-8", "replace")
        opening = symbols.words in (WordRule.PIECE, WordRule.CONTINUATION)
        closing = symbols.words in (WordRule.CONTINUED, WordRule.ENDING)
        bare = text[1:] if opening and text[:1] == " " else text[:-1] if closing and text[-1:] == " " else text
        if bare == " ".join(bare.split()):
            found[bare] += float(np.exp(sum(emissions[t, s] for t, s in enumerate(path))))
    return found


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20)
@given(steps=st.integers(1, 4), seed=st.integers(0, 1_000))
def test_the_score_of_a_text_is_the_sum_over_its_spellings_and_alignments(kind: str, steps: int, seed: int) -> None:
    symbols = KINDS[kind]
    values = np.random.default_rng(seed).normal(size=(steps, len(symbols)))
    emissions = (values - np.logaddexp.reduce(values, axis=1, keepdims=True)).astype(np.float32)
    scorer = Aligner(symbols)
    for text, probability in texts_of(emissions, symbols).items():
        if "\ufffd" not in text and (text or symbols.words not in (WordRule.PIECE, WordRule.ENDING)):
            found = scorer.log_prob(emissions, text)
            assert found is not None
            assert np.exp(found) == pytest.approx(probability, rel=1e-4), text


def test_what_no_symbols_spell_has_no_score() -> None:
    emissions = np.log(np.full((3, 5), 0.2, np.float32))
    assert Aligner(KINDS["pieces"]).log_prob(emissions, "abc") is None
    assert Aligner(KINDS["bytes"]).log_prob(emissions[:, :4], "é") is not None
    assert Aligner(KINDS["bytes"]).log_prob(emissions[:, :4], "è") is None


def test_nothing_takes_no_steps() -> None:
    scorer = Aligner(Alphabet("ab"))
    nothing = np.zeros((0, 3), np.float32)
    assert scorer.log_prob(nothing, "") == 0.0
    assert scorer.log_prob(nothing, "a") == -np.inf
