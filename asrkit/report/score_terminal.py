"""A score for the terminal: sparing, and readable in 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from asrkit.metrics.comparison import Comparison
from asrkit.metrics.details import Details
from asrkit.metrics.groups import FieldScore
from asrkit.metrics.ranking import Ranking, system_name
from asrkit.metrics.scoring import ScoreReport
from asrkit.report import wording
from asrkit.report.alignment_text import alignment_text
from asrkit.report.tables import ReportTable, detail_tables, field_table, rate_table
from asrkit.report.verdicts import comparison_table, ranking_tables, verdict

_WIDEST = 100
_GAP = 2  # cells between columns
_NARROWEST = 16  # cells that a column of words may have to do with


def print_score(
    report: ScoreReport,
    console: Console,
    *,
    worst: int = 5,
    details: Details | None = None,
    fields: Sequence[FieldScore] = (),
) -> None:
    """Print the rates with their counts, then the groups asked for, the worst utterances, and the details."""
    _print_join([report], console)
    console.print()
    _print_table(rate_table(report), console, title=False)
    for line in wording.remarks(report):
        console.print(Text(line, style="dim"))
    for field in fields:
        console.print()
        _print_table(field_table(field, report), console)
    if worst and report.worst:
        console.print()
        _print_worst(report, console, worst)
    for table in detail_tables(details) if details is not None else []:
        console.print()
        _print_table(table, console)
    console.print()
    console.print(Text(report.signature(), style="dim"), soft_wrap=True)


def print_comparison(comparison: Comparison, console: Console, *, worst: int = 5) -> None:
    """Print two systems, the verdict, and the utterances in which they differ most."""
    _print_join([comparison.a, comparison.b], console)
    console.print()
    _print_table(comparison_table(comparison), console, title=False)
    console.print()
    for line in verdict(comparison):
        console.print(Text(line))
    _print_widest_apart([comparison.a, comparison.b], console, worst)


def print_ranking(ranking: Ranking, console: Console, *, worst: int = 5) -> None:
    """Print several systems, the best first, the verdict on each pair, and the utterances in which they differ most."""
    _print_join(ranking.reports, console)
    for content in ranking_tables(ranking):
        console.print()
        _print_table(content, console, title=False)
    _print_widest_apart(ranking.reports, console, worst)


def _print_join(reports: Sequence[ScoreReport], console: Console) -> None:
    systems = {1: None, 2: "A and B"}.get(len(reports), f"A to {system_name(len(reports) - 1)}")
    joined = Text(wording.visible(wording.describe_join(reports[-1], systems)))
    console.print(joined, soft_wrap=not console.is_terminal)  # who searches a file finds whole lines
    for line in wording.missing_lines(reports):
        console.print(Text(line, style="bold red"))


def _print_widest_apart(reports: list[ScoreReport], console: Console, worst: int) -> None:
    errors = np.stack([report.normalized.words.errors for report in reports])
    apart = errors.max(axis=0) - errors.min(axis=0)
    order = sorted(range(len(apart)), key=lambda i: (-int(apart[i]), i))
    for index in [i for i in order if apart[i]][:worst]:
        console.print()
        better = system_name(int(errors[:, index].argmin()))
        heading = Text(_utterance_name(reports[0], index), style="bold")
        heading.append(f"   {better} has {wording.plural(int(apart[index]), 'error')} fewer", "not bold dim")
        console.print(heading)
        for place, report in enumerate(reports):
            _print_alignment(report, index, console, name=system_name(place))
    console.print()
    console.print(Text(reports[0].signature(), style="dim"), soft_wrap=True)


def _print_table(content: ReportTable, console: Console, *, title: bool = True) -> None:
    if title:
        console.print(Text(content.title, style="bold"))
    content = replace(content, rows=[[wording.visible(cell).strip() for cell in row] for row in content.rows])
    for number, places in enumerate(_fitting_columns(content, console.width)):
        if number:
            console.print()
        console.print(_part(content, places, console.width, bold_rates=not title))
    if content.note:
        console.print(Text(wording.visible(content.note), style="dim"))


def _part(content: ReportTable, places: Sequence[int], width: int, *, bold_rates: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    widths = _widths(content)
    room = width - sum(widths[place] + _GAP for place in places if place in content.numeric)
    limits = _text_widths(content, room)
    for place in places:
        name = content.columns[place]
        table.add_column(
            Text(name),
            justify="right" if place in content.numeric else "left",
            style="bold" if bold_rates and name in ("rate", "WER") else "",
            no_wrap=True,
            width=limits.get(place, widths[place]),
        )
    for row in content.rows:
        table.add_row(*(Text(_wrap(row[place], limits.get(place, width))) for place in places))
    return table


def _widths(content: ReportTable) -> list[int]:
    return [max(map(cell_len, column)) for column in zip(content.columns, *content.rows, strict=True)]


def _fitting_columns(content: ReportTable, width: int) -> list[list[int]]:
    """Return the columns of each part of a table that is too wide: all words in each, as many numbers as fit."""
    widths = _widths(content)
    words = [place for place in range(len(widths)) if place not in content.numeric]
    least = sum(min(widths[place], _NARROWEST) + _GAP for place in words) - _GAP
    parts, used = [list(words)], least
    for place in sorted(content.numeric):
        if used + _GAP + widths[place] > width and len(parts[-1]) > len(words):
            parts, used = [*parts, list(words)], least
        parts[-1].append(place)
        used += _GAP + widths[place]
    return [sorted(part) for part in parts]


def _text_widths(content: ReportTable, room: int) -> dict[int, int]:
    """Share the room between the columns of words: the widest one gives way first."""
    limits = {place: width for place, width in enumerate(_widths(content)) if place not in content.numeric}
    while limits and sum(width + _GAP for width in limits.values()) - _GAP > room and max(limits.values()) > 1:
        limits[max(limits, key=lambda place: limits[place])] -= 1
    return limits


def _wrap(cell: str, most: int) -> str:
    """Break a cell between words; one longer than a line loses its middle, as a broken word is harder to read."""
    lines = [""]
    for word in (_shorten(word, most) for word in cell.split()):
        if lines[-1] and cell_len(f"{lines[-1]} {word}") > most:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return "\n".join(lines) if cell_len(cell) > most else cell


def _shorten(word: str, most: int) -> str:
    shown, kept = word, len(word)
    while cell_len(shown) > most and kept:
        kept -= 1
        shown = f"{word[: (kept + 1) // 2]}…{word[len(word) - kept // 2 :]}"
    return shown


def _utterance_name(report: ScoreReport, index: int) -> str:
    name = wording.visible(report.pairs.ids[index])
    return name if report.pairs.joined_by == "id" else f"line {name}"


def _print_alignment(report: ScoreReport, index: int, console: Console, *, name: str = "hyp") -> None:
    text = alignment_text(report.align(index), width=min(console.width, _WIDEST), name=name)
    console.print(text, end="", no_wrap=True, overflow="ignore", crop=False)


def _print_worst(report: ScoreReport, console: Console, worst: int) -> None:
    shown = report.worst[:worst]
    held = sum(report.normalized.words[i].errors for i in shown)
    share = held / report.normalized.words.total().errors
    console.print(Text(f"Worst utterances ({wording.percent(share, 0)} of all errors)", style="bold"))
    for index in shown:
        console.print()
        heading = Text(_utterance_name(report, index), style="bold")
        heading.append(f"   {wording.describe_counts(report.normalized.words[index])}", style="not bold dim")
        console.print(heading)
        _print_alignment(report, index, console)
