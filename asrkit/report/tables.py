"""The tables of a score, once for every view: terminal, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asrkit.metrics.breakdown import Breakdown, GroupScore, WordErrors
from asrkit.metrics.confidence import Calibration, Oracle
from asrkit.metrics.counts import ErrorCounts
from asrkit.metrics.details import Details
from asrkit.metrics.groups import FieldScore
from asrkit.metrics.intervals import Interval
from asrkit.metrics.scoring import ScoreReport, View
from asrkit.report import wording
from asrkit.report.queries import confused, in_group, with_word

if TYPE_CHECKING:
    from asrkit.metrics.blame import Blame


@dataclass(frozen=True)
class ReportTable:
    """A titled table of text."""

    title: str  # of the table
    columns: list[str]  # their names
    rows: list[list[str]]  # their cells
    numeric: frozenset[int] = frozenset()  # columns that are aligned to the right
    note: str = ""  # what stands below
    queries: Sequence[str] = ()  # for each row, what finds its utterances in the page; see :mod:`asrkit.report.queries`


def right_from(first: int, columns: Sequence[str]) -> frozenset[int]:
    """Return all columns but the first so many."""
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
    return ReportTable("Error rates", columns, rows, right_from(2, columns))


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
    columns = ["cause", "errors", "share", "said / recognized"]
    queries = [in_group("cause", cause) if number else "" for cause, number in blame.by_cause.items()]
    return [ReportTable("Whose fault", columns, rows, frozenset({1, 2}), note, queries)]


def _word_tables(breakdown: Breakdown, most_rows: int) -> list[ReportTable]:
    confusions = breakdown.confusions[:most_rows]
    by_misses = sorted(breakdown.words, key=lambda w: (-(w.substituted + w.deleted), w.word))
    missed = [w for w in by_misses[:most_rows] if w.substituted + w.deleted]
    deleted, inserted = breakdown.deleted[:most_rows], breakdown.inserted[:most_rows]
    return [
        ReportTable(
            "Confusions",
            ["said", "recognized", "times", "for instance in"],
            [[c.reference, c.hypothesis, f"{c.count:,}", ", ".join(c.utterance_ids)] for c in confusions],
            frozenset({2}),
            queries=[confused(c.reference, c.hypothesis) for c in confusions],
        ),
        _word_table("missed", missed, lambda w: w.substituted + w.deleted, lambda w: with_word("missed", w)),
        _word_table("deleted", deleted, lambda w: w.deleted, lambda w: confused(w, "")),
        _word_table("inserted", inserted, lambda w: w.inserted, lambda w: confused("", w)),
    ]


def _word_table(
    what: str, words: Sequence[WordErrors], count: Callable[[WordErrors], int], query: Callable[[str], str]
) -> ReportTable:
    """Return how often words were missed, deleted or inserted; a share of what was not said tells nothing."""
    columns = ["word", what, "said", *(["share"] if what != "inserted" else [])]
    rows = []
    for word in words:
        row = [word.word, f"{count(word):,}", f"{word.occurrences:,}"]
        rows.append([*row, wording.percent(count(word) / word.occurrences, 1)] if what != "inserted" else row)
    return ReportTable(
        f"Words {what}", columns, rows, right_from(1, columns), queries=[query(word.word) for word in words]
    )


def _group_rows(groups: Sequence[GroupScore]) -> list[list[str]]:
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
    numeric = right_from(1, columns)
    speakers = breakdown.speakers
    note = f"the worst {most_rows} of {len(speakers):,}" if len(speakers) > most_rows else ""
    share = breakdown.worst_tenth
    held = "" if share is None else f"the worst tenth of the utterances holds {wording.percent(share, 0)} of all errors"
    groups = [("speaker", speakers[:most_rows], note), ("length", breakdown.lengths, held)]
    groups.append(("duration", breakdown.durations, ""))
    return [
        ReportTable(f"By {name}", columns, _group_rows(some), numeric, below, [in_group(name, g.name) for g in some])
        for name, some, below in groups
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
    queries = [in_group(field.field, group.name) for group in shown]
    return ReportTable(f"By {field.field}", columns, rows, right_from(1, columns), "; ".join(notes), queries)


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
        queries = ["", in_group("vocabulary", "outside") if oov.occurrences else "", "", ""]
        tables.append(ReportTable("Out of vocabulary", ["", ""], rows, frozenset({1}), note, queries))
    rows = [
        [band.name, f"{band.occurrences:,}", f"{band.hits:,}", wording.percent(band.recall, 1)]
        for band in breakdown.bands
    ]
    columns = ["in the training text", "said", "recognized", "recall"]
    queries = [in_group("training", band.name) if band.occurrences else "" for band in breakdown.bands]
    return [*tables, ReportTable("Rare words", columns, rows, right_from(1, columns), "", queries)]


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
    queries = [with_word("said", score.phrase) for score in breakdown.keywords]
    if len(queries) > 1:
        queries[-1] = ""  # the sum
    return [ReportTable("Keywords", columns, rows, right_from(1, columns), note, queries)]


def _oracle_tables(oracles: Sequence[Oracle]) -> list[ReportTable]:
    rows = [[f"{oracle.depth:,}", f"{oracle.errors:,}", wording.percent(oracle.rate)] for oracle in oracles]
    columns = ["best of", "errors", "oracle WER"]
    queries = [in_group("better-in", f"{oracle.depth}") if oracle.better else "" for oracle in oracles]
    return [ReportTable("N-best lists", columns, rows, right_from(0, columns), "", queries)]


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
    queries = [in_group("confidence", f"{b.low:.1f}-{b.high:.1f}") for b in calibration.bins]
    return [ReportTable("Word confidences", columns, rows, right_from(1, columns), note, queries)]
