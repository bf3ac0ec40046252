"""Names that clash and places that are taken, from the command line to the files."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from fake_recognition import FakeDecoder, FakeModel, FakeNetwork, Watcher, contents, expected_text, run, write_speech
from oracles_naming import former_file, former_name_of_id
from random_bundle import random_bundle

from asrkit.cli import main
from asrkit.config import TranscriptionConfig
from asrkit.emissions import EmissionsInfo, pack_emissions, read_info
from asrkit.errors import TranscriptionError
from asrkit.transcription import decode_emissions
from asrkit.transcription.transcript import Transcript

Invoke = Callable[..., tuple[int, str]]


@pytest.fixture
def asrkit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Invoke:
    """``asrkit ARGUMENTS`` in a folder with a model; gives the exit code and what it said."""
    random_bundle(tmp_path / "models/latest")
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["asrkit", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), capsys.readouterr().err

    return invoke


def write_manifest(path: Path, ids: list[str], seconds: float = 0.3) -> list[Path]:
    """Write a manifest of so many recordings, all different."""
    rows = ["utterance_id\tpath"]
    audio = [write_speech(path.parent / f"audio/{index}.wav", seconds + index / 10, index) for index in range(len(ids))]
    rows += [f"{utterance_id}\taudio/{index}.wav" for index, utterance_id in enumerate(ids)]
    path.write_text("\n".join(rows) + "\n")
    return audio


def rows_of(folder: Path) -> dict[str, str]:
    rows = map(json.loads, (folder / "results.jsonl").read_text().splitlines())
    return {row["utterance_id"]: row["text"] for row in rows}


def files_below(folder: Path, pattern: str) -> list[Path]:
    return [path for path in folder.rglob(pattern) if path.is_file() and path != folder / "hyp.txt"]


def texts_below(folder: Path) -> list[str]:
    return sorted(path.read_text() for path in files_below(folder, "*.txt"))


TWO_IDS = [
    ["a//b", "a/b"],
    ["a\\b", "a/b"],
    ["/a", "a"],
    ["a/", "a"],
    ["A", "a"],
    ["é", "e\u0301"],
    ["a", "a.txt/b"],
    ["x" * 300 + "/y", "x" * 301 + "/y"],
    ["y" * 300, "y" * 301],
    ["hyp", "hyp.txt/a"],
    ["results.jsonl/a", "results"],
    ["../a", "a"],
    ["con", "nul/x"],
]


@pytest.mark.parametrize("ids", TWO_IDS, ids=lambda ids: ascii(ids)[:40])
def test_two_ids_never_share_a_file(ids: list[str], tmp_path: Path, asrkit: Invoke) -> None:
    write_manifest(tmp_path / "m.tsv", [*ids, "other"])
    code, said = asrkit("transcribe", "m.tsv", "-f", "txt", "-f", "srt", "--keep-emissions")
    assert (code, "3 transcribed" in said) == (0, True)
    out = tmp_path / "transcripts"
    rows = rows_of(out)
    assert sorted(rows) == sorted([*ids, "other"])
    assert texts_below(out) == sorted(f"{text}\n" for text in rows.values())
    assert len(files_below(out, "*.srt")) == len(files_below(out / "emissions", "*.npz")) == 3
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("audio", "m.tsv", "models")] == [out.name]
    before = contents(out)
    code, said = asrkit("transcribe", "m.tsv", "-f", "txt", "-f", "srt", "--keep-emissions")
    assert code == 0 and "0 transcribed, 3 already done" in said
    assert contents(out) == before
    code, said = asrkit("transcribe", "--emissions", "transcripts", "-o", "again")
    assert code == 0 and rows_of(tmp_path / "again") == rows


PAIRS = [
    ["a.wav", "a.txt/b.wav"],
    ["x.wav", "x.emissions.npz/y.wav"],
    ["results.jsonl/a.wav", "results.wav"],
    ["hyp.txt/a.wav", "hyp.wav", "hyp.flac"],
    ["run.json/a.wav", "failures.tsv/a.wav", ".asrkit/a.wav"],
    ["emissions/a.wav", "a.txt/b.wav", "emissions.wav"],
    ["aux.wav", "end./a.wav", "end/a.wav"],
    ["con.wav", "CON.flac", "con/con.wav"],
    ["d/X.wav", "D/x.wav"],
    ["_" * 251 + ".wav", "_" * 250 + "a.wav", "_" * 250 + ".flac"],
]


@pytest.mark.parametrize("names", PAIRS, ids=lambda names: ascii(names)[:40])
def test_a_pair_of_names_never_ends_a_run(names: list[str], tmp_path: Path, asrkit: Invoke) -> None:
    inputs = [tmp_path / "in" / name for name in names]
    for index, path in enumerate([*inputs, *(tmp_path / f"in/more{index}.wav" for index in range(3))]):
        write_speech(path, 0.3 + index / 10, index)
    hidden = sum(any(part.startswith(".") for part in Path(name).parts) for name in names)
    total = len(names) + 3 - hidden
    for formats in (["txt"], ["txt", "srt", "json", "textgrid"]):
        code, said = asrkit(
            "transcribe", "in", "--keep-emissions", *(word for name in formats for word in ("-f", name))
        )
        assert code == 0 and f"{total if formats == ['txt'] else 0} transcribed" in said
    out = tmp_path / "transcripts"
    assert texts_below(out) == sorted(f"{text}\n" for text in rows_of(out).values())
    assert len(rows_of(out)) == len(files_below(out, "*.TextGrid")) == len(files_below(out, "*.npz")) == total
    assert len((out / "hyp.txt").read_text().splitlines()) == total


@pytest.mark.parametrize(
    "own", ["hyp.txt", "results.jsonl", "failures.tsv", "run.json", ".asrkit.lock", ".asrkit.files"]
)
@pytest.mark.parametrize("flags", [[], ["--overwrite"], ["--dry-run"]], ids=str)
def test_a_folder_in_the_place_of_a_table_is_found_before_the_work(
    own: str, flags: list[str], tmp_path: Path, asrkit: Invoke
) -> None:
    write_speech(tmp_path / "in/a.wav", 0.3)
    (tmp_path / "transcripts" / own).mkdir(parents=True)
    code, said = asrkit("transcribe", "in", *flags)
    assert code == 1
    assert said.splitlines()[-1].startswith(f"asrkit: transcripts/{own}: is a folder where the run keeps a file")
    assert [path.name for path in (tmp_path / "transcripts").iterdir()] == [own]


def block(path: Path, how: str) -> None:
    """Put something where a transcript should go."""
    if how == "folder":
        path.mkdir(parents=True)
    elif how == "file":
        path.parent.parent.mkdir(parents=True, exist_ok=True)
        path.parent.write_text("in the way")


@pytest.mark.parametrize("how", ["folder", "file"])
@pytest.mark.parametrize("keep", [[], ["--keep-emissions"]], ids=str)
def test_what_cannot_be_written_is_a_failure_of_its_own(
    how: str, keep: list[str], tmp_path: Path, asrkit: Invoke
) -> None:
    for index, name in enumerate(("a", "d/b", "c")):
        write_speech(tmp_path / f"in/{name}.wav", 0.3 + index / 10, index)
    out = tmp_path / "out"
    blocked = out / ("emissions/d/b.emissions.npz" if keep else "d/b.txt")
    out.mkdir()
    (out / "run.json").write_text("{}")  # a run was here before
    block(blocked, how)
    arguments = ["transcribe", "in", "-o", "out", *keep]
    for done in ("2 transcribed", "2 already done"):
        code, said = asrkit(*arguments)
        assert code == 3 and done in said
        _, line = (out / "failures.tsv").read_text().splitlines()
        utterance_id, audio, why = line.split("\t")
        assert (utterance_id, audio) == ("d/b", str(tmp_path / "in/d/b.wav"))
        assert str(blocked.relative_to(tmp_path)) in why and "cannot be written" in why
        assert sorted(rows_of(out)) == (["a", "c"] if keep else ["a", "c", "d/b"])  # the text itself is not lost
        assert {(out / f"{name}.txt").read_text() for name in "ac"} == {rows_of(out)[name] + "\n" for name in "ac"}
    shutil.rmtree(blocked) if how == "folder" else blocked.parent.unlink()
    code, said = asrkit(*arguments)
    assert code == 0 and not (out / "failures.tsv").exists()
    assert ("0 transcribed" in said) is not bool(keep)  # emissions take the network once more
    assert (out / "d/b.txt").read_text() == rows_of(out)["d/b"] + "\n"


@pytest.mark.parametrize("number", [errno.ENAMETOOLONG, errno.EACCES, errno.EROFS, errno.EIO])
def test_only_a_full_disk_ends_a_run(number: int, wavs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from asrkit.transcription import outputs

    write = outputs.write_atomically

    def fail(path: Path, text: str) -> None:
        if path.name == "clip 1.txt":
            raise OSError(number, os.strerror(number))
        write(path, text)

    monkeypatch.setattr(outputs, "write_atomically", fail)
    summary = run(wavs, tmp_path)
    assert (summary.num_transcribed, summary.exit_code) == (5, 3)
    (failure,) = summary.failures
    assert failure.utterance_id == "speaker1/clip%201" and os.strerror(number).lower() in failure.reason
    number = errno.ENOSPC
    with pytest.raises(TranscriptionError, match="no space left"):
        run(wavs, tmp_path, overwrite=True)


def test_an_old_file_that_cannot_be_replaced_is_no_new_transcript(
    wavs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(wavs, tmp_path)
    unlink = Path.unlink

    def denied(path: Path, missing_ok: bool = False) -> None:
        if path.name == "clip 1.txt":
            raise PermissionError(errno.EACCES, "Permission denied")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", denied)
    changed = FakeModel(fingerprint="f2")
    assert [failure.utterance_id for failure in run(wavs, tmp_path, model=changed).failures] == ["speaker1/clip%201"]
    monkeypatch.undo()
    watcher = Watcher()
    run(wavs, tmp_path, model=changed, observer=watcher)
    assert watcher.ids == ["speaker1/clip%201"]  # the file there was not taken for the new one


def test_a_folder_is_scored_against_its_manifest(tmp_path: Path, asrkit: Invoke) -> None:
    """File names with spaces, signs and accents, and no ids: both name a recording the same."""
    names = ["a b 0.wav", "a_b_0.wav", "100%.flac", "ünï.wav"]
    for seed, name in enumerate(names):
        write_speech(tmp_path / "nemo wavs" / name, 0.4, seed)
    rows = [{"audio_filepath": f"nemo wavs/{name}", "duration": 0.4, "text": "abc"} for name in names]
    (tmp_path / "m.json").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    assert asrkit("transcribe", "nemo wavs", "-o", "one")[0] == asrkit("transcribe", "m.json", "-o", "two")[0] == 0
    assert rows_of(tmp_path / "one") == rows_of(tmp_path / "two")
    assert asrkit("score", "one/hyp.txt", "m.json") == (0, "")


def test_a_channel_never_takes_the_id_of_another(tmp_path: Path) -> None:
    stereo = write_speech(tmp_path / "in/a.wav", 0.5, channels=2)
    write_speech(tmp_path / "in/a.ch1.wav", 0.4, seed=1)
    write_speech(tmp_path / "in/b.wav", 0.4, seed=2)
    split = TranscriptionConfig(channels="split")
    assert run(tmp_path / "in", tmp_path / "out", config=split).exit_code == 0
    assert sorted(rows_of(tmp_path / "out")) == ["a.ch1.wav", "a.wav.ch1", "a.wav.ch2", "b"]
    assert (tmp_path / "out/a.wav.ch2.txt").read_text().strip() == expected_text(stereo, 1)
    (tmp_path / "m.tsv").write_text("utterance_id\tpath\na\tin/a.wav\na.ch1\tin/b.wav\nb\tin/b.wav\n")
    summary = run(tmp_path / "m.tsv", tmp_path / "named", config=split)
    assert summary.exit_code == 3
    assert [(f.utterance_id, "'a.ch1'" in f.reason) for f in summary.failures] == [("a", True)]
    assert sorted(rows_of(tmp_path / "named")) == ["a.ch1", "b"]


def test_segments_in_place_have_files_of_their_own(tmp_path: Path) -> None:
    write_speech(tmp_path / "r.wav", 3.0)
    (tmp_path / "m.tsv").write_text("utterance_id\tpath\tstart\tseconds\ns1/a\tr.wav\t0\t1\ns2/a\tr.wav\t1\t2\n")
    run(tmp_path / "m.tsv", tmp_path / "out", in_place=True)
    files = [path.read_text() for path in tmp_path.glob("*.txt")]
    assert sorted(files) == sorted(f"{text}\n" for text in rows_of(tmp_path / "out").values())
    assert len(files) == 2


def test_stored_emissions_of_a_stranger_get_good_names(tmp_path: Path) -> None:
    model = FakeModel()
    for index, (path, utterance_id) in enumerate(
        {"hyp": "hyp", "a.txt/b": "x y", "a": "../up", "con": "", "A": "a/"}.items()
    ):
        info = EmissionsInfo(utterance_id, model.symbols, 40.0, 1.0, f"/{index}.wav", "s", "fake", "f1")
        file = tmp_path / f"stored/{path}.emissions.npz"
        file.parent.mkdir(parents=True, exist_ok=True)
        features = FakeNetwork().weights.T[:4].repeat(index + 2, axis=0)
        file.write_bytes(pack_emissions(FakeNetwork().emissions([features])[0].astype(np.float16), info))
        assert read_info(file) == info
    out = tmp_path / "out"
    decode = partial(decode_emissions, tmp_path / "stored", output_dir=out)
    summary = decode(make_decoder=lambda: FakeDecoder(model.alphabet))
    assert (summary.num_transcribed, summary.exit_code) == (5, 0)
    assert sorted(rows_of(out)) == ["../up", "a/", "con", "hyp", "x%20y"]
    assert len((out / "hyp.txt").read_text().splitlines()) == len(texts_below(out)) == 5
    info = replace(info, utterance_id="new")  # all else is what the last one says of itself
    (tmp_path / "stored/new.emissions.npz").write_bytes(pack_emissions(np.full((3, 7), -2, np.float16), info))
    assert decode(make_decoder=lambda: FakeDecoder(model.alphabet)).num_transcribed == 1


def as_the_former_version_wrote(out: Path, audio: dict[str, Path]) -> None:
    """Give the files of a finished run the names, and its rows the ids, that they had before."""
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    former = {str(path): utterance_id for utterance_id, path in audio.items()}
    for path in files_below(out, "*.txt"):
        path.unlink()
    for row in rows:
        row["utterance_id"] = former[row["audio"]]
        *parents, last = former_name_of_id(row["utterance_id"]).split("/")
        file = out.joinpath(*parents, former_file(last, ".txt"))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(row["text"] + "\n")
    rows.sort(key=lambda row: row["utterance_id"])
    (out / "results.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    (out / "hyp.txt").write_text("".join(f"{row['utterance_id']} {row['text']}".rstrip() + "\n" for row in rows))


def test_a_run_of_the_former_version_goes_on(tmp_path: Path) -> None:
    """Names that were good stay; what has another one now is written again, and nothing is transcribed twice."""
    ids = ["plain", "a/b", "100%", "a\\c", "C:x", "hyp", "../up", "z" * 260, "ünï", "v1.2"]
    audio = dict(zip(ids, write_manifest(tmp_path / "m.tsv", ids), strict=True))
    run(tmp_path / "m.tsv", tmp_path / "out")
    before = contents(tmp_path / "out")
    as_the_former_version_wrote(tmp_path / "out", audio)
    assert contents(tmp_path / "out") == before
    watcher = Watcher()
    summary = run(tmp_path / "m.tsv", tmp_path / "out", observer=watcher)
    assert (watcher.ids, summary.num_reused, summary.exit_code) == ([], len(ids), 0)
    assert contents(tmp_path / "out") == before


def test_other_ids_are_no_reason_to_listen_again(tmp_path: Path) -> None:
    """A manifest without ids once called ``a b.wav`` ``a_b``; and one file more may give others new names."""
    audio = [write_speech(tmp_path / f"in/{name}.wav", 0.4, seed) for seed, name in enumerate(("a b", "c"))]
    (tmp_path / "m.tsv").write_text("path\nin/a b.wav\nin/c.wav\n")
    out = tmp_path / "out"
    run(tmp_path / "m.tsv", out)
    as_the_former_version_wrote(out, dict(zip(("a_b", "c"), audio, strict=True)))
    watcher = Watcher()
    assert run(tmp_path / "m.tsv", out, observer=watcher).num_reused == 2
    assert (watcher.ids, sorted(rows_of(out))) == ([], ["a%20b", "c"])
    assert [line.split()[0] for line in (out / "hyp.txt").read_text().splitlines()] == ["a%20b", "c"]
    write_speech(tmp_path / "in/c.flac", 0.4, 7)
    summary = run(tmp_path / "in", out, observer=watcher)
    assert (watcher.ids, summary.num_reused) == (["c.flac"], 2)
    assert sorted(rows_of(out)) == ["a%20b", "c.flac", "c.wav"]
    for name, source in (("a b.txt", audio[0]), ("c.wav.txt", audio[1]), ("c.flac.txt", tmp_path / "in/c.flac")):
        assert (out / name).read_text().strip() == expected_text(source)


def test_recordings_may_change_their_ids_among_themselves(tmp_path: Path) -> None:
    ids = ["a", "b", "c", "d"]
    audio = write_manifest(tmp_path / "m.tsv", ids)
    run(tmp_path / "m.tsv", tmp_path / "out")
    rows = [f"{utterance_id}\taudio/{index}.wav\n" for utterance_id, index in zip(ids, (1, 2, 3, 0), strict=True)]
    (tmp_path / "m.tsv").write_text("utterance_id\tpath\n" + "".join(rows))
    assert run(tmp_path / "m.tsv", tmp_path / "out").num_reused == 4
    expected = {name: expected_text(audio[index]) for name, index in zip(ids, (1, 2, 3, 0), strict=True)}
    assert rows_of(tmp_path / "out") == expected
    assert {name: (tmp_path / f"out/{name}.txt").read_text().strip() for name in ids} == expected


def test_a_kill_between_two_ids_of_one_recording_loses_nothing(tmp_path: Path) -> None:
    for seed in range(4):
        write_speech(tmp_path / f"in/d/{seed}.wav", 0.4, seed)
    out = tmp_path / "out"
    run(tmp_path / "in/d", out)
    write_speech(tmp_path / "in/e.wav", 0.4, 9)

    class Dying(Watcher):
        def transcribed(self, transcript: Transcript) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "in", out, observer=Dying())
    watcher = Watcher()
    assert run(tmp_path / "in", out, observer=watcher).num_reused == 5
    assert (watcher.ids, sorted(rows_of(out))) == ([], ["d/0", "d/1", "d/2", "d/3", "e"])
