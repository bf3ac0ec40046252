"""Bootstrap intervals: the right distribution, by utterance and by speaker."""

from __future__ import annotations

import numpy as np
import pytest

from asrkit.metrics.intervals import pool_by, rate_interval, resample

OPTIONS = {"resamples": 4_000, "confidence": 0.95, "seed": 1}


def utterances(number: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    sizes = draw.integers(1, 30, number)
    return draw.binomial(sizes, 0.1).astype(np.int64), sizes.astype(np.int64)


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


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(200):
        errors, sizes = utterances(150, seed)
        interval = rate_interval(errors, sizes, resamples=400, confidence=0.9, seed=seed)
        assert interval is not None
        covered += interval.low <= 0.1 <= interval.high
    assert 165 <= covered <= 195


def test_speakers_widen_the_interval_when_their_utterances_agree() -> None:
    draw = np.random.default_rng(2)
    speakers = [f"s{i % 8}" for i in range(600)]
    rate = dict(zip(sorted(set(speakers)), draw.uniform(0.02, 0.25, 8), strict=True))
    sizes = np.full(600, 20)
    errors = np.array([draw.binomial(20, rate[name]) for name in speakers])
    alone = rate_interval(errors, sizes, **OPTIONS)
    grouped = rate_interval(errors, sizes, speakers=speakers, **OPTIONS)
    assert alone is not None
    assert grouped is not None
    assert (alone.unit, alone.num_units) == ("utterance", 600)
    assert (grouped.unit, grouped.num_units) == ("speaker", 8)
    assert grouped.high - grouped.low > 3 * (alone.high - alone.low)


def test_few_speakers_give_no_interval_of_their_own() -> None:
    errors, sizes = utterances(20)
    interval = rate_interval(errors, sizes, speakers=["a", "b"] * 10, **OPTIONS)
    assert interval is not None
    assert interval.unit == "utterance"


def test_corners() -> None:
    one, none = np.array([1]), np.zeros(3, np.int64)
    assert rate_interval(one, one, **OPTIONS) is None
    assert rate_interval(none, none, **OPTIONS) is None
    errors, sizes = utterances(20)
    assert rate_interval(errors, sizes, resamples=0, confidence=0.95, seed=1) is None
    assert rate_interval(errors, sizes, **OPTIONS) == rate_interval(errors, sizes, **OPTIONS)
    mostly_empty = rate_interval(np.array([1, 0, 0]), np.array([0, 4, 0]), **OPTIONS)
    assert mostly_empty is not None
    assert mostly_empty.low == 0.0


def test_pooling_by_group() -> None:
    assert pool_by(np.array([[1, 2], [3, 4], [5, 6]]), ["b", "a", "b"]).tolist() == [[6, 8], [3, 4]]
