"""One transcription run: find, compare with what is done, transcribe the rest, write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asrkit.config import DecodingConfig, TranscriptionConfig
from asrkit.emissions import EmissionsInfo, pack_emissions
from asrkit.errors import TranscriptionError
from asrkit.transcription.batching import Batch, plan_batches
from asrkit.transcription.folder import OutputFolder
from asrkit.transcription.local import LocalRunner, Runner, num_cores
from asrkit.transcription.outputs import TranscriptFiles
from asrkit.transcription.provenance import describe
from asrkit.transcription.recognizer import Decoder, Model, Network, Outcome, Recognizer
from asrkit.transcription.recordings import Recording, find_recordings
from asrkit.transcription.scanning import Scanned, Scanner, State
from asrkit.transcription.transcript import Transcript


@dataclass(frozen=True)
class Failure:
    """A recording that could not be transcribed, and why."""

    utterance_id: str
    audio: str
    reason: str


@dataclass
class TranscriptionSummary:
    """What a run did.

    Args:
        output_dir: Where the transcripts are; None when none were written.
        num_transcribed: Recordings transcribed now.
        num_reused: Recordings transcribed before, with the same audio, model and settings.
        failures: Recordings that failed.
        audio_s: Seconds of audio transcribed now.
        elapsed_s: Seconds it took.
        stage_cpu_s: CPU seconds by stage.
        planned: Of a dry run: what there is to do, as id, state and path.
    """

    output_dir: Path | None = None
    num_transcribed: int = 0
    num_reused: int = 0
    failures: list[Failure] = field(default_factory=list)
    audio_s: float = 0.0
    elapsed_s: float = 0.0
    stage_cpu_s: dict[str, float] = field(default_factory=dict)
    planned: list[tuple[str, str, Path]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 when all went well, 3 when some failed, 1 when all did."""
        if not self.failures:
            return 0
        return 3 if self.num_transcribed + self.num_reused else 1

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "output_dir": None if self.output_dir is None else str(self.output_dir),
            "transcribed": self.num_transcribed,
            "reused": self.num_reused,
            "failed": [vars(failure) for failure in self.failures],
            "audio_s": round(self.audio_s, 3),
            "elapsed_s": round(self.elapsed_s, 3),
            "real_time_factor": round(self.audio_s / self.elapsed_s, 1) if self.elapsed_s else None,
            "stage_cpu_s": self.stage_cpu_s,
        }


class Observer:
    """Told what happens while a run goes on; a base that does nothing."""

    def found(self, num_recordings: int) -> None:
        """The inputs hold this many recordings."""

    def scanned(self, num_recordings: int, num_reused: int, audio_s: float) -> None:
        """So many more were looked at; so many of them are done already, the others last so long."""

    def transcribed(self, transcript: Transcript) -> None:
        """A recording was transcribed and written."""

    def failed(self, failure: Failure) -> None:
        """A recording failed."""


def transcribe(
    inputs: Sequence[Path | str],
    model: Model,
    *,
    output_dir: Path | str | None = "transcripts",
    lm: Path | None = None,
    decoding: DecodingConfig | None = None,
    config: TranscriptionConfig | None = None,
    audio_root: Path | None = None,
    in_place: bool = False,
    keep_emissions: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    network: Network | None = None,
    make_decoder: Callable[[], Decoder] | None = None,
    make_runner: Callable[[Recognizer], Runner] | None = None,
    observer: Observer | None = None,
) -> TranscriptionSummary:
    """Transcribe recordings into a folder.

    The folder gets a transcript per recording in a mirror of the input tree, ``results.jsonl``, ``hyp.txt``, and
    ``failures.tsv`` where something failed. What is there already and was made from the same audio, model, language
    model and settings is not made again. A recording that fails never stops the others.

    Args:
        inputs: Files, folders, patterns and manifests.
        model: A ``Bundle``.
        output_dir: Where everything goes; None writes nothing and tells only the observer.
        lm: An n-gram model to decode with.
        decoding: Settings of the decoder.
        config: What to read, how to spread the work, what to write.
        audio_root: Base of relative paths in manifests.
        in_place: Write the transcripts beside the recordings.
        keep_emissions: Store the emissions below ``emissions/`` of the folder.
        overwrite: Transcribe everything anew.
        dry_run: Only say what there is to do.
        network: Runs the model; default: its ONNX graph.
        make_decoder: Makes a decoder; default: the one of ``decoding``.
        make_runner: Where to run; default: the cores of this machine.
        observer: Told about progress.

    Raises:
        MissingPathError: A named path does not exist.
        TranscriptionError: There is nothing to transcribe, or the folder cannot be used.
        ConfigError: The settings contradict each other.
    """
    config = config or TranscriptionConfig()
    recordings = find_recordings(
        inputs,
        recursive=config.recursive,
        include=config.include,
        exclude=config.exclude,
        audio_root=audio_root,
    )
    if network is None and not dry_run:
        network = _network_of(model, config.threads)
    run = _Run(
        model,
        network,
        lm=lm,
        decoding=decoding or DecodingConfig(),
        config=config.replace(jobs=config.jobs or num_cores()),
        output_dir=None if output_dir is None else Path(output_dir),
        in_place=in_place,
        keep_emissions=keep_emissions,
        make_decoder=make_decoder,
        make_runner=make_runner,
        observer=observer or Observer(),
    )
    return run.plan(recordings) if dry_run else run.carry_out(recordings, overwrite=overwrite)


def _network_of(model: Model, threads: int) -> Network:
    from asrkit.model.bundle import Bundle
    from asrkit.model.inference import Emitter

    if not isinstance(model, Bundle):
        raise TypeError("pass a Bundle, or a network beside another kind of model")
    return Emitter(model, threads=threads)


class _Run:
    """The parts of one run, put together."""

    def __init__(
        self,
        model: Model,
        network: Network | None,
        *,
        lm: Path | None,
        decoding: DecodingConfig,
        config: TranscriptionConfig,
        output_dir: Path | None,
        in_place: bool,
        keep_emissions: bool,
        make_decoder: Callable[[], Decoder] | None,
        make_runner: Callable[[Recognizer], Runner] | None,
        observer: Observer,
    ) -> None:
        self.provenance = describe(
            model=model.name,
            model_fingerprint=model.fingerprint,
            language_model=lm,
            decoding=decoding,
            config=config,
        )
        self.config = config
        self.model = model
        self.output_dir = output_dir
        self.keep_emissions = keep_emissions
        self.observer = observer
        self.summary = TranscriptionSummary(output_dir)
        self.files = None if output_dir is None else TranscriptFiles(None if in_place else output_dir, config.format)
        self._recognizer_parts = (network, make_decoder or decoder_factory(model, decoding, lm, config.nbest))
        self._make_runner = make_runner or (lambda recognizer: LocalRunner(recognizer, config.jobs))
        self._seen: set[str] = set()

    def plan(self, recordings: Sequence[Recording]) -> TranscriptionSummary:
        """Say what there is to do, and do nothing."""
        with ExitStack() as stack:
            folder = None if self.output_dir is None else OutputFolder(self.output_dir, read_only=True)
            if folder is not None:
                stack.enter_context(closing(folder))
            for chunk in self._scanner(folder).scan(recordings, self.config.jobs):
                self.summary.planned += [
                    (item.recording.utterance_id, item.state.value, item.recording.path) for item in chunk
                ]
                self.summary.num_reused += sum(item.state is State.DONE for item in chunk)
                self.summary.audio_s += sum(item.recording.duration_s for item in chunk)
        return self.summary

    def carry_out(self, recordings: Sequence[Recording], *, overwrite: bool) -> TranscriptionSummary:
        """Transcribe what is not done."""
        started = time.monotonic()
        self.observer.found(len(recordings))
        network, make_decoder = self._recognizer_parts
        recognizer = Recognizer(
            self.model, network, make_decoder, self.config, self.provenance, keep_emissions=self.keep_emissions
        )
        make_decoder()  # an unusable language model fails here, before any work
        with ExitStack() as stack:
            folder = None
            if self.output_dir is not None:
                folder = stack.enter_context(closing(OutputFolder(self.output_dir, fresh=overwrite)))
                folder.begin(len(recordings), self.provenance)
            runner = self._make_runner(recognizer)
            outcomes = stack.enter_context(closing(runner.run(self._batches(recordings, folder))))  # type: ignore[type-var]
            for batch in outcomes:
                self._take(batch, folder)
            self.summary.failures.sort(key=lambda failure: failure.utterance_id)
            self.summary.elapsed_s = time.monotonic() - started
            self.summary.stage_cpu_s = recognizer.times.to_dict()
            if folder is not None:
                folder.finish(self._seen, {f.utterance_id for f in self.summary.failures}, self.summary.to_dict())
        return self.summary

    def _scanner(self, folder: OutputFolder | None) -> Scanner:
        return Scanner(
            None if folder is None else folder.results,
            self.files,
            self.provenance["key"],
            split_channels=self.config.channels == "split",
        )

    def _batches(self, recordings: Sequence[Recording], folder: OutputFolder | None) -> Iterator[Batch]:
        """Yield batches of what is to do, and settle on the way what is not."""
        for chunk in self._scanner(folder).scan(recordings, self.config.jobs):
            todo: list[Recording] = []
            num_reused = 0
            for item in chunk:
                self._check_id(item)
                if item.state is State.UNUSABLE:
                    self._fail(item.recording, item.recording.problem or "", folder)
                elif item.state in (State.DONE, State.UNRENDERED):
                    num_reused += 1
                    if item.state is State.UNRENDERED and folder is not None and self.files is not None:
                        self.files.write(item.recording, folder.results.read(item.recording.utterance_id))
                else:
                    todo.append(item.recording)
            self.summary.num_reused += num_reused
            self.observer.scanned(len(chunk), num_reused, sum(recording.duration_s for recording in todo))
            yield from plan_batches(todo, self.config)

    def _check_id(self, item: Scanned) -> None:
        """Channels get their ids late; a file may own the name already."""
        utterance_id = item.recording.utterance_id
        if utterance_id in self._seen:
            raise TranscriptionError(
                f"two recordings would be called {utterance_id!r}; rename one or transcribe them into different folders"
            )
        self._seen.add(utterance_id)

    def _take(self, outcomes: Sequence[Outcome], folder: OutputFolder | None) -> None:
        """Write what became of a batch: first the files, then the lines that vouch for them."""
        transcripts = []
        for outcome in outcomes:
            if outcome.transcript is None:
                self._fail(outcome.recording, outcome.problem or "", folder)
                continue
            if self.files is not None:
                self.files.write(outcome.recording, outcome.transcript)
            if folder is not None and outcome.emissions is not None:
                folder.write_emissions(
                    outcome.recording.output, pack_emissions(outcome.emissions, self._emissions_info(outcome))
                )
            transcripts.append(outcome.transcript)
        if folder is not None:
            folder.results.append(transcripts)
        for transcript in transcripts:
            self.summary.num_transcribed += 1
            self.summary.audio_s += transcript.duration_s
            self.observer.transcribed(transcript)

    def _fail(self, recording: Recording, problem: str, folder: OutputFolder | None) -> None:
        failure = Failure(recording.utterance_id, str(recording.path), problem)
        self.summary.failures.append(failure)
        if folder is not None:
            folder.note_failure(failure.utterance_id, failure.audio, failure.reason)
        self.observer.failed(failure)

    def _emissions_info(self, outcome: Outcome) -> EmissionsInfo:
        recording = outcome.recording
        return EmissionsInfo(
            utterance_id=recording.utterance_id,
            alphabet=self.model.alphabet.symbols,
            step_ms=self.model.step_ms,
            duration_s=recording.duration_s,
            audio=str(recording.path),
            audio_fingerprint=recording.fingerprint,
            model=self.model.name,
            model_fingerprint=self.model.fingerprint,
            output=recording.output,
        )


def decoder_factory(model: Model, decoding: DecodingConfig, lm: Path | None, nbest: int = 1) -> Callable[[], Decoder]:
    """Return what makes decoders; they share one language model in memory."""
    loaded: list[Any] = []

    def make() -> Decoder:
        from asrkit.decoder import make_decoder

        if not loaded:
            loaded.append(_load_language_model(lm, decoding))
        decoder: Decoder = make_decoder(model.alphabet, decoding, loaded[0])
        return decoder

    return make


def _load_language_model(lm: Path | None, decoding: DecodingConfig) -> Any:
    if lm is None or decoding.decoder == "pyctcdecode":
        return lm
    from asrkit.language_model import NgramModel

    return NgramModel.load(lm)
