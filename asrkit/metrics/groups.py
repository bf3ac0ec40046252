"""Is it worse for some? The score of each group of utterances that a column tells apart, and a test of the gap.

The test shuffles the groups at random and asks how often the rates of chance groups lie as far apart. What is shuffled
depends on what could have fallen otherwise: where each speaker belongs to one group (an accent), whole speakers are;
where the groups vary within a speaker (a noise level), the utterances of each speaker; else all utterances.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from asrkit.errors import ScoringError
from asrkit.metrics.breakdown import GroupScore
from asrkit.metrics.intervals import FloatArray, IntArray, pool_by, rate_interval
from asrkit.metrics.scoring import ScoreReport

UNKNOWN = "unknown"
# A column of numbers with more values than this is cut into so many groups of about the same size.
_MOST_NUMBERS = 10
_NUMBER_GROUPS = 4
# Shuffles of large sets are fewer: what they tell is plain anyway.
_MOST_MOVES = 50_000_000
_FEWEST_SHUFFLES = 199


@dataclass(frozen=True)
class FieldScore:
    """The scores of all groups that a column tells apart."""

    field: str  # name of the column
    groups: list[GroupScore]  # worst first; ranges of numbers in their order
    p: float | None  # probability of such a gap between chance groups; None for one group, or where no draws are wanted
    shuffled: str  # what was shuffled: "speakers", "utterances of each speaker" or "utterances"


def score_by(report: ScoreReport, field: str) -> FieldScore:
    """Score the groups of utterances that a column of a manifest tells apart, such as "speaker", "accent" or "snr".

    Raises:
        ScoringError: There is no such column, or its values are not single ones.
    """
    names, order, are_ranges = _name_groups(_values(report, field))
    table, config = report.normalized.words, report.config
    place = {name: label for label, name in enumerate(order)}
    labels = np.array([place[name] for name in names], np.int64)
    groups = []
    for label, name in enumerate(order):
        inside = np.flatnonzero(labels == label)
        speakers = None if report.speakers is None else [report.speakers[i] for i in inside]
        errors, sizes = table.errors[inside], table.num_reference[inside]
        interval = rate_interval(errors, sizes, confidence=config.confidence, speakers=speakers)
        groups.append(GroupScore(name, inside.tolist(), table.total(inside), interval if config.resamples else None))
    if not are_ranges:
        groups.sort(key=lambda group: (-(group.counts.rate or 0.0), group.name))
    speakers = report.speakers if field != "speaker" else None
    p, shuffled = _test_gap(table.errors, table.num_reference, labels, speakers, config.resamples, config.seed)
    return FieldScore(field, groups, p, shuffled)


def _values(report: ScoreReport, field: str) -> list[Any]:
    columns = report.pairs.columns
    single = [name for name, values in columns.items() if not any(isinstance(v, list | dict | tuple) for v in values)]
    if field not in single:
        what = "holds more than one value an utterance" if field in columns else "is in no manifest given"
        known = (
            f"; there are: {', '.join(sorted(single))}" if single else "; give a manifest, as REF or with --speakers"
        )
        raise ScoringError(f"column {field!r} {what}{known}")
    return columns[field]


def _name_groups(values: Sequence[Any]) -> tuple[list[str], list[str], bool]:
    """Return the group of each utterance, all groups in order, and whether they are ranges of numbers."""
    is_known = [value is not None and value != "" for value in values]
    numbers = [_number(value) for value, known in zip(values, is_known, strict=True) if known]
    present = np.array([number for number in numbers if number is not None])
    if len(present) < len(numbers) or len(set(numbers)) <= _MOST_NUMBERS:
        names = [str(value) if known else UNKNOWN for value, known in zip(values, is_known, strict=True)]
        return names, sorted(set(names)), False
    bounds = np.unique(np.quantile(present, np.arange(1, _NUMBER_GROUPS) / _NUMBER_GROUPS, method="higher"))
    places = np.searchsorted(bounds, present, side="right")
    inside = [present[places == place] for place in np.unique(places)]
    ranges = [f"{some.min():g} to {some.max():g}" for some in inside]
    found = iter(np.unique(places, return_inverse=True)[1].tolist())
    names = [ranges[next(found)] if known else UNKNOWN for known in is_known]
    return names, [*ranges, *([] if all(is_known) else [UNKNOWN])], True


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and not isinstance(value, bool) else None


def _test_gap(
    errors: IntArray,
    sizes: IntArray,
    labels: IntArray,
    speakers: Sequence[str] | None,
    draws: int,
    seed: int,
) -> tuple[float | None, str]:
    """Return the probability of so wide a gap between chance groups, and what was shuffled to find it."""
    rows = np.stack([errors, sizes], axis=1)
    strata, shuffled = np.zeros(len(labels), np.int64), "utterances"
    if speakers is not None:
        place: dict[str, int] = {}
        strata = np.array([place.setdefault(speaker, len(place)) for speaker in speakers], np.int64)
        shuffled = "utterances of each speaker"
        of_speaker = np.full(len(place), -1, np.int64)
        of_speaker[strata] = labels
        if (of_speaker[strata] == labels).all():
            rows, labels, shuffled = pool_by(rows, speakers), of_speaker, "speakers"
            strata = np.zeros(len(labels), np.int64)
    if draws == 0 or len(np.unique(labels)) < 2 or rows[:, 1].sum() == 0:
        return None, shuffled
    surplus = _surplus(rows, strata)
    seen = _gap(surplus, rows[:, 1], labels)
    draws = min(draws, max(_FEWEST_SHUFFLES, _MOST_MOVES // len(labels)))
    generator = np.random.default_rng(seed)
    in_order = np.argsort(strata, kind="stable")
    as_wide = 0
    for _ in range(draws):
        chance = np.empty_like(labels)
        if shuffled == "utterances of each speaker":
            chance[in_order] = labels[np.lexsort((generator.random(len(labels)), strata))]
        else:
            chance = generator.permutation(labels)
        as_wide += _gap(surplus, rows[:, 1], chance) >= seen * (1.0 - 1e-9)
    return (as_wide + 1) / (draws + 1), shuffled


def _surplus(rows: IntArray, strata: IntArray) -> FloatArray:
    """Return how many errors each unit has above what its words would have at the rate of its stratum."""
    errors, sizes = (np.bincount(strata, weights=rows[:, column]) for column in (0, 1))
    rates = errors / np.maximum(sizes, 1)
    return np.asarray(rows[:, 0] - rates[strata] * rows[:, 1], np.float64)


def _gap(surplus: FloatArray, sizes: IntArray, labels: IntArray) -> float:
    """Return how far the rates of the groups lie apart: the sum of squared differences, weighted by words."""
    sums, words = np.bincount(labels, weights=surplus), np.bincount(labels, weights=sizes)
    return float((sums**2 / np.maximum(words, 1.0)).sum())
