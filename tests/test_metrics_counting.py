"""Counts of errors against a full table, against jiwer, and at the corners."""

from __future__ import annotations

from random import Random

import jiwer
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles_alignment import best_counts
from rapidfuzz.distance import Levenshtein

from asrkit.errors import ConfigError, ScoringError
from asrkit.metrics import ErrorCounts, count_errors, count_pairs
from asrkit.metrics.counting import split_graphemes

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=9)
COUNTS = st.builds(ErrorCounts, *[st.integers(0, 50)] * 4)


def as_tuple(counts: ErrorCounts) -> tuple[int, int, int, int]:
    return counts.hits, counts.substitutions, counts.deletions, counts.insertions


def random_pairs(number: int, seed: int = 1) -> tuple[list[str], list[str]]:
    """Pairs of word strings over a small vocabulary, the hypothesis a corrupted reference."""
    draw = np.random.default_rng(seed)
    hypotheses, references = [], []
    for _ in range(number):
        reference = [f"w{n}" for n in draw.integers(0, 12, draw.integers(0, 18))]
        hypothesis = []
        for word in reference:
            kind = draw.random()
            if kind < 0.6:
                hypothesis.append(word)
            elif kind < 0.75:
                hypothesis.append(f"w{draw.integers(0, 12)}")
            elif kind < 0.88:
                hypothesis += [word, f"w{draw.integers(0, 12)}"]
        hypotheses.append(" ".join(hypothesis))
        references.append(" ".join(reference))
    return hypotheses, references


@pytest.mark.parametrize(
    ("hypothesis", "reference", "expected"),
    [
        ("a b", "a b", (2, 0, 0, 0)),
        ("gate shut", "open gate", (1, 0, 1, 1)),  # jiwer says two substitutions
        ("", "a b", (0, 0, 2, 0)),
        ("a b", "", (0, 0, 0, 2)),
        ("", "", (0, 0, 0, 0)),
        ("i", "a", (0, 1, 0, 0)),
        ("a\tb\u3000c", " a b  c ", (3, 0, 0, 0)),
    ],
)
def test_counts_by_hand(hypothesis: str, reference: str, expected: tuple[int, int, int, int]) -> None:
    assert as_tuple(count_errors([hypothesis], [reference])) == expected
    assert best_counts(hypothesis.split(), reference.split()) == expected


@pytest.mark.parametrize("weights", ["unit", "nist"])
def test_5000_pairs_equal_a_full_table(weights: str) -> None:
    hypotheses, references = random_pairs(5_000)
    table = count_pairs(hypotheses, references, weights=weights)
    for i in range(5_000):
        expected = best_counts(hypotheses[i].split(), references[i].split(), nist=weights == "nist")
        assert as_tuple(table[i]) == expected


@given(st.lists(st.tuples(WORDS, WORDS), max_size=5))
def test_any_pairs_equal_a_full_table(pairs: list[tuple[list[str], list[str]]]) -> None:
    table = count_pairs([" ".join(h) for h, _ in pairs], [" ".join(r) for _, r in pairs])
    assert [as_tuple(table[i]) for i in range(len(pairs))] == [best_counts(h, r) for h, r in pairs]


def test_totals_equal_jiwer() -> None:
    hypotheses, references = random_pairs(2_000, seed=2)
    kept = [(h, r) for h, r in zip(hypotheses, references, strict=True) if r]
    theirs = jiwer.process_words([r for _, r in kept], [h for h, _ in kept])
    ours = count_errors([h for h, _ in kept], [r for _, r in kept])
    assert ours.errors == theirs.substitutions + theirs.deletions + theirs.insertions
    assert ours.rate == pytest.approx(theirs.wer)
    assert ours.hits > theirs.hits  # the reason for an alignment of our own


@given(st.text(alphabet="ab é", max_size=12), st.text(alphabet="ab é", max_size=12))
def test_characters_equal_a_full_table(hypothesis: str, reference: str) -> None:
    plain, other = " ".join(reference.split()), " ".join(hypothesis.split())
    assert as_tuple(count_errors([hypothesis], [reference], "char")) == best_counts(other, plain)
    plain, other = plain.replace(" ", ""), other.replace(" ", "")
    assert as_tuple(count_errors([hypothesis], [reference], "char-nospace")) == best_counts(other, plain)


@pytest.mark.parametrize(
    ("text", "graphemes"),
    [
        ("हिन्दी", ["हि", "न्", "दी"]),
        ("e\u0301a", ["e\u0301", "a"]),
        ("👩\u200d👧🏽🇩🇪🇫🇷", ["👩\u200d👧🏽", "🇩🇪", "🇫🇷"]),
        ("", []),
    ],
)
def test_graphemes(text: str, graphemes: list[str]) -> None:
    assert split_graphemes(text) == graphemes
    assert count_errors([text], [text], "grapheme").hits == len(graphemes)


@pytest.mark.parametrize("weights", ["unit", "nist"])
@pytest.mark.parametrize("unit", ["word", "char", "char-nospace", "grapheme"])
def test_long_pairs_are_counted_like_short_ones(monkeypatch: pytest.MonkeyPatch, unit: str, weights: str) -> None:
    hypotheses, references = random_pairs(200)
    short = count_pairs(hypotheses, references, unit, weights)
    monkeypatch.setattr("asrkit.metrics.counting._LONG_CELLS", 0)
    long = count_pairs(hypotheses, references, unit, weights)
    assert [long[i] for i in range(200)] == [short[i] for i in range(200)]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.text("abcdefgh", max_size=400), st.text("abcdefgh", max_size=400)), max_size=4))
def test_distances_equal_rapidfuzz(pairs: list[tuple[str, str]]) -> None:
    table = count_pairs([one for one, _ in pairs], [other for _, other in pairs], "char")
    assert table.errors.tolist() == [Levenshtein.distance(one, other) for one, other in pairs]


@settings(max_examples=50)
@given(st.lists(st.text("abc", min_size=1, max_size=3), max_size=90), st.randoms(use_true_random=False))
def test_pairs_of_several_machine_words_equal_a_full_table(words: list[str], random: Random) -> None:
    """Longer than 64 units, in either order, with any white space, in one byte per character and in more."""
    other = [random.choice(["a", "bb", "c"]) if random.random() < 0.2 else word for word in words]
    other = [word for word in other if random.random() < 0.9]
    one, two = random.choice(["  ", "\t", "\xa0", " "]).join(words), f" {' '.join(other)} "
    for extra in ("", " \u0141"):
        units = (one + extra).split(), (two + extra).split()
        assert as_tuple(count_errors([one + extra], [two + extra])) == best_counts(*units)
        assert as_tuple(count_errors([one + extra], [two + extra], "char")) == best_counts(*map(" ".join, units))


def test_a_vocabulary_beyond_the_first_unicode_plane() -> None:
    words = [f"w{n}" for n in range(70_000)]
    assert count_errors([" ".join(words)], [" ".join([*words[:-1], "other"])]) == ErrorCounts(69_999, 1, 0, 0)


@settings(max_examples=50)
@given(COUNTS, COUNTS)
def test_counts_add_like_corpora(one: ErrorCounts, other: ErrorCounts) -> None:
    both = one + other
    assert both.errors == one.errors + other.errors
    assert both.num_reference == one.num_reference + other.num_reference
    assert ErrorCounts.total([one, other]) == both
    assert one + ErrorCounts() == one


def test_measures_by_hand() -> None:
    counts = ErrorCounts(hits=6, substitutions=1, deletions=1, insertions=2)
    assert counts.num_reference == 8
    assert counts.num_hypothesis == 9
    assert counts.rate == 0.5
    assert counts.match_error_rate == 0.4
    assert counts.information_preserved == pytest.approx(6 / 8 * 6 / 9)
    assert counts.information_lost == pytest.approx(0.5)


def test_rates_over_nothing_are_undefined() -> None:
    counts = ErrorCounts(insertions=2)
    assert counts.rate is None
    assert counts.match_error_rate == 1.0
    assert counts.information_lost is None
    assert ErrorCounts().match_error_rate is None
    assert ErrorCounts(deletions=2).information_lost == 1.0  # nothing recognized, nothing preserved


def test_wrong_arguments() -> None:
    with pytest.raises(ScoringError, match="1 hypotheses but 2 references"):
        count_errors(["a"], ["a", "b"])
    with pytest.raises(ConfigError, match="unknown unit 'letter'"):
        count_errors(["a"], ["a"], "letter")
    with pytest.raises(ConfigError, match="unknown weights"):
        count_pairs(["a"], ["a"], weights="kaldi")
    with pytest.raises(ScoringError, match="negative"):
        ErrorCounts(hits=-1)
