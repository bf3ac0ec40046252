"""Corpora of other toolkits: read as they are, and written for them."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from asrkit.cli.whole import app
from asrkit.data import Utterance, read_manifest, scan_manifest, split_utterances
from asrkit.data.archives import archives_of
from asrkit.data.kaldi import write_kaldi
from asrkit.data.manifest import left_out
from asrkit.data.preparation import join_corpora, prepare_corpus
from asrkit.errors import ManifestError
from asrkit.text import Alphabet
from asrkit.transcription.aligning import KnownTexts


def lay(folder: Path, files: dict[str, str | None]) -> Path:
    """Write text files; None stands for a short recording."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            soundfile.write(path, np.zeros(1600), 16_000, format="WAV")
        else:
            path.write_text(content, encoding="utf-8", newline="")
    return folder


def test_common_voice_by_its_folder_and_by_any_of_its_tables(tmp_path: Path) -> None:
    header = "client_id\tpath\tsentence_id\tsentence\tup_votes\n"
    rows = 'ab12\tone.mp3\ts1\tHe said "go.\t2\ncd34\ttwo.mp3\ts2\tYes\t3\n'
    lay(tmp_path, {"validated.tsv": header + rows, "test.tsv": header + "x\ttwo.mp3\ts\tNo\t2\n"})
    lay(tmp_path / "clips", {"one.mp3": None, "two.mp3": None})
    assert read_manifest(tmp_path) == [
        Utterance("one", tmp_path / "clips" / "one.mp3", 'He said "go.', speaker="ab12"),  # two.mp3 is in test.tsv
    ]
    assert [utterance.text for utterance in read_manifest(tmp_path / "test.tsv")] == ["No"]


def test_speakers_and_sentences_of_common_voice_test_sets_are_left_out(tmp_path: Path) -> None:
    header = "client_id\tpath\tsentence\n"
    rows = ["a\t1.mp3\tone", "a\t2.mp3\ttwo", "b\t3.mp3\tone", "b\t4.mp3\tfour", "\t5.mp3\tfive"]
    lay(tmp_path, {"validated.tsv": header + "\n".join(rows), "test.tsv": f"{header}{rows[0]}\n\t6.mp3\tsix\n"})
    lay(tmp_path / "clips", dict.fromkeys(("1.mp3", "2.mp3", "3.mp3", "4.mp3", "5.mp3")))
    assert [utterance.id for utterance in read_manifest(tmp_path)] == ["4", "5"]
    assert left_out(tmp_path) == [
        "parts to test with that are left out: speakers or sentences of test (2), test (1); name them to read them"
    ]
    lay(tmp_path, {"validated.tsv": header + "\n".join(rows[:3])})
    assert [utterance.id for utterance in read_manifest(tmp_path)] == ["2", "3"]


@pytest.mark.parametrize(("name", "is_read"), [("Speed", False), ("Tempo", False), ("Volume", True)])
def test_cuts_of_lhotse_in_another_pace_than_their_file_are_told(tmp_path: Path, name: str, is_read: bool) -> None:
    """Their times are not those of the file: each text came with a part of it and of what is said behind it."""
    source = {"type": "file", "channels": [0], "source": "a.wav"}
    recording = {"id": "r", "sources": [source], "transforms": [{"name": name, "kwargs": {"factor": 0.9}}]}
    said = {"id": "s", "start": 0.0, "duration": 0.1, "text": "One."}
    cut = {"id": "c", "start": 0.01, "recording": recording, "supervisions": [said]}
    lay(tmp_path, {"cuts.jsonl": json.dumps(cut), "a.wav": None})
    found, problems = scan_manifest(tmp_path / "cuts.jsonl")
    assert [utterance.id for utterance in found] == ["s"] * is_read
    told = [f"its times are those after {name}, which its file has not passed (c)"]
    assert [problem.message for problem in problems] == told * (not is_read)


def test_coqui_csv_with_quotes(tmp_path: Path) -> None:
    content = 'wav_filename,wav_filesize,transcript\r\na.wav,3244,"one, ""two"""\r\nb.wav,3244,three\r\n'
    lay(tmp_path, {"train.csv": content, "a.wav": None, "b.wav": None})
    assert [(u.id, u.text) for u in read_manifest(tmp_path / "train.csv")] == [("a", 'one, "two"'), ("b", "three")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metadata.csv", "file_name,transcription\ndata/a.wav,one\ndata/b.wav,two\n"),
        ("metadata.jsonl", '{"file_name": "data/a.wav", "text": "one"}\n{"file_name": "data/b.wav", "text": "two"}\n'),
    ],
)
def test_hugging_face_audio_folders(tmp_path: Path, name: str, content: str) -> None:
    lay(tmp_path, {name: content, "data/a.wav": None, "data/b.wav": None})
    assert [(u.audio_path, u.text) for u in read_manifest(tmp_path)] == [
        (tmp_path / "data" / "a.wav", "one"),
        (tmp_path / "data" / "b.wav", "two"),
    ]


@pytest.mark.parametrize(
    ("names", "unread"),
    [
        ("start_ms,end_ms", "start_ms"),
        ("start,segment_end", "segment_end"),
        ("onset,duration", "onset"),
        ("Start (s),End (s)", "start (s)"),
    ],
)
def test_times_by_names_that_nobody_reads_are_not_ignored(tmp_path: Path, names: str, unread: str) -> None:
    lay(tmp_path, {"a.wav": None, "m.csv": f"path,{names},text\na.wav,0,1,one\n"})
    with pytest.raises(ManifestError, match=rf"m\.csv:1: its column '{re.escape(unread)}' may be a time"):
        scan_manifest(tmp_path / "m.csv")
    entry = {"path": "a.wav", "text": "one"}
    lines = [{**entry, **dict.fromkeys(names.lower().split(","), value)} for value in (None, 1)]
    (tmp_path / "m.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    found, problems = scan_manifest(tmp_path / "m.jsonl")
    assert [u.text for u in found] == ["one"]
    assert [(p.line, p.message.split(";")[0]) for p in problems] == [(2, f"{unread!r} may be a time and is not read")]


def test_what_says_a_known_time_again_is_nothing_to_refuse(tmp_path: Path) -> None:
    names = "path,start,duration,start_frame,end_frame,end_token,text"
    lay(tmp_path, {"a.wav": None, "m.csv": f"{names}\na.wav,0.01,0.05,1,6,x,one\n"})
    (utterance,) = read_manifest(tmp_path / "m.csv")
    assert (utterance.start_s, utterance.duration_s) == (0.01, 0.05)


@pytest.mark.parametrize(
    ("name", "content"), [("m.tsv", "path\tlabel\na.wav\tone\n"), ("m.jsonl", '{"path": "a.wav"}')]
)
def test_a_text_by_another_name_is_not_called_empty(tmp_path: Path, name: str, content: str) -> None:
    lay(tmp_path, {"a.wav": None, name: content})
    with pytest.raises(ManifestError, match="'a' has no text; name its column or key 'text', or remove the line"):
        read_manifest(tmp_path / name)


def test_broken_csv_lines_are_named(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {"m.csv": 'file_name,text\na.wav,one\nb.wav,"x"y\na.wav\nb.wav,"x\nb.wav,"y"\n', "a.wav": None, "b.wav": None},
    )
    utterances, problems = scan_manifest(tmp_path / "m.csv")
    assert [utterance.id for utterance in utterances] == ["a"]
    messages = ["is not CSV: ", "1 columns where", "is not CSV, with all that follows up to line 6: "]
    assert [problem.line for problem in problems] == [3, 4, 5]
    assert all(problem.message.startswith(said) for problem, said in zip(problems, messages, strict=True))


def test_what_has_the_name_of_a_text_but_is_none_is_not_opened(tmp_path: Path) -> None:
    lay(tmp_path, {"a.wav": None, "a.txt": "one", "b.txt/c": "in a folder"})
    (tmp_path / "d.trans.txt").mkdir()
    (tmp_path / "e.tar").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "f.stm")
        os.mkfifo(tmp_path / "g.txt")
    lay(tmp_path / "good", {"x.trans.txt": "a ONE\n", "a.wav": None})
    assert [u.text for u in read_manifest(tmp_path)] == ["ONE"]
    assert KnownTexts.read(tmp_path).texts["a"] == "one"
    assert archives_of(tmp_path / "e.tar") == []


def test_kaldi_with_segments(tmp_path: Path) -> None:
    files = {
        "wav.scp": f"rec1 {tmp_path}/one.wav\nrec2 sph2pipe -f wav {tmp_path}/two.sph |\n",
        "segments": "u1 rec1 0.01 0.05\nu2 rec1 0.05 0.09\nu3 rec2 0.0 0.1\n",
        "text": "u1 ONE\nu2\tTWO THREE\nu3 FOUR\n",
        "utt2spk": "u1 s1\nu2 s1\nu3 s2\n",
        "one.wav": None,
        "two.sph": None,
    }
    utterances = read_manifest(lay(tmp_path, files))
    assert utterances[1] == Utterance(
        "u2", tmp_path / "one.wav", "TWO THREE", pytest.approx(0.04), "s1", None, 0.05, 0.09
    )
    assert utterances[2].audio_path == tmp_path / "two.sph"


@pytest.mark.parametrize(
    "entry",
    ["sox {0}/a.wav -t wav - |", "flac -dc {0}/a.flac | sox - - |", "touch {0}/evil a.wav |", "flac 'a.flac |"],
)
def test_kaldi_pipelines_are_never_run(tmp_path: Path, entry: str) -> None:
    lay(tmp_path, {"wav.scp": f"u1 {entry.format(tmp_path)}\n", "text": "u1 ONE\n", "a.wav": None, "a.flac": None})
    utterances, problems = scan_manifest(tmp_path)
    assert utterances == []
    assert "is a pipeline that asrkit does not run" in problems[0].message
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    ("options", "channel", "why"),
    [
        ("-f wav -p -c 1", 0, "sph2pipe counts from 1"),
        ("-f wav -c 2", 1, "the other side of the call"),
        ("-c2 -p", 1, "no space is needed"),
        ("-f wav -p", None, "no side is asked for"),
    ],
)
def test_sides_of_a_call_are_told_apart(tmp_path: Path, options: str, channel: int | None, why: str) -> None:
    lay(tmp_path, {"wav.scp": f"u1 sph2pipe {options} {tmp_path}/x.sph |\n", "text": "u1 ONE\n", "x.sph": None})
    assert [utterance.channel for utterance in read_manifest(tmp_path)] == [channel], why


@pytest.mark.parametrize("options", ["-c 3", "-c", "-t 1:2", "-s 8000:16000"])
def test_what_sph2pipe_would_cut_otherwise_is_not_read(tmp_path: Path, options: str) -> None:
    lay(tmp_path, {"wav.scp": f"u1 sph2pipe x.sph {options} |\n", "text": "u1 ONE\n", "x.sph": None})
    utterances, problems = scan_manifest(tmp_path)
    assert not utterances
    assert "is a pipeline that asrkit does not run" in problems[0].message


def test_segments_may_name_a_channel_and_run_to_the_end(tmp_path: Path) -> None:
    segments = "u1 r 0.01 0.05 1\nu2 r 0.02 -1\nu3 r 0.02 -1.00 -1\nu4 r 0 0.1 0 extra\nu5 r 0.02 -2\n"
    texts = "".join(f"u{number} X\n" for number in range(1, 6))
    lay(tmp_path, {"wav.scp": f"r {tmp_path}/a.wav\n", "segments": segments, "text": texts, "a.wav": None})
    utterances, problems = scan_manifest(tmp_path)
    assert [(u.id, u.start_s, u.end_s, u.channel) for u in utterances] == [
        ("u1", 0.01, 0.05, 1),
        ("u2", 0.02, None, None),
        ("u3", 0.02, None, None),
    ]
    assert [problem.message.split(";")[0] for problem in problems] == [
        "segments has no 'RECORDING START END [CHANNEL]' for 'u4'",
        "the end '-2' is not a number of seconds",
    ]


def test_sides_of_a_call_in_stm_are_told_apart(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {"x.stm": "s A one 0 0.05 <o> hello\ns B two 0 0.05 <o> there\nm 1 three 0 0.05 <o> mono\n", "m.wav": None},
    )
    soundfile.write(tmp_path / "s.wav", np.zeros((1600, 2)), 16_000)
    assert [(u.text, u.channel) for u in read_manifest(tmp_path)] == [("hello", 0), ("there", 1), ("mono", 0)]
    lay(tmp_path / "mono", {"x.stm": "m 1 three 0 0.05 <o> mono\n", "m.wav": None})
    assert [u.channel for u in read_manifest(tmp_path / "mono")] == [None]


def test_a_channel_that_is_not_there_is_left_out_of_an_import(tmp_path: Path) -> None:
    lines = [{"audio_filepath": "s.wav", "channel_selector": channel, "text": "one"} for channel in (0, 1, 2)]
    (tmp_path / "m.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    soundfile.write(tmp_path / "s.wav", np.zeros((1600, 2)), 16_000)
    prepared = prepare_corpus(tmp_path / "m.jsonl", Alphabet())
    assert [u.channel for u in prepared.utterances] == [0, 1]
    assert prepared.problems == [f"{tmp_path / 's.wav'}: has no channel 2; count its 2 channel(s) from 0"]


def test_a_recording_that_two_sources_have_is_taken_once(tmp_path: Path) -> None:
    lay(tmp_path / "lj", {"metadata.csv": "a|A\nb|B\n", "wavs/a.wav": None, "wavs/b.wav": None})
    table = lay(tmp_path, {"m.tsv": "path\tstart\tend\ttext\nlj/wavs/a.wav\t\t\tother\nlj/wavs/b.wav\t0\t0.05\tpart\n"})
    prepared = {name: prepare_corpus(path, Alphabet()) for name, path in (("lj", table / "lj"), ("m", table / "m.tsv"))}
    joined = join_corpora(prepared)
    assert [(u.id, u.text) for u in joined.utterances] == [("a", "a"), ("lj-b", "b"), ("m-b", "part")]
    assert joined.problems == ["m: the recording of 'a' is taken from lj already"]


def test_kaldi_entries_that_lack_something_are_named(tmp_path: Path) -> None:
    lay(tmp_path, {"wav.scp": "r1 a.wav\n", "segments": "u1 r1 0 0.1\nu2 r9 0 1\n", "text": "u1 A\nu2 B\nu3 C\n"})
    lay(tmp_path, {"a.wav": None})
    utterances, problems = scan_manifest(tmp_path)
    assert [utterance.id for utterance in utterances] == ["u1"]
    assert ["wav.scp is missing" in p.message or "segments has no" in p.message for p in problems] == [True, True]


@pytest.mark.parametrize("has_parts", [False, True])
def test_what_is_written_for_kaldi_reads_back_sorted(tmp_path: Path, has_parts: bool) -> None:
    lay(tmp_path, {"a.wav": None})
    part = (0.02, 0.07) if has_parts else (None, None)
    utterances = [
        Utterance(name, tmp_path / "a.wav", text, 0.05, speaker, None, *part)
        for name, text, speaker in (("b-1", "two", "b"), ("a-2", "one", "a"), ("a-10", "ten", "a"))
    ]
    others = [replace(u, start_s=None if has_parts else 1.0, end_s=None, duration_s=0.1) for u in utterances]
    write_kaldi(tmp_path / "kaldi", others)  # is replaced
    write_kaldi(tmp_path / "kaldi", utterances)
    again = read_manifest(tmp_path / "kaldi")
    assert [(u.id, u.text, u.speaker, u.start_s, u.end_s) for u in again] == sorted(
        (u.id, u.text, u.speaker, u.start_s, u.end_s) for u in utterances
    )
    assert (tmp_path / "kaldi" / "spk2utt").read_text() == "a a-10 a-2\nb b-1\n"


def test_exporting_from_the_command_line(tmp_path: Path) -> None:
    lay(tmp_path, {"m.tsv": "path\ttext\na.wav\tOne\n", "a.wav": None})

    def run(*arguments: object) -> object:
        return CliRunner().invoke(app, ["data", "export", *map(str, arguments)])

    assert run(tmp_path / "m.tsv", tmp_path / "kaldi", "--to", "kaldi").exit_code == 0
    assert (tmp_path / "kaldi" / "utt2dur").read_text() == "a 0.100\n"
    assert run(tmp_path / "m.tsv", tmp_path / "out.jsonl", "--to", "nemo").exit_code == 0
    assert read_manifest(tmp_path / "out.jsonl") == [Utterance("a", tmp_path / "a.wav", "One", 0.1)]
    assert "must end in .jsonl" in str(run(tmp_path / "m.tsv", tmp_path / "out", "--to", "nemo").exception)
    (tmp_path / "a.wav").write_bytes(b"")
    assert run(tmp_path / "m.tsv", tmp_path / "kaldi", "--to", "kaldi").exit_code == 3


def test_a_part_without_an_end_cannot_go_to_kaldi(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="'a' has neither an end nor a duration"):
        write_kaldi(tmp_path, [Utterance("a", Path("a.wav"), "x", start_s=1.0)])


def test_parts_of_a_recording_of_nobody_known_stay_on_one_side() -> None:
    known = [Utterance(f"k{i}", Path(f"k{i}.wav"), "a", 1.0, f"s{i}") for i in range(6)]
    calls = [
        Utterance(f"c{i}-{n}", Path(f"c{i}.wav"), "a", 1.0, start_s=n, end_s=n + 1.0)
        for i in range(6)
        for n in range(8)
    ]
    for seed in range(5):
        train, dev = split_utterances([*known, *calls], 0.3, seed)
        assert not {u.audio_path for u in train} & {u.audio_path for u in dev}
        assert [u.id for u in split_utterances([*calls, *known][::-1], 0.3, seed)[1]] == [
            u.id for u in [*calls, *known][::-1] if u in dev
        ]
