"""Ogg: damaged and missing pages are missed, and what comes behind them stays in its place."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from media_files import encode
from test_audio_kinds import RATE, pitch_hz, tone, write

from asrkit.audio import Reading, load_waveform
from asrkit.audio.finding import find_parts
from asrkit.errors import AudioError

av = pytest.importorskip("av", reason="the extra media is not installed")

PITCHES = (440, 550, 660, 770, 880, 990, 1_100, 1_210)


def second(index: int) -> np.ndarray:
    """Return a second that is known by its pitch; without the noise a few pages hold all."""
    noise = np.random.default_rng(index).normal(0, 0.03, RATE).astype(np.float32)
    return tone(1.0, frequency_hz=PITCHES[index]) + noise


def write_opus(path: Path) -> list[bytes]:
    """Write eight seconds, and return their pages, of a second each: two of headers come first."""
    with soundfile.SoundFile(path, "w", RATE, 1, format="OGG", subtype="OPUS") as file:
        for index in range(8):
            file.write(second(index))
    pages = [b"OggS" + page for page in path.read_bytes().split(b"OggS")[1:]]
    assert len(pages) > 9
    return pages


def with_a_wrong_bit(page: bytes) -> bytes:
    return page[:200] + bytes([page[200] ^ 1]) + page[201:]


def heard(waveform: np.ndarray, index: int) -> bool:
    return pitch_hz(waveform[round((index + 0.2) * RATE) : round((index + 0.8) * RATE)]) == pytest.approx(
        PITCHES[index], abs=5
    )


# place of the first damaged page, how many are gone (0: a bit of one is wrong), seconds lost, seconds that are not
DAMAGE = {
    "a wrong bit": (5, 0, 1.0, range(4, 8)),
    "a page gone": (5, 1, 1.0, range(4, 8)),
    "two pages gone": (5, 2, 2.0, range(5, 8)),
    "a wrong bit at the beginning": (2, 0, 1.0, range(0)),
    "a wrong bit at the end": (9, 0, 1.0, range(7)),
}


@pytest.mark.parametrize("why", DAMAGE)
def test_a_damaged_page_is_missed_and_the_rest_stays_in_its_place(tmp_path: Path, why: str) -> None:
    path = tmp_path / "a.opus"
    pages = write_opus(path)
    at, num_gone, lost_s, whole = DAMAGE[why]
    pages[at] = with_a_wrong_bit(pages[at])
    del pages[at : at + num_gone]
    path.write_bytes(b"".join(pages))
    with pytest.raises(AudioError, match=rf"a\.opus: {lost_s} s of sound are damaged; .* --salvage") as caught:
        load_waveform(path)
    assert "\n" not in str(caught.value)
    reading = Reading(salvage=True)
    waveform = load_waveform(path, reading=reading)
    assert reading.damage == f"{lost_s} s of sound are damaged"
    assert [index for index in whole if not heard(waveform, index)] == []


def test_a_vorbis_page_is_missed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ogg", np.concatenate([second(index) for index in range(8)]))
    pages = path.read_bytes().split(b"OggS")
    del pages[len(pages) // 2]
    path.write_bytes(b"OggS".join(pages))
    reading = Reading(salvage=True)
    assert heard(load_waveform(path, reading=reading), 7)
    assert "s of sound are damaged" in (reading.damage or "")


def test_without_pyav_it_is_missed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.opus"
    pages = write_opus(path)
    path.write_bytes(b"".join(pages[:5] + pages[6:]))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(AudioError, match=r"1\.0 s of sound are damaged"):
        load_waveform(path)
    assert len(load_waveform(path, reading=Reading(salvage=True))) == pytest.approx(7 * RATE, abs=RATE)


def test_a_short_page_is_a_remark(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.opus", tone(3.0, 48_000), "libopus", 48_000, page_duration="20000")
    pages = path.read_bytes().split(b"OggS")
    del pages[60]
    path.write_bytes(b"OggS".join(pages))
    reading = Reading()
    assert len(load_waveform(path, reading=reading)) / RATE == pytest.approx(3.0, abs=0.05)
    assert reading.remarks == ["20 ms of sound are damaged and left out"]


def test_a_damaged_page_of_a_joined_file_is_missed(tmp_path: Path) -> None:
    pages = write_opus(tmp_path / "a.opus")
    damaged = [*pages[:5], with_a_wrong_bit(pages[5]), *pages[6:]]
    (tmp_path / "ab.opus").write_bytes(b"".join([*damaged, *pages]))
    reading = Reading(salvage=True)
    waveform = load_waveform(tmp_path / "ab.opus", reading=reading)
    assert reading.damage == "1.0 s of sound are damaged"
    assert heard(waveform, 7)
    assert heard(waveform[len(waveform) // 2 :], 0)


def test_a_stream_recorded_from_the_web_lacks_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.opus"
    pages = write_opus(path)
    path.write_bytes(b"".join(pages[:2] + pages[5:]))
    reading = Reading()
    load_waveform(path, reading=reading)
    assert reading.damage is None
    assert not reading.remarks


def test_an_hour_is_looked_through_in_no_time(tmp_path: Path) -> None:
    path = tmp_path / "a.opus"
    pages = write_opus(path)
    path.write_bytes(b"".join([*pages[:2], *pages[2:10] * 450]))
    start = time.process_time()
    find_parts(path, pages[0])
    assert time.process_time() - start < 2.0  # 0.1 s on an idle machine
