"""Write docs/cli.md from the commands themselves; with --check only say whether it is up to date."""

from __future__ import annotations

import argparse
import enum
import inspect
import re
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from asrkit.cli.whole import app

TARGET = Path(__file__).resolve().parents[1] / "docs" / "cli.md"

METAVARS = {Path: "PATH", int: "INTEGER", float: "NUMBER"}

HEAD = """# Command reference

Written from the commands themselves by `make docs`; `make lint` holds it up to date.

Flags beat `ASRKIT_*` variables beat `asrkit.toml` beat the settings inside a bundle beat the defaults. A variable
stands for the options in whose rows it is named and for nothing else: `ASRKIT_BATCH_SIZE` is the batch of
`asrkit transcribe`, not that of `asrkit train`. `ASRKIT_CACHE_DIR` moves the folder in which all commands keep what is
slow to make again (`~/.cache/asrkit`).

Results go to stdout, everything else to stderr. Exit codes:

| code | meaning |
|---|---|
| 0 | done |
| 1 | failed: one line on stderr; also when every input failed |
| 2 | wrong usage, a named path that is missing, bad tables or ids |
| 3 | some inputs failed, the others are done |
| 4 | a threshold was missed, as with `--max-wer` or `--max-rise` |
| 130, 143 | interrupted by Ctrl-C, by SIGTERM |
"""


def commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield a command and its subcommands with their names, in the order of the help."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name in command.list_commands(None):
        child = command.commands[name]
        if not child.hidden:
            yield from commands(child, (*path, name))


def plain(text: str | None) -> str:
    """Return help text as Markdown: rich's style tags are dropped, paragraphs kept."""
    text = inspect.cleandoc(text or "").replace("\b\n", "").replace("\b", "")
    return re.sub(r"\[/\]|\[/?(bold|dim|italic|cyan|green|yellow|red|blue|magenta)( \w+)*\]", "", text).replace(
        "\\[", "["
    )


def cell(text: str) -> str:
    """Return text that fits into one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def metavar(parameter: Any) -> str:
    """Return what to write behind an option, or nothing for a flag."""
    if parameter.is_flag or parameter.count:
        return ""
    if parameter.metavar:
        return f" {parameter.metavar}"
    kind = parameter.type_descriptor.annotation
    kind = next((option for option in typing.get_args(kind) if option is not type(None)), kind)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return " " + "|".join(str(choice.value) for choice in kind)
    if isinstance(kind, str):  # the first value of a Literal
        return " " + "|".join(typing.get_args(parameter.type_descriptor.annotation))
    return f" {METAVARS.get(kind, 'TEXT')}"


def row(parameter: Any) -> str:
    """Return the table row of an argument or option."""
    if parameter.param_type_name == "argument":
        name = f"`{parameter.metavar or parameter.name.upper()}`"
    else:
        flags = ", ".join(f"`{flag}`" for flag in (*parameter.opts, *parameter.secondary_opts))
        name = f"{flags[:-1]}{metavar(parameter)}`"
    help_text = plain(getattr(parameter, "help", "")).rstrip()
    default = parameter.default
    notes = []
    if default not in (None, False, (), [], ""):
        notes.append(f"default: `{getattr(default, 'value', default)}`")
    if parameter.envvar:
        notes.append(f"variable: `{parameter.envvar}`")
    if parameter.required:
        notes.append("required")
    return f"| {cell(name)} | {cell(help_text)} | {cell(', '.join(notes))} |"


def section(path: tuple[str, ...], command: Any) -> str:
    """Return the part of the reference about one command."""
    text = "\n\n".join(filter(None, (plain(command.help), plain(command.epilog))))
    lines = [f"## {' '.join(path)}", "", re.sub(r"^Example: (.+)$", r"```sh\n\1\n```", text, flags=re.MULTILINE), ""]
    parameters = [p for p in command.params if not getattr(p, "hidden", False) and p.name != "help"]
    if parameters:
        lines += ["| argument or option | what it does | |", "|---|---|---|", *map(row, parameters), ""]
    return "\n".join(lines)


def reference() -> str:
    """Return the whole reference."""
    return "\n".join(
        [HEAD, *(section(path, command) for path, command in commands(typer.main.get_command(app), ("asrkit",)))]
    )


def main() -> int:
    """Write or check the file; the exit code says whether it was up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    text = reference().rstrip() + "\n"
    if not parser.parse_args().check:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.read_text(encoding="utf-8") == text:
        return 0
    print(f"{TARGET} is out of date: run `make docs` and commit the result", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
