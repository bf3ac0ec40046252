"""Emissions with their texts, as the decoder benchmark reads them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Task:
    """Emissions with their texts.

    Args:
        name: As the tables call it.
        arrays: ``(steps, labels)`` natural log-probabilities of each utterance.
        references: What was said.
        labels: Symbol of each column; the blank, empty, is the last.
        steps_per_s: Steps in a second of audio.
    """

    name: str
    arrays: list[npt.NDArray[np.float32]]
    references: list[str]
    labels: tuple[str, ...]
    steps_per_s: float = 50.0

    @property
    def num_frames(self) -> int:
        """Frames of all utterances."""
        return sum(len(array) for array in self.arrays)

    def part(self, select: slice) -> Task:
        """Some of the utterances."""
        return replace(self, arrays=self.arrays[select], references=self.references[select])


def read_task(path: Path) -> Task:
    """Read `log_probs`, `lengths`, `references` and `labels` of an .npz file."""
    with np.load(path, allow_pickle=False) as data:
        ends = np.cumsum(data["lengths"])
        arrays = [np.ascontiguousarray(array) for array in np.split(data["log_probs"], ends[:-1])]
        texts = [str(text) for text in data["references"]]
        return Task(path.stem, arrays, texts, tuple(str(label) for label in data["labels"]))


def emit_task(bundle_path: Path, data: Path) -> Task:
    """Return what a trained model makes of recordings; kept in asrkit's cache."""
    from asrkit.data import read_manifest
    from asrkit.model.bundle import Bundle
    from asrkit.tuning.dev_set import emit_dev_set

    bundle = Bundle.load(bundle_path)
    dev_set = emit_dev_set(bundle, read_manifest(data))
    labels = (*bundle.alphabet.symbols, "")
    return Task(data.stem, list(dev_set.emissions), list(dev_set.references), labels, 1000 / bundle.step_ms)
