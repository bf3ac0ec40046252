"""Outputs that are no letters: a lexicon turns them into words, whatever ways there are to say one."""

from __future__ import annotations

import math

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_decoder_fuzz import configs
from test_decoder_search import AB, ARPA, WIDE, agree_in_pieces_and_threads, random_emissions

from asrkit.config import DecodingConfig
from asrkit.decoder import BeamSearchDecoder
from asrkit.errors import DecodingError
from asrkit.text import Lexicon, Symbols, WordRule

# The blank first; with an output between words, and without one.
SPACED = Symbols(("", "p", "q", "|"), 0, WordRule.BAR)
JOINED = Symbols(("", "p", "q"), 0, WordRule.NONE)
# Words of the language model but for "c"; "a" and "b" are homophones, "a" and "ab" have several pronunciations, some of
# which end alike, and one of which is the beginning of another.
LINES = (
    ("a", ("p",)),
    ("b", ("p",)),
    ("a", ("q", "p")),
    ("ab", ("p", "q")),
    ("ab", ("p", "p", "q")),
    ("ab", ("p", "q")),
    ("ba", ("q",)),
    ("c", ("q", "q")),
)
lexicons = st.lists(st.sampled_from(LINES), min_size=1, max_size=8).map(lambda lines: Lexicon(tuple(lines)))
HOTWORDS = st.dictionaries(st.sampled_from(["a", "ab", "a ab", "b a"]), st.sampled_from([-1.0, 2.0]), max_size=2)


def texts(emissions: np.ndarray, symbols: Symbols, lexicon: Lexicon) -> dict[str, float]:
    places = {label: i for i, label in enumerate(symbols.labels)}
    lines = [(word, tuple(places[label] for label in labels)) for word, labels in lexicon.lines]
    space = places.get("|")
    return oracles.texts_of_lexicon(emissions.tolist(), lines, symbols.blank_index, space)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 100_000),
    steps=st.integers(1, 6),
    symbols=st.sampled_from([SPACED, JOINED]),
    lexicon=lexicons,
    recombines=st.booleans(),
)
def test_every_text_has_its_sum_over_all_ways_to_say_it(
    seed: int, steps: int, symbols: Symbols, lexicon: Lexicon, recombines: bool
) -> None:
    steps = min(steps, 5 if symbols is SPACED else 6)
    emissions = random_emissions(seed, steps, len(symbols), peak=2.5)
    expected = texts(emissions, symbols, lexicon)
    found = BeamSearchDecoder(
        symbols, config=WIDE.replace(recombine=recombines, word_bonus=1.5), lexicon=lexicon
    ).decode(emissions)
    for hypothesis in found:
        assert (hypothesis.score, hypothesis.lm_score) == (hypothesis.acoustic_score, 0.0)
        assert hypothesis.acoustic_score == pytest.approx(math.log(expected[hypothesis.text]), abs=1e-4)
    if not recombines:  # of noise, one text in 150 loses the history it begins with to another one that sounds like it
        assert {h.text for h in found} == set(expected)
        assert expected[found[0].text] == pytest.approx(max(expected.values()), rel=1e-4)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 100_000),
    steps=st.integers(1, 5),
    symbols=st.sampled_from([SPACED, JOINED]),
    lexicon=lexicons,
    hotwords=HOTWORDS,
)
def test_with_a_word_model_every_text_has_its_exhaustive_score(
    seed: int, steps: int, symbols: Symbols, lexicon: Lexicon, hotwords: dict[str, float]
) -> None:
    known = {word for word, _ in lexicon.lines}
    hotwords = {phrase: weight for phrase, weight in hotwords.items() if set(phrase.split()) <= known}
    emissions = random_emissions(seed, steps, len(symbols), peak=2.5)
    ngrams = oracles.read_arpa(ARPA)
    expected = {}
    for text, p in texts(emissions, symbols, lexicon).items():
        padded = f" {text} "
        hot = sum(
            w * sum(padded.startswith(f" {phrase} ", i) for i in range(len(padded))) for phrase, w in hotwords.items()
        )
        lm_score = math.log(10) * oracles.sentence_log10(ngrams, text)
        expected[text] = math.log(p) + 0.7 * lm_score + 0.4 * len(text.split()) + hot
    config = WIDE.replace(lm_weight=0.7, word_bonus=0.4)
    if known == {"c"}:
        return  # the language model has none of the words
    found = BeamSearchDecoder(symbols, AB, config, hotwords=hotwords, lexicon=lexicon).decode(emissions)
    assert {h.text: h.score for h in found} == pytest.approx(expected, abs=1e-3)
    alone = BeamSearchDecoder(symbols, AB, config.replace(n_best=1), hotwords=hotwords, lexicon=lexicon)
    assert expected[alone.decode_texts([emissions])[0]] == pytest.approx(max(expected.values()), abs=1e-3)


def test_a_hotword_weighs_once_however_many_outputs_follow_it() -> None:
    """Scores of texts are exact anyway; of a list of one the masses of the search decide."""
    lexicon, emissions = Lexicon((("a", ("p",)), ("b", ("p",)))), random_emissions(91, 4, len(SPACED), peak=2.5)
    config = WIDE.replace(lm_weight=0.7, word_bonus=0.4)
    one, many = (
        BeamSearchDecoder(SPACED, AB, config.replace(n_best=n), hotwords={"a": -1.0}, lexicon=lexicon).decode(emissions)
        for n in (1, 20)
    )
    assert one[0].text == many[0].text == "a b"


def say(symbols: Symbols, labels: str, *, noise: float = 0.3, seed: int = 0) -> np.ndarray:
    """Emissions of labels between spaces: two steps each, and a blank."""
    indices = [0]
    for label in labels.split():
        indices += [symbols.labels.index(label)] * 2 + [0]
    logits = np.random.default_rng(seed).normal(0, noise, (len(indices), len(symbols)))
    logits[np.arange(len(indices)), indices] += 14.0
    return (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)


def test_pronunciations_add_up_against_a_word_that_is_said_in_one_way() -> None:
    """Each way to say "a" is less likely than "ba", both together are more."""
    lexicon = Lexicon((("a", ("p",)), ("a", ("q", "p")), ("ba", ("q",))))
    probabilities = np.array([[1e-9, 0.5, 0.5], [0.44, 0.56, 1e-9]])
    emissions = np.log(probabilities / probabilities.sum(axis=1, keepdims=True)).astype(np.float32)
    for beam in (4, 50):
        best = BeamSearchDecoder(JOINED, config=DecodingConfig(beam=beam, n_best=2), lexicon=lexicon).decode(emissions)
        assert [h.text for h in best] == ["a", "ba"]
        assert best[0].acoustic_score == pytest.approx(math.log(0.5 + 0.5 * 0.56), abs=1e-4)
    assert best[0].confidence == pytest.approx(0.78, abs=0.01)


def test_without_a_language_model_words_earn_no_bonus() -> None:
    """Else another word is made of a silence that may be a space."""
    symbols, lexicon = Symbols(("k", " ", ""), 2, WordRule.SPACE), Lexicon((("a", ("k",)),))
    emissions = np.log(np.array([[0.998, 0.001, 0.001], [0.75, 0.249, 0.001], [0.998, 0.001, 0.001]], np.float32))
    decoder = BeamSearchDecoder(symbols, config=DecodingConfig(n_best=2), lexicon=lexicon)
    for again in (decoder, decoder.with_config(decoder.config, hotwords={"a": 0.1})):
        best = again.decode(emissions)[0]
        assert (best.text, best.lm_score) == ("a", 0.0)
        assert best.score == pytest.approx(best.acoustic_score + best.hotword_score)


@pytest.mark.parametrize("symbols", [SPACED, JOINED])
def test_a_hotword_decides_between_homophones(symbols: Symbols) -> None:
    lexicon = Lexicon(LINES)
    heard = say(symbols, "p | q" if symbols is SPACED else "p q")
    decoder = BeamSearchDecoder(symbols, AB, DecodingConfig(lm_weight=0.5), lexicon=lexicon)
    assert decoder.decode(say(symbols, "p"))[0].text == "a"
    for weight in (9.0, 1e9):
        best = decoder.with_config(decoder.config, hotwords={"b ba": weight}).decode(heard)[0]
        assert best.text == "b ba"
        assert best.hotword_score == min(weight, 40.0)
    refused = decoder.with_config(decoder.config, hotwords={"b": -1e9})
    assert refused.decode(say(symbols, "p"))[0].text == "a"


def test_a_part_of_a_hotword_earns_nothing() -> None:
    decoder = BeamSearchDecoder(SPACED, lexicon=Lexicon(LINES), hotwords={"ba b": 8.0})
    best = decoder.decode(say(SPACED, "q |"))[0]
    assert (best.text, best.hotword_score) == ("ba", 0.0)
    assert decoder.decode(say(SPACED, "q | p"))[0].text == "ba b"


def test_a_hotword_outside_the_lexicon_is_named() -> None:
    with pytest.raises(DecodingError, match=r"'zebra' is not in the lexicon"):
        BeamSearchDecoder(SPACED, lexicon=Lexicon(LINES), hotwords={"a zebra": 2.0})


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    symbols=st.sampled_from([SPACED, JOINED]),
    config=configs,
    has_lm=st.booleans(),
    hotwords=HOTWORDS,
)
def test_any_pieces_of_a_stream_and_threads_give_what_the_whole_gives(
    seed: int, symbols: Symbols, config: DecodingConfig, has_lm: bool, hotwords: dict[str, float]
) -> None:
    config = config.replace(hotwords=())
    decoder = BeamSearchDecoder(symbols, AB if has_lm else None, config, lexicon=Lexicon(LINES), hotwords=hotwords)
    agree_in_pieces_and_threads(decoder, random_emissions(seed, 25, len(symbols), peak=4.0))


def test_a_long_utterance_forgets_dead_prefixes_and_keeps_its_text() -> None:
    for symbols in (SPACED, JOINED):
        decoder = BeamSearchDecoder(symbols, AB, DecodingConfig(beam=30), lexicon=Lexicon(LINES))
        emissions = random_emissions(1, 6000, len(symbols), peak=2.0)
        stream = decoder.stream()
        for piece in np.array_split(emissions, 7):
            stream.push(piece)
        assert stream.finish() == decoder.decode(emissions)
