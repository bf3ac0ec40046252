"""The frame of a page: style, policy, and the script where there is something to sort."""

from __future__ import annotations

from importlib.resources import files

from asrkit.report.html.markup import tag, text

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; "
    "media-src * data: blob: file:"
)


def document(title: str, body: str, *, sortable: bool = True) -> str:
    """Return a whole HTML document.

    Args:
        title: Of the page, as plain text.
        body: Markup below the title.
        sortable: Whether it holds the table of utterances, which needs the script.
    """
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
    script = tag("script", (parts / "script.js").read_text(encoding="utf-8")) if sortable else ""
    page = tag("html", tag("head", head) + tag("body", main + script), lang="en")
    return f"<!doctype html>\n{page}\n"
