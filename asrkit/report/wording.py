"""The few phrases and number formats that all reports share."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from asrkit.metrics.counts import ErrorCounts
from asrkit.metrics.intervals import FEWEST_SPEAKERS, Interval
from asrkit.metrics.ranking import system_name
from asrkit.metrics.scoring import NormalizerEffect, ScoreReport

UNDEFINED = "undefined"


def percent(rate: float | None, digits: int = 2) -> str:
    """Write a rate as a percentage; a rate over nothing is undefined, not zero."""
    return UNDEFINED if rate is None else f"{100 * rate:.{digits}f} %"


def span(interval: Interval | None) -> str:
    """Write an interval in percent, such as ``8.91-10.72``."""
    return "" if interval is None else f"{100 * interval.low:.2f}-{100 * interval.high:.2f}"


def plural(number: int, noun: str) -> str:
    """Write a number of things: ``1 utterance``, ``1,200 utterances``."""
    if number != 1:
        noun = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun[:-2]}es" if noun.endswith("sis") else f"{noun}s"
    return f"{number:,} {noun}"


def p_value(p: float) -> str:
    """Write a probability: ``p = 0.031``, ``p < 0.001``."""
    return f"p {short_p(p)}" if p < 0.001 else f"p = {short_p(p)}"


def short_p(p: float) -> str:
    """Write a probability in a table: ``0.031``, ``< 0.001``."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def describe_effect(effect: NormalizerEffect, label: str) -> str:
    """Say what the normalizer changed."""
    if not effect.references and not effect.hypotheses:
        return f"{label} changed nothing"
    kinds = ", ".join(f"{kind} {number:,}" for kind, number in effect.kinds.items())
    changed = f"{plural(effect.references, 'reference')} and {plural(effect.hypotheses, 'hypothesis')}"
    return f"{label} changed {changed}" + (f" ({kinds})" if kinds else "")


def describe_join(report: ScoreReport, systems: str | None = None) -> str:
    """Say what was scored against what, and how both were joined; ``systems`` names hypotheses of several."""
    by = "by id" if report.pairs.joined_by == "id" else "line by line"
    how = f"{plural(report.num_utterances, 'utterance')}, joined {by}"
    if not report.hypothesis_path:
        return how
    formats = report.formats[0] if len(set(report.formats)) == 1 else " against ".join(report.formats)
    return f"{systems or report.hypothesis_path} against {report.reference_path}: {how} (read as {formats})"


def describe_counts(counts: ErrorCounts) -> str:
    """Say how many errors an utterance has."""
    return f"{plural(counts.errors, 'error')} in {plural(counts.num_reference, 'word')} ({percent(counts.rate, 1)})"


def missing_lines(reports: Sequence[ScoreReport]) -> list[str]:
    """Say loudly which hypotheses are missing, and of which of several systems."""
    lines = []
    for place, missing in enumerate(report.pairs.missing for report in reports):
        whose = f"{system_name(place)}: " if len(reports) > 1 else ""
        names = ", ".join(map(visible, missing[:5])) + (", ..." if len(missing) > 5 else "")
        lines += (
            [f"{whose}{len(missing):,} hypotheses are missing and counted as deletions: {names}"] if missing else []
        )
    return lines


def remarks(report: ScoreReport) -> list[str]:
    """Say how the interval was made, what the normalizer changed, and the measures beside the rates."""
    view = report.normalized
    counts = view.words.total()
    lines = []
    if counts.rate is None:
        lines.append("The references hold no word: the rate is undefined.")
    if interval := view.word_interval:
        few = len(set(report.speakers or ()))
        alone = f"; {plural(few, 'speaker')} are too few to tell of others" if 1 < few < FEWEST_SPEAKERS else ""
        units = plural(interval.num_units, interval.unit)
        lines.append(f"{100 * interval.confidence:g} % interval over {units}{alone}")
    if report.effect is not None:
        lines.append(describe_effect(report.effect, view.normalizer))
    measures = [
        ("SER", view.sentence_error_rate),
        ("MER", counts.match_error_rate),
        ("WIL", counts.information_lost),
        ("WIP", counts.information_preserved),
    ]
    lines.append("   ".join(f"{name} {percent(value)}" for name, value in measures))
    return lines


def visible(text: str) -> str:
    """Return a text without the control characters that could steer a terminal or hide what is there."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") or c in _BIDI_CONTROLS else c for c in text)


_BIDI_CONTROLS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
