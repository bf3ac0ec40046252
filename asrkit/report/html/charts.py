"""Bar charts as inline SVG: no script, no font, no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asrkit.report.html.markup import tag, text

_WIDTH, _ROW, _LABEL, _VALUE = 540, 26, 130, 105


@dataclass(frozen=True)
class Bar:
    """One bar: stacked parts of a rate, each with the class that colors it."""

    label: str
    parts: tuple[tuple[str, float], ...]
    caption: str

    @property
    def total(self) -> float:
        """Length of the bar."""
        return sum(value for _, value in self.parts)


def bar_chart(title: str, bars: Sequence[Bar]) -> str:
    """Return horizontal bars with their labels and values; empty without bars.

    The title and the captions are all a screen reader needs, so that the chart is one image to it.
    """
    if not bars:
        return ""
    longest = max(bar.total for bar in bars) or 1.0
    room = _WIDTH - _LABEL - _VALUE
    rows = []
    for number, bar in enumerate(bars):
        top = number * _ROW
        rows.append(tag("text", text(_shorten(bar.label)), x=str(_LABEL - 8), y=str(top + 17), class_="label"))
        left = float(_LABEL)
        for kind, value in bar.parts:
            width = room * value / longest
            box = {"x": f"{left:.1f}", "y": str(top + 5), "width": f"{width:.1f}", "height": str(_ROW - 10)}
            rows.append(tag("rect", "", class_=kind, **box))
            left += width
        rows.append(tag("text", text(bar.caption), x=f"{left + 6:.1f}", y=str(top + 17), class_="value"))
    described = f"{title}: " + ", ".join(f"{bar.label} {bar.caption}" for bar in bars)
    drawing = tag("svg", "".join(rows), viewBox=f"0 0 {_WIDTH} {len(bars) * _ROW}", role="img", aria_label=described)
    return tag("figure", tag("figcaption", text(title)) + drawing)


def _shorten(label: str) -> str:
    return label if len(label) <= 18 else f"{label[:17]}…"
