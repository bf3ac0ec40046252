"""Rooms, noise, overload, codecs and gain, in the order in which sound meets them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from asrkit.audio import FloatArray
from asrkit.config import AugmentationConfig
from asrkit.degrading.channel import clip, through_codec
from asrkit.degrading.noise import add_noise, babble, excerpt, formula_noise
from asrkit.degrading.recordings import Kept, RecordingFolder
from asrkit.degrading.rooms import add_room, random_response, trimmed_response
from asrkit.errors import ConfigError, MissingPathError

Another = Callable[[np.random.Generator], FloatArray]

_NUM_ROOMS = 64  # computed responses that a run draws from
_ROOM_SEED = 0x0400_0115  # keeps the rooms apart from what utterances draw


@dataclass(frozen=True)
class Degraded:
    """A waveform, and what was done to it."""

    waveform: FloatArray  # ``(samples,)``
    # Of what happened: ``room`` (reverberation time in s, or the name of a measured response), ``noise``, ``snr`` (dB),
    # ``clip`` (dB) and ``codec``.
    done: dict[str, str | float] = field(default_factory=dict)

    @property
    def cells(self) -> dict[str, str]:
        """What was done, as a table or a page says it."""
        return {name: value if isinstance(value, str) else f"{value:.4g}" for name, value in self.done.items()}


class Degrader:
    """Degrades waveforms; threads may share it.

    Args:
        config: What may happen, how often and how badly; its speeds and masks are not applied here.
        sample_rate_hz: Of the waveforms.
        seed: Of the rooms.

    Raises:
        MissingPathError: A folder of noises or responses does not exist.
        AudioError: It holds no recording, or one that cannot be read.
    """

    def __init__(self, config: AugmentationConfig, sample_rate_hz: int, seed: int = 0) -> None:
        self.config = config
        self.sample_rate_hz = sample_rate_hz
        self.seed = seed
        self._folders: dict[str, RecordingFolder] = {}
        if config.noise_probability:
            self._open(config.noises, config.FORMULAS["noises"])
        if config.room_probability:
            self._open(config.rooms, config.FORMULAS["rooms"])
        self._responses: Kept[tuple[str | float, FloatArray]] = Kept()

    def _open(self, names: Sequence[str], formulas: Sequence[str]) -> None:
        for name in names:
            if name in formulas:
                continue
            if not Path(name).is_dir():
                raise MissingPathError(f"no such folder of recordings, and none of {', '.join(formulas)}", path=name)
            self._folders[name] = RecordingFolder(name, self.sample_rate_hz)

    def degrade(self, waveform: FloatArray, rng: np.random.Generator, another: Another | None = None) -> Degraded:
        """Degrade one waveform.

        Args:
            waveform: ``(samples,)`` in [-1, 1].
            rng: Draws what happens.
            another: Draws the waveform of another utterance, for babble.

        Raises:
            ConfigError: Babble is asked for and there is no other utterance.
            AudioError: A recording to degrade it with cannot be read.
        """
        config = self.config
        done: dict[str, str | float] = {}
        if _happens(config.room_probability, rng):
            done["room"], response = self._room(rng)
            waveform = add_room(waveform, response)
        if _happens(config.noise_probability, rng):
            snr_db = _within(config.noise_snr_db, rng)
            done["noise"], noise = self._noise(len(waveform), rng, another)
            done["snr"] = snr_db
            waveform = add_noise(waveform, noise, snr_db)
        if _happens(config.clip_probability, rng):
            done["clip"] = over_db = _within(config.clip_db, rng)
            waveform = clip(waveform, over_db)
        if _happens(config.codec_probability, rng):
            done["codec"] = codec = _drawn(config.codecs, rng)
            waveform = through_codec(waveform, self.sample_rate_hz, codec)
        if config.gain_db:
            waveform = waveform * np.float32(10 ** (rng.uniform(-config.gain_db, config.gain_db) / 20))
        return Degraded(waveform.astype(np.float32, copy=False), done)

    def _noise(self, length: int, rng: np.random.Generator, another: Another | None) -> tuple[str, FloatArray]:
        name = _drawn(self.config.noises, rng)
        if name in self._folders:
            return Path(name).name or name, excerpt(self._folders[name].draw(rng)[1], length, rng)
        if name != "babble":
            return name, formula_noise(name, length, rng)
        if another is None:
            raise ConfigError("babble is made of other utterances, and there is only this one")
        return name, babble(length, another, rng)

    def _room(self, rng: np.random.Generator) -> tuple[str | float, FloatArray]:
        name = _drawn(self.config.rooms, rng)
        if name in self._folders:
            path, samples = self._folders[name].draw(rng)
            return self._responses.get(path, lambda: (path.stem, trimmed_response(samples, self.sample_rate_hz)))
        number = int(rng.integers(_NUM_ROOMS))
        return self._responses.get(number, lambda: self._computed(number))

    def _computed(self, number: int) -> tuple[float, FloatArray]:
        rng = np.random.default_rng([_ROOM_SEED, self.seed, number])
        rt60_s = round(_within(self.config.room_rt60_s, rng), 2)
        return rt60_s, random_response(rt60_s, self.sample_rate_hz, rng)


def _happens(probability: float, rng: np.random.Generator) -> bool:
    """Draw whether something happens; what never does draws nothing."""
    return probability > 0 and rng.random() < probability


def _drawn(names: Sequence[str], rng: np.random.Generator) -> str:
    return names[0] if len(names) == 1 else names[int(rng.integers(len(names)))]


def _within(limits: Sequence[float], rng: np.random.Generator) -> float:
    lowest, highest = limits
    return rng.uniform(lowest, highest)
