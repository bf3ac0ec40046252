"""``asrkit transcribe``: a transcript for each recording of a tree."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from asrkit.cli import transcribe_options as options
from asrkit.cli.app import app
from asrkit.cli.groups import grouped, named_on_command_line
from asrkit.cli.lists import listed, phrases
from asrkit.cli.showing import show
from asrkit.config import DecodingConfig, Settings, TranscriptionConfig
from asrkit.errors import AsrkitError, ConfigError, TranscriptionError

if TYPE_CHECKING:
    from asrkit.cli.progress import TranscriptionProgress
    from asrkit.model.bundle import Bundle
    from asrkit.transcription import TranscriptionSummary
    from asrkit.transcription.stored import StoredModel

SettingsType = TypeVar("SettingsType", bound=Settings)

NO_LM = "none"
_ABOUT_FILES = frozenset({"output_dir", "in_place", "keep_emissions"})
_ABOUT_AUDIO = frozenset(
    {"audio_root", "audio_track", "channels", "exclude", "in_place", "include", "keep_emissions", "raw_rate_hz"}
    | {"recursive", "salvage"}
)
_ABOUT_ARRAYS = ("tokens", "blank", "words", "step_ms", "values")
_OF_DECODE = (*_ABOUT_ARRAYS, "lexicon")
_ABSENT = dict.fromkeys((*_ABOUT_AUDIO, *_ABOUT_ARRAYS, "inputs", "files_from", "plan"))  # from a command without them


@app.command(epilog="Example: asrkit transcribe ./wavs --beam 50 --lm lm/3gram.arpa")
@grouped
def transcribe(
    context: typer.Context,
    inputs: options.Inputs = None,
    *,
    output: options.AudioOutput,
    model: options.Model = None,
    decoding: options.Decoding,
    reading: options.Reading,
    work: options.AudioWork,
    common: options.Common,
) -> None:
    """Transcribe files and folders.

    Each recording gets a transcript in a mirror of the input tree; the folder also gets hyp.txt, results.jsonl and,
    where something failed, failures.tsv. A second run does only what is missing or has changed.
    """
    flags = {"inputs": inputs, "model": model, **vars(output), **vars(decoding), **vars(reading), **vars(work)}
    request = Request(flags | vars(common), named_on_command_line(context))
    with request.inputs_on_disk() as paths:
        summary = request.carry_out(paths)
    raise typer.Exit(summary.exit_code)


class Request:
    """What one command line asks for, of ``transcribe`` or ``decode``: its flags, and which of them stand on it."""

    def __init__(self, flags: Mapping[str, Any], named: Collection[str]) -> None:
        from asrkit.cli.settings import Project

        self._decodes_only = "tokens" in flags
        flags = {**_ABSENT, **flags}
        self._flags = {**flags, "hotwords": phrases(flags["hotwords"] or [], flags["hotwords_from"])}
        self._inputs: list[str] = list(flags["inputs"] or ())
        self._listed = listed(flags["files_from"])
        self._named = named
        self._prints = bool(flags["stdout"]) or (self._inputs == ["-"] and "output_dir" not in named)
        self._project = Project.load(flags["config"])
        self._assigned = _assigned(flags["setting"] or ())
        self._config = self._resolve(TranscriptionConfig, "transcription")
        self._check()

    def _check(self) -> None:
        """Refuse what contradicts itself, and what would be ignored."""
        flags, named, config = self._flags, self._named, self._config
        inputs = self._inputs + self._listed
        if not inputs and not flags["emissions"]:
            raise ConfigError("nothing to transcribe: name files or folders, such as `asrkit transcribe ./wavs`")
        if "-" in self._inputs and (len(inputs) > 1 or flags["files_from"] == "-" or flags["in_place"]):
            raise ConfigError("- is the audio on stdin, which goes with no other input and has no folder of its own")
        if flags["plan"] and flags["dry_run"]:
            raise ConfigError("--plan and --dry-run answer different questions; choose one")
        if "ray_address" in named and config.runner != "ray":
            raise ConfigError("--ray-address needs --runner ray")
        if self._decodes_only and flags["tokens"] is None and (about := set(_ABOUT_ARRAYS[1:]).intersection(named)):
            raise ConfigError(f"{_flags(about)} goes with arrays of another toolkit, which need --tokens")
        if flags["emissions"] and not self._decodes_only:
            if inputs:
                raise ConfigError("--emissions takes the place of inputs; name one or the other")
            if flags["plan"]:
                raise ConfigError("--plan measures the network; decoding stored emissions needs none")
            if useless := _flags(_ABOUT_AUDIO.intersection(named)):
                raise ConfigError(f"--emissions has nothing to do with audio; drop {useless}")
        if self._prints:
            self._check_printing()

    def _check_printing(self) -> None:
        """Refuse what does not go with transcripts on stdout."""
        if sys.stdout is None:
            raise ConfigError("stdout is closed, and transcripts would go nowhere; name a folder with -o")
        if useless := _flags(_ABOUT_FILES.intersection(self._named)):
            raise ConfigError(f"transcripts go to stdout and no file is written, so {useless} would do nothing")
        if len(self._config.format) > 1:
            raise ConfigError("stdout takes one format; name one with -f, or a folder with -o")
        if self._flags["json_output"]:
            raise ConfigError("--json prints a summary and --stdout the transcripts; choose one, or use -f json")
        if self._prints_one_only() and self._config.channels == "split":
            from asrkit.cli.progress import CANNOT_SHARE

            raise ConfigError(f"several channels {CANNOT_SHARE}")

    def _prints_one_only(self) -> bool:
        """Whether a second transcript on stdout could not be told from the first."""
        from asrkit.cli.progress import TELLING_FORMATS

        return self._prints and not TELLING_FORMATS.intersection(self._config.format)

    def _resolve(self, kind: type[SettingsType], table: str, bundle: Mapping[str, Any] | None = None) -> SettingsType:
        from asrkit.cli.settings import resolve

        names = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
        flags = {name: self._flags[name] for name in names & self._flags.keys()}
        # --set last: a flag's value may come from a variable, and --set beats those.
        return resolve(kind, table, _given(flags) | self._assigned.get(table, {}), project=self._project, bundle=bundle)

    @contextmanager
    def inputs_on_disk(self) -> Iterator[list[str]]:
        """Give the inputs, with audio on stdin as a temporary file."""
        if "-" not in self._inputs:  # a kill leaves no folder behind
            yield list(self._inputs)
            return
        with tempfile.TemporaryDirectory(prefix="asrkit-") as folder:
            # Bare samples are known by their suffix; anything else by its first bytes.
            spooled = Path(folder) / ("stdin" if self._flags["raw_rate_hz"] is None else "stdin.raw")
            try:
                with spooled.open("wb") as file:
                    shutil.copyfileobj(sys.stdin.buffer, file)
            except OSError as error:
                why = (error.strerror or str(error)).lower()
                raise TranscriptionError(
                    f"the audio on stdin cannot be kept here ({why}); set TMPDIR to a folder with room", path=folder
                ) from None
            yield [str(spooled) if given == "-" else given for given in self._inputs]

    def carry_out(self, paths: list[str]) -> TranscriptionSummary:
        """Transcribe, and show what happens."""
        from asrkit.cli.progress import CANNOT_SHARE, TranscriptionProgress
        from asrkit.cli.transcribe_printing import print_estimate, print_planned, print_transcripts

        flags = self._flags
        view = TranscriptionProgress(quiet=flags["quiet"], verbose=flags["verbose"], keep=self._prints)
        if self._prints_one_only():
            view.allow_one_only(CANNOT_SHARE)
        with view:
            summary = self._decode(view) if flags["emissions"] else self._transcribe(paths, view)
        if flags["plan"]:
            print_estimate(summary, as_json=flags["json_output"])
            return summary
        if flags["dry_run"]:
            print_planned(summary, as_json=flags["json_output"])
            return summary
        view.close(summary)
        if self._prints:
            print_transcripts(view.transcripts, self._config)
        if flags["json_output"]:
            show(json.dumps(summary.to_dict()), exact=True)
        return summary

    def _transcribe(self, paths: list[str], view: TranscriptionProgress) -> TranscriptionSummary:
        from asrkit.cli.settings import load_model
        from asrkit.transcription import transcribe

        bundle = load_model(self._flags["model"], view.say)
        return transcribe(
            paths,
            bundle,
            listed=self._listed,
            audio_root=self._flags["audio_root"],
            in_place=self._flags["in_place"],
            keep_emissions=self._flags["keep_emissions"],
            plan=self._flags["plan"],
            lexicon=self._flags["lexicon"],
            calibration=bundle.calibration,
            observer=view,
            **self._shared(bundle, view),
        )

    def _decode(self, view: TranscriptionProgress) -> TranscriptionSummary:
        from asrkit.transcription import decode_emissions
        from asrkit.transcription.stored import stored_model

        flags = self._flags
        about = {name: flags[name] for name in _OF_DECODE if flags[name] is not None}
        stored = stored_model(flags["emissions"])
        bundle = self._model_of_emissions(stored, view)
        if bundle is not None and bundle.lexicon is not None:
            about.setdefault("lexicon", bundle.lexicon)
        if bundle is not None and stored is not None and bundle.fingerprint == stored.fingerprint:
            about["calibration"] = bundle.calibration
        shared = self._shared(bundle, view)
        return decode_emissions(
            flags["emissions"], keep_emissions=bool(flags["keep_emissions"]), observer=view, **about, **shared
        )

    def _model_of_emissions(self, stored: StoredModel | None, view: TranscriptionProgress) -> Bundle | None:
        """Return the model whose settings decode: the one named, else the one at hand, if it made the emissions."""
        from asrkit.cli.settings import choose_model
        from asrkit.model.bundle import Bundle

        if stored is None and "model" not in self._named:
            return None  # arrays of another toolkit have nothing to do with the model at hand
        try:
            choice = choose_model(self._flags["model"])
            bundle = Bundle.load(choice.path)
            if self._flags["model"] is not None or (stored is not None and bundle.fingerprint == stored.fingerprint):
                view.say(f"settings: those of {bundle.name} ({choice.reason})")
                return bundle
        except AsrkitError:
            if self._flags["model"] is not None:
                raise
        if stored is not None:
            view.say(f"settings: the defaults; --model takes those of {stored.name}, which made the emissions")
        return None

    def _shared(self, bundle: Bundle | None, view: TranscriptionProgress) -> dict[str, Any]:
        """Return the arguments that recordings and emissions have in common."""
        decoding = self._decoding(bundle, view)
        return {
            "output_dir": None if self._prints else self._flags["output_dir"],
            "lm": self._language_model(bundle, decoding, view),
            "decoding": decoding,
            "config": self._config,
            "overwrite": self._flags["overwrite"],
            "dry_run": self._flags["dry_run"],
        }

    def _decoding(self, bundle: Bundle | None, view: TranscriptionProgress) -> DecodingConfig:
        """Return the settings, those of the model from where they were tuned for such a beam."""
        own = {} if bundle is None else bundle.decoding
        decoding = self._resolve(DecodingConfig, "decoding", own)
        if bundle is None or not bundle.tuned:
            return decoding
        is_named = decoding.mode != own.get("mode", DecodingConfig.mode)
        near = bundle.decoding_near(decoding.beam, decoding.mode if is_named else None)
        if near is not own:
            view.say(f"weights: those tuned for beam {near['beam']}, mode {near['mode']}")
        return self._resolve(DecodingConfig, "decoding", {**near, "beam": decoding.beam})

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


def _flags(names: Collection[str]) -> str:
    return ", ".join("--" + name.replace("_", "-") for name in sorted(names))


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
