"""Hotwords: only whole words and phrases count, partial credit is taken back, scores stay exact."""

from __future__ import annotations

import math
import string
from pathlib import Path

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_decoder import ALPHABET, planted
from test_decoder_pieces import planted as write
from test_decoder_search import WIDE, random_emissions

from asrkit.config import DecodingConfig
from asrkit.decoder import BeamSearchDecoder
from asrkit.decoder.units import symbols_of
from asrkit.errors import DecodingError
from asrkit.language_model import NgramModel
from asrkit.text import Lexicon, Symbols

TINY = Path(__file__).parents[1] / "lm" / "tiny.arpa"


def hotword_score(text: str, hotwords: dict[str, float]) -> float:
    padded = f" {text} "
    return sum(
        weight * sum(padded.startswith(f" {phrase} ", i) for i in range(len(padded)))
        for phrase, weight in hotwords.items()
    )


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    steps=st.integers(1, 5),
    hotwords=st.dictionaries(
        st.sampled_from(["a", "b", "ab", "a b", "b a", "ba", "a a", "aab"]),
        st.sampled_from([-2.0, 1.0, 4.5]),
        max_size=4,
    ),
)
def test_every_text_has_its_exhaustive_score(seed: int, steps: int, hotwords: dict[str, float]) -> None:
    labels = ["", "a", " ", "b"]
    emissions = random_emissions(seed, steps, 4)
    found = BeamSearchDecoder.from_labels(labels, 0, config=WIDE, hotwords=hotwords).decode(emissions)
    expected = {
        text: math.log(p) + hotword_score(text, hotwords)
        for text, p in oracles.texts_of_emissions(emissions.tolist(), labels, 0).items()
    }
    assert {h.text: h.score for h in found} == pytest.approx(expected, abs=1e-4)
    assert all(h.hotword_score == pytest.approx(hotword_score(h.text, hotwords)) for h in found)
    alone = BeamSearchDecoder.from_labels(labels, 0, config=WIDE.replace(n_best=1), hotwords=hotwords)
    assert expected[alone.decode_texts([emissions])[0]] == pytest.approx(max(expected.values()), abs=1e-4)


@pytest.mark.parametrize("n_best", [1, 5])
def test_a_phrase_that_the_end_cuts_off_after_a_word_earns_nothing(n_best: int) -> None:
    probabilities = [[0.2, 0.797, 0.001, 0.002], [0.001, 0.001, 0.99, 0.008]]  # "b", a little like "a", and a space
    decoder = BeamSearchDecoder.from_labels(
        ["a", "b", " ", ""], 3, config=DecodingConfig(n_best=n_best), hotwords={"a b": 6.0}
    )
    emissions = np.log(np.array(probabilities, np.float32))
    assert decoder.decode_texts([emissions]) == ["b"]
    assert decoder.decode(emissions)[0].text == "b"


def test_a_hotword_wins_where_the_sound_is_unsure() -> None:
    emissions = np.logaddexp(
        planted("meet ann smith", hold=1) + math.log(0.3), planted("meet ann smyth", hold=1) + math.log(0.7)
    ).astype(np.float32)
    lm = NgramModel.load(TINY)
    assert BeamSearchDecoder(ALPHABET, lm).decode(emissions)[0].text == "meet ann smyth"
    config = DecodingConfig(hotwords=("ann smith",), hotword_weight=4.0)
    best = BeamSearchDecoder(ALPHABET, lm, config).decode(emissions)[0]
    assert best.text == "meet ann smith"
    assert best.hotword_score == 4.0
    own_weight = DecodingConfig(hotwords=("ann smith=4",), hotword_weight=0.5)
    assert BeamSearchDecoder(ALPHABET, lm, own_weight).decode(emissions)[0] == best
    assert best.score == pytest.approx(
        best.acoustic_score + config.lm_weight * best.lm_score + config.word_bonus * 3 + 4.0
    )


SAID = "we met considerate people in rome and had a pleasant evening there"
PIECES = Symbols.recognize(
    ["<blk>", *(f"▁{word}" for word in SAID.split()), "▁con", "sider", "ate", *string.ascii_lowercase, "▁t"]
)
LEXICON = Lexicon(tuple((word, tuple(word)) for word in [*SAID.split(), "consideration", "theory", "too"]))
OUTPUTS = {
    "letters": (ALPHABET, None, list(SAID)),
    "pieces": (PIECES, None, [*SAID.replace("considerate", "con +sider +ate").split()]),
    "lexicon": (symbols_of(ALPHABET), LEXICON, list(SAID)),
    "spelled": (symbols_of(ALPHABET), LEXICON, list(SAID)),
}


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("hotword", ["consideration", "a theory", "in rome too"])
@pytest.mark.parametrize("weight", [30.0, 400.0, 1e9])
def test_what_was_only_begun_costs_nothing_of_what_follows(name: str, hotword: str, weight: float) -> None:
    """A hotword that the text begins like holds what it was paid until it fails, and must not outlive all others."""
    symbols, lexicon, labels = OUTPUTS[name]
    if name == "pieces":
        labels = [label[1:] if label[0] == "+" else f"▁{label}" for label in labels]
    config = DecodingConfig(vocabulary="spelled" if name == "spelled" else "open")
    decoder = BeamSearchDecoder(symbols, config=config, hotwords={hotword: weight}, lexicon=lexicon)
    emissions = write(decoder.symbols, labels)
    assert decoder.decode(emissions)[0].text == decoder.decode_texts([emissions])[0] == SAID


def test_a_part_of_a_hotword_earns_nothing() -> None:
    emissions = planted("he smiles at annie smithson")
    as_wide = DecodingConfig(beam_threshold=12.0, symbol_threshold=7.0)
    plain = BeamSearchDecoder(ALPHABET, config=as_wide).decode(emissions)[0]
    hotwords = {"smile": 9.0, "ann": 9.0, "smith": 9.0}
    with_hotwords = BeamSearchDecoder(ALPHABET, config=as_wide, hotwords=hotwords).decode(emissions)[0]
    assert with_hotwords.text == plain.text
    assert with_hotwords.score == plain.score


def test_no_hotwords_cost_nothing_and_change_nothing() -> None:
    emissions = planted("the cat", noise=2.5)
    assert BeamSearchDecoder(ALPHABET, hotwords={}).decode(emissions) == BeamSearchDecoder(ALPHABET).decode(emissions)


@pytest.mark.parametrize("hotwords", [{"": 1.0}, {"zoë": 1.0}, {"cat": math.nan}])
def test_unusable_hotwords_are_refused(hotwords: dict[str, float]) -> None:
    with pytest.raises(DecodingError, match="hotword"):
        BeamSearchDecoder(ALPHABET, hotwords=hotwords)


def test_a_hotword_that_a_closed_vocabulary_cannot_write_is_named() -> None:
    closed = DecodingConfig(vocabulary="closed")
    with pytest.raises(DecodingError, match="hotword 'zebra' is no word of the language model, and a closed"):
        BeamSearchDecoder(ALPHABET, TINY, closed, hotwords={"the zebra": 5.0})
    for phrase, config in (("the cat", closed), ("the zebra", None)):
        decoder = BeamSearchDecoder(ALPHABET, TINY, config, hotwords={phrase: 5.0})
        assert decoder.decode(planted(phrase))[0].hotword_score == 5.0
