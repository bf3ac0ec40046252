"""``train --plan``: what a run will cost, from a few steps that are thrown away."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from asrkit.config import RunConfig
from asrkit.data import Utterance
from asrkit.data.statistics import measure_durations
from asrkit.degrading import Degrader
from asrkit.errors import TrainingError
from asrkit.features import num_frames
from asrkit.memory import peak_mb
from asrkit.text.units import Units
from asrkit.training.backend import quiet_backend, require_training
from asrkit.training.batches import Batch, BatchMaker, num_ahead, num_workers, plan_batches
from asrkit.training.examples import Example, Rejection, read_examples, reason_to_refuse, require_some
from asrkit.training.hosts import require_jax
from asrkit.training.observer import TrainingObserver
from asrkit.training.run import load_sets, settle
from asrkit.training.shapes import Shape, shapes_here
from asrkit.training.units import auxiliary_units, units_of_run

# Batches tried, by the share of an epoch's batches that are shorter. The longest comes first: it takes the most memory,
# and the first steps, which trace the network, are not timed.
_UNTIMED = (1.0, 0.1)
_TIMED = (0.2, 0.5, 0.8)


@dataclass(frozen=True)
class SetSize:
    """How much there is to learn from, or to judge by."""

    utterances: int
    hours: float


@dataclass(frozen=True)
class RunPlan:
    """What a run will cost on this machine."""

    train: SetSize  # what is trained on
    dev: SetSize  # what each epoch is judged by
    rejections: tuple[Rejection, ...]  # what cannot be used, as far as lengths and texts tell
    num_parameters: int  # of the network
    batches_per_epoch: int  # optimizer steps in an epoch
    epochs: int  # in the whole run
    reading_s: float  # decoding all audio into the cache, once
    train_s: float  # one pass over the training data
    dev_s: float  # judging one epoch
    padding: float  # share of the frames in batches that is padding
    making_speed: float  # seconds of speech that one thread makes batches of in a second; 0 where none was needed
    augmenting_share: float  # what augmentation takes of that time
    measured_steps: int  # steps on which the times rest
    peak_mb: float | None  # memory at most; None where the system does not tell
    device: str  # what the network ran on
    num_hosts: int  # of the run. Times and memory are those of a host like this machine, without what goes between them
    rows_per_device: int  # of a full batch

    @property
    def epoch_s(self) -> float:
        """Seconds of an epoch."""
        return self.train_s + self.dev_s

    @property
    def total_s(self) -> float:
        """Seconds of the whole run."""
        return self.reading_s + self.epochs * self.epoch_s


@dataclass(frozen=True)
class _Set:
    """Utterances with their lengths; nothing is decoded."""

    utterances: list[Utterance]
    frames: list[int]
    size: SetSize


def plan_run(config: RunConfig, observer: TrainingObserver | None = None, num_hosts: int = 1) -> RunPlan:
    """Say what a run will cost: reads the manifests and a few recordings, trains nothing, writes nothing.

    Of several hosts this one works on its share, and asks nobody.

    Raises:
        MissingPackageError: Keras or its backend is not installed.
        ConfigError: No training data is named, or there are several hosts and Keras is not on JAX.
        ManifestError: A manifest cannot be used.
        TrainingError: No utterance can be learned from.
    """
    require_training()
    if num_hosts > 1:
        require_jax()
    observer = observer or TrainingObserver()
    rejections: list[Rejection] = []
    config = settle(config, observer=observer)
    sets = load_sets(config, observer)
    texts = [utterance.text or "" for utterance in sets[0]]
    units, auxiliary = units_of_run(config, texts, None, observer), auxiliary_units(config, texts)
    train = _usable(sets[0], units, config, max(config.training.augmentation.speeds), rejections)
    dev = _usable(sets[1], units, config, 1.0, rejections, is_judged=True)
    require_some("training", train.utterances, rejections)
    require_some("dev", dev.utterances, rejections)
    with quiet_backend():
        from asrkit.training.devices import unused_gpu

        if unused := unused_gpu():
            observer.note(unused)
        costs = _Costs(config, units, auxiliary, train, dev, num_hosts)
    return costs.plan(rejections)


def _usable(
    part: Sequence[Utterance],
    units: Units,
    config: RunConfig,
    fastest: float,
    rejections: list[Rejection],
    *,
    is_judged: bool = False,
) -> _Set:
    """Sort out what the run will sort out, as far as the headers of the recordings tell."""
    measured, errors = measure_durations(part)
    known = {utterance.id for utterance in measured}
    unread = (utterance.id for utterance in part if utterance.id not in known)
    rejections += [Rejection(id, str(error)) for id, error in zip(unread, errors, strict=True)]
    rate = config.features.sample_rate_hz
    utterances, frames, seconds = [], [], 0.0
    for utterance in measured:
        num_samples = round((utterance.duration_s or 0.0) * rate)
        reason = reason_to_refuse(utterance, num_samples, units, config, fastest, is_judged=is_judged)
        if reason:
            rejections.append(Rejection(utterance.id, reason))
            continue
        utterances.append(utterance)
        frames.append(num_frames(num_samples, config.features))
        seconds += utterance.duration_s or 0.0
    return _Set(utterances, frames, SetSize(len(utterances), seconds / 3600))


class _Costs:
    """Tries a few batches of a run on a network that is thrown away."""

    def __init__(
        self, config: RunConfig, units: Units, auxiliary: Units | None, train: _Set, dev: _Set, num_hosts: int
    ) -> None:
        from asrkit.training.devices import Devices, device_memory_mb, device_name
        from asrkit.training.optimizer import compiled_network

        self.config = config
        self.train = train
        self.dev = dev
        self.num_hosts = num_hosts
        self.units = units
        self.auxiliary = auxiliary
        self.batches = plan_batches(train.frames, config.training, 1)
        self.dev_batches = plan_batches(dev.frames, config.training.replace(sortagrad=True), 0)
        self.shapes = shapes_here([*train.frames, *dev.frames], config)
        self.read_audio_s = self.reading_s = 0.0
        self.made_audio_s = self.making_s = self.plain_making_s = 0.0
        self.degrader = Degrader(config.training.augmentation, config.features.sample_rate_hz, config.training.seed)
        self.devices = Devices(config.training.devices)
        self.device = device_name(self.devices.count)
        with self.devices.scope():
            self.network = compiled_network(
                config,
                len(units.symbols),
                config.training.epochs * len(self.batches),
                len(auxiliary.symbols) if auxiliary else None,
            )
        self.train_s = self._predict(self.train, self.batches, self._train, epoch=0)
        self.dev_s = self._predict(self.dev, self.dev_batches, self._judge, epoch=None)
        self.memory_mb = device_memory_mb() or peak_mb()

    def plan(self, rejections: Sequence[Rejection]) -> RunPlan:
        """Put the measurements together."""
        train, dev = self.train, self.dev
        hours = train.size.hours + dev.size.hours
        padded = self._padded(train.frames, self.batches)
        bytes_per_frame = 4 * self.config.features.num_bins
        kept = sum(self._padded(dev.frames, self.dev_batches))  # for the whole run
        kept += sum(sorted(padded)[-num_ahead() :])  # those made ahead
        return RunPlan(
            train=train.size,
            dev=dev.size,
            rejections=tuple(rejections),
            num_parameters=self.network.count_params(),
            batches_per_epoch=len(self.batches),
            epochs=self.config.training.epochs,
            reading_s=self.reading_s / max(self.read_audio_s, 1e-9) * 3600 * hours / self.num_hosts,
            train_s=self.train_s,
            dev_s=self.dev_s,
            padding=1 - sum(train.frames) / sum(padded),
            making_speed=self.made_audio_s / self.making_s if self.making_s else 0.0,
            augmenting_share=max(0.0, 1 - self.plain_making_s / self.making_s) if self.making_s else 0.0,
            measured_steps=len(_TIMED),
            peak_mb=None if self.memory_mb is None else self.memory_mb + kept * bytes_per_frame / 2**20,
            device=self.device,
            num_hosts=self.num_hosts,
            rows_per_device=-(-max(map(len, self.batches)) // (self.num_hosts * self.devices.count)),
        )

    def _predict(
        self, part: _Set, plan: list[list[int]], work: Callable[[Batch, list[Example]], None], epoch: int | None
    ) -> float:
        """Return the seconds that all batches of a plan will take, by their padded frames."""
        order = sorted(plan, key=lambda indices: max(part.frames[i] for i in indices) * len(indices))
        making_s = working_s = timed_frames = 0.0
        for share in (*_UNTIMED, *_TIMED):
            indices = order[min(len(order) - 1, int(share * len(order)))]
            examples = self._read([part.utterances[i] for i in indices])
            # twice the examples: babble is made of others
            maker = BatchMaker(
                examples * 2, self.config.features, self.config.training, self.shapes, degrader=self.degrader
            )
            rows = range(len(examples))
            batch = maker.batch(rows, epoch)  # decodes the noises that it draws, as a run does once
            if self.shapes:
                work(batch, examples)  # compiles what a run compiles once for each shape
            started = time.perf_counter()
            batch = maker.batch(rows, epoch)
            made = time.perf_counter()
            work(batch, examples)
            if share in _TIMED:
                making_s += made - started
                working_s += time.perf_counter() - made
                timed_frames += batch["features"].shape[0] * batch["features"].shape[1]
                if epoch is not None:
                    self._time_without_augmentation(maker, rows, made - started)
        if epoch is None:  # dev batches are made once
            return working_s / timed_frames * sum(self._padded(part.frames, plan))
        stretch = float(np.mean([1 / speed for speed in self.config.training.augmentation.speeds]))
        # Threads make batches ahead of the network; without an accelerator they take its cores.
        making_s /= num_workers() * self.num_hosts
        seconds = working_s + making_s if self.device.endswith("cpu") else max(working_s, making_s)
        return seconds / timed_frames * sum(self._padded(part.frames, plan)) * stretch

    def _time_without_augmentation(self, maker: BatchMaker, rows: Sequence[int], making_s: float) -> None:
        started = time.perf_counter()
        maker.batch(rows, None)
        self.plain_making_s += time.perf_counter() - started
        self.making_s += making_s
        self.made_audio_s += sum(len(maker.examples[row].samples) for row in rows) / maker.features.sample_rate_hz

    def _read(self, utterances: Sequence[Utterance]) -> list[Example]:
        started = time.perf_counter()
        examples = read_examples(utterances, self.units, self.config, self.auxiliary)
        self.reading_s += time.perf_counter() - started
        self.read_audio_s += sum(u.duration_s or 0.0 for u in utterances)
        if not examples:
            raise TrainingError("cannot be read; see asrkit data check", path=utterances[0].audio_path)
        return examples

    def _train(self, batch: Batch, examples: list[Example]) -> None:
        self.network.train_on_batch(self.devices.share(self._own(batch)), return_dict=True)

    def _judge(self, batch: Batch, examples: list[Example]) -> None:
        from asrkit.training.evaluation import evaluate

        def predict(network: Any, batch: Batch) -> Any:
            own = self.devices.predict(network, self._own(batch))
            return np.resize(own, (len(batch["frames"]), *own.shape[1:])) if self.num_hosts > 1 else own

        rows = list(range(len(examples)))
        evaluate(self.network, [(batch, rows)], examples, self.units, predict)

    def _own(self, batch: Batch) -> Batch:
        """Return the rows that one host takes of a batch."""
        rows = -(-len(batch["frames"]) // (self.num_hosts * self.devices.count)) * self.devices.count
        return {name: values[:rows] for name, values in batch.items()}

    def _padded(self, frames: Sequence[int], plan: Sequence[Sequence[int]]) -> list[int]:
        """Return the frames of each batch, padding counted."""
        shapes = [Shape(len(indices), max(frames[i] for i in indices), 0) for indices in plan]
        shapes = [self.shapes.fit(shape) for shape in shapes] if self.shapes else shapes
        return [shape.rows * shape.frames for shape in shapes]
