"""The few sizes of batches that a compiler gets to see.

JAX compiles a training step anew for every shape of its arrays, which takes longer than hundreds of steps. Frames, rows
and labels are therefore padded together: the frames choose one of a few shapes, which has room for the most rows and
labels that go with so many frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asrkit.config import RunConfig
from asrkit.training.backend import keras_backend

# Each is compiled for training and for judging.
_MOST_SHAPES = 6
# Frames come in such steps: narrow buckets of a set of equal lengths would differ by a frame.
_STEP = 64


@dataclass(frozen=True)
class Shape:
    """The size of a batch."""

    rows: int
    frames: int
    labels: int


class Shapes:
    """The shapes of a run: by the lengths of all examples, those of the dev set too, and the limits of a batch."""

    def __init__(self, frames: Sequence[int], config: RunConfig) -> None:
        training = config.training
        slowest, fastest = min(training.augmentation.speeds), max(training.augmentation.speeds)
        shortest, longest = max(1, min(frames) / max(1.0, fastest)), max(frames) / min(1.0, slowest) + 1
        edges = np.geomspace(shortest, longest, _MOST_SHAPES + 1)[1:]
        self.shapes: list[Shape] = []
        below = 0
        for edge in sorted({int(-(-edge // _STEP)) * _STEP for edge in edges}):
            # A batch that got so long holds an example that was planned to be at least this long.
            planned = max(1, int((below + 1) * min(1.0, slowest)))
            rows = min(training.batch_size, max(1, training.batch_frames // planned))
            self.shapes.append(Shape(rows, edge, labels=-(-edge // config.model.stride_frames)))
            below = edge

    def fit(self, least: Shape) -> Shape:
        """Return the smallest shape with room for a batch; one that none has room for keeps its own."""
        fitting = (
            s for s in self.shapes if s.rows >= least.rows and s.frames >= least.frames and s.labels >= least.labels
        )
        return next(fitting, least)


def shapes_here(frames: Sequence[int], config: RunConfig) -> Shapes | None:
    """Return the shapes of a run where the backend compiles for each, else None."""
    return Shapes(frames, config) if keras_backend() == "jax" else None
