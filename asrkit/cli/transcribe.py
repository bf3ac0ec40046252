"""``asrkit transcribe``: a transcript for each recording of a tree."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from asrkit.cli import transcribe_options as options
from asrkit.cli.app import app
from asrkit.config import DecodingConfig, Settings, TranscriptionConfig
from asrkit.errors import ConfigError, MissingPathError

if TYPE_CHECKING:
    from asrkit.cli.progress import TranscriptionProgress
    from asrkit.model.bundle import Bundle
    from asrkit.transcription import Transcript, TranscriptionSummary

SettingsType = TypeVar("SettingsType", bound=Settings)

NO_LM = "none"


@app.command(epilog="Example: asrkit transcribe ./wavs --beam 50 --lm lm/3gram.arpa")
def transcribe(
    inputs: options.Inputs = None,
    output_dir: options.OutputDir = Path("transcripts"),
    model: options.Model = None,
    lm: options.LanguageModel = None,
    decoder: options.DecoderName = None,
    beam: options.Beam = None,
    lm_weight: options.LmWeight = None,
    word_bonus: options.WordBonus = None,
    n_best: options.NBest = None,
    mode: options.Mode = None,
    vocabulary: options.Vocabulary = None,
    hotwords: options.Hotwords = None,
    hotwords_from: options.HotwordsFrom = None,
    hotword_weight: options.HotwordWeight = None,
    files_from: options.FilesFrom = None,
    audio_root: options.AudioRoot = None,
    recursive: options.Recursive = None,
    include: options.Include = None,
    exclude: options.Exclude = None,
    channels: options.Channels = None,
    raw_rate_hz: options.RawRateHz = None,
    emissions: options.Emissions = None,
    format: options.Format = None,
    stdout: options.ToStdout = False,
    in_place: options.InPlace = False,
    keep_emissions: options.KeepEmissions = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    plan: options.Plan = False,
    json_output: options.Json = False,
    runner: options.Runner = None,
    ray_address: options.RayAddress = None,
    jobs: options.Jobs = None,
    threads: options.Threads = None,
    batch_seconds: options.BatchSeconds = None,
    batch_size: options.BatchSize = None,
    window_s: options.WindowS = None,
    overlap_s: options.OverlapS = None,
    vad: options.Vad = None,
    setting: options.Assignments = None,
    config: options.ConfigFile = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Transcribe files and folders.

    Each recording gets a transcript in a mirror of the input tree; the folder also gets hyp.txt, results.jsonl and,
    where something failed, failures.tsv. A second run does only what is missing or has changed.
    """
    request = _Request(dict(locals()))
    with request.inputs_on_disk() as paths:
        summary = request.carry_out(paths)
    raise typer.Exit(summary.exit_code)


class _Request:
    """What one command line asks for."""

    def __init__(self, flags: Mapping[str, Any]) -> None:
        from asrkit.cli.settings import Project

        self._flags = {**flags, "hotwords": _phrases(flags["hotwords"] or [], flags["hotwords_from"])}
        self._inputs: list[str] = list(flags["inputs"] or ()) + _listed(flags["files_from"])
        self._prints = bool(flags["stdout"]) or self._inputs == ["-"]
        self._project = Project.load(flags["config"])
        self._assigned = _assigned(flags["setting"] or ())
        self._config = self._resolve(TranscriptionConfig, "transcription")
        self._check()

    def _check(self) -> None:
        """Refuse what contradicts itself."""
        if self._flags["emissions"] and self._inputs:
            raise ConfigError("--emissions takes the place of inputs; name one or the other")
        if not self._flags["emissions"] and not self._inputs:
            raise ConfigError("nothing to transcribe: name files or folders, such as `asrkit transcribe ./wavs`")
        if self._flags["emissions"] and self._flags["plan"]:
            raise ConfigError("--plan measures the network; decoding stored emissions needs none")
        if self._prints and len(self._config.format) > 1:
            raise ConfigError("--stdout prints one format; name one with -f")
        if self._prints and (self._flags["in_place"] or self._flags["keep_emissions"]):
            raise ConfigError("--stdout writes no file, so it excludes --in-place and --keep-emissions")
        if self._prints and self._flags["json_output"]:
            raise ConfigError("--json prints a summary and --stdout the transcripts; choose one, or use -f json")

    def _resolve(self, kind: type[SettingsType], table: str, bundle: Mapping[str, Any] | None = None) -> SettingsType:
        from asrkit.cli.settings import resolve

        names = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
        flags = {name: self._flags[name] for name in names & self._flags.keys()}
        return resolve(kind, table, self._assigned.get(table, {}) | _given(flags), project=self._project, bundle=bundle)

    @contextmanager
    def inputs_on_disk(self) -> Iterator[list[str]]:
        """Give the inputs, with audio on stdin as a temporary file."""
        with tempfile.TemporaryDirectory(prefix="asrkit-") as folder:
            spooled = Path(folder) / "stdin"
            if "-" in self._inputs:
                with spooled.open("wb") as file:
                    shutil.copyfileobj(sys.stdin.buffer, file)
            yield [str(spooled) if given == "-" else given for given in self._inputs]

    def carry_out(self, paths: list[str]) -> TranscriptionSummary:
        """Transcribe, and show what happens."""
        from asrkit.cli.progress import TranscriptionProgress

        flags = self._flags
        view = TranscriptionProgress(quiet=flags["quiet"], verbose=flags["verbose"], keep=self._prints)
        with view:
            summary = self._decode(view) if flags["emissions"] else self._transcribe(paths, view)
        if flags["plan"]:
            self._print_estimate(summary)
            return summary
        if flags["dry_run"]:
            typer.echo("\n".join(planned_lines(summary)))
            return summary
        view.close(summary)
        if self._prints:
            self._print(view.transcripts)
        if flags["json_output"]:
            typer.echo(json.dumps(summary.to_dict()))
        return summary

    def _transcribe(self, paths: list[str], view: TranscriptionProgress) -> TranscriptionSummary:
        from asrkit.cli.settings import choose_model
        from asrkit.model.bundle import Bundle
        from asrkit.transcription import transcribe

        choice = choose_model(self._flags["model"])
        bundle = Bundle.load(choice.path)
        view.say(f"model: {bundle.name} ({choice.reason})")
        return transcribe(
            paths,
            bundle,
            audio_root=self._flags["audio_root"],
            in_place=self._flags["in_place"],
            keep_emissions=self._flags["keep_emissions"],
            plan=self._flags["plan"],
            observer=view,
            **self._shared(bundle, view),
        )

    def _decode(self, view: TranscriptionProgress) -> TranscriptionSummary:
        from asrkit.transcription import decode_emissions

        return decode_emissions(self._flags["emissions"], observer=view, **self._shared(self._named_model(), view))

    def _named_model(self) -> Bundle | None:
        from asrkit.model.bundle import Bundle

        return None if self._flags["model"] is None else Bundle.load(self._flags["model"])

    def _shared(self, bundle: Bundle | None, view: TranscriptionProgress) -> dict[str, Any]:
        """Return the arguments that recordings and emissions have in common."""
        decoding = self._resolve(DecodingConfig, "decoding", None if bundle is None else bundle.decoding)
        return {
            "output_dir": None if self._prints else self._flags["output_dir"],
            "lm": self._language_model(bundle, decoding, view),
            "decoding": decoding,
            "config": self._config,
            "overwrite": self._flags["overwrite"],
            "dry_run": self._flags["dry_run"],
        }

    def _language_model(
        self, bundle: Bundle | None, decoding: DecodingConfig, view: TranscriptionProgress
    ) -> Path | None:
        """Return the language model that was named, else the one that comes with the model."""
        from asrkit.transcription.recipe import is_greedy

        named = self._flags["lm"]
        if named:
            return None if named == NO_LM else Path(named)
        own = None if bundle is None or is_greedy(decoding) else bundle.language_model
        if own is not None:
            view.say(f"language model: {own.name}, which comes with the model (--lm {NO_LM} does without)")
        return own

    def _print_estimate(self, summary: TranscriptionSummary) -> None:
        estimate = summary.estimate
        assert estimate is not None
        if self._flags["json_output"]:
            typer.echo(json.dumps(estimate.to_dict()))
            return
        typer.echo(
            f"to do    {estimate.num_todo:,} of {estimate.num_recordings:,}, {estimate.audio_s / 3600:.2f} h of audio"
        )
        if estimate.speed is None or estimate.work_s is None:
            typer.echo("time     unknown: nothing could be tried")
            return
        finish = time.strftime("%a %H:%M", time.localtime(time.time() + estimate.work_s))
        typer.echo(f"speed    {estimate.speed:,.0f}x real time, measured on {estimate.measured_s:,.0f} s of it")
        typer.echo(f"time     {estimate.work_s / 60:,.1f} minutes, until {finish} if started now")
        if estimate.peak_mb is not None:
            typer.echo(f"memory   about {estimate.peak_mb:,.0f} MB at most")

    def _print(self, transcripts: list[Transcript]) -> None:
        """Print transcripts on stdout: the text alone for a single recording, else ``id text``."""
        from asrkit.transcription.formats import FORMATS

        (name,) = self._config.format
        for transcript in sorted(transcripts, key=lambda transcript: transcript.utterance_id):
            if name != "txt":
                typer.echo(FORMATS[name].render(transcript), nl=False)
            elif len(transcripts) == 1:
                typer.echo(transcript.text)
            else:
                typer.echo(f"{transcript.utterance_id} {transcript.text}".rstrip())


def _given(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the flags that are set; typer gives an empty list where a repeatable one is not."""
    return {name: value for name, value in flags.items() if value is not None and value != []}


def _assigned(assignments: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what ``--set`` sets, by table."""
    from asrkit.cli.settings import parse_assignment

    tables: dict[str, dict[str, Any]] = {"decoding": {}, "transcription": {}}
    for assignment in assignments:
        for table, values in parse_assignment(assignment).items():
            if table not in tables or not isinstance(values, dict):
                raise ConfigError(f"--set takes decoding.NAME=VALUE or transcription.NAME=VALUE, not {assignment!r}")
            tables[table] |= values
    return tables


def _phrases(hotwords: list[str], path: Path | None) -> list[str]:
    """Return words and phrases from flags and a file, normalized as transcripts are, each once, flags first."""
    from asrkit.text import normalize

    phrases: dict[str, str] = {}
    for line in hotwords + (_lines(path, "file of hotwords") if path is not None else []):
        phrase, equals, weight = line.rpartition("=") if "=" in line else (line, "", "")
        if normal := normalize(phrase):
            phrases.setdefault(normal, equals + weight.strip())
    return [phrase + weight for phrase, weight in phrases.items()]


def _lines(path: Path, kind: str) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except FileNotFoundError:
        raise MissingPathError(f"no such {kind}", path=path) from None
    return [line for line in text.splitlines() if line.strip()]


def _listed(files_from: str | None) -> list[str]:
    """Return the inputs that a file, or stdin, lists."""
    if files_from is None:
        return []
    if files_from == "-":
        return [line for line in sys.stdin.read().splitlines() if line.strip()]
    return _lines(Path(files_from), "list of files")


def planned_lines(summary: TranscriptionSummary) -> list[str]:
    """Return what a dry run found, one line a recording: state, id, path."""
    from asrkit.cli.progress import printable

    return [f"{state}\t{utterance_id}\t{printable(str(path))}" for utterance_id, state, path in summary.planned]
