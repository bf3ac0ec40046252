"""What files of every kind score, with the figures found by hand: no mark, no absent text and no id is a word."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrkit.config import ScoringConfig
from asrkit.errors import ConfigError, ScoringError
from asrkit.metrics.scoring import ScoreReport, score
from asrkit.metrics.transcripts import FORMATS, files, read_columns, read_transcripts
from asrkit.metrics.transcripts.formats import detect_format

Content = str | bytes
SRT = "1\n00:00:00,000 --> 00:00:02,000\nhello {}\n\n2\n00:00:02,000 --> 00:00:03,000\n<i>a</i> b &amp; c\n"
VTT = (
    "WEBVTT\n\nNOTE not said\nat all\n\nSTYLE\n::cue {{}}\n\n1\n00:00.000 --> 00:02.000 align:start\n<v Ann>hello {}\n"
)
WHISPER = {
    "text": " hello {}",
    "segments": [{"id": 0, "start": 0.0, "end": 1.0, "text": " hello {}"}],
    "language": "en",
}
WHISPERX = {"segments": [{"start": 0, "end": 1, "text": " hello"}, {"start": 1, "end": 2, "text": " {}", "words": []}]}
WHISPER_CPP = {"result": {"language": "en"}, "transcription": [{"offsets": 0, "text": " hello {}"}]}
VOSK = {"result": [{"conf": 1.0, "start": 0, "end": 1, "word": "hello"}], "text": "hello {}"}
SEGMENTS = [{"start": 0.0, "end": 1.0, "text": "hello"}, {"start": 1.0, "end": 2.0, "text": "{}"}]
AMAZON = {"results": {"transcripts": [{"transcript": "hello {}"}], "items": []}, "status": "COMPLETED"}
GOOGLE = {
    "results": [
        {"alternatives": [{"transcript": "hello "}, {"transcript": "no"}]},
        {"alternatives": [{"transcript": "{}"}]},
    ]
}
ITEMS = [{"id": "1", "text": "hello {}"}, {"id": "2", "text": "x y"}]


def write(path: Path, content: Content) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def report_on(folder: Path, hyp: tuple[str, Content], ref: tuple[str, Content] | None, **config: str) -> ScoreReport:
    """Score two files, or one against itself."""
    one = write(folder / "hyp" / hyp[0], hyp[1])
    other = one if ref is None else write(folder / "ref" / ref[0], ref[1])
    return score(one, other, ScoringConfig(resamples=0, **config))  # type: ignore[arg-type]


def counts(report: ScoreReport) -> tuple[int, int]:
    total = report.raw.words.total()
    return total.errors, total.num_reference


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
        ("[00:01.00]hello\n[00:02.00]word\n", "is lyrics"),
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
    monkeypatch.setattr(files, "_MOST_BYTES", 1 << 20)
    with pytest.raises(ScoringError, match="unpacks to more than 1 MiB"):
        read_transcripts(write(tmp_path / "a", gzip.compress(b"a" * (1 << 24))))


def make(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        write(folder / name.replace("__", "/").replace("_dot_", "."), content)
    return folder


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


# One utterance a row, in every format that can hold it: (format, name of the file, how a row of id and text is written)
WORDS = st.lists(st.text("abzéß'-", min_size=1, max_size=6), min_size=1, max_size=5).map(" ".join)
ROWS = st.lists(WORDS, min_size=1, max_size=4)


def written(format: str, rows: list[str]) -> tuple[str, str]:
    ids = [f"spk-{number}" for number in range(len(rows))]
    pairs = list(zip(ids, rows, strict=True))
    records = [{"id": name, "text": text} for name, text in pairs]
    stm = [f"{name} 1 s 0.0 99.0 {text}" for name, text in pairs]
    cue = "{}\n00:00:0{}.000 --> 00:00:0{}.500\n{}\n\n"
    return {
        "lines": ("a.txt", "\n".join(rows)),
        "ids": ("a.txt", "\n".join(f"{name} {text}" for name, text in pairs)),
        "trn": ("a.trn", "\n".join(f"{text} ({name})" for name, text in pairs)),
        "tsv": ("a.tsv", "\n".join(["id\ttext", *(f"{name}\t{text}" for name, text in pairs)])),
        "csv": ("a.csv", "\n".join(["id,text", *(f'{name},"{text}"' for name, text in pairs)])),
        "ljspeech": ("a.csv", "\n".join(f"{name}|{text}|{text}" for name, text in pairs)),
        "jsonl": ("a.jsonl", "\n".join(map(json.dumps, records))),
        "json": ("a.json", json.dumps(records, indent=2)),
        "srt": ("a.srt", "".join(cue.format(n, n, n, text) for n, text in enumerate(rows))),
        "vtt": ("a.vtt", "WEBVTT\n\n" + "".join(cue.format(n, n, n, text) for n, text in enumerate(rows))),
        "icefall": (
            "recogs",
            "".join(f"{name}:\t{side}={text.split()}\n" for name, text in pairs for side in ("ref", "hyp")),
        ),
        "stm": ("a.stm", "\n".join(stm)),
    }[format]


@pytest.mark.parametrize("format", [name for name in FORMATS if name not in ("auto", "ctm", "folder")])
@settings(max_examples=20)
@given(rows=ROWS)
def test_every_format_against_itself_has_no_error(
    format: str, rows: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("same")
    name, content = written(format, rows)
    told = {"hyp_format": format, "ref_format": format} if format in ("lines", "ids") else {}
    report = report_on(folder, (name, content), (name, content), **told)
    total = report.raw.words.total()
    assert report.formats == (format, format)
    assert (total.errors, total.num_reference) == (0, sum(len(text.split()) for text in rows))


@settings(max_examples=20)
@given(rows=ROWS)
def test_words_with_times_against_their_segments_have_no_error(
    rows: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("same")
    name, content = written("stm", rows)
    ctm = [f"spk-{n} 1 {place}.0 0.5 {word}" for n, text in enumerate(rows) for place, word in enumerate(text.split())]
    assert counts(report_on(folder, ("a.ctm", "\n".join(ctm)), (name, content)))[0] == 0


PIECES = [
    "u1",
    "u2",
    "text",
    "id",
    "pred_text",
    "hello",
    "1",
    "0.5",
    "-->",
    "00:00:01.000",
    "(u1)",
    ";;",
    '"',
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    ";",
]
PIECES += [
    "|",
    "\t",
    "\n",
    "\n\n",
    " ",
    "WEBVTT",
    "ref=",
    "hyp=['a']",
    "null",
    '{"id": "u1", "text": "x"}',
    "<ALT_BEGIN>",
    "*",
    "\x00",
    "é",
    "\\ud800",
]


@settings(max_examples=300)
@given(
    content=st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
    suffix=st.sampled_from(
        ["", ".txt", ".json", ".jsonl", ".csv", ".tsv", ".srt", ".vtt", ".trn", ".stm", ".ctm", ".gz"]
    ),
    role=st.sampled_from(["hypothesis", "reference"]),
    told=st.sampled_from([name for name in FORMATS if name != "folder"]),
)
def test_whatever_a_file_holds_it_is_read_or_named(
    content: str, suffix: str, role: str, told: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write(tmp_path_factory.getbasetemp() / f"fuzz{suffix}", content)
    for format in ("auto", told):
        try:
            read = read_transcripts(path, role, format)  # type: ignore[arg-type]
        except ScoringError as error:
            assert "fuzz" in str(error)
            continue
        assert read.ids is None or len(read.ids) == len(set(read.ids)) == len(read.texts)
        assert all(isinstance(text, str) for text in read.texts)
