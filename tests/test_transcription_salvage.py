"""Damaged recordings in a run: refused, or salvaged and listed all the same; and what is remarked on others."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_recognition import Watcher, expected_text, rows_of, run, write_speech

from asrkit.config import TranscriptionConfig
from asrkit.transcription.status import read_status


class Listener(Watcher):
    def __init__(self) -> None:
        super().__init__()
        self.remarks: list[str] = []

    def remark(self, text: str) -> None:
        self.remarks.append(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_speech(tmp_path / "in" / "whole.wav", 2.0, seed=1)
    cut = write_speech(tmp_path / "in" / "cut.flac", 4.0, seed=2)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    return tmp_path / "in"


def test_a_damaged_recording_fails_unless_it_is_to_be_salvaged(folder: Path, tmp_path: Path) -> None:
    summary = run(folder, tmp_path / "out")
    assert (summary.num_transcribed, summary.exit_code) == (1, 3)
    assert "--salvage" in summary.failures[0].reason


@pytest.mark.parametrize("window_s", [30.0, 1.0])
def test_what_is_salvaged_is_kept_marked_and_listed(folder: Path, tmp_path: Path, window_s: float) -> None:
    config = TranscriptionConfig(salvage=True, window_s=window_s, overlap_s=window_s / 5)
    summary = run(folder, tmp_path / "out", config=config)
    assert (summary.num_transcribed, summary.exit_code) == (2, 3)
    rows = {row["utterance_id"]: row for row in rows_of(tmp_path / "out")}
    assert "after" in rows["cut"]["damage"] or "of 4.0 s" in rows["cut"]["damage"]
    assert 1.0 < rows["cut"]["duration_s"] < 3.0
    assert "damage" not in rows["whole"]
    assert (tmp_path / "out" / "cut.txt").is_file()
    failures = (tmp_path / "out" / "failures.tsv").read_text()
    assert "only a part could be salvaged" in failures and "whole" not in failures


def test_what_is_odd_about_a_whole_recording_is_said_and_kept(tmp_path: Path) -> None:
    path = write_speech(tmp_path / "in" / "twice.wav", 1.0, seed=3)
    path.write_bytes(2 * path.read_bytes())
    listener = Listener()
    summary = run(tmp_path / "in", tmp_path / "out", observer=listener)
    assert summary.exit_code == 0
    said = "holds 2 recordings one after the other; all are read"
    assert listener.remarks == [f"twice: {said}"]
    (row,) = rows_of(tmp_path / "out")
    assert (row["remarks"], row["duration_s"]) == ([said], 2.0)
    assert row["text"] == expected_text(path)
    again = run(tmp_path / "in", tmp_path / "out")
    assert (again.num_transcribed, again.num_reused) == (0, 1)


def test_what_is_salvaged_is_listed_again_by_the_next_run(folder: Path, tmp_path: Path) -> None:
    config = TranscriptionConfig(salvage=True)
    first = run(folder, tmp_path / "out", config=config)
    listed = (tmp_path / "out" / "failures.tsv").read_bytes()
    again = run(folder, tmp_path / "out", config=config)
    assert (again.num_transcribed, again.num_reused, again.exit_code) == (0, 2, 3)
    assert again.failures == first.failures
    assert (tmp_path / "out" / "failures.tsv").read_bytes() == listed
    state = read_status(tmp_path / "out")
    assert (state.num_done, state.num_left) == (1, 0)
