"""``asrkit data segment``: a corpus of utterances from long recordings and their text."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from asrkit.cli import transcribe_options as options
from asrkit.cli.data import data_app, say
from asrkit.cli.showing import show


@data_app.command("segment", epilog="Example: asrkit data segment chapters/ --text book.txt -o corpus")
def segment_command(
    recordings: Annotated[
        list[str], typer.Argument(help="Audiobooks, lectures, meetings: files, folders, patterns, manifests.")
    ],
    text: Annotated[
        Path,
        typer.Option(
            help="What is said, in whatever order: a text for all, a folder of texts named like them, or a manifest."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the corpus.")],
    model: options.Model = None,
    min_confidence: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Utterances below go to doubtful.tsv, to be heard first.")
    ] = 0.3,
    jobs: options.Jobs = None,
    quiet: options.Quiet = False,
) -> None:
    """Cut long recordings in pauses into utterances of 2 to 15 s, each with its part of the text.

    The folder gets corpus.tsv and audio/, doubtful.tsv, unmatched.tsv with what has no counterpart, and doubtful.html
    to hear the least certain. A second run does only what is missing.
    """
    from asrkit.cli.progress import TranscriptionProgress
    from asrkit.cli.settings import Project, load_model, resolve
    from asrkit.config import TranscriptionConfig
    from asrkit.report.segments_page import render_segments
    from asrkit.transcription.aligning import KnownTexts
    from asrkit.transcription.segmenting import DOUBTFUL, MANIFEST, UNMATCHED, segment
    from asrkit.writing import write_whole

    texts = KnownTexts.read(text)
    config = resolve(TranscriptionConfig, "transcription", {"jobs": jobs}, project=Project.load())
    with TranscriptionProgress(quiet=quiet, verb="aligned") as view:
        bundle = load_model(model, view.say)
        corpus = segment(
            recordings, bundle, texts, output, least_confidence=min_confidence, config=config, observer=view
        )
    view.close(corpus.summary)
    page = output / "doubtful.html"
    write_whole(page, render_segments(corpus, output))
    if not quiet:
        for kind, count in Counter(kind for *_, kind, _ in corpus.unmatched).items():
            say(f"{kind}: {count:,} ({UNMATCHED})")
        say(f"{len(corpus.doubtful):,} doubtful ({DOUBTFUL}); hear them in {page}")
        hours = sum(part.duration_s for part in corpus.sure) / 3600
        say(f"{len(corpus.sure):,} utterances, {hours:.2f} h")
    show(output / MANIFEST, exact=True)
    raise typer.Exit(corpus.summary.exit_code)
