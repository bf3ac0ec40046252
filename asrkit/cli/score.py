"""``asrkit score``: hypotheses against references."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asrkit.cli.app import app
from asrkit.config import ScoringConfig
from asrkit.errors import ConfigError

if TYPE_CHECKING:
    from asrkit.metrics.details import Details
    from asrkit.metrics.scoring import ScoreReport
    from asrkit.report.html.audio import Players

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

    NATIVE = "native"
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
    typer.Option(
        "--normalizer",
        envvar="ASRKIT_NORMALIZER",
        show_default=ScoringConfig.normalizer,
        help="Bring both sides into one form first.",
    ),
]
WeightsOption = Annotated[
    Weights | None,
    typer.Option(
        "--weights",
        show_default=ScoringConfig.weights,
        help="unit: fewest errors, then most hits; nist: as sclite aligns.",
    ),
]
EngineOption = Annotated[
    Engine | None,
    typer.Option(
        "--engine",
        show_default=ScoringConfig.engine,
        help="Who counts; jiwer: right in its total, arbitrary in its split.",
    ),
]
MissingOption = Annotated[
    Missing | None,
    typer.Option("--missing", show_default=ScoringConfig.missing, help="What a reference without a hypothesis is."),
]
CharactersOption = Annotated[
    Characters | None,
    typer.Option(
        "--characters",
        show_default=ScoringConfig.characters,
        help="What the CER counts: code points with or without spaces.",
    ),
]
ResamplesOption = Annotated[
    int | None,
    typer.Option(
        "--resamples",
        min=0,
        show_default=str(ScoringConfig.resamples),
        help="Bootstrap resamples of the interval; 0 for none.",
    ),
]
SeedOption = Annotated[
    int | None, typer.Option("--seed", show_default=str(ScoringConfig.seed), help="Seed of the resamples.")
]
SpeakersOption = Annotated[
    Path | None,
    typer.Option("--speakers", help="A manifest, or lines of [bold]id speaker[/]: the interval is by speaker then."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON (docs/score-json.md) to standard output.")]
MarkdownOption = Annotated[bool, typer.Option("--markdown", help="Write Markdown to standard output.")]
HtmlOption = Annotated[
    Path | None, typer.Option("--html", help="Write one self-contained HTML file as well.", metavar="FILE")
]
AudioRootOption = Annotated[
    Path | None, typer.Option("--audio-root", help="Base of relative audio paths, for the players of --html.")
]
EmbedAudioOption = Annotated[
    bool, typer.Option("--embed-audio", help="Put short recordings into the HTML file instead of linking them.")
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


def settings_from(flags: dict[str, object]) -> ScoringConfig:
    """Merge flags with ``asrkit.toml`` and the defaults."""
    from asrkit.cli.settings import Project, resolve

    plain = {name: value.value if isinstance(value, StrEnum) else value for name, value in flags.items()}
    return resolve(ScoringConfig, "scoring", plain, project=Project.load())


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
    details: Annotated[
        bool,
        typer.Option("--details", help="Confusions, words missed, speakers, lengths, n-best, confidences."),
    ] = False,
    vocabulary: Annotated[
        Path | None, typer.Option("--vocabulary", help="A word list or language model: the share of unknown words.")
    ] = None,
    train_text: Annotated[
        Path | None, typer.Option("--train-text", help="Training text: recall of rare words.")
    ] = None,
    keywords: Annotated[
        Path | None, typer.Option("--keywords", help="Words and phrases, one a line: recall and precision.")
    ] = None,
    emissions: Annotated[
        Path | None, typer.Option("--emissions", help="A run with --keep-emissions: the cause of each error.")
    ] = None,
    lm: Annotated[
        Path | None, typer.Option("--lm", help="The language model of that run; its vocabulary, too.")
    ] = None,
    json: JsonOption = False,
    markdown: MarkdownOption = False,
    html: HtmlOption = None,
    audio_root: AudioRootOption = None,
    embed_audio: EmbedAudioOption = False,
    max_wer: Annotated[
        float | None, typer.Option("--max-wer", min=0.0, help="Exit with 4 when the WER, in percent, is higher.")
    ] = None,
) -> None:
    """Score hypotheses against references: WER and CER with counts, an interval, and the worst utterances.

    Utterances are joined by id where there are ids, else line by line; whatever cannot be joined is an error.

    Example: asrkit score hyp.txt ref.txt --max-wer 12.5
    """
    from asrkit.metrics.scoring import score

    config = settings_from(
        {
            "normalizer": normalizer,
            "weights": weights,
            "engine": engine,
            "missing": missing,
            "characters": characters,
            "resamples": resamples,
            "seed": seed,
        }
    )
    paths = both_sides(hypotheses, references, hyp, ref)
    report = score(*paths, config, format=format.value, speakers=speakers)
    for note in report.notes:
        say(note)
    sources = _Sources(vocabulary or lm, train_text, keywords, emissions, lm)
    tables = sources.find_details(report) if details or html is not None or sources.any() else None
    _show(report, tables, worst=worst, json=json, markdown=markdown)
    if html is not None and tables is not None:
        from asrkit.report.html import render_score

        write_page(html, render_score(report, tables, players(report, html, audio_root, speakers, embed_audio)))
    if max_wer is not None:
        check_gate(report.word_error_rate, max_wer)


@dataclass(frozen=True)
class _Sources:
    """What a user has at hand beside the two sides."""

    vocabulary: Path | None
    train_text: Path | None
    keywords: Path | None
    emissions: Path | None
    lm: Path | None

    def any(self) -> bool:
        return any(value is not None for value in vars(self).values())

    def find_details(self, report: ScoreReport) -> Details:
        from asrkit.cli.evidence import blame_errors
        from asrkit.metrics.details import find_details
        from asrkit.metrics.keywords import count_training_words, read_phrases
        from asrkit.text.normalizer import get_normalizer

        normalize_all = get_normalizer(report.config.normalizer).normalize_all
        return find_details(
            report,
            vocabulary=None if self.vocabulary is None else _read_vocabulary(self.vocabulary),
            training_counts=None if self.train_text is None else count_training_words(self.train_text, normalize_all),
            keywords=() if self.keywords is None else read_phrases(self.keywords),
            blame=None if self.emissions is None else blame_errors(report, self.emissions, self.lm),
        )


def _read_vocabulary(path: Path) -> set[str]:
    """Read the words of a language model, or of a list with a word at the start of each line."""
    if any(suffix in (".arpa", ".bin", ".binary", ".klm", ".lm") for suffix in path.suffixes):
        from asrkit.language_model import NgramModel

        return set(NgramModel.load(path).vocabulary)
    from asrkit.metrics.transcripts import read_text

    return {line.split()[0] for line in read_text(path).split("\n") if line.strip()}


def _show(report: ScoreReport, details: Details | None, *, worst: int, json: bool, markdown: bool) -> None:
    if json and markdown:
        raise ConfigError("choose one of --json and --markdown")
    if json:
        from json import dumps

        from asrkit.report.score_json import score_to_json

        typer.echo(dumps(score_to_json(report, worst=worst, details=details), ensure_ascii=False, indent=2))
    elif markdown:
        from asrkit.report.markdown import score_to_markdown

        typer.echo(score_to_markdown(report, worst=worst, details=details), nl=False)
    else:
        from rich.console import Console

        from asrkit.report.score_terminal import print_score

        print_score(report, Console(highlight=False), worst=worst, details=details)


def players(report: ScoreReport, page: Path, root: Path | None, manifest: Path | None, embed: bool) -> Players:
    """Look for recordings under the named folder, beside the manifest, and beside the references."""
    from asrkit.report.html.audio import Players

    beside = [Path(path).parent for path in (manifest, report.reference_path, report.hypothesis_path) if path]
    roots = [*([root] if root is not None else []), *beside]
    return Players(page.parent, tuple(roots), embed)


def write_page(path: Path, page: str) -> None:
    """Write a page, complete or not at all, and say where it lies."""
    partial = path.with_name(f".{path.name}.part")
    partial.write_text(page, encoding="utf-8")
    partial.replace(path)
    say(f"wrote {path}")


def check_gate(word_error_rate: float | None, max_wer: float) -> None:
    """Exit with 4 when a WER is above the threshold in percent, or undefined."""
    if word_error_rate is None:
        say(f"the WER is undefined and cannot meet --max-wer {max_wer:g}")
        raise typer.Exit(MISSED)
    if 100 * word_error_rate > max_wer:
        say(f"WER {100 * word_error_rate:.2f} % is above --max-wer {max_wer:g}")
        raise typer.Exit(MISSED)
