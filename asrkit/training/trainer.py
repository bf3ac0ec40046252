"""The training loop."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from asrkit.config import RunConfig
from asrkit.errors import TrainingError
from asrkit.features import num_frames
from asrkit.interrupts import Held, held
from asrkit.model.bundle import Bundle, save_bundle
from asrkit.model.folder import DESCRIPTION
from asrkit.model.network import OUTPUT, DeepSpeech2, network_weights, set_network_weights
from asrkit.text import Alphabet
from asrkit.text.units import Units
from asrkit.training.advice import cause_of_bad_loss, find_trouble
from asrkit.training.batches import Batch, BatchMaker, plan_batches, prefetch
from asrkit.training.checkpoint import CHECKPOINT, differences, load_checkpoint, save_checkpoint, state_here
from asrkit.training.devices import Devices, unused_gpu
from asrkit.training.evaluation import DevResult, epochs_without_progress, evaluate, is_better
from asrkit.training.examples import Example
from asrkit.training.hosts import ALONE, Hosts
from asrkit.training.observer import BatchDone, EpochDone, Sample, TrainingObserver
from asrkit.training.optimizer import WeightAverage, compiled_network, learning_rate
from asrkit.training.shapes import Shapes, shapes_here
from asrkit.writing import write_whole

LOG = "log.jsonl"
# How often a checkpoint is written inside an epoch.
_CHECKPOINT_SECONDS = 300.0
# The native recurrence takes turns with the threads that make features; Python's 5 ms a turn would hold up each call.
_SWITCH_SECONDS = 3e-4
# Batches with a non-finite loss that a run survives.
_MAX_BAD_BATCHES = 5


@dataclass(frozen=True)
class Sets:
    """The data of a run."""

    train: Sequence[Example]
    dev: Sequence[Example]
    fingerprint: str


class Trainer:
    """One run: network, optimizer, data and where it stands.

    Args:
        config: All settings.
        units: What the network writes.
        auxiliary: What a second loss half-way up listens for.
        sets: Training and dev examples.
        output_dir: Gets the checkpoint, the log and the best bundle.
        card: What the bundle's card should say beside scores.
        observer: Told of progress.
        hosts: That train together; each writes into a folder of its own, and that of the first one counts.
        fresh: Begin anew, whatever run the folder holds.

    Raises:
        TrainingError: The checkpoint in the folder is damaged, or the model to begin with is another network.
    """

    def __init__(
        self,
        config: RunConfig,
        units: Units,
        auxiliary: Units | None,
        sets: Sets,
        output_dir: Path,
        card: Mapping[str, Any],
        observer: TrainingObserver,
        hosts: Hosts = ALONE,
        fresh: bool = False,
    ) -> None:
        self.config = config
        self.hosts = hosts
        self.sets = sets
        self.output_dir = output_dir
        self.card = card
        self.observer = observer
        self.units = units
        self.frames, dev_frames = (
            [num_frames(len(e.samples), config.features) for e in part] for part in (sets.train, sets.dev)
        )
        shapes = shapes_here([*self.frames, *dev_frames], config)
        redraw = units if config.data.pronunciations == "drawn" else None
        self.train_maker = BatchMaker(sets.train, config.features, config.training, shapes, redraw, hosts=hosts)
        self.dev_batches = self._prepare_dev(dev_frames, shapes)
        self.devices = Devices(config.training.devices, hosts)
        if unused := unused_gpu():
            observer.note(unused)
        with self.devices.scope():
            self.network = compiled_network(
                config, len(units.symbols), self._num_steps(), len(auxiliary.symbols) if auxiliary else None
            )
        self.average = WeightAverage(self.network, config.training.ema_momentum)
        self.state = state_here(config, sets.fingerprint)
        self.bad_batches = 0
        self.has_warned = False
        if not fresh and self.checkpoint_path.exists():
            self._restore()
        elif config.training.start_from is not None:
            self._start_from(config.training.start_from)

    @property
    def checkpoint_path(self) -> Path:
        """The run's checkpoint."""
        return self.output_dir / CHECKPOINT

    def run(self) -> None:
        """Train to the end; a signal ends it between two steps.

        Raises:
            KeyboardInterrupt: It was told to end; the checkpoint holds every step that was taken.
            TrainingError: The run diverged, or cannot be written down.
        """
        interval = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_SECONDS)
        try:
            with held() as interrupts:
                interrupts.agree = self.hosts.agree_to_end
                self._train(interrupts)
        except OSError as error:
            raise TrainingError(
                f"cannot write: {error.strerror or error}; the last good checkpoint is kept: make room, and the same "
                "command goes on from it",
                path=self.output_dir,
            ) from error
        finally:
            sys.setswitchinterval(interval)

    def _train(self, interrupts: Held) -> None:
        try:
            while not self._is_over():
                self._epoch(interrupts)
        except KeyboardInterrupt:
            self.save()
            raise
        self.state.finished = True
        self.save()

    def save(self) -> None:
        """Write the checkpoint, then the log of the epochs that it holds."""
        self._require_finite()
        arrays = {
            "network": [ops.convert_to_numpy(v.value) for v in _state_variables(self.network)],
            "optimizer": [ops.convert_to_numpy(v.value) for v in self.network.optimizer.variables],
            "average": [ops.convert_to_numpy(v) for v in self.average.values],
        }
        save_checkpoint(self.checkpoint_path, self.state, arrays)
        if self.state.history:
            write_whole(self.output_dir / LOG, "".join(json.dumps(row) + "\n" for row in self.state.history))

    def _is_over(self) -> bool:
        state, training = self.state, self.config.training
        if state.batch == 0:
            self._heed_trouble()
        if state.epoch >= training.epochs:
            return True
        if training.patience and state.batch == 0 and epochs_without_progress(state.history) >= training.patience:
            self.observer.note(f"stopping: no better dev WER, CER or loss for {training.patience} epochs")
            return True
        return False

    def _heed_trouble(self) -> None:
        """Warn of a run that learns nothing, or stop it."""
        training = self.config.training
        trouble = find_trouble(self.state.history, len(plan_batches(self.frames, training, 0)), training)
        if trouble is None:
            self.has_warned = False
        elif trouble.is_hopeless and training.stop_when_failing and self.state.epoch < training.epochs:
            going_on = "training.stop_when_failing=false goes on all the same"
            raise TrainingError(f"{trouble.text} ({going_on})", path=self.output_dir)
        elif not self.has_warned:
            self.observer.note(trouble.text)
            self.has_warned = True

    def _require_finite(self) -> None:
        """Keep a network that is lost out of bundle and checkpoint."""
        if not all(np.isfinite(ops.convert_to_numpy(v.value)).all() for v in self.network.trainable_variables):
            raise TrainingError(
                "the weights are not finite any more; the last good checkpoint is kept: lower training.learning_rate "
                "and train with --fresh, or begin with the best epoch so far (--from)",
                path=self.output_dir,
            )

    def _epoch(self, interrupts: Held) -> None:
        state = self.state
        plan = plan_batches(self.frames, self.config.training, state.epoch)
        parts = prefetch(lambda indices: self.train_maker.part(indices, state.epoch), plan[state.batch :])
        started = saved = asked = time.monotonic()
        spent_before, waited = state.epoch_seconds, 0.0
        with closing(parts):
            for part in interrupts.between(parts):
                batch = self.train_maker.whole(part)
                waited += time.monotonic() - asked
                loss = self._step(batch, plan[state.batch])
                state.batch += 1
                now = time.monotonic()
                state.epoch_seconds = spent_before + now - started
                self._report_batch(batch, loss, len(plan), waited / max(now - started, 1e-9))
                if self.hosts.any(now - saved > _CHECKPOINT_SECONDS):
                    self.save()
                    saved = now
                asked = time.monotonic()
        self._finish_epoch(interrupts)

    def _step(self, batch: Batch, indices: list[int]) -> float:
        self.network.reset_metrics()
        loss = float(self.network.train_on_batch(self.devices.share(batch), return_dict=True)["loss"])
        if np.isfinite(loss):
            self.average.update()
            self.state.loss_sum += loss * len(indices)
            self.state.loss_count += len(indices)
        else:
            self._recover(batch, indices)
        return loss

    def _recover(self, batch: Batch, indices: list[int]) -> None:
        """Name the utterances behind a non-finite loss and go back to the last good weights."""
        self.bad_batches += 1
        restored = self.checkpoint_path.exists()
        if restored:
            self._restore_arrays(load_checkpoint(self.checkpoint_path)[1])
        logits = self.devices.predict(self.network, batch)
        losses = ops.convert_to_numpy(self.network.utterance_losses(batch, logits))
        culprits = [self.sets.train[i].id for i, loss in zip(indices, losses, strict=False) if not np.isfinite(loss)]
        cause = cause_of_bad_loss(culprits, len(indices))
        self.observer.note(f"the loss is not finite: {cause}")
        if self.bad_batches > _MAX_BAD_BATCHES or not restored:
            again = "train with --fresh, or begin with the best epoch so far (--from)" if restored else "try again"
            raise TrainingError(f"the loss is not finite: {cause}; then {again}", path=self.output_dir)

    def _report_batch(self, batch: Batch, loss: float, num_batches: int, wait_share: float) -> None:
        self.observer.batch_done(
            BatchDone(
                epoch=self.state.epoch,
                batch=self.state.batch,
                num_batches=num_batches,
                loss=loss,
                audio_seconds=float(batch["frames"].sum()) * self.config.features.hop_ms / 1000,
                learning_rate=learning_rate(self.network),
                wait_share=wait_share,
            )
        )

    def _finish_epoch(self, interrupts: Held) -> None:
        state = self.state
        self._require_finite()
        if not self.checkpoint_path.exists():
            self.save()  # before the first bundle: no run replaces one without a checkpoint
        with self.average.applied():
            # Interrupted here, the epoch is one with all steps taken and nothing judged: the dev set is heard again.
            batches = interrupts.between(self.dev_batches)
            result = evaluate(self.network, batches, self.sets.dev, self.units, self.devices.predict)
            result = DevResult(**self.hosts.from_first(vars(result)))  # all decide alike, rounding or not
            best = DevResult((), state.best_loss, state.best_wer, state.best_cer, 0.0)
            is_best = not (self.output_dir / DESCRIPTION).exists() or is_better(result, best)
            event = self._epoch_event(result, is_best)
            state.history.append(_history_row(event))
            if is_best:
                state.best_wer, state.best_cer, state.best_loss = result.wer, result.cer, result.loss
                state.best_epoch = state.epoch
                self._save_bundle()
        state.epoch += 1
        state.batch, state.loss_sum, state.loss_count, state.epoch_seconds = 0, 0.0, 0, 0.0
        self.save()
        self.observer.epoch_done(event)

    def _epoch_event(self, result: DevResult, is_best: bool) -> EpochDone:
        state = self.state
        seconds = max(state.epoch_seconds, 1e-9)
        audio = sum(self.frames) * self.config.features.hop_ms / 1000
        shown = _spread(len(self.sets.dev), self.config.training.dev_samples)
        return EpochDone(
            epoch=state.epoch,
            loss=state.loss_sum / max(1, state.loss_count),
            dev_loss=result.loss,
            dev_wer=result.wer,
            dev_cer=result.cer,
            blank_rate=result.blank_rate,
            seconds=seconds,
            audio_per_second=audio / seconds,
            learning_rate=learning_rate(self.network),
            is_best=is_best,
            samples=tuple(Sample(self.sets.dev[i].id, self.sets.dev[i].text, result.hypotheses[i]) for i in shown),
        )

    def _save_bundle(self) -> None:
        state = self.state
        save_bundle(
            self.output_dir,
            alphabet=Alphabet(self.config.data.alphabet),
            units=self.units,
            features=self.config.features,
            model=self.config.model,
            weights=network_weights(self.network),
            decoding=_non_default(self.config),
            normalizer=self.config.data.normalizer,
            language=self.config.data.language,
            card={
                **self.card,
                "training": self.config.to_dict(),
                "data_fingerprint": self.sets.fingerprint,
                "epoch": state.epoch + 1,
                "dev": {"wer_percent": round(state.best_wer, 2), "cer_percent": round(state.best_cer, 2)},
            },
        )

    def _prepare_dev(self, frames: Sequence[int], shapes: Shapes | None) -> list[tuple[Batch, list[int]]]:
        """Return the dev batches, prepared once: they never change."""
        maker = BatchMaker(self.sets.dev, self.config.features, self.config.training, shapes, hosts=self.hosts)
        plan = plan_batches(frames, self.config.training.replace(sortagrad=True), 0)
        return [(maker.batch(indices, None), indices) for indices in plan]

    def _num_steps(self) -> int:
        """Return the optimizer steps of the whole run, for the learning rate schedule."""
        training = self.config.training
        return sum(len(plan_batches(self.frames, training, min(epoch, 1))) for epoch in range(training.epochs))

    def _restore(self) -> None:
        state, arrays = load_checkpoint(self.checkpoint_path)
        self._restore_arrays(arrays)
        before = state.config.get("training", {}).get("epochs", 0)
        if state.finished and before < self.config.training.epochs:
            self.observer.note(
                f"the run was planned for {before} epochs and now for {self.config.training.epochs}: its learning rate "
                "goes up again, to where it is in a run of that length"
            )
        state.config, state.folder = self.state.config, self.state.folder
        state.finished = False
        self.state = state

    def _restore_arrays(self, arrays: Mapping[str, Sequence[Any]]) -> None:
        variables = {"network": _state_variables(self.network), "optimizer": self.network.optimizer.variables}
        for name, targets in variables.items():
            values = arrays.get(name, [])
            if [tuple(v.shape) for v in targets] != [v.shape for v in values]:
                raise TrainingError("the checkpoint does not fit the network; use --fresh", path=self.checkpoint_path)
            for variable, value in zip(targets, values, strict=True):
                variable.assign(value)
        self.average.restore(arrays.get("average", []))

    def _start_from(self, path: str) -> None:
        """Begin with the weights of a bundle; where it writes other outputs, with all but those of the last layer.

        Raises:
            TrainingError: The bundle has other features or another network.
        """
        bundle, config = Bundle.load(path), self.config
        # Dropout and what silence counts may differ: they have no weights.
        features = config.features.replace(silence=bundle.features.silence)
        ours = {"features": features.to_dict(), "model": config.model.replace(dropout=bundle.model.dropout).to_dict()}
        theirs = {"features": bundle.features.to_dict(), "model": bundle.model.to_dict()}
        changed = [f"{name} is {there!r} there and {here!r} here" for name, there, here in differences(theirs, ours)]
        if changed:
            raise TrainingError(f"training.start_from needs the same network: {'; '.join(changed)}", path=path)
        weights = bundle.weights()
        if bundle.symbols.labels != self.units.symbols.labels:
            fresh = network_weights(self.network)
            weights = {name: fresh[name] if name.startswith(OUTPUT) else value for name, value in weights.items()}
            self.observer.note(f"{bundle.name} writes other outputs: the last layer begins anew")
        set_network_weights(self.network, weights)


def _state_variables(network: DeepSpeech2) -> list[Any]:
    """Return weights and random generators, but not metrics."""
    metrics = {id(v) for v in network.metrics_variables}
    return [v for v in network.variables if id(v) not in metrics]


def _history_row(event: EpochDone) -> dict[str, Any]:
    row = {key: value for key, value in vars(event).items() if key != "samples"}
    row["epoch"] = event.epoch + 1
    row["samples"] = [vars(sample) for sample in event.samples]
    return row


def _non_default(config: RunConfig) -> dict[str, Any]:
    """Return the decoding settings that a run's file changed: the bundle keeps only those."""
    defaults = type(config.decoding)().to_dict()
    return {key: value for key, value in config.decoding.to_dict().items() if value != defaults[key]}


def _spread(size: int, count: int) -> list[int]:
    """Return up to ``count`` indices spread over ``range(size)``, always the same."""
    count = min(size, count)
    return [index * size // count for index in range(count)]
