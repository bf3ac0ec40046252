"""A score for the terminal: sparing, and readable in 80 columns."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from asrkit.metrics.counts import ErrorCounts
from asrkit.metrics.intervals import Interval
from asrkit.metrics.scoring import ScoreReport, View
from asrkit.report import wording
from asrkit.report.alignment_text import alignment_text


def print_score(report: ScoreReport, console: Console, *, worst: int = 5) -> None:
    """Print the rates with their counts, then the worst utterances.

    Args:
        report: What to show.
        console: Where.
        worst: How many of the worst utterances to show.
    """
    console.print(Text(wording.visible(wording.describe_join(report))))
    if report.pairs.missing:
        _warn(console, _missing_line(report))
    console.print()
    console.print(_rate_table(report))
    for line in _remarks(report):
        console.print(Text(line, style="dim"))
    if worst and report.worst:
        console.print()
        _print_worst(report, console, worst)
    console.print()
    console.print(Text(report.signature(), style="dim"), soft_wrap=True)


def _warn(console: Console, message: str) -> None:
    console.print(Text(message, style="bold red"))


def _missing_line(report: ScoreReport) -> str:
    names = ", ".join(wording.visible(name) for name in report.pairs.missing[:5])
    more = ", ..." if len(report.pairs.missing) > 5 else ""
    return f"{len(report.pairs.missing):,} hypotheses are missing and counted as deletions: {names}{more}"


def _rate_table(report: ScoreReport) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("%", no_wrap=True)
    table.add_column("text", style="dim", no_wrap=True)
    table.add_column("rate", justify="right", style="bold", no_wrap=True)
    if report.config.resamples:
        table.add_column(f"{100 * report.config.confidence:g} %", justify="right", no_wrap=True)
    for name in ("errors", "N", "hits", "sub", "del", "ins"):
        table.add_column(name, justify="right", no_wrap=True)
    views = [report.normalized] if report.normalized is report.raw else [report.normalized, report.raw]
    for view in views:
        _add_rate(report, table, "WER", view, view.words.total(), view.word_interval)
    for view in views:
        _add_rate(report, table, "CER", view, view.characters.total(), view.character_interval)
    return table


def _add_rate(
    report: ScoreReport, table: Table, name: str, view: View, counts: ErrorCounts, interval: Interval | None
) -> None:
    numbers = (
        counts.errors,
        counts.num_reference,
        counts.hits,
        counts.substitutions,
        counts.deletions,
        counts.insertions,
    )
    label = "as written" if view is report.raw else view.normalizer
    cells = [name, label, wording.UNDEFINED if counts.rate is None else f"{100 * counts.rate:.2f}"]
    if report.config.resamples:
        cells.append(wording.span(interval))
    # Beyond a million the separators would not fit into 80 columns.
    style = "," if counts.num_reference < 1_000_000 else "d"
    table.add_row(*cells, *(format(number, style) for number in numbers))


def _remarks(report: ScoreReport) -> list[str]:
    view = report.normalized
    counts = view.words.total()
    remarks = []
    if counts.rate is None:
        remarks.append("The references hold no word: the rate is undefined.")
    if view.word_interval is not None:
        remarks.append(wording.describe_interval(view.word_interval, report.config.resamples))
    if report.effect is not None:
        remarks.append(wording.describe_effect(report.effect, view.normalizer))
    measures = [
        ("SER", view.sentence_error_rate),
        ("MER", counts.match_error_rate),
        ("WIL", counts.information_lost),
        ("WIP", counts.information_preserved),
    ]
    remarks.append("   ".join(f"{name} {wording.percent(value)}" for name, value in measures))
    return remarks


def _print_worst(report: ScoreReport, console: Console, worst: int) -> None:
    shown = report.worst[:worst]
    held = sum(report.normalized.words[i].errors for i in shown)
    share = held / report.normalized.words.total().errors
    console.print(Text(f"Worst utterances ({wording.percent(share, 0)} of all errors)", style="bold"))
    for index in shown:
        console.print()
        heading = Text(wording.visible(report.pairs.ids[index]), style="bold")
        if report.pairs.joined_by == "line":
            heading = Text(f"line {report.pairs.ids[index]}", style="bold")
        heading.append(f"   {wording.describe_counts(report.normalized.words[index])}", style="not bold dim")
        console.print(heading)
        steps = report.align(index)
        console.print(alignment_text(steps, width=min(console.width, 100)), end="", no_wrap=True, overflow="ignore")
