"""The page: rates, charts, tables and every utterance with its colored alignment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asrkit.metrics.breakdown import GroupScore
from asrkit.metrics.comparison import Comparison
from asrkit.metrics.details import Details
from asrkit.metrics.groups import FieldScore
from asrkit.metrics.ranking import Ranking, system_name
from asrkit.metrics.scoring import ScoreReport
from asrkit.report import wording
from asrkit.report.html.audio import Players
from asrkit.report.html.charts import Bar, bar_chart
from asrkit.report.html.document import document
from asrkit.report.html.markup import alignment, section, table, tag, text
from asrkit.report.tables import comparison_table, detail_tables, field_table, ranking_tables, rate_table, verdict

# A page with more utterances than this is no longer mailed or scrolled with pleasure.
MOST_UTTERANCES = 2_000
_MOST_GROUPS = 20


def render_score(
    report: ScoreReport,
    details: Details,
    players: Players | None = None,
    *,
    fields: Sequence[FieldScore] = (),
    most_utterances: int = MOST_UTTERANCES,
) -> str:
    """Return a score as one HTML document.

    Args:
        report: What to show.
        details: Its tables.
        players: Where recordings lie, if anywhere.
        fields: Scores by the columns asked for.
        most_utterances: How many utterances to list, the worst first; what is left out is told.
    """
    counts = report.normalized.words.total()
    order = _worst_first(report)[:most_utterances]
    parts = [
        tag("p", text(wording.describe_join(report))),
        tag("p", text(wording.missing_line(report)), class_="alarm") if report.pairs.missing else "",
        section("Error rates", table(rate_table(report)) + _paragraphs(wording.remarks(report))),
        *(section(content.title, table(content)) for content in (field_table(field, report) for field in fields)),
        section("Where the errors lie", tag("div", _charts(report, details), class_="charts")),
        _utterance_section([report], order, players, report.num_utterances),
        *(section(content.title, table(content)) for content in detail_tables(details, most_rows=_MOST_GROUPS)),
        tag("footer", tag("code", text(report.signature()))),
    ]
    return document(f"WER {wording.percent(counts.rate)}", "".join(parts))


def render_comparison(
    comparison: Comparison, players: Players | None = None, *, most_utterances: int = MOST_UTTERANCES
) -> str:
    """Return two systems side by side as one HTML document; the arguments are those of :func:`render_score`."""
    a, b = comparison.a, comparison.b
    difference = abs(b.normalized.words.errors - a.normalized.words.errors)
    order = sorted(range(a.num_utterances), key=lambda i: (-int(difference[i]), i))[:most_utterances]
    title = f"{wording.percent(a.word_error_rate)} against {wording.percent(b.word_error_rate)}"
    parts = [
        tag("p", text(wording.describe_join(b))),
        section("Systems", table(comparison_table(comparison)) + _paragraphs(verdict(comparison))),
        _utterance_section([a, b], order, players, a.num_utterances),
        tag("footer", tag("code", text(a.signature()))),
    ]
    return document(f"WER {title}", "".join(parts))


def render_ranking(ranking: Ranking, players: Players | None = None, *, most_utterances: int = MOST_UTTERANCES) -> str:
    """Return several systems side by side as one HTML document; the arguments are those of :func:`render_score`."""
    reports = ranking.reports
    errors = np.stack([report.normalized.words.errors for report in reports])
    apart = errors.max(axis=0) - errors.min(axis=0)
    order = sorted(range(len(apart)), key=lambda i: (-int(apart[i]), i))[:most_utterances]
    parts = [
        tag("p", text(wording.describe_join(reports[0]))),
        *(section(content.title, table(content)) for content in ranking_tables(ranking)),
        _utterance_section(reports, order, players, len(apart)),
        tag("footer", tag("code", text(reports[0].signature()))),
    ]
    best = reports[ranking.order[0]]
    return document(f"WER of {len(reports)} systems, best {wording.percent(best.word_error_rate)}", "".join(parts))


def _worst_first(report: ScoreReport) -> list[int]:
    wrong = report.worst
    is_wrong = set(wrong)
    return [*wrong, *(i for i in range(report.num_utterances) if i not in is_wrong)]


def _paragraphs(lines: list[str]) -> str:
    return "".join(tag("p", text(line), class_="note") for line in lines)


def _charts(report: ScoreReport, details: Details) -> str:
    counts = report.normalized.words.total()
    total = counts.num_reference or 1
    kinds = (("sub", counts.substitutions), ("del", counts.deletions), ("ins", counts.insertions))
    names = {"sub": "substitutions", "del": "deletions", "ins": "insertions"}
    types = [
        Bar(names[kind], ((kind, number / total),), f"{number:,} ({wording.percent(number / total)})")
        for kind, number in kinds
    ]
    breakdown = details.breakdown
    return "".join(
        [
            bar_chart("Types of error", types),
            bar_chart("WER by length", _group_bars(breakdown.lengths)),
            bar_chart("WER by duration", _group_bars(breakdown.durations)),
            bar_chart("WER by speaker, worst first", _group_bars(breakdown.speakers[:_MOST_GROUPS])),
        ]
    )


def _group_bars(groups: list[GroupScore]) -> list[Bar]:
    bars = []
    for group in groups:
        counts, total = group.counts, group.counts.num_reference
        if total:
            numbers = (("sub", counts.substitutions), ("del", counts.deletions), ("ins", counts.insertions))
            parts = tuple((kind, number / total) for kind, number in numbers)
            bars.append(Bar(group.name, parts, wording.percent(counts.rate, 1)))
    return bars


def _utterance_section(reports: list[ScoreReport], order: list[int], players: Players | None, total: int) -> str:
    columns = [("utterance", "text"), *([("speaker", "text")] if reports[0].speakers else []), ("words", "number")]
    names = [""] if len(reports) == 1 else [f" {system_name(place)}" for place in range(len(reports))]
    columns += [(f"errors{name}", "number") for name in names]
    if len(reports) == 1:
        columns.append(("WER", "number"))
    columns += [(f"alignment{name}", "") for name in names]
    sources = {i: players.source(reports[0], i) for i in order} if players is not None else {}
    has_audio = any(sources.values())
    head = "".join(_heading(name, kind) for name, kind in columns) + (_heading("audio", "") if has_audio else "")
    rows = "".join(_utterance_row(reports, i, sources.get(i) if has_audio else None, has_audio) for i in order)
    note = "" if len(order) == total else tag("p", f"The {len(order):,} most telling of {total:,} utterances.")
    content = tag("table", tag("thead", tag("tr", head)) + tag("tbody", rows), id="utterances")
    return section("Utterances", _filters(len(order)) + note + tag("div", content, class_="wide"))


def _heading(name: str, kind: str) -> str:
    if not kind:
        return tag("th", text(name), scope="col")
    button = tag("button", text(name), type="button")
    return tag("th", button, scope="col", data_sort=kind, aria_sort="none", class_=kind)


def _filters(number: int) -> str:
    search = '<input id="search" type="search" placeholder="word, id or speaker" autocomplete="off">'
    least = '<input id="least" type="number" min="0" value="0">'
    return tag(
        "div",
        tag("label", f"Show {search}")
        + tag("label", f"with at least {least} errors")
        + tag("output", f"{number:,} shown", id="shown", aria_live="polite"),
        class_="filters",
    )


def _utterance_row(reports: list[ScoreReport], index: int, source: str | None, has_audio: bool) -> str:
    first = reports[0]
    counts = [report.normalized.words[index] for report in reports]
    cells = [tag("th", tag("bdi", text(first.pairs.ids[index])), scope="row")]
    if first.speakers is not None:
        cells.append(tag("td", tag("bdi", text(first.speakers[index]))))
    cells.append(tag("td", str(counts[0].num_reference), class_="number"))
    cells += [tag("td", str(c.errors), class_="number", data_errors=str(c.errors)) for c in counts]
    if len(reports) == 1:
        value = "" if counts[0].rate is None else f"{counts[0].rate:.6f}"
        cells.append(tag("td", wording.percent(counts[0].rate, 1), class_="number", data_value=value))
    cells += [tag("td", alignment(report.align(index))) for report in reports]
    if has_audio:
        name = f"recording of {first.pairs.ids[index]}"
        player = "" if source is None else tag("audio", "", controls="", preload="none", src=source, aria_label=name)
        cells.append(tag("td", player))
    return tag("tr", "".join(cells))
