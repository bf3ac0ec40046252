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
    "6:15 flight departs\n7:20 flight lands",
    "10:30 - 11:45 we meet\n12:00 - 13:00 we eat",
    "0:30 left to play\n0:15 left to play",
    "0:30 is what is left\nthey play on\nand on",
    "3.5 4.2 and so on\nit ends",
    "2.5 kilos of rice\n3.5 kilos of salt",
    "3:2 for us\n4:2 for us\n5:2 for us",
    "(10:30) perhaps\nor later",
    "[laughs] hello\n[laughs] no",
    "speaker one: hello",
    "He said: go home\nShe said: no\nHe said: why",
    "Note: bring 3 apples\nhe has 5\nNote: 7 pears",
    "Remember: 5 a day\nBut: 6 is more\nAnd: 7 is most",
    "no: 10:30\nyes: 11:30\nno: 12:30",
    "NOTE 5 1 2 3 is a number",
    "- and so\n- on",
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


@pytest.mark.parametrize("head", ["[0:01", "0:01 ", "Alice", "[a:", "my number is 5 5"])
def test_long_gaps_take_no_time(head: str, tmp_path: Path) -> None:
    assert read_transcripts(write(tmp_path / "a.txt", f"{head}{' ' * 90_000}x")).format == "lines"
