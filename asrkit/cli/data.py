"""``asrkit data``: fetch, import and look at speech corpora."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asrkit.cli.app import app
from asrkit.errors import ConfigError

if TYPE_CHECKING:
    from asrkit.data.check import CheckReport
    from asrkit.data.preparation import Preparation
    from asrkit.model.bundle import Bundle

data_app = typer.Typer(no_args_is_help=True, help="Fetch, import, synthesize and look at speech corpora.")
app.add_typer(data_app, name="data")

_MOST_PROBLEMS = 10
PARTLY_FAILED = 3


class Split(StrEnum):
    """The recipes of ``asrkit.data.split.SPLITS``."""

    SPEAKER = "speaker"
    RANDOM = "random"
    LAST500 = "last500"
    CHAPTER = "chapter"


class Corpus(StrEnum):
    """The corpora of ``asrkit.data.download.ARCHIVES``."""

    LJSPEECH = "ljspeech"


SplitOption = Annotated[
    Split | None,
    typer.Option(
        "--split",
        help="Write train, dev and maybe test: by [bold]speaker[/], [bold]random[/] utterances, the "
        "[bold]last500[/] ids (250 dev, 250 test), or whole [bold]chapter[/]s.",
    ),
]
DevShare = Annotated[float, typer.Option(help="Share to hold out with --split speaker and random.")]
Seed = Annotated[int, typer.Option(help="Seed of --split speaker and random.")]


def say(message: str) -> None:
    """Talk to the user, beside the results."""
    typer.echo(message, err=True)


@data_app.command("import", epilog="Example: asrkit data import LJSpeech-1.1 -o data/ljspeech --split last500")
def import_command(
    source: Annotated[
        Path,
        typer.Argument(
            help="A manifest (TSV, CSV, JSONL) or a folder: LJSpeech, LibriSpeech, Common Voice, Kaldi, audiofolder."
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Manifest to write (.tsv or .jsonl); a folder with --split.")
    ],
    split: SplitOption = None,
    dev_share: DevShare = 0.1,
    seed: Seed = 1,
    audio_root: Annotated[Path | None, typer.Option(help="Base of relative audio paths.")] = None,
    alphabet: Annotated[str | None, typer.Option(help="What the model will write; default: space, a-z, '.")] = None,
    keep_text: Annotated[bool, typer.Option("--keep-text", help="Leave the texts as they are.")] = False,
) -> None:
    """Bring a corpus into manifests, with lengths measured and texts fitted to the alphabet.

    Bad entries are named and left out (exit code 3).
    """
    from asrkit.data.preparation import prepare_corpus, write_sets
    from asrkit.data.split import named_split
    from asrkit.text import Alphabet

    if split is None and output.suffix.lower() not in (".tsv", ".jsonl", ".json"):
        raise ConfigError(f"--output must end in .tsv or .jsonl, not {output.name!r}; a folder needs --split")
    prepared = prepare_corpus(source, Alphabet(alphabet) if alphabet else Alphabet(), audio_root, keep_text)
    if split is None:
        paths = write_sets(output.parent, {output.stem: prepared.utterances}, output.suffix)
    else:
        paths = write_sets(output, named_split(prepared.utterances, split.value, dev_share, seed))
    _report(prepared, keep_text)
    for path in paths:
        typer.echo(path)
    if prepared.problems:
        raise typer.Exit(PARTLY_FAILED)


def _report(prepared: Preparation, keep_text: bool = False) -> None:
    """Tell what was imported and what was not."""
    hours = sum(utterance.duration_s or 0.0 for utterance in prepared.utterances) / 3600
    say(f"{len(prepared.utterances):,} utterances, {hours:.2f} h")
    fit_lines = prepared.text_fit.describe()
    if fit_lines:
        say("characters outside the alphabet" + (" (texts kept as they are):" if keep_text else ":"))
        _list(fit_lines)
    if prepared.problems:
        say(f"{len(prepared.problems):,} left out:")
        _list(prepared.problems)


def _list(lines: Sequence[str]) -> None:
    for line in lines[:_MOST_PROBLEMS]:
        say(f"  {line}")
    if len(lines) > _MOST_PROBLEMS:
        say(f"  and {len(lines) - _MOST_PROBLEMS:,} more")


class ExportFormat(StrEnum):
    """What other toolkits read."""

    KALDI = "kaldi"
    NEMO = "nemo"


@data_app.command("export", epilog="Example: asrkit data export data/ljspeech/train.tsv kaldi/train --to kaldi")
def export_command(
    source: Annotated[Path, typer.Argument(help="A manifest or a corpus in a layout of its own.")],
    output: Annotated[Path, typer.Argument(help="Folder to fill (kaldi) or JSON lines to write (nemo).")],
    to: Annotated[ExportFormat, typer.Option("--to", help="Who will read it.")],
    audio_root: Annotated[Path | None, typer.Option(help="Base of relative audio paths.")] = None,
) -> None:
    """Write a corpus for another toolkit; texts stay as they are."""
    from asrkit.data import read_manifest, write_manifest
    from asrkit.data.kaldi import write_kaldi
    from asrkit.data.statistics import measure_durations

    utterances, errors = measure_durations(read_manifest(source, audio_root))
    if to is ExportFormat.KALDI:
        write_kaldi(output, utterances)
    elif output.suffix.lower() in (".json", ".jsonl"):
        write_manifest(output, utterances)
    else:
        raise ConfigError(f"the output must end in .jsonl, not {output.name!r}")
    typer.echo(output)
    say(f"{len(utterances):,} utterances")
    if errors:
        say(f"{len(errors):,} left out:")
        _list([*map(str, errors)])
        raise typer.Exit(PARTLY_FAILED)


@data_app.command("stats", epilog="Example: asrkit data stats data/ljspeech/train.tsv")
def stats_command(
    manifest: Annotated[Path, typer.Argument(help="A manifest or a corpus folder, as for import.")],
    audio_root: Annotated[Path | None, typer.Option(help="Base of relative audio paths.")] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Picture to draw: lengths, rates, speakers, characters.")] = None,
) -> None:
    """Count hours, speakers, lengths and words of a corpus."""
    import json

    from asrkit.data import scan_manifest
    from asrkit.data.statistics import corpus_statistics, measure_durations

    utterances, problems = scan_manifest(manifest, audio_root, require_text=False)
    measured, errors = measure_durations(utterances)
    statistics = corpus_statistics(measured)
    if json_output:
        typer.echo(json.dumps([entry.to_dict() for entry in statistics], ensure_ascii=False, indent=2))
    else:
        _print_statistics([entry.to_dict() for entry in statistics])
    if plot is not None:
        from asrkit.report.data_plot import draw_statistics

        draw_statistics(measured, plot)
    if problems or errors:
        say(f"{len(problems) + len(errors):,} not counted:")
        _list([*map(str, problems), *map(str, errors)])
        raise typer.Exit(PARTLY_FAILED)


def _print_statistics(rows: list[dict[str, object]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    columns = {
        "corpus": "{name}",
        "items": "{num_utterances:,}",
        "voices": "{num_speakers:,}",
        "hours": "{hours:,.2f}",
        "seconds": "{shortest_s:.1f} - {longest_s:.1f}",
        "words": "{num_words:,}",
        "distinct": "{num_distinct_words:,}",
    }
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        is_name = column == "corpus"
        table.add_column(
            column, justify="left" if is_name else "right", no_wrap=not is_name, min_width=20 if is_name else None
        )
    for row in rows:
        table.add_row(*(escape(template.format(**row)) for template in columns.values()))
    Console().print(table)


@data_app.command("download", epilog="Example: asrkit data download ljspeech")
def download_command(
    corpus: Annotated[Corpus, typer.Argument(help="Which corpus.")],
    into: Annotated[Path, typer.Option(help="Folder to hold it.")] = Path("data"),
    split: Annotated[Split, typer.Option(help="How to hold out dev and test.")] = Split.LAST500,
    keep_archive: Annotated[bool, typer.Option("--keep-archive", help="Keep the archive after unpacking.")] = False,
) -> None:
    """Fetch a public corpus, check it, unpack it and write its manifests; run again, it goes on where it stopped."""
    from asrkit.data.download import ARCHIVES, fetch_corpus
    from asrkit.data.preparation import prepare_corpus, write_sets
    from asrkit.data.split import named_split
    from asrkit.text import Alphabet

    with Bars(bytewise=True) as transfer:
        folder = fetch_corpus(ARCHIVES[corpus.value], into, keep_archive, transfer.update)
    prepared = prepare_corpus(folder, Alphabet())
    paths = write_sets(into / corpus.value, named_split(prepared.utterances, split.value, dev_share=0.1))
    _report(prepared)
    for path in paths:
        typer.echo(path)


class Bars:
    """Shows one bar for each stage, with the time left, beside the results.

    Args:
        bytewise: Whether bytes are counted.
    """

    def __init__(self, bytewise: bool = False) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            ProgressColumn,
            TaskID,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        counts: list[ProgressColumn] = [DownloadColumn(), TransferSpeedColumn()] if bytewise else [MofNCompleteColumn()]
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            *counts,
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def update(self, what: str, done: int, total: int) -> None:
        """Move the bar of a stage."""
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(f"{what:11}", total=total)
        self._progress.update(self._tasks[what], completed=done)


@data_app.command("synth", epilog="Example: asrkit data synth demo/speech")
def synth_command(
    output_dir: Annotated[Path, typer.Argument(help="Folder for train, dev and test: audio, manifests and texts.")],
    train: Annotated[int, typer.Option(min=1, help="Utterances to train on.")] = 700,
    dev: Annotated[int, typer.Option(min=1, help="Utterances to choose the checkpoint on.")] = 50,
    test: Annotated[int, typer.Option(min=1, help="Utterances held out.")] = 80,
    seed: Annotated[int, typer.Option(help="The same seed gives the same corpus.")] = 1,
    sentences: Annotated[
        Path | None, typer.Option(help="Text to speak, one sentence a line; default: a small world of 120 words.")
    ] = None,
) -> None:
    """Make a spoken corpus with espeak-ng; its sets share neither a sentence nor a voice."""
    from asrkit.data.lines import read_lines
    from asrkit.synth import SynthSizes, synthesize_corpus
    from asrkit.text import normalize

    lines = None if sentences is None else (normalize(line) for line in read_lines(sentences))
    sizes = SynthSizes(train=train, dev=dev, test=test)
    with Bars() as bars:
        manifests = synthesize_corpus(
            output_dir, sizes, seed, lines, lambda n, total: bars.update("speaking", n, total)
        )
    for path in manifests.values():
        typer.echo(path)


@data_app.command("check", epilog="Example: asrkit data check train.tsv dev.tsv test.tsv -o checked")
def check_command(
    manifests: Annotated[
        list[Path], typer.Argument(help="The set to train on first, then what is held out from it.", metavar="SET...")
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for clean and quarantine manifests and findings.tsv.")
    ] = None,
    audio_root: Annotated[Path | None, typer.Option(help="Base of relative audio paths.")] = None,
    alphabet: Annotated[str | None, typer.Option(help="What the model will write; default: space, a-z, '.")] = None,
    step_ms: Annotated[
        float | None, typer.Option(min=1.0, help="One output step of the model; default: the bundle's, else 40 ms.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option("-m", "--model", help="Trained bundle: also find texts that it does not believe.")
    ] = None,
) -> None:
    """Find what would spoil training or falsify a score: broken, silent and clipped audio, wrong texts, leaks.

    Faulty entries go to a quarantine manifest with the reason (exit code 3); remarks keep an entry where it is.
    """
    from functools import partial

    from asrkit.data.check import check_sets, write_report
    from asrkit.model.bundle import Bundle
    from asrkit.text import Alphabet

    bundle = None if model is None else Bundle.load(model)
    if bundle is not None and alphabet is not None:
        raise ConfigError("--alphabet and --model exclude each other; the bundle has its own alphabet")
    with Bars() as bars:
        report = check_sets(
            _set_names(manifests),
            bundle.alphabet if bundle else Alphabet(alphabet) if alphabet else Alphabet(),
            audio_root=audio_root,
            step_ms=step_ms or (bundle.step_ms if bundle else 40.0),
            on_progress=partial(bars.update, "listening"),
        )
    if bundle is not None:
        report = _doubt_labels(report, bundle)
    for finding in report.findings:
        mark = "quarantined" if finding.quarantined else "remark"
        fields = (finding.set_name, finding.utterance_id, mark, finding.kind, finding.reason, finding.fix)
        typer.echo("\t".join(" ".join(field.split()) for field in fields))
    for name, utterances in report.clean.items():
        say(f"{name}: {len(utterances):,} of {len(utterances) + len(report.quarantined[name]):,} utterances are usable")
        _list(report.text_fits[name].describe())
    say("; ".join(f"{kind}: {count:,}" for kind, count in report.counts().most_common()) or "nothing is wrong")
    if output is not None:
        for path in write_report(report, output):
            say(str(path))
    if not report.is_clean:
        raise typer.Exit(PARTLY_FAILED)


def _doubt_labels(report: CheckReport, bundle: Bundle) -> CheckReport:
    """Quarantine what a model takes for wrongly labelled."""
    from asrkit.data.check import Finding, add_findings
    from asrkit.model.inference import Emitter
    from asrkit.transcription.labels import judge_labels

    network = Emitter(bundle)
    findings = []
    for name, utterances in report.clean.items():
        for judgement in judge_labels(utterances, network, bundle.alphabet, bundle.features):
            if judgement.is_suspicious:
                reason = f"the model hears {judgement.heard!r}, the text says {judgement.utterance.text!r}"
                findings.append(Finding(name, judgement.utterance.id, "label", reason, "listen and correct the text"))
    return add_findings(report, findings)


def _set_names(manifests: Sequence[Path]) -> dict[str, Path | str]:
    """Name each set after its file; where names repeat, number them."""
    names: dict[str, Path | str] = {}
    for number, path in enumerate(manifests, 1):
        name = path.stem or path.resolve().name
        names[f"{name}-{number}" if name in names else name] = path
    return names
