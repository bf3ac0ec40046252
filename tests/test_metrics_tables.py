"""Tables as programs write them: which column is the id, which the text, and what is no table that can be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from transcript_files import counts, report_on, write

from asrkit.errors import ScoringError
from asrkit.metrics.transcripts import read_columns, read_transcripts


@pytest.mark.parametrize(
    ("name", "content", "field", "ids"),
    [
        ("a.csv", ",path,text\n0,b.wav,x\n1,a.wav,x\n", "", ["b", "a"]),  # of pandas, which numbers its rows
        ("a.csv", "Unnamed: 0,path,text\n0,b.wav,x\n1,a.wav,x\n", "", ["b", "a"]),
        ("a.tsv", "index\taudio\ttext\n0\tb.wav\tx\n1\ta.wav\tx\n", "", ["b", "a"]),
        ("a.csv", ",session_id,start_time,text\n0,b,0.5,x\n1,a,0.5,x\n", "", ["b-0.5", "a-0.5"]),
        ("a.csv", ",text\n0,x\n1,x\n", "", ["0", "1"]),  # nothing else is one
        ("a.csv", "sep=;\nid;text\nb;x\na;x\n", "", ["b", "a"]),  # of Excel
        ("a.csv", "wav_filename,wav_filesize,transcript\nb.wav,7,x\na.wav,7,x\n", "", ["b", "a"]),  # of Coqui
        ("a.txt", "sep=;\nid;text\nb;x\na;x\n", "", ["b", "a"]),
        ("a.csv", "sep=;\nb;x\na;x\n", "", ["b", "a"]),
        ("a.tsv", "b1\tx\na1\tx\n", "", ["b1", "a1"]),  # without a header
        ("a.tsv", "id\tgloss\nb\tx\na\tx\n", "Gloss", ["b", "a"]),
        ("a.txt", "id\tgloss\nb\tx\na\tx\n", "gloss", ["b", "a"]),
        ("a.csv", "id,gloss\nb,x\na,x\n", "gloss", ["b", "a"]),
        ("a.csv", "sep=;\nid;gloss\nb;x\na;x\n", "gloss", ["b", "a"]),
    ],
)
def test_rows_are_known_by_what_they_are_about(
    name: str, content: str, field: str, ids: list[str], tmp_path: Path
) -> None:
    read = read_transcripts(write(tmp_path / name, content), field=field)
    assert (read.ids, read.texts) == (ids, ["x", "x"])


def test_tables_whose_rows_are_numbered_apart_meet_by_recording(tmp_path: Path) -> None:
    hyp = ("h.csv", ",path,pred\n0,a.wav,hello there\n1,b.wav,good world\n")
    ref = ("r.csv", ",path,sentence\n0,b.wav,good world\n1,a.wav,hello here\n")
    assert counts(report_on(tmp_path, hyp, ref)) == (1, 4)


@pytest.mark.parametrize(
    ("name", "content", "field", "message"),
    [
        (
            "a.tsv",
            "clip\tgloss\na\thello\n",
            "",
            "has no text for .* its fields 'clip', 'gloss' with --ref-",
        ),
        ("a.tsv", "clip\tgloss\na\thello\n", "", "; --format ids if the first line is no header"),
        ("a.tsv", "clip\tgloss\na\thello\n", "gloss", "has no id; .* its fields 'clip', 'gloss'"),
        ("a.tsv", "clip\tgloss\na\thello\n", "text", "has no field 'text'; its fields are 'clip', 'gloss'"),
        (
            "a.csv",
            "clip,gloss\na.wav,hello\nb.wav,x\n",
            "",
            "has no text for .* its fields 'clip', 'gloss'",
        ),
        ("a.tsv", "hello world\n", "", "has one cell; .* or --format lines"),
    ],
)
def test_unknown_columns_are_refused_and_named(
    name: str, content: str, field: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ScoringError, match=message):
        read_transcripts(write(tmp_path / name, content), field=field)


def test_a_table_of_speakers_may_have_tabs_and_no_header(tmp_path: Path) -> None:
    assert read_columns(write(tmp_path / "s.tsv", "u1\tann\nu2\tbob\n"))[1]["speaker"] == ["ann", "bob"]
