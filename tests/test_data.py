"""Manifests and corpora: what is read, what is refused, and that nothing is lost in writing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from asrkit.data import Utterance, read_manifest, scan_manifest, split_utterances, write_manifest
from asrkit.data.manifest import left_out
from asrkit.errors import ConfigError, ManifestError, MissingPathError

HEADER = "utterance_id\tpath\tseconds\tspeaker\tcorpus\ttext\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.wav", "b.wav", "sub/a.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8", newline="")
    return path


def test_tsv_is_read_with_paths_relative_to_it(folder: Path) -> None:
    path = write(folder / "m.tsv", HEADER + "a\ta.wav\t1.5\ts1\tc1\tHello   there\nb\tb.wav\t\t\t\tyes\n")
    assert read_manifest(path) == [
        Utterance("a", folder / "a.wav", "Hello there", 1.5, "s1", "c1"),
        Utterance("b", folder / "b.wav", "yes"),
    ]


def test_tsv_takes_nemo_names_any_order_bom_crlf_and_unknown_columns(folder: Path) -> None:
    path = write(folder / "m.tsv", "\ufefftext\taudio_filepath\tduration\tmood\r\nhi\ta.wav\t2\tglad\r\n\r\n")
    assert read_manifest(path) == [Utterance("a", folder / "a.wav", "hi", 2.0)]


def test_quotes_in_text_are_text(folder: Path) -> None:
    path = write(folder / "m.tsv", 'id\tpath\ttext\na\ta.wav\t"so he said\nb\tb.wav\t"yes"\n')
    assert [utterance.text for utterance in read_manifest(path)] == ['"so he said', '"yes"']


def test_nemo_jsonl_with_offsets_becomes_parts(folder: Path) -> None:
    entries = [
        {"audio_filepath": "a.wav", "duration": 1.5, "offset": 2.0, "text": "one", "speaker": 7},
        {"audio_filepath": "b.wav", "duration": 1, "text": "two", "lang": "en"},
    ]
    path = write(folder / "m.jsonl", "\n".join(map(json.dumps, entries)))
    assert read_manifest(path) == [
        Utterance("a", folder / "a.wav", "one", 1.5, "7", None, 2.0, 3.5),
        Utterance("b", folder / "b.wav", "two", 1.0),
    ]


def test_ids_made_from_names_stay_unique(folder: Path) -> None:
    entries = [("a.wav", 0), ("a.wav", 2.5), ("sub/a.wav", 0), ("b.wav", 0)]
    lines = [json.dumps({"audio_filepath": p, "offset": o, "duration": 1, "text": "x"}) for p, o in entries]
    ids = [utterance.id for utterance in read_manifest(write(folder / "m.jsonl", "\n".join(lines)))]
    assert ids == ["a-0", "a-2.5", "sub-a-0", "b"]


def test_audio_root_and_absolute_paths(folder: Path, tmp_path: Path) -> None:
    path = write(folder / "lists" / "m.tsv", f"id\tpath\ttext\na\ta.wav\tx\nb\t{tmp_path / 'b.wav'}\ty\n")
    assert [utterance.audio_path for utterance in read_manifest(path, audio_root=folder)] == [
        folder / "a.wav",
        tmp_path / "b.wav",
    ]


def test_text_may_be_absent_where_it_is_not_needed(folder: Path) -> None:
    path = write(folder / "m.tsv", "path\na.wav\n")
    assert read_manifest(path, require_text=False) == [Utterance("a", folder / "a.wav")]
    with pytest.raises(ManifestError, match="'a' has no text; name its column"):
        read_manifest(path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("b\tgone.wav\t1\ts\tc\tx", "no audio file at"),
        ("b\t.\t1\ts\tc\tx", "no audio file at"),
        ("b\tnul\0.wav\t1\ts\tc\tx", "no audio file at"),
        ("a\tb.wav\t1\ts\tc\tx", "duplicate id 'a', first seen in line 2; give each a name of its own"),
        ("b\tb.wav\t1\ts\tc\t ", "the text of 'b' is empty"),
        ("b\tb.wav\t1\ts\tx", "5 columns where the header has 6"),
        ("b\t\t1\ts\tc\tx", "names no audio file"),
        ("b\tb.wav\tlong\ts\tc\tx", "the duration 'long' is not a number of seconds"),
        ("b\tb.wav\tnan\ts\tc\tx", "the duration 'nan' is not a number of seconds"),
        ("b\tb.wav\t0\ts\tc\tx", "the duration of 'b' is 0 s"),
        ("b b\tb.wav\t1\ts\tc\tx", "the id 'b b' must not"),
        ("b\x1b[2J\tb.wav\t1\ts\tc\tx", "the id 'b\\\\x1b"),
    ],
)
def test_a_bad_line_of_a_tsv_is_named(folder: Path, line: str, message: str) -> None:
    path = write(folder / "m.tsv", HEADER + f"a\ta.wav\t1\ts\tc\tx\n{line}\n")
    with pytest.raises(ManifestError, match=message) as caught:
        read_manifest(path)
    assert (caught.value.path, caught.value.line) == (path, 3)
    assert str(caught.value).startswith(f"{path}:3: ")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"audio_filepath": "a.wav", ', "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('["a.wav"]', "is not a JSON object"),
        ('{"text": "x"}', "names no audio file"),
        ('{"audio_filepath": ["a.wav"], "text": "x"}', "audio must be a string"),
        ('{"audio_filepath": "b.wav", "text": {"x": 1}}', "text must be a string"),
        ('{"audio_filepath": "b.wav", "text": "x", "duration": true}', "the duration True is not"),
        ('{"audio_filepath": "b.wav", "text": "x", "duration": Infinity}', "the duration inf is not"),
        ('{"audio_filepath": "b.wav", "text": "x", "offset": -1}', "the start -1 is not"),
        (
            f'{{"audio_filepath": "b.wav", "text": "x", "duration": 1{"0" * 400}}}',
            "the duration 10{49} is not a number",
        ),
        (
            f'{{"audio_filepath": "b.wav", "text": "x", "channel": "1{"0" * 5_000}"}}',
            "the channel '10{48} is not a whole",
        ),
        ('{"audio_filepath": "b.wav", "text": "x", "channel": "٣"}', "the channel '٣' is not a whole number"),
        ('{"audio_filepath": "a.wav", "text": "x", "id": "a"}', "duplicate id 'a'"),
    ],
)
def test_a_bad_line_of_a_jsonl_is_named(folder: Path, line: str, message: str) -> None:
    path = write(folder / "m.jsonl", '{"audio_filepath": "a.wav", "text": "x", "id": "a"}\n' + line)
    with pytest.raises(ManifestError, match=message) as caught:
        read_manifest(path)
    assert caught.value.line == 2


def test_the_first_bad_line_counts_the_others_and_scanning_keeps_the_good(folder: Path) -> None:
    path = write(
        folder / "m.tsv", HEADER + "a\ta.wav\t1\ts\tc\tx\nb\tb.wav\t1\ts\tc\t\nbroken\nc\tgone.wav\t1\ts\tc\tx\n"
    )
    with pytest.raises(
        ManifestError, match=r"m.tsv:3: the text of 'b' is empty; write .* or remove the line \(and 2 more bad lines\)"
    ):
        read_manifest(path)
    utterances, problems = scan_manifest(path)
    assert [utterance.id for utterance in utterances] == ["a"]
    assert [problem.line for problem in problems] == [3, 4, 5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("hello world\n", "is no manifest: the header 'hello world' lacks a column 'path'"),
        (HEADER, "lists no utterances"),
        ('[{"path": "a.wav", "text": "x"}]\n', "is a JSON list; write an object a line"),
        ('path,"text\na.wav,x\n', "m.tsv:1: is not CSV: unexpected end of data"),
        (f"path,{'x' * 200_000}\na.wav,x\n", "m.tsv:1: is not CSV: field larger than field limit"),
    ],
)
def test_files_that_are_no_manifest(folder: Path, content: str, message: str) -> None:
    path = write(folder / "m.tsv", content)
    with pytest.raises(ManifestError, match=message):
        read_manifest(path)
    assert isinstance(left_out(path), list)  # which has nothing to say against it


def test_missing_manifests_binary_files_and_unknown_folders(folder: Path) -> None:
    with pytest.raises(MissingPathError, match="no such manifest"):
        read_manifest(folder / "gone.tsv")
    (folder / "m.tsv").write_bytes(b"id\tpath\n\xff\xfe\n")
    with pytest.raises(ManifestError, match=r"m.tsv:2: is not UTF-8"):
        read_manifest(folder / "m.tsv")
    with pytest.raises(ManifestError, match=r"m.tsv.gz: is packed; unpack it"):
        read_manifest((folder / "m.tsv").rename(folder / "m.tsv.gz"))
    with pytest.raises(ManifestError, match=r"no known corpus layout in this folder .*ljspeech.*librispeech"):
        read_manifest(folder)


def test_ljspeech_reads_the_third_column_with_quoting_off(tmp_path: Path) -> None:
    content = 'LJ1|Dr. "No|Doctor "No\nLJ2|"Only two|\nLJ3|short|long|x\n'
    write(tmp_path / "metadata.csv", content)
    for name in ("LJ1", "LJ2", "LJ3"):
        write(tmp_path / "wavs" / f"{name}.wav", "")
    for path in (tmp_path, tmp_path / "metadata.csv"):
        utterances, problems = scan_manifest(path)
        assert [utterance.text for utterance in utterances] == ['Doctor "No', '"Only two']
        assert utterances[0].audio_path == tmp_path / "wavs" / "LJ1.wav"
        assert [str(problem) for problem in problems] == [
            f"{tmp_path / 'metadata.csv'}:3: 'LJ3|short|long|x' is not id|text|normalized text"
        ]


def test_librispeech_trees_are_read_at_any_depth(tmp_path: Path) -> None:
    chapter = tmp_path / "dev-clean" / "84" / "121"
    write(chapter / "84-121.trans.txt", "84-121-0000 GO ON\n84-121-0001 THEN STOP\n84-121-0002\n84-121-0003 GONE\n")
    for name in ("84-121-0000.flac", "84-121-0001.wav", "84-121-0002.flac"):
        write(chapter / name, "")
    utterances, problems = scan_manifest(tmp_path)
    assert utterances[1] == Utterance(
        "84-121-0001", chapter / "84-121-0001.wav", "THEN STOP", None, "84", "librispeech"
    )
    assert [(problem.line, problem.message[:30]) for problem in problems] == [
        (3, "the text of '84-121-0002' is e"),
        (4, f"no audio file at '{chapter}"[:30]),
    ]


words = st.text("abc xyz'\"é|,", min_size=1, max_size=20).map(lambda text: " ".join(text.split()) or "x")
times = st.none() | st.integers(1, 99_999).map(lambda number: number / 1000)


@settings(max_examples=40, deadline=None)
@given(
    entries=st.lists(st.tuples(words, times, st.none() | st.just("s"), st.none() | st.just("c"), times), max_size=5),
    suffix=st.sampled_from([".tsv", ".jsonl"]),
)
def test_writing_then_reading_gives_the_same_utterances(
    tmp_path_factory: pytest.TempPathFactory, entries: list, suffix: str
) -> None:
    folder = tmp_path_factory.mktemp("round_trip")
    (folder / "a b.wav").touch()
    utterances = [
        Utterance(f"u{i}", folder / "a b.wav", text, seconds, speaker, corpus, start, end)
        for i, (text, seconds, speaker, corpus, start) in enumerate(entries)
        for end in [None if start is None or seconds is None else start + seconds]
    ]
    path = folder / "lists" / f"m{suffix}"
    write_manifest(path, utterances)
    if utterances:
        assert read_manifest(path) == utterances
    assert not list(path.parent.glob(".*")), "a temporary file was left behind"


def test_paths_below_the_manifest_are_written_relative(folder: Path, tmp_path: Path) -> None:
    inside, outside = Utterance("a", folder / "sub" / "a.wav", "x"), Utterance("b", Path("/elsewhere/b.wav"), "y")
    write_manifest(folder / "m.tsv", [inside, outside])
    lines = (folder / "m.tsv").read_text().splitlines()
    assert [line.split("\t")[1] for line in lines[1:]] == ["sub/a.wav", "/elsewhere/b.wav"]


def test_a_tab_in_a_name_does_not_break_a_tsv(folder: Path) -> None:
    with pytest.raises(ManifestError, match=r"speaker of 'a' holds a tab or a line break; write .jsonl"):
        write_manifest(folder / "m.tsv", [Utterance("a", folder / "a.wav", "x", speaker="s\tt")])
    assert not (folder / "m.tsv").exists()


def corpus(num_speakers: int, per_speaker: int) -> list[Utterance]:
    return [
        Utterance(f"s{s}-{u}", Path("a.wav"), "x", 1.0 + s % 3, f"s{s}")
        for s in range(num_speakers)
        for u in range(per_speaker)
    ]


def test_speakers_are_held_out_whole() -> None:
    utterances = corpus(20, 10)
    train, dev = split_utterances(utterances, 0.1, seed=3)
    assert not {utterance.speaker for utterance in train} & {utterance.speaker for utterance in dev}
    assert sorted(train + dev, key=utterances.index) == utterances
    seconds = sum(utterance.duration_s for utterance in dev) / sum(utterance.duration_s for utterance in utterances)
    assert seconds == pytest.approx(0.1, abs=0.05)


def test_few_speakers_are_split_by_utterance() -> None:
    train, dev = split_utterances(corpus(3, 100), 0.1)
    assert len(dev) == pytest.approx(30, abs=10)
    assert {utterance.speaker for utterance in train} == {"s0", "s1", "s2"}


def test_the_split_depends_on_the_seed_and_not_on_the_order() -> None:
    utterances = corpus(30, 4)
    dev_ids = {utterance.id for utterance in split_utterances(utterances, 0.1, seed=1)[1]}
    assert {utterance.id for utterance in split_utterances(utterances[::-1], 0.1, seed=1)[1]} == dev_ids
    assert any({u.id for u in split_utterances(utterances, 0.1, seed=seed)[1]} != dev_ids for seed in range(2, 9))


@given(num_speakers=st.integers(1, 8), per_speaker=st.integers(1, 5), share=st.floats(0.01, 0.99))
def test_neither_side_of_a_split_is_empty(num_speakers: int, per_speaker: int, share: float) -> None:
    utterances = corpus(num_speakers, per_speaker)
    if len(utterances) < 2:
        return
    train, dev = split_utterances(utterances, share)
    assert train
    assert dev


def test_splits_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="dev_share must lie between 0 and 1, not 1"):
        split_utterances(corpus(5, 5), 1.0)
    with pytest.raises(ManifestError, match=r"1 utterance\(s\) cannot be split"):
        split_utterances(corpus(1, 1))


PARTS = ("start\tend", "start_time\tend_time", "offset\tend", "start_s\tend_s", "begin\tstop", "START\tEnd")


@pytest.mark.parametrize("names", PARTS)
@pytest.mark.parametrize("separator", ["\t", ","])
def test_start_and_end_cut_a_part_by_any_of_their_names(tmp_path: Path, names: str, separator: str) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(3 * 8_000), 8_000)
    table = f"path\t{names}\ttext\na.wav\t0\t1\tone\na.wav\t1\t2.5\ttwo\na.wav\t2\t\tthree\n"
    (tmp_path / "m.tsv").write_text(table.replace("\t", separator))
    parts = read_manifest(tmp_path / "m.tsv")
    assert [(part.start_s, part.end_s, part.duration_s) for part in parts] == [
        (0, 1, 1),
        (1, 2.5, 1.5),
        (2, None, None),
    ]
    assert [len(part.waveform(8_000)) for part in parts] == [8_000, 12_000, 8_000]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("path;text;start;end", "a.wav;one, two;0.5;1.5"),  # as Excel writes where a comma is in numbers
        ("audio,begin,end,sentence", 'a.wav,0.5,1.5,"one, two"'),
        ("file\tstart\tend\ttranscript", "a.wav\t0.5\t1.5\tone, two"),
        ("filename,wav,offset,duration,text,transcription", 'a.wav,b.wav,0.5,1,"one, two",else'),
        ('{"audio": "a.wav", "begin": 0.5, "end": 1.5, "transcript": "one, two"}', ""),
        ('{"wav": "b.wav", "path": "a.wav", "start": 0.5, "duration": 1, "sentence": "else", "text": "one, two"}', ""),
    ],
)
def test_columns_are_read_by_the_names_that_people_give_them(folder: Path, header: str, row: str) -> None:
    (utterance,) = read_manifest(write(folder / "m.csv", f"{header}\n{row}\n"))
    assert utterance.audio_path == folder / "a.wav"
    assert (utterance.text, utterance.start_s, utterance.end_s) == ("one, two", 0.5, 1.5)


def test_channels_without_ids_are_utterances_of_their_own(folder: Path) -> None:
    found = read_manifest(write(folder / "m.csv", "path,channel,text\na.wav,1,one\na.wav,2,two\n"))
    assert [(utterance.id, utterance.channel) for utterance in found] == [("a-ch1", 1), ("a-ch2", 2)]


def test_columns_that_nobody_reads_are_named(tmp_path: Path) -> None:
    for content, ignored in (
        ("path\tbegins\ttext\tvotes\n", ["begins", "votes"]),
        ("Path;Text;From;Votes\n", ["From", "Votes"]),
        ("file,path,sentence,text\n", ["file", "sentence"]),  # of two that could be one, one is
        ("path,text,from s\n", ["from s"]),
        ('{"audio_filepath": "a.wav", "text": "a", "lang": "de"}\n', ["lang"]),
        ("utterance_id\tpath\tseconds\ttext\n", []),
        ("utterance_id\tpath\tweight\tconfidence\ttext\n", []),  # of `asrkit data label`
        ("utterance_id\tpath\tsnr\tcodec\ttext\n", []),  # of `asrkit data degrade`
    ):
        (tmp_path / "m.tsv").write_text(content)
        told = [f"columns that are not read: {', '.join(ignored)}"] if ignored else []
        assert left_out(tmp_path / "m.tsv") == told
    assert left_out(tmp_path) == []


def test_only_recordings_that_are_gone_name_the_way_to_go_on_without_them(tmp_path: Path) -> None:
    (tmp_path / "m.tsv").write_text("path\ttext\ngone.wav\tone\n")
    with pytest.raises(ManifestError, match=r"no audio file .*asrkit data import .*m.tsv -o usable.tsv"):
        read_manifest(tmp_path / "m.tsv")
    (tmp_path / "m.tsv").write_text("path\ttext\n\tone\ngone.wav\tone\n")
    with pytest.raises(ManifestError) as caught:
        read_manifest(tmp_path / "m.tsv")
    assert "data import" not in str(caught.value)


def test_a_channel_is_read_alone_and_written_again(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.stack([np.full(800, 0.5), np.full(800, -0.25)], axis=1), 8_000)
    (tmp_path / "m.tsv").write_text("id\tpath\tchannel\ttext\nl\ta.wav\t0\tone\nr\ta.wav\t1\ttwo\nb\ta.wav\t\tx\n")
    utterances = read_manifest(tmp_path / "m.tsv")
    levels = [float(utterance.waveform(8_000).mean()) for utterance in utterances]
    assert levels == pytest.approx([0.5, -0.25, 0.125], abs=1e-3)
    for name in ("again.tsv", "again.jsonl"):
        write_manifest(tmp_path / name, utterances)
        assert [utterance.channel for utterance in read_manifest(tmp_path / name)] == [0, 1, None]
    (tmp_path / "m.tsv").write_text("path\tchannel\ttext\na.wav\tleft\tone\n")
    with pytest.raises(ManifestError, match="the channel 'left' is not a whole number from 0"):
        read_manifest(tmp_path / "m.tsv")


@pytest.mark.parametrize("name", ["m.tsv", "m.jsonl"])
def test_weights_are_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.wav").write_bytes(b"")
    rows = [Utterance("a", tmp_path / "a.wav", "x", weight=0.25), Utterance("b", tmp_path / "a.wav", "y")]
    write_manifest(tmp_path / name, rows)
    assert [row.weight for row in read_manifest(tmp_path / name)] == [0.25, 1.0]
    write_manifest(tmp_path / name, rows[1:])
    assert "weight" not in (tmp_path / name).read_text()


@pytest.mark.parametrize(
    ("weight", "message"), [("0", "weight of 'a' is 0"), ("-1", "not a number"), ("x", "not a number")]
)
def test_a_weight_that_is_none_is_refused(tmp_path: Path, weight: str, message: str) -> None:
    (tmp_path / "a.wav").write_bytes(b"")
    (tmp_path / "m.tsv").write_text(f"utterance_id\tpath\tweight\ttext\na\ta.wav\t{weight}\tx\n")
    with pytest.raises(ManifestError, match=message):
        read_manifest(tmp_path / "m.tsv")
