"""Tables and sentences that compare systems, once for every view."""

from __future__ import annotations

from collections.abc import Sequence

from asrkit.metrics.breakdown import Breakdown, GroupScore
from asrkit.metrics.comparison import Comparison
from asrkit.metrics.intervals import FEWEST_TO_SETTLE
from asrkit.metrics.ranking import Ranking, system_name
from asrkit.metrics.scoring import ScoreReport
from asrkit.report import wording
from asrkit.report.queries import in_group, with_word
from asrkit.report.tables import ReportTable, right_from


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
    return ReportTable("Systems", columns, rows, right_from(1, columns))


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


def word_changes(breakdowns: Sequence[Breakdown], *, most_rows: int) -> ReportTable:
    """Return the words that the systems miss unequally often, the widest apart first."""
    missed = [{w.word: w.substituted + w.deleted for w in breakdown.words} for breakdown in breakdowns]
    said = {w.word: w.occurrences for breakdown in breakdowns for w in breakdown.words}
    counts = {word: [by_word.get(word, 0) for by_word in missed] for word in said}
    apart = [word for word, some in counts.items() if max(some) > min(some)]
    apart.sort(key=lambda word: (min(counts[word]) - max(counts[word]), word))
    columns = ["word", "said", *(f"missed by {system_name(place)}" for place in range(len(breakdowns)))]
    rows = [[word, f"{said[word]:,}", *(f"{number:,}" for number in counts[word])] for word in apart[:most_rows]]
    queries = [with_word("missed", word) for word in apart[:most_rows]]
    return ReportTable("Words missed by one more than by another", columns, rows, right_from(1, columns), "", queries)


def group_changes(name: str, by_system: Sequence[Sequence[GroupScore]], *, most_rows: int) -> ReportTable:
    """Return the WER of each system in each group, in the order of the first system."""
    columns = ["", "utterances", *(f"WER {system_name(place)}" for place in range(len(by_system)))]
    rates = [{group.name: group.counts.rate for group in some} for some in by_system]
    shown = by_system[0][:most_rows]
    rows = [
        [group.name, f"{group.num_utterances:,}", *(wording.percent(known.get(group.name)) for known in rates)]
        for group in shown
    ]
    queries = [in_group(name, group.name) for group in shown]
    return ReportTable(f"By {name}", columns, rows, right_from(1, columns), "", queries)
