"""The few pieces of markup of which the page is made; every text is escaped here."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from html import escape
from itertools import zip_longest

from asrkit.metrics.alignment import Step
from asrkit.report.tables import ReportTable
from asrkit.report.wording import visible


def text(value: str) -> str:
    """Escape a text; control characters and direction overrides become visible."""
    return escape(visible(value))


def tag(name: str, content: str, **attributes: str) -> str:
    """Return an element around markup; attribute values are escaped, ``class_`` is written ``class``."""
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{written}>{content}</{name}>"


def word(value: str) -> str:
    """Return one word that keeps its own direction."""
    return tag("bdi", text(value))


def alignment(steps: Sequence[Step]) -> str:
    """Return an alignment as running text: what was said struck out, what was recognized beside it.

    ``del`` and ``ins`` say the same to a screen reader as their colors to the eye.
    """
    parts = []
    for step in steps:
        said, heard = step.reference or "", step.hypothesis or ""
        if step.kind == "hit":
            parts.append(word(said))
        elif step.kind == "substitution":
            parts.append(tag("span", tag("del", word(said)) + tag("ins", word(heard)), class_="sub"))
        elif step.kind == "deletion":
            parts.append(tag("del", word(said), class_="gap"))
        else:
            parts.append(tag("ins", word(heard), class_="gap"))
    return tag("span", " ".join(parts), class_="text", dir=_direction(steps))


def _direction(steps: Sequence[Step]) -> str:
    """Return the direction of the first letter that has one; ``dir="auto"`` would not look into ``bdi``."""
    for step in steps:
        for character in step.reference or step.hypothesis or "":
            kind = unicodedata.bidirectional(character)
            if kind in ("L", "R", "AL"):
                return "ltr" if kind == "L" else "rtl"
    return "ltr"


def table(content: ReportTable, *, stacks: bool = False) -> str:
    """Return a table; a row with a query leads to its utterances.

    ``stacks``: a narrow window shows each row as a block, with the names of the columns in it.
    """
    head = "".join(
        tag("th", text(name), scope="col", **_class(place, content)) for place, name in enumerate(content.columns)
    )
    rows = zip_longest(content.rows, content.queries, fillvalue="")
    body = tag("tbody", "".join(_row(content, cells, query, stacks) for cells, query in rows))
    note = tag("p", text(content.note), class_="note") if content.note else ""
    return (
        tag("div", tag("table", tag("thead", tag("tr", head)) + body), class_="wide stack" if stacks else "wide") + note
    )


def _class(place: int, content: ReportTable) -> dict[str, str]:
    return {"class_": "number"} if place in content.numeric else {}


def _row(content: ReportTable, cells: Sequence[str], query: str, stacks: bool) -> str:
    shown = [tag("bdi", text(cell)) for cell in cells]
    if query:  # the row is clicked, the button reached by keyboard
        shown[0] = tag("button", shown[0], type="button", class_="link")
    row = []
    for place, cell in enumerate(shown):
        label = {"data_label": content.columns[place]} if stacks else {}
        row.append(tag("td", cell, **label, **_class(place, content)))
    return tag("tr", "".join(row), **({"data_find": query} if query else {}))


def section(title: str, content: str, **attributes: str) -> str:
    """Return a titled part of the page."""
    return tag("section", tag("h2", text(title)) + content, **attributes)
