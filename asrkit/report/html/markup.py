"""The few pieces of markup of which the page is made; every text is escaped here."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from html import escape

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


def table(content: ReportTable) -> str:
    """Return a small table."""
    head = "".join(
        tag("th", text(name), scope="col", **({"class_": "number"} if place in content.numeric else {}))
        for place, name in enumerate(content.columns)
    )
    rows = "".join(tag("tr", _cells(row, content.numeric)) for row in content.rows)
    body = tag("thead", tag("tr", head)) + tag("tbody", rows)
    note = tag("p", text(content.note), class_="note") if content.note else ""
    return tag("div", tag("table", body), class_="wide") + note


def _cells(row: Sequence[str], numeric: Iterable[int]) -> str:
    numbers = set(numeric)
    return "".join(
        tag("td", tag("bdi", text(cell)), **({"class_": "number"} if place in numbers else {}))
        for place, cell in enumerate(row)
    )


def section(title: str, content: str, **attributes: str) -> str:
    """Return a titled part of the page."""
    return tag("section", tag("h2", text(title)) + content, **attributes)
