"""Bar charts of plain elements and line charts as inline SVG: no font, no network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from asrkit.report.html.markup import tag, text

_WIDTH = 540


@dataclass(frozen=True)
class Bar:
    """One bar: stacked parts of a rate, each with the class that colors it."""

    label: str  # what it is of
    parts: tuple[tuple[str, float], ...]  # class and size of each part
    caption: str  # its value, in words
    query: str = ""  # what finds its utterances in the page; see :mod:`asrkit.report.queries`


def bar_chart(title: str, bars: Sequence[Bar]) -> str:
    """Return horizontal bars with their labels and values, which lead to their utterances; empty without bars."""
    if not bars:
        return ""
    longest = max(sum(size for _, size in bar.parts) for bar in bars) or 1.0
    rows = []
    for bar in bars:
        parts = "".join(
            tag("i", "", class_=kind, style=f"width:{100 * size / longest:.2f}%") for kind, size in bar.parts if size
        )
        content = (
            tag("span", tag("bdi", text(bar.label)), class_="label")
            + tag("span", parts, class_="track")
            + tag("span", text(bar.caption), class_="value")
        )
        is_link = {"type": "button", "data_find": bar.query} if bar.query else {}
        rows.append(tag("button" if bar.query else "div", content, class_="bar", **is_link))
    return tag("figure", tag("figcaption", text(title)) + tag("div", "".join(rows), class_="bars"))


@dataclass(frozen=True)
class Line:
    """One curve: a name, the class that colors it, and its values; None leaves a gap."""

    name: str
    kind: str
    values: tuple[float | None, ...]


_HEIGHT, _LEFT, _BOTTOM, _TOP = 240, 56, 30, 12


def line_chart(title: str, lines: Sequence[Line], *, unit: str = "", logarithmic: bool = False, mark: int = 0) -> str:
    """Return curves over the epochs 1, 2, ...; empty without values.

    Values that are not finite are left out. ``logarithmic``: each step up the axis is a factor, for values above 0;
    ``mark`` is an epoch to mark, 0 for none.
    """
    lines = [Line(line.name, line.kind, tuple(_drawable(v, logarithmic) for v in line.values)) for line in lines]
    values = [value for line in lines for value in line.values if value is not None]
    if not values:
        return ""
    low, high = (min(values), max(values)) if logarithmic else (0.0, max(values))
    count = max(len(line.values) for line in lines)

    def x(place: int) -> float:
        return _LEFT + (_WIDTH - _LEFT - 16) * (place / (count - 1) if count > 1 else 0.5)

    def y(value: float) -> float:
        span, above = high - low, value - low
        if logarithmic:
            span, above = math.log(high / low), math.log(value / low)
        return _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * (above / span if span else 0.5)

    parts = [_grid_line(y(value), _spell(value)) for value in _ticks(low, high, logarithmic)]
    for place in sorted({round(step * (count - 1) / 4) for step in range(5)}):
        parts.append(tag("text", str(place + 1), x=f"{x(place):.1f}", y=str(_HEIGHT - 8), class_="tick"))
    if mark:
        top, bottom = str(_TOP), str(_HEIGHT - _BOTTOM)
        parts.append(
            tag("line", "", x1=f"{x(mark - 1):.1f}", x2=f"{x(mark - 1):.1f}", y1=top, y2=bottom, class_="mark")
        )
    for line in lines:
        parts += _curve(
            line, [(x(place), None if value is None else y(value)) for place, value in enumerate(line.values)]
        )
    ends = ", ".join(f"{line.name} {_spell(_last(line))} {unit}".rstrip() for line in lines)
    drawing = tag(
        "svg",
        "".join(parts),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=f"{title} by epoch; at the end: {ends}",
    )
    legend = " ".join(tag("span", text(line.name), class_=f"key {line.kind}") for line in lines)
    return tag("figure", tag("figcaption", f"{text(title + (f', {unit}' if unit else ''))} {legend}") + drawing)


def _drawable(value: float | None, logarithmic: bool) -> float | None:
    return value if value is not None and math.isfinite(value) and (value > 0 or not logarithmic) else None


def _last(line: Line) -> float:
    return next((value for value in reversed(line.values) if value is not None), math.nan)


def _curve(line: Line, points: Sequence[tuple[float, float | None]]) -> list[str]:
    """Return a path, broken where values are missing, and a dot with its value at each point."""
    path, pen = [], "M"
    dots = []
    for epoch, ((x, y), value) in enumerate(zip(points, line.values, strict=True), 1):
        if y is None or value is None:
            pen = "M"
            continue
        path.append(f"{pen}{x:.1f},{y:.1f}")
        pen = "L"
        label = tag("title", text(f"epoch {epoch}: {line.name} {_spell(value)}"))
        dots.append(tag("circle", label, cx=f"{x:.1f}", cy=f"{y:.1f}", r="2.5", class_=line.kind))
    return [tag("path", "", d=" ".join(path), class_=f"curve {line.kind}"), *dots]


def _grid_line(y: float, label: str) -> str:
    rule = tag("line", "", x1=str(_LEFT), x2=str(_WIDTH - 16), y1=f"{y:.1f}", y2=f"{y:.1f}", class_="grid")
    return rule + tag("text", text(label), x=str(_LEFT - 6), y=f"{y + 4:.1f}", class_="label")


def _ticks(low: float, high: float, logarithmic: bool) -> list[float]:
    """Return round values between the ends: whole steps, or 1, 2 and 5 times powers of ten."""
    if logarithmic:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        inside = [n * 10.0**decade for decade in decades for n in (1, 2, 5) if low <= n * 10.0**decade <= high]
        return inside or [low]
    if high <= low:
        return [high]
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(n * power for n in (1, 2, 2.5, 5, 10) if n * power >= rough)
    return [low + step * number for number in range(int((high - low) / step + 1e-9) + 1)]


def _spell(value: float) -> str:
    """Return a number in three digits."""
    if 0 < abs(value) < 0.01:
        return f"{value:.1e}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
