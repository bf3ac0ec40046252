"""A lexicon of outputs that spell: its words, and any other as it is written."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_decoder_fuzz import configs
from test_decoder_pieces import CAT, PIECES, SENTENCE, TINY, heard, planted, spelled
from test_decoder_search import AB, ARPA, LN10, WIDE, agree_in_pieces_and_threads, random_emissions

from asrkit.config import DecodingConfig
from asrkit.decoder import BeamSearchDecoder
from asrkit.errors import ConfigError, LexiconError
from asrkit.text import Lexicon, Symbols, WordRule

SPELLED = DecodingConfig(vocabulary="spelled")
LETTERS = Symbols(("", "a", "b", " "), 0, WordRule.SPACE)
PROBLEMS = {"letters": LETTERS} | {name: PIECES[name] for name in sorted(PIECES.keys() - {"none", "bytes"})}
# "c" is beyond the outputs and said as "b" is; "ab" is said in two ways. The language model lacks "c" and "aab".
WAYS = [("a", "a"), ("ab", "ab"), ("ab", "bb"), ("aab", "aab"), ("c", "b")]


def lexicon_of(symbols: Symbols, ways: list[tuple[str, str]]) -> Lexicon:
    """Words and the texts they are spelled with, each by some labels that write it, wherever these may stand."""
    labels = {
        s.text.decode(): label for s, label in zip(symbols.spellings, symbols.labels, strict=True) if s and s.text
    }

    def split(text: str) -> tuple[str, ...]:
        for end in range(len(text), 0, -1):
            if text[:end] in labels and (end == len(text) or split(text[end:])):
                return (labels[text[:end]], *split(text[end:]))
        return ()

    return Lexicon(tuple((word, split(text)) for word, text in ways if split(text)))


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 100_000),
    steps=st.integers(1, 5),
    name=st.sampled_from(sorted(PROBLEMS)),
    has_lm=st.booleans(),
    hotwords=st.dictionaries(st.sampled_from(["a", "ab", "c ab", "bba"]), st.sampled_from([-1.0, 2.0]), max_size=2),
)
def test_every_text_has_its_exhaustive_score(
    seed: int, steps: int, name: str, has_lm: bool, hotwords: dict[str, float]
) -> None:
    symbols = PROBLEMS[name]
    lexicon = lexicon_of(symbols, WAYS)
    if "c" not in lexicon.pronunciations:
        hotwords.pop("c ab", None)
    hot_words = {word for phrase in hotwords for word in phrase.split()}
    ways = {way for way in WAYS if lexicon_of(symbols, [way]).lines} | {
        (word, word) for word in (hot_words - {"c"}) | ({"a", "b", "ab", "ba"} if has_lm else set())
    }
    readings = defaultdict(list)
    for word, way in sorted(ways):
        readings[way].append(word)
    emissions = random_emissions(seed, steps, len(symbols), peak=2.5)
    sums: dict[str, float] = defaultdict(float)
    for text, p in oracles.texts_of_pieces(heard(emissions, symbols), spelled(symbols), symbols.blank_index).items():
        for words in itertools.product(*(readings.get(word, [word]) for word in text.split())):
            sums[" ".join(words)] += p

    known, ngrams = {word for word, _ in ways}, oracles.read_arpa(ARPA)
    spellings, num_units = sorted(way for _, way in ways), 4 if symbols is LETTERS else 3
    expected = {}
    for text, p in sums.items():
        padded = f" {text} "
        hot = sum(w * sum(padded.startswith(f" {h} ", i) for i in range(len(padded))) for h, w in hotwords.items())
        others = [word for word in text.split() if word not in known]
        lm_score = LN10 * oracles.sentence_log10(ngrams, text) if has_lm else 0.0
        lm_score += 0.5 * sum(oracles.spelling_log(spellings, num_units, word) for word in others)
        expected[text] = math.log(p) + 0.7 * lm_score + 0.4 * has_lm * len(text.split()) + hot
    config = WIDE.replace(vocabulary="spelled", lm_weight=0.7, word_bonus=0.4, unknown_weight=0.5)
    decoder = BeamSearchDecoder(symbols, AB if has_lm else None, config, hotwords=hotwords, lexicon=lexicon)
    found = decoder.decode(emissions)
    assert {h.text: h.score for h in found} == pytest.approx(expected, abs=1e-3)
    assert {h.text: h.acoustic_score for h in found} == pytest.approx(
        {text: math.log(p) for text, p in sums.items()}, abs=1e-4
    )


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 100_000), name=st.sampled_from(sorted(PROBLEMS)), config=configs)
def test_a_lexicon_of_the_language_models_words_changes_nothing(seed: int, name: str, config: DecodingConfig) -> None:
    symbols, config = PROBLEMS[name], config.replace(vocabulary="open")
    lexicon = lexicon_of(symbols, [("ab", "ab"), ("a", "a")])
    emissions = random_emissions(seed, 30, len(symbols), peak=4.0)
    alone = BeamSearchDecoder(symbols, AB, config).decode(emissions)
    beside = BeamSearchDecoder(symbols, AB, config.replace(vocabulary="spelled"), lexicon=lexicon).decode(emissions)
    assert beside == alone


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), name=st.sampled_from(sorted(PROBLEMS)), config=configs, has_lm=st.booleans())
def test_any_pieces_of_a_stream_and_threads_give_what_the_whole_gives(
    seed: int, name: str, config: DecodingConfig, has_lm: bool
) -> None:
    symbols, config = PROBLEMS[name], config.replace(vocabulary="spelled")
    decoder = BeamSearchDecoder(symbols, AB if has_lm else None, config, lexicon=lexicon_of(symbols, WAYS))
    agree_in_pieces_and_threads(decoder, random_emissions(seed, 25, len(symbols), peak=4.0))


CAT_LINES = (("cat", ("▁ca", "t")), ("mat", ("▁m", "at")), ("Sat.", ("▁sat",)), ("sat", ("▁sat",)))


@pytest.mark.parametrize("lm", [None, TINY])
def test_words_outside_the_lexicon_are_written_only_where_asked_for(lm: object) -> None:
    """ "the" and "on" are not in it, and "cat" may be written with other pieces, too."""
    emissions, lexicon = planted(CAT, SENTENCE, noise=0.3), Lexicon(CAT_LINES)
    closed = BeamSearchDecoder(CAT, lm, lexicon=lexicon)
    assert not {"the", "on"} & set(closed.decode(emissions)[0].text.split())
    best = closed.with_config(SPELLED).decode(emissions)[0]
    assert best.text.replace("Sat.", "sat") == "the cat sat on the mat"
    assert [(word.start_step, word.end_step) for word in best.words[:2]] == [(1, 3), (4, 9)]
    other = planted(CAT, ["▁the", "▁c", "at", "s"], noise=0.3)
    assert closed.with_config(SPELLED).decode(other)[0].text == "the cats"
    assert closed.with_config(SPELLED).with_config(DecodingConfig()).decode(emissions) == closed.decode(emissions)


@pytest.mark.parametrize("beam", [1, 2, 50])
def test_bonuses_that_are_paid_step_after_step_lose_nothing(beam: int) -> None:
    """Seventy nats twice are more than a 32-bit number holds; then the text broke off, and was sure to a NaN."""
    symbols = PIECES["no lone mark"]
    config = DecodingConfig(vocabulary="spelled", beam=beam, lm_weight=5.0, word_bonus=20.0, unknown_bonus=10.0)
    decoder = BeamSearchDecoder(symbols, AB, config.replace(symbol_threshold=1e9), lexicon=lexicon_of(symbols, WAYS))
    best = decoder.decode(random_emissions(216, 25, len(symbols), peak=4.0))[0]
    assert best.score > 500
    assert 0 < best.confidence <= 1


def test_a_hotword_outside_the_lexicon_becomes_a_word_of_it() -> None:
    lexicon = Lexicon(CAT_LINES)
    heard_as = planted(CAT, ["▁the", "▁m", "at"], noise=0.3)
    heard_as[:, CAT.labels.index("e")] = np.log(0.05)
    decoder = BeamSearchDecoder(CAT, TINY, SPELLED, lexicon=lexicon)
    assert decoder.decode(heard_as)[0].text == "the mat"
    hot = decoder.with_config(SPELLED, hotwords={"mate": 15.0}).decode(heard_as)[0]
    assert (hot.text, hot.hotword_score) == ("the mate", 15.0)
    assert decoder.with_config(SPELLED.replace(hotwords=("mate=15",))).decode(heard_as)[0].text == "the mate"
    assert decoder.with_config(SPELLED, hotwords={}).decode(heard_as)[0].text == "the mat"


def test_case_is_the_lexicons_the_models_or_that_of_the_outputs() -> None:
    """Upper-case letters, a lower-case language model, and a lexicon that writes as it likes."""
    symbols = Symbols(("<pad>", *"ABCDEHIMNST", "|"), 0, WordRule.BAR)
    lexicon = Lexicon((("cat", (*"CAT", "|")), ("IBM", tuple("IBM")), ("St.", tuple("SAINT"))))
    decoder = BeamSearchDecoder(symbols, TINY, SPELLED.replace(n_best=5), lexicon=lexicon)
    found = decoder.decode(planted(symbols, [*"THE|CAT|SAINT|IBM|MAT|SAT"], noise=0.3))
    assert found[0].text == "THE cat St. IBM MAT SAT"
    assert len({h.text.upper() for h in found}) == len(found), "no word in two cases"
    both = Symbols(("<pad>", *"TthecaS", "|"), 0, WordRule.BAR)
    decoder = BeamSearchDecoder(
        both, TINY, SPELLED.replace(max_unspelled=1.0), lexicon=Lexicon((("cat", tuple("cat")),))
    )
    best = decoder.decode(planted(both, [*"The|cat|Sat"], noise=0.3))[0]
    assert best.text == "The cat Sat"
    assert best.lm_score == pytest.approx(LN10 * TINY.score("the cat sat"), abs=1e-3)


PHONEMES = Symbols(("", "dh", "ah", "k", "ae", "t", " "), 0, WordRule.SPACE)


@pytest.mark.parametrize(
    ("symbols", "lines", "problem"),
    [
        pytest.param(PHONEMES, (("the", ("dh", "ah")), ("cat", ("k", "ae", "t")), ("t", ("t",))), "1 of its 3 words"),
        pytest.param(PIECES["none"], (("ab", ("a", "b")),), "nothing divides the words"),
    ],
)
def test_outputs_that_do_not_spell_are_refused_and_the_other_way_is_told(
    symbols: Symbols, lines: tuple[tuple[str, tuple[str, ...]], ...], problem: str
) -> None:
    with pytest.raises(LexiconError, match=rf"{problem}.*asrkit lm lexicon") as refused:
        BeamSearchDecoder(symbols, config=SPELLED, lexicon=Lexicon(lines, Path("words.tsv")))
    assert str(refused.value).startswith("words.tsv: ") and "\n" not in str(refused.value)


def test_the_search_looks_as_far_as_without_a_lexicon() -> None:
    """A lexicon of sounds looks farther; a search without a language model not as far."""
    decoder = BeamSearchDecoder(LETTERS, config=SPELLED, lexicon=lexicon_of(LETTERS, WAYS))
    options = decoder._options(SPELLED, is_guided=False)
    assert (options.beam_threshold, options.symbol_threshold) == SPELLED.thresholds(is_guided=True)


def test_without_a_lexicon_it_is_refused() -> None:
    with pytest.raises(ConfigError, match="'spelled' is for words outside a lexicon"):
        BeamSearchDecoder(CAT, config=SPELLED)


def test_words_that_only_their_own_letters_spell_are_not_left_out() -> None:
    lexicon = Lexicon((*CAT_LINES, ("mats", ("m", "a", "tz")), ("dog", ("d", "og"))))
    assert BeamSearchDecoder(CAT, lexicon=lexicon).words_left_out == ("mats", "dog")
    assert BeamSearchDecoder(CAT, config=SPELLED, lexicon=lexicon).words_left_out == ("dog",)
