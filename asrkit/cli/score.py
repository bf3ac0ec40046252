"""``asrkit score``: hypotheses against references."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from asrkit.cli import score_options as options
from asrkit.cli.app import app
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


def settings_from(flags: Mapping[str, object]) -> ScoringConfig:
    """Merge those flags that are settings with ``asrkit.toml`` and the defaults."""
    from asrkit.cli.settings import Project, resolve

    names = {field.name for field in fields(ScoringConfig)} & flags.keys()
    plain = {name: str(value) if isinstance(value := flags[name], StrEnum | Path) else value for name in names}
    return resolve(ScoringConfig, "scoring", plain, project=Project.load())


@app.command("score")
def score_command(
    hypotheses: options.HypothesisArgument = None,
    references: options.ReferenceArgument = None,
    hyp: options.HypothesisOption = None,
    ref: options.ReferenceOption = None,
    format: options.Format = options.TranscriptFormat.AUTO,
    hyp_format: options.HypothesisFormat = None,
    ref_format: options.ReferenceFormat = None,
    hyp_field: options.HypothesisField = None,
    ref_field: options.ReferenceField = None,
    notation: options.NotationName = None,
    normalizer: options.Normalizer = None,
    language: options.Language = None,
    map: options.Map = None,
    unit: options.UnitName = None,
    weights: options.WeightsName = None,
    engine: options.EngineName = None,
    missing: options.MissingPolicy = None,
    extra: options.ExtraPolicy = None,
    characters: options.CharactersUnit = None,
    resamples: options.Resamples = None,
    seed: options.Seed = None,
    speakers: options.Speakers = None,
    by: options.By = None,
    worst: options.Worst = 5,
    details: options.WithDetails = False,
    vocabulary: options.Vocabulary = None,
    train_text: options.TrainText = None,
    keywords: options.Keywords = None,
    emissions: options.Emissions = None,
    lm: options.LanguageModel = None,
    lexicon: options.LexiconOfRun = None,
    json: options.Json = False,
    markdown: options.Markdown = False,
    html: options.Html = None,
    audio_root: options.AudioRoot = None,
    embed_audio: options.EmbedAudio = False,
    max_wer: options.MaxWer = None,
) -> None:
    """Score hypotheses against references: WER and CER with counts, an interval, and the worst utterances.

    Utterances are joined by id where there are ids, else line by line; whatever cannot be joined is an error.

    Example: asrkit score hyp.txt ref.txt --max-wer 12.5
    """
    config = settings_from(locals())
    from asrkit.metrics.scoring import score

    paths = both_sides(hypotheses, references, hyp, ref)
    report = score(*paths, config, format=format.value, speakers=speakers)
    for note in report.notes:
        say(note)
    sources = _Sources(vocabulary or lm, train_text, keywords, emissions, lm, lexicon)
    tables = sources.find_details(report) if details or html is not None or sources.any() else None
    groups = _score_by(report, by or [])
    if html is not None and tables is not None:  # first, as a reader of the output may leave early
        from asrkit.report.html import render_score

        recordings = players(report, html, audio_root, speakers, embed_audio)
        write_page(html, render_score(report, tables, recordings, fields=groups))
    _show(report, tables, groups, worst=worst, json=json, markdown=markdown)
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
    lexicon: Path | None

    def any(self) -> bool:
        return any(value is not None for value in vars(self).values())

    def find_details(self, report: ScoreReport) -> Details:
        from asrkit.cli.evidence import blame_errors
        from asrkit.metrics.details import find_details
        from asrkit.metrics.keywords import count_training_words, read_phrases
        from asrkit.metrics.normalizing import normalizer_of

        normalize_all = normalizer_of(report.config).normalize_all
        return find_details(
            report,
            vocabulary=None if self.vocabulary is None else _read_vocabulary(self.vocabulary, normalize_all),
            training_counts=None if self.train_text is None else count_training_words(self.train_text, normalize_all),
            keywords=() if self.keywords is None else read_phrases(self.keywords),
            blame=None if self.emissions is None else blame_errors(report, self.emissions, self.lm, self.lexicon),
        )


def _read_vocabulary(path: Path, normalize_all: Callable[[Sequence[str]], list[str]]) -> set[str]:
    """Read the words of a language model, or of a list with a word a line, normalized as the texts are."""
    return {part for word in normalize_all(_vocabulary_words(path)) for part in word.split()}


def _vocabulary_words(path: Path) -> list[str]:
    if any(suffix in (".arpa", ".bin", ".binary", ".klm", ".lm") for suffix in path.suffixes):
        from asrkit.language_model import NgramModel

        return list(NgramModel.load(path).vocabulary)
    from asrkit.metrics.transcripts import read_text

    return [line.split()[0] for line in read_text(path).split("\n") if line.strip()]


def _score_by(report: ScoreReport, names: list[str]) -> list[FieldScore]:
    if not names:
        return []
    from asrkit.metrics.groups import score_by

    return [score_by(report, name) for name in dict.fromkeys(names)]


def _show(
    report: ScoreReport,
    details: Details | None,
    fields: list[FieldScore],
    *,
    worst: int,
    json: bool,
    markdown: bool,
) -> None:
    if json and markdown:
        raise ConfigError("choose one of --json and --markdown")
    if json:
        from json import dumps

        from asrkit.report.score_json import score_to_json

        show(
            dumps(score_to_json(report, worst=worst, details=details, fields=fields), ensure_ascii=False, indent=2),
            exact=True,
        )
    elif markdown:
        from asrkit.report.markdown import score_to_markdown

        show(score_to_markdown(report, worst=worst, details=details, fields=fields), nl=False, exact=True)
    else:
        from asrkit.cli.console import Console
        from asrkit.report.score_terminal import print_score

        print_score(report, Console(highlight=False), worst=worst, details=details, fields=fields)


def players(report: ScoreReport, page: Path, root: Path | None, manifest: Path | None, embed: bool) -> Players:
    """Look for recordings under the named folder, beside the manifest, and beside the references."""
    from asrkit.report.html.audio import Players

    beside = [Path(path).parent for path in (manifest, report.reference_path, report.hypothesis_path) if path]
    roots = [*([root] if root is not None else []), *beside]
    return Players(page.parent, tuple(roots), embed)


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
