"""The search of weights on a planted measure of errors: what it tries, on how much, and what it chooses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from asrkit.config import DecodingConfig
from asrkit.metrics import CountTable
from asrkit.tuning.search import _RANGES, Trial, _choose, _log_priors, _WeightSearch

WEIGHTS = tuple(_RANGES)
START = DecodingConfig(lm_weight=0.2, word_bonus=2.0, prior_scale=0.05, unknown_weight=0.6, unknown_bonus=0.0)


def search_for(
    errors: Callable[[DecodingConfig], float], size: int, num_candidates: int = 1
) -> tuple[_WeightSearch, list[int]]:
    """A search on utterances of which each has as many errors as the weights say, and how many are decoded in turn."""
    sizes: list[int] = []

    def count_errors(config: DecodingConfig, part: Sequence[int]) -> float:
        sizes.append(len(set(part)))
        return errors(config) * len(part)

    bench = SimpleNamespace(size=size, count_errors=count_errors)
    return _WeightSearch(bench, START, num_candidates, seed=1), sizes  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "num_candidates", "expected"),
    [
        (100, 54, {8: 54, 11: 18, 33: 6, 100: 2}),  # never fewer than eight utterances
        (100, 9, {33: 9, 100: 3}),
        (5, 9, {5: 12}),
        (2_000, 3, {400: 3}),  # nor more than 400
        (100, 1, {100: 1}),
    ],
)
def test_ever_fewer_candidates_get_ever_more_utterances(
    size: int, num_candidates: int, expected: dict[int, int]
) -> None:
    search, sizes = search_for(lambda config: abs(config.lm_weight - 0.8), size, num_candidates)
    shares: list[float] = []
    best = search.halve(shares.append)
    assert Counter(sizes) == expected
    assert sizes == sorted(sizes)
    assert search.num_tried == sum(expected.values())
    assert abs(best.lm_weight - 0.8) <= 1.5 / max(1, num_candidates - 1) or num_candidates == 1
    assert shares[-1] == 1.0
    assert shares == sorted(shares)


def test_candidates_are_the_first_settings_and_one_in_every_part_of_each_range() -> None:
    search, _ = search_for(lambda config: 0, 9, num_candidates=12)
    first, *others = search._candidates()
    assert first == START
    for name, (low, high) in _RANGES.items():
        parts = [int((getattr(config, name) - low) / (high - low) * 11) for config in others]
        assert sorted(parts) == list(range(11)), name
    assert search_for(lambda config: 0, 9)[0]._candidates() == [START]


def test_weights_are_refined_by_two_steps_each_and_never_below_zero() -> None:
    wanted = dict(zip(WEIGHTS, (0.5, 1.0, -1.0, 0.6, -3.0), strict=True))
    search, _ = search_for(lambda config: sum(abs(getattr(config, name) - wanted[name]) for name in WEIGHTS), 3)
    shares: list[float] = []
    found = search.refine(START, shares.append)
    assert [getattr(found, name) for name in WEIGHTS] == [0.425, 1.4, 0.05, 0.6, -1.2]
    assert search.num_tried == 1 + 2 * (1 + 2 + 1 + 2 + 2)  # the other side is tried where the first is no better
    assert shares == pytest.approx([0.1 * place for place in range(1, 11)])
    least = START.replace(lm_weight=0.05, unknown_weight=0.05)
    search, _ = search_for(lambda config: config.lm_weight + config.unknown_weight, 3)
    assert search.refine(least, shares.append) == least  # nor by what is no better


def test_priors_are_the_mean_probabilities_with_one_step_of_each_symbol_added() -> None:
    emissions = [np.log(np.full((steps, 3), [0.5, 0.25, 0.25], np.float32)) for steps in (1, 3)]
    assert _log_priors(emissions) == tuple(np.log(np.array([3, 2, 2]) / 7).round(4))


def table(errors: Sequence[int]) -> CountTable:
    zeros = np.zeros(len(errors), np.int64)
    return CountTable(zeros + 100, np.array(errors, np.int64), zeros, zeros)


@pytest.mark.parametrize(
    ("errors", "speeds", "chosen", "frontier", "worse"),
    [
        ([[10] * 50, [10] * 50], [1.0, 2.0], 1, "-+", "--"),  # as good, faster
        ([[10] * 50, [11] * 50], [1.0, 2.0], 0, "++", "-+"),  # surely worse
        ([[100] * 50, [101] * 50], [1.0, 2.0], 0, "++", "-+"),  # surely, if by little
        ([[10] * 50, [20, 0] * 24 + [15, 10]], [1.0, 2.0], 1, "++", "--"),  # 505 against 500 errors: might be chance
        ([[10] * 50, [20, 0] * 24 + [15, 15]], [1.0, 2.0], 1, "++", "--"),  # two percent are taken
        ([[10] * 50, [20, 0] * 24 + [15, 16]], [1.0, 2.0], 0, "++", "-+"),  # chance too, but too much to risk
        ([[10] * 50, [9] * 50, [9] * 50], [9.0, 2.0, 1.0], 1, "++-", "+--"),  # the best has a faster twin
        ([[9] * 50, [10] * 50], [2.0, 1.0], 0, "+-", "-+"),
        ([[9] * 50, [10] * 50], [1.0, 1.0], 0, "+-", "-+"),
    ],
)
def test_the_cheapest_setting_that_is_not_worse_is_chosen(
    errors: list[list[int]], speeds: list[float], chosen: int, frontier: str, worse: str
) -> None:
    tables = [table(column) for column in errors]
    trials = [
        Trial(DecodingConfig(beam=i + 1), t.total(), speed)
        for i, (t, speed) in enumerate(zip(tables, speeds, strict=True))
    ]
    marked, best, found = _choose(trials, tables, seed=1)
    assert found.config.beam == chosen + 1
    assert best.counts.errors == min(trial.counts.errors for trial in trials)
    assert best.speed == max(trial.speed for trial in trials if trial.counts.errors == best.counts.errors)
    assert "".join("-+"[trial.is_on_frontier] for trial in marked) == frontier
    assert "".join("-+"[trial.is_worse] for trial in marked) == worse
    assert [trial.config for trial in marked] == [trial.config for trial in trials]
