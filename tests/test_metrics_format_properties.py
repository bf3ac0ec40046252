"""Properties of reading transcripts: any format against itself has no error; any file is read or named."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transcript_files import (
    counts,
    report_on,
    write,
)

from asrkit.errors import ScoringError
from asrkit.metrics.transcripts import FORMATS, read_transcripts

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
