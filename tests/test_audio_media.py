"""What PyAV reads: many channels, and streams that change on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from media_files import encode
from test_audio_kinds import RATE, assert_holds, voice

from asrkit.audio import load_waveform

av = pytest.importorskip("av", reason="the extra media is not installed")


def many_channels(path: Path, num_channels: int) -> Path:
    """Each channel holds its number in percent of full scale."""
    levels = np.arange(1, num_channels + 1, dtype=np.float32) / 100
    if path.suffix == ".flac":
        soundfile.write(path, np.tile(levels, (2 * RATE, 1)), RATE)
        data = bytearray(path.read_bytes())
        data[21] &= 0xF0  # a total of 0 samples: written to a pipe
        data[22:26] = bytes(4)
        path.write_bytes(data)
        return path
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=RATE, layout=f"{num_channels} channels")
        samples = np.tile(np.int16(32_767 * levels), 2 * RATE)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=f"{num_channels} channels")
        frame.sample_rate, frame.pts = RATE, 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("name", ["8.flac", "8.mkv", "9.mkv", "16.mkv", "24.mov"])
def test_recordings_of_many_channels(tmp_path: Path, name: str) -> None:
    num_channels = int(name.split(".")[0])
    path = many_channels(tmp_path / name, num_channels)
    np.testing.assert_allclose(load_waveform(path), np.full(2 * RATE, (num_channels + 1) / 200), atol=1e-3)
    for channel in range(num_channels):
        waveform = load_waveform(path, channel=channel)
        np.testing.assert_allclose(waveform, np.full(2 * RATE, (channel + 1) / 100), atol=1e-3)


CHANGES = {
    "higher rate": (".mp3", "libmp3lame", (16_000, "mono"), (22_050, "mono")),
    "lower rate": (".mp3", "libmp3lame", (44_100, "mono"), (16_000, "mono")),
    "much higher rate": (".aac", "aac", (16_000, "mono"), (44_100, "mono")),
    "more channels": (".ts", "mp2", (16_000, "mono"), (16_000, "stereo")),
    "fewer channels": (".aac", "aac", (16_000, "stereo"), (16_000, "mono")),
    "all at once": (".ts", "mp2", (48_000, "stereo"), (32_000, "mono")),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_stream_that_changes_on_the_way_keeps_its_speed_and_level(tmp_path: Path, case: str) -> None:
    suffix, codec, *kinds = CHANGES[case]
    data = b""
    for name, (rate_hz, layout) in zip("ab", kinds, strict=True):
        part = encode(tmp_path / f"{name}{suffix}", voice(name, rate_hz), codec, rate_hz, layout=layout)
        data += part.read_bytes()
    path = tmp_path / f"joined{suffix}"
    path.write_bytes(data)
    waveform = load_waveform(path)
    assert_holds(waveform, "ab", slack_s=0.2)
    assert np.abs(waveform[8_000:24_000]).max() == pytest.approx(0.4, abs=0.05)
    assert np.abs(waveform[-24_000:-8_000]).max() == pytest.approx(0.4, abs=0.05)
