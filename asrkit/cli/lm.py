"""``asrkit lm``: what its commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from asrkit.cli.app import Commands, app
from asrkit.cli.showing import show
from asrkit.errors import ConfigError

if TYPE_CHECKING:
    from asrkit.text import Normalizer

lm_app = typer.Typer(
    name="lm",
    cls=Commands,
    help="Build, inspect and tune n-gram language models.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
app.add_typer(lm_app)

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no remarks on stderr.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Raw = Annotated[bool, typer.Option("--raw", help="Take the text as it is, without normalizing it.")]

Texts = Annotated[
    list[str],
    typer.Argument(
        metavar="TEXT...",
        help="Sentences, one a line: files (also .gz .xz .bz2 .zst), manifests, corpus folders, - for stdin.",
        show_default=False,
    ),
]
ArpaOutput = Annotated[
    Path, typer.Option("--output", "-o", help="The model: .arpa, or .arpa and .gz, .xz, .bz2, .zst.")
]
Bundled = Annotated[
    Path | None, typer.Option("--model", help="Normalize as the texts of this model bundle were; default: as English.")
]
ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="A model: ARPA, asrkit's or KenLM's binary.")]


class NumberListCommand(TyperCommand):
    """Takes ``--prune 0 0 1`` as one option: the numbers after it belong to it."""

    number_lists = ("--prune", "--weights")

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join the numbers of each list before the usual parsing."""
        joined: list[str] = []
        for argument in args:
            in_list = len(joined) >= 2 and joined[-2] in self.number_lists and joined[-1] not in self.number_lists
            if in_list and _is_number(argument) and all(map(_is_number, joined[-1].split())):
                joined[-1] += f" {argument}"
            else:
                joined.append(argument)
        return super().parse_args(ctx, joined)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def numbers_of(text: str | None, option: str) -> tuple[float, ...]:
    """Read a list such as ``0 0 1`` or ``0.3,0.7``.

    Raises:
        ConfigError: There is something else in it.
    """
    try:
        return tuple(float(part) for part in (text or "").replace(",", " ").split())
    except ValueError:
        raise ConfigError(f"{option} takes numbers, not {text!r}") from None


def normalizer_of(bundle: Path | None, raw: bool) -> Normalizer | None:
    """Return what brings texts into the words of a language model; None: nothing does.

    Raises:
        MissingPathError: There is no such bundle.
        ConfigError: Its normalizer needs a package that is not installed.
    """
    from asrkit.cli.settings import named_model
    from asrkit.model.bundle import Bundle
    from asrkit.text import get_normalizer

    if raw:
        return None
    return get_normalizer("standard") if bundle is None else Bundle.load(named_model(bundle, "--model")).text_normalizer


def keep_sources(output: Path, *sources: Path) -> None:
    """Refuse to write a result over what it is made of.

    Raises:
        ConfigError: The output is one of the sources.
    """
    if output.exists() and any(source.exists() and output.samefile(source) for source in sources):
        raise ConfigError(f"{output} is what the result is made of; name another output")


def remark(text: str, quiet: bool) -> None:
    """Say something on stderr, unless told to be quiet."""
    if not quiet:
        show(text, err=True)
