"""Intervals and the test of swaps: they hold for few units as for many, by utterance and by speaker."""

from __future__ import annotations

import itertools
from collections import Counter
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asrkit.metrics import intervals
from asrkit.metrics.intervals import difference_interval, pool_by, rate_interval, resample, swap_test
from asrkit.metrics.student import two_sided_limit

Counts = np.ndarray


def utterances(number: int, seed: int = 1) -> tuple[Counts, Counts]:
    draw = np.random.default_rng(seed)
    sizes = draw.integers(1, 30, number)
    return draw.binomial(sizes, 0.1).astype(np.int64), sizes.astype(np.int64)


def both(a: list[int], b: list[int], size: int = 10) -> Counts:
    """Errors of two systems in units of so many words."""
    return np.array([[x, size, y, size] for x, y in zip(a, b, strict=True)])


def test_resampling_rows_equals_drawing_utterances_one_by_one() -> None:
    errors, sizes = utterances(300)
    values = np.stack([errors, sizes], axis=1)
    fast = resample(values, 20_000, seed=3)
    rates = np.sort(fast[:, 0] / fast[:, 1])
    draw = np.random.default_rng(5)
    slow_sums = np.array([values[draw.integers(0, 300, 300)].sum(axis=0) for _ in range(20_000)])
    slow = np.sort(slow_sums[:, 0] / slow_sums[:, 1])
    for share in (0.025, 0.5, 0.975):
        assert np.quantile(rates, share) == pytest.approx(np.quantile(slow, share), abs=0.0006)


def test_with_many_utterances_it_is_the_interval_of_the_bootstrap() -> None:
    errors, sizes = utterances(3_000)
    interval = rate_interval(errors, sizes, confidence=0.95)
    assert interval is not None
    sums = resample(np.stack([errors, sizes], axis=1), 20_000, seed=3)
    low, high = np.quantile(sums[:, 0] / sums[:, 1], [0.025, 0.975])
    assert (interval.low, interval.high) == (pytest.approx(low, abs=4e-4), pytest.approx(high, abs=4e-4))


@settings(max_examples=30)
@given(st.lists(st.lists(st.sampled_from([-1, 0, 1, 3]), min_size=2, max_size=2), min_size=1, max_size=30))
@example([[0, 2**40], [1, -(2**40)], [0, 2**40], [2**30, 0]])  # too far apart to be numbered
def test_equal_rows_are_counted(rows: list[list[int]]) -> None:
    distinct, counts = intervals._distinct_rows(np.array(rows))
    assert Counter(map(tuple, rows)) == dict(zip(map(tuple, distinct.tolist()), counts.tolist(), strict=True))


def test_drawing_in_parts_draws_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = [2, 0, 5, 1, 3, 0, 2, 1], [0, 1, 3, 1, 2, 0, 0, 0]
    whole = swap_test(both(a, b), 20_000, seed=1)
    monkeypatch.setattr(intervals, "_DRAWS_AT_ONCE", 1_000)
    sums = resample(np.stack([np.ones(300, np.int64), utterances(300)[0]], axis=1), 2_501, seed=3)
    assert sums.shape == (2_501, 2)
    assert (sums[:, 0] == 300).all()
    assert swap_test(both(a, b), 20_000, seed=1) == pytest.approx(whole, abs=0.015)
    monkeypatch.setattr(intervals, "_DRAWS_AT_ONCE", 1)
    assert resample(both(a, b), 3, seed=3).shape == (3, 4)
    assert swap_test(both(a, a), 9, seed=1) == 1.0


def spread(changes: Counts, sizes: Counts) -> float:
    """Half the width at 95 %, of what leaving each unit out changes."""
    shares = sizes / sizes.sum()
    error = np.sqrt((len(sizes) - 1) * np.mean(changes**2))
    return two_sided_limit(0.95, max(1.0, 1 / (shares**2).sum() - 1)) * float(error)


@pytest.mark.parametrize("number", [2, 3, 5, 40])
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5])
def test_the_intervals_are_those_of_the_jackknife(number: int, rate: float) -> None:
    draw, z = np.random.default_rng(number), NormalDist().inv_cdf(0.975)
    sizes = draw.integers(5, 30, number)
    words, a, b = sizes.sum(), draw.binomial(sizes, rate), draw.binomial(sizes, 0.6 * rate)
    changes = [(x.sum() - x) / (words - sizes) - x.sum() / words for x in (a, b)]
    whole, found = a.sum() / words, rate_interval(a, sizes, confidence=0.95)
    assert found is not None
    least = z**2 * whole * (1 - whole) / words / 2
    scale = max(spread(changes[0], sizes) ** 2, least) / whole if whole else z**2 / words
    for end in (found.low, found.high):  # as wide as a count of that rate would be
        assert end == 1.0 or (whole - end) ** 2 == pytest.approx(scale * end)
    assert found.low <= whole <= found.high <= 1.0
    apart = difference_interval(np.stack([a, sizes, b, sizes], axis=1), 0.95, "utterance")
    assert apart is not None
    half = max(spread(changes[0] - changes[1], sizes), z * np.sqrt(max(1, np.abs(a - b).sum())) / words)
    middle = (a.sum() - b.sum()) / words
    assert (apart.low, apart.high) == pytest.approx((middle - half, middle + half))


@pytest.mark.parametrize("speakers", [5, 8, 12])
@pytest.mark.parametrize("spread", [0.0, 0.8], ids=["speakers of one size", "speakers of very unequal size"])
def test_the_interval_holds_the_truth_as_often_as_it_says(speakers: int, spread: float) -> None:
    draw = np.random.default_rng(speakers)
    names = [f"s{i}" for i in range(speakers)]
    covered, trials = 0, 600
    for _ in range(trials):
        rates = draw.gamma(11.1, 0.018, speakers)  # mean 20 %, standard deviation 6 %
        sizes = np.maximum(1, 300 * draw.lognormal(0.0, spread, speakers)).astype(np.int64)
        interval = rate_interval(draw.binomial(sizes, rates.clip(0, 1)), sizes, confidence=0.95, speakers=names)
        assert interval is not None
        covered += interval.low <= 0.2 <= interval.high
    # The promise is 95 %, which so many trials tell to two points.
    assert 0.92 * trials <= covered <= 0.98 * trials


@pytest.mark.parametrize("units", [2, 3, 5, 6, 8, 12])
@pytest.mark.parametrize("words", [10, 300], ids=["utterances", "speakers"])
def test_equal_systems_are_seldom_called_different(units: int, words: int) -> None:
    draw = np.random.default_rng(units + words)
    trials, different = 400, 0
    for _ in range(trials):
        common = 0.2 + 0.06 * draw.normal(size=units)
        own = 0.015 * draw.normal(size=units)
        a, b = (draw.binomial(words, (common + sign * own / 2).clip(0, 1)) for sign in (1, -1))
        p = swap_test(both(list(a), list(b), words), 400, seed=1)
        assert p is not None
        different += p <= 0.05
    assert different <= 0.07 * trials  # 5 %, and chance
    assert units > 5 or different == 0


def test_a_difference_of_three_points_is_found_at_twenty_speakers() -> None:
    draw = np.random.default_rng(3)
    found = 0
    for _ in range(100):
        common, own = 0.2 + 0.06 * draw.normal(size=20), 0.03 + 0.015 * draw.normal(size=20)
        a, b = (draw.binomial(300, (common + sign * own / 2).clip(0, 1)) for sign in (1, -1))
        values = both(list(a), list(b), 300)
        interval = difference_interval(values, 0.95, "speaker")
        assert interval is not None
        found += interval.low > 0.0 and (swap_test(values, 400, seed=1) or 1.0) <= 0.05
    assert found >= 80


def test_the_swap_test_agrees_with_trying_every_swap() -> None:
    draw = np.random.default_rng(4)
    for _ in range(5):
        (a, b), (of_a, of_b) = draw.integers(0, 6, (2, 9)), draw.integers(6, 12, (2, 9))
        for sizes in ((of_a, of_a), (of_a, of_b)):  # or where they read the references differently
            apart = a - b - (a.sum() + b.sum()) / (sizes[0].sum() + sizes[1].sum()) * (sizes[0] - sizes[1])
            every = [abs(float(np.dot(signs, apart))) for signs in itertools.product((1, -1), repeat=9)]
            exact = float(np.mean([value >= abs(apart.sum()) - 1e-9 for value in every]))
            values = np.stack([a, sizes[0], b, sizes[1]], axis=1)
            assert swap_test(values, 20_000, seed=2) == pytest.approx(exact, abs=0.015)


def test_the_swap_test_charges_for_words_that_one_reading_lacks() -> None:
    alike = np.array([[1, 10, 1, 10]] * 8)
    assert swap_test(alike, 500, seed=1) == 1.0
    shorter = np.array([[1, 10, 1, 8]] * 8)  # the same errors in fewer words
    assert swap_test(shorter, 500, seed=1) == pytest.approx(2 / 2**8, abs=0.01)
    assert swap_test(np.zeros((3, 4), np.int64), 500, seed=1) is None


@pytest.mark.parametrize(
    ("a", "b", "why"),
    [
        ([1, 1, 1], [0, 0, 0], "three times the same says nothing of the spread"),
        ([1, 1], [0, 0], "nor do two"),
        ([2, 1, 1], [0, 0, 0], "nor do three that nearly agree"),
        ([0, 0, 0], [0, 0, 0], "nor three without any error"),
    ],
)
def test_few_utterances_that_agree_leave_zero_inside(a: list[int], b: list[int], why: str) -> None:
    interval = difference_interval(both(a, b, 3), 0.95, "utterance")
    assert interval is not None
    assert interval.low < 0.0 < interval.high, why


@pytest.mark.parametrize(
    ("errors", "sizes", "low", "high", "why"),
    [
        ([0, 0, 0], [10, 10, 10], 0.0, 3.84 / 30, "no error in 30 words: one in eight is no surprise"),
        ([1, 1], [10, 10], 0.05, 0.2, "two utterances that agree"),
        ([10, 11], [100, 110], 0.076, 0.13, "nearly"),
    ],
)
def test_utterances_that_agree_do_not_make_the_interval_vanish(
    errors: list[int], sizes: list[int], low: float, high: float, why: str
) -> None:
    interval = rate_interval(np.array(errors), np.array(sizes), confidence=0.95)
    assert interval is not None
    assert interval.low <= low, why
    assert interval.high >= high - 1e-3, why


def test_speakers_widen_the_interval_when_their_utterances_agree() -> None:
    draw = np.random.default_rng(2)
    speakers = [f"s{i % 8}" for i in range(600)]
    rate = dict(zip(sorted(set(speakers)), draw.uniform(0.02, 0.25, 8), strict=True))
    sizes = np.full(600, 20)
    errors = np.array([draw.binomial(20, rate[name]) for name in speakers])
    alone = rate_interval(errors, sizes, confidence=0.95)
    grouped = rate_interval(errors, sizes, confidence=0.95, speakers=speakers)
    assert alone is not None
    assert grouped is not None
    assert (alone.unit, alone.num_units) == ("utterance", 600)
    assert (grouped.unit, grouped.num_units) == ("speaker", 8)
    assert grouped.high - grouped.low > 3 * (alone.high - alone.low)


def test_few_speakers_give_no_interval_of_their_own() -> None:
    errors, sizes = utterances(20)
    for names, unit in (("abcd", "utterance"), ("abcde", "speaker")):
        interval = rate_interval(errors, sizes, confidence=0.95, speakers=list(names) * (20 // len(names)))
        assert interval is not None
        assert interval.unit == unit


def test_corners() -> None:
    one, none = np.array([1]), np.zeros(3, np.int64)
    assert rate_interval(one, one, confidence=0.95) is None
    assert rate_interval(none, none, confidence=0.95) is None
    assert rate_interval(np.array([1, 0, 0]), np.array([0, 4, 0]), confidence=0.95) is None  # one unit has all words
    for silent in ([0, 0, 0, 0], [1, 3, 1, 0], [1, 0, 1, 3]):
        assert difference_interval(np.array([silent] * 3), 0.95, "utterance") is None
    assert swap_test(both([1], [0]), 0, seed=1) is None
    two_words = rate_interval(np.array([1, 0]), np.array([1, 1]), confidence=0.95)
    assert two_words is not None
    assert two_words.high == 1.0  # nothing is known, but a rate of 1,000 % is no answer
    many_insertions = rate_interval(np.array([9, 3, 5]), np.array([2, 2, 2]), confidence=0.95)
    assert many_insertions is not None
    assert many_insertions.high == 4.5  # as bad as the worst of them
    wider = rate_interval(*utterances(20), confidence=0.99)
    narrower = rate_interval(*utterances(20), confidence=0.9)
    assert wider is not None
    assert narrower is not None
    assert wider.low < narrower.low < narrower.high < wider.high


def test_pooling_by_group() -> None:
    assert pool_by(np.array([[1, 2], [3, 4], [5, 6]]), ["b", "a", "b"]).tolist() == [[6, 8], [3, 4]]
