"""Recordings of every format, rate and state of repair."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import encode

from asrkit.audio import AUDIO_SUFFIXES, Reading, iterate_waveform, load_waveform, probe
from asrkit.errors import AudioError


def tone(seconds: float, rate_hz: int, frequency_hz: float = 440.0, level: float = 0.4) -> np.ndarray:
    return (level * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def write(path: Path, samples: np.ndarray, rate_hz: int, subtype: str | None = None) -> Path:
    soundfile.write(path, samples, rate_hz, subtype=subtype)
    return path


def write_media(path: Path, samples: np.ndarray, rate_hz: int, codec: str) -> Path:
    pytest.importorskip("av", reason="the extra media is not installed")
    return encode(path, samples, codec, rate_hz)


def cut(path: Path, share: float = 0.5) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def strongest_hz(waveform: np.ndarray, rate_hz: int) -> float:
    return float(np.abs(np.fft.rfft(waveform)).argmax() * rate_hz / len(waveform))


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000])
def test_a_tone_keeps_frequency_length_and_level_at_any_rate(tmp_path: Path, rate_hz: int) -> None:
    waveform = load_waveform(write(tmp_path / "a.wav", tone(2.0, rate_hz), rate_hz), 16_000)
    assert waveform.dtype == np.float32
    assert abs(len(waveform) - 32_000) <= 1
    assert strongest_hz(waveform, 16_000) == pytest.approx(440.0, abs=1.0)
    assert np.abs(waveform[4_000:-4_000]).max() == pytest.approx(0.4, rel=0.02)


@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.mp3", "a.aiff", "a.au", "a.w64", "a.caf", "a.opus"])
def test_formats_of_soundfile_agree_with_wav(tmp_path: Path, name: str) -> None:
    samples = tone(1.5, 16_000)
    if name == "a.opus":
        path = tmp_path / name
        soundfile.write(path, samples, 16_000, format="OGG", subtype="OPUS")
    else:
        path = write(tmp_path / name, samples, 16_000)
    waveform = load_waveform(path)
    assert len(waveform) == pytest.approx(24_000, abs=40)
    assert strongest_hz(waveform, 16_000) == pytest.approx(440.0, abs=1.5)
    assert probe(path).duration_s == pytest.approx(1.5, abs=0.01)


@pytest.mark.parametrize(("name", "codec"), [("a.m4a", "aac"), ("a.webm", "libopus"), ("a.aac", "aac")])
def test_media_formats_go_through_pyav(tmp_path: Path, name: str, codec: str) -> None:
    path = write_media(tmp_path / name, tone(2.0, 48_000), 48_000, codec)
    waveform = load_waveform(path)
    assert len(waveform) / 16_000 == pytest.approx(2.0, abs=0.06)
    assert strongest_hz(waveform, 16_000) == pytest.approx(440.0, abs=1.0)
    info = probe(path)
    assert (info.sample_rate_hz, info.num_channels) == (48_000, 1)
    part = load_waveform(path, 48_000, start_s=0.5, end_s=1.0)
    np.testing.assert_array_equal(part, load_waveform(path, 48_000)[24_000:48_000])


def test_media_is_known_by_its_content_not_its_name(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.m4a", tone(1.0, 48_000), 48_000, "aac").rename(tmp_path / "a.wav")
    assert len(load_waveform(path)) > 15_000


def test_without_pyav_the_error_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    with pytest.raises(AudioError, match=r"\.m4a needs a package that is not installed: pip install av"):
        load_waveform(tmp_path / "a.m4a")


def test_channels_are_averaged_or_picked(tmp_path: Path) -> None:
    left, right = tone(0.5, 16_000), tone(0.5, 16_000, 1_000.0, 0.2)
    path = write(tmp_path / "a.wav", np.stack([left, right], 1), 16_000, "FLOAT")
    np.testing.assert_allclose(load_waveform(path), (left + right) / 2, atol=1e-6)
    np.testing.assert_array_equal(load_waveform(path, channel=1), right)
    with pytest.raises(AudioError, match=r"has no channel 2; count its 2 channel\(s\) from 0"):
        load_waveform(path, channel=2)


def test_a_part_of_a_recording_equals_the_cut_of_the_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", tone(3.0, 16_000), 16_000)
    np.testing.assert_array_equal(load_waveform(path, start_s=1.0, end_s=1.5), load_waveform(path)[16_000:24_000])
    with pytest.raises(AudioError, match=r"lasts 3\.00 s, but is to be read from second 5\.00 on; mend start_s in the"):
        load_waveform(path, start_s=5.0)


def test_silence_stays_silence(tmp_path: Path) -> None:
    assert not load_waveform(write(tmp_path / "a.wav", np.zeros(22_050, np.float32), 22_050)).any()


def test_loud_floats_are_clipped_and_integers_in_floats_refused(tmp_path: Path) -> None:
    loud = load_waveform(write(tmp_path / "a.wav", tone(0.2, 16_000, level=3.0), 16_000, "FLOAT"))
    assert (loud.min(), loud.max()) == (-1.0, 1.0)
    path = write(tmp_path / "b.wav", tone(0.2, 16_000, level=20_000.0), 16_000, "FLOAT")
    with pytest.raises(AudioError, match="where 1 is full scale"):
        load_waveform(path)


@settings(max_examples=15, deadline=None)
@given(seconds=st.floats(0.01, 3.0), rate_hz=st.sampled_from([8_000, 16_000, 44_100]), block_s=st.floats(0.05, 4.0))
def test_blocks_equal_the_whole(
    tmp_path_factory: pytest.TempPathFactory, seconds: float, rate_hz: int, block_s: float
) -> None:
    path = tmp_path_factory.mktemp("blocks") / "a.wav"
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, max(1, round(seconds * rate_hz)))
    write(path, noise, rate_hz)
    blocks = list(iterate_waveform(path, 16_000, block_s))
    np.testing.assert_array_equal(np.concatenate(blocks), load_waveform(path))
    assert {len(block) for block in blocks[:-1]} <= {round(block_s * 16_000)}
    assert 0 < len(blocks[-1]) <= max(1, round(block_s * 16_000))


def test_reading_in_several_blocks_equals_one_resampling(tmp_path: Path) -> None:
    import soxr

    samples = np.random.default_rng(2).uniform(-0.3, 0.3, 65 * 8_000).astype(np.float32)  # three reads of 30 s
    path = write(tmp_path / "a.wav", samples, 8_000, "FLOAT")
    np.testing.assert_array_equal(load_waveform(path), soxr.resample(samples, 8_000, 16_000))


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff", "a.au", "a.w64", "a.caf"])
def test_truncated_recordings_are_named(tmp_path: Path, name: str) -> None:
    path = cut(write(tmp_path / name, tone(4.0, 16_000), 16_000))
    with pytest.raises(AudioError, match=rf"{name}: .*(truncated|malformed)") as caught:
        load_waveform(path)
    assert caught.value.path == path
    assert "\n" not in str(caught.value)


def test_truncated_media_is_named(tmp_path: Path) -> None:
    path = cut(write_media(tmp_path / "a.webm", tone(6.0, 48_000), 48_000, "libopus"))
    with pytest.raises(AudioError, match=r"a.webm: is truncated"):
        load_waveform(path)


def test_an_mp4_whose_recorder_died_is_named(tmp_path: Path) -> None:
    path = cut(write_media(tmp_path / "a.m4a", tone(2.0, 48_000), 48_000, "aac"))
    with pytest.raises(AudioError, match=r"a.m4a: is truncated: its index, which comes last, is missing, and nothing"):
        load_waveform(path, reading=Reading(salvage=True))


def test_a_wav_written_to_a_pipe_is_not_called_truncated(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(0.5, 16_000), 16_000)
    data = bytearray(path.read_bytes())
    where = data.index(b"data") + 4
    data[4:8] = data[where : where + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert len(load_waveform(path)) == 8_000


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.wav", b"", r"the file is empty \(0 bytes\)"),
        ("text.wav", b"these are only words, not audio" * 9, "not a readable recording"),
        ("page.mp3", b"<html>404 not found</html>" * 40, "is a page or text, not a recording"),
        ("photo.wav", b"\xff\xd8\xff\xe0" + bytes(99), "is a picture, not a recording"),
        ("words.m4a", b"these are only words, not audio" * 9, "not a readable recording"),
        ("headerless.raw", b"\1\2" * 500, "holds bare samples; say their rate"),
        ("riff.wav", b"RIFF\x04\0\0\0WAVE", "not a readable recording"),
    ],
)
def test_what_is_not_audio_gets_one_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    if name.endswith("m4a"):
        pytest.importorskip("av", reason="the extra media is not installed")
    path = tmp_path / name
    path.write_bytes(content)
    for read in (load_waveform, probe, lambda p: list(iterate_waveform(p))):
        with pytest.raises(AudioError, match=message) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)


def test_missing_files_and_folders_get_one_line(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"gone.wav: no such file"):
        load_waveform(tmp_path / "gone.wav")
    with pytest.raises(AudioError, match="is a folder; name a recording in it"):
        load_waveform(tmp_path)
    with pytest.raises(AudioError, match=r"cannot be read: embedded null"):
        load_waveform("a\0.wav")


def test_zero_length_and_bad_samples_get_one_line(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="holds no samples"):
        load_waveform(write(tmp_path / "none.wav", np.zeros(0, np.float32), 16_000))
    with pytest.raises(AudioError, match="holds no samples"):
        list(iterate_waveform(tmp_path / "none.wav"))
    for bad in (np.nan, np.inf):
        samples = tone(0.2, 16_000)
        samples[100] = bad
        with pytest.raises(AudioError, match="NaN or infinite"):
            load_waveform(write(tmp_path / "bad.wav", samples, 16_000, "FLOAT"))


def test_a_forged_sample_rate_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(0.2, 16_000), 16_000)
    data = bytearray(path.read_bytes())
    data[24:28] = (1).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(AudioError, match="impossible rate of 1 Hz; export it again"):
        load_waveform(path)


def test_suffixes_are_lower_case_with_a_dot() -> None:
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in AUDIO_SUFFIXES)
    assert {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".webm", ".mp4"} <= AUDIO_SUFFIXES


def test_a_coding_that_no_library_knows_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(800), 8_000)
    data = bytearray((tmp_path / "a.wav").read_bytes())
    for tag in (0x0801, 0x4001, 0x7777, 0xFFFD):
        data[20:22] = tag.to_bytes(2, "little")
        (tmp_path / "a.wav").write_bytes(data)
        with pytest.raises(AudioError, match=r"a\.wav: is coded in a way that is not known"):
            load_waveform(tmp_path / "a.wav")
