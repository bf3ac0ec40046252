"""``asrkit score``: hypotheses against references."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asrkit.cli.app import app
from asrkit.errors import ConfigError

if TYPE_CHECKING:
    from asrkit.metrics.scoring import ScoreReport

MISSED = 4
_TRANSCRIPTS = Path("transcripts")  # the default output folder of asrkit transcribe


class TranscriptFormat(StrEnum):
    """The formats of ``asrkit.metrics.transcripts.FORMATS``."""

    AUTO = "auto"
    LINES = "lines"
    IDS = "ids"
    TRN = "trn"
    TSV = "tsv"
    JSONL = "jsonl"
    CTM = "ctm"
    STM = "stm"
    FOLDER = "folder"


class NormalizerName(StrEnum):
    """The normalizers of ``asrkit.text.normalizer.NORMALIZERS``."""

    NONE = "none"
    STANDARD = "standard"
    WHISPER = "whisper"


class Weights(StrEnum):
    """The weights of ``asrkit.metrics.counting.WEIGHTS``."""

    UNIT = "unit"
    NIST = "nist"


class Engine(StrEnum):
    """Who counts."""

    RAPIDFUZZ = "rapidfuzz"
    JIWER = "jiwer"


class Missing(StrEnum):
    """The policies of ``asrkit.metrics.joining.MISSING_POLICIES``."""

    ERROR = "error"
    DELETIONS = "deletions"


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
FormatOption = Annotated[
    TranscriptFormat, typer.Option("--format", help="How to read both files; auto tells by name and content.")
]
NormalizerOption = Annotated[
    NormalizerName | None,
    typer.Option("--normalizer", envvar="ASRKIT_NORMALIZER", help="Bring both sides into one form first."),
]
WeightsOption = Annotated[
    Weights | None, typer.Option("--weights", help="unit: fewest errors, then most hits; nist: as sclite aligns.")
]
EngineOption = Annotated[Engine | None, typer.Option("--engine", help="jiwer: let jiwer itself count.")]
MissingOption = Annotated[Missing | None, typer.Option("--missing", help="What a reference without a hypothesis is.")]
CharactersOption = Annotated[
    Characters | None, typer.Option("--characters", help="What the CER counts: code points with or without spaces.")
]
ResamplesOption = Annotated[
    int | None, typer.Option("--resamples", min=0, help="Bootstrap resamples of the interval; 0 for none.")
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Seed of the resamples.")]
SpeakersOption = Annotated[
    Path | None,
    typer.Option("--speakers", help="A manifest, or lines of [bold]id speaker[/]: the interval is by speaker then."),
]


def say(message: str) -> None:
    """Talk to the user, beside the results."""
    typer.echo(f"asrkit: {message}", err=True)


def both_sides(hyp: str | None, ref: str | None, hyp_option: str | None, ref_option: str | None) -> tuple[str, str]:
    """Return the two paths, from arguments or options.

    Raises:
        ConfigError: One is missing or given twice.
    """
    arguments = [value for value in (hyp, ref) if value is not None]
    hypothesis = hyp_option if hyp_option is not None else arguments.pop(0) if arguments else None
    reference = ref_option if ref_option is not None else arguments.pop(0) if arguments else None
    if hypothesis is None or reference is None:
        raise ConfigError("give the hypotheses, then the references: asrkit score hyp.txt ref.txt")
    if arguments:
        raise ConfigError(f"{arguments[0]!r} is one path too many; give each side once")
    return _here_or_in_transcripts(hypothesis), reference


def _here_or_in_transcripts(hypothesis: str) -> str:
    """Return a path that exists; a file that is not here may be where ``asrkit transcribe`` writes."""
    transcripts = _TRANSCRIPTS / hypothesis
    if Path(hypothesis).exists() or not transcripts.is_file():
        return hypothesis
    say(f"there is no {hypothesis} here; scoring {transcripts}")
    return str(transcripts)


@app.command("score")
def score_command(
    hypotheses: HypothesisArgument = None,
    references: ReferenceArgument = None,
    hyp: HypothesisOption = None,
    ref: ReferenceOption = None,
    format: FormatOption = TranscriptFormat.AUTO,
    normalizer: NormalizerOption = None,
    weights: WeightsOption = None,
    engine: EngineOption = None,
    missing: MissingOption = None,
    characters: CharactersOption = None,
    resamples: ResamplesOption = None,
    seed: SeedOption = None,
    speakers: SpeakersOption = None,
    worst: Annotated[int, typer.Option("--worst", min=0, help="How many of the worst utterances to show.")] = 5,
    json: Annotated[bool, typer.Option("--json", help="Write JSON (docs/score-json.md) to standard output.")] = False,
    max_wer: Annotated[
        float | None, typer.Option("--max-wer", min=0.0, help="Exit with 4 when the WER, in percent, is higher.")
    ] = None,
) -> None:
    """Score hypotheses against references: WER and CER with counts, an interval, and the worst utterances.

    Utterances are joined by id where there are ids, else line by line; whatever cannot be joined is an error.

    Example: asrkit score hyp.txt ref.txt --max-wer 12.5
    """
    from asrkit.cli.settings import Project, resolve
    from asrkit.config import ScoringConfig
    from asrkit.metrics.scoring import score

    flags = {
        "normalizer": normalizer and normalizer.value,
        "weights": weights and weights.value,
        "engine": engine and engine.value,
        "missing": missing and missing.value,
        "characters": characters and characters.value,
        "resamples": resamples,
        "seed": seed,
    }
    config = resolve(ScoringConfig, "scoring", flags, project=Project.load())
    paths = both_sides(hypotheses, references, hyp, ref)
    report = score(*paths, config, format=format.value, speakers=speakers)
    for note in report.notes:
        say(note)
    _show(report, worst=worst, json=json)
    if max_wer is not None:
        check_gate(report.word_error_rate, max_wer)


def _show(report: ScoreReport, *, worst: int, json: bool) -> None:
    if json:
        from json import dumps

        from asrkit.report.score_json import score_to_json

        typer.echo(dumps(score_to_json(report, worst=worst), ensure_ascii=False, indent=2))
        return
    from rich.console import Console

    from asrkit.report.score_terminal import print_score

    print_score(report, Console(highlight=False), worst=worst)


def check_gate(word_error_rate: float | None, max_wer: float) -> None:
    """Exit with 4 when a WER is above the threshold in percent, or undefined."""
    if word_error_rate is None:
        say(f"the WER is undefined and cannot meet --max-wer {max_wer:g}")
        raise typer.Exit(MISSED)
    if 100 * word_error_rate > max_wer:
        say(f"WER {100 * word_error_rate:.2f} % is above --max-wer {max_wer:g}")
        raise typer.Exit(MISSED)
