"""Recordings of any length in bounded memory: overlapping windows whose emissions are joined into one sequence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from asrkit.audio import FloatArray
from asrkit.config import FeatureConfig

# Half the run of steps whose blanks are looked at around a seam: at 40 ms a step, 0.28 s in all.
_SEAM_REACH_STEPS = 3


@dataclass(frozen=True)
class WindowPlan:
    """Lengths of windows, so that every window starts on a step of the whole recording."""

    window_samples: int
    stride_samples: int  # distance between the starts of windows
    stride_steps: int  # the same in output steps
    step_samples: int  # length of an output step

    @classmethod
    def fit(cls, window_s: float, overlap_s: float, features: FeatureConfig, step_ms: float) -> WindowPlan:
        """Round lengths in seconds to whole steps of the model."""
        frames_per_step = max(1, round(step_ms / features.hop_ms))
        step_samples = features.hop_samples * frames_per_step
        window_steps = max(2, round(window_s * features.sample_rate_hz / step_samples))
        overlap_steps = min(max(1, round(overlap_s * features.sample_rate_hz / step_samples)), window_steps - 1)
        stride_steps = window_steps - overlap_steps
        return cls(window_steps * step_samples, stride_steps * step_samples, stride_steps, step_samples)

    def num_steps(self, num_samples: int) -> int:
        """Return how many steps so many samples are."""
        return -(-num_samples // self.step_samples)

    def windows(self, blocks: Iterable[FloatArray]) -> Iterator[FloatArray]:
        """Cut a stream of samples into windows; the last is shorter, and none lies inside its predecessor."""
        kept: list[FloatArray] = []
        num_kept = 0
        for block in blocks:
            kept.append(block)
            num_kept += len(block)
            if num_kept <= self.window_samples:
                continue
            waveform = np.concatenate(kept)
            while len(waveform) > self.window_samples:
                yield waveform[: self.window_samples]
                waveform = waveform[self.stride_samples :]
            kept, num_kept = [waveform], len(waveform)
        if num_kept:
            yield np.concatenate(kept)


class EmissionsJoiner:
    """Joins the emissions of windows in order, so that no word is cut.

    Both windows of a pair know their overlap. The seam lies where both are surest that nothing is being said, looking
    at the middle half of the overlap, where both have heard enough before and after.

    ``stride_steps`` lie between the starts of windows.
    """

    def __init__(self, stride_steps: int, blank_index: int) -> None:
        self._stride_steps = stride_steps
        self._blank_index = blank_index
        self._finished: list[FloatArray] = []
        self._tail: FloatArray | None = None  # the last window from its seam on
        self._tail_start = 0  # its place in the recording
        self._next_start = 0

    def add(self, emissions: FloatArray) -> None:
        """Add the ``(steps, symbols)`` of the next window."""
        if self._tail is not None:
            seam = self._seam(emissions)
            self._finished.append(self._tail[: seam - self._tail_start])
            emissions = emissions[seam - self._next_start :]
            self._tail_start = seam
        self._tail = emissions
        self._next_start += self._stride_steps

    def join(self) -> FloatArray:
        """Return the emissions of the whole recording, ``(steps, symbols)``."""
        if self._tail is None:
            raise ValueError("no window was added")
        return np.concatenate([*self._finished, self._tail])

    def _seam(self, emissions: FloatArray) -> int:
        """Return the step of the recording from which on the new window is taken."""
        assert self._tail is not None
        begin, end = self._next_start, min(self._tail_start + len(self._tail), self._next_start + len(emissions))
        quarter = (end - begin) // 4
        first, last = begin + quarter, end - quarter
        reach = _SEAM_REACH_STEPS
        low, high = max(begin, first - reach), min(end, last + reach)
        if last - first < 2 or high - low <= 2 * reach:
            return (begin + end) // 2
        old = self._tail[low - self._tail_start : high - self._tail_start, self._blank_index]
        new = emissions[low - begin : high - begin, self._blank_index]
        blank = np.minimum(np.maximum(old, -20.0), np.maximum(new, -20.0)).astype(np.float64)
        smooth = np.convolve(blank, np.ones(2 * reach + 1) / (2 * reach + 1), mode="same")[first - low : last - low]
        steps = np.arange(first, last)
        best = np.flatnonzero(smooth >= smooth.max() - 1e-6)
        return int(steps[best[np.argmin(np.abs(steps[best] - (begin + end) / 2))]])
