"""``asrkit decode``: transcripts from the emissions of any CTC model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from asrkit.cli import transcribe_options as options
from asrkit.cli.app import app
from asrkit.cli.transcribe import Request

_MODEL = "Model that made them"


@app.command(epilog="Example: asrkit decode logits.npz --tokens tokens.txt --step-ms 20 --lm lm/3gram.arpa -o decoded")
def decode(
    context: typer.Context,
    emissions: Annotated[
        list[Path],
        typer.Argument(
            help="Arrays (steps, outputs): .npy of an utterance, .npz and Kaldi's .scp and .ark of many, folders of "
            "these; or what transcribe --keep-emissions kept."
        ),
    ],
    tokens: Annotated[
        Path | None,
        typer.Option(
            help="Labels of the outputs: tokens.txt, units.txt, vocab.json, tokenizer.json, a label a line.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    blank: Annotated[
        int | None,
        typer.Option(
            min=0, help="The output that is the CTC blank, from 0; default: the labels tell.", rich_help_panel=_MODEL
        ),
    ] = None,
    words: Annotated[
        str | None,
        typer.Option(
            help="How labels show words: space, |, ▁, ##, Ġ, @@, </w> or none; default: they tell.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    step_ms: Annotated[float, typer.Option(help="Milliseconds of audio per step.", rich_help_panel=_MODEL)] = 40.0,
    values: Annotated[
        str | None,
        typer.Option(
            help="log-probabilities, probabilities or logits; default: the numbers tell.", rich_help_panel=_MODEL
        ),
    ] = None,
    lexicon: Annotated[
        Path | None,
        typer.Option(
            help="Lines [bold]word<TAB>labels[/] for outputs that are no letters, such as phonemes: words are written.",
            rich_help_panel="Decoding",
        ),
    ] = None,
    output_dir: options.OutputDir = Path("transcripts"),
    model: options.Model = None,
    lm: options.LanguageModel = None,
    decoder: options.DecoderName = None,
    beam: options.Beam = None,
    lm_weight: options.LmWeight = None,
    word_bonus: options.WordBonus = None,
    n_best: options.NBest = None,
    mode: options.Mode = None,
    vocabulary: options.Vocabulary = None,
    hotwords: options.Hotwords = None,
    hotwords_from: options.HotwordsFrom = None,
    hotword_weight: options.HotwordWeight = None,
    format: options.Format = None,
    subtitle_width: options.SubtitleWidth = None,
    subtitle_lines: options.SubtitleLines = None,
    subtitle_min_s: options.SubtitleMinS = None,
    subtitle_max_s: options.SubtitleMaxS = None,
    stdout: options.ToStdout = False,
    keep_emissions: options.KeepEmissions = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    json_output: options.Json = False,
    runner: options.Runner = None,
    ray_address: options.RayAddress = None,
    jobs: options.Jobs = None,
    setting: options.Assignments = None,
    config: options.ConfigFile = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Decode the emissions of any CTC model.

    Arrays need the labels of the model's outputs; what a run of ours kept knows them. Transcripts, resume and failures
    are as of asrkit transcribe.
    """
    flags = {name: value for name, value in locals().items() if name != "context"}
    named = {name for name in flags if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"}
    raise typer.Exit(Request(flags, named).carry_out([]).exit_code)
