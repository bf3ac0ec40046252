"""Headers: whatever they say of a length, files are read to their last sample."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from media_files import encode
from test_audio_kinds import assert_holds, voice, write

from asrkit.audio import Reading, load_waveform


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
}


@pytest.mark.parametrize("why", WHOLE_WAVS)
def test_a_wav_is_read_to_its_last_byte_whatever_its_header_says(tmp_path: Path, why: str) -> None:
    patch, is_remarkable = WHOLE_WAVS[why]
    reading = Reading()
    path = wav(tmp_path, patch)
    assert len(load_waveform(path, reading=reading)) == 32_000, why
    assert bool(reading.remarks) == is_remarkable
    assert reading.damage is None


def test_a_streamed_flac_has_no_length(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", voice("a"))
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # the number of samples: the last 36 of 64 bits from byte 18 on
    data[22:26] = bytes(4)
    path.write_bytes(data)
    assert_holds(load_waveform(path), "a")


def test_a_picture_in_front_is_no_sound(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp3", voice("a"), "libmp3lame", write_xing="0", id3v2_version="0")
    size = 60_000
    header = b"ID3\x03\0\0" + bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    picture = b"APIC" + struct.pack(">I", size - 10) + b"\0\0"
    path.write_bytes(header + picture + bytes(size - 10) + path.read_bytes())
    assert_holds(load_waveform(path), "a")
