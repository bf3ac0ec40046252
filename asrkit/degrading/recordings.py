"""Folders of recordings, each decoded once and kept in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from asrkit.audio import AUDIO_SUFFIXES, Reading, load_waveform, probe
from asrkit.errors import AudioError
from asrkit.reading import files_below

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Values that are made once, whichever thread needs them first."""

    def __init__(self) -> None:
        self._values: dict[Hashable, Value] = {}
        self._making: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of a key; others that need it while it is made wait for it."""
        if key not in self._values:
            with self._making.setdefault(key, threading.Lock()):
                if key not in self._values:
                    self._values[key] = make()
        return self._values[key]


class RecordingFolder:
    """The recordings below a folder, in the order of their paths.

    Args:
        folder: Searched to any depth.
        sample_rate_hz: What the recordings are resampled to.

    Raises:
        AudioError: There is no recording in it, or one that cannot be read, as far as its header tells: better now than
            when it is drawn.
    """

    def __init__(self, folder: Path | str, sample_rate_hz: int) -> None:
        folder = Path(folder)
        self.sample_rate_hz = sample_rate_hz
        self.paths = [path for path in files_below(folder) if _is_recording(path)]
        if not self.paths:
            raise AudioError("holds no recordings; name a folder with WAV, FLAC, MP3 or other audio", path=folder)
        for path in self.paths:
            probe(path, reading=Reading(salvage=True))
        self._kept: Kept[npt.NDArray[np.int16]] = Kept()

    def draw(self, rng: np.random.Generator) -> tuple[Path, npt.NDArray[np.int16]]:
        """Return one of the recordings and its ``(samples,)``.

        Raises:
            AudioError: It cannot be read.
        """
        path = self.paths[int(rng.integers(len(self.paths)))]
        return path, self._kept.get(path, lambda: self._decode(path))

    def _decode(self, path: Path) -> npt.NDArray[np.int16]:
        """Decode as much as can be read, in half the memory that floats would take."""
        waveform = load_waveform(path, self.sample_rate_hz, reading=Reading(salvage=True))
        return np.asarray(np.rint(waveform * 32_767), np.int16)


def _is_recording(path: Path) -> bool:
    return path.suffix.lower() in AUDIO_SUFFIXES and path.is_file()
