"""The options of ``asrkit score`` and ``asrkit compare``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from asrkit.config import ScoringConfig

# What the library knows, which would take its time to be imported here; a test holds both equal.
# fmt: off
TranscriptFormat = Literal[
    "auto", "vtt", "srt", "jsonl", "json", "tsv", "icefall", "trn", "stm", "ctm", "ljspeech", "csv", "lines", "ids",
    "folder",
]
# fmt: on
NormalizerName = Literal["auto", "none", "basic", "standard", "standard-1", "standard-2", "whisper"]
Unit = Literal["auto", "word", "mixed"]
Weights = Literal["unit", "nist"]
Engine = Literal["native", "jiwer"]
Missing = Literal["error", "deletions"]
Extra = Literal["error", "ignore"]
Notation = Literal["nist", "none"]
Characters = Literal["char", "char-nospace", "grapheme"]


@dataclass(frozen=True)
class Scoring:
    """How both sides are read, joined and counted."""

    format: Annotated[
        TranscriptFormat, typer.Option(help="How to read both files; auto tells by name and content.")
    ] = "auto"
    hyp_format: Annotated[
        TranscriptFormat | None, typer.Option(help="How to read the hypotheses, instead of --format.")
    ] = None
    ref_format: Annotated[
        TranscriptFormat | None, typer.Option(help="How to read the references, instead of --format.")
    ] = None
    hyp_field: Annotated[
        str | None, typer.Option(metavar="NAME", help="The column or key that holds the hypothesis.")
    ] = None
    ref_field: Annotated[
        str | None, typer.Option(metavar="NAME", help="The column or key that holds the reference.")
    ] = None
    notation: Annotated[
        Notation | None,
        typer.Option(
            show_default=ScoringConfig.notation,
            help="Whether [bold](uh)[/] and [bold]{a / b}[/] in trn, stm and ctm are optional words and alternatives.",
        ),
    ] = None
    normalizer: Annotated[
        NormalizerName | None,
        typer.Option(
            envvar="ASRKIT_NORMALIZER",
            show_default=ScoringConfig.normalizer,
            help="Bring both sides into one form first; auto: as the model behind the hypotheses does, else standard.",
        ),
    ] = None
    language: Annotated[
        str | None,
        typer.Option(
            show_default=ScoringConfig.language,
            help="Of the texts: de, pt-BR, ...; column: as the column [bold]language[/] of a manifest says of each.",
        ),
    ] = None
    map: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Replacements for both sides: lines such as [bold]colour => color[/], or NIST's GLM."
        ),
    ] = None
    unit: Annotated[
        Unit | None,
        typer.Option(
            show_default=ScoringConfig.unit,
            help="What the WER counts; mixed: characters of scripts without spaces, words of others.",
        ),
    ] = None
    weights: Annotated[
        Weights | None,
        typer.Option(
            show_default=ScoringConfig.weights, help="unit: fewest errors, then most hits; nist: as sclite aligns."
        ),
    ] = None
    engine: Annotated[
        Engine | None,
        typer.Option(
            show_default=ScoringConfig.engine, help="Who counts; jiwer: right in its total, arbitrary in its split."
        ),
    ] = None
    missing: Annotated[
        Missing | None,
        typer.Option(show_default=ScoringConfig.missing, help="What a reference without a hypothesis is."),
    ] = None
    extra: Annotated[
        Extra | None, typer.Option(show_default=ScoringConfig.extra, help="What a hypothesis without a reference is.")
    ] = None
    characters: Annotated[
        Characters | None,
        typer.Option(
            show_default=ScoringConfig.characters, help="What the CER counts: code points with or without spaces."
        ),
    ] = None
    resamples: Annotated[
        int | None,
        typer.Option(
            min=0,
            show_default=str(ScoringConfig.resamples),
            help="Random draws behind tests and probabilities; 0 for no interval either.",
        ),
    ] = None
    seed: Annotated[int | None, typer.Option(show_default=str(ScoringConfig.seed), help="Seed of these draws.")] = None
    speakers: Annotated[
        Path | None, typer.Option(help="A manifest, or lines of [bold]id speaker[/]: the interval is by speaker then.")
    ] = None


@dataclass(frozen=True)
class Pages:
    """Where the result goes."""

    json: Annotated[bool, typer.Option("--json", help="Write JSON (docs/score-json.md) to standard output.")] = False
    markdown: Annotated[bool, typer.Option("--markdown", help="Write Markdown to standard output.")] = False
    html: Annotated[Path | None, typer.Option(help="Write one self-contained HTML file as well.", metavar="FILE")] = (
        None
    )
    audio_root: Annotated[
        Path | None, typer.Option(help="Base of relative audio paths, for the players of --html.")
    ] = None
    embed_audio: Annotated[
        bool, typer.Option("--embed-audio", help="Put short recordings into the HTML file instead of linking them.")
    ] = False
