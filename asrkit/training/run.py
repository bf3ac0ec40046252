"""``train``: from manifests to a bundle."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asrkit.config import AUTO_ALPHABET, RunConfig, cache_folder
from asrkit.data import Utterance, read_manifest, split_utterances
from asrkit.data.alphabets import fit_corpus, settle_texts
from asrkit.data.manifest import left_out
from asrkit.degrading import Degrader
from asrkit.errors import ConfigError, TrainingError
from asrkit.locks import hold
from asrkit.model.bundle import Bundle
from asrkit.model.folder import DESCRIPTION, PARTS, staged
from asrkit.packages import version_of
from asrkit.text import Alphabet
from asrkit.text.normalizer import Normalizer, get_normalizer
from asrkit.training.backend import keras_backend, quiet_backend, require_training
from asrkit.training.checkpoint import CHECKPOINT, RunState, require_same_run, state_here, state_in
from asrkit.training.examples import Example, Rejection, data_fingerprint, load_examples, require_some
from asrkit.training.hosts import ALONE, Hosts
from asrkit.training.observer import RunStart, TrainingObserver, told_to_all
from asrkit.training.tensorboard import EVENTS, TensorBoardLog
from asrkit.training.units import auxiliary_units, keep_units, tell_of_changed_lexicon, units_of_run
from asrkit.writing import copy_whole, written_whole

if TYPE_CHECKING:
    from asrkit.training.trainer import Trainer

LEFT_OUT = "left_out.tsv"
_FEWEST_DEV = 20


def train(
    config: RunConfig,
    output_dir: Path | str,
    *,
    fresh: bool = False,
    cache_dir: Path | str | None = None,
    observer: TrainingObserver | None = None,
    hosts: Hosts = ALONE,
) -> Bundle:
    """Train a model, or go on with an interrupted run in the same folder.

    Args:
        config: All settings; ``config.data.train`` names the data.
        output_dir: Gets checkpoint, log and the bundle of the best epoch on the dev set.
        fresh: Throw an earlier run in this folder away, as soon as nothing is left but to begin.
        cache_dir: For decoded audio; default: ``ASRKIT_CACHE_DIR``, else ``~/.cache/asrkit``.
        observer: Told of progress.
        hosts: That train together, each in a process that calls this; see ``asrkit.training.worker``.

    Returns:
        The bundle with the lowest dev WER.

    Raises:
        MissingPackageError: Keras or its backend is not installed.
        ConfigError: No training data is named, or a fresh run would begin with the model that it throws away.
        ManifestError: A manifest cannot be used.
        TrainingError: No utterance can be learned from, the folder holds another run or model, or the run diverged.
        InUseError: Another process trains in the folder.
    """
    require_training()
    observer = observer or TrainingObserver()
    output_dir = Path(output_dir)
    earlier = _earlier_run(config, output_dir) if fresh else []
    if not fresh:
        _require_no_other_model(output_dir)
    before = None if fresh else state_in(output_dir)
    config = settle(config, before, observer)
    unspelled: list[Rejection] = []
    train_set, dev_set = load_sets(config, observer, unspelled)
    fingerprint = known_by([*train_set, *dev_set], before, hosts)
    if before is not None:
        require_same_run(before, state_here(config, fingerprint), output_dir)
        tell_of_changed_lexicon(config, output_dir, observer)
        if before.finished and before.config == config.to_dict():
            observer.note(f"{output_dir} holds this very run, finished; train again with --fresh")
            return Bundle.load(output_dir)
    if config.training.tensorboard:
        with quiet_backend():
            observer = told_to_all([observer, TensorBoardLog(output_dir / EVENTS)])
    units = units_of_run(config, [u.text or "" for u in train_set], None if fresh else output_dir, observer)
    auxiliary = auxiliary_units(config, [u.text or "" for u in train_set])
    load = partial(
        load_examples,
        units=units,
        config=config,
        cache_dir=cache_folder(cache_dir),
        progress=observer.decoding_audio,
        hosts=hosts,
    )
    examples, rejections = load(train_set, auxiliary=auxiliary, fastest=max(config.training.augmentation.speeds))
    dev_examples, dev_rejections = load(dev_set, is_judged=True)
    require_some("training", examples, rejections)
    require_some("dev", dev_examples, dev_rejections)

    output_dir.mkdir(parents=True, exist_ok=True)
    with hold(output_dir):
        with quiet_backend():
            # Keras and its backend take seconds to import: only once the data has proved usable.
            from asrkit.training.trainer import Sets, Trainer

            card = _card(config, output_dir, examples, dev_examples)
            sets = Sets(examples, dev_examples, fingerprint)
            trainer = Trainer(config, units, auxiliary, sets, output_dir, card, observer, hosts, fresh)
        for path in earlier:
            path.unlink(missing_ok=True)
        keep_units(units, output_dir)
        rejections = [*unspelled, *rejections, *dev_rejections]
        _keep_rejections(rejections, output_dir / LEFT_OUT)
        observer.run_started(_run_start(trainer, rejections))
        trainer.run()
        return Bundle.load(output_dir)


def _keep_rejections(rejections: Sequence[Rejection], path: Path) -> None:
    """Write down what is left out and why; no file where nothing is."""
    path.unlink(missing_ok=True)
    if rejections:
        lines = [f"{rejection.id}\t{' '.join(rejection.reason.split())}\n" for rejection in rejections]
        with written_whole(path) as file:
            file.write("".join(["utterance_id\treason\n", *lines]).encode())


def _run_start(trainer: Trainer, rejections: Sequence[Rejection]) -> RunStart:
    config, sets = trainer.config, trainer.sets
    return RunStart(
        output_dir=trainer.output_dir,
        config=config,
        num_parameters=trainer.network.count_params(),
        train_utterances=len(sets.train),
        train_seconds=_seconds(sets.train, config),
        dev_utterances=len(sets.dev),
        dev_seconds=_seconds(sets.dev, config),
        rejections=tuple(rejections),
        first_epoch=trainer.state.epoch,
        device=f"{trainer.devices} ({keras_backend()})",
    )


def load_sets(
    config: RunConfig, observer: TrainingObserver, unspelled: list[Rejection] | None = None
) -> tuple[list[Utterance], list[Utterance]]:
    """Read the manifests, fit their texts to the alphabet, and split a dev set off where none is named.

    The utterances whose texts cannot be spelled are added to ``unspelled``.

    Raises:
        ConfigError: No training data is named.
        ManifestError: A manifest cannot be used.
        MissingPathError: A folder of noises or rooms does not exist.
        AudioError: It holds no recording.
    """
    data = config.data
    if data.train is None:
        raise ConfigError("no training data: name a manifest or a corpus folder, or set data.train in asrkit.toml")
    # its folders are looked at before hours begin
    Degrader(config.training.augmentation, config.features.sample_rate_hz)
    alphabet = Alphabet(data.alphabet)
    normalizer = get_normalizer(data.normalizer, data.language)
    train_set = _read(data.train, data.audio_root, alphabet, normalizer, observer, unspelled)
    if data.dev is not None:
        dev_set = _read(data.dev, data.audio_root, alphabet, normalizer, observer, unspelled)
        sounds = {(u.audio_path, u.start_s, u.channel) for u in train_set}
        shared = sum((u.audio_path, u.start_s, u.channel) in sounds for u in dev_set)
        if shared:
            observer.note(
                f"{shared:,} of {len(dev_set):,} dev utterances are trained on, too: their scores flatter (asrkit data "
                "check finds such)"
            )
        return train_set, dev_set
    rest, held_out = split_utterances(train_set, data.dev_share, seed=config.training.seed)
    observer.note(f"no dev set is named: {_describe_split(rest, held_out)} (seed {config.training.seed})")
    if len(held_out) < _FEWEST_DEV:
        observer.note(f"{len(held_out)} dev utterances say little about which epoch is best: name a dev set")
    return rest, held_out


def _describe_split(train_set: Sequence[Any], dev_set: Sequence[Any]) -> str:
    share = len(dev_set) / (len(train_set) + len(dev_set))
    return f"{len(dev_set):,} of {len(train_set) + len(dev_set):,} utterances ({share:.0%}) are held out"


def settle(config: RunConfig, before: RunState | None = None, observer: TrainingObserver | None = None) -> RunConfig:
    """Settle what depends on what a run goes on with, or on the texts.

    The normalizer of the texts is that of the run, or of the bundle with the same alphabet, unless the user named one;
    an alphabet to be found is that of the run. A run from before digital silence could be ignored goes on counting it.

    A run that goes on stood at ``before``.

    Raises:
        MissingPathError, ManifestError, ConfigError: The alphabet is to be found in texts that cannot be used.
    """
    data = config.data
    if before is not None and "silence" not in before.config.get("features", {}):
        config = config.replace(features=config.features.replace(silence="counted"))
    kept = None if before is None else before.config["data"]
    if kept is None and config.training.start_from is not None:
        start = Bundle.load(config.training.start_from)
        if start.alphabet.symbols == data.alphabet:
            kept = {"normalizer": start.normalizer, "language": start.language}
    if kept is not None and data.alphabet == AUTO_ALPHABET:
        data = data.replace(alphabet=kept["alphabet"])
    if kept is not None and data.normalizer == "auto":
        data = data.replace(normalizer=kept["normalizer"], language=kept["language"])
    sources = [data.train] if data.train is not None else []
    return config.replace(data=settle_texts(data, sources, (observer or TrainingObserver()).note))


def _read(
    path: str,
    audio_root: str | None,
    alphabet: Alphabet,
    normalizer: Normalizer,
    observer: TrainingObserver,
    unspelled: list[Rejection] | None,
) -> list[Utterance]:
    for line in left_out(path):
        observer.note(f"{path}: {line}")
    fit = fit_corpus(path, read_manifest(path, audio_root=audio_root), alphabet, normalizer)
    for line in fit.describe():
        observer.note(f"{path}: {line}")
    if unspelled is not None:
        unspelled += [Rejection(id, "digits or signs of its text cannot be spelled") for id in fit.unread_ids]
        unspelled += [Rejection(id, "nothing of its text can be spelled") for id in fit.emptied_ids]
    return fit.utterances


def known_by(utterances: Sequence[Utterance], before: RunState | None, hosts: Hosts = ALONE) -> str:
    """Return what the data is known by; a run that an earlier version began goes on under the name it gave."""
    if before is not None:
        earlier = data_fingerprint(utterances, by_place=True, hosts=hosts)
        if before.data == earlier:
            return earlier
    return data_fingerprint(utterances, hosts=hosts)


def _require_no_other_model(output_dir: Path) -> None:
    """Refuse a folder with a model and no checkpoint: the run would begin anew, and replace it."""
    if (output_dir / DESCRIPTION).exists() and not (output_dir / CHECKPOINT).exists():
        raise TrainingError(
            f"the folder holds a model and no {CHECKPOINT} to go on from; choose another --output, or replace the "
            "model with --fresh",
            path=output_dir,
        )


def _earlier_run(config: RunConfig, output_dir: Path) -> list[Path]:
    """Return the files that a run wrote into its folder, and no others.

    Raises:
        ConfigError: They are the model that the new run begins with.
    """
    start = config.training.start_from
    if start is not None and Path(start).resolve() == output_dir.resolve():
        raise ConfigError(
            f"--fresh would throw away {output_dir}, the model that this run begins with; choose another --output"
        )
    names = (CHECKPOINT, "log.jsonl", LEFT_OUT, "learning_curve.png", "report.html", *PARTS)
    return [*(output_dir / name for name in names), *(output_dir / EVENTS).glob("events.out.tfevents.*")]


def _card(
    config: RunConfig, output_dir: Path, examples: Sequence[Example], dev_examples: Sequence[Example]
) -> dict[str, Any]:
    return {
        "name": output_dir.resolve().name,
        "created": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "data": {
            "train": config.data.train,
            "train_utterances": len(examples),
            "train_hours": round(_seconds(examples, config) / 3600, 3),
            "dev": config.data.dev or _describe_split(examples, dev_examples),
            "dev_utterances": len(dev_examples),
        },
        "versions": {
            "python": platform.python_version(),
            "asrkit": version_of(),
            **{name: version_of(name) for name in ("keras", "numpy", keras_backend())},
        },
    }


def _seconds(examples: Sequence[Example], config: RunConfig) -> float:
    return sum(len(example.samples) for example in examples) / config.features.sample_rate_hz


def point_latest_at(bundle_dir: Path) -> Path | None:
    """Make ``latest`` beside a bundle lead to it and return that path, or None where ``latest`` is a folder of its own.

    A symbolic link where the system allows one, else a copy of the bundle's parts.
    """
    latest = bundle_dir.parent / "latest"
    if latest == bundle_dir:
        return latest
    temporary = latest.with_name(f".latest.{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(bundle_dir.name, target_is_directory=True)
    except OSError:
        return _copy_parts(bundle_dir, latest)
    if latest.is_dir() and not latest.is_symlink():  # somebody's model
        temporary.unlink()
        return None
    return temporary.replace(latest)


def _copy_parts(bundle_dir: Path, latest: Path) -> Path | None:
    if latest.is_dir() and not {path.name for path in latest.iterdir()} <= set(PARTS):
        return None
    with staged(latest) as staging:
        for part in PARTS:
            if (bundle_dir / part).exists():
                copy_whole(bundle_dir / part, staging / part)
    return latest
