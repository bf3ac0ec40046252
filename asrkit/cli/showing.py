"""All that commands print passes this module or the console: what files of strangers say commands no terminal."""

from __future__ import annotations

import re
import sys
from typing import Any

import typer

_HALF = re.compile(r"[\ud800-\udfff]")  # no encoding has it


def show(text: object = "", *, err: bool = False, exact: bool = False, nl: bool = True, **style: Any) -> None:
    """Print lines; control characters in them come out as ``%1B``.

    Args:
        text: What to print.
        err: On stderr: talk beside the results.
        exact: A result that programs read: it goes as it is to all but a terminal.
        nl: Whether to end the line.
        style: As ``typer.style`` takes it.
    """
    from asrkit.text.identifiers import harmless  # brings numpy, which --help does without

    shown = str(text)
    stream = sys.stderr if err else sys.stdout
    if not exact or _HALF.search(shown) or (stream is not None and stream.isatty()):
        shown = harmless(shown)
    # without "color" it leaves parts out of what is not for a terminal
    typer.echo(typer.style(shown, **style) if style else shown, err=err, nl=nl, color=exact or None)
