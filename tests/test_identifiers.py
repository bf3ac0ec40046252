from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrkit.data import scan_manifest
from asrkit.metrics.transcripts import read_columns, read_transcripts
from asrkit.text.identifiers import escape_id, escape_rest, ids_of_rows, is_id, printable
from asrkit.transcription.recordings import find_recordings


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("plain/name-1.a", "plain/name-1.a"),
        ("my file", "my%20file"),
        ("tab\tline\nend", "tab%09line%0Aend"),
        ("100%", "100%25"),
        ("\udcff", "%FF"),  # a byte that is not UTF-8
        ("\ud800", "%ED%A0%80"),  # half of a character, as JSON can write it
        ("日本語 😀", "日本語%20😀"),
        ("\x1b[31mred", "%1B[31mred"),
    ],
)
def test_ids_hold_nothing_that_breaks_a_line(name: str, escaped: str) -> None:
    assert escape_id(name) == escaped
    assert is_id(escaped) and (is_id(name) or escape_rest(name) != name)


@given(st.text(), st.text())
def test_different_names_give_different_ids(first: str, second: str) -> None:
    assert (escape_id(first) == escape_id(second)) == (first == second)
    assert len(escape_id(first).split()) <= 1


@pytest.mark.parametrize(
    ("rows", "ids"),
    [
        ([("wavs/a b 0.wav", None)], ["a%20b%200"]),
        ([("a b.wav", None), ("a_b.wav", None)], ["a%20b", "a_b"]),
        ([("100%.wav", "")], ["100%25"]),
        ([("a/x.wav", None), ("b/x.wav", None), ("c/y.wav", None)], ["a-x", "b-x", "y"]),
        ([("/a/x.wav", None), ("../b/./x.wav", None)], ["a-x", "b-x"]),
        ([("r.wav", "0"), ("r.wav", 1.5)], ["r-0", "r-1.5"]),  # parts of one recording
        ([("s/r.wav", 0.0), ("s/r.wav", None)], ["s-r-0.0", "s-r"]),
        ([("x.wav", None), ("x.mp3", None)], ["x.wav", "x.mp3"]),  # what folders do
        ([("a/x.wav", None), ("a/x.mp3", 2)], ["a-x.wav", "a-x.mp3-2"]),
        ([("a\\x.wav", None), ("b\\y z.wav", None)], ["x", "y%20z"]),  # a table written on Windows
        ([("x.wav", None), ("x.wav", None)], ["x", "x"]),  # the same twice: for the reader to refuse
        ([("dir.v1/no_suffix", None)], ["no_suffix"]),
    ],
)
def test_rows_without_ids_are_called_after_their_files(rows: list[tuple[str, object]], ids: list[str]) -> None:
    assert ids_of_rows([(*row, None) for row in rows]) == ids


def test_channels_of_a_recording_are_told_apart() -> None:
    rows = [("c.wav", None, 1), ("c.wav", "", "2"), ("c.wav", 1.5, 2), ("d.wav", None, 1)]
    assert ids_of_rows(rows) == ["c-ch1", "c-ch2", "c-1.5-ch2", "d"]


@given(st.lists(st.from_regex(r"\A(?:[ab] ?/){0,2}[xX% ]{1,2}(?:\.(?:wav|mp3)){0,2}\Z"), unique=True, max_size=8))
def test_rows_of_different_files_have_ids_and_order_does_not_matter(paths: list[str]) -> None:
    rows: list[tuple[str, object, object]] = [(path, None, None) for path in paths]
    ids = ids_of_rows(rows)
    assert all(map(is_id, ids))
    assert dict(zip(reversed(rows), ids_of_rows(rows[::-1]), strict=True)) == dict(zip(rows, ids, strict=True))


NAMES = ["a b 0.wav", "a_b_0.wav", "100%.wav", "ünï cödé.wav", "tab\there.wav", "dots.v1.wav", "a\u200db.wav"]


@pytest.mark.parametrize("kind", ["nemo", "tsv"])
def test_a_folder_its_manifest_and_a_reference_agree_on_ids(kind: str, tmp_path: Path) -> None:
    names = [name for name in NAMES if kind == "nemo" or "\t" not in name]
    for name in names:
        (tmp_path / "some wavs").mkdir(exist_ok=True)
        (tmp_path / "some wavs" / name).write_bytes(b"0")
    manifest = tmp_path / ("m.jsonl" if kind == "nemo" else "m.tsv")
    if kind == "nemo":
        rows = [json.dumps({"audio_filepath": f"some wavs/{name}", "text": "hello"}) for name in names]
    else:
        rows = ["path\ttext", *(f"some wavs/{name}\thello" for name in names)]
    manifest.write_text("\n".join(rows) + "\n")
    ids = sorted(recording.utterance_id for recording in find_recordings([tmp_path / "some wavs"]))
    assert ids == sorted(map(escape_id, (name.removesuffix(".wav") for name in names)))
    assert sorted(recording.utterance_id for recording in find_recordings([manifest])) == ids
    assert sorted(utterance.id for utterance in scan_manifest(manifest)[0]) == ids
    assert sorted(read_transcripts(manifest).ids or []) == ids
    assert sorted(read_columns(manifest)[0]) == ids


def test_parts_and_twins_have_the_same_ids_for_all_readers(tmp_path: Path) -> None:
    """Offsets, equal names in two folders, and two formats of one recording."""
    rows = [("a/x y.wav", 0.0), ("a/x y.wav", 1.5), ("b/x y.wav", None), ("z.wav", None), ("z.mp3", 2)]
    for audio, _ in rows:
        (tmp_path / audio).parent.mkdir(exist_ok=True)
        (tmp_path / audio).write_bytes(b"0")
    manifest = tmp_path / "m.json"
    entries = [{"audio_filepath": audio, "text": "t"} | ({} if s is None else {"offset": s}) for audio, s in rows]
    manifest.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    ids = ["a-x%20y-0.0", "a-x%20y-1.5", "b-x%20y", "z.wav", "z.mp3-2"]
    assert read_transcripts(manifest, format="jsonl").ids == ids
    utterances, problems = scan_manifest(manifest)
    assert ([utterance.id for utterance in utterances], problems) == (ids, [])
    assert {recording.utterance_id for recording in find_recordings([manifest])} == set(ids)


@pytest.mark.parametrize("code", [*range(0x20), 0x7F, 0x9B, 0x200E, 0x202E, 0x2066, 0x2028, 0xDC80])
def test_nothing_printable_steers_a_terminal_or_hides_what_follows(code: int) -> None:
    shown = printable(f"a  b{chr(code)}c")
    assert shown.startswith("a  b%") and shown.endswith("c")
    assert shown.isprintable()
