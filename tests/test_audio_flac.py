"""FLAC: its length is that of its frames, whatever its header says, and damage is told where it is."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from test_audio_kinds import RATE, assert_holds, voice, write

from asrkit.audio import Reading, load_waveform, probe
from asrkit.errors import AudioError


def flac_of_length(path: Path, length_s: float) -> Path:
    """Write 2 s below a header that tells another length."""
    data = bytearray(write(path, voice("a")).read_bytes())
    samples = min(round(length_s * RATE), (1 << 36) - 1)
    data[21] = (data[21] & 0xF0) | samples >> 32
    data[22:26] = struct.pack(">I", samples & 0xFFFFFFFF)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("length_s", [1e6, 384e12])
def test_a_length_that_the_file_cannot_hold_is_not_believed(tmp_path: Path, length_s: float) -> None:
    path = flac_of_length(tmp_path / "a.flac", length_s)
    reading = Reading()
    assert probe(path).duration_s == 2.0
    assert_holds(load_waveform(path, reading=reading), "a")
    assert "all are read" in reading.remarks[0]
    path.write_bytes(path.read_bytes() + bytes(2_000_000))  # so that nobody looks for the last frame
    assert probe(path).duration_s is None
    assert_holds(load_waveform(path), "a")


@pytest.mark.parametrize("length_s", [0.0001, 1.0])
def test_a_flac_is_read_to_its_last_frame(tmp_path: Path, length_s: float) -> None:
    path = flac_of_length(tmp_path / "a.flac", length_s)
    reading = Reading()
    assert len(load_waveform(path, reading=reading)) == 32_000
    assert reading.remarks == [f"its header tells {length_s:.1f} s, 2.0 s are there; all are read"]
    assert probe(path).duration_s == 2.0
    path.write_bytes(path.read_bytes() + b"TAG" + bytes(125))
    assert len(load_waveform(path)) == 32_000


def test_a_flac_that_tells_of_more_is_cut(tmp_path: Path) -> None:
    path = flac_of_length(tmp_path / "a.flac", 2.5)
    with pytest.raises(AudioError, match=r"is truncated: holds 2\.0 s of 2\.5 s"):
        load_waveform(path)
    reading = Reading(salvage=True)
    assert len(load_waveform(path, reading=reading)) == 32_000
    assert reading.damage == "holds 2.0 s of 2.5 s"


def test_a_flac_whose_frames_nobody_can_count_is_left_alone(tmp_path: Path) -> None:
    data = bytearray(flac_of_length(tmp_path / "a.flac", 1.0).read_bytes())
    data[8:10] = struct.pack(">H", 100)  # the smallest block: frames of several sizes, as old encoders wrote them
    (tmp_path / "a.flac").write_bytes(data)
    assert probe(tmp_path / "a.flac").duration_s == 1.0


def damaged_at(path: Path, second: float, length_s: float) -> tuple[Path, np.ndarray]:
    """Write noise with some bytes wrong."""
    samples = np.random.default_rng(1).normal(0, 0.1, round(length_s * RATE)).astype(np.float32)
    data = bytearray(write(path, samples).read_bytes())
    place = round(len(data) * second / length_s)
    data[place : place + 20] = bytes(20)
    path.write_bytes(data)
    return path, samples


@pytest.mark.parametrize("second", [3.0, 33.0])
def test_damage_is_told_where_it_is(tmp_path: Path, second: float) -> None:
    path, _ = damaged_at(tmp_path / "a.flac", second, 40.0)
    with pytest.raises(AudioError, match=r"is truncated: .* after") as caught:
        load_waveform(path)
    assert float(str(caught.value).partition(" after ")[2].split(" s;")[0]) == pytest.approx(second, abs=0.6)


def test_what_comes_before_and_behind_damage_is_salvaged(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="the extra media is not installed")
    path, samples = damaged_at(tmp_path / "a.flac", 3.0, 40.0)
    reading = Reading(salvage=True)
    waveform = load_waveform(path, reading=reading)
    assert "after" in (reading.damage or "")
    assert len(waveform) == len(samples)
    wrong_s = np.flatnonzero(np.abs(waveform - samples) > 1e-3) / RATE
    assert 2.4 < wrong_s.min() <= wrong_s.max() < 3.6
    part = load_waveform(path, start_s=1.0, end_s=5.0, reading=Reading(salvage=True))
    np.testing.assert_array_equal(part, waveform[RATE : 5 * RATE])


def test_without_pyav_what_comes_before_damage_is_salvaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, samples = damaged_at(tmp_path / "a.flac", 33.0, 40.0)
    monkeypatch.setitem(sys.modules, "av", None)
    waveform = load_waveform(path, reading=Reading(salvage=True))
    assert 32.0 < len(waveform) / RATE < 33.2
    np.testing.assert_allclose(waveform, samples[: len(waveform)], atol=1e-4)


def test_a_streamed_flac_has_no_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = flac_of_length(tmp_path / "a.flac", 0.0)
    assert_holds(load_waveform(path), "a")
    assert probe(path).duration_s is None
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(AudioError, match="has no header with its length, so it needs PyAV: pip install av"):
        load_waveform(path)
