"""The doubtful utterances of a segmented corpus as a page on which to hear them."""

from __future__ import annotations

import base64
from pathlib import Path

from asrkit.report.html.document import document
from asrkit.report.html.markup import section, table, tag, text
from asrkit.report.tables import ReportTable
from asrkit.transcription.segmenting import AUDIO, SegmentedCorpus

MOST_SHOWN = 40


def render_segments(corpus: SegmentedCorpus, folder: Path) -> str:
    """Return the least certain utterances of a folder with players, and what did not match, as one HTML document."""
    least = sorted([*corpus.doubtful, *corpus.sure], key=lambda part: (part.confidence, part.id))[:MOST_SHOWN]
    hours = sum(part.duration_s for part in corpus.sure) / 3600
    facts = (
        f"{len(corpus.sure):,} utterances, {hours:.2f} h, are in the corpus; {len(corpus.doubtful):,} are doubtful and "
        f"left out. Below are the {len(least):,} least certain of both, then what did not match."
    )
    rows = "".join(
        tag(
            "tr",
            tag("th", text(part.id), scope="row")
            + tag("td", text(f"{part.confidence:.2f}"), class_="number")
            + tag("td", _player(folder / AUDIO / f"{part.id}.flac"))
            + tag("td", tag("bdi", text(part.text))),
        )
        for part in least
    )
    heard = tag("div", tag("table", tag("tbody", rows)), class_="wide")
    unmatched = ReportTable(
        "what did not match",
        ["recording", "start s", "end s", "kind", "text"],
        [[name, f"{start_s:.1f}", f"{end_s:.1f}", kind, said] for name, start_s, end_s, kind, said in corpus.unmatched],
        numeric=frozenset({1, 2}),
    )
    body = tag("p", text(facts)) + section("To hear", heard) + section("What did not match", table(unmatched))
    return document("Segmented corpus", body)


def _player(path: Path) -> str:
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    source = f"data:audio/flac;base64,{content}"
    return tag("audio", "", controls="", preload="none", src=source, aria_label=f"recording, {path.stem}")
