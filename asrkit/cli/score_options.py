"""The options of ``asrkit score`` and ``asrkit compare``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from asrkit.config import ScoringConfig


class TranscriptFormat(StrEnum):
    """The formats of ``asrkit.metrics.transcripts.FORMATS``."""

    AUTO = "auto"
    VTT = "vtt"
    SRT = "srt"
    JSONL = "jsonl"
    JSON = "json"
    TSV = "tsv"
    ICEFALL = "icefall"
    TRN = "trn"
    STM = "stm"
    CTM = "ctm"
    LJSPEECH = "ljspeech"
    CSV = "csv"
    LINES = "lines"
    IDS = "ids"
    FOLDER = "folder"


class NormalizerName(StrEnum):
    """The normalizers of ``asrkit.text.normalizer.NORMALIZERS``."""

    AUTO = "auto"
    NONE = "none"
    BASIC = "basic"
    STANDARD = "standard"
    STANDARD_1 = "standard-1"
    STANDARD_2 = "standard-2"
    WHISPER = "whisper"


class Unit(StrEnum):
    """What a WER counts."""

    AUTO = "auto"
    WORD = "word"
    MIXED = "mixed"


class Weights(StrEnum):
    """The weights of ``asrkit.metrics.counting.WEIGHTS``."""

    UNIT = "unit"
    NIST = "nist"


class Engine(StrEnum):
    """Who counts."""

    NATIVE = "native"
    JIWER = "jiwer"


class Missing(StrEnum):
    """The policies of ``asrkit.metrics.joining.MISSING_POLICIES``."""

    ERROR = "error"
    DELETIONS = "deletions"


class Extra(StrEnum):
    """The policies of ``asrkit.metrics.joining.EXTRA_POLICIES``."""

    ERROR = "error"
    IGNORE = "ignore"


class Notation(StrEnum):
    """Whether signs of NIST's formats mean something."""

    NIST = "nist"
    NONE = "none"


class Characters(StrEnum):
    """What a CER counts."""

    CHAR = "char"
    NO_SPACE = "char-nospace"
    GRAPHEME = "grapheme"


HypothesisArgument = Annotated[
    str | None, typer.Argument(metavar="HYP", help="Hypotheses: a file, a folder, or - for standard input.")
]
ReferenceArgument = Annotated[str | None, typer.Argument(metavar="REF", help="References: a file or a folder.")]
HypothesisOption = Annotated[str | None, typer.Option("--hyp", help="Hypotheses, instead of the argument.")]
ReferenceOption = Annotated[str | None, typer.Option("--ref", help="References, instead of the argument.")]
Format = Annotated[
    TranscriptFormat, typer.Option("--format", help="How to read both files; auto tells by name and content.")
]
HypothesisFormat = Annotated[
    TranscriptFormat | None, typer.Option("--hyp-format", help="How to read the hypotheses, instead of --format.")
]
ReferenceFormat = Annotated[
    TranscriptFormat | None, typer.Option("--ref-format", help="How to read the references, instead of --format.")
]
HypothesisField = Annotated[
    str | None, typer.Option("--hyp-field", metavar="NAME", help="The column or key that holds the hypothesis.")
]
ReferenceField = Annotated[
    str | None, typer.Option("--ref-field", metavar="NAME", help="The column or key that holds the reference.")
]
NotationName = Annotated[
    Notation | None,
    typer.Option(
        "--notation",
        show_default=ScoringConfig.notation,
        help="Whether [bold](uh)[/] and [bold]{a / b}[/] in trn, stm and ctm are optional words and alternatives.",
    ),
]
Normalizer = Annotated[
    NormalizerName | None,
    typer.Option(
        "--normalizer",
        envvar="ASRKIT_NORMALIZER",
        show_default=ScoringConfig.normalizer,
        help="Bring both sides into one form first; auto: as the model behind the hypotheses does, else standard.",
    ),
]
Language = Annotated[
    str | None,
    typer.Option(
        "--language",
        show_default=ScoringConfig.language,
        help="Of the texts: de, pt-BR, ...; column: as the column [bold]language[/] of a manifest says of each.",
    ),
]
Map = Annotated[
    Path | None,
    typer.Option(
        "--map",
        metavar="FILE",
        help="Replacements for both sides: lines such as [bold]colour => color[/], or NIST's GLM.",
    ),
]
UnitName = Annotated[
    Unit | None,
    typer.Option(
        "--unit",
        show_default=ScoringConfig.unit,
        help="What the WER counts; mixed: characters of scripts without spaces, words of others.",
    ),
]
WeightsName = Annotated[
    Weights | None,
    typer.Option(
        "--weights",
        show_default=ScoringConfig.weights,
        help="unit: fewest errors, then most hits; nist: as sclite aligns.",
    ),
]
EngineName = Annotated[
    Engine | None,
    typer.Option(
        "--engine",
        show_default=ScoringConfig.engine,
        help="Who counts; jiwer: right in its total, arbitrary in its split.",
    ),
]
MissingPolicy = Annotated[
    Missing | None,
    typer.Option("--missing", show_default=ScoringConfig.missing, help="What a reference without a hypothesis is."),
]
ExtraPolicy = Annotated[
    Extra | None,
    typer.Option("--extra", show_default=ScoringConfig.extra, help="What a hypothesis without a reference is."),
]
CharactersUnit = Annotated[
    Characters | None,
    typer.Option(
        "--characters",
        show_default=ScoringConfig.characters,
        help="What the CER counts: code points with or without spaces.",
    ),
]
Resamples = Annotated[
    int | None,
    typer.Option(
        "--resamples",
        min=0,
        show_default=str(ScoringConfig.resamples),
        help="Random draws behind tests and probabilities; 0 for no interval either.",
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", show_default=str(ScoringConfig.seed), help="Seed of these draws.")]
Speakers = Annotated[
    Path | None,
    typer.Option("--speakers", help="A manifest, or lines of [bold]id speaker[/]: the interval is by speaker then."),
]
By = Annotated[
    list[str] | None,
    typer.Option(
        "--by",
        metavar="FIELD",
        help="A column of a manifest, such as speaker, accent or snr: the score of each group, and a test of the gap. "
        "May be repeated.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON (docs/score-json.md) to standard output.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Write Markdown to standard output.")]
Html = Annotated[
    Path | None, typer.Option("--html", help="Write one self-contained HTML file as well.", metavar="FILE")
]
AudioRoot = Annotated[
    Path | None, typer.Option("--audio-root", help="Base of relative audio paths, for the players of --html.")
]
EmbedAudio = Annotated[
    bool, typer.Option("--embed-audio", help="Put short recordings into the HTML file instead of linking them.")
]
Worst = Annotated[int, typer.Option("--worst", min=0, help="How many of the worst utterances to show.")]
WidestApart = Annotated[int, typer.Option("--worst", min=0, help="How many utterances to show, widest apart first.")]
WithDetails = Annotated[
    bool, typer.Option("--details", help="Confusions, words missed, speakers, lengths, n-best, confidences.")
]
Vocabulary = Annotated[
    Path | None, typer.Option("--vocabulary", help="A word list or language model: the share of unknown words.")
]
TrainText = Annotated[Path | None, typer.Option("--train-text", help="Training text: recall of rare words.")]
Keywords = Annotated[
    Path | None, typer.Option("--keywords", help="Words and phrases, one a line: recall and precision.")
]
Emissions = Annotated[
    Path | None, typer.Option("--emissions", help="A run with --keep-emissions: the cause of each error.")
]
LanguageModel = Annotated[
    Path | None, typer.Option("--lm", help="The language model of that run; its vocabulary, too.")
]
LexiconOfRun = Annotated[
    Path | None, typer.Option("--lexicon", help="The lexicon of that run, if its model writes no letters.")
]
MaxRise = Annotated[
    float | None,
    typer.Option(
        "--max-rise",
        min=0.0,
        metavar="POINTS",
        help="Exit with 4 when a WER, in percent, is more than so many points above that of A.",
    ),
]
MaxWer = Annotated[
    float | None, typer.Option("--max-wer", min=0.0, help="Exit with 4 when the WER, in percent, is higher.")
]
