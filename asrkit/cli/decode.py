"""``asrkit decode``: transcripts from the emissions of any CTC model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from asrkit.cli import transcribe_options as options
from asrkit.cli.app import app
from asrkit.cli.groups import grouped, named_on_command_line
from asrkit.cli.transcribe import Request


@app.command(epilog="Example: asrkit decode logits.npz --tokens tokens.txt --step-ms 20 --lm lm/3gram.arpa -o decoded")
@grouped
def decode(
    context: typer.Context,
    emissions: Annotated[
        list[Path],
        typer.Argument(
            help="Arrays (steps, outputs): .npy of an utterance, .npz and Kaldi's .scp and .ark of many, folders of "
            "these; or what transcribe --keep-emissions kept."
        ),
    ],
    *,
    arrays: options.Arrays,
    output: options.Output,
    model: options.Model = None,
    decoding: options.Decoding,
    work: options.Work,
    common: options.Common,
) -> None:
    """Decode the emissions of any CTC model.

    Arrays need the labels of the model's outputs; what a run of ours kept knows them. Transcripts, resume and failures
    are as of asrkit transcribe.
    """
    flags = {"emissions": emissions, "model": model, **vars(arrays), **vars(output), **vars(decoding), **vars(work)}
    request = Request(flags | vars(common), named_on_command_line(context))
    raise typer.Exit(request.carry_out([]).exit_code)
