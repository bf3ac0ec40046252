"""Plain sentences, which no format, however like them, may claim: each of their words counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from transcript_files import counts, write

from asrkit.config import ScoringConfig
from asrkit.metrics.scoring import score
from asrkit.metrics.transcripts import read_transcripts

SENTENCES = [
    "my number is 5 5 5 1 2 3 4",
    "number is 5 5 1 2",
    "il coûte 12 500 euros",
    "number is 5 6.",
    "my number is 5 5 5 1 2 3 4\nyour number is 5 5 5 1 2 9 9",
    "number is 5 5 1 2\nnumber is 6 1 2",
    "room 3 has 5 6 chairs",
    "my number is 1.5 2.5 3.5",
    "5 1 2 3 4 5\n5 1 2 4 6 7",
]


@pytest.mark.parametrize("text", SENTENCES)
def test_sentences_are_lines(text: str, tmp_path: Path) -> None:
    read = read_transcripts(write(tmp_path / "a.txt", text))
    assert (read.format, read.texts) == ("lines", text.split("\n"))


@pytest.mark.parametrize(
    "text",
    [*SENTENCES, "r 1 s 0.0 1.5 x", "r 1 0.0 1.5 x", "id\ttext\nu1\tx", "a:\tref=['x']\na:\thyp=['x']", "x (u1)"],
)
def test_the_file_of_a_recording_holds_its_words(text: str, tmp_path: Path) -> None:
    write(tmp_path / "hyp" / "a.txt", f"one {text}")
    write(tmp_path / "ref" / "a.txt", text)
    report = score(tmp_path / "hyp", tmp_path / "ref", ScoringConfig(resamples=0))
    assert report.formats == ("folder", "folder")
    assert counts(report) == (1, len(text.split()))
