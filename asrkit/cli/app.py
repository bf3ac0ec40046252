"""The ``asrkit`` command and what all its subcommands share."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from asrkit.errors import AsrkitError

app = typer.Typer(
    name="asrkit",
    help="Train a DeepSpeech2, transcribe folders with a fast beam search, and know exactly how good it is.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"asrkit {version('asrkit')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    """Hold the options of the bare ``asrkit`` command."""


def main() -> None:
    """Run the command line; every expected failure becomes one line on stderr and an exit code."""
    try:
        app()
    except AsrkitError as error:
        print(f"asrkit: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("asrkit: interrupted", file=sys.stderr)
        sys.exit(130)


# each module registers its commands on ``app``; the order is the order of ``asrkit --help``
from asrkit.cli import (  # noqa: E402
    data,  # noqa: F401
    doctor,  # noqa: F401
    lm,  # noqa: F401
)
