"""Alignments for terminals: words in columns, errors colored and marked so that no color is needed."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from asrkit.metrics.alignment import Step
from asrkit.report.wording import visible

_STYLES = {"hit": "", "substitution": "yellow", "deletion": "red", "insertion": "cyan"}
_MARKS = {"hit": "", "substitution": "S", "deletion": "D", "insertion": "I"}
# A first strong isolate keeps right-to-left words inside their column.
_ISOLATE, _POP = "\u2068", "\u2069"


def _cell(word: str | None, width: int) -> str:
    text = "" if word is None else visible(word)
    padding = " " * (width - cell_len(text))
    is_leftward = not text.isascii() and any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in text)
    return (f"{_ISOLATE}{text}{_POP}" if is_leftward else text) + padding


def _widths(steps: Sequence[Step]) -> list[int]:
    return [max(cell_len(visible(step.reference or "")), cell_len(visible(step.hypothesis or "")), 1) for step in steps]


def _rows(steps: Sequence[Step], width: int) -> Iterator[list[tuple[Step, int]]]:
    """Break an alignment into rows that fit."""
    row: list[tuple[Step, int]] = []
    used = 0
    for step, cells in zip(steps, _widths(steps), strict=True):
        if row and used + cells > width:
            yield row
            row, used = [], 0
        row.append((step, cells))
        used += cells + 1
    if row:
        yield row


def alignment_text(steps: Sequence[Step], *, width: int = 76, most_rows: int = 6, name: str = "hyp") -> Text:
    """Draw an alignment: reference above hypothesis, a letter under each error.

    What follows ``most_rows`` is told, not shown. The name of the hypothesis has three characters at most.
    """
    text = Text()
    labels = ("ref  ", f"{name:<5}", "     ")
    shown = 0
    for number, row in enumerate(_rows(steps, width - len(labels[0]))):
        if number == most_rows:
            text.append(f"     ... {len(steps) - shown:,} more words\n", style="dim")
            break
        shown += len(row)
        has_error = any(step.kind != "hit" for step, _ in row)
        for line, label in enumerate(labels if has_error else labels[:2]):
            text.append(label, style="dim")
            for step, cells in row:
                word = (step.reference, step.hypothesis, _MARKS[step.kind])[line]
                style = _STYLES[step.kind] + (" bold" if line < 2 and step.kind != "hit" else "")
                text.append(_cell(word, cells), style=style)
                text.append(" ")
            text.rstrip()
            text.append("\n")
    return text
