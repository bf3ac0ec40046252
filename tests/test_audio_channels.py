"""What is heard of recordings of several channels, where these cancel each other and where they do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from asrkit.audio import Reading, iterate_waveform, load_waveform

RATE = 8_000


def noise(seconds: float, level: float, seed: int) -> np.ndarray:
    samples = np.random.default_rng(seed).normal(0, level, round(seconds * RATE))
    return np.clip(samples, -0.9, 0.9).astype(np.float32)


def stereo(*stretches: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return np.concatenate([np.stack(stretch, 1) for stretch in stretches])


def read(path: Path, samples: np.ndarray) -> tuple[np.ndarray, list[str]]:
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    reading = Reading()
    waveform = load_waveform(path, RATE, reading=reading)
    np.testing.assert_array_equal(np.concatenate(list(iterate_waveform(path, RATE, 7.0))), waveform)
    return waveform, reading.remarks


VOICE = noise(20.0, 0.1, 1)
BEGINNINGS = {
    "silence": (np.zeros(31 * RATE, np.float32), 30),
    "faint noise in phase": (noise(31.0, 3e-4, 2), 30),
    "a jingle in phase": (noise(31.0, 0.2, 2), 35),
    "a short jingle in phase": (noise(11.0, 0.2, 2), 15),
}


@pytest.mark.parametrize("case", BEGINNINGS)
def test_antiphase_is_heard_whatever_comes_before(tmp_path: Path, case: str) -> None:
    beginning, second = BEGINNINGS[case]
    waveform, remarks = read(tmp_path / "a.wav", stereo((beginning, beginning), (0.9 * VOICE, -VOICE)))
    start = max(len(beginning), (second + 1) * RATE)
    np.testing.assert_array_equal(waveform[start:], -VOICE[start - len(beginning) :])
    assert remarks == [f"from second {second} on its channels cancel each other; channel 1 is read"]


def test_voices_behind_a_stretch_of_antiphase_are_all_heard(tmp_path: Path) -> None:
    music, left, right = noise(60.0, 0.1, 3), noise(60.0, 0.1, 4), noise(60.0, 0.1, 5)
    waveform, remarks = read(tmp_path / "a.wav", stereo((music, -music), (left, right)))
    np.testing.assert_array_equal(waveform[: 60 * RATE], music)
    np.testing.assert_array_equal(waveform[60 * RATE :], (left + right) / 2)
    assert remarks == [
        "its channels cancel each other; channel 0 is read",
        "from second 60 on its channels are mixed",
    ]


def test_a_hum_in_antiphase_changes_nothing_of_ordinary_stereo(tmp_path: Path) -> None:
    left, right, hum = noise(40.0, 0.1, 6), noise(40.0, 0.05, 7), noise(70.0, 1e-3, 8)
    samples = stereo((left, right), (hum, -hum), (right, left))
    waveform, remarks = read(tmp_path / "a.wav", samples)
    np.testing.assert_array_equal(waveform, samples.mean(axis=1, dtype=np.float32))
    assert not remarks


def test_the_second_of_a_part_is_that_of_the_recording(tmp_path: Path) -> None:
    silence = np.zeros(31 * RATE, np.float32)
    soundfile.write(tmp_path / "a.wav", stereo((silence, silence), (0.9 * VOICE, -VOICE)), RATE)
    reading = Reading()
    load_waveform(tmp_path / "a.wav", RATE, start_s=1.0, reading=reading)
    assert reading.remarks == ["from second 31 on its channels cancel each other; channel 1 is read"]
