"""Words that no lexicon has: letters and labels aligned, and words said as others are."""

from __future__ import annotations

import itertools
import math
import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrkit.errors import ConfigError, LexiconError
from asrkit.language_model import NgramModel, build_ngram
from asrkit.pronunciation import PronunciationModel, Unit, align
from asrkit.text import Lexicon

VOWELS = {"a": "AA", "e": "EH", "i": "IH", "o": "AO", "u": "UW"}


def say(word: str) -> tuple[str, ...]:
    """Say a word of an invented language: some letters by their neighbors, two as one, one as two, one not at all."""
    labels: list[str] = []
    for i, letter in enumerate(word):
        after = word[i + 1 : i + 2]
        if letter == "c":  # by what follows
            labels.append("S" if after in ("e", "i") else "K")
        elif letter == "h" and word[i - 1 : i] == "s":  # two letters, one label
            continue
        elif letter == "s":
            labels.append("SH" if after == "h" else "S")
        elif letter == "x":  # one letter, two labels
            labels += ["K", "S"]
        elif letter == "e" and not after:  # silent
            continue
        elif letter == "a" and word[i + 2 :] == "e":  # by what comes two letters later
            labels.append("EY")
        else:
            labels.append(VOWELS.get(letter, letter.upper()))
    return tuple(labels)


def invented_words(count: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    starts, ends = ["c", "s", "sh", "t", "m", "x", "n"], ["", "", "n", "t", "me"]
    words: dict[str, None] = {}
    while len(words) < count:
        syllables = [draw.choice(starts) + draw.choice("aeiou") for _ in range(draw.randint(1, 3))]
        words["".join(syllables) + draw.choice(ends)] = None
    return list(words)


WORDS = invented_words(1200, seed=5)
LEXICON = Lexicon(tuple((word, say(word)) for word in WORDS[:1000]))
UNSEEN = WORDS[1000:]


@pytest.fixture(scope="module")
def model() -> PronunciationModel:
    return PronunciationModel.estimate(LEXICON)


# --- what is said ---------------------------------------------------------------------------------------------------


def test_the_rules_of_a_spelling_are_found(model: PronunciationModel) -> None:
    lines, left_out = model.pronounce_all(UNSEEN)
    wrong = [(word, labels) for word, labels in lines if labels != say(word)]
    assert (wrong, left_out) == ([], [])


@pytest.mark.parametrize("order", [1, 2])
def test_a_shorter_memory_knows_fewer_rules(order: int) -> None:
    lines, _ = PronunciationModel.estimate(LEXICON, order=order).pronounce_all(UNSEEN)
    right = sum(labels == say(word) for word, labels in lines)
    assert 0.05 * len(UNSEEN) < right < 0.98 * len(UNSEEN)


def test_what_is_said_in_two_ways_has_the_shares_of_both() -> None:
    """Two of three words with `i` have the vowel of `machine`."""
    words = ["".join(letters) for letters in itertools.product("ptk", "i", "mns", "ptk")]
    lines = [(word, tuple(word.upper())) for word in words]
    lines += [(word, tuple(word.upper().replace("I", "Y"))) for word in words for _ in range(2)]
    ways = PronunciationModel.estimate(Lexicon(tuple(lines))).pronounce("pimp", n_best=5)
    assert [labels for labels, _ in ways] == [("P", "Y", "M", "P"), ("P", "I", "M", "P")]
    assert [math.exp(log_prob) for _, log_prob in ways] == pytest.approx([2 / 3, 1 / 3], abs=0.02)


def test_ways_come_best_first_and_share_one_probability(model: PronunciationModel) -> None:
    for word in UNSEEN[:30]:
        ways = model.pronounce(word, n_best=20)
        log_probs = [log_prob for _, log_prob in ways]
        assert log_probs == sorted(log_probs, reverse=True)
        assert len({labels for labels, _ in ways}) == len(ways)
        assert sum(map(math.exp, log_probs)) <= 1 + 1e-9
        assert model.pronounce(word, n_best=2) == ways[:2]
        assert model.pronounce(word) == ways[:1]


def test_the_answer_is_the_same_however_the_lexicon_is_sorted(model: PronunciationModel) -> None:
    lines = list(LEXICON.lines)
    random.Random(1).shuffle(lines)
    shuffled = PronunciationModel.estimate(Lexicon(tuple(lines)))
    assert shuffled.pronounce_all(UNSEEN) == model.pronounce_all(UNSEEN)
    assert PronunciationModel.estimate(LEXICON).pronounce("sheximate", 9) == model.pronounce("sheximate", 9)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("cöt", "a letter the lexicon never uses"),
        ("Cat", "letters are not folded: the lexicon has no capitals"),
        ("ca t", "a space is a letter like others"),
        ("", "nothing to say"),
    ],
)
def test_what_cannot_be_said_is_named(model: PronunciationModel, word: str, reason: str) -> None:
    assert model.pronounce(word) == [], reason
    lines, left_out = model.pronounce_all(["cat", word, "cat", "tame", word])
    assert lines == (("cat", ("K", "AA", "T")), ("tame", ("T", "EY", "M")))
    assert left_out == [word]


def test_a_long_word_is_said(model: PronunciationModel) -> None:
    word = "cashi" * 40
    assert model.pronounce(word)[0][0] == say(word)


# --- against slow obvious versions ----------------------------------------------------------------------------------


def test_probabilities_are_those_of_all_ways_through_the_ngram_model(tmp_path: Path) -> None:
    """The search is wide enough here to leave nothing out; what its units spell alike adds up."""
    units = {"a": [("0", ("A",)), ("1", ()), ("2", ("A", "B"))], "b": [("3", ("B",)), ("4", ())], "c": [("5", ("B",))]}
    draw = random.Random(2)
    texts = [" ".join(str(draw.randrange(6)) for _ in range(draw.randint(1, 6))) for _ in range(300)]
    build_ngram(["\n".join(texts)], tmp_path / "units.arpa", order=4, discount_fallback=True)
    ngrams = NgramModel.load(tmp_path / "units.arpa")
    for word in ("a", "ab", "abc", "bcab", "cba"):
        sums: dict[tuple[str, ...], float] = defaultdict(float)
        for way in itertools.product(*(units[letter] for letter in word)):
            labels = tuple(label for _, part in way for label in part)
            sums[labels] += 10 ** ngrams.score(" ".join(name for name, _ in way))
        sums.pop((), None)
        found = PronunciationModel(ngrams, units).pronounce(word, n_best=100)
        assert dict(found).keys() == sums.keys()
        total = sum(sums.values())
        for labels, log_prob in found:
            assert math.exp(log_prob) == pytest.approx(sums[labels] / total, rel=1e-5), (word, labels)


def test_equally_likely_ways_come_in_the_order_of_their_labels(tmp_path: Path) -> None:
    build_ngram(["0\n1\n2"], tmp_path / "units.arpa", order=2, discount_fallback=True)
    units = {"a": [("0", ("Y",)), ("1", ("X",)), ("2", ("Z",))]}
    ways = PronunciationModel(NgramModel.load(tmp_path / "units.arpa"), units).pronounce("a", n_best=3)
    assert [labels for labels, _ in ways] == [("X",), ("Y",), ("Z",)]
    assert [math.exp(log_prob) for _, log_prob in ways] == pytest.approx([1 / 3] * 3)


def all_ways(word: str, labels: tuple[str, ...]) -> list[tuple[Unit, ...]]:
    if not word:
        return [()] if not labels else []
    return [
        ((word[0], labels[:size]), *rest)
        for size in range(min(2, len(labels)) + 1)
        for rest in all_ways(word[1:], labels[size:])
    ]


def chance_of(way: tuple[Unit, ...], chances: dict[Unit, float]) -> float:
    return math.prod(chances[unit] for unit in way)


def slow_chances(lines: list[tuple[str, tuple[str, ...]]]) -> dict[Unit, float]:
    """Expectation maximization over a list of all ways."""
    ways_of = [all_ways(*line) for line in lines]
    chances = {unit: 1.0 for ways in ways_of for way in ways for unit in way}
    for _ in range(12):
        counts: dict[Unit, float] = defaultdict(float)
        of_letter: dict[str, float] = defaultdict(float)
        for ways in ways_of:
            total = sum(chance_of(way, chances) for way in ways)
            for way in ways:
                for unit in way:
                    counts[unit] += chance_of(way, chances) / total
                    of_letter[unit[0]] += chance_of(way, chances) / total
        chances = {unit: counts[unit] / of_letter[unit[0]] for unit in chances}
    return chances


@st.composite
def spelled_words(draw: st.DrawFn) -> tuple[str, tuple[str, ...]]:
    word = draw(st.text("abc", min_size=1, max_size=4))
    return word, tuple(draw(st.lists(st.sampled_from("XYZ"), min_size=1, max_size=2 * len(word))))


@settings(max_examples=40, deadline=None)
@given(st.lists(spelled_words(), min_size=1, max_size=6))
def test_the_alignment_is_the_best_by_a_list_of_all_ways(lines: list[tuple[str, tuple[str, ...]]]) -> None:
    chances = slow_chances(lines)
    aligned = align(lines)
    assert len(aligned) == len(lines)
    for line, way in zip(lines, aligned, strict=True):
        ways = all_ways(*line)
        assert way in ways
        best = max(chance_of(other, chances) for other in ways)
        assert chance_of(way, chances) == pytest.approx(best, rel=1e-4), line


def test_alignment_finds_planted_units() -> None:
    aligned = dict(zip([word for word, _ in LEXICON.lines], align(LEXICON.lines), strict=True))
    units = {unit for way in aligned.values() for unit in way}
    assert {unit for unit in units if unit[0] in "cxm"} == {
        ("c", ("K",)),
        ("c", ("S",)),
        ("x", ("K", "S")),
        ("m", ("M",)),
    }
    assert ("e", ()) in units


def test_equally_likely_ways_are_decided_alike() -> None:
    """Nothing tells which of two like letters is silent, but it is the same one in all words."""
    lines = [(f"{a}tt{b}", (a, "T", b)) for a in "aeiou" for b in "aeiou"]
    silent = {tuple(part for letter, part in way if letter == "t") for way in align(lines)}
    assert silent == {((), ("T",))}


def test_a_word_whose_chance_is_no_number_disturbs_no_other() -> None:
    endless = ("c" * 1000, ("X",))
    lines = [("ab", ("X", "Y")), ("ba", ("Y", "X")), ("aab", ("X", "X", "Y")), ("abb", ("X", "Y", "Y"))]
    with np.errstate(divide="raise", invalid="raise"):
        *others, way = align([*lines, endless])
    assert others == align(lines)
    assert [label for _, part in way for label in part] == ["X"]


# --- what there is little or nothing to learn from ------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.lists(spelled_words(), min_size=1, max_size=8), st.text("abcd", max_size=6), st.integers(1, 6))
def test_any_lexicon_says_words_of_its_letters(lines: list[tuple[str, tuple[str, ...]]], word: str, order: int) -> None:
    ways = PronunciationModel.estimate(Lexicon(tuple(lines)), order=order).pronounce(word, n_best=3)
    if not word or not set(word) <= {letter for spelled, _ in lines for letter in spelled}:
        assert ways == []
    for labels, log_prob in ways:
        assert 1 <= len(labels) <= 2 * len(word)
        assert set(labels) <= {label for _, said in lines for label in said}
        assert log_prob <= 1e-9


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (("w", ("D", "AH", "B", "AH", "L", "Y", "UW")), "a letter said in full"),
        (("w" * 101, ("W",) * 101), "no word"),
        (("w" * 10_000, ("W",) * 10_000), "one that would fill the memory"),
    ],
)
def test_what_is_no_spelling_of_a_word_teaches_nothing(line: tuple[str, tuple[str, ...]], reason: str) -> None:
    model = PronunciationModel.estimate(Lexicon((*LEXICON.lines[:50], line)))
    assert model.pronounce("w") == [], reason
    assert model.pronounce("cat") == PronunciationModel.estimate(Lexicon(LEXICON.lines[:50])).pronounce("cat")


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ((), "no words"),
        ((("a", ()), ("b", ())), "no labels"),
        ((("", ("A",)),), "no letters"),
        ((("tv", ("T", "IY", "V", "IY", "Z")), ("w", ("D", "AH", "B"))), "more than two labels for each letter"),
    ],
)
def test_a_lexicon_that_teaches_nothing_is_refused(lines: tuple[tuple[str, tuple[str, ...]], ...], reason: str) -> None:
    with pytest.raises(LexiconError, match=r"^words\.txt: has no word to learn from: give words of") as error:
        PronunciationModel.estimate(Lexicon(lines, Path("words.txt")))
    assert "\n" not in str(error.value), reason


@pytest.mark.parametrize("order", [0, -1])
def test_an_order_out_of_range_is_refused(order: int) -> None:
    with pytest.raises(ConfigError, match="order must lie between 1 and 6"):
        PronunciationModel.estimate(LEXICON, order=order)


def test_letters_of_any_script_and_names_of_the_ngram_model_are_letters() -> None:
    words = ["αβ", "βα", "ααβ", "|", "<s>", "s<", ">s", "0", "10", "\ufeff\ud800"]
    lines = tuple((word, tuple(f"/{letter}/" for letter in word)) for word in words)
    assert PronunciationModel.estimate(Lexicon(lines)).pronounce("βα|<0")[0][0] == ("/β/", "/α/", "/|/", "/</", "/0/")
