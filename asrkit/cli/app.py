"""The ``asrkit`` command and what all its subcommands share."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from asrkit.cli.ending import ending_in_one_line
from asrkit.errors import AsrkitError
from asrkit.packages import version_of

# The commands in the order of `asrkit --help` (the three verbs, what goes with them, the tools), each with the modules
# that register it and what is below it.
_MODULES = {
    "train": ("train",),
    "transcribe": ("transcribe",),
    "score": ("score",),
    "decode": ("decode",),
    "align": ("align",),
    "compare": ("compare",),
    "status": ("status",),
    "data": ("data", "data_check", "data_degrade", "data_label", "data_preview", "data_segment"),
    "lm": ("lm",),
    "model": ("model", "model_import"),
    "demo": ("demo",),
    "doctor": ("doctor",),
}
_ORDER = tuple(_MODULES)


class _Commands(TyperGroup):
    """The commands in the order in which people meet them."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(self.commands, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            if isinstance(message := getattr(error, "message", None), str):  # of wrong usage: it quotes names of files
                error.message = _printable(message)  # type: ignore[attr-defined]
            raise


app = typer.Typer(
    name="asrkit",
    cls=_Commands,
    help="Train a DeepSpeech2, transcribe folders with a fast beam search, and know exactly how good it is.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"asrkit {version_of()}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    """Hold the options of the bare ``asrkit`` command."""


def load_commands(name: str | None = None) -> None:
    """Register the command of that name, else all: each takes its time to be read, and a start needs one of them."""
    for command in [name] if name in _MODULES else _MODULES:
        for module in _MODULES[command]:
            import_module(f"asrkit.cli.{module}")


def main() -> None:
    """Run the command line; whatever ends it early becomes one line on stderr and an exit code."""
    with ending_in_one_line():
        load_commands(*sys.argv[1:2])
        try:
            app()
        except AsrkitError as error:
            _fail(str(error), error.exit_code)
        except OSError as error:  # a full disk, a folder without permission
            path = error.filename2 or error.filename  # of a file that could not take its name: the name
            where = f"{path}: " if path else ""
            _fail(f"{where}{error.strerror or error}", 1)


def _fail(line: str, code: int) -> NoReturn:
    print(f"asrkit: {_printable(line)}", file=sys.stderr)
    raise SystemExit(code) from None


def _printable(line: str) -> str:
    from asrkit.text.identifiers import printable  # brings numpy, which --help does without

    return printable(line)
