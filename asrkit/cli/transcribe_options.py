"""The options of ``asrkit transcribe``; None means not set, so that other sources of settings get their turn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_INPUT, _OUTPUT, _DECODING, _WORK = "Input", "Output", "Decoding", "Work"

Inputs = Annotated[
    list[str] | None,
    typer.Argument(help="Files, folders, patterns, manifests (.tsv, .jsonl, .csv) and URLs; - reads audio from stdin."),
]
FilesFrom = Annotated[
    str | None,
    typer.Option("--files-from", help="Read more inputs from a file, one a line; - is stdin.", rich_help_panel=_INPUT),
]
AudioRoot = Annotated[Path | None, typer.Option(help="Base of relative paths in manifests.", rich_help_panel=_INPUT)]
Recursive = Annotated[
    bool | None,
    typer.Option(
        "--recursive/--no-recursive", help="Enter folders below folders; default: recursive.", rich_help_panel=_INPUT
    ),
]
Include = Annotated[
    list[str] | None,
    typer.Option(help="Take from folders only names that match, such as '*.wav'; repeatable.", rich_help_panel=_INPUT),
]
Exclude = Annotated[
    list[str] | None, typer.Option(help="Leave out names that match; repeatable.", rich_help_panel=_INPUT)
]
Channels = Annotated[
    str | None,
    typer.Option(
        help="mix or split: one transcript per channel; default: mix.",
        envvar="ASRKIT_CHANNELS",
        rich_help_panel=_INPUT,
    ),
]
RawRateHz = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Sample rate of .raw and .pcm files and of stdin, which hold 16-bit mono samples and nothing else.",
        envvar="ASRKIT_RAW_RATE_HZ",
        rich_help_panel=_INPUT,
    ),
]
Emissions = Annotated[
    Path | None,
    typer.Option(
        help="Decode emissions kept by an earlier run; neither audio nor network is needed.", rich_help_panel=_INPUT
    ),
]
OutputDir = Annotated[
    Path,
    typer.Option(
        "--output-dir",
        "--output",
        "-o",
        help="Folder for transcripts, hyp.txt and results.jsonl.",
        envvar="ASRKIT_OUTPUT_DIR",
        rich_help_panel=_OUTPUT,
    ),
]
Format = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        "-f",
        help="txt, json, jsonl, srt, vtt, tsv, ctm, textgrid; repeatable; default: txt.",
        rich_help_panel=_OUTPUT,
    ),
]
SubtitleWidth = Annotated[
    int | None, typer.Option(min=1, help="Characters in a line of srt and vtt; default: 42.", rich_help_panel=_OUTPUT)
]
SubtitleLines = Annotated[
    int | None, typer.Option(min=1, help="Lines in one subtitle at most; default: 2.", rich_help_panel=_OUTPUT)
]
SubtitleMinS = Annotated[
    float | None, typer.Option(help="Seconds that a subtitle stays at least; default: 1.", rich_help_panel=_OUTPUT)
]
SubtitleMaxS = Annotated[
    float | None, typer.Option(help="Seconds that a subtitle stays at most; default: 6.", rich_help_panel=_OUTPUT)
]
ToStdout = Annotated[
    bool, typer.Option("--stdout", help="Print the transcripts and write no file.", rich_help_panel=_OUTPUT)
]
InPlace = Annotated[
    bool, typer.Option("--in-place", help="Write transcripts beside the recordings.", rich_help_panel=_OUTPUT)
]
KeepEmissions = Annotated[
    bool,
    typer.Option("--keep-emissions", help="Store the emissions, to decode them again later.", rich_help_panel=_OUTPUT),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Transcribe again what is done already, and replace files that come from elsewhere.",
        rich_help_panel=_OUTPUT,
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only list what there is to do.", rich_help_panel=_OUTPUT)]
Plan = Annotated[
    bool,
    typer.Option("--plan", help="Only say what it will cost, after trying a few recordings.", rich_help_panel=_OUTPUT),
]
Json = Annotated[bool, typer.Option("--json", help="Print a summary as JSON.", rich_help_panel=_OUTPUT)]
Model = Annotated[
    Path | None,
    typer.Option(
        "--model", "-m", help="Model bundle; default: models/latest, else the one in the box.", envvar="ASRKIT_MODEL"
    ),
]
LanguageModel = Annotated[
    str | None,
    typer.Option(
        "--lm",
        help="N-gram language model (.arpa, compressed or binary); none for no model.",
        envvar="ASRKIT_LM",
        rich_help_panel=_DECODING,
    ),
]
DecoderName = Annotated[
    str | None,
    typer.Option(
        "--decoder",
        help="beam, greedy or pyctcdecode; default: beam.",
        envvar="ASRKIT_DECODER",
        rich_help_panel=_DECODING,
    ),
]
Beam = Annotated[
    int | None,
    typer.Option(
        "--beam",
        min=1,
        help="Prefixes kept per step; 1 is greedy; default: 50.",
        envvar="ASRKIT_BEAM",
        rich_help_panel=_DECODING,
    ),
]
Mode = Annotated[
    str | None,
    typer.Option(
        help="fast, accurate or thorough: how little the search prunes; default: accurate.",
        envvar="ASRKIT_MODE",
        rich_help_panel=_DECODING,
    ),
]
Vocabulary = Annotated[
    str | None,
    typer.Option(
        help="open, or closed: only words of the language model; default: open.",
        envvar="ASRKIT_VOCABULARY",
        rich_help_panel=_DECODING,
    ),
]
LmWeight = Annotated[
    float | None,
    typer.Option(
        "--lm-weight",
        "--alpha",
        help="Weight of the language model.",
        envvar="ASRKIT_LM_WEIGHT",
        rich_help_panel=_DECODING,
    ),
]
WordBonus = Annotated[
    float | None,
    typer.Option(
        "--word-bonus",
        "--beta",
        help="Added to the score for each word.",
        envvar="ASRKIT_WORD_BONUS",
        rich_help_panel=_DECODING,
    ),
]
NBest = Annotated[
    int | None,
    typer.Option(
        "--n-best",
        "--nbest",
        min=1,
        help="Hypotheses kept in results.jsonl; default: 1.",
        envvar="ASRKIT_N_BEST",
        rich_help_panel=_DECODING,
    ),
]
Hotwords = Annotated[
    list[str] | None,
    typer.Option(
        "--hotword",
        help="A word or phrase to prefer, or [bold]phrase=WEIGHT[/]; repeatable.",
        rich_help_panel=_DECODING,
    ),
]
HotwordsFrom = Annotated[
    Path | None,
    typer.Option(
        "--hotwords",
        help="A file of words and phrases to prefer, one a line, also with weights.",
        rich_help_panel=_DECODING,
    ),
]
HotwordWeight = Annotated[
    float | None,
    typer.Option(
        help="How much to prefer them, in nats each; negative avoids them; default: 6.",
        envvar="ASRKIT_HOTWORD_WEIGHT",
        rich_help_panel=_DECODING,
    ),
]
Shard = Annotated[
    str | None,
    typer.Option(
        help="2/4: do the second of four parts; runs of the others may share the output folder.",
        envvar="ASRKIT_SHARD",
        rich_help_panel=_WORK,
    ),
]
Runner = Annotated[
    str | None,
    typer.Option(help="local, or ray for a cluster; default: local.", envvar="ASRKIT_RUNNER", rich_help_panel=_WORK),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        help="A running Ray cluster, or auto; default: Ray on this machine, for this run.",
        envvar="ASRKIT_RAY_ADDRESS",
        rich_help_panel=_WORK,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        min=0,
        help="Batches at once; 0 is one per core; default: 0.",
        envvar="ASRKIT_JOBS",
        rich_help_panel=_WORK,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Threads of the network inside one batch; default: 1.",
        envvar="ASRKIT_THREADS",
        rich_help_panel=_WORK,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        help="Where the network runs: cpu, cuda or auto, a GPU if onnxruntime can use one; default: auto.",
        envvar="ASRKIT_DEVICE",
        rich_help_panel=_WORK,
    ),
]
BatchSeconds = Annotated[
    float | None,
    typer.Option(
        help="Audio in one batch at most; default: 160.", envvar="ASRKIT_BATCH_SECONDS", rich_help_panel=_WORK
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        min=1, help="Recordings in one batch at most; default: 64.", envvar="ASRKIT_BATCH_SIZE", rich_help_panel=_WORK
    ),
]
WindowS = Annotated[
    float | None,
    typer.Option(
        "--window-s", help="Longer recordings are read in windows of this length; default: 30.", rich_help_panel=_WORK
    ),
]
OverlapS = Annotated[
    float | None, typer.Option("--overlap-s", help="What windows share; default: 6.", rich_help_panel=_WORK)
]
Salvage = Annotated[
    bool | None,
    typer.Option(
        "--salvage/--no-salvage", help="Keep what can be read of damaged recordings; they are listed as failures too."
    ),
]
AudioTrack = Annotated[
    int | None, typer.Option("--audio-track", min=0, help="Of videos, from 0; default: the one marked as default.")
]
Vad = Annotated[
    bool | None,
    typer.Option(
        "--vad/--no-vad", help="Leave out what is no speech: long silences, music, noise.", rich_help_panel=_WORK
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change any setting, as in --set decoding.beam_threshold=12; repeatable."),
]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="Settings; default: asrkit.toml, if there is one.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show each transcript as it is done.")]
