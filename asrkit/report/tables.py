"""The tables of a score, once for every view: terminal, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asrkit.metrics.blame import Blame
from asrkit.metrics.breakdown import Breakdown, GroupScore
from asrkit.metrics.comparison import Comparison
from asrkit.metrics.confidence import Calibration, Oracle
from asrkit.metrics.counts import ErrorCounts
from asrkit.metrics.details import Details
from asrkit.metrics.groups import FieldScore, GroupRate
from asrkit.metrics.intervals import FEWEST_TO_SETTLE, Interval
from asrkit.metrics.ranking import Ranking, system_name
from asrkit.metrics.scoring import ScoreReport, View
from asrkit.report import wording


@dataclass(frozen=True)
class ReportTable:
    """A titled table of text; columns in ``numeric`` are aligned to the right."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    numeric: frozenset[int] = frozenset()
    note: str = ""


def _right_from(first: int, columns: Sequence[str]) -> frozenset[int]:
    return frozenset(range(first, len(columns)))


def rate_table(report: ScoreReport) -> ReportTable:
    """Return WER and CER with all counts, of the texts as written too where the normalizer changed any."""
    has_interval = report.config.resamples > 0
    columns = ["%", "text", "rate", *([f"{100 * report.config.confidence:g} %"] if has_interval else [])]
    columns += ["errors", "N", "hits", "sub", "del", "ins"]
    effect = report.effect
    is_changed = effect is not None and effect.references + effect.hypotheses > 0
    views = [report.normalized, report.raw] if is_changed else [report.normalized]
    rows = [_rate_row(report, "WER", view, view.words.total(), view.word_interval) for view in views]
    rows += [_rate_row(report, "CER", view, view.characters.total(), view.character_interval) for view in views]
    return ReportTable("Error rates", columns, rows, _right_from(2, columns))


def _rate_row(report: ScoreReport, name: str, view: View, counts: ErrorCounts, interval: Interval | None) -> list[str]:
    label = "as written" if view is report.raw and report.raw is not report.normalized else view.normalizer
    row = [name, label, wording.UNDEFINED if counts.rate is None else f"{100 * counts.rate:.2f}"]
    if report.config.resamples:
        row.append(wording.span(interval))
    numbers = (
        counts.errors,
        counts.num_reference,
        counts.hits,
        counts.substitutions,
        counts.deletions,
        counts.insertions,
    )
    # Beyond a million the separators would not fit into 80 columns.
    style = "," if counts.num_reference < 1_000_000 else "d"
    return row + [format(number, style) for number in numbers]


def detail_tables(details: Details, *, most_rows: int = 10) -> list[ReportTable]:
    """Return every table that has something to say."""
    breakdown = details.breakdown
    tables = [
        *_blame_tables(details.blame),
        *_word_tables(breakdown, most_rows),
        *_group_tables(breakdown, most_rows),
        *_vocabulary_tables(breakdown),
        *_keyword_tables(breakdown),
        *_oracle_tables(details.oracles),
        *_calibration_tables(details.calibration),
    ]
    return [table for table in tables if table.rows]


def _blame_tables(blame: Blame | None) -> list[ReportTable]:
    if blame is None:
        return []
    total = sum(blame.by_cause.values())
    rows = []
    for cause, number in blame.by_cause.items():
        example = next((error for error in blame.errors if error.cause == cause), None)
        shown = "" if example is None else f"{example.reference or '-'} / {example.hypothesis or '-'}"
        rows.append([cause, f"{number:,}", wording.percent(number / total, 1) if total else "", shown])
    note = ""
    if blame.num_skipped:
        note = f"{wording.plural(blame.num_skipped, 'error')} in utterances without usable emissions left out"
    return [
        ReportTable("Whose fault", ["cause", "errors", "share", "said / recognized"], rows, frozenset({1, 2}), note)
    ]


def _word_tables(breakdown: Breakdown, most_rows: int) -> list[ReportTable]:
    confusions = [
        [c.reference, c.hypothesis, f"{c.count:,}", ", ".join(c.utterance_ids)]
        for c in breakdown.confusions[:most_rows]
    ]
    deleted = [
        [w.word, f"{w.deleted:,}", f"{w.occurrences:,}", wording.percent(w.deleted / w.occurrences, 1)]
        for w in breakdown.deleted[:most_rows]
    ]
    inserted = [[w.word, f"{w.inserted:,}", f"{w.occurrences:,}"] for w in breakdown.inserted[:most_rows]]
    missed = [
        [w.word, f"{w.substituted + w.deleted:,}", f"{w.occurrences:,}", wording.percent(w.miss_rate, 1)]
        for w in sorted(breakdown.words, key=lambda w: (-(w.substituted + w.deleted), w.word))[:most_rows]
        if w.substituted + w.deleted
    ]
    return [
        ReportTable("Confusions", ["said", "recognized", "times", "for instance in"], confusions, frozenset({2})),
        ReportTable("Words missed", ["word", "missed", "said", "share"], missed, frozenset({1, 2, 3})),
        ReportTable("Words deleted", ["word", "deleted", "said", "share"], deleted, frozenset({1, 2, 3})),
        ReportTable("Words inserted", ["word", "inserted", "said"], inserted, frozenset({1, 2})),
    ]


def _group_rows(groups: Sequence[GroupScore | GroupRate]) -> list[list[str]]:
    return [
        [
            group.name,
            f"{group.num_utterances:,}",
            f"{group.counts.num_reference:,}",
            wording.percent(group.counts.rate),
            f"{group.counts.substitutions:,}",
            f"{group.counts.deletions:,}",
            f"{group.counts.insertions:,}",
        ]
        for group in groups
    ]


def _group_tables(breakdown: Breakdown, most_rows: int) -> list[ReportTable]:
    columns = ["", "utterances", "words", "WER", "sub", "del", "ins"]
    numeric = _right_from(1, columns)
    speakers = breakdown.speakers
    note = f"the worst {most_rows} of {len(speakers):,}" if len(speakers) > most_rows else ""
    share = breakdown.worst_tenth
    held = "" if share is None else f"the worst tenth of the utterances holds {wording.percent(share, 0)} of all errors"
    return [
        ReportTable("By speaker", columns, _group_rows(speakers[:most_rows]), numeric, note),
        ReportTable("By length", columns, _group_rows(breakdown.lengths), numeric, held),
        ReportTable("By duration", columns, _group_rows(breakdown.durations), numeric),
    ]


def field_table(field: FieldScore, report: ScoreReport, *, most_rows: int = 20) -> ReportTable:
    """Return the score of each group that a column tells apart, and how sure the gap is."""
    percent = f"{100 * report.config.confidence:g} %"
    columns = ["", "utterances", "words", "WER", percent, "sub", "del", "ins"]
    shown = field.groups[:most_rows]
    rows = [
        [*row[:4], wording.span(group.interval), *row[4:]] for row, group in zip(_group_rows(shown), shown, strict=True)
    ]
    notes = [f"the first {most_rows} of {len(field.groups):,}"] if len(field.groups) > most_rows else []
    if field.p is not None:
        sure = "" if field.p <= 1.0 - report.config.confidence else "not "
        notes.append(f"the gap is {sure}settled: {wording.p_value(field.p)} ({field.shuffled} shuffled)")
    return ReportTable(f"By {field.field}", columns, rows, _right_from(1, columns), "; ".join(notes))


def _vocabulary_tables(breakdown: Breakdown) -> list[ReportTable]:
    tables = []
    oov = breakdown.out_of_vocabulary
    if oov is not None:
        rows = [
            ["words in the vocabulary", f"{oov.num_words:,}"],
            ["reference words outside it", f"{oov.occurrences:,} ({wording.percent(oov.rate)})"],
            ["of these not recognized", f"{oov.misses:,}"],
            ["share of all errors", wording.percent(oov.share_of_errors, 1)],
        ]
        note = f"most frequent: {', '.join(oov.examples)}" if oov.examples else ""
        tables.append(ReportTable("Out of vocabulary", ["", ""], rows, frozenset({1}), note))
    rows = [
        [band.name, f"{band.occurrences:,}", f"{band.hits:,}", wording.percent(band.recall, 1)]
        for band in breakdown.bands
    ]
    columns = ["in the training text", "said", "recognized", "recall"]
    return [*tables, ReportTable("Rare words", columns, rows, _right_from(1, columns))]


def _keyword_tables(breakdown: Breakdown) -> list[ReportTable]:
    rows = [
        [
            score.phrase,
            f"{score.num_reference:,}",
            f"{score.num_hypothesis:,}",
            f"{score.hits:,}",
            wording.percent(score.recall, 1),
            wording.percent(score.precision, 1),
            wording.percent(score.f1, 1),
        ]
        for score in breakdown.keywords
    ]
    columns = ["keyword", "said", "found", "right", "recall", "precision", "F1"]
    alarms = breakdown.false_alarms_per_hour
    note = "" if alarms is None else f"{alarms:.2f} false alarms an hour"
    return [ReportTable("Keywords", columns, rows, _right_from(1, columns), note)]


def _oracle_tables(oracles: Sequence[Oracle]) -> list[ReportTable]:
    rows = [[f"{oracle.depth:,}", f"{oracle.errors:,}", wording.percent(oracle.rate)] for oracle in oracles]
    columns = ["best of", "errors", "oracle WER"]
    return [ReportTable("N-best lists", columns, rows, _right_from(0, columns))]


def _calibration_tables(calibration: Calibration | None) -> list[ReportTable]:
    if calibration is None:
        return []
    rows = [
        [f"{b.low:.1f} to {b.high:.1f}", f"{b.count:,}", f"{b.mean_confidence:.3f}", f"{b.share_right:.3f}"]
        for b in calibration.bins
    ]
    entropy, area = calibration.normalized_cross_entropy, calibration.area_under_curve
    note = ", ".join(
        [
            f"NCE {wording.UNDEFINED if entropy is None else format(entropy, '.3f')}",
            f"ECE {calibration.expected_calibration_error:.3f}",
            f"Brier {calibration.brier_score:.3f}",
            f"AUC {wording.UNDEFINED if area is None else format(area, '.3f')}",
        ]
    )
    if calibration.num_skipped:
        note += f"; {wording.plural(calibration.num_skipped, 'utterance')} without usable confidences left out"
    columns = ["confidence", "words", "mean", "right"]
    return [ReportTable("Word confidences", columns, rows, _right_from(1, columns), note)]


def comparison_table(comparison: Comparison) -> ReportTable:
    """Return both systems."""
    return _system_table([comparison.a, comparison.b], [0, 1])


def ranking_tables(ranking: Ranking) -> list[ReportTable]:
    """Return the systems, the best first, and the verdict on each pair."""
    columns = ["", "points", "95 %", "p", "MAPSSWE p", "verdict"]
    columns[2] = f"{100 * ranking.reports[0].config.confidence:g} %"
    rows = []
    for pair in ranking.pairs:
        difference, interval = pair.comparison.difference, pair.comparison.interval
        names = system_name(pair.first), system_name(pair.second)
        better = names[1] if (difference or 0.0) > 0 else names[0]
        matched = pair.comparison.matched_pairs.p
        rows.append(
            [
                f"{names[0]} - {names[1]}",
                wording.UNDEFINED if difference is None else f"{100 * difference:+.2f}",
                "" if interval is None else f"{100 * interval.low:+.2f} to {100 * interval.high:+.2f}",
                "" if pair.adjusted_p is None else wording.short_p(pair.adjusted_p),
                "" if matched is None else wording.short_p(matched),
                f"{better} is better" if pair.is_settled else "not settled",
            ]
        )
    note = f"p of swapping the systems at random, for {wording.plural(len(rows), 'comparison')} at once (Holm)"
    return [
        _system_table(ranking.reports, ranking.order),
        ReportTable("Pairs", columns, rows, frozenset({1, 2, 3, 4}), note),
    ]


def _system_table(reports: Sequence[ScoreReport], order: Sequence[int]) -> ReportTable:
    columns = ["", "WER", "errors", "sub", "del", "ins", "SER"]
    rows = []
    for place in order:
        report = reports[place]
        counts = report.normalized.words.total()
        rows.append(
            [
                f"{system_name(place)}  {report.hypothesis_path}".strip(),
                wording.percent(counts.rate),
                f"{counts.errors:,}",
                f"{counts.substitutions:,}",
                f"{counts.deletions:,}",
                f"{counts.insertions:,}",
                wording.percent(report.normalized.sentence_error_rate, 1),
            ]
        )
    return ReportTable("Systems", columns, rows, _right_from(1, columns))


def verdict(comparison: Comparison) -> list[str]:
    """Say what the comparison shows, in whole sentences."""
    if comparison.difference is None:
        return ["The references hold no word: nothing can be compared."]
    better = "B" if comparison.difference > 0 else "A"
    size = wording.percent(abs(comparison.difference))
    rates = [report.word_error_rate or 0.0 for report in (comparison.a, comparison.b)]
    relative = f", {wording.percent(abs(comparison.difference) / max(rates), 1)} relative" if max(rates) else ""
    lines = []
    if comparison.difference == 0:
        lines.append("Both systems make the same number of errors.")
    else:
        lines.append(f"{better} is better by {size} absolute{relative}.")
    if comparison.interval is not None:
        interval = comparison.interval
        lines.append(
            f"A minus B: {100 * comparison.difference:+.2f} points, {100 * interval.confidence:g} % interval "
            f"{100 * interval.low:+.2f} to {100 * interval.high:+.2f} "
            f"({wording.plural(interval.num_units, interval.unit)})."
        )
    if comparison.p is not None:
        lines.append(f"So large a difference comes by chance with {wording.p_value(comparison.p)}.")
    if comparison.probability_of_improvement is not None and comparison.num_apart >= FEWEST_TO_SETTLE:
        lines.append(
            f"B makes fewer errors in {wording.percent(comparison.probability_of_improvement, 1)} of resamples."
        )
    lines.append(_matched_pairs_line(comparison))
    wins = wording.plural(comparison.wins, "utterance")
    lines.append(f"B wins {wins}, loses {comparison.losses:,}, ties {comparison.ties:,}.")
    lines.append(_settled_line(comparison, better))
    return lines


def _matched_pairs_line(comparison: Comparison) -> str:
    test = comparison.matched_pairs
    if test.z is None or test.p is None:
        return f"MAPSSWE: {wording.plural(test.num_segments, 'segment')}, too few or too alike to test."
    segments = wording.plural(test.num_segments, "segment")
    return f"MAPSSWE: {segments}, Z = {test.z:.2f}, {wording.p_value(test.p)}."


def _settled_line(comparison: Comparison, better: str) -> str:
    if comparison.is_settled:
        return f"The difference is settled: {better} is better on speech like this."
    interval = comparison.interval
    if interval is not None and 0 < comparison.num_apart < FEWEST_TO_SETTLE:
        apart = wording.plural(comparison.num_apart, interval.unit)
        return (
            f"The difference is not settled: the systems differ in {apart}, and fewer than {FEWEST_TO_SETTLE} may "
            "fall the same way by chance."
        )
    if comparison.needed_utterances is None:
        return "The difference is not settled."
    number = comparison.a.num_utterances
    times = comparison.needed_utterances / max(number, 1)
    hours = "" if comparison.needed_hours is None else f", {comparison.needed_hours:.1f} hours,"
    return (
        f"The difference is not settled: about {comparison.needed_utterances:,} utterances{hours} of such speech "
        f"({times:.1f} times this set) would be needed if it stays as it is."
    )
