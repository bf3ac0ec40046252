"""``asrkit lm tune``: the settings under which a language model helps most."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asrkit.cli.lm import Json, Quiet, lm_app, progress_bars, remark
from asrkit.errors import ConfigError, MissingPackageError
from asrkit.packages import require_installed

if TYPE_CHECKING:
    from asrkit.tuning import TuningResult


@lm_app.command(epilog="Example: asrkit lm tune --model models/latest --data dev.tsv --lm lm/3gram.arpa")
def tune(
    data: Annotated[Path, typer.Option(help="Dev set: a manifest or corpus folder with texts.")],
    lm: Annotated[Path, typer.Option(help="The language model.")],
    model: Annotated[
        Path | None, typer.Option(envvar="ASRKIT_MODEL", help="The model bundle; default: models/latest.")
    ] = None,
    audio_root: Annotated[Path | None, typer.Option(help="Base of relative audio paths.")] = None,
    candidates: Annotated[int, typer.Option(min=1, help="Sets of weights to begin with.")] = 54,
    seed: Annotated[int, typer.Option(help="Of the search.")] = 1,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads that decode; all cores by default.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="The figure; default: beside the language model, as NAME.tuning.png.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Leave the bundle as it is.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Search lm_weight, word_bonus, prior_scale, beam and unknown words' weights; store the choice in the bundle."""
    from asrkit.cli.settings import choose_model
    from asrkit.config import DecodingConfig
    from asrkit.data import read_manifest
    from asrkit.language_model import NgramModel
    from asrkit.model.bundle import Bundle
    from asrkit.report.frontier import plot_frontier
    from asrkit.tuning import emit_dev_set, tune_decoding

    if plot is not None:
        require_installed("--plot", "matplotlib")
    choice = choose_model(model)
    if choice.is_boxed and not dry_run:
        raise ConfigError(
            f"{choice.path.name} came with asrkit and stays as it is: tune a copy (asrkit model export mine --model "
            f"{choice.path.name}, then --model mine), or add --dry-run"
        )
    bundle = Bundle.load(choice.path)
    language_model = NgramModel.load(lm)
    utterances = read_manifest(data, audio_root)
    with progress_bars(quiet) as bar:
        dev_set = emit_dev_set(bundle, utterances, progress=bar("listening"))
        result = tune_decoding(
            dev_set.emissions,
            dev_set.references,
            bundle.alphabet,
            language_model,
            step_ms=bundle.step_ms,
            config=DecodingConfig.from_dict({**bundle.decoding, "decoder": "beam"}),
            num_candidates=candidates,
            seed=seed,
            threads=threads,
            progress=bar("decoding"),
        )
    if not dry_run:
        bundle.with_decoding(result.settings)
    figure = None
    try:
        figure = plot_frontier(result, plot or lm.with_suffix(".tuning.png"))
    except MissingPackageError as error:  # the search took minutes, and nobody asked for a figure
        remark(f"no figure: {error}", quiet)
    if as_json:
        typer.echo(json.dumps({**result.to_dict(), "stored": not dry_run, "plot": figure and str(figure)}))
        return
    _print_result(result, f"not stored (--dry-run) in {bundle.path}" if dry_run else f"stored in {bundle.path}")
    if figure is not None:
        remark(f"figure: {figure}", quiet)
    if not dry_run:
        remark(f"asrkit transcribe --model {bundle.path} --lm {lm} now uses these settings", quiet)


def _print_result(result: TuningResult, stored: str) -> None:
    from rich.console import Console

    from asrkit.report.frontier import frontier_table
    from asrkit.report.model_card import settings_in_words

    Console().print(frontier_table(result))
    typer.echo(
        f"word error rate {result.before.word_error_rate:.2%} -> {result.chosen.word_error_rate:.2%} "
        f"(best of all {result.best.word_error_rate:.2%})"
    )
    typer.echo(f"{stored}: {settings_in_words(result.settings)}")
