"""What files of every kind score, with the figures found by hand: no mark, no absent text and no id is a word."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import json
import lzma
from pathlib import Path

import pytest
from transcript_files import (
    AMAZON,
    DEEPGRAM,
    GOOGLE,
    ITEMS,
    SEGMENTS,
    SRT,
    VOSK,
    VTT,
    WHISPER,
    WHISPER_CPP,
    WHISPERX,
    Content,
    counts,
    report_on,
    write,
)

from asrkit.errors import ConfigError, ScoringError
from asrkit.metrics.transcripts import files, read_transcripts
from asrkit.metrics.transcripts.formats import detect_format


@pytest.mark.parametrize(
    ("name", "content", "format", "expected"),
    [
        ("a.srt", SRT, "srt", (1, 6)),
        ("a.txt", SRT, "srt", (1, 6)),
        ("a.srt", SRT.replace("\n\n2\n", "\n2\n"), "srt", (1, 6)),  # no empty line between
        ("a.srt", SRT.replace("00:00:0", "0:0"), "srt", (1, 6)),
        ("a.vtt", VTT, "vtt", (1, 2)),
        ("a", VTT, "vtt", (1, 2)),
        ("a.txt", "[00:00.000 --> 00:02.000]  hello {}\n[00:02.000 --> 00:03.000]  x\n", "srt", (1, 3)),
        ("a.json", WHISPER, "json", (1, 2)),
        ("a.txt", WHISPER, "json", (1, 2)),
        ("a.json", WHISPERX, "json", (1, 2)),
        ("a.json", WHISPER_CPP, "json", (1, 2)),
        ("a.json", VOSK, "json", (1, 2)),
        ("a.json", SEGMENTS, "json", (1, 2)),
        ("a.json", AMAZON, "json", (1, 2)),
        ("a.json", GOOGLE, "json", (1, 2)),
        ("a.json", DEEPGRAM, "json", (1, 2)),  # of two channels
        ("a.json", {"text": "hello {}", "chunks": [{"timestamp": [0, 1], "text": "hello {}"}]}, "json", (1, 2)),
        ("a.json", ITEMS, "json", (1, 4)),
        ("a", ITEMS, "json", (1, 4)),
        ("a.json", {"data": ITEMS}, "json", (1, 4)),
        ("a.json", {"1": "hello {}", "2": "x y"}, "json", (1, 4)),
        ("a.json", {"1": {"text": "hello {}"}, "2": {"text": "x y"}}, "json", (1, 4)),
        ("a.json", ["hello {}", "x y"], "json", (1, 4)),
        ("a.json", {"utterance_id": "u1", "text": "hello {}", "words": [{"word": "hello"}]}, "json", (1, 2)),
        ("a.jsonl", '{"start": 0, "end": 1, "text": "hello"}\n{"start": 1, "end": 2, "text": "{}"}\n', "jsonl", (1, 2)),
        ("a.tsv", "start\tend\ttext\n0\t1000\thello\n1000\t2000\t{}\n", "tsv", (1, 2)),  # of whisper
        ("a.csv", "id,text\nu1,hello {}\n", "csv", (1, 2)),
        ("a.txt", "id,text\nu1,hello {}\n", "csv", (1, 2)),
        ("a.csv", 'ID;Sentence\nu1;"hello; {}"\n', "csv", (1, 2)),
        ("a.csv", "u1,hello {}\nu2,x y\n", "csv", (1, 4)),
        ("a.txt", "u1,hello {}\nu2,x y\n", "csv", (1, 4)),
        ("a.txt", "1,hello {}\n2,x y\n", "csv", (1, 4)),
        ("a.txt", "u1,hello {}\n", "csv", (1, 2)),
        ("a.csv", "u1,hello, my {}\nu2,x, y\n", "csv", (1, 5)),  # commas of texts that are not quoted
        ("a.csv", '"u1","hello, {}"\n"u2","x y"\n', "csv", (1, 4)),
        ("a.csv", "hello {},u1\nx y z,u2\n", "csv", (1, 5)),  # the id comes last
        ("a.csv", ",text\n0,hello {}\n", "csv", (1, 2)),  # the index of pandas
        ("a.csv", ",id,sentence\n0,u1,hello {}\n", "csv", (1, 2)),
        ("a.txt", "LJ1|hello {}\nLJ2|x y\n", "ljspeech", (1, 4)),
        ("metadata.csv", "LJ1|Hello {}!|hello {}\nLJ2|3|three\n", "ljspeech", (1, 3)),
        ("a.txt", "hello {} (s-1)\n;; comment\nx y (s-2)\n", "trn", (1, 4)),
        ("a.jsonl", '{"file_name": "a/u1.wav", "transcription": "hello {}"}\n', "jsonl", (1, 2)),
        (
            "a.json",
            [{"session_id": "S", "speaker": "A", "start_time": 0.0, "end_time": 1.5, "words": "hello {}"}],
            "json",
            (1, 2),
        ),
    ],
)
def test_only_what_was_said_counts(
    name: str, content: Content | object, format: str, expected: tuple[int, int], tmp_path: Path
) -> None:
    text = content if isinstance(content, str) else json.dumps(content, indent=1)
    hyp, ref = (text.replace("{}", word).replace("{{", "{").replace("}}", "}") for word in ("word", "world"))
    report = report_on(tmp_path, (name, hyp), (name, ref))
    assert report.formats == (format, format)
    assert counts(report) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('<?xml version="1.0"?>\n<tt><p>hello</p></tt>\n', "is XML or HTML"),
        ("<!DOCTYPE html><html><body>hello</body></html>", "is XML or HTML"),
        ('File type = "ooTextFile"\nObject class = "TextGrid"\n', "is a Praat TextGrid"),
        ("[Script Info]\nTitle: x\n", "is ASS subtitles"),
        ("SPEAKER rec 1 0.0 1.0 <NA> <NA> ann <NA> <NA>\n", "is RTTM"),
        (";; by hand\nSPEAKER\trec\t1\t0.0\t1.0\t<NA>\t<NA>\tann\t<NA>\t<NA>\n", "is RTTM"),
        ("SPKR-INFO rec 1 <NA> <NA> <NA> unknown ann <NA>\n", "is RTTM"),
        ("LEXEME rec 1 0.1 0.2 hello lex ann 0.9 <NA>\n", "is RTTM"),
        ('"Praat chronological TextGrid text file"\n0 2 ! Time domain.\n', "is a Praat TextGrid"),
        ("[00:01.00]hello\n[00:02.00]word\n", "is lines that begin with their times"),
        ("[ti:song]\n[00:12.00]hello\n[00:14.00]word\n", "is lines that begin with their times"),
        ("0:00:00.000,0:00:02.000\nhello word\n", "is SBV or MicroDVD"),
        ("{0}{25}hello word\n", "is SBV or MicroDVD"),
        ("0.000000\t1.000000\thello\n1.0\t2.0\tword\n", "is lines that begin with their times"),
        ("0.00 1.20 hello\n1.20 2.00 word\n", "is lines that begin with their times"),
        ("00:00:01 hello\n00:00:04.5 word", "is lines that begin with their times"),
        ("(0:00:01) hello\n(0:00:04) word\n", "is lines that begin with their times"),
        ("[0.00s -> 2.00s] hello world\n", "is lines that begin with their times"),  # of faster-whisper
        ("[00:00:01.000 - 00:00:02.000] hello\n", "is lines that begin with their times"),
        ("[0.00 - 2.00] hello\nworld\n[2.00 - 3.00] bye\n", "is lines that begin with their times"),
        ("0.00s -> 2.00s hello\n", "is lines that begin with their times"),
        ("[00:01] hello\n[00:04] world\n", "is lines that begin with their times"),
        ("(0:01) hello\n(0:04) world\n", "is lines that begin with their times"),
        ("00:01 hello\n00:04 word\nand on\n01:10 bye\n", "is lines that begin with their times"),
        ("0:00\nhello\n0:04\nword\n", "is lines between lines of their times"),
        ("Speaker 1: hello word\n", "is a dialogue that names its speakers"),
        ("[SPEAKER_00]: hello word\n", "is a dialogue that names its speakers"),
        ("Alice: hello world\nBob: the house\nAlice: fine\n", "is a dialogue that names its speakers"),
        ("alice: hello\nbob: hi\n" * 4, "is a dialogue that names its speakers"),
        ("Dr. Smith: hello\nJane: so\nDr. Smith: yes\nand so\n", "is a dialogue that names its speakers"),
        ("| id | text |\n|----|:----|\n| u1 | hello word |\n", "is a Markdown table"),
        ("- id: u1\n  text: hello word\n", "is YAML"),
        ('{"text": "hello', "is not JSON"),
        ('[{"id": 1}', "is not JSON"),
        ('{"answer": 42}', "without a text that is known"),
    ],
)
def test_marks_are_never_words(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ScoringError, match=message):
        read_transcripts(write(tmp_path / "a.txt", content), "hypothesis")


BOTH = '{"audio_filepath":"a.wav","text":"hello world","pred_text":%s}\n'
OTHER = '{"audio_filepath":"b.wav","text":"x y","pred_text":"x z"}\n'


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (BOTH % "null", "m.jsonl", (2, 2)),
        (BOTH % "NaN", "m.jsonl", (2, 2)),
        (BOTH % '""', "m.jsonl", (2, 2)),
        (BOTH % "null" + OTHER, "m.jsonl", (3, 4)),
        ('{"audio_filepath":"a.wav","text":"hello world"}\n' + OTHER, "m.jsonl", (3, 4)),  # absent from the first row
        (BOTH % '"hello word"' + OTHER, "m.jsonl", (2, 4)),
        ("id,ref,hyp\nu1,hello world,hello word\n", "m.csv", (1, 2)),
        ("id\ttext\tprediction\nu1\thello world\t\n", "m.tsv", (2, 2)),
        ("text,prediction\nhello world,hello word\nx,x\n", "m.csv", (1, 3)),  # no id, and none needed
        ("u1:\tref=['hello', 'world']\nu1:\thyp=['hello']\nu2:\tref=['x']\nu2:\thyp=[]\n", "recogs-test", (2, 3)),
    ],
)
def test_a_file_of_both_sides_is_never_scored_against_itself(
    content: str, name: str, expected: tuple[int, int], tmp_path: Path
) -> None:
    assert counts(report_on(tmp_path, (name, content), None, missing="deletions")) == expected


@pytest.mark.parametrize(
    ("name", "content", "config", "message"),
    [
        ("m.jsonl", BOTH % "null", {}, "lacks 1 utterance of .* under 'pred_text': 'a'"),
        ("m.jsonl", '{"id":"a","text":"hello"}\n', {}, "its field 'text' would be scored against itself"),
        ("m.csv", "id,text\nu1,hello\n", {}, "its field 'text' would be scored against itself"),
        ("m.json", '[{"id":"a","text":"hello"}]', {}, "its field 'text' would be scored against itself"),
        ("m.jsonl", BOTH % '"x"', {"hyp_field": "text"}, "its field 'text' would be scored against itself"),
        ("m.jsonl", BOTH % '"x"', {"ref_field": "pred_text"}, "its field 'pred_text' would be scored against itself"),
        (
            "m.jsonl",
            BOTH % '"x"',
            {"hyp_field": "said"},
            "has no field 'said'; its fields are 'audio_filepath', 'text', 'pred_",
        ),
        ("m.jsonl", '{"id":"a","text":5}\n', {}, "no text"),
        ("m.csv", "datei,text\nu1,hello\n", {}, "has no id"),  # a header all the same, and no utterance
        ("m.tsv", "datei\ttext\nu1\thello\n", {}, "has no id"),
    ],
)
def test_what_would_flatter_is_refused(
    name: str, content: str, config: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ScoringError, match=message):
        report_on(tmp_path, (name, content), None, **config)


def test_fields_and_formats_can_be_told_for_each_side(tmp_path: Path) -> None:
    table = ("t.csv", "utt,model_a,model_b,Truth\nu1,a b,a x,a b\nu2,c,c,c\n")
    assert counts(report_on(tmp_path, table, None, hyp_field="model_b")) == (1, 3)
    assert counts(report_on(tmp_path, table, None, hyp_field="MODEL_A", ref_field="model_b")) == (1, 3)
    lines = ("h", "u1 a x\nu2 c\n")
    assert counts(report_on(tmp_path, lines, table, hyp_format="ids")) == (1, 3)
    assert counts(
        report_on(tmp_path, ("h", "u1 (a)\n"), ("r", "u1 (a)\n"), hyp_format="lines", ref_format="lines")
    ) == (0, 2)
    with pytest.raises(ConfigError, match="is read as lines, which has no fields"):
        report_on(tmp_path, lines, table, hyp_field="text")


@pytest.mark.parametrize(
    ("hyp", "ref", "notes"),
    [
        (
            '{"id":"a","text":"x","transcript":"y"}\n',
            '{"id":"a","text":"x"}\n',
            [
                "'text' is taken for the text of the hypothesis, for instance 'x', and not 'transcript'; "
                "--hyp-field chooses"
            ],
        ),
        (
            '{"id":"a","text":"x","audio":"a b.wav","lang":"en","whisper":"y z"}\n',
            '{"id":"a","text":"x"}\n',
            ["every hypothesis is its reference, letter for letter; if 'whisper' of "],
        ),
        ('{"id":"a","predictions":"x"}\n', '{"id":"a","text":"x y"}\n', []),
        (
            "u1,x y\nu2,z\n",
            '{"u1":"x y","u2":"z"}',
            ["read as a CSV table without a header: id 'u1', text 'x y' (column 2)"],
        ),
        ("u1 x\n", "u1 x\n", ["are read as `id text`, for instance id 'u1', text 'x'; --format lines if not"]),
        ("u1 x\n", "id\ttext\nu1\tx\n", []),  # the other side has ids: no guess
        (SRT, "hello {}\na b & c\n", ["its 2 lines are read as the text of one recording"]),
        ("x (u1)\n", "x (u1)\n", []),
    ],
)
def test_guesses_are_said_with_an_example(hyp: str, ref: str, notes: list[str], tmp_path: Path) -> None:
    said = report_on(tmp_path, ("a", hyp), ("b", ref)).notes
    assert len(said) == len(notes)
    assert all(expected in note for note, expected in zip(said, notes, strict=True))


def test_packed_files_and_sixteen_bits_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "u1 hello wörld\n"
    for content in (gzip.compress(text.encode()), lzma.compress(text.encode()), text.encode("utf-16")):
        report = report_on(tmp_path, ("h.txt.gz", content), ("r.txt", "u1 hello world\n"))
        assert counts(report) == (1, 2)
    assert detect_format("x/dev.STM.filt.gz", "") == "stm"
    with pytest.raises(ScoringError, match=r"UTF-16 without its mark; .*utf-16le"):
        read_transcripts(write(tmp_path / "a", text.encode("utf-16-le").replace(b"\xf6", b"o")))
    with pytest.raises(ScoringError, match="cannot be unpacked"):
        read_transcripts(write(tmp_path / "a", gzip.compress(text.encode())[:-9]))
    for packed in (gzip.compress(text.encode()), lzma.compress(text.encode()), bz2.compress(text.encode())):
        for place in range(10, len(packed)):  # zlib and lzma have errors of their own
            with contextlib.suppress(ScoringError):
                read_transcripts(write(tmp_path / "a", packed[:place] + b"\xff" + packed[place + 1 :]))
    monkeypatch.setattr(files, "_MOST_BYTES", 1 << 20)
    with pytest.raises(ScoringError, match="unpacks to more than 1 MiB"):
        read_transcripts(write(tmp_path / "a", gzip.compress(b"a" * (1 << 24))))
