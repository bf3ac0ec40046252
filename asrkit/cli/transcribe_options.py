"""The options of ``asrkit transcribe`` and its like; None means not set, so that other sources get their turn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from asrkit.errors import ConfigError

Inputs = Annotated[
    list[str] | None,
    typer.Argument(help="Files, folders, patterns, manifests (.tsv, .jsonl, .csv) and URLs; - reads audio from stdin."),
]
Model = Annotated[
    Path | None,
    typer.Option(
        "--model", "-m", help="Model bundle; default: models/latest, else the one in the box.", envvar="ASRKIT_MODEL"
    ),
]
AudioRoot = Annotated[Path | None, typer.Option(help="Base of relative paths in manifests.")]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=0, help="Batches at once; 0 is one per core; default: 0.", envvar="ASRKIT_JOBS"),
]


def a_folder(path: Path) -> Path:
    """Return the output folder; - would be one that no shell likes to enter.

    Raises:
        ConfigError: It is -.
    """
    if str(path) == "-":
        raise ConfigError("-o names a folder; --stdout prints the transcripts")
    return path


def each_named(values: list[str] | None) -> list[str] | None:
    """Return what a repeatable option names, each time one or several: ``-f txt,srt -f json``."""
    return values and [name.strip() for value in values for name in value.split(",")]


SubtitleWidth = Annotated[int | None, typer.Option(min=1, help="Characters in a line of srt and vtt; default: 42.")]
SubtitleLines = Annotated[int | None, typer.Option(min=1, help="Lines in one subtitle at most; default: 2.")]
Json = Annotated[bool, typer.Option("--json", help="Print a summary as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]


@dataclass(frozen=True)
class Reading:
    """What recordings are read, and how."""

    PANEL: ClassVar = "Input"
    files_from: Annotated[str | None, typer.Option(help="Read more inputs from a file, one a line; - is stdin.")] = None
    audio_root: AudioRoot = None
    recursive: Annotated[
        bool | None, typer.Option("--recursive/--no-recursive", help="Enter folders below folders; default: recursive.")
    ] = None
    include: Annotated[
        list[str] | None, typer.Option(help="Take from folders only names that match, such as '*.wav'; repeatable.")
    ] = None
    exclude: Annotated[list[str] | None, typer.Option(help="Leave out names that match; repeatable.")] = None
    channels: Annotated[
        str | None,
        typer.Option(help="mix or split: one transcript per channel; default: mix.", envvar="ASRKIT_CHANNELS"),
    ] = None
    raw_rate_hz: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Sample rate of .raw and .pcm files and of stdin, which hold 16-bit mono samples and nothing else.",
            envvar="ASRKIT_RAW_RATE_HZ",
        ),
    ] = None
    audio_track: Annotated[
        int | None, typer.Option(min=0, help="Of videos, from 0; default: the one marked as default.")
    ] = None
    salvage: Annotated[
        bool | None,
        typer.Option(
            "--salvage/--no-salvage",
            help="Keep what can be read of damaged recordings; they are listed as failures too.",
        ),
    ] = None
    emissions: Annotated[
        Path | None, typer.Option(help="Decode emissions kept by an earlier run; neither audio nor network is needed.")
    ] = None


@dataclass(frozen=True)
class Arrays:
    """What arrays of another toolkit do not tell."""

    PANEL: ClassVar = "Model that made them"
    tokens: Annotated[
        Path | None,
        typer.Option(help="Labels of the outputs: tokens.txt, units.txt, vocab.json, tokenizer.json, a label a line."),
    ] = None
    blank: Annotated[
        int | None, typer.Option(min=0, help="The output that is the CTC blank, from 0; default: the labels tell.")
    ] = None
    words: Annotated[
        str | None,
        typer.Option(help="How labels show words: space, |, ▁, ##, Ġ, @@, </w> or none; default: they tell."),
    ] = None
    step_ms: Annotated[float, typer.Option(help="Milliseconds of audio per step.")] = 40.0
    values: Annotated[
        str | None, typer.Option(help="log-probabilities, probabilities or logits; default: the numbers tell.")
    ] = None


@dataclass(frozen=True)
class Decoding:
    """How emissions become text."""

    PANEL: ClassVar = "Decoding"
    lm: Annotated[
        str | None,
        typer.Option(
            help="N-gram language model (.arpa, compressed or binary); none for no model.", envvar="ASRKIT_LM"
        ),
    ] = None
    lexicon: Annotated[
        Path | None,
        typer.Option(
            help="Lines [bold]word<TAB>labels[/] for outputs that are no letters, such as phonemes: the words that may "
            "be written; default: those of the model."
        ),
    ] = None
    decoder: Annotated[
        str | None, typer.Option(help="beam, greedy or pyctcdecode; default: beam.", envvar="ASRKIT_DECODER")
    ] = None
    beam: Annotated[
        int | None, typer.Option(min=1, help="Prefixes kept per step; 1 is greedy; default: 50.", envvar="ASRKIT_BEAM")
    ] = None
    lm_weight: Annotated[
        float | None,
        typer.Option("--lm-weight", "--alpha", help="Weight of the language model.", envvar="ASRKIT_LM_WEIGHT"),
    ] = None
    word_bonus: Annotated[
        float | None,
        typer.Option("--word-bonus", "--beta", help="Added to the score for each word.", envvar="ASRKIT_WORD_BONUS"),
    ] = None
    n_best: Annotated[
        int | None,
        typer.Option(
            "--n-best", "--nbest", min=1, help="Hypotheses kept in results.jsonl; default: 1.", envvar="ASRKIT_N_BEST"
        ),
    ] = None
    mode: Annotated[
        str | None,
        typer.Option(
            help="fast, accurate or thorough: how little the search prunes; default: accurate.", envvar="ASRKIT_MODE"
        ),
    ] = None
    vocabulary: Annotated[
        str | None,
        typer.Option(
            help="open; closed: only words of the language model; or spelled: beside those of a lexicon, all that the "
            "outputs can spell; default: open, and with a lexicon its words.",
            envvar="ASRKIT_VOCABULARY",
        ),
    ] = None
    hotwords: Annotated[
        list[str] | None,
        typer.Option("--hotword", help="A word or phrase to prefer, or [bold]phrase=WEIGHT[/]; repeatable."),
    ] = None
    hotwords_from: Annotated[
        Path | None,
        typer.Option("--hotwords", help="A file of words and phrases to prefer, one a line, also with weights."),
    ] = None
    hotword_weight: Annotated[
        float | None,
        typer.Option(
            help="How much to prefer them, in nats each; negative avoids them; default: 6.",
            envvar="ASRKIT_HOTWORD_WEIGHT",
        ),
    ] = None


@dataclass(frozen=True)
class Output:
    """What is written, and where."""

    PANEL: ClassVar = "Output"
    output_dir: Annotated[
        Path,
        typer.Option(
            "--output-dir",
            "--output",
            "-o",
            callback=a_folder,
            help="Folder for transcripts, hyp.txt and results.jsonl.",
            envvar="ASRKIT_OUTPUT_DIR",
        ),
    ] = Path("transcripts")
    format: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            callback=each_named,
            help="One or more of txt, json, jsonl, srt, vtt, tsv, ctm, textgrid (-f txt,srt); default: txt.",
        ),
    ] = None
    subtitle_width: SubtitleWidth = None
    subtitle_lines: SubtitleLines = None
    subtitle_min_s: Annotated[
        float | None, typer.Option(help="Seconds that a subtitle stays at least; default: 1.")
    ] = None
    subtitle_max_s: Annotated[float | None, typer.Option(help="Seconds that a subtitle stays at most; default: 6.")] = (
        None
    )
    stdout: Annotated[bool, typer.Option("--stdout", help="Print the transcripts and write no file.")] = False
    keep_emissions: Annotated[
        bool, typer.Option("--keep-emissions", help="Store the emissions, to decode them again later.")
    ] = False
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Transcribe again what is done already, and replace files that come from elsewhere."
        ),
    ] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what there is to do.")] = False
    json_output: Json = False


@dataclass(frozen=True)
class AudioOutput(Output):
    """What is written of recordings."""

    in_place: Annotated[bool, typer.Option("--in-place", help="Write transcripts beside the recordings.")] = False
    plan: Annotated[bool, typer.Option("--plan", help="Only say what it will cost, after trying a few recordings.")] = (
        False
    )


@dataclass(frozen=True)
class Work:
    """Who does the work."""

    PANEL: ClassVar = "Work"
    runner: Annotated[
        str | None, typer.Option(help="local, or ray for a cluster; default: local.", envvar="ASRKIT_RUNNER")
    ] = None
    ray_address: Annotated[
        str | None,
        typer.Option(
            help="A running Ray cluster, or auto; default: Ray on this machine, for this run.",
            envvar="ASRKIT_RAY_ADDRESS",
        ),
    ] = None
    jobs: Jobs = None


@dataclass(frozen=True)
class AudioWork(Work):
    """How the work on recordings is spread."""

    shard: Annotated[
        str | None,
        typer.Option(
            help="2/4: do the second of four parts; runs of the others may share the output folder.",
            envvar="ASRKIT_SHARD",
        ),
    ] = None
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads of the network inside one batch; default: 1.", envvar="ASRKIT_THREADS"),
    ] = None
    device: Annotated[
        str | None,
        typer.Option(
            help="Where the network runs: cpu, cuda or auto, a GPU if onnxruntime can use one; default: auto.",
            envvar="ASRKIT_DEVICE",
        ),
    ] = None
    batch_seconds: Annotated[
        float | None, typer.Option(help="Audio in one batch at most; default: 160.", envvar="ASRKIT_BATCH_SECONDS")
    ] = None
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Recordings in one batch at most; default: 64.", envvar="ASRKIT_BATCH_SIZE"),
    ] = None
    window_s: Annotated[
        float | None, typer.Option(help="Longer recordings are read in windows of this length; default: 30.")
    ] = None
    overlap_s: Annotated[float | None, typer.Option(help="What windows share; default: 6.")] = None
    vad: Annotated[
        bool | None, typer.Option("--vad/--no-vad", help="Leave out what is no speech: long silences, music, noise.")
    ] = None


@dataclass(frozen=True)
class Common:
    """What all such commands have."""

    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change any setting, as in --set decoding.beam_threshold=12; repeatable."),
    ] = None
    config: Annotated[Path | None, typer.Option(help="Settings; default: asrkit.toml, if there is one.")] = None
    quiet: Quiet = False
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show each transcript as it is done.")] = False
