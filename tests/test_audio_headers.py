"""Headers: whatever they say of a length, files are read to their last sample, and what is cut is told."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from media_files import encode
from test_audio_kinds import assert_holds, voice, write

from asrkit.audio import Reading, load_waveform, probe
from asrkit.errors import AudioError


def wav(tmp_path: Path, patch: Callable[[bytearray, int], bytes | bytearray | None]) -> Path:
    path = write(tmp_path / "a.wav", voice("a"))
    data = bytearray(path.read_bytes())
    changed = patch(data, data.index(b"data") + 4)
    path.write_bytes(data if changed is None else changed)
    return path


def with_sizes(riff: int, samples: int) -> Callable[[bytearray, int], None]:
    def patch(data: bytearray, place: int) -> None:
        data[4:8] = struct.pack("<I", riff)
        data[place : place + 4] = struct.pack("<I", samples)

    return patch


WHOLE_WAVS: dict[str, tuple[Callable[[bytearray, int], bytes | None], bool]] = {
    "recorder died": (with_sizes(0, 0), True),
    "recorder died, size of a header": (with_sizes(36, 0), True),
    "half of the size": (with_sizes(32_036, 32_000), True),
    "written to a pipe": (with_sizes(0xFFFFFFFF, 0xFFFFFFFF), False),
    "sox to a pipe": (with_sizes(0x7FFFFFFF, 0x7FFFFFDB), False),
    "list behind": (lambda data, place: bytes(data) + b"LIST\x04\0\0\0INFO", False),
    "old tag behind": (lambda data, place: bytes(data) + b"TAG" + bytes(125), False),
    "new tag behind": (lambda data, place: bytes(data) + b"ID3\x04\0\0\0\0\1\0" + bytes(200), False),
    "zeros behind": (lambda data, place: bytes(data) + bytes(300), False),
    "zeros and a tag behind": (lambda data, place: bytes(data) + bytes(300) + b"TAG" + bytes(125), False),
}


@pytest.mark.parametrize("why", WHOLE_WAVS)
def test_a_wav_is_read_to_its_last_byte_whatever_its_header_says(tmp_path: Path, why: str) -> None:
    patch, is_remarkable = WHOLE_WAVS[why]
    reading = Reading()
    path = wav(tmp_path, patch)
    assert len(load_waveform(path, reading=reading)) == 32_000, why
    assert bool(reading.remarks) == is_remarkable
    assert reading.damage is None


def test_silence_behind_a_wrong_size_is_not_the_end(tmp_path: Path) -> None:
    samples = np.concatenate([voice("a"), np.zeros(500, np.float32), voice("b")])
    path = write(tmp_path / "a.wav", samples)
    data = bytearray(path.read_bytes())
    with_sizes(64_036, 64_000)(data, data.index(b"data") + 4)
    path.write_bytes(data)
    assert len(load_waveform(path)) == len(samples)


# how libsndfile is asked for it; what stands how far before the samples' size, its format, and what more it counts
SIZED = {
    "a.wav": ({}, b"data", 0, "<I", 0),
    "rifx.wav": ({"endian": "BIG"}, b"data", 0, ">I", 0),
    "rf64.wav": ({"format": "RF64"}, b"ds64", 12, "<Q", 0),
    "a.w64": ({}, b"data", 12, "<Q", 24),
    "a.aiff": ({}, b"SSND", 0, ">I", 8),
    "a.caf": ({}, b"data", 0, ">q", 4),
    "a.au": ({}, b".snd", 4, ">I", 0),
    "dns.au": ({"endian": "LITTLE"}, b"dns.", 4, "<I", 0),
    "a.sph": ({"format": "NIST"}, b"sample_count -i ", 0, "", 0),
}


def sized(path: Path, size: int) -> Path:
    """Write 64,000 bytes of samples below a header that tells another number."""
    options, mark, distance, form, more = SIZED[path.name]
    data = bytearray(write(path, voice("a"), **options).read_bytes())
    place = data.index(mark) + len(mark) + distance
    number = struct.pack(form, size + more) if form else f"{size // 2:05}".encode()
    data[place : place + len(number)] = number
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("parts", [1, 2])
def test_a_w64_is_coded_as_its_long_header_says(tmp_path: Path, parts: int) -> None:
    """As FFmpeg writes floats; libsndfile took them for integers of as many bits."""
    path = write(tmp_path / "a.w64", voice("a"), subtype="FLOAT")
    data = path.read_bytes()
    place = data.index(b"fmt ") + 16
    fields = data[place + 8 : place + 24]
    guid = b"\3\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    long = struct.pack("<Q", 64) + b"\xfe\xff" + fields[2:] + struct.pack("<HHI", 22, 32, 4) + guid
    size = int.from_bytes(data[place : place + 8], "little")
    path.write_bytes(parts * (data[:place] + long + data[place - 16 + (size + 7) // 8 * 8 :]))
    np.testing.assert_array_equal(load_waveform(path), np.tile(voice("a"), parts))


@pytest.mark.parametrize("size", [0, 20_000])
@pytest.mark.parametrize("name", SIZED)
def test_a_size_too_small_is_not_believed(tmp_path: Path, name: str, size: int) -> None:
    reading = Reading()
    assert len(load_waveform(sized(tmp_path / name, size), reading=reading)) == 32_000
    assert reading.remarks == [f"its header tells {size:,} bytes of samples, 64,000 are there; all are read"]
    assert probe(tmp_path / name).duration_s == 2.0


@pytest.mark.parametrize("name", SIZED)
def test_a_size_too_large_is_a_cut(tmp_path: Path, name: str) -> None:
    path = sized(tmp_path / name, 80_000)
    with pytest.raises(AudioError, match=r"is truncated: 64,000 of 80,000 bytes are there; .* --salvage"):
        load_waveform(path)
    reading = Reading(salvage=True)
    assert len(load_waveform(path, reading=reading)) == 32_000
    assert reading.damage == "64,000 of 80,000 bytes are there"


@pytest.mark.parametrize("name", SIZED)
def test_samples_that_are_cut_are_missed(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, voice("a"), **SIZED[name][0])
    path.write_bytes(path.read_bytes()[:-30_000])
    with pytest.raises(AudioError, match=r"is truncated: 34,\d+ of 64,000 bytes are there"):
        load_waveform(path)


@pytest.mark.parametrize("name", sorted({*SIZED} - {"rf64.wav", "a.sph"}))
def test_a_size_that_nobody_knew_goes_to_the_end(tmp_path: Path, name: str) -> None:
    form, more = SIZED[name][3:]
    largest = {"I": 0xFFFFFFFF, "Q": (1 << 63) - 1, "q": -1}[form[1]]
    reading = Reading()
    assert len(load_waveform(sized(tmp_path / name, largest - more), reading=reading)) == 32_000
    assert not reading.remarks


@pytest.mark.parametrize("name", SIZED)
def test_joined_samples_are_read_to_the_last_file(tmp_path: Path, name: str) -> None:
    options = {"subtype": "PCM_U8"} if name == "a.wav" else {}  # of an odd length, and nobody pads it
    files = [write(tmp_path / name, voice(who)[1:], **SIZED[name][0], **options).read_bytes() for who in "abc"]
    (tmp_path / name).write_bytes(b"".join(files))
    reading = Reading()
    assert_holds(load_waveform(tmp_path / name, reading=reading), "abc")
    assert reading.remarks == ["holds 3 recordings one after the other; all are read"]


def test_a_picture_in_front_is_no_sound(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp3", voice("a"), "libmp3lame", write_xing="0", id3v2_version="0")
    size = 60_000
    header = b"ID3\x03\0\0" + bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    picture = b"APIC" + struct.pack(">I", size - 10) + b"\0\0"
    path.write_bytes(header + picture + bytes(size - 10) + path.read_bytes())
    assert_holds(load_waveform(path), "a")
