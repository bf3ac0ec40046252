"""What folders of transcripts hold, and under which ids recordings meet."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from transcript_files import (
    SRT,
    VOSK,
    VTT,
    WHISPERX,
    counts,
    report_on,
    write,
)

from asrkit.errors import ScoringError
from asrkit.metrics.transcripts import read_columns, read_transcripts


@pytest.mark.parametrize(
    ("files", "told", "ids", "texts"),
    [
        (
            {"metadata.csv": "LJ1|Mr. X|mister x\nLJ2|a|a\n", "wavs/LJ1.wav": ""},
            "through its metadata.csv",
            ["LJ1", "LJ2"],
            ["mister x", "a"],
        ),
        (
            {"metadata.csv": "LJ1|mister x\n", "wavs/LJ1.wav": "", "list.txt": "LJ1"},
            "metadata.csv",
            ["LJ1"],
            ["mister x"],
        ),
        (
            {"validated.tsv": "client_id\tpath\tsentence\nc\tu1.mp3\tx y\n", "clips/u1.mp3": ""},
            "validated.tsv",
            ["u1"],
            ["x y"],
        ),
        ({"metadata.jsonl": '{"file_name": "d/u1.wav", "transcription": "x"}\n'}, "metadata.jsonl", ["u1"], ["x"]),
        ({"metadata.csv": 'file_name,transcription\nu1.wav,"x, y"\n'}, "metadata.csv", ["u1"], ["x, y"]),
        ({"text": "u1 x y\nu2 z\n", "wav.scp": "u1 a.wav\n"}, "its text", ["u1", "u2"], ["x y", "z"]),
        (
            {"1/2/1-2.trans.txt": "1-2-0 X Y\n", "1/3/1-3.trans.txt": "1-3-0 Z"},
            r"\*\.trans\.txt",
            ["1-2-0", "1-3-0"],
            ["X Y", "Z"],
        ),
        ({"a/u1.srt": SRT, "a/u2.srt": SRT}, "", ["a/u1", "a/u2"], ["hello {} a b & c"] * 2),
        ({"u1.json": json.dumps(WHISPERX), "u2.json": json.dumps(VOSK)}, "", ["u1", "u2"], ["hello {}"] * 2),
        ({"u1.json": json.dumps(VOSK), "u1.txt": "x\ny\n"}, "", ["u1"], ["x y"]),
        ({"u1.vtt.gz": VTT}, "", ["u1"], ["hello {}"]),
        ({"u1.txt": "x", "._u1.txt": "\0\5", ".old.txt": "y"}, "", ["u1"], ["x"]),
    ],
)
def test_folders_of_every_kind(
    files: dict[str, str], told: str, ids: list[str], texts: list[str], tmp_path: Path
) -> None:
    for name, content in files.items():
        write(tmp_path / name, gzip.compress(content.encode()) if name.endswith(".gz") else content)
    read = read_transcripts(tmp_path)
    assert (read.ids, read.texts) == (ids, texts)
    assert [note for note in read.notes if "through" in note] == [
        note for note in read.notes if told and "is read" in note
    ]
    assert bool(told) == any("is read through" in note for note in read.notes)


def test_a_format_that_is_told_holds_for_folders_too(tmp_path: Path) -> None:
    for name, content in {"results.jsonl": '{"id":"u1","text":"a"}\n', "u1.txt": "b\n", "u1.srt": SRT}.items():
        write(tmp_path / name, content)
    said = {format: read_transcripts(tmp_path, format=format).texts for format in ("auto", "folder", "lines", "srt")}
    assert said == {"auto": ["a"], "folder": ["b"], "lines": ["b"], "srt": ["hello {} a b & c"]}
    with pytest.raises(ScoringError, match="is a folder without"):
        read_transcripts(tmp_path, format="tsv")


def test_subtitles_meet_a_text_of_their_recording(tmp_path: Path) -> None:
    hyp = ("u1.srt", SRT.replace("{}", "word"))
    for ref in ("hello world\na b & c\n", "u1 hello world a b & c\n"):
        assert counts(report_on(tmp_path, hyp, ("r.txt", ref))) == (1, 6)
    with pytest.raises(ScoringError, match="no utterance id in common: 'u1' against 'v1'"):
        report_on(tmp_path, hyp, ("r.tsv", "id\ttext\nv1\thello\n"))


def test_names_of_recordings_that_repeat_get_folders_and_starts(tmp_path: Path) -> None:
    row = '{{"audio_filepath":"{}/a.wav","offset":{},"text":"x"}}\n'.format
    read = read_transcripts(write(tmp_path / "m.jsonl", row("d", 0.0) + row("d", 1.5) + row("e/f", 0.0)))
    assert read.ids == ["d-a-0.0", "d-a-1.5", "e-f-a-0.0"]


def test_numbered_parts_of_recordings_are_utterances(tmp_path: Path) -> None:
    row = '{{"id":{0},"audio_filepath":"{0}.wav","offset":0.0,"text":"x"}}\n'.format
    assert read_transcripts(write(tmp_path / "m.jsonl", row(0) + row(1))).ids == ["0", "1"]


def test_ids_are_those_of_the_whole_file_whatever_is_absent(tmp_path: Path) -> None:
    row = '{{"audio_filepath":"{}/a.wav","text":"x","pred_text":{}}}\n'.format
    report = report_on(tmp_path, ("m.jsonl", row("d", '"x"') + row("e", "null")), None, missing="deletions")
    assert (report.pairs.ids, report.pairs.missing) == (["d-a", "e-a"], ("e-a",))


def test_a_table_of_speakers_needs_no_header(tmp_path: Path) -> None:
    headed = ("id\tspeaker\ttext\nu1\tann\tx\nu2\tbob\ty\n", "id,accent,speaker\nu1,uk,ann\nu2,us,bob\n")
    for content in ("u1 ann\nu2 bob\n", "u1,ann\nu2,bob\n", *headed):
        assert read_columns(write(tmp_path / "s", content))[1]["speaker"] == ["ann", "bob"]
