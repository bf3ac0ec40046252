"""``asrkit data``: fetch, import and look at speech corpora."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from asrkit.cli.app import Commands, app
from asrkit.cli.bars import Bars
from asrkit.cli.showing import show
from asrkit.cli.transcribe_options import AudioRoot
from asrkit.errors import ConfigError
from asrkit.packages import require_installed

if TYPE_CHECKING:
    from asrkit.config import DataConfig
    from asrkit.data.preparation import Preparation

data_app = typer.Typer(cls=Commands, no_args_is_help=True, help="Fetch, import, synthesize and look at speech corpora.")
app.add_typer(data_app, name="data")

_MOST_PROBLEMS = 10
PARTLY_FAILED = 3


# What the library knows, which would take its time to be imported here; a test holds both equal.
Split = Literal["speaker", "random", "last500", "chapter"]
Corpus = Literal["ljspeech"]
AlphabetOption = Annotated[
    str | None,
    typer.Option(help="What the model will write, or auto; default: that of asrkit.toml, else space, a-z, '."),
]


def say(message: str) -> None:
    """Talk to the user, beside the results."""
    show(message, err=True)


@data_app.command("import", epilog="Example: asrkit data import LJSpeech-1.1 -o data/ljspeech --split last500")
def import_command(
    sources: Annotated[
        list[Path],
        typer.Argument(
            help="Manifests (TSV, CSV, JSONL), corpora in their own layout, recordings with a .txt each, tar shards, "
            "parquet files.",
            metavar="SOURCE...",
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Manifest to write (.tsv or .jsonl); a folder with --split.")
    ],
    split: Annotated[
        Split | None,
        typer.Option(
            help="Write train, dev and maybe test: by [bold]speaker[/], [bold]random[/] utterances, the "
            "[bold]last500[/] ids (250 dev, 250 test), or whole [bold]chapter[/]s."
        ),
    ] = None,
    dev_share: Annotated[float, typer.Option(help="Share to hold out with --split speaker and random.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Seed of --split speaker and random.")] = 1,
    audio_root: AudioRoot = None,
    alphabet: AlphabetOption = None,
    keep_text: Annotated[bool, typer.Option("--keep-text", help="Leave the texts as they are.")] = False,
) -> None:
    """Bring a corpus into manifests, with lengths measured and texts fitted to the alphabet.

    Several sources become one corpus. Parts that others test with (dev, test) are left out unless they are named, and
    bad entries (exit code 3); both are told.
    """
    from asrkit.data.preparation import keep_sources, set_paths

    if split is None and output.suffix.lower() not in (".tsv", ".jsonl", ".json"):
        raise ConfigError(f"--output must end in .tsv or .jsonl, not {output.name!r}; a folder needs --split")
    paths = [output] if split is None else set_paths(output, split)
    keep_sources(sources, paths)
    room = output if split is not None else output.with_suffix("")
    names = [_name(source, place, sources) for place, source in enumerate(sources)]
    corpora = {name: _unpacked(source, room, name) for name, source in zip(names, sources, strict=True)}
    _import(corpora, paths, split, dev_share, seed, audio_root, alphabet, keep_text)


def _import(
    corpora: Mapping[str, Path],
    paths: Sequence[Path],
    split: Split | None,
    dev_share: float = 0.1,
    seed: int = 1,
    audio_root: Path | None = None,
    alphabet: str | None = None,
    keep_text: bool = False,
) -> None:
    """Make one corpus of some, write it, or the sets of its split, to ``paths``, and tell what became of it."""
    from asrkit.data import write_manifest
    from asrkit.data.preparation import join_corpora, prepare_corpus
    from asrkit.data.split import named_split
    from asrkit.text import Alphabet, get_normalizer

    texts = text_settings(alphabet, [*corpora.values()], audio_root)
    normalizer = get_normalizer(texts.normalizer, texts.language)
    each = {
        name: prepare_corpus(source, Alphabet(texts.alphabet), audio_root, keep_text, normalizer)
        for name, source in corpora.items()
    }
    prepared = join_corpora(each)
    whole = prepared.utterances
    sets = [whole] if split is None else named_split(whole, split, dev_share, seed).values()
    for path, utterances in zip(paths, sets, strict=True):
        write_manifest(path, utterances)
    for source in corpora.values():
        say_ignored(source)
    if len(each) > 1:
        for name, one in each.items():
            say(f"{name}: {len(one.utterances):,} utterances")
    _report(prepared, keep_text)
    for path in paths:
        show(path, exact=True)
    if prepared.problems:
        raise typer.Exit(PARTLY_FAILED)


def set_name(source: Path) -> str:
    """Return what a set is called: as its folder, or its file without the suffix."""
    return source.resolve().name if source.is_dir() else source.stem


def _name(source: Path, place: int, sources: Sequence[Path]) -> str:
    """Return the name of a source, with its number where another has it too."""
    names = [*map(set_name, sources)]
    return names[place] if names.count(names[place]) == 1 else f"{names[place]}-{place + 1}"


def _unpacked(source: Path, room: Path, name: str) -> Path:
    """Return a source, or the manifest of what was unpacked of archives."""
    from asrkit.data.archives import archives_of, held_out_archives, unpack

    if not archives_of(source):
        return source
    say(f"{source}: its recordings are unpacked")
    if left_out := held_out_archives(source):
        more = f" and {len(left_out) - 1:,} more" * (len(left_out) > 1)
        say(f"{source}: parts to test with that are left out: {left_out[0].name}{more}; name them to read them")
    return unpack(source, room.parent / f"{room.name}-audio" / name)


def text_settings(alphabet: str | None, sources: Sequence[Path], audio_root: Path | None) -> DataConfig:
    """Return the project's settings for texts, with an alphabet from the command line and what is open settled."""
    from asrkit.cli.settings import Project, resolve
    from asrkit.config import DataConfig
    from asrkit.data.alphabets import settle_texts

    flags = {"alphabet": alphabet, "audio_root": None if audio_root is None else str(audio_root)}
    data = resolve(DataConfig, "data", flags, project=Project.load())
    return settle_texts(data.replace(audio_root=flags["audio_root"]), sources, say)


def _report(prepared: Preparation, keep_text: bool = False) -> None:
    """Tell what was imported and what was not."""
    hours = sum(utterance.duration_s or 0.0 for utterance in prepared.utterances) / 3600
    say(f"{len(prepared.utterances):,} utterances, {hours:.2f} h")
    fit_lines = prepared.text_fit.describe()
    if fit_lines:
        say("characters outside the alphabet" + (" (texts kept as they are):" if keep_text else ":"))
        list_some(fit_lines)
    if prepared.problems:
        say(f"{len(prepared.problems):,} left out:")
        list_some(prepared.problems)


def say_ignored(manifest: Path) -> None:
    """Tell what is not read of a manifest or corpus."""
    from asrkit.data.manifest import left_out

    for line in left_out(manifest):
        say(f"{manifest}: {line}")


def list_some(lines: Sequence[str]) -> None:
    """Show the first lines of many, and how many more there are."""
    for line in lines[:_MOST_PROBLEMS]:
        say(f"  {line}")
    if len(lines) > _MOST_PROBLEMS:
        say(f"  and {len(lines) - _MOST_PROBLEMS:,} more")


def end_with(problems: Sequence[object], what: str = "left out") -> None:
    """Show what could not be used, and end with exit code 3 if that is anything."""
    if problems:
        say(f"{len(problems):,} {what}:")
        list_some([*map(str, problems)])
        raise typer.Exit(PARTLY_FAILED)


@data_app.command("export", epilog="Example: asrkit data export data/ljspeech/train.tsv kaldi/train --to kaldi")
def export_command(
    source: Annotated[Path, typer.Argument(help="A manifest or a corpus in a layout of its own.")],
    output: Annotated[Path, typer.Argument(help="Folder to fill (kaldi) or JSON lines to write (nemo).")],
    to: Annotated[Literal["kaldi", "nemo"], typer.Option("--to", help="Who will read it.")],
    audio_root: AudioRoot = None,
) -> None:
    """Write a corpus for another toolkit; texts stay as they are."""
    from asrkit.data import read_manifest, write_manifest
    from asrkit.data.kaldi import write_kaldi
    from asrkit.data.preparation import keep_sources
    from asrkit.data.statistics import measure_durations

    keep_sources([source], [output])
    utterances, errors = measure_durations(read_manifest(source, audio_root))
    if to == "kaldi":
        write_kaldi(output, utterances)
    elif output.suffix.lower() in (".json", ".jsonl"):
        write_manifest(output, utterances)
    else:
        raise ConfigError(f"the output must end in .jsonl, not {output.name!r}")
    show(output, exact=True)
    say(f"{len(utterances):,} utterances")
    end_with(errors)


@data_app.command("stats", epilog="Example: asrkit data stats data/ljspeech/train.tsv")
def stats_command(
    manifest: Annotated[Path, typer.Argument(help="A manifest or a corpus folder, as for import.")],
    audio_root: AudioRoot = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Picture to draw: lengths, rates, speakers, characters.")] = None,
) -> None:
    """Count hours, speakers, lengths and words of a corpus."""
    import json

    from asrkit.data import fit_text, scan_manifest
    from asrkit.data.statistics import corpus_statistics, measure_durations
    from asrkit.text import Alphabet, get_normalizer

    if plot is not None:
        require_installed("--plot", "matplotlib")
    utterances, problems = scan_manifest(manifest, audio_root, require_text=False)
    measured, errors = measure_durations(utterances)
    texts = text_settings(None, [manifest], audio_root)
    fit = fit_text(measured, Alphabet(texts.alphabet), get_normalizer(texts.normalizer, texts.language))
    rows = [entry.to_dict() for entry in corpus_statistics(measured)]
    if json_output:
        show(json.dumps(rows, ensure_ascii=False, indent=2), exact=True)
    else:
        _print_statistics(rows)
    if plot is not None:
        from asrkit.report.data_plot import draw_statistics

        draw_statistics(measured, plot)
    if not fit.is_clean:
        say("characters outside the alphabet:")
        list_some(fit.describe())
    end_with([*problems, *errors], "not counted")


def _print_statistics(rows: list[dict[str, object]]) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from asrkit.cli.console import Console

    columns = {
        "corpus": "{name}",
        "items": "{num_utterances:,}",
        "voices": "{num_speakers:,}",
        "hours": "{hours:,.2f}",
        "seconds": "{shortest_s:.1f} - {longest_s:.1f}",
        "words": "{num_words:,}",
        "distinct": "{num_distinct_words:,}",
    }
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("corpus", min_width=8, overflow="fold")
    for column in list(columns)[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*(escape(template.format(**row)) for template in columns.values()))
    Console().print(table)


@data_app.command("download", epilog="Example: asrkit data download ljspeech")
def download_command(
    corpus: Annotated[Corpus, typer.Argument(help="Which corpus.")],
    into: Annotated[Path, typer.Option(help="Folder to hold it.")] = Path("data"),
    split: Annotated[Split, typer.Option(help="How to hold out dev and test.")] = "last500",
    keep_archive: Annotated[bool, typer.Option("--keep-archive", help="Keep the archive after unpacking.")] = False,
) -> None:
    """Fetch a public corpus, check it, unpack it and write its manifests; run again, it goes on where it stopped."""
    from asrkit.data.download import ARCHIVES, fetch_corpus
    from asrkit.data.preparation import set_paths

    paths = set_paths(into / corpus, split)
    with Bars("bytes") as transfer:
        folder = fetch_corpus(ARCHIVES[corpus], into, keep_archive, transfer.update)
    _import({corpus: folder}, paths, split)


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
    language: Annotated[
        str, typer.Option(help="Of the sentences, as espeak-ng calls it: de, el, pt-br; numbers are spelled in it.")
    ] = "en-us",
    normalizer: Annotated[
        str, typer.Option(help="What the sentences pass: standard, or basic, which leaves digits as they are.")
    ] = "standard",
) -> None:
    """Make a spoken corpus with espeak-ng; its sets share neither a sentence nor a voice."""
    from asrkit.data.lines import read_lines
    from asrkit.synth import SynthSizes, synthesize_corpus
    from asrkit.text import get_normalizer

    said = get_normalizer(normalizer, language).said
    lines = None if sentences is None else map(said, read_lines(sentences))
    sizes = SynthSizes(train=train, dev=dev, test=test)
    with Bars() as bars:
        manifests = synthesize_corpus(
            output_dir, sizes, seed, lines, lambda n, total: bars.update("speaking", n, total), language=language
        )
    for path in manifests.values():
        show(path, exact=True)
