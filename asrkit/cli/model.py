"""``asrkit model``: look into bundles and pass them on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from asrkit.cli.app import Commands, app
from asrkit.cli.showing import show
from asrkit.cli.transcribe_options import Model

model_app = typer.Typer(cls=Commands, no_args_is_help=True, help="Look into model bundles and pass them on.")
app.add_typer(model_app, name="model")

Named = Annotated[
    Path | None,
    typer.Argument(
        help="A bundle; default: ASRKIT_MODEL, else models/latest, else the model in the box.", show_default=False
    ),
]


@model_app.command("info")
def info(
    model: Named = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a model is, what it was trained on, and how good it was on its dev set.

    Example: asrkit model info models/latest
    """
    import json

    from asrkit.cli.settings import choose_model
    from asrkit.model.bundle import Bundle

    bundle = Bundle.load(choose_model(model).path)
    if json_output:
        show(json.dumps(bundle.describe(), indent=2, ensure_ascii=False), exact=True)
        return
    from asrkit.cli.console import Console
    from asrkit.report.model_card import model_table

    Console().print(model_table(bundle))


@model_app.command("export")
def export(
    output: Annotated[Path, typer.Argument(help="A folder for a whole bundle, or a file ending in .onnx.")],
    model: Model = None,
    half: Annotated[bool, typer.Option("--half", help="Store the weights as float16: half the size.")] = False,
    compact: Annotated[
        bool, typer.Option("--compact", help="Leave the ONNX graph out of a bundle: it is made at loading.")
    ] = False,
    lm: Annotated[
        Path | None,
        typer.Option("--lm", help="A language model to come with the bundle, used where no other is named."),
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option("--card", help="A TOML file of what the model card shall say: license, sources, results."),
    ] = None,
) -> None:
    """Write a bundle without the state of its training run, or its ONNX graph alone, and check it against the source.

    Example: asrkit model export shipped/ --model models/an4-small --half
    """
    from asrkit.cli.settings import choose_model
    from asrkit.config import read_toml
    from asrkit.language_model import NgramModel
    from asrkit.model.bundle import Bundle
    from asrkit.model.export import export_bundle

    bundle = Bundle.load(choose_model(model).path)
    if lm is not None:
        NgramModel.load(lm)  # can be read
    entries = read_toml(card) if card else None
    report = export_bundle(bundle, output, half=half, compact=compact, lm=lm, card=entries)
    show(output, exact=True)
    show(
        f"{report.size_bytes / 1e6:.1f} MB; largest difference of log-probabilities from {bundle.name}: "
        f"{report.largest_difference:.1e}",
        err=True,
    )
