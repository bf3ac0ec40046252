"""Comparing two systems: matched pairs, paired resamples, and what it would take to be sure."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrkit.config import ScoringConfig
from asrkit.errors import ScoringError
from asrkit.metrics.comparison import (
    compare,
    compare_reports,
    errors_by_place,
    match_pairs,
    segment_differences,
)
from asrkit.metrics.intervals import Interval
from asrkit.metrics.joining import Pairs
from asrkit.metrics.scoring import score, score_pairs


def corrupted(references: list[str], rate: float, seed: int) -> list[str]:
    draw = np.random.default_rng(seed)
    return [" ".join("oops" if draw.random() < rate else word for word in text.split()) for text in references]


REFERENCES = [" ".join(f"w{(i * 7 + j) % 50}" for j in range(12)) for i in range(200)]


def test_errors_by_place() -> None:
    assert errors_by_place("=SIID=I") == ([0, 1, 1, 0], [0, 0, 2, 0, 1])


@pytest.mark.parametrize(
    ("a", "b", "segments", "why"),
    [
        ("====", "====", [], "no error, no segment"),
        ("S===", "====", [(1, 0)], "one error of A"),
        ("S==D", "====", [(1, 0), (1, 0)], "two good words part them"),
        ("S=D=", "====", [(2, 0)], "one good word does not"),
        ("S===", "==S=", [(1, 1)], "a word must be good in both systems"),
        ("S=I=S", "====", [(3, 0)], "an insertion between the good words"),
        ("=I=", "I==", [(1, 1)], "insertions alone, one good word apart"),
        ("==I==", "==I==", [(1, 1)], "both wrong alike"),
        ("I", "", [(1, 0)], "an empty reference"),
    ],
)
def test_segments_end_where_both_systems_have_two_words_right(
    a: str, b: str, segments: list[tuple[int, int]], why: str
) -> None:
    assert segment_differences(a, b) == segments, why


@pytest.mark.parametrize(
    ("a", "b", "shared", "segments", "why"),
    [
        ("S==S", "S===", "====", [(1, 1), (1, 0)], "one reading"),
        ("S==S", "S=S", "==D=", [(1, 1), (1, 1)], "a word that B may leave out is right in both"),
        ("S=DS", "S=S", "==D=", [(3, 2)], "a word of A's reading alone that A misses"),
        ("=S=", "==I==", "=I==", [(1, 1)], "a word of B's reading alone, and an insertion"),
        ("=S", "===", "=I=", [(1, 0)], "where B's reading has a word more, A has no error yet"),
        ("===", "=S", "=D=", [(0, 1)], "nor B where A's has one"),
    ],
)
def test_segments_of_references_read_in_two_ways(
    a: str, b: str, shared: str, segments: list[tuple[int, int]], why: str
) -> None:
    assert segment_differences(a, b, shared) == segments, why


def test_alternatives_are_read_as_each_system_fits_them(tmp_path: Path) -> None:
    (tmp_path / "ref.trn").write_text("i {um / uh / @} like it (s-1)\nso {gonna / going to} go (s-2)\n")
    (tmp_path / "a.trn").write_text("i um like it (s-1)\nso gonna know (s-2)\n")
    (tmp_path / "b.trn").write_text("i like it (s-1)\nso going to go (s-2)\n")
    comparison = compare(*(tmp_path / f"{name}.trn" for name in ("a", "b", "ref")))
    assert [report.normalized.words.total().errors for report in (comparison.a, comparison.b)] == [1, 0]
    assert comparison.difference == pytest.approx(1 / 7)
    assert (comparison.wins, comparison.losses, comparison.ties) == (1, 0, 1)
    assert (comparison.matched_pairs.num_segments, comparison.matched_pairs.mean) == (1, 1.0)


def test_the_matched_pairs_of_the_nist_example(tmp_path: Path) -> None:
    """Two systems on two segments of a meeting, on which sc_stats finds 3 segments, mean 0.667 and Z 2.000."""
    (tmp_path / "ref.trn").write_text("(x-0)\nyeah how do we handle how do we (ha-) address that (x-1)\n")
    (tmp_path / "a.trn").write_text("s. (x-0)\nyeah but we have not had we had that s. a. (x-1)\n")
    (tmp_path / "b.trn").write_text("(x-0)\nyeah but we have not and we that's right (x-1)\n")
    config = ScoringConfig(normalizer="none", weights="nist")
    comparison = compare(*(tmp_path / f"{name}.trn" for name in ("a", "b", "ref")), config)
    assert [report.normalized.words.total().errors for report in (comparison.a, comparison.b)] == [9, 7]
    test = comparison.matched_pairs
    assert (test.num_segments, round(test.mean, 3)) == (3, 0.667)
    assert test.z == pytest.approx(2.0, abs=0.0005)
    assert test.p == pytest.approx(0.184, abs=0.001)  # three segments are few


@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_a_handful_of_utterances_settles_nothing(number: int) -> None:
    references = ["the cat sat", "a dog ran off", "we all went home", "it was late", "nobody came"][:number]
    wrong = [f"x {text.split(maxsplit=1)[1]}" for text in references]
    comparison = compare(wrong, references, references)
    assert not comparison.is_settled
    assert comparison.interval is None or comparison.interval.low < comparison.difference < comparison.interval.high
    assert comparison.num_apart == number


@given(st.text("=SDI", max_size=20), st.randoms(use_true_random=False))
def test_segments_hold_every_error_once(a: str, random) -> None:
    words = len(a) - a.count("I")
    b = "".join(random.choice("=SD") + "I" * random.randint(0, 1) for _ in range(words))
    segments = segment_differences(a, b)
    assert sum(one for one, _ in segments) == len(a) - a.count("=")
    assert sum(other for _, other in segments) == len(b) - b.count("=")
    assert all(one or other for one, other in segments)


def test_matched_pairs_by_hand() -> None:
    result = match_pairs(np.array([1, 0, 2, -1]))
    assert (result.num_segments, result.mean) == (4, 0.5)
    assert result.standard_deviation == pytest.approx(math.sqrt(5 / 3))
    assert result.z == pytest.approx(0.5 / math.sqrt(5 / 3) * 2)
    assert result.p == pytest.approx(0.4950, abs=1e-3)  # Student's t, three degrees of freedom
    assert match_pairs(np.array([1, 1])).z is None
    nothing = match_pairs(np.array([], np.int64))
    assert (nothing.mean, nothing.p) == (0.0, None)


def test_a_clear_difference_is_settled_and_swapping_turns_the_sign() -> None:
    a, b = corrupted(REFERENCES, 0.2, 1), corrupted(REFERENCES, 0.05, 2)
    there, back = compare(a, b, REFERENCES), compare(b, a, REFERENCES)
    assert there.is_settled
    assert there.difference is not None
    assert there.difference > 0.1
    assert there.probability_of_improvement == 1.0
    assert there.matched_pairs.z is not None
    assert back.matched_pairs.z == pytest.approx(-there.matched_pairs.z)
    assert back.difference == pytest.approx(-there.difference)
    assert (there.wins, there.losses, there.ties) == (back.losses, back.wins, back.ties)
    assert there.wins + there.losses == there.num_apart == 200 - there.ties
    assert there.needed_utterances is None


def test_the_same_system_twice_is_no_difference() -> None:
    a = corrupted(REFERENCES, 0.2, 1)
    comparison = compare(a, a, REFERENCES)
    assert (comparison.difference, comparison.wins, comparison.ties) == (0.0, 0, 200)
    assert comparison.probability_of_improvement == 0.0
    assert comparison.matched_pairs.z is None
    assert not comparison.is_settled
    assert comparison.needed_utterances is None


def test_the_needed_audio_settles_the_question() -> None:
    references = REFERENCES[:60]
    a, b = corrupted(references, 0.12, 1), corrupted(references, 0.10, 4)
    comparison = compare(a, b, references)
    assert not comparison.is_settled
    assert comparison.needed_utterances is not None
    times = math.ceil(comparison.needed_utterances / 60) + 1
    assert times < 200
    assert compare(a * times, b * times, references * times).is_settled


@pytest.mark.parametrize(
    ("low", "high", "p", "num_apart", "is_settled"),
    [
        (0.01, 0.03, 0.05, 6, True),
        (-0.03, -0.01, 0.01, 6, True),
        (0.01, 0.03, 0.051, 6, False),
        (0.01, 0.03, None, 6, False),
        (0.01, 0.03, 0.01, 5, False),
        (-0.01, 0.03, 0.01, 6, False),
        (0.0, 0.03, 0.01, 6, False),
        (-0.03, 0.0, 0.01, 6, False),
    ],
)
def test_a_difference_is_settled_by_its_interval_and_by_swaps(
    low: float, high: float, p: float | None, num_apart: int, is_settled: bool
) -> None:
    interval = Interval(low, high, 0.95, "utterance", 9)
    found = replace(compare(["a"], ["a"], ["a"]), interval=interval, p=p, num_apart=num_apart)
    assert found.is_settled is is_settled
    assert replace(found, interval=None).is_settled is False


@pytest.mark.parametrize(
    ("difference", "low", "high", "num_units", "times"),
    [
        (0.01, -0.02, 0.04, 9, 9),  # three times too wide
        (-0.01, -0.04, 0.02, 9, 9),
        (0.02, -0.01, 0.05, 2, 3),  # 2.25 times as many: less than the six units that it takes
        (0.02, 0.01, 0.03, 9, None),  # zero lies outside
        (0.02, 0.0, 0.04, 9, None),
        (0.0, -0.03, 0.03, 9, None),
        (None, -0.03, 0.03, 9, None),
    ],
)
def test_what_is_needed_grows_with_the_square_of_the_width(
    difference: float | None, low: float, high: float, num_units: int, times: float | None
) -> None:
    pairs = Pairs(["u1", "u2"], ["a", "a"], ["a", "a"], columns={"duration_s": [60.0, 120.0]})
    report, without = score_pairs(pairs), score_pairs(replace(pairs, columns={}))
    interval = Interval(low, high, 0.95, "utterance", num_units)
    found = replace(compare_reports(report, report), difference=difference, interval=interval, p=1.0)
    assert found.needed_utterances == (None if times is None else pytest.approx(2 * times, abs=1))
    assert found.needed_hours == (None if times is None else pytest.approx(times * 0.05))
    assert replace(found, a=without).needed_hours is None
    assert replace(found, p=0.01, num_apart=6, interval=replace(interval, low=0.001)).needed_utterances is None
    assert replace(found, interval=None).needed_hours is None


def test_regressions_are_what_became_worse_the_widest_apart_first() -> None:
    references = ["a b c d"] * 6
    a, b = ["a b c x", *["a b c d"] * 5], ["a b c d", "a b c x", "a x x x", "a b c x", "", "a b c d"]
    assert compare(a, b, references).regressions == [4, 2, 1, 3]


def test_reports_of_other_references_are_refused() -> None:
    with pytest.raises(ScoringError, match="different references"):
        compare_reports(score(["a"], ["a"]), score(["a"], ["b"]))
    with pytest.raises(ScoringError, match="different references"):
        compare_reports(*(score_pairs(Pairs([name], ["a"], ["a"], "id")) for name in ("u1", "u2")))
    with pytest.raises(ScoringError, match="different normalizers, standard-2 and none; choose one"):
        compare_reports(score(["a"], ["a"]), score(["a"], ["a"], ScoringConfig(normalizer="none")))


def test_no_resamples_no_interval() -> None:
    comparison = compare(["a x"] * 3, ["a b"] * 3, ["a b"] * 3, ScoringConfig(resamples=0))
    assert (comparison.interval, comparison.p) == (None, None)
    assert comparison.difference == 0.5
    assert compare([""], [""], [""]).difference is None
