"""What PyAV reads: many channels, streams that change on the way, and files whose end is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from media_files import encode
from test_audio_kinds import RATE, assert_holds, tone, voice

from asrkit.audio import Reading, load_waveform, measure_duration_s, probe
from asrkit.errors import AudioError

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
    "more channels": (".mp3", "libmp3lame", (16_000, "mono"), (16_000, "stereo")),
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


def test_sound_behind_the_end_of_the_first_recording_of_an_mp3_is_not_missed(tmp_path: Path) -> None:
    first = encode(tmp_path / "a.mp3", voice("a"), "libmp3lame").read_bytes()
    path = tmp_path / "tail.mp3"
    path.write_bytes(first + bytes(2 * len(first)))  # longer than its header says: FFmpeg goes by the size
    assert_holds(load_waveform(path), "a")


@pytest.mark.parametrize("frames", [0, 0xFFFF_FFFF])
def test_a_count_of_frames_that_the_file_cannot_hold_is_not_believed(tmp_path: Path, frames: int) -> None:
    path = encode(tmp_path / "a.mp3", voice("a"), "libmp3lame")
    data = bytearray(path.read_bytes())
    place = (data.find(b"Xing") if b"Xing" in data else data.find(b"Info")) + 8
    data[place : place + 4] = frames.to_bytes(4, "big")
    path.write_bytes(data)
    assert len(load_waveform(path)) / RATE == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "pcm_s16le"), ("a.wma", "wmav2")])
def test_a_size_of_packets_that_nobody_knew_is_not_believed(tmp_path: Path, name: str, codec: str) -> None:
    path = encode(tmp_path / name, voice("a"), codec, bit_rate=32_000)
    data = bytearray(path.read_bytes())
    if name == "a.avi":
        place = data.index(b"movi") - 4
        data[place : place + 4] = b"\xff\xff\xff\xff"
    else:
        place = int.from_bytes(data[16:24], "little") + 16
        data[place : place + 8] = b"\xff\xff\xff\xff\xff\xff\xff\xff"
    path.write_bytes(data)
    assert len(load_waveform(path)) / RATE == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize(("name", "codec"), [("a.mp3", "libmp3lame"), ("a.aac", "aac")])
def test_a_stream_without_a_length_is_measured_not_guessed(tmp_path: Path, name: str, codec: str) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 10 * RATE).astype(np.float32)
    options = {"write_xing": "0", "id3v2_version": "0"} if codec == "libmp3lame" else {}
    path = tmp_path / name
    data = [encode(path, noise, codec, bit_rate=kbps * 1_000, **options).read_bytes() for kbps in (96, 24)]
    path.write_bytes(b"".join(data))
    assert probe(path).duration_s == pytest.approx(len(load_waveform(path)) / RATE, abs=0.01)
    assert measure_duration_s(path) == pytest.approx(20.0, abs=0.3)


def test_a_guess_is_no_length(tmp_path: Path) -> None:
    try:
        path = encode(tmp_path / "a.amr", tone(60.0, 8_000), "libopencore_amrnb", 8_000, bit_rate=12_200)
    except (av.FFmpegError, ValueError) as error:
        pytest.skip(f"this FFmpeg cannot make it: {error}")
    assert len(load_waveform(path)) / RATE == pytest.approx(60.0, abs=0.2)


# rate, first bytes of the file, a frame of speech by its header and the bytes behind it, one that ends speech
AMR = {
    "a.amr": (8_000, b"#!AMR\n", 0x3C, 31, b"\x44" + bytes(5)),
    "wide.amr": (RATE, b"#!AMR-WB\n", 0x44, 60, b"\x4c" + bytes(5)),
}


@pytest.mark.parametrize("name", AMR)
def test_pauses_that_a_phone_does_not_send_are_silence(tmp_path: Path, name: str) -> None:
    rate_hz, magic, header, size, end = AMR[name]
    noise = np.random.default_rng(1)
    speech = [bytes([header]) + noise.bytes(size) for _ in range(50)]
    (tmp_path / name).write_bytes(b"".join([magic, *speech, end, *99 * [b"\x7c"], *speech, *10 * [b"\x7c"]]))
    reading = Reading()
    waveform = load_waveform(tmp_path / name, rate_hz, reading=reading)
    assert len(waveform) == 4.2 * rate_hz
    assert waveform[:rate_hz].any()
    assert not waveform[rate_hz : 3 * rate_hz].any()
    assert waveform[3 * rate_hz : 4 * rate_hz].any()
    assert not reading.remarks


TIMED = {
    "a.mp3": ("libmp3lame", {}),
    "tagged.mp3": ("libmp3lame", {"id3v2_version": "3"}),
    "a.m4a": ("aac", {"movflags": "faststart"}),
    "fragments.mp4": ("aac", {"movflags": "frag_keyframe+empty_moov"}),
    "lossless.m4a": ("alac", {"movflags": "faststart"}),
    "a.mkv": ("aac", {}),
    "mp3.mkv": ("libmp3lame", {}),
    "flac.mka": ("flac", {}),
    "a.webm": ("libopus", {"rate_hz": 48_000}),
    "a.flv": ("aac", {"rate_hz": 44_100}),
    "mp3.flv": ("libmp3lame", {"rate_hz": 22_050}),
    "a.avi": ("libmp3lame", {"bit_rate": 128_000}),
    "pcm.avi": ("pcm_s16le", {}),
    "a.wma": ("wmav2", {"bit_rate": 32_000}),
    "mp3.asf": ("libmp3lame", {"bit_rate": 128_000}),
}


@pytest.mark.parametrize("name", TIMED)
def test_half_a_second_less_is_told_and_nothing_less_is_not(tmp_path: Path, name: str) -> None:
    codec, options = TIMED[name]
    rate_hz = options.get("rate_hz", RATE)
    noise = np.random.default_rng(1).normal(0, 0.1, 10 * rate_hz)  # so that each second takes as many bytes
    path = encode(tmp_path / name, tone(10.0, rate_hz) + noise.astype(np.float32), codec, **options)
    reading = Reading()
    assert len(load_waveform(path, reading=reading)) / RATE == pytest.approx(10.0, abs=0.15)
    assert not reading.remarks
    data = path.read_bytes()
    path.write_bytes(data[: round(0.95 * len(data))])
    with pytest.raises(AudioError, match=r"is truncated: 0\.[2-7] s of .* are missing"):
        load_waveform(path)
    reading = Reading(salvage=True)
    assert 9.2 < len(load_waveform(path, reading=reading)) / RATE < 9.9
    assert reading.damage


def test_a_shorter_track_is_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        streams = [output.add_stream("pcm_s16le", rate=RATE, layout="mono") for _ in range(2)]
        for stream, seconds in zip(streams, (2.0, 6.0), strict=True):
            samples = np.int16(32_767 * tone(seconds)[None])
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, 0
            output.mux(stream.encode(frame))
    assert len(load_waveform(path, reading=Reading(track=0))) == 2 * RATE
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioError, match="truncated"):
        load_waveform(path, reading=Reading(track=1))


def test_a_picture_and_a_film_are_no_longer_than_their_sound(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as output:
        sound = output.add_stream("aac", rate=RATE, layout="mono")
        film = output.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p")
        frame = av.AudioFrame.from_ndarray(tone(6.0)[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        resampler = av.AudioResampler("fltp", "mono", RATE, 1024)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(sound.encode(piece))
        for _ in range(100):  # ten seconds
            output.mux(film.encode(av.VideoFrame(64, 64, "yuv420p")))
        output.mux(film.encode(None))
        output.mux(sound.encode(None))
    assert len(load_waveform(path)) / RATE == pytest.approx(6.0, abs=0.1)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioError, match="truncated"):
        load_waveform(path)


def test_a_cover_hides_no_cut(tmp_path: Path) -> None:
    sound = encode(tmp_path / "bare.mp3", tone(6.0), "libmp3lame", id3v2_version="0").read_bytes()
    picture = b"\0image/png\0\3\0\x89PNG\r\n\x1a\n" + bytes(100)
    tag = b"APIC" + len(picture).to_bytes(4, "big") + bytes(2) + picture
    cover = b"ID3\3\0\0" + bytes([0, 0, len(tag) >> 7, len(tag) & 0x7F]) + tag
    path = tmp_path / "a.mp3"
    path.write_bytes(cover + sound)
    with av.open(str(path)) as file:
        assert file.streams.video
    assert len(load_waveform(path)) / RATE == pytest.approx(6.0, abs=0.1)
    path.write_bytes(cover + sound[: len(sound) // 2])
    with pytest.raises(AudioError, match="truncated"):
        load_waveform(path)
