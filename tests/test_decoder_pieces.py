"""Outputs that spell pieces of words: every way to write a text counts, whatever marks the words."""

from __future__ import annotations

import math
from pathlib import Path

import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_decoder_search import ARPA, WIDE, random_emissions

from asrkit.decoder import BeamSearchDecoder
from asrkit.language_model import NgramModel
from asrkit.text.symbols import Symbols, WordRule

# The blank comes first; each set spells some texts in several ways.
PIECES = {
    "sentencepiece": Symbols(("", "▁", "a", "▁a", "ab", "▁ab"), 0, WordRule.PIECE),
    "no lone mark": Symbols(("", "▁a", "▁b", "b", "ab"), 0, WordRule.PIECE),
    "wordpiece": Symbols(("", "a", "##a", "ab", "##b"), 0, WordRule.CONTINUATION),
    "subword-nmt": Symbols(("", "a", "a@@", "b", "ab@@"), 0, WordRule.CONTINUED),
    "ending": Symbols(("", "a", "b</w>", "ab</w>", "</w>"), 0, WordRule.ENDING),
    "space": Symbols(("", "a", "b", "ab", " "), 0, WordRule.SPACE),
    "bar and tag": Symbols(("", "a", "b", "ab", "|", "<unk>"), 0, WordRule.BAR, frozenset([5])),
    "none": Symbols(("", "a", "b", "ab", "ba"), 0, WordRule.NONE),
    "bytes": Symbols(("", "▁a", "a", "<0x61>", "▁"), 0, WordRule.PIECE),
}


def spelled(symbols: Symbols) -> list[oracles.Spelled]:
    return [s and (s.text.decode(), s.opens, s.closes) for s in symbols.spellings]


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 100_000), steps=st.integers(0, 5), name=st.sampled_from(sorted(PIECES)))
def test_every_text_has_its_sum_over_all_ways_to_write_it(seed: int, steps: int, name: str) -> None:
    symbols = PIECES[name]
    emissions = random_emissions(seed, steps, len(symbols), peak=2.5)
    expected = oracles.texts_of_pieces(emissions.tolist(), spelled(symbols), symbols.blank_index)
    found = BeamSearchDecoder(symbols, config=WIDE).decode(emissions)
    assert {h.text: h.acoustic_score for h in found} == pytest.approx(
        {text: math.log(p) for text, p in expected.items()}, abs=1e-4
    )
    assert found[0].text == max(expected, key=lambda text: expected[text])


@pytest.fixture(scope="module")
def arpa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lm") / "ab.arpa"
    path.write_text(ARPA)
    return path


@pytest.fixture(scope="module")
def lm(arpa: Path) -> NgramModel:
    return NgramModel.load(arpa)


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 100_000),
    steps=st.integers(1, 5),
    name=st.sampled_from([name for name in sorted(PIECES) if name != "none"]),
    is_closed=st.booleans(),
    hotwords=st.dictionaries(st.sampled_from(["a", "ab", "a ab", "ba"]), st.sampled_from([-1.0, 2.0]), max_size=2),
)
def test_with_a_word_model_every_text_has_its_exhaustive_score(
    arpa: Path, lm: NgramModel, seed: int, steps: int, name: str, is_closed: bool, hotwords: dict[str, float]
) -> None:
    symbols = PIECES[name]
    config = WIDE.replace(lm_weight=0.7, word_bonus=0.4, unknown_weight=0.5)
    if is_closed:
        config = config.replace(vocabulary="closed")
    emissions = random_emissions(seed, steps, len(symbols), peak=2.5)
    ngrams = oracles.read_arpa(arpa)
    units = {character for piece in spelled(symbols) if piece for character in piece[0]}
    if "b" not in units:
        hotwords = {words: weight for words, weight in hotwords.items() if "b" not in words}
    known = {"a", "b", "ab", "ba"} if "b" in units else {"a"}
    expected = {}
    for text, p in oracles.texts_of_pieces(emissions.tolist(), spelled(symbols), symbols.blank_index).items():
        if is_closed and not set(text.split()) <= known:
            continue
        padded = f" {text} "
        hot = sum(
            w * sum(padded.startswith(f" {words} ", i) for i in range(len(padded))) for words, w in hotwords.items()
        )
        spelling = sum(
            oracles.spelling_log(sorted(known), len(units) + 1, word) for word in text.split() if word not in known
        )
        lm_score = math.log(10) * oracles.sentence_log10(ngrams, text) + 0.5 * spelling
        expected[text] = math.log(p) + 0.7 * lm_score + 0.4 * len(text.split()) + hot
    found = BeamSearchDecoder(symbols, lm, config, hotwords=hotwords).decode(emissions)
    assert {h.text: h.score for h in found} == pytest.approx(expected, abs=1e-3)
