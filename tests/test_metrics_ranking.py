"""Several systems on the same references: their order, and verdicts that allow for many comparisons."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrkit.errors import ScoringError
from asrkit.metrics.comparison import compare_reports
from asrkit.metrics.ranking import adjust_for_many, rank, rank_reports, system_name
from asrkit.metrics.scoring import score

REFERENCES = [" ".join(f"w{(i * 7 + j) % 50}" for j in range(12)) for i in range(60)]


def corrupted(rate: float, seed: int) -> list[str]:
    draw = np.random.default_rng(seed)
    return [" ".join("oops" if draw.random() < rate else word for word in text.split()) for text in REFERENCES]


@pytest.mark.parametrize(
    ("p_values", "adjusted", "why"),
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06], "the least three times, the next twice, never less than one before"),
        ([0.5, 0.9], [1.0, 1.0], "no more than 1"),
        ([0.02], [0.02], "one test needs no allowance"),
        ([None, 0.02], [None, 0.02], "what was not tested does not count"),
        ([], [], "nothing"),
    ],
)
def test_holm_by_hand(p_values: list[float | None], adjusted: list[float | None], why: str) -> None:
    assert adjust_for_many(p_values) == pytest.approx(adjusted), why


@given(st.lists(st.floats(0.0, 1.0), max_size=8))
def test_adjusting_keeps_the_order_and_never_lowers(p_values: list[float]) -> None:
    adjusted = adjust_for_many(p_values)
    assert all(one <= other <= 1.0 for one, other in zip(p_values, adjusted, strict=True))
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    assert [adjusted[i] for i in order] == sorted(adjusted)


def test_systems_are_ranked_and_each_pair_is_judged_as_if_alone_but_for_its_p() -> None:
    systems = [corrupted(0.2, 1), corrupted(0.05, 2), corrupted(0.21, 3)]
    ranking = rank(systems, REFERENCES)
    rates = [report.word_error_rate for report in ranking.reports]
    assert ranking.order == sorted(range(3), key=lambda i: rates[i])
    assert ranking.order[0] == 1
    assert [(pair.first, pair.second) for pair in ranking.pairs] == [(0, 1), (0, 2), (1, 2)]
    assert [pair.is_settled for pair in ranking.pairs] == [True, False, True]
    alone = compare_reports(score(systems[0], REFERENCES), score(systems[2], REFERENCES))
    assert ranking.pairs[1].comparison.interval == alone.interval
    assert ranking.pairs[1].comparison.p == alone.p
    assert all(pair.adjusted_p >= pair.comparison.p for pair in ranking.pairs)


def test_many_equal_systems_are_seldom_all_told_apart() -> None:
    """Ten comparisons at 5 % each would call some of five equal systems different in about two sets of seven."""
    called_different = 0
    for seed in range(20):
        ranking = rank([corrupted(0.2, 100 * seed + i) for i in range(5)], REFERENCES)
        called_different += any(pair.is_settled for pair in ranking.pairs)
    assert called_different <= 3


def test_one_system_is_no_comparison() -> None:
    with pytest.raises(ScoringError, match="at least two"):
        rank_reports([score(["a"], ["a"])])


def test_names_of_systems() -> None:
    assert [system_name(place) for place in (0, 25, 26)] == ["A", "Z", "S27"]
