"""``asrkit score``: hypotheses against references."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asrkit.cli import score_options as options
from asrkit.cli.app import app
from asrkit.cli.groups import grouped
from asrkit.cli.showing import show
from asrkit.config import ScoringConfig
from asrkit.errors import ConfigError
from asrkit.writing import write_whole

if TYPE_CHECKING:
    from asrkit.metrics.details import Details
    from asrkit.metrics.groups import FieldScore
    from asrkit.metrics.scoring import ScoreReport
    from asrkit.report.html.audio import Players

MISSED = 4
_TRANSCRIPTS = Path("transcripts")  # the default output folder of asrkit transcribe


def say(message: str) -> None:
    """Talk to the user, beside the results."""
    show(f"asrkit: {message}", err=True)


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


def settings_from(scoring: options.Scoring) -> ScoringConfig:
    """Merge those options that are settings with ``asrkit.toml`` and the defaults."""
    from asrkit.cli.settings import Project, resolve

    names = {field.name for field in fields(ScoringConfig)} & vars(scoring).keys()
    flags = {name: getattr(scoring, name) for name in names}
    plain = {name: str(value) if isinstance(value, Path) else value for name, value in flags.items()}
    return resolve(ScoringConfig, "scoring", plain, project=Project.load())


@dataclass(frozen=True)
class _Sources:
    """What a user has at hand beside the two sides."""

    vocabulary: Annotated[
        Path | None, typer.Option(help="A word list or language model: the share of unknown words.")
    ] = None
    train_text: Annotated[Path | None, typer.Option(help="Training text: recall of rare words.")] = None
    keywords: Annotated[Path | None, typer.Option(help="Words and phrases, one a line: recall and precision.")] = None
    emissions: Annotated[Path | None, typer.Option(help="A run with --keep-emissions: the cause of each error.")] = None
    lm: Annotated[Path | None, typer.Option(help="The language model of that run; its vocabulary, too.")] = None
    lexicon: Annotated[Path | None, typer.Option(help="The lexicon of that run, if its model writes no letters.")] = (
        None
    )
    model: Annotated[Path | None, typer.Option("-m", "--model", help="The model of that run, which has both.")] = None

    def any(self) -> bool:
        return any(value is not None for value in vars(self).values())

    def find_details(self, report: ScoreReport) -> Details:
        from asrkit.cli.evidence import blame_errors
        from asrkit.metrics.details import find_details
        from asrkit.metrics.keywords import count_training_words, read_phrases
        from asrkit.metrics.normalizing import normalizer_of

        normalize_all = normalizer_of(report.config).normalize_all
        words = self.vocabulary or self.lm
        return find_details(
            report,
            vocabulary=None if words is None else _read_vocabulary(words, normalize_all),
            training_counts=None if self.train_text is None else count_training_words(self.train_text, normalize_all),
            keywords=() if self.keywords is None else read_phrases(self.keywords),
            blame=None
            if self.emissions is None
            else blame_errors(report, self.emissions, self.lm, self.lexicon, self.model),
        )


@app.command("score")
@grouped
def score_command(
    hypotheses: Annotated[
        str | None, typer.Argument(metavar="HYP", help="Hypotheses: a file, a folder, or - for standard input.")
    ] = None,
    references: Annotated[str | None, typer.Argument(metavar="REF", help="References: a file or a folder.")] = None,
    hyp: Annotated[str | None, typer.Option(help="Hypotheses, instead of the argument.")] = None,
    ref: Annotated[str | None, typer.Option(help="References, instead of the argument.")] = None,
    *,
    scoring: options.Scoring,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD",
            help="A column of a manifest, such as speaker, accent or snr: the score of each group, and a test of the "
            "gap; repeatable.",
        ),
    ] = None,
    worst: Annotated[int, typer.Option(min=0, help="How many of the worst utterances to show.")] = 5,
    details: Annotated[
        bool, typer.Option("--details", help="Confusions, words missed, speakers, lengths, n-best, confidences.")
    ] = False,
    sources: _Sources,
    pages: options.Pages,
    max_wer: Annotated[
        float | None, typer.Option(min=0.0, help="Exit with 4 when the WER, in percent, is higher.")
    ] = None,
) -> None:
    """Score hypotheses against references: WER and CER with counts, an interval, and the worst utterances.

    Utterances are joined by id where there are ids, else line by line; whatever cannot be joined is an error.

    Example: asrkit score hyp.txt ref.txt --max-wer 12.5
    """
    check_pages(pages)
    config = settings_from(scoring)
    from asrkit.metrics.groups import score_by
    from asrkit.metrics.scoring import score

    paths = both_sides(hypotheses, references, hyp, ref)
    report = score(*paths, config, format=scoring.format, speakers=scoring.speakers)
    for note in report.notes:
        say(note)
    tables = sources.find_details(report) if details or pages.html is not None or sources.any() else None
    groups = [score_by(report, name) for name in dict.fromkeys(by or ())]
    if pages.html is not None and tables is not None:  # first, as a reader of the output may leave early
        from asrkit.report.html import render_score

        recordings = players(report, pages, scoring.speakers)
        write_page(pages.html, render_score(report, tables, recordings, fields=groups))
    _show(report, tables, groups, pages, worst)
    if max_wer is not None:
        check_gate(report.word_error_rate, max_wer)


def _read_vocabulary(path: Path, normalize_all: Callable[[Sequence[str]], list[str]]) -> set[str]:
    """Read the words of a language model, or of a list with a word a line, normalized as the texts are."""
    if any(suffix in (".arpa", ".bin", ".binary", ".klm", ".lm") for suffix in path.suffixes):
        from asrkit.language_model import NgramModel

        words = list(NgramModel.load(path).vocabulary)
    else:
        from asrkit.metrics.transcripts import read_text

        words = [line.split()[0] for line in read_text(path).split("\n") if line.strip()]
    return {part for word in normalize_all(words) for part in word.split()}


def _show(
    report: ScoreReport,
    details: Details | None,
    fields: list[FieldScore],
    pages: options.Pages,
    worst: int,
) -> None:
    if pages.json:
        from json import dumps

        from asrkit.report.score_json import score_to_json

        show(
            dumps(score_to_json(report, worst=worst, details=details, fields=fields), ensure_ascii=False, indent=2),
            exact=True,
        )
    elif pages.markdown:
        from asrkit.report.markdown import score_to_markdown

        show(score_to_markdown(report, worst=worst, details=details, fields=fields), nl=False, exact=True)
    else:
        from asrkit.cli.console import Console
        from asrkit.report.score_terminal import print_score

        print_score(report, Console(highlight=False), worst=worst, details=details, fields=fields)


def players(report: ScoreReport, pages: options.Pages, manifest: Path | None) -> Players:
    """Look for recordings under the named folder, beside the manifest, and beside the references."""
    from asrkit.report.html.audio import Players

    beside = [Path(path).parent for path in (manifest, report.reference_path, report.hypothesis_path) if path]
    roots = [*([pages.audio_root] if pages.audio_root is not None else []), *beside]
    assert pages.html is not None
    return Players(pages.html.parent, tuple(roots), pages.embed_audio)


def check_pages(pages: options.Pages) -> None:
    """Make sure, before any work, that a page takes the place of nothing but an older page.

    Without its file, ``--html`` takes the first of the transcripts for it. A link is replaced, not followed.

    Raises:
        ConfigError: Something else lies there, or stdout would get two results.
    """
    if pages.json and pages.markdown:
        raise ConfigError("choose one of --json and --markdown")
    path = pages.html
    if path is None or path.is_symlink() or not path.is_file():
        return
    with path.open("rb") as file:
        head = file.read(1_000).lstrip().lower()
    is_new = not head and path.suffix.lower() in (".html", ".htm")  # of mktemp
    if not is_new and not head.startswith((b"<!doctype html", b"<html")):
        raise ConfigError(f"--html would replace {path}, which is no HTML page; name another file")


def write_page(path: Path, page: str) -> None:
    """Write a page, complete or not at all, and say where it lies."""
    write_whole(path, page)
    say(f"wrote {path}")


def check_gate(word_error_rate: float | None, max_wer: float) -> None:
    """Exit with 4 when a WER is above the threshold in percent, or undefined."""
    if word_error_rate is None:
        say(f"the WER is undefined and cannot meet --max-wer {max_wer:g}")
        raise typer.Exit(MISSED)
    if 100 * word_error_rate > max_wer:
        say(f"WER {100 * word_error_rate:.2f} % is above --max-wer {max_wer:g}")
        raise typer.Exit(MISSED)
