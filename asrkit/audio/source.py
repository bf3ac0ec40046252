"""An open recording: what the libraries behind it have in common."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from asrkit.errors import AudioError

FloatArray = npt.NDArray[np.float32]

# A bit rate that no recording falls below, in bytes a second, and a minute for good measure.
_LEAST_BYTES_PER_S = 10
_FREE_S = 60.0
LEAST_LOSS_S = 0.1  # what is missing below is rounding and padding


@dataclass
class Reading:
    """How a recording is to be read, and what came of it.

    Args:
        salvage: Keep what can be read of a damaged recording instead of refusing it.
        track: Which audio track of a video to read, from 0; None takes the one marked as default, else the first.
        remarks: What a user should know of a recording that was read whole.
        damage: What is missing from a salvaged recording.
    """

    salvage: bool = False
    track: int | None = None
    remarks: list[str] = field(default_factory=list)
    damage: str | None = None

    def remark(self, text: str) -> None:
        """Note something once."""
        if text not in self.remarks:
            self.remarks.append(text)

    def miss(self, path: Path, lost_s: float) -> None:
        """Account for sound that is damaged: a little is a remark, more is a loss.

        Raises:
            AudioError: As ``lose``.
        """
        if lost_s < LEAST_LOSS_S:
            self.remark(f"{1000 * lost_s:.0f} ms of sound are damaged and left out")
            return
        detail = f"{lost_s:.1f} s of sound are damaged"
        self.lose(
            AudioError(f"{detail}; copy or download it again, or keep the rest with --salvage", path=path), detail
        )

    def lose(self, error: AudioError, detail: str) -> None:
        """Note what is missing from a salvaged recording.

        Raises:
            AudioError: The recording is not to be salvaged.
        """
        if not self.salvage:
            raise error
        self.damage = self.damage or detail


class Source(Protocol):
    """An open recording."""

    sample_rate_hz: int
    num_channels: int

    @property
    def duration_s(self) -> float | None:
        """Length, None where nothing can tell before the end."""

    def blocks(self, start_s: float, end_s: float | None) -> Iterator[FloatArray]:
        """Yield ``(samples, channels)`` blocks."""

    def close(self) -> None:
        """Let the file go."""


def believable_duration_s(duration_s: float, size_bytes: int) -> float | None:
    """Return a length that a header claims, or None where a file of this size cannot hold it."""
    fits = 0.0 <= duration_s <= _FREE_S + size_bytes / _LEAST_BYTES_PER_S
    return duration_s if fits else None


def with_channels(block: FloatArray, num_channels: int) -> FloatArray:
    """Return a ``(samples, channels)`` block with so many channels: each the mean of all, where it had others."""
    if block.shape[1] == num_channels:
        return block
    return np.repeat(block.mean(axis=1, keepdims=True, dtype=np.float32), num_channels, axis=1)


def within(
    blocks: Iterator[FloatArray], start_s: float, end_s: float | None, rate_hz: int
) -> Generator[FloatArray, None, int | None]:
    """Yield what lies in a span of blocks; return how many samples there were, None where some were not looked at."""
    start, position = round(start_s * rate_hz), 0
    stop = None if end_s is None else round(end_s * rate_hz)
    for block in blocks:
        wanted = block[max(0, start - position) : None if stop is None else max(0, stop - position)]
        position += len(block)
        if len(wanted):
            yield wanted
        if stop is not None and position >= stop:
            return None
    return position


def resampled(blocks: Iterable[FloatArray], from_hz: int, to_hz: int, num_channels: int = 1) -> Iterator[FloatArray]:
    """Yield blocks, ``(samples,)`` or ``(samples, channels)``, at another rate."""
    if from_hz == to_hz:
        yield from blocks
        return
    import soxr

    resampler, block = soxr.ResampleStream(from_hz, to_hz, num_channels, "float32"), None
    for block in blocks:
        yield resampler.resample_chunk(block)
    if block is not None:
        yield resampler.resample_chunk(block[:0], last=True)


def reason_of(error: Exception) -> str:
    """Return what a library says went wrong, in few words."""
    text = str(getattr(error, "error_string", None) or getattr(error, "strerror", None) or error)
    return text.strip().removeprefix("Error : ").rstrip(".").lower()


def truncated(path: Path, detail: str) -> AudioError:
    """Return the error of a recording whose end is missing."""
    return AudioError(f"is truncated: {detail}; copy or download it again, or keep the rest with --salvage", path=path)
