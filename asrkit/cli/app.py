"""The ``asrkit`` command and what all its subcommands share."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from inspect import getdoc
from itertools import pairwise
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from asrkit.cli.ending import ending_in_one_line
from asrkit.errors import AsrkitError, ConfigError
from asrkit.packages import version_of

# The commands in the order of `asrkit --help` (the three verbs, what goes with them, the tools): what each is for, as
# its own docstring says, and the modules that register it and what is below it.
_COMMANDS = {
    "train": ("Train a DeepSpeech2; stopped at any moment, the same command goes on where it was.", ("train",)),
    "transcribe": ("Transcribe files and folders.", ("transcribe",)),
    "score": (
        "Score hypotheses against references: WER and CER with counts, an interval, and the worst utterances.",
        ("score",),
    ),
    "decode": ("Decode the emissions of any CTC model.", ("decode",)),
    "align": ("Find when each word of a known text is said, in recordings of any length.", ("align",)),
    "compare": (
        "Tell whether system B is better than system A, how sure that is, and what it would take to be sure.",
        ("compare",),
    ),
    "status": (
        "Show what a transcription run has done, what failed and what is left; it may still be running.",
        ("status",),
    ),
    "data": (
        "Fetch, import, synthesize and look at speech corpora.",
        ("data", "data_check", "data_degrade", "data_label", "data_preview", "data_segment"),
    ),
    "lm": (
        "Build, inspect and tune n-gram language models.",
        ("lm_build", "lm_lexicon", "lm_models", "lm_tune"),
    ),
    "model": ("Look into model bundles and pass them on.", ("model", "model_import")),
    "demo": (
        "Synthesize speech, train, build a language model, transcribe and score: the whole loop, offline.",
        ("demo",),
    ),
    "doctor": ("Show versions, backends and what is missing, for a bug report.", ("doctor",)),
}
_ORDER = tuple(_COMMANDS)


class Commands(TyperGroup):
    """The commands in the order in which people meet them; no flag looks in their help as if it took a value."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of the help."""
        return sorted(self.commands, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))

    def get_params(self, ctx: Any) -> Any:
        """Return the group's own options."""
        return _without_type(super().get_params(ctx))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, ready to show its help."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            _without_type(command.get_params(ctx))
        return command

    def invoke(self, ctx: Any) -> Any:
        """Run the command that is named."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if isinstance(message := getattr(error, "message", None), str):  # of wrong usage: it quotes names of files
                error.message = _printable(message)  # type: ignore[attr-defined]
            raise


def _without_type(params: Any) -> Any:
    """Show flags without the ``<bool>`` that typer writes behind them."""
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
    return params


app = typer.Typer(
    name="asrkit",
    cls=Commands,
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


def load_commands() -> None:
    """Register all commands."""
    for _, modules in _COMMANDS.values():
        _load(modules)


def load_what_is_asked(arguments: Sequence[str]) -> None:
    """Register the command that the arguments begin with; without one, names and purposes: reading takes its time."""
    if "_ASRKIT_COMPLETE" in os.environ:  # a shell asks what may follow arguments that stand in other variables
        load_commands()
    elif arguments and arguments[0] in _COMMANDS:
        _load(_COMMANDS[arguments[0]][1])
    else:  # for `asrkit --help`, and for "no such command, did you mean"
        for name, (purpose, _) in _COMMANDS.items():
            app.command(name, help=purpose)(lambda: None)


def _load(modules: Iterable[str]) -> None:
    for module in modules:
        import_module(f"asrkit.cli.{module}")
    _let_paragraphs_flow()


def _let_paragraphs_flow(commands: typer.Typer = app) -> None:
    """Let the help break lines where the terminal ends, not where a docstring does."""
    for command in commands.registered_commands:
        command.help = re.sub(r"(?<=\S)\n(?=\S)", " ", command.help or getdoc(command.callback) or "")
    for group in commands.registered_groups:
        if group.typer_instance is not None:
            _let_paragraphs_flow(group.typer_instance)


def main() -> None:
    """Run the command line; whatever ends it early becomes one line on stderr and an exit code."""
    with ending_in_one_line():
        load_what_is_asked(sys.argv[1:])
        try:
            _refuse_empty(sys.argv[1:])
            app()
        except AsrkitError as error:
            _fail(str(error), error.exit_code)
        except OSError as error:  # a full disk, a folder without permission
            path = error.filename2 or error.filename  # of a file that could not take its name: the name
            where = f"{path}: " if path else ""
            _fail(f"{where}{error.strerror or error}", 1)


def _refuse_empty(arguments: Sequence[str]) -> None:
    """Refuse an empty value, as of a variable that is not set: as a path it would be the current folder."""
    for before, argument in pairwise(["asrkit", *arguments]):
        if not argument or re.fullmatch("--[a-z-]+=", argument):
            where = argument.removesuffix("=") or before
            raise ConfigError(f"there is an empty argument, behind {where!r}; give it a value, or leave it out")


def _fail(line: str, code: int) -> NoReturn:
    print(f"asrkit: {_printable(line)}", file=sys.stderr)
    raise SystemExit(code) from None


def _printable(line: str) -> str:
    from asrkit.text.identifiers import printable  # brings numpy, which --help does without

    return printable(line)
