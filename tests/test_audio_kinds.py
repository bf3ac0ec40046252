"""Every container, codec and damage that people have: read with all its sound, or refused with a true reason.

Each file holds tones of known pitch and length, so that what was read can be told from what was lost.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from media_files import encode

from asrkit.audio import Reading, load_waveform, measure_duration_s, probe
from asrkit.errors import AudioError

av = pytest.importorskip("av", reason="the extra media is not installed")

RATE = 16_000
PITCHES = {"a": 440.0, "b": 660.0, "c": 880.0}
SECONDS = {"a": 2.0, "b": 2.5, "c": 1.5}


def tone(seconds: float, rate_hz: int = RATE, frequency_hz: float = 440.0) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def voice(name: str, rate_hz: int = RATE) -> np.ndarray:
    return tone(SECONDS[name], rate_hz, PITCHES[name])


def write(path: Path, samples: np.ndarray, rate_hz: int = RATE, **options: str) -> Path:
    soundfile.write(path, samples, rate_hz, **options)
    return path


def pitch_hz(samples: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(samples)).argmax() * RATE / len(samples))


def assert_holds(waveform: np.ndarray, names: str, slack_s: float = 0.15) -> None:
    """The tones follow each other, each as long as it was; encoders pad and cut a little."""
    total = sum(SECONDS[name] for name in names)
    assert len(waveform) / RATE == pytest.approx(total, abs=slack_s * len(names))
    start = 0.0
    for name in names:
        middle = waveform[round((start + 0.4) * RATE) : round((start + SECONDS[name] - 0.4) * RATE)]
        assert pitch_hz(middle) == pytest.approx(PITCHES[name], abs=5), name
        start += SECONDS[name]


SOUND_FILES = {
    **{f"{subtype.lower()}.wav": {"subtype": subtype} for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32")},
    **{f"{subtype.lower()}.wav": {"subtype": subtype} for subtype in ("FLOAT", "DOUBLE", "ULAW", "ALAW")},
    **{f"{subtype.lower()}.wav": {"subtype": subtype} for subtype in ("IMA_ADPCM", "MS_ADPCM", "GSM610")},
    "extensible.wav": {"format": "WAVEX"},
    "rf64.wav": {"format": "RF64"},
    "sixteen.flac": {"subtype": "PCM_16"},
    "twenty_four.flac": {"subtype": "PCM_24"},
    "vorbis.ogg": {},
    "opus.opus": {"format": "OGG", "subtype": "OPUS"},
    "plain.aiff": {},
    "plain.au": {},
    "plain.caf": {},
    "plain.w64": {},
    "plain.mp3": {},
}


@pytest.mark.parametrize("name", SOUND_FILES)
def test_formats_of_libsndfile(tmp_path: Path, name: str) -> None:
    assert_holds(load_waveform(write(tmp_path / name, voice("a"), **SOUND_FILES[name])), "a")


MEDIA_FILES = {
    "vbr_without_length.mp3": ("libmp3lame", {"write_xing": "0", "q": "2"}),
    "layer_two.mp2": ("mp2", {}),
    "aac.m4a": ("aac", {}),
    "alac.m4a": ("alac", {}),
    "book.m4b": ("aac", {"container": "ipod"}),
    "adts.aac": ("aac", {"container": "adts"}),
    "opus.webm": ("libopus", {"rate_hz": 48_000}),
    "flac.mka": ("flac", {}),
    "telephone.mka": ("alac", {"rate_hz": 8_000}),
    "flac_in_ogg.oga": ("flac", {"container": "ogg"}),
    "speech.amr": ("libopencore_amrnb", {"rate_hz": 8_000}),
    "windows.wma": ("wmav2", {"bit_rate": 32_000}),
    "dolby.ac3": ("ac3", {"rate_hz": 48_000}),
    "broadcast.ts": ("aac", {"container": "mpegts"}),
    "old.avi": ("mp2", {}),
    "flash.flv": ("aac", {"rate_hz": 44_100}),
    "yamaha.wav": ("adpcm_yamaha", {}),
    "g722.wav": ("g722", {}),
}


@pytest.mark.parametrize("name", MEDIA_FILES)
def test_formats_of_ffmpeg(tmp_path: Path, name: str) -> None:
    codec, options = MEDIA_FILES[name]
    try:
        path = encode(tmp_path / name, voice("a", options.get("rate_hz", RATE)), codec, **options)
    except (av.FFmpegError, ValueError) as error:
        pytest.skip(f"this FFmpeg cannot make it: {error}")
    assert_holds(load_waveform(path), "a")


@pytest.mark.parametrize("first", [-1_025, -3_585, 0x4952], ids=["of an MP3", "of ADTS AAC", "of RIFF"])
def test_bare_samples_may_begin_with_the_bytes_of_a_format(tmp_path: Path, first: int) -> None:
    samples = np.concatenate([np.int16([first, 0x4646]), np.int16(32_767 * voice("a"))])
    path = tmp_path / "a.raw"
    path.write_bytes(samples.tobytes())
    assert_holds(load_waveform(path, raw_rate_hz=RATE), "a")
    assert probe(path, raw_rate_hz=RATE).duration_s == pytest.approx(2.0, abs=0.01)


def joined(tmp_path: Path, suffix: str, make: Callable[[Path, str], object]) -> Path:
    data = b""
    for name in "abc":
        make(tmp_path / f"{name}{suffix}", name)
        data += (tmp_path / f"{name}{suffix}").read_bytes()
    path = tmp_path / f"joined{suffix}"
    path.write_bytes(data)
    return path


JOINED: dict[str, Callable[[Path, str], object]] = {
    ".wav": lambda path, name: write(path, voice(name)),
    ".flac": lambda path, name: write(path, voice(name)),
    ".ogg": lambda path, name: write(path, voice(name)),
    ".opus": lambda path, name: write(path, voice(name), format="OGG", subtype="OPUS"),
    ".mp3": lambda path, name: encode(path, voice(name), "libmp3lame"),
    ".aac": lambda path, name: encode(path, voice(name), "aac", container="adts"),
    ".webm": lambda path, name: encode(path, voice(name, 48_000), "libopus", 48_000),
    ".m4a": lambda path, name: encode(path, voice(name), "aac"),
}


@pytest.mark.parametrize("suffix", JOINED)
def test_joined_files_are_read_to_the_last_one(tmp_path: Path, suffix: str) -> None:
    reading = Reading()
    path = joined(tmp_path, suffix, JOINED[suffix])
    assert_holds(load_waveform(path, reading=reading), "abc")
    if suffix not in (".mp3", ".aac"):  # these are streams of frames, made to be joined
        assert reading.remarks == ["holds 3 recordings one after the other; all are read"]
        assert probe(path).duration_s == pytest.approx(6.0, abs=0.3)


def test_the_same_file_twice_is_both(tmp_path: Path) -> None:
    path = write(tmp_path / "a.opus", voice("a"), format="OGG", subtype="OPUS")
    path.write_bytes(2 * path.read_bytes())
    assert_holds(load_waveform(path), "aa")


def test_joined_parts_may_differ_in_rate_and_channels(tmp_path: Path) -> None:
    first = write(tmp_path / "a.wav", voice("a")).read_bytes()
    second = write(tmp_path / "b.wav", np.stack([voice("b", 8_000)] * 2, 1), 8_000).read_bytes()
    (tmp_path / "ab.wav").write_bytes(first + second)
    assert_holds(load_waveform(tmp_path / "ab.wav"), "ab")
    part = load_waveform(tmp_path / "ab.wav", start_s=2.5, end_s=4.0)
    assert len(part) == 24_000
    assert pitch_hz(part) == pytest.approx(660, abs=2)


def test_bad_bytes_in_an_mp3_cost_little(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp3", np.concatenate([voice("a"), voice("b"), voice("c")]), "libmp3lame")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 500] = np.random.default_rng(1).bytes(500)
    path.write_bytes(data)
    waveform = load_waveform(path, reading=Reading(salvage=True))
    assert len(waveform) / RATE == pytest.approx(6.0, abs=0.5)


@pytest.mark.parametrize("name", ["late.mp4", "late.mkv"])
def test_sound_that_begins_late_begins_late(tmp_path: Path, name: str) -> None:
    reading = Reading()
    path = encode(tmp_path / name, voice("a"), "aac", late_s=2.5)
    waveform = load_waveform(path, reading=reading)
    assert len(waveform) / RATE == pytest.approx(4.5, abs=0.15)
    assert not waveform[: round(2.3 * RATE)].any()
    assert pitch_hz(waveform[round(2.8 * RATE) : round(4.2 * RATE)]) == pytest.approx(440, abs=3)
    assert "are silence" in reading.remarks[0]
    assert probe(path).duration_s == pytest.approx(4.5, abs=0.15)


@pytest.mark.parametrize(("name", "codec", "rate_hz"), [("gap.webm", "libopus", 48_000), ("gap.mp4", "aac", RATE)])
def test_a_gap_in_time_is_silence(tmp_path: Path, name: str, codec: str, rate_hz: int) -> None:
    path = encode(tmp_path / name, tone(4.0, rate_hz), codec, rate_hz, gap=(2.0, 8.0))
    waveform = load_waveform(path)
    assert len(waveform) / RATE == pytest.approx(12.0, abs=0.2)
    assert not waveform[round(2.3 * RATE) : round(9.7 * RATE)].any()
    assert pitch_hz(waveform[round(10.2 * RATE) : round(11.8 * RATE)]) == pytest.approx(440, abs=3)


def test_all_gaps_are_one_remark(tmp_path: Path) -> None:
    reading = Reading()
    load_waveform(encode(tmp_path / "a.mkv", tone(3.0), "flac", late_s=2.0, gap=(1.0, 1.5)), reading=reading)
    assert reading.remarks == ["3.5 s without sound, by its time stamps, are silence"]


def test_a_time_stamp_beyond_belief_is_no_silence(tmp_path: Path) -> None:
    reading = Reading()
    path = encode(tmp_path / "a.mkv", tone(4.0), "flac", gap=(2.0, 50_000.0))
    assert len(load_waveform(path, reading=reading)) / RATE == pytest.approx(4.0, abs=0.1)
    assert any("is not believed" in remark for remark in reading.remarks)


def test_a_broadcast_begins_when_it_begins(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.ts", voice("a"), "aac", late_s=5_000.0)
    assert_holds(load_waveform(path), "a")


def test_channels_that_cancel_are_heard(tmp_path: Path) -> None:
    reading = Reading()
    stereo = np.stack([voice("a"), -0.9 * voice("a")], 1)
    waveform = load_waveform(write(tmp_path / "a.wav", stereo), reading=reading)
    assert np.abs(waveform).max() == pytest.approx(0.4, abs=0.01)
    assert reading.remarks == ["its channels cancel each other; channel 0 is read"]


@pytest.mark.parametrize("other", [np.zeros(32_000), voice("a"), 0.1 * tone(2.0, frequency_hz=1_000)])
def test_channels_that_do_not_cancel_are_averaged(tmp_path: Path, other: np.ndarray) -> None:
    reading = Reading()
    stereo = np.stack([voice("a"), other], 1).astype(np.float32)
    waveform = load_waveform(write(tmp_path / "a.wav", stereo, subtype="FLOAT"), reading=reading)
    np.testing.assert_allclose(waveform, stereo.mean(axis=1), atol=1e-6)
    assert not reading.remarks


def two_tracks(path: Path, default: int) -> Path:
    with av.open(str(path), "w") as output:
        streams = [output.add_stream("flac", rate=RATE, layout="mono") for _ in range(2)]
        for index, stream in enumerate(streams):
            stream.disposition = av.stream.Disposition.default if index == default else av.stream.Disposition(0)
        for stream, name in zip(streams, "ab", strict=True):
            frame = av.AudioFrame.from_ndarray(np.int16(32_767 * voice(name)[None]), format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, 0
            resampler = av.AudioResampler(stream.format, "mono", RATE, stream.codec_context.frame_size or 1024)
            for piece in [*resampler.resample(frame), *resampler.resample(None)]:
                output.mux(stream.encode(piece))
            output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("default", [0, 1])
def test_the_default_track_is_read_unless_another_is_asked_for(tmp_path: Path, default: int) -> None:
    reading = Reading()
    path = two_tracks(tmp_path / "a.mkv", default)
    assert_holds(load_waveform(path, reading=reading), "ab"[default])
    assert reading.remarks[0].startswith(f"has 2 audio tracks; track {default} is read")
    assert_holds(load_waveform(path, reading=Reading(track=0)), "a")
    with pytest.raises(AudioError, match=r"has no audio track 2; count its 2 track\(s\) from 0"):
        load_waveform(path, reading=Reading(track=2))


def test_a_title_in_an_old_encoding_harms_nobody(tmp_path: Path) -> None:
    path = tmp_path / "a.mka"
    with av.open(str(path), "w") as output:
        output.metadata["title"] = "Cafe"
        stream = output.add_stream("flac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.int16(32_767 * voice("a")[None]), format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        resampler = av.AudioResampler(stream.format, "mono", RATE, stream.codec_context.frame_size)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    path.write_bytes(path.read_bytes().replace(b"Cafe", b"Caf\xe9"))
    assert_holds(load_waveform(path), "a")


CUT = ["a.wav", "a.flac", "a.ogg", "a.aiff", "a.caf", "a.webm"]


@pytest.mark.parametrize("name", CUT)
def test_what_is_cut_is_refused_or_salvaged(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("webm"):
        encode(path, tone(6.0, 48_000), "libopus", 48_000)
    else:
        noise = np.random.default_rng(1).normal(0, 0.05, 6 * RATE)  # without it a few pages hold all
        write(path, tone(6.0) + noise.astype(np.float32))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioError, match="truncated") as caught:
        load_waveform(path)
    assert "--salvage" in str(caught.value)
    reading = Reading(salvage=True)
    waveform = load_waveform(path, reading=reading)
    assert reading.damage
    assert 1.5 < len(waveform) / RATE < 4.0
    assert pitch_hz(waveform[8_000:24_000]) == pytest.approx(440, abs=3)


def test_an_mp3_without_a_length_needs_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encode(tmp_path / "a.mp3", voice("a"), "libmp3lame", write_xing="0")
    with_length = encode(tmp_path / "b.mp3", voice("a"), "libmp3lame")
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(AudioError, match="has no header with its length, so it needs PyAV: pip install av"):
        load_waveform(path)
    assert_holds(load_waveform(with_length), "a")


def test_libraries_write_nothing_past_our_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = encode(tmp_path / "a.mp3", voice("a"), "libmp3lame")
    path.write_bytes(path.read_bytes()[:-900] + b"\xff\xfb\x90\x64" + bytes(3_000))
    load_waveform(path, reading=Reading(salvage=True))
    path.write_bytes(b"\xff\xf7\x08\x01" + np.random.default_rng(1).bytes(3_000))  # like a frame of layer I
    with pytest.raises(AudioError, match=r"not a readable recording|holds no audio"):
        load_waveform(path.rename(tmp_path / "a.wav"))
    assert capfd.readouterr().err == ""


def test_a_length_that_nothing_tells_is_measured(tmp_path: Path) -> None:
    class Stream(io.RawIOBase):
        """A browser's recorder writes without going back to fill in the length."""

        def __init__(self) -> None:
            super().__init__()
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.data += bytes(data)
            return len(data)

    live = Stream()
    samples = tone(3.0, 48_000)
    with av.open(live, "w", format="webm", options={"live": "1"}) as output:
        stream = output.add_stream("libopus", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 48_000, 0
        resampler = av.AudioResampler(stream.format, "mono", 48_000, 960)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    (tmp_path / "live.webm").write_bytes(live.data)
    assert probe(tmp_path / "live.webm").duration_s is None
    assert measure_duration_s(tmp_path / "live.webm") == pytest.approx(3.0, abs=0.1)
    assert len(load_waveform(tmp_path / "live.webm")) / RATE == pytest.approx(3.0, abs=0.1)
