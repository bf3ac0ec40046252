"""Which utterances go into which batch, and the threads that prepare them ahead of the network."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from asrkit.audio import FloatArray
from asrkit.config import FeatureConfig, TrainingConfig
from asrkit.degrading import Degraded, Degrader, draw_other
from asrkit.features import extract_features
from asrkit.text.units import Units
from asrkit.training.augmentation import augment_waveform, mask_features
from asrkit.training.examples import Example
from asrkit.training.hosts import ALONE, Hosts
from asrkit.training.shapes import Shape, Shapes

Batch = dict[str, npt.NDArray[Any]]
Made = TypeVar("Made")

# How much lengths are jittered before sorting, so that buckets differ between epochs.
_LENGTH_JITTER = 0.1
# Tells the generator that draws labels from the one that draws sounds.
_OF_LABELS = 1
_MOST_WORKERS = 24
# Batches made beyond one a thread: while one that draws slow codecs is made, as slow as ten others, they go on.
_AHEAD = 8


def plan_batches(frames: Sequence[int], config: TrainingConfig, epoch: int) -> list[list[int]]:
    """Return the batches of an epoch as lists of example indices.

    The first epoch runs from the shortest to the longest (SortaGrad, Amodei et al. 2015); later ones draw batches of
    similar length in random order. The same seed and epoch always give the same plan.

    Epochs count from 0.
    """
    lengths = np.asarray(frames, np.float64)
    if epoch == 0 and config.sortagrad:
        return _fill(np.argsort(lengths, kind="stable"), frames, config)
    rng = np.random.default_rng([config.seed, epoch])
    jittered = lengths * rng.uniform(1 - _LENGTH_JITTER, 1 + _LENGTH_JITTER, len(lengths))
    batches = _fill(np.argsort(jittered, kind="stable"), frames, config)
    return [batches[index] for index in rng.permutation(len(batches))]


def _fill(order: npt.NDArray[np.int64], frames: Sequence[int], config: TrainingConfig) -> list[list[int]]:
    """Cut an order into batches that respect both limits."""
    batches: list[list[int]] = []
    batch: list[int] = []
    longest = 0
    for index in order.tolist():
        longest_with = max(longest, frames[index])
        if batch and (len(batch) == config.batch_size or longest_with * (len(batch) + 1) > config.batch_frames):
            batches.append(batch)
            batch, longest_with = [], frames[index]
        batch.append(index)
        longest = longest_with
    return [*batches, batch] if batch else batches


class Part(NamedTuple):
    """What one of several hosts makes of a batch: the features of its own rows, and the examples of all."""

    features: list[FloatArray]
    examples: list[Example]


class BatchMaker:
    """Makes batches of augmented features, each utterance from a random generator of its own.

    Args:
        examples: What to learn from.
        features: How to make features.
        training: Augmentation and seed.
        shapes: The few sizes that batches get; None gives each the size of its longest utterance.
        redraw: Units that say a text in another way each epoch; without them the labels stay as they are.
        degrader: Of the waveforms, where several makers share one; None makes one of these settings.
        hosts: Each makes the features of its own examples.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        features: FeatureConfig,
        training: TrainingConfig,
        shapes: Shapes | None = None,
        redraw: Units | None = None,
        degrader: Degrader | None = None,
        hosts: Hosts = ALONE,
    ) -> None:
        self.examples = examples
        self.features = features
        self.training = training
        self.shapes = shapes
        self.redraw = redraw
        self.degrader = degrader or Degrader(training.augmentation, features.sample_rate_hz, training.seed)
        self.hosts = hosts

    @cached_property
    def is_weighted(self) -> bool:
        """Whether the losses of some examples count more than others; then each batch says how much."""
        return any(example.weight != 1.0 for example in self.examples)

    @cached_property
    def _here(self) -> Sequence[int]:
        """The examples whose recordings this host has."""
        if self.hosts.count == 1:  # they may be examples that are not made before they are asked for
            return range(len(self.examples))
        return [index for index, example in enumerate(self.examples) if example.host == self.hosts.index]

    def batch(self, indices: Sequence[int], epoch: int | None) -> Batch:
        """Return one batch; without an epoch, nothing is augmented."""
        return self.whole(self.part(indices, epoch))

    def part(self, indices: Sequence[int], epoch: int | None) -> Batch | Part:
        """Return what of a batch can be made without the other hosts: all of it where there are none."""
        own = [index for index in indices if self.examples[index].host == self.hosts.index]
        part = Part([self.heard(index, epoch)[1] for index in own], [self._said(index, epoch) for index in indices])
        return part if self.hosts.count > 1 else self.collate(*part)

    def whole(self, part: Batch | Part) -> Batch:
        """Return the batch of which every host has made its part; all must ask for the same."""
        if not isinstance(part, Part):
            return part
        owners = [example.host for example in part.examples]
        return self.collate(self.hosts.gathered(part.features, owners, self.features.num_bins), part.examples)

    def _said(self, index: int, epoch: int | None) -> Example:
        """Return an example with the labels of an epoch."""
        example = self.examples[index]
        if self.redraw is None or epoch is None:
            return example
        rng = np.random.default_rng([self.training.seed, epoch, index, _OF_LABELS])
        return replace(example, labels=self.redraw.encode(example.text, rng))

    def heard(self, index: int, epoch: int | None) -> tuple[Degraded, FloatArray]:
        """Return the waveform, with what was done to it, and the features of one example in an epoch."""
        waveform = self.examples[index].waveform()
        if epoch is None:
            return Degraded(waveform), extract_features(waveform, self.features)
        rng = np.random.default_rng([self.training.seed, epoch, index])
        another = partial(self._another, index) if len(self._here) > 1 else None
        augmented = augment_waveform(waveform, self.degrader, rng, another)
        features = extract_features(augmented.waveform, self.features)
        return augmented, mask_features(features, self.training.augmentation, rng)

    def _another(self, index: int, rng: np.random.Generator) -> FloatArray:
        """Draw the waveform of another example of this host than this one."""
        other = draw_other(bisect_left(self._here, index), len(self._here), rng)
        return self.examples[self._here[other]].waveform()

    def collate(self, features: Sequence[FloatArray], examples: Sequence[Example]) -> Batch:
        """Pad features and labels into arrays: features, frames, labels, num_labels, maybe more labels and weights."""
        labels = {"labels": [example.labels for example in examples]}
        second = [example.auxiliary for example in examples if example.auxiliary is not None]
        labels |= {"auxiliary": second} if second else {}
        longest = max(len(row) for rows in labels.values() for row in rows)
        shape = Shape(len(features), max(map(len, features)), longest)
        shape = self.shapes.fit(shape) if self.shapes else shape
        batch = {"features": _padded(features, shape.frames, np.float32), "frames": _lengths(features)}
        for name, rows in labels.items():
            batch |= {name: _padded(rows, shape.labels, np.int32), f"num_{name}": _lengths(rows)}
        if self.is_weighted:
            batch["weights"] = np.array([example.weight / len(examples) for example in examples], np.float32)
        return filled_up(batch, shape.rows) if self.shapes else batch


def _lengths(rows: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.int32]:
    return np.array([len(row) for row in rows], np.int32)


def _padded(rows: Sequence[npt.NDArray[Any]], size: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    padded = np.zeros((len(rows), size, *rows[0].shape[1:]), dtype)
    for line, row in zip(padded, rows, strict=True):
        line[: len(row)] = row
    return padded


def filled_up(batch: Batch, rows: int) -> Batch:
    """Add empty utterances, so that there are so many rows, and ``weights``: 0 for those, else one in so many."""
    count = len(batch["frames"])
    batch = {"weights": np.full(count, 1 / count, np.float32), **batch}
    missing = rows - count
    if not missing:
        return batch
    # CTC wants a label.
    contents = {name: int(name.startswith("num_")) for name in batch}
    return {
        name: np.concatenate([values, np.full((missing, *values.shape[1:]), contents[name], values.dtype)])
        for name, values in batch.items()
    }


def num_workers() -> int:
    """Return how many threads prepare batches: one a core, which two dozen batches in memory bound."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux: cores may be set aside for others
    return min(_MOST_WORKERS, len(affinity(0)) if affinity else os.cpu_count() or 1)


def num_ahead(workers: int | None = None) -> int:
    """Return how many batches are made before they are asked for, and held, at most."""
    return (workers or num_workers()) + _AHEAD


def prefetch(
    make: Callable[[list[int]], Made], plan: Sequence[list[int]], workers: int | None = None
) -> Generator[Made, None, None]:
    """Yield the batches of a plan, lists of indices, in order, prepared ahead by as many threads as there are cores.

    NumPy and soxr let other threads run while they compute.
    """
    ahead = num_ahead(workers)
    with ThreadPoolExecutor(workers or num_workers()) as pool:
        waiting = [pool.submit(make, indices) for indices in plan[:ahead]]
        try:
            for position in range(len(plan)):
                batch = waiting.pop(0).result()
                if position + ahead < len(plan):
                    waiting.append(pool.submit(make, plan[position + ahead]))
                yield batch
        finally:
            for future in waiting:
                future.cancel()
