"""Corpora as people have them: read in their layout, without what others test with, several at once."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from test_data_imports import lay
from typer.testing import CliRunner

from asrkit.cli.whole import app
from asrkit.data import lhotse, read_manifest, scan_manifest
from asrkit.data.manifest import left_out
from asrkit.errors import ManifestError

CORPORA = {
    "recordings with texts": (
        {"a/one.wav": None, "a/one.txt": "First\nline\n", "two.mp3": None, "two.TXT": "Second"},
        [("a/one.wav", "First line", None), ("two.mp3", "Second", None)],
    ),
    "vctk": (
        {
            "wav48_silence_trimmed/p225/p225_001_mic1.flac": None,
            "wav48_silence_trimmed/p225/p225_001_mic2.flac": None,
            "txt/p225/p225_001.txt": "Please call.",
        },
        [("wav48_silence_trimmed/p225/p225_001_mic1.flac", "Please call.", "p225")],
    ),
    "libritts": (
        {
            "train/84/1/84_1_0.wav": None,
            "train/84/1/84_1_0.normalized.txt": "Mister X.",
            "train/84/1/84_1_0.original.txt": "Mr. X.",
        },
        [("train/84/1/84_1_0.wav", "Mister X.", "84")],
    ),
    "voxforge": (
        {"ralf-2009-abc/wav/a1.wav": None, "ralf-2009-abc/etc/PROMPTS": "ralf-2009-abc/mfc/a1 HE SAID\n"},
        [("ralf-2009-abc/wav/a1.wav", "HE SAID", "ralf")],
    ),
    "tedlium": (
        {
            "data/train/sph/T.sph": None,
            "data/train/stm/T.stm": ";; comment\nT 1 T 0.0 1.0 <o,f0> ignore_time_segment_in_scoring\n"
            "T 1 speaker 0.02 0.09 <o,f0,male> it 's <unk> word(2) {NOISE}\n",
        },
        [("data/train/sph/T.sph", "it's word", "speaker")],
    ),
    "m-ailabs": (
        {"en/by_book/mary/emma/metadata.csv": "e_1|Mr. X|Mister X\n", "en/by_book/mary/emma/wavs/e_1.wav": None},
        [("en/by_book/mary/emma/wavs/e_1.wav", "Mister X", "mary")],
    ),
    "lj with flac": ({"metadata.csv": "a|A\n", "wavs/a.flac": None}, [("wavs/a.flac", "A", "lj")]),
    "lj with a suffix in the id": ({"metadata.csv": "a.wav|A|B\n", "wavs/a.wav": None}, [("wavs/a.wav", "B", "lj")]),
    "lj with a path in the id": ({"metadata.csv": "wavs/a.wav|A\n", "wavs/a.wav": None}, [("wavs/a.wav", "A", "lj")]),
    "audiofolder with splits": (
        {"data/train/metadata.csv": "file_name,transcription\na.wav,one\n", "data/train/a.wav": None},
        [("data/train/a.wav", "one", None)],
    ),
    "common voice without validated.tsv": (
        {"train.tsv": "client_id\tpath\tsentence\nx\ta.mp3\tYes\n", "clips/a.mp3": None},
        [("clips/a.mp3", "Yes", "x")],
    ),
    "librispeech": (
        {
            "train-clean-5/19/198/19-198.trans.txt": "19-198-0000 HELLO YOU\n",
            "train-clean-5/19/198/19-198-0000.flac": None,
        },
        [("train-clean-5/19/198/19-198-0000.flac", "HELLO YOU", "19")],
    ),
}


@pytest.mark.parametrize("name", CORPORA)
def test_corpora_are_read_as_people_have_them(tmp_path: Path, name: str) -> None:
    files, expected = CORPORA[name]
    lay(tmp_path, dict(files))
    for file in files:  # what macOS keeps beside each
        (tmp_path / file).with_name(f"._{Path(file).name}").write_bytes(b"\0\5\x16\7\xff")
    found, problems = scan_manifest(tmp_path)
    assert problems == []
    assert [(Path(os.path.normpath(u.audio_path)), u.text, u.speaker) for u in found] == [
        (tmp_path / audio, text, speaker) for audio, text, speaker in expected
    ]
    assert all(" " not in u.id and not u.id.endswith((".wav", ".flac", ".mp3")) for u in found)


@pytest.mark.parametrize("name", ["recordings with texts", "vctk", "librispeech", "m-ailabs"])
def test_linked_folders_are_read_too(tmp_path: Path, name: str) -> None:
    files, expected = CORPORA[name]
    lay(tmp_path / "elsewhere", dict(files))
    (tmp_path / "corpus").mkdir()
    for path in (tmp_path / "elsewhere").iterdir():
        (tmp_path / "corpus" / path.name).symlink_to(path)
    (tmp_path / "corpus" / "loop").symlink_to(tmp_path / "corpus")
    assert len(read_manifest(tmp_path / "corpus")) == len(expected)


def test_times_of_stm_are_kept(tmp_path: Path) -> None:
    (utterance,) = read_manifest(lay(tmp_path, dict(CORPORA["tedlium"][0])))
    assert (utterance.start_s, utterance.end_s) == (0.02, 0.09)


def test_a_recording_whose_text_is_not_there_or_unreadable_is_named(tmp_path: Path) -> None:
    lay(tmp_path, {"a.wav": None, "a.txt": "one", "b.wav": None, "c.wav": None})
    (tmp_path / "c.txt").write_bytes("three".encode("utf-16"))
    found, problems = scan_manifest(tmp_path)
    assert ([u.id for u in found], [str(p) for p in problems]) == (
        ["a"],
        [
            f"{tmp_path / 'b.wav'}:1: has no text at b.txt",
            f"{tmp_path / 'c.txt'}:1: is not UTF-8; save it as UTF-8 text",
        ],
    )


HELD_OUT = {
    "librispeech": (
        {
            f"{part}/1/2/1-2.trans.txt": f"1-2-{n} A\n"
            for n, part in enumerate(["train-clean-5", "dev-clean", "test-other"])
        }
        | {f"{part}/1/2/1-2-{n}.flac": None for n, part in enumerate(["train-clean-5", "dev-clean", "test-other"])},
        ["1-2-0"],
        "dev-clean (1), test-other (1)",
    ),
    "common voice": (
        {
            "validated.tsv": "client_id\tpath\tsentence\nx\ta.mp3\tA\nx\tb.mp3\tB\nx\tc.mp3\tC\n",
            "test.tsv": "client_id\tpath\tsentence\nx\tb.mp3\tB\n",
            "dev.tsv": "client_id\tpath\tsentence\nx\tc.mp3\tC\n",
        }
        | {f"clips/{name}.mp3": None for name in "abc"},
        ["a"],
        "dev (1), test (1)",
    ),
    "common voice without validated.tsv": (
        {
            "other.tsv": "client_id\tpath\tsentence\nx\ta.mp3\tA\nx\tb.mp3\tB\n",
            "test.tsv": "client_id\tpath\tsentence\nx\tb.mp3\tB\n",
            "clips/a.mp3": None,
            "clips/b.mp3": None,
        },
        ["a"],
        "test (1)",
    ),
    "lhotse": (
        {"a.wav": None}
        | {
            f"x_cuts_{part}.jsonl": json.dumps(
                {
                    "recording": {"sources": [{"type": "file", "source": "a.wav"}]},
                    "supervisions": [{"id": part, "duration": 0.1, "text": "one"}],
                }
            )
            for part in ("train", "dev-clean")
        },
        ["train"],
        "x_cuts_dev-clean (1)",
    ),
    "audiofolder": (
        {f"{part}/metadata.csv": f"file_name,text\n{part[:2]}.wav,x\n" for part in ("train", "validation")}
        | {f"{part}/{part[:2]}.wav": None for part in ("train", "validation")},
        ["tr"],
        "validation (1)",
    ),
}


@pytest.mark.parametrize("name", HELD_OUT)
def test_published_test_sets_are_never_trained_on_without_a_word(tmp_path: Path, name: str) -> None:
    files, ids, told = HELD_OUT[name]
    lay(tmp_path, dict(files))
    assert [utterance.id for utterance in read_manifest(tmp_path)] == ids
    (line,) = left_out(tmp_path)
    assert told in line


def test_a_test_set_that_is_named_is_read(tmp_path: Path) -> None:
    files, *_ = HELD_OUT["librispeech"]
    lay(tmp_path / "test" / "corpus", dict(files))
    assert [u.id for u in read_manifest(tmp_path / "test" / "corpus" / "dev-clean")] == ["1-2-1"]
    assert left_out(tmp_path / "test" / "corpus" / "dev-clean") == []
    lay(tmp_path / "only", {"test/a.wav": None, "test/a.txt": "nothing else is there"})
    assert [u.id for u in read_manifest(tmp_path / "only")] == ["a"]


@pytest.mark.parametrize("packed", [False, True])
def test_lhotse_is_read_without_lhotse(tmp_path: Path, packed: bool) -> None:
    lay(tmp_path, {"a.wav": None})
    recording = {"id": "r", "sources": [{"type": "file", "channels": [0], "source": "a.wav"}], "duration": 0.1}
    said = {
        "id": "s",
        "recording_id": "r",
        "start": 0.02,
        "duration": 0.05,
        "channel": 0,
        "text": "One.",
        "speaker": "x",
    }
    tables = {
        "recordings": [recording],
        "supervisions": [said, {**said, "id": "t", "recording_id": "gone"}],
    }
    for kind, rows in tables.items():
        content = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
        (tmp_path / f"x_{kind}.jsonl{'.gz' * packed}").write_bytes(gzip.compress(content) if packed else content)
    found, problems = scan_manifest(tmp_path)
    assert [(u.id, u.text, u.start_s, u.end_s, u.channel, u.speaker) for u in found] == [
        ("s", "One.", 0.02, 0.07, None, "x")
    ]
    assert [problem.message for problem in problems] == ["its recording 'gone' is in no recordings*.jsonl beside it"]
    cut = {"id": "c", "start": 0.01, "recording": recording, "supervisions": [{**said, "start": 0.02}]}
    (tmp_path / "cuts.jsonl").write_text(f"{json.dumps(cut)}\n{json.dumps({'id': 'm', 'type': 'MixedCut'})}\n")
    found, problems = scan_manifest(tmp_path / "cuts.jsonl")
    assert [(u.id, u.start_s) for u in found] == [("s", 0.03)]
    assert problems[0].message.startswith("is no cut of one recording")


def test_a_line_that_never_ends_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lhotse, "_MOST_IN_A_LINE", 100)
    path = tmp_path / "cuts.jsonl.gz"
    path.write_bytes(gzip.compress(b'{}\n{"id": "' + b"a" * 1_000))
    with pytest.raises(ManifestError, match="line 2 is longer than 100 characters"):
        scan_manifest(path)
    path.write_bytes(gzip.compress(b"{}" + b" " * 97 + b"\n"))
    assert scan_manifest(path)[1]


@pytest.mark.parametrize(
    "change",
    [
        {"supervisions": 5},
        {"supervisions": [5]},
        {"supervisions": [{"id": "s", "start": "soon"}]},
        {"supervisions": [{"id": "s", "channel": [{}]}]},
        {"start": 10**400, "supervisions": [{"id": "s"}]},
        {"recording": {"sources": 5}, "supervisions": [{}]},
        {"recording": {"sources": ["a.wav"]}, "supervisions": [{}]},
    ],
    ids=str,
)
def test_a_value_of_another_type_is_the_problem_of_its_line(tmp_path: Path, change: dict[str, object]) -> None:
    recording = {"sources": [{"type": "file", "channels": [0, 1], "source": "a.wav"}]}
    good = {
        "id": "c",
        "recording": recording,
        "supervisions": [{"id": "s", "text": "One.", "duration": 1, "speaker": 5}],
    }
    lay(tmp_path, {"a.wav": None, "cuts.jsonl": f"{json.dumps({**good, **change})}\n{json.dumps(good)}\n"})
    found, problems = scan_manifest(tmp_path / "cuts.jsonl")
    assert [(u.id, u.speaker) for u in found] == [("s", "5")]
    assert [(p.line, p.message) for p in problems] == [(1, "a value has another type than lhotse gives it")]
    (tmp_path / "cuts.jsonl").write_text(f"{'[' * 100_000}\n5\n{json.dumps(good)}\n{{")  # the last one is cut short
    found, problems = scan_manifest(tmp_path / "cuts.jsonl")
    assert ([u.id for u in found], [p.line for p in problems]) == (["s"], [1, 2, 4])
    assert problems[-1].message.startswith("is not JSON: ")


def test_several_sources_become_one_corpus(tmp_path: Path) -> None:
    for name in ("first", "second"):
        lay(tmp_path / name, {"a.wav": None, "a.txt": f"text of the {name}", f"{name}.wav": None, f"{name}.txt": name})
    result = CliRunner().invoke(
        app, ["data", "import", str(tmp_path / "first"), str(tmp_path / "second"), "-o", str(tmp_path / "m.tsv")]
    )
    assert result.exit_code == 0, result.stderr
    assert "second: 2 utterances" in result.stderr
    read = {u.id: u.text for u in read_manifest(tmp_path / "m.tsv")}
    assert read == {
        "first-a": "text of the first",
        "first": "first",
        "second-a": "text of the second",
        "second": "second",
    }
