"""A score as plain values for JSON: the stable schema ``asrkit-score-1``, described in docs/score-json.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from asrkit.metrics.breakdown import GroupScore
from asrkit.metrics.comparison import Comparison
from asrkit.metrics.counts import ErrorCounts
from asrkit.metrics.details import Details
from asrkit.metrics.groups import FieldScore
from asrkit.metrics.intervals import Interval
from asrkit.metrics.ranking import Ranking, system_name
from asrkit.metrics.scoring import ScoreReport, View
from asrkit.packages import version_of

SCHEMA = "asrkit-score-1"
COMPARISON_SCHEMA = "asrkit-comparison-1"
RANKING_SCHEMA = "asrkit-ranking-1"


def counts_to_json(counts: ErrorCounts) -> dict[str, Any]:
    """Return counts with their rate; the rate is None where it is undefined."""
    sizes = {name: getattr(counts, name) for name in ("rate", "errors", "num_reference", "num_hypothesis")}
    return {**sizes, **asdict(counts)}


def interval_to_json(interval: Interval | None) -> dict[str, Any] | None:
    """Return an interval, or None."""
    return None if interval is None else asdict(interval)


def _view_to_json(report: ScoreReport, view: View) -> dict[str, Any]:
    words, characters = view.words.total(), view.characters.total()
    rates = {
        name: {
            **counts_to_json(counts),
            "interval": interval_to_json(interval),
            "signature": report.signature(view, unit),
        }
        for name, unit, counts, interval in (
            ("wer", "word", words, view.word_interval),
            ("cer", "char", characters, view.character_interval),
        )
    }
    return {
        "normalizer": view.normalizer,
        **rates,
        "mer": words.match_error_rate,
        "wil": words.information_lost,
        "wip": words.information_preserved,
        "ser": view.sentence_error_rate,
    }


def utterance_to_json(report: ScoreReport, index: int) -> dict[str, Any]:
    """Return one utterance with its counts and alignment under the chosen normalizer."""
    return {
        "id": report.pairs.ids[index],
        "reference": report.pairs.references[index],
        "hypothesis": report.pairs.hypotheses[index],
        **counts_to_json(report.normalized.words[index]),
        "alignment": [[step.kind, step.reference, step.hypothesis] for step in report.align(index)],
    }


def score_to_json(
    report: ScoreReport, *, worst: int = 5, details: Details | None = None, fields: Sequence[FieldScore] = ()
) -> dict[str, Any]:
    """Return a report as plain values.

    "details" is null when they were not asked for.
    """
    return {
        "schema": SCHEMA,
        "asrkit_version": version_of(),
        "hypothesis": {"path": report.hypothesis_path, "format": report.formats[0]},
        "reference": {"path": report.reference_path, "format": report.formats[1]},
        "joined_by": report.pairs.joined_by,
        "num_utterances": report.num_utterances,
        "missing": list(report.pairs.missing),
        "settings": report.config.to_dict(),
        "scores": {
            "normalized": _view_to_json(report, report.normalized),
            "raw": _view_to_json(report, report.raw),
        },
        "normalizer_effect": None if report.effect is None else asdict(report.effect),
        "worst": [utterance_to_json(report, index) for index in report.worst[:worst]],
        "details": None if details is None else details_to_json(details),
        "by": [_field_to_json(field) for field in fields],
        "notes": list(report.notes),
    }


def details_to_json(details: Details, *, most_words: int = 100) -> dict[str, Any]:
    """Return the tables beside the rates; the lists of words hold the most frequent ones."""
    breakdown = details.breakdown
    oov = breakdown.out_of_vocabulary
    return {
        "confusions": [asdict(confusion) for confusion in breakdown.confusions[:most_words]],
        "words": [{**asdict(word), "miss_rate": word.miss_rate} for word in breakdown.words[:most_words]],
        "speakers": [_group_to_json(group) for group in breakdown.speakers],
        "lengths": [_group_to_json(group) for group in breakdown.lengths],
        "durations": [_group_to_json(group) for group in breakdown.durations],
        "worst_tenth": breakdown.worst_tenth,
        "out_of_vocabulary": oov and {**asdict(oov), "rate": oov.rate, "share_of_errors": oov.share_of_errors},
        "keywords": [
            {**asdict(keyword), "recall": keyword.recall, "precision": keyword.precision, "f1": keyword.f1}
            for keyword in breakdown.keywords
        ],
        "false_alarms_per_hour": breakdown.false_alarms_per_hour,
        "bands": [{**asdict(band), "recall": band.recall} for band in breakdown.bands],
        "oracles": [{"depth": best.depth, "errors": best.errors, "rate": best.rate} for best in details.oracles],
        "calibration": None if details.calibration is None else asdict(details.calibration),
        "blame": None if details.blame is None else {"by_cause": details.blame.by_cause, **asdict(details.blame)},
    }


def _group_to_json(group: GroupScore) -> dict[str, Any]:
    return {"name": group.name, "num_utterances": group.num_utterances, **counts_to_json(group.counts)}


def _field_to_json(field: FieldScore) -> dict[str, Any]:
    groups = [{**_group_to_json(group), "interval": interval_to_json(group.interval)} for group in field.groups]
    return {"field": field.field, "groups": groups, "p": field.p, "shuffled": field.shuffled}


def comparison_to_json(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as plain values, schema ``asrkit-comparison-1``."""
    return {
        "schema": COMPARISON_SCHEMA,
        "a": score_to_json(comparison.a, worst=0),
        "b": score_to_json(comparison.b, worst=0),
        **_difference_to_json(comparison),
        "is_settled": comparison.is_settled,
        "needed_utterances": comparison.needed_utterances,
        "needed_hours": comparison.needed_hours,
    }


def ranking_to_json(ranking: Ranking) -> dict[str, Any]:
    """Return several systems as plain values, schema ``asrkit-ranking-1``."""
    return {
        "schema": RANKING_SCHEMA,
        "systems": [
            {"name": system_name(place), **score_to_json(report, worst=0)}
            for place, report in enumerate(ranking.reports)
        ],
        "order": [system_name(place) for place in ranking.order],
        "pairs": [
            {
                "a": system_name(pair.first),
                "b": system_name(pair.second),
                **_difference_to_json(pair.comparison),
                "adjusted_p": pair.adjusted_p,
                "is_settled": pair.is_settled,
            }
            for pair in ranking.pairs
        ],
    }


def _difference_to_json(comparison: Comparison) -> dict[str, Any]:
    return {
        "difference": comparison.difference,
        "interval": interval_to_json(comparison.interval),
        "p": comparison.p,
        "num_apart": comparison.num_apart,
        "probability_of_improvement": comparison.probability_of_improvement,
        "mapsswe": asdict(comparison.matched_pairs),
        "wins": comparison.wins,
        "losses": comparison.losses,
        "ties": comparison.ties,
    }
