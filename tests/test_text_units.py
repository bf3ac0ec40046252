"""Units: what a network writes, and how texts are spelled with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_bundle import random_bundle

from asrkit.decoder import greedy_decode
from asrkit.errors import BundleError, ConfigError, LexiconError
from asrkit.model.bundle import Bundle
from asrkit.model.export import export_bundle
from asrkit.text import Alphabet, Lexicon, Symbols, WordRule, get_normalizer
from asrkit.text.units import LEXICON, PIECES, Characters, Phonemes, Subwords, Units, _size_for, read_units

CMUDICT = """;;; a comment
A  AH0
A(2)  EY1
CAB  K AE1 B # a car
BACK  B AE1 K
BAC  B AE1 K
"""
WORDS = ["a", "cab", "back", "bac"]


@pytest.fixture(scope="module")
def phonemes(tmp_path_factory: pytest.TempPathFactory) -> Phonemes:
    path = tmp_path_factory.mktemp("lexicon") / "cmudict.dict"
    path.write_text(CMUDICT, encoding="utf-8")
    return Phonemes.of(Lexicon.read(path))


@pytest.fixture(scope="module")
def subwords() -> Subwords:
    pytest.importorskip("sentencepiece")
    return Subwords.find(["the cab went back", "back to the cab", "the cab"] * 20, 14)


def test_phonemes_are_the_labels_of_a_lexicon_without_case_and_stress(phonemes: Phonemes) -> None:
    assert phonemes.symbols == Symbols(("ae", "ah", "b", "ey", "k", " ", ""), 6, WordRule.SPACE)
    labels = phonemes.symbols.labels
    assert [labels[i] for i in phonemes.encode("a cab back")] == ["ah", " ", "k", "ae", "b", " ", "b", "ae", "k"]
    assert len(phonemes.encode("")) == 0
    assert phonemes.missing(["a dog", "dog cab"]) == {"dog": 2}
    with pytest.raises(ConfigError, match="'dog' is not in the lexicon"):
        phonemes.encode("a dog")


def test_a_word_said_in_several_ways_is_the_first_or_drawn(phonemes: Phonemes) -> None:
    random = np.random.default_rng(0)
    drawn = [tuple(phonemes.encode("a", random)) for _ in range(200)]
    assert set(drawn) == {(1,), (3,)}
    assert 60 < drawn.count((1,)) < 140
    before = np.random.default_rng(3)
    phonemes.encode("cab back", before)
    assert before.integers(1 << 30) == np.random.default_rng(3).integers(1 << 30), "nothing is drawn without a choice"


@pytest.mark.parametrize("label", ["<space>", "<wb>"])
def test_a_label_that_is_the_space_between_words_is_refused(label: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.dict"
    path.write_text(f"cab\tk {label} b\nback\tb k\n", encoding="utf-8")
    with pytest.raises(LexiconError, match=f"odd.dict: '{label}' stands for the space"):
        Phonemes.of(Lexicon.read(path))


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6))
def test_what_is_spelled_is_read_back(phonemes: Phonemes, words: list[str]) -> None:
    labels = phonemes.encode(" ".join(words))
    emissions = emit(labels, phonemes.symbols)
    heard = greedy_decode(emissions, phonemes.symbols, phonemes.lexicon).text
    assert heard == " ".join(words).replace("bac ", "back ").removesuffix("bac") + (
        "back" if words[-1] == "bac" else ""
    )


def test_what_no_word_is_said_like_stays_a_row_of_outputs(phonemes: Phonemes) -> None:
    b, space, k = 2, 5, 4
    found = greedy_decode(emit([b, k, space, 1], phonemes.symbols), phonemes.symbols, phonemes.lexicon)
    assert found.text == "b'k a"
    assert [word.text for word in found.words] == ["b'k", "a"]
    for normalizer in ("basic", "standard-1", "standard-2"):
        assert get_normalizer(normalizer)(found.text) == found.text, "one error a word, not one a sound"


def test_subwords_spell_all_that_their_text_has(subwords: Subwords) -> None:
    assert len(subwords.symbols) == 15
    assert subwords.symbols.labels[-1] == ""
    assert subwords.symbols.skipped == {0}
    labels = subwords.encode("the cab went back")
    assert len(labels) < len("the cab went back")
    assert greedy_decode(emit(labels, subwords.symbols), subwords.symbols).text == "the cab went back"
    assert subwords.missing(["the zoo", "zoo cab"]) == {"zoo": 2}
    again = Subwords.find(["the cab went back", "back to the cab", "the cab"] * 20, 14)
    assert again.model == subwords.model, "the same text makes the same pieces"


def test_subwords_that_a_text_has_not_are_refused() -> None:
    pytest.importorskip("sentencepiece")
    with pytest.raises(ConfigError, match=r"9000 pieces cannot be made of the training text: it has \d+ at most"):
        Subwords.find(["the cab went back"], 9000)
    with pytest.raises(ConfigError, match="no model of sentencepiece"):
        Subwords.read(b"something")


@pytest.mark.parametrize(("characters", "pieces"), [(10, 100), (60_000, 150), (100_000, 200), (10_000_000, 5000)])
def test_the_number_of_pieces_follows_the_text(characters: int, pieces: int) -> None:
    assert _size_for(["x" * characters]) == pieces


@pytest.mark.parametrize("kind", ["characters", "phonemes", "subwords"])
def test_a_bundle_keeps_its_units(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    alphabet = Alphabet(" abcehkntow")
    units: Units = Characters(alphabet) if kind == "characters" else request.getfixturevalue(kind)
    bundle = random_bundle(tmp_path / "one", letters=alphabet.symbols, units=units)
    export_bundle(bundle, tmp_path / "two", half=True)
    for read in (bundle, Bundle.load(tmp_path / "two")):
        assert (read.kind, read.alphabet, read.symbols) == (kind, alphabet, units.symbols)
        np.testing.assert_array_equal(read.units.encode("a cab back"), units.encode("a cab back"))
        assert (read.lexicon is not None) == (kind == "phonemes")
        assert (read.path / LEXICON).is_file() == (kind == "phonemes")
        assert (read.path / PIECES).is_file() == (kind == "subwords")


def test_a_bundle_that_lost_its_units_says_so(phonemes: Phonemes, tmp_path: Path) -> None:
    bundle = random_bundle(tmp_path / "one", letters=" abc", units=phonemes)
    (bundle.path / LEXICON).unlink()
    with pytest.raises(BundleError, match=r"units cannot be used.*lexicon"):
        _ = Bundle.load(bundle.path).units
    with pytest.raises(ConfigError, match=r"'syllables' are not known; upgrade"):
        read_units("syllables", Alphabet(" a"), Alphabet(" a"), tmp_path)
    with pytest.raises(ConfigError, match=r"pieces\.model is missing"):
        read_units("subwords", Alphabet(" a"), Alphabet(" a"), tmp_path)


def test_other_pieces_than_the_network_has_are_refused(subwords: Subwords) -> None:
    other = Subwords(
        Symbols((*subwords.symbols.labels[:-2], "zz", ""), 14, WordRule.PIECE, frozenset({0})), subwords.model
    )
    with pytest.raises(ConfigError, match="other pieces than the network"):
        other.encode("the cab")


def emit(labels: object, symbols: Symbols) -> np.ndarray:
    """Two steps an output, a blank after each."""
    steps = [index for output in labels for index in (output, output, symbols.blank_index)]  # type: ignore[attr-defined]
    values = np.full((len(steps), len(symbols)), 1e-5)
    values[np.arange(len(steps)), steps] = 1.0
    return np.asarray(np.log(values / values.sum(axis=1, keepdims=True)).astype(np.float32))
