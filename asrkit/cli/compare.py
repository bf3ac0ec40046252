"""``asrkit compare``: two systems on the same references."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from asrkit.cli import score_options as options
from asrkit.cli.app import app
from asrkit.cli.score import players, say, settings_from, write_page
from asrkit.errors import ConfigError

if TYPE_CHECKING:
    from asrkit.metrics.comparison import Comparison


@app.command("compare")
def compare_command(
    first: Annotated[str, typer.Argument(metavar="A", help="Hypotheses of system A: a file or a folder.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Hypotheses of system B.")],
    references: Annotated[str, typer.Argument(metavar="REF", help="References of both.")],
    format: options.Format = options.TranscriptFormat.AUTO,
    hyp_format: options.HypothesisFormat = None,
    ref_format: options.ReferenceFormat = None,
    hyp_field: options.HypothesisField = None,
    ref_field: options.ReferenceField = None,
    notation: options.NotationName = None,
    normalizer: options.Normalizer = None,
    language: options.Language = None,
    map: options.Map = None,
    unit: options.UnitName = None,
    weights: options.WeightsName = None,
    engine: options.EngineName = None,
    missing: options.MissingPolicy = None,
    extra: options.ExtraPolicy = None,
    characters: options.CharactersUnit = None,
    resamples: options.Resamples = None,
    seed: options.Seed = None,
    speakers: options.Speakers = None,
    worst: options.WidestApart = 3,
    json: options.Json = False,
    markdown: options.Markdown = False,
    html: options.Html = None,
    audio_root: options.AudioRoot = None,
    embed_audio: options.EmbedAudio = False,
) -> None:
    """Tell whether system B is better than system A, how sure that is, and what it would take to be sure.

    The difference comes with an interval, the probability that chance makes it so large, the probability of
    improvement, the matched pairs test of NIST (MAPSSWE), and utterances won and lost.

    Example: asrkit compare baseline/hyp.txt new/hyp.txt ref.txt --html compare.html
    """
    config = settings_from(locals())
    from asrkit.metrics.comparison import compare

    comparison = compare(first, second, references, config, format=format.value, speakers=speakers)
    for note in dict.fromkeys([*comparison.a.notes, *comparison.b.notes]):
        say(note)
    _show(comparison, worst=worst, json=json, markdown=markdown)
    if html is not None:
        from asrkit.report.html import render_comparison

        recordings = players(comparison.a, html, audio_root, speakers, embed_audio)
        write_page(html, render_comparison(comparison, recordings))


def _show(comparison: Comparison, *, worst: int, json: bool, markdown: bool) -> None:
    if json and markdown:
        raise ConfigError("choose one of --json and --markdown")
    if json:
        from json import dumps

        from asrkit.report.score_json import comparison_to_json

        typer.echo(dumps(comparison_to_json(comparison), ensure_ascii=False, indent=2))
    elif markdown:
        from asrkit.report.markdown import comparison_to_markdown

        typer.echo(comparison_to_markdown(comparison), nl=False)
    else:
        from rich.console import Console

        from asrkit.report.score_terminal import print_comparison

        print_comparison(comparison, Console(highlight=False), worst=worst)
