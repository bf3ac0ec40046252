"""``asrkit data preview``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from asrkit.cli.data import data_app, say
from asrkit.cli.showing import show
from asrkit.cli.train import run_settings
from asrkit.packages import require_installed
from asrkit.writing import write_whole


@data_app.command("preview", epilog="Example: asrkit data preview data/an4/train.tsv -o preview")
def preview_command(
    manifest: Annotated[Path, typer.Argument(help="What would be trained on, as for asrkit train.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for WAV files and index.html.")],
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="Utterances, spread over the manifest.")] = 4,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs in which to hear each.")] = 3,
    preset: Annotated[str | None, typer.Option(help="As for asrkit train.", envvar="ASRKIT_PRESET")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings of the run; default: asrkit.toml.")] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="As in --set training.augmentation.noise_probability=0.5; repeatable."),
    ] = None,
) -> None:
    """Hear and see what the network hears under the augmentation settings; the same seed gives the same files."""
    from asrkit.report.preview_page import render_preview
    from asrkit.training.preview import preview_augmentation

    require_installed("data preview", "matplotlib")
    run = run_settings(manifest, None, preset, config, None, setting)
    previews = preview_augmentation(run, output, count=count, epochs=epochs)
    page = output / "index.html"
    write_whole(page, render_preview(previews, run.training.augmentation.to_dict(), output))
    show(page, exact=True)
    say(f"{len(previews)} utterances in {epochs + 1} takes each; open the page to listen")
