"""The frame of a page: style, policy, and scripts where there is something to do."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from asrkit.report.html.markup import tag, text

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; "
    "media-src * data: blob: file:"
)


def document(title: str, body: str, *, scripts: Sequence[str] = ()) -> str:
    """Return a whole HTML document: a plain title, markup below it, and the scripts it needs in their order."""
    parts = files("asrkit.report.html")
    style = (parts / "style.css").read_text(encoding="utf-8")
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        + tag("title", text(title))
        + tag("style", style)
    )
    main = tag("main", tag("h1", text(title)) + body)
    code = "\n".join((parts / f"{name}.js").read_text(encoding="utf-8") for name in scripts)
    script = tag("script", code) if scripts else ""
    page = tag("html", tag("head", head) + tag("body", main + script), lang="en")
    return f"<!doctype html>\n{page}\n"
