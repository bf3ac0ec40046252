from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from asrkit.errors import ManifestError, MissingPathError, TranscriptionError
from asrkit.transcription.listing import by_suffix, say_left_out
from asrkit.transcription.recordings import find_recordings
from asrkit.transcription.scanning import Scanner


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder of files that look like audio; nothing here opens them."""
    for name in (
        "wavs/a/x.wav",
        "wavs/b/x.WAV",
        "wavs/b/deep/y.flac",
        "wavs/notes.txt",
        "wavs/.hidden.wav",
        "wavs/.git/z.wav",
        "other/x.wav",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"0")
    return tmp_path


@pytest.mark.parametrize(
    ("inputs", "ids"),
    [
        (["wavs"], ["a/x", "b/deep/y", "b/x"]),
        (["wavs/"], ["a/x", "b/deep/y", "b/x"]),
        (["wavs/a"], ["x"]),
        (["wavs/a", "wavs/b"], ["a/x", "b/deep/y", "b/x"]),
        (["wavs", "wavs/a/x.wav", "./wavs"], ["a/x", "b/deep/y", "b/x"]),  # named twice, taken once
        (["wavs", "other"], ["other/x", "wavs/a/x", "wavs/b/deep/y", "wavs/b/x"]),
        (["wavs/a/x.wav"], ["x"]),
        (["wavs/a/x.wav", "wavs/b/x.WAV"], ["a/x", "b/x"]),
        (["wavs/notes.txt"], ["notes"]),  # a file that is named is taken whatever its suffix
        (["wavs/*/x.*"], ["a/x", "b/x"]),
        (["wavs/**/*.flac"], ["b/deep/y"]),
        (["wavs/[ab]"], ["a/x", "b/deep/y", "b/x"]),  # folders, as where the shell expands it
    ],
)
def test_ids_are_paths_below_the_folder_that_holds_all_inputs(
    inputs: list[str], ids: list[str], tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree)
    found = find_recordings(inputs)
    assert [recording.utterance_id for recording in found] == ids
    assert [recording.output for recording in found] == ids
    assert all(recording.path.is_absolute() and recording.path.is_file() for recording in found)


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ({"recursive": False}, []),
        ({"include": ["*.flac"]}, ["b/deep/y"]),
        ({"include": ["b/*"]}, ["b/deep/y", "b/x"]),
        ({"exclude": ["deep/*", "*/deep/*"]}, ["a/x", "b/x"]),
        ({"include": ["*.txt"]}, ["notes"]),
    ],
)
def test_folders_are_filtered(options: dict[str, object], ids: list[str], tree: Path) -> None:
    if ids:
        assert [r.utterance_id for r in find_recordings([tree / "wavs"], **options)] == ids  # type: ignore[arg-type]
    else:
        with pytest.raises(TranscriptionError, match="nothing to transcribe"):
            find_recordings([tree / "wavs"], **options)  # type: ignore[arg-type]


def test_every_missing_path_is_named(tree: Path) -> None:
    with pytest.raises(MissingPathError, match=r"nowhere.*absent\*\.wav"):
        find_recordings([tree / "wavs", tree / "nowhere", str(tree / "absent*.wav")])


def test_what_cannot_be_looked_at_is_a_problem_of_its_own(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat, scan = os.stat, os.scandir

    def denied(path: object, call: Any, **options: Any) -> Any:
        if str(path).startswith(f"{tree}/other/") or (call is scan and str(path) == str(tree / "other")):
            raise PermissionError(13, "Permission denied", str(path))
        return call(path, **options)

    monkeypatch.setattr(os, "stat", lambda path, **options: denied(path, stat, **options))
    monkeypatch.setattr(os, "scandir", lambda path: denied(path, scan))
    found = find_recordings([tree / "wavs", tree / "other", tree / "other/x.wav"])
    assert {recording.utterance_id: recording.problem for recording in found if recording.problem} == {
        "other": "the folder cannot be listed: permission denied",
        "other/x": "cannot be read: permission denied",
    }
    assert len(found) == 5


def test_an_empty_folder_beside_others_is_a_problem(tree: Path) -> None:
    (tree / "empty").mkdir()
    (tree / "list.tsv").write_text("utterance_id\tpath\nu1\twavs/a/x.wav\n")
    for others, ids in ((["wavs/a"], ["empty", "wavs/a/x"]), (["list.tsv"], ["empty", "u1"]), (["wavs/b"], None)):
        found = find_recordings([tree / "empty", *(tree / other for other in others)])
        assert [r.problem for r in found if r.utterance_id == "empty"] == ["the folder holds no recordings"]
        assert ids is None or [r.utterance_id for r in found] == ids
    flat = find_recordings([tree / "wavs", tree / "wavs/a"], recursive=False)  # the first has none of its own
    assert [(r.utterance_id, r.problem) for r in flat] == [("a/x", None)]
    assert len(find_recordings([tree / "wavs", tree / "other"], include=["y*"])) == 1  # filtered away, not lost


def test_link_loops_end_and_broken_links_are_problems(tree: Path) -> None:
    (tree / "wavs/b/loop").symlink_to(tree / "wavs")
    (tree / "wavs/b/gone.wav").symlink_to(tree / "nothing.wav")
    os.mkfifo(tree / "wavs/pipe.wav")
    found = {recording.utterance_id: recording.problem for recording in find_recordings([tree / "wavs"])}
    assert found == {
        "a/x": None,
        "b/deep/y": None,
        "b/x": None,
        "b/gone": "is a link to a file that does not exist",
        "pipe": "is not a regular file; pipe it in as - or save it first",
    }


def test_manifests_bring_their_own_ids(tree: Path) -> None:
    manifest = tree / "list.tsv"
    manifest.write_text("utterance_id\tpath\tstart\tseconds\nu1\twavs/a/x.wav\t1.5\t2\n../up\twavs/b/x.WAV\t\t\n")
    first, second = find_recordings([manifest])
    assert (second.utterance_id, second.start_s, second.end_s) == ("u1", 1.5, 3.5)
    assert (first.utterance_id, first.output) == ("../up", "%2E%2E/up")  # never leaves the output folder


@pytest.mark.parametrize("named", ["data", "data/wav.scp"])
def test_a_kaldi_folder_is_a_manifest(named: str, tree: Path) -> None:
    (tree / "data").mkdir()
    (tree / "data/wav.scp").write_text(f"r1 {tree}/wavs/a/x.wav\nr2 {tree}/gone.wav\n")
    (tree / "data/text").write_text("u1 hello\nu2 \n")
    (tree / "data/segments").write_text("u1 r1 0.5 2.0\nu2 r2 0 1\n")
    bad, good = find_recordings([tree / named])
    assert (good.utterance_id, good.path, good.start_s, good.end_s) == ("u1", tree / "wavs/a/x.wav", 0.5, 2.0)
    assert bad.utterance_id == "data:2" and "gone.wav" in (bad.problem or "")
    (tree / "wavs/wav.scp").touch()  # beside audio and without texts it is no such folder
    assert len(find_recordings([tree / "wavs"])) == 3


def test_a_missing_recording_of_a_manifest_is_a_failure_of_its_own(tree: Path) -> None:
    manifest = tree / "list.jsonl"
    manifest.write_text('{"audio_filepath": "wavs/a/x.wav"}\n{"audio_filepath": "gone.wav"}\n')
    good, bad = sorted(find_recordings([manifest]), key=lambda recording: recording.problem or "")
    assert (good.utterance_id, good.problem) == ("x", None)
    assert bad.utterance_id == "list.jsonl:2" and "gone.wav" in (bad.problem or "")


def test_a_broken_manifest_is_an_error(tree: Path) -> None:
    manifest = tree / "list.tsv"
    manifest.write_text("utterance_id\tpath\nu\twavs/a/x.wav\nu\twavs/b/x.WAV\n")
    with pytest.raises(ManifestError, match=r"list\.tsv:3: duplicate id 'u'"):
        find_recordings([manifest])


def test_files_passed_over_for_their_suffix_are_counted(tree: Path) -> None:
    for name in (
        "a.mpc",
        "b.MPC",
        "deep/c.tta",
        "plain",
        ".d.mpc",
        "notes.pdf",
        "a/x.txt",
        "a/x.wav.srt",
        "a/x.ch2.vtt",
    ):
        (tree / "wavs" / name).parent.mkdir(exist_ok=True)
        (tree / "wavs" / name).write_bytes(b"0")
    (tree / "wavs/out").mkdir()
    for name in ("run.json", "hyp.txt", "y.txt"):  # a run's own, though no recording is beside them
        (tree / "wavs/out" / name).write_bytes(b"0")
    for options, counts in (
        ({}, {"mpc": 2, "hidden": 1, "none": 1, "pdf": 1, "tta": 1, "txt": 1}),
        ({"exclude": ["*.pdf", "deep/*"]}, {"mpc": 2, "hidden": 1, "none": 1, "txt": 1}),
        ({"recursive": False}, {"mpc": 2, "hidden": 1, "none": 1, "pdf": 1, "txt": 1}),
        ({"include": ["*.wav"]}, {}),  # whoever says what to take knows what is left
    ):
        left_out: set[Path] = set()
        find_recordings([tree / "wavs", tree / "wavs/a", tree / "wavs/a/x.wav"], left_out=left_out, **options)  # type: ignore[arg-type]
        assert by_suffix(left_out) == counts
    named: set[Path] = set()
    find_recordings([tree / "wavs", tree / "wavs/a.mpc"], left_out=named)
    assert by_suffix(named)["mpc"] == 1


def test_hidden_recordings_are_counted_but_not_what_macos_keeps_beside_files(tmp_path: Path) -> None:
    for name in ("a.wav", ".b.wav", "._a.wav", ".DS_Store", ".c.txt"):
        (tmp_path / name).write_bytes(b"0")
    left_out: set[Path] = set()
    assert [one.path.name for one in find_recordings([tmp_path], left_out=left_out)] == ["a.wav"]
    assert by_suffix(left_out) == {"hidden": 1}


@pytest.mark.parametrize("given", ["wavs", "wavs/**/*.wav", "other/../wavs/**/*.wav"])
@pytest.mark.parametrize("exclude", ["a/*", "b.wav", "{top}/wavs/a/*", "*/a/*"])
def test_what_is_excluded_is_in_no_folder_and_no_pattern(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, exclude: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    for name in ("wavs/a/b.wav", "wavs/c.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"0")
    found = find_recordings([given], exclude=[exclude.format(top=tmp_path)])
    assert [one.path.name for one in found] == ["c.wav"]


def test_what_is_left_out_is_one_line() -> None:
    assert say_left_out({"mp2": 1}) == "1 file left out (mp2 1); name them, or a pattern, to take them"
    many = {f"s{number}": 2_000 for number in range(12)}
    assert say_left_out(many).startswith("24,000 files left out (s0 2,000, s1")
    assert "s9 2,000 and 2 more kinds)" in say_left_out(many)


def test_a_folder_of_other_files_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "a.mpc").write_bytes(b"0")
    with pytest.raises(TranscriptionError, match=r"1 file left out \(mpc 1\)"):
        find_recordings([tmp_path])


ROW = '{"utterance_id": "x", "audio": "x.wav", "text": "", "confidence": 1, "words": [], "provenance": {}}'


@pytest.mark.parametrize(
    ("name", "content", "is_left_out"),
    [
        ("a/x.txt", "hello", True),
        ("a/x.wav.txt", "hello", True),
        ("a/x.ch1.srt", "1", True),
        ("b/x.TextGrid", "", True),  # beside x.WAV
        ("a/other.txt", "hello", False),  # beside no recording
        ("a/x.pdf", "", False),
        ("a/x.json", ROW, True),
        ("other/results.jsonl", ROW + "\n" + ROW, True),
        ("a/x.tsv", "start_s\tend_s\tword\tconfidence\n", True),
        ("a/x.tsv", "utterance_id\tpath\nu\tx.wav\n", False),  # a manifest, whatever it is beside
        ("a/x.jsonl", '{"utterance_id": "u", "audio_filepath": "x.wav"}\n', False),
    ],
)
def test_what_a_run_wrote_is_no_input(name: str, content: str, is_left_out: bool, tree: Path) -> None:
    def ids(*inputs: str) -> set[str]:
        return {recording.utterance_id for recording in find_recordings([tree / "wavs/b/deep/y.flac", *inputs])}

    path = tree / ("wavs" if name[1] == "/" else "") / name
    without = ids(str(path.parent / "*"))
    path.write_text(content)
    assert (ids(str(path)) == {"y"}) == is_left_out
    assert (ids(str(path.parent / "*")) == without) == is_left_out


def test_a_missing_line_of_a_list_is_a_failure_of_its_own(tree: Path) -> None:
    gone = str(tree / "wavs/a/gone.wav")
    found = find_recordings([tree / "wavs/a/x.wav"], [tree / "wavs/b/x.WAV", gone, str(tree / "none*.wav")])
    problems = {recording.utterance_id: recording.problem for recording in found}
    missing = "no such file or folder"
    assert problems == {"wavs/a/x": None, "wavs/b/x": None, "wavs/a/gone": missing, "none*": missing}
    write = [recording.path for recording in found if recording.problem]
    assert Path(gone) in write
    with pytest.raises(MissingPathError):
        find_recordings([gone], [tree / "wavs/a/x.wav"])


def test_a_manifest_may_name_a_channel(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    sides = np.stack([0.1 * random.standard_normal(8_000), 0.2 * random.standard_normal(8_000)], axis=1)
    soundfile.write(tmp_path / "call.wav", sides, 8_000)
    manifest = tmp_path / "calls.tsv"
    manifest.write_text("utterance_id\tpath\tchannel\nleft\tcall.wav\t0\nright\tcall.wav\t1\nboth\tcall.wav\t\n")
    found = {recording.utterance_id: recording for recording in find_recordings([manifest])}
    assert {id: recording.channel for id, recording in found.items()} == {"left": 0, "right": 1, "both": None}
    scanner = Scanner(None, None, "key", split_channels=True)
    scanned = [item for chunk in scanner.scan(list(found.values()), threads=1) for item in chunk]
    ids = {item.recording.utterance_id: item.recording.fingerprint for item in scanned}
    assert set(ids) == {"left", "right", "both.ch1", "both.ch2"}
    assert ids["left"] == ids["both.ch1"] != ids["right"] == ids["both.ch2"], "the same side, and never the other"
