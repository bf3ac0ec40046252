"""``asrkit align``: when each word of a known text is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from asrkit.cli import transcribe_options as options
from asrkit.cli.app import app
from asrkit.cli.groups import named_on_command_line
from asrkit.cli.showing import show
from asrkit.errors import ConfigError


@app.command(epilog="Example: asrkit align lecture.mp3 --text lecture.txt -f srt -f textgrid")
def align(
    context: typer.Context,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders, patterns, manifests (.tsv, .jsonl, .csv) and URLs."),
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option(
            help="What is said: the text of one recording, a folder of texts named like the recordings, or a manifest "
            "(whose recordings are aligned where no other is named).",
        ),
    ] = None,
    model: options.Model = None,
    output_dir: Annotated[
        Path,
        typer.Option(
            "--output-dir",
            "--output",
            "-o",
            callback=options.a_folder,
            help="Folder for the aligned texts and results.jsonl.",
        ),
    ] = Path("aligned"),
    format: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            callback=options.each_named,
            help="One or more of ctm, textgrid, srt, vtt, json, tsv, txt, jsonl (-f ctm,srt); default: ctm.",
        ),
    ] = None,
    symbols: Annotated[
        bool, typer.Option("--symbols", help="Also the times of the model's outputs, in json and textgrid.")
    ] = False,
    to_stdout: Annotated[bool, typer.Option("--stdout", help="Print the aligned texts and write no file.")] = False,
    in_place: Annotated[bool, typer.Option("--in-place", help="Write beside the recordings.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Align again what is done already.")] = False,
    jobs: options.Jobs = None,
    subtitle_width: options.SubtitleWidth = None,
    subtitle_lines: options.SubtitleLines = None,
    json_output: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Find when each word of a known text is said, in recordings of any length.

    Words keep their punctuation and figures. What is said and not written, or written and not said, is told and moves
    no other word; a recording whose text is something else fails. A second run does only what is missing.
    """
    from asrkit.cli.progress import CANNOT_SHARE, TELLING_FORMATS, TranscriptionProgress
    from asrkit.cli.settings import Project, load_model, resolve
    from asrkit.cli.transcribe_printing import print_transcripts
    from asrkit.config import TranscriptionConfig
    from asrkit.transcription.aligning import KnownTexts
    from asrkit.transcription.aligning import align as align_texts
    from asrkit.transcription.recordings import is_manifest

    if text is None:
        raise ConfigError("nothing to align: name what is said with --text, a text, a folder of texts or a manifest")
    if "-" in (inputs or ()):
        raise ConfigError("- would be audio on stdin, which only asrkit transcribe takes; name a file")
    texts = KnownTexts.read(text)
    paths = list(inputs or ())
    if not paths:
        if not is_manifest(text):
            raise ConfigError("nothing to align: name recordings, or a manifest with --text")
        paths = [str(text)]
    flags = {
        "format": tuple(format or ("ctm",)),
        "jobs": jobs,
        "subtitle_width": subtitle_width,
        "subtitle_lines": subtitle_lines,
    }
    config = resolve(TranscriptionConfig, "transcription", flags, project=Project.load())
    if to_stdout and len(config.format) > 1:
        raise ConfigError("stdout takes one format; name one with -f, or a folder with -o")
    if to_stdout and (in_place or json_output or "output_dir" in named_on_command_line(context)):
        raise ConfigError("--stdout writes no file and prints nothing else; drop --in-place, --json and -o")
    with TranscriptionProgress(quiet=quiet, keep=to_stdout, verb="aligned") as view:
        bundle = load_model(model, view.say)
        if inputs and texts.problems:  # else the run tells of each
            more = f", and {len(texts.problems) - 1:,} more lines" * (len(texts.problems) > 1)
            view.say(f"left out of the texts: {texts.problems[0]}{more}")
        if texts.is_shared:
            view.allow_one_only(f"have one text, {text}; name a manifest, or a folder of texts named like them")
        elif to_stdout and config.format[0] not in TELLING_FORMATS:
            view.allow_one_only(CANNOT_SHARE)
        summary = align_texts(
            paths,
            bundle,
            texts,
            with_symbols=symbols,
            output_dir=None if to_stdout else output_dir,
            config=config,
            in_place=in_place,
            overwrite=overwrite,
            observer=view,
        )
    view.close(summary)
    if to_stdout:
        print_transcripts(view.transcripts, config)
    if json_output:
        show(json.dumps(summary.to_dict()), exact=True)
    raise typer.Exit(summary.exit_code)
