"""``asrkit demo``: the whole loop, offline, in two minutes."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from asrkit.cli.app import app
from asrkit.cli.showing import show
from asrkit.interrupts import held
from asrkit.packages import require_installed
from asrkit.training.backend import training_modules

# What a score above means: something on the way is broken.
WORST_WER_PERCENT = 15
STEPS = (
    ("Speak 830 sentences: the held-out ones, and their voices, are in no other set", "data synth speech"),
    (
        "Train the smallest network; live view below",
        "train speech/train.tsv --dev speech/dev.tsv --preset tiny --output models/demo --fresh",
    ),
    (
        "Build a 3-gram of the training sentences, too uniform for discounts of their own",
        "lm build speech/train.txt --order 3 --discount-fallback --output lm/3gram.arpa",
    ),
    ("Transcribe the held-out recordings", "transcribe speech/test --beam 50 --lm lm/3gram.arpa --overwrite"),
    (
        "Score the transcripts",
        f"score transcripts/hyp.txt speech/test.tsv --speakers speech/test.tsv --max-wer {WORST_WER_PERCENT}",
    ),
)


@app.command(epilog="Example: asrkit demo")
def demo(
    folder: Annotated[Path, typer.Argument(help="Folder to work in.")] = Path("demo"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the commands.")] = False,
) -> None:
    """Synthesize speech, train, build a language model, transcribe and score: the whole loop, offline.

    Every command is printed before it runs, to be repeated one by one. About two minutes on two cores.
    """
    if not dry_run:
        require_installed("the demo", "espeakng_loader", *training_modules())
    started = time.monotonic()
    _show(f"mkdir -p {shlex.quote(str(folder))} && cd {shlex.quote(str(folder))}")
    for title, command in STEPS:
        _show(f"asrkit {command}", title)
        if not dry_run:
            _run(shlex.split(command), folder)
    if not dry_run:
        minutes, seconds = divmod(round(time.monotonic() - started), 60)
        show(f"\nall of it in {minutes} min {seconds} s; it lies in {folder}", err=True)


def _show(command: str, title: str | None = None) -> None:
    """Print a command as one would type it."""
    if title:
        show(f"\n# {title}", err=True, dim=True)
    show(f"$ {command}", err=True, bold=True)


def _run(arguments: list[str], folder: Path) -> None:
    """Run one command of this very installation; the demo ends where a command fails."""
    folder.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen([sys.executable, "-m", "asrkit", *arguments], cwd=folder)
    with held(process.send_signal):  # interrupted, the command ends in its own way and says so
        code = process.wait()
        if code:
            raise typer.Exit(code if code > 0 else 128 - code)
