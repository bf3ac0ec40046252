"""``asrkit compare``: two systems or more on the same references."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from asrkit.cli import score_options as options
from asrkit.cli.app import app
from asrkit.cli.groups import grouped
from asrkit.cli.score import MISSED, check_pages, players, say, settings_from, write_page
from asrkit.cli.showing import show
from asrkit.errors import ConfigError

if TYPE_CHECKING:
    from asrkit.metrics.ranking import Ranking

_ROUNDING = 1e-9  # points; a rise of exactly so many is no more than that


@app.command("compare")
@grouped
def compare_command(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="A B [C ...] REF", help="Hypotheses of each system, files or folders, then their references."
        ),
    ],
    *,
    scoring: options.Scoring,
    worst: Annotated[int, typer.Option(min=0, help="How many utterances to show, widest apart first.")] = 3,
    pages: options.Pages,
    max_rise: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            metavar="POINTS",
            help="Exit with 4 when a WER, in percent, is more than so many points above that of A.",
        ),
    ] = None,
) -> None:
    """Tell whether system B is better than system A, how sure that is, and what it would take to be sure.

    The difference comes with an interval, the probability that chance makes it so large, the probability of
    improvement, the matched pairs test of NIST (MAPSSWE), and utterances won and lost. Of more than two systems there
    is a ranking, and a verdict on each pair that allows for so many comparisons.

    Example: asrkit compare baseline/hyp.txt new/hyp.txt ref.txt --html compare.html
    """
    if len(paths) < 3:
        raise ConfigError("give the hypotheses of two systems or more, then the references: asrkit compare A B REF")
    check_pages(pages)
    config = settings_from(scoring)
    from asrkit.metrics.ranking import rank

    ranking = rank(paths[:-1], paths[-1], config, format=scoring.format, speakers=scoring.speakers)
    for note in dict.fromkeys(note for report in ranking.reports for note in report.notes):
        say(note)
    _show(ranking, pages, worst)
    if pages.html is not None:
        from asrkit.report.html import render_comparison, render_ranking

        recordings = players(ranking.reports[0], pages, scoring.speakers)
        is_pair = len(ranking.reports) == 2
        page = render_comparison(ranking.pairs[0].comparison, recordings) if is_pair else None
        write_page(pages.html, page or render_ranking(ranking, recordings))
    if max_rise is not None:
        _check_rise(ranking, max_rise)


def _show(ranking: Ranking, pages: options.Pages, worst: int) -> None:
    comparison = ranking.pairs[0].comparison if len(ranking.reports) == 2 else None
    if pages.json:
        from json import dumps

        from asrkit.report.score_json import comparison_to_json, ranking_to_json

        values = ranking_to_json(ranking) if comparison is None else comparison_to_json(comparison)
        show(dumps(values, ensure_ascii=False, indent=2), exact=True)
    elif pages.markdown:
        from asrkit.report.markdown import comparison_to_markdown, ranking_to_markdown

        page = ranking_to_markdown(ranking) if comparison is None else comparison_to_markdown(comparison, worst=worst)
        show(page, nl=False, exact=True)
    else:
        from asrkit.cli.console import Console
        from asrkit.report.score_terminal import print_comparison, print_ranking

        console = Console(highlight=False)
        if comparison is None:
            print_ranking(ranking, console, worst=worst)
        else:
            print_comparison(comparison, console, worst=worst)


def _check_rise(ranking: Ranking, max_rise: float) -> None:
    """Exit with 4 when the WER of a system lies more than so many points above the first one's, or is undefined."""
    from asrkit.metrics.ranking import system_name

    is_missed = False
    for pair in ranking.pairs:
        if pair.first != 0:
            continue
        name, difference = system_name(pair.second), pair.comparison.difference
        if difference is None:
            say(f"the WER of {name} is undefined and cannot meet --max-rise {max_rise:g}")
        elif -100 * difference > max_rise + _ROUNDING:
            sure = "settled" if pair.is_settled else "not settled"
            say(
                f"the WER of {name} is {-100 * difference:.2f} points above that of A, more than "
                f"--max-rise {max_rise:g} (the difference is {sure})"
            )
        else:
            continue
        is_missed = True
    if is_missed:
        raise typer.Exit(MISSED)
