"""A score as plain values for JSON: the stable schema ``asrkit-score-1``, described in docs/score-json.md."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from asrkit.metrics.counts import ErrorCounts
from asrkit.metrics.intervals import Interval
from asrkit.metrics.scoring import ScoreReport, View

SCHEMA = "asrkit-score-1"


def counts_to_json(counts: ErrorCounts) -> dict[str, Any]:
    """Return counts with their rate; the rate is None where it is undefined."""
    return {
        "rate": counts.rate,
        "errors": counts.errors,
        "num_reference": counts.num_reference,
        "num_hypothesis": counts.num_hypothesis,
        "hits": counts.hits,
        "substitutions": counts.substitutions,
        "deletions": counts.deletions,
        "insertions": counts.insertions,
    }


def interval_to_json(interval: Interval | None) -> dict[str, Any] | None:
    """Return an interval, or None."""
    return None if interval is None else asdict(interval)


def _view_to_json(report: ScoreReport, view: View) -> dict[str, Any]:
    words = view.words.total()
    return {
        "normalizer": view.normalizer,
        "wer": {
            **counts_to_json(words),
            "interval": interval_to_json(view.word_interval),
            "signature": report.signature(view, "word"),
        },
        "cer": {
            **counts_to_json(view.characters.total()),
            "interval": interval_to_json(view.character_interval),
            "signature": report.signature(view, "char"),
        },
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


def score_to_json(report: ScoreReport, *, worst: int = 5) -> dict[str, Any]:
    """Return a report as plain values.

    Args:
        report: What to write.
        worst: How many of the worst utterances to include.
    """
    return {
        "schema": SCHEMA,
        "asrkit_version": version("asrkit"),
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
        "notes": list(report.notes),
    }
