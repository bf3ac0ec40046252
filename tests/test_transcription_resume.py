"""A second run does what is missing or has changed, and nothing else."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from fake_recognition import (
    FakeModel,
    Watcher,
    contents,
    everything,
    expected_text,
    run,
    write_speech,
)

from asrkit.config import DecodingConfig, TranscriptionConfig
from asrkit.errors import TranscriptionError
from asrkit.transcription.recordings import find_recordings
from asrkit.transcription.status import read_status
from asrkit.transcription.transcript import Transcript


def rerun(done: tuple[Path, Path], **options: Any) -> list[str]:
    watcher = Watcher()
    run(*done, observer=watcher, **options)
    return sorted(watcher.ids)


def test_a_rerun_does_nothing_and_changes_nothing(done: tuple[Path, Path]) -> None:
    before = contents(done[1])
    assert rerun(done) == []
    assert contents(done[1]) == before


def test_changed_audio_is_noticed(done: tuple[Path, Path]) -> None:
    changed = write_speech(done[0] / "speaker0/clip 2.wav", 2.0, seed=99)
    assert rerun(done) == ["speaker0/clip%202"]
    assert (done[1] / "speaker0/clip 2.txt").read_text().strip() == expected_text(changed)
    assert len(everything(done)) == 6


@pytest.mark.parametrize(
    "options",
    [
        {"model": FakeModel(fingerprint="f2")},
        {"decoding": DecodingConfig(word_bonus=0.5)},
        {"config": TranscriptionConfig(window_s=20.0)},
        {"overwrite": True},
    ],
)
def test_changed_models_and_settings_are_noticed(options: dict[str, Any], done: tuple[Path, Path]) -> None:
    assert rerun(done, **options) == everything(done)


def test_a_changed_language_model_is_noticed(done: tuple[Path, Path], tmp_path: Path) -> None:
    lm = tmp_path / "lm.arpa"
    lm.write_text("one")
    assert rerun(done, lm=lm) == everything(done)
    assert rerun(done, lm=lm) == []
    lm.write_text("two")
    assert rerun(done, lm=lm) == everything(done)


def test_how_the_work_is_spread_is_no_reason_to_redo_it(done: tuple[Path, Path]) -> None:
    assert rerun(done, config=TranscriptionConfig(batch_size=3, jobs=1)) == []


def test_lost_and_newly_wanted_files_are_written_without_listening_again(done: tuple[Path, Path]) -> None:
    (done[1] / "speaker0/clip 0.txt").unlink()
    before = (done[1] / "results.jsonl").read_bytes()
    assert rerun(done, config=TranscriptionConfig(format=("txt", "srt"))) == []
    assert (done[1] / "results.jsonl").read_bytes() == before
    assert (done[1] / "speaker0/clip 0.txt").exists()
    assert len(list(done[1].rglob("*.srt"))) == 6


@pytest.mark.parametrize(
    "change",
    [
        {"utterance_id": 5},
        {"utterance_id": "two words"},
        {"utterance_id": "half \ud800"},
        {"utterance_id": "\ud800"},
        {"utterance_id": "a\x1b]0;x\x07"},
        {"text": None},
        {"text": ["a"]},
        {"text": "one \ud800 two"},
        {"text": "one\ntwo"},
        {"audio": 1},
        {"duration_s": "1"},
        {"confidence": None},
        {"provenance": []},
        {"audio_fingerprint": 3},
        {"words": [{"word": 1, "start_s": 0.0, "end_s": 1.0, "confidence": 1.0}]},
        {"words": [{"word": "a", "start_s": "0", "end_s": 1.0, "confidence": 1.0}]},
        {"words": [{"word": "a", "start_s": 0.0, "end_s": float("nan"), "confidence": 1.0}]},
        {"words": [{"word": "a", "start_s": 0.0, "end_s": 10**400, "confidence": 1.0}]},
        {"nbest": [{"text": 1, "score": 0, "acoustic_score": 0, "lm_score": 0, "confidence": 0}]},
        {"nbest": [{"text": "a", "score": [], "acoustic_score": 0, "lm_score": 0, "confidence": 0}]},
        {"text": "one\rtwo"},
        {"remarks": [1]},
        {"damage": 1},
        {"alignment": 0},
        {"alignment": {"unsaid": 5}},
        {"alignment": {"unsaid": [{}]}},
        {"alignment": {"unsaid": [{"after_s": 0.0, "first_word": 1.5, "text": "a"}]}},
        {"alignment": {"unwritten": [{"start_s": "0", "end_s": 1.0, "heard": "a"}]}},
        {"alignment": {"unwritten": [{"start_s": 0.0, "end_s": 1.0, "heard": None}]}},
        {"alignment": {"symbols": [1]}},
        {"alignment": {"symbols": [["a", 0.0]]}},
    ],
)
def test_a_line_of_other_types_is_done_again(done: tuple[Path, Path], change: dict[str, Any]) -> None:
    before = contents(done[1])
    path = done[1] / "results.jsonl"
    first, *others = path.read_text().splitlines()
    row = json.loads(first)
    foreign = json.dumps(row | change)
    path.write_text("\n".join([foreign, *others, ""]))
    watcher = Watcher()
    run(*done, observer=watcher)
    assert watcher.ids == [row["utterance_id"]]
    assert [remark.partition(";")[0] for remark in watcher.remarks] == [
        "lines of results.jsonl that hold no transcript of ours: 1"
    ]
    assert (done[1] / "results.aside.jsonl").read_text() == f"{foreign}\n"
    assert contents(done[1]).keys() == before.keys() | {"results.aside.jsonl"}
    assert (done[1] / "hyp.txt").read_bytes() == before["hyp.txt"]


def test_torn_and_foreign_lines_are_done_again_once(done: tuple[Path, Path]) -> None:
    before = contents(done[1])
    path = done[1] / "results.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b'{"foreign": 1}\n', b"[]\n", b"\0\n", *lines[3:5], lines[5][:40]]))
    assert rerun(done) == [everything(done)[5]]
    aside = done[1] / "results.aside.jsonl"
    assert aside.read_bytes() == b'{"foreign": 1}\n[]\n'
    with path.open("ab") as file:
        file.write(b"more\n")
    assert rerun(done) == []
    assert aside.read_bytes() == b'{"foreign": 1}\n[]\nmore\n'  # what was there before stays
    aside.unlink()
    assert contents(done[1]) == before


def test_a_run_that_dies_between_batches_goes_on_where_it_was(wavs: Path, tmp_path: Path) -> None:
    class Dying(Watcher):
        def transcribed(self, transcript: Transcript) -> None:
            super().transcribed(transcript)
            if len(self.ids) == 3:
                raise KeyboardInterrupt

    dying = Dying()
    one_by_one = TranscriptionConfig(batch_size=1, jobs=1)
    with pytest.raises(KeyboardInterrupt):
        run(wavs, tmp_path / "out", observer=dying, config=one_by_one)
    assert json.loads((tmp_path / "out/run.json").read_text())["state"] == "interrupted"
    watcher = Watcher()
    run(wavs, tmp_path / "out", observer=watcher, config=one_by_one)
    assert sorted(watcher.ids + dying.ids) == everything((wavs, tmp_path / "out"))
    run(wavs, tmp_path / "whole")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_earlier_results_stay_while_they_hold(done: tuple[Path, Path]) -> None:
    inputs, out = done
    write_speech(inputs.parent / "more/new.wav", 0.5)
    run(inputs.parent / "more", out)
    assert len(everything(done)) == 7
    (inputs / "speaker0/clip 0.wav").unlink()  # its audio is gone
    run(inputs.parent / "more", out)
    assert len(everything(done)) == 6
    run(inputs.parent / "more", out, model=FakeModel(fingerprint="f2"))  # never two models in one table
    assert everything(done) == ["new"]
    assert len(list(out.rglob("*.txt"))) == 8  # 7 transcripts and hyp.txt: what was written stays


def test_a_lost_mount_costs_nothing_that_is_done(done: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, out = done
    before = everything(done)
    stat = Path.stat

    def lost(path: Path, **options: Any) -> os.stat_result:
        if path.suffix == ".wav" and "speaker1" in path.parts:
            raise OSError(errno.ESTALE, "Stale file handle")
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", lost)
    summary = run(inputs, out)
    assert {failure.reason for failure in summary.failures} == {"cannot be read: stale file handle"}
    assert (summary.num_reused, summary.exit_code) == (3, 3)
    assert everything(done) == before
    state = read_status(out)
    assert (state.num_recordings, state.num_done, len(state.failures), state.num_left) == (6, 3, 3, 0)
    run(inputs / "speaker0/clip 0.wav", out)  # nobody asks for the others, and nobody can tell whether they are gone
    assert set(before) - {"speaker0/clip%200"} < set(everything(done))
    monkeypatch.undo()
    assert rerun(done) == []
    assert everything(done) == before  # what had another id in between has its own again


def test_a_folder_that_is_suddenly_empty_is_a_failure_and_loses_nothing(done: tuple[Path, Path]) -> None:
    inputs, out = done
    named = [inputs / "speaker0", inputs / "speaker1"]
    run(named, out)
    before = everything(done)
    shutil.rmtree(named[1])
    named[1].mkdir()  # the place where something was mounted
    summary = run(named, out)
    assert [(f.utterance_id, f.reason) for f in summary.failures] == [("speaker1", "the folder holds no recordings")]
    assert (summary.num_reused, summary.exit_code) == (3, 3)
    assert everything(done) == before
    run(named[:1], out)  # nobody asks for it any more, and its audio is not there
    assert len(everything(done)) == 3


def test_audio_that_vanishes_before_its_turn_is_one_plain_line(
    done: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, out = done
    found = find_recordings([inputs])
    (inputs / "speaker0/clip 2.wav").unlink()
    monkeypatch.setattr("asrkit.transcription.run.find_recordings", lambda *_, **__: found)
    (failure,) = run(inputs, out).failures
    assert (failure.utterance_id, failure.reason) == ("speaker0/clip%202", "cannot be read: no such file or directory")


def test_the_status_is_that_of_the_last_inputs(done: tuple[Path, Path]) -> None:
    inputs, out = done
    for name in ("new", "newer"):
        write_speech(inputs.parent / f"more/{name}.wav", 0.5)

    class Dying(Watcher):
        def transcribed(self, transcript: Transcript) -> None:
            raise KeyboardInterrupt

    def state() -> tuple[int, ...]:
        found = read_status(out)
        return (found.num_recordings, found.num_done, found.num_others, found.num_left)

    assert state() == (6, 6, 0, 0)
    with pytest.raises(KeyboardInterrupt):
        run(inputs.parent / "more", out, observer=Dying(), config=TranscriptionConfig(batch_size=1, jobs=1))
    assert state() == (2, 1, 6, 1)
    run(inputs.parent / "more", out)
    assert state() == (2, 2, 6, 0)
    run(inputs, out)
    assert state() == (6, 6, 2, 0)


@pytest.mark.parametrize(
    "description",
    ["", "[" * 100_000, "[]", '{"provenance": [], "state": "finished", "num_recordings": 1, "num_others": 0}']
    + [f'{{"provenance": {{}}, "state": 1, "num_others": 0, "num_recordings": {n}}}' for n in ("1e999", "1.5", "null")],
)
def test_a_description_that_is_none_is_refused_and_the_run_made_again(
    done: tuple[Path, Path], description: str
) -> None:
    (done[1] / "run.json").write_text(description)
    with pytest.raises(
        TranscriptionError, match=r"run\.json: cannot be understood .*; transcribe into the folder again$"
    ):
        read_status(done[1])
    assert rerun(done) == []
    assert read_status(done[1]).num_done == 6


def test_emissions_wanted_later_are_made(done: tuple[Path, Path]) -> None:
    assert rerun(done, keep_emissions=True) == everything(done)
    assert rerun(done, keep_emissions=True) == []
    (done[1] / "emissions/speaker0/clip 0.emissions.npz").write_bytes(b"damaged")
    assert rerun(done, keep_emissions=True) == ["speaker0/clip%200"]
    other = FakeModel(fingerprint="f2")
    rerun(done, model=other)
    assert rerun(done, model=other, keep_emissions=True) == everything(done)  # there are those of the first model


def test_nothing_is_listed_under_two_ids(done: tuple[Path, Path]) -> None:
    inputs, out = done
    run(inputs / "speaker0", out)  # clip 0 was speaker0/clip 0
    ids = ["clip%200", "clip%202", "clip%204", "speaker1/clip%201", "speaker1/clip%203", "speaker1/clip%205"]
    assert everything(done) == ids
    run(inputs, out)
    assert all(name.startswith("speaker") for name in everything(done)) and len(everything(done)) == 6


def test_a_dry_run_touches_nothing(done: tuple[Path, Path], tmp_path: Path) -> None:
    write_speech(done[0] / "speaker0/clip 2.wav", 2.0, seed=99)
    write_speech(done[0] / "new.wav", 1.0)
    before = contents(tmp_path)
    planned = {name: state for name, state, _ in run(*done, dry_run=True).planned}
    assert planned.pop("new") == "new" and planned.pop("speaker0/clip%202") == "changed"
    assert set(planned.values()) == {"done"} and len(planned) == 5
    run(done[0], tmp_path / "elsewhere", dry_run=True)
    assert contents(tmp_path) == before and not (tmp_path / "elsewhere").exists()


class Listener(Watcher):
    def __init__(self) -> None:
        super().__init__()
        self.remarks: list[str] = []

    def remark(self, text: str) -> None:
        self.remarks.append(text)


def test_results_whose_recording_is_gone_or_renamed_are_named_once(done: tuple[Path, Path]) -> None:
    inputs, out = done
    listener = Listener()
    run(inputs / "speaker0", out, observer=listener)  # under other ids; those of speaker1 were not asked for
    assert listener.remarks == [
        "3 earlier results left hyp.txt (no recording any more, another id now, or other settings); "
        "files of theirs stay: speaker0/clip%200, speaker0/clip%202, speaker0/clip%204"
    ]
    (inputs / "speaker1/clip 1.wav").unlink()
    listener = Listener()
    summary = run(inputs / "speaker0", out, observer=listener)
    assert summary.orphans == ["speaker1/clip%201"]
    assert listener.remarks[0].startswith("1 earlier result left hyp.txt")
    assert json.loads((out / "run.json").read_text())["summary"]["orphans"] == ["speaker1/clip%201"]
    listener = Listener()
    run(inputs / "speaker0", out, observer=listener)
    assert listener.remarks == []
    summary = run(inputs / "speaker1", out, decoding=DecodingConfig(word_bonus=0.5))
    assert summary.orphans == ["clip%200", "clip%202", "clip%204", "speaker1/clip%203", "speaker1/clip%205"]


def test_what_was_left_out_is_said_and_kept(done: tuple[Path, Path]) -> None:
    inputs, out = done
    (inputs / "speaker0/a.mpc").touch()
    listener = Listener()
    summary = run(inputs, out, observer=listener)
    assert listener.remarks == ["1 file left out (mpc 1); name them, or a pattern, to take them"]
    assert (summary.left_out, summary.exit_code) == ({"mpc": 1}, 0)
    assert json.loads((out / "run.json").read_text())["summary"]["left_out"] == {"mpc": 1}


def test_subtitles_set_otherwise_are_written_anew_without_listening(done: tuple[Path, Path]) -> None:
    inputs, out = done
    narrow = TranscriptionConfig(format=("srt",), subtitle_width=8)
    one = out / "speaker1/clip 5.srt"
    run(inputs, out, config=TranscriptionConfig(format=("srt",)))
    before = one.read_bytes()
    assert rerun(done, config=narrow) == []
    after = one.read_bytes()
    assert after != before
    run(inputs / "speaker0/clip 0.wav", out, config=TranscriptionConfig(format=("srt",)))
    one.unlink()
    assert rerun(done, config=narrow) == [] and one.read_bytes() == after  # nobody knows how the others are set
    assert rerun(done, config=TranscriptionConfig(format=("srt",))) == [] and one.read_bytes() == before
    description = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps({**description, "layout": None}))  # as of a run killed on its way
    assert rerun(done, config=narrow) == [] and one.read_bytes() == after
