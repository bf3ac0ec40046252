"""Shards of a run: whatever happens to them, together they leave what one run leaves."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fake_recognition import FakeModel, Watcher, contents, rows_of, run, write_recordings, write_speech

from asrkit.config import TranscriptionConfig
from asrkit.errors import ConfigError, InUseError, TranscriptionError
from asrkit.locks import hold, is_in_use
from asrkit.transcription import shards
from asrkit.transcription.folder import OutputFolder
from asrkit.transcription.recordings import find_recordings
from asrkit.transcription.shards import Shards, merge_shards, of_shard, status_of, tables_of
from asrkit.transcription.status import read_status
from asrkit.transcription.transcript import Transcript

COUNT = 4


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Six recordings and one that is none."""
    (write_recordings(tmp_path / "in") / "bad.wav").write_text("no audio")
    return tmp_path / "in"


def shard(inputs: Path, out: Path, number: int, count: int = COUNT, **options: Any) -> list[str]:
    """Run a shard and return what it transcribed."""
    watcher = options.setdefault("observer", Watcher())
    config = TranscriptionConfig(shard=f"{number}/{count}", format=("txt", "srt"), jobs=1, batch_size=1)
    run(inputs, out, config=config, keep_emissions=True, **options)
    return watcher.ids  # type: ignore[no-any-return]


def whole(inputs: Path, out: Path) -> dict[str, bytes]:
    run(inputs, out, config=TranscriptionConfig(format=("txt", "srt")), keep_emissions=True)
    return contents(out)


def merged(out: Path) -> dict[str, bytes]:
    return {name: data for name, data in contents(out).items() if not name.startswith(".asrkit.shards")}


def test_every_recording_falls_to_one_shard(inputs: Path) -> None:
    recordings = find_recordings([inputs])
    for count in (1, 2, 3, 7):
        parts = [of_shard(recordings, (number, count)) for number in range(1, count + 1)]
        assert sorted(one.utterance_id for part in parts for one in part) == [one.utterance_id for one in recordings]
    fewer = of_shard(recordings[1:], (1, 2))  # and does not move when others come or go
    assert fewer == [one for one in of_shard(recordings, (1, 2)) if one != recordings[0]]


@pytest.mark.parametrize("text", ["0/4", "5/4", "4", "/4", "1/", "a/b", "1/4/2", "-1/4", "1/0", "²/3"])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="shard must be a part"):
        TranscriptionConfig(shard=text)


def test_the_last_shard_makes_the_tables_of_one_run(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done: list[str] = []
    for number in (3, 1, 4, 2):
        assert not (out / "results.jsonl").exists()
        done += shard(inputs, out, number)
    assert sorted(done) == [row["utterance_id"] for row in rows_of(out)] and len(done) == 6
    assert merged(out) == whole(inputs, tmp_path / "whole")
    state = status_of(out)
    assert (state.state, state.num_recordings, state.num_done, len(state.failures)) == ("finished", 7, 6, 1)
    assert not merge_shards(out)  # once
    assert [shard(inputs, out, number) for number in range(1, COUNT + 1)] == [[]] * COUNT
    assert merged(out) == contents(tmp_path / "whole")


class Dying(Watcher):
    def transcribed(self, transcript: Transcript) -> None:
        super().transcribed(transcript)
        raise KeyboardInterrupt


def test_shards_that_die_go_on_and_the_status_knows(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for number in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            shard(inputs, out, number, 2, observer=Dying())
    state = status_of(out)
    assert (state.state, state.num_recordings, state.num_done + state.num_left + len(state.failures)) == (
        "interrupted", 7, 7,
    )  # fmt: skip
    assert state.num_done == 2 and not (out / "results.jsonl").exists()
    shard(inputs, out, 1, 2)
    assert status_of(out).state == "interrupted"
    shard(inputs, out, 2, 2)
    assert merged(out) == whole(inputs, tmp_path / "whole")


def test_the_status_merges_where_the_last_shard_could_not(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    shard(inputs, out, 1, 2)
    assert status_of(out).state == "waiting for 1 of 2 shards"
    monkeypatch.setattr("asrkit.transcription.run.merge_shards", lambda folder: False)  # killed before
    shard(inputs, out, 2, 2)
    assert not (out / "results.jsonl").exists()
    assert status_of(out).state == "finished"
    assert merged(out) == whole(inputs, tmp_path / "whole")


def test_what_changed_since_is_merged_again(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for number in (1, 2):
        shard(inputs, out, number, 2)
    (inputs / "speaker0/clip 0.wav").rename(inputs / "speaker0/clip 9.wav")  # falls to whichever shard
    (inputs / "bad.wav").unlink()
    done = [shard(inputs, out, number, 2) for number in (2, 1)]
    assert [ids for ids in done if ids] in ([], [["speaker0/clip%209"]])
    whole(inputs, tmp_path / "whole")
    for name in ("results.jsonl", "hyp.txt"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not (out / "failures.tsv").exists()


def test_one_run_goes_on_where_shards_were(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = shard(inputs, out, 1, 2)
    before, watcher = contents(out), Watcher()
    config = TranscriptionConfig(format=("txt", "srt"))
    planned = run(inputs, out, config=config, keep_emissions=True, dry_run=True).planned
    assert [name for name, state, _ in planned if state == "done"] == sorted(done) and contents(out) == before
    run(inputs, out, config=config, keep_emissions=True, observer=watcher)
    assert len(done) + len(watcher.ids) == 6 and done and watcher.ids
    assert contents(out) == whole(inputs, tmp_path / "whole")
    assert not (out / ".asrkit.shards").exists()


def test_shards_run_again_with_another_model_are_one_when_all_are(inputs: Path, tmp_path: Path) -> None:
    out, model = tmp_path / "out", FakeModel(fingerprint="f2")
    for number in (1, 2, 3):
        shard(inputs, out, number, 3)
    earlier = merged(out)
    for number, others in ((2, (1, 3)), (1, (3,))):
        watcher = Watcher()
        again = shard(inputs, out, number, 3, model=model, observer=watcher)
        assert watcher.remarks == [f"waiting for {len(others)} of 3 shards with these settings"]
        state = status_of(out)
        assert state.state == watcher.remarks[0]
        assert {group.numbers: group.provenance["model_fingerprint"] for group in state.shards} == {
            tuple({1, 2, 3}.difference(others)): "f2", others: "f1",
        }  # fmt: skip
        assert state.provenance["model_fingerprint"] == "f2" and state.num_recordings == 7
        assert state.num_done >= len(again)  # what others made with the earlier model is left to do
        assert state.num_done + state.num_left + len(state.failures) == 7 and state.num_left
        assert {name: merged(out)[name] for name in ("results.jsonl", "hyp.txt")} == {
            name: earlier[name] for name in ("results.jsonl", "hyp.txt")
        }
    shard(inputs, out, 3, 3, model=model)
    assert (status_of(out).state, status_of(out).shards) == ("finished", ())
    run(inputs, tmp_path / "whole", config=TranscriptionConfig(format=("txt", "srt")), keep_emissions=True, model=model)
    assert merged(out) == contents(tmp_path / "whole")


def test_the_status_names_shards_that_are_missing(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        shard(inputs, out, 2, 2, observer=Dying())
    for name in ("2-of-2.bak", "copy-of-2"):  # of somebody who was careful
        shutil.copytree(tables_of(out, (2, 2)), tables_of(out, (2, 2)).with_name(name))
    assert [(group.numbers, group.state) for group in status_of(out).shards] == [
        ((2,), "interrupted"),
        ((1,), "not begun"),
    ]
    watcher = Watcher()
    shard(inputs, out, 1, 2, observer=watcher)
    assert watcher.remarks == ["waiting for 1 of 2 shards"]


def test_what_does_not_go_together_is_refused(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shard(inputs, out, 1, 2)
    with pytest.raises(TranscriptionError, match=r"another number \(2 and 3\); go on with 2, or run once without"):
        shard(inputs, out, 1, 3)
    shutil.copytree(tables_of(out, (1, 2)), tables_of(out, (1, 3)))
    with pytest.raises(TranscriptionError, match=r"another number \(2 and 3\); run once without --shard"):
        status_of(out)

    class Nosy(Watcher):
        def transcribed(self, transcript: Transcript) -> None:
            super().transcribed(transcript)
            for again in (lambda: shard(inputs, busy, 1, 2), lambda: whole(inputs, busy)):
                with pytest.raises(InUseError, match=r"another run|is running"):
                    again()

    busy = tmp_path / "busy"
    nosy = Nosy()
    shard(inputs, busy, 1, 2, observer=nosy)
    assert nosy.ids


def test_shards_go_on_where_one_run_was(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_speech(inputs / "call.wav", 1.0, channels=2)
    once = TranscriptionConfig(format=("txt", "srt"), channels="split")
    run(inputs, out, config=once, keep_emissions=True)
    write_speech(inputs / "late.wav", 0.5, seed=9)
    done = []
    for number in (1, 2, 3):
        config = once.replace(shard=f"{number}/3")
        planned = run(inputs, out, config=config, keep_emissions=True, dry_run=True).planned
        watcher = Watcher()
        run(inputs, out, config=config, keep_emissions=True, observer=watcher)
        assert [name for name, state, _ in planned if state in ("new", "changed")] == watcher.ids
        done += watcher.ids
    assert done == ["late"]
    run(inputs, tmp_path / "whole", config=once, keep_emissions=True)
    assert merged(out) == contents(tmp_path / "whole")


@pytest.mark.parametrize("place", ["OutputFolder.begin", "shutil.rmtree"])
def test_a_run_killed_where_it_takes_over_from_shards_goes_on(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    out = tmp_path / "out"
    done = shard(inputs, out, 1, 2)

    def die(*_: Any, **__: Any) -> None:
        if place == "shutil.rmtree":  # it had just begun
            (tables_of(out, (1, 2)) / "results.jsonl").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(f"asrkit.transcription.shards.{place}", die)
        whole(inputs, out)
    watcher = Watcher()
    run(inputs, out, config=TranscriptionConfig(format=("txt", "srt")), keep_emissions=True, observer=watcher)
    assert len(watcher.ids) + len(done) == 6 and contents(out) == whole(inputs, tmp_path / "whole")


def test_the_number_of_shards_can_be_changed(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = shard(inputs, out, 1, 2)
    with pytest.raises(KeyboardInterrupt):
        run(inputs, out, config=TranscriptionConfig(jobs=1, batch_size=1), keep_emissions=True, observer=Dying())
    assert status_of(out).state == "interrupted" and len(rows_of(out)) == len(done) + 1
    later = [name for number in (1, 2, 3) for name in shard(inputs, out, number, 3)]
    assert len(later) == 5 - len(done)
    assert merged(out) == whole(inputs, tmp_path / "whole")


@pytest.mark.parametrize("widths", [(10,), (42, 10)])
def test_subtitles_that_shards_set_otherwise_are_set_anew(inputs: Path, tmp_path: Path, widths: tuple[int]) -> None:
    config = TranscriptionConfig(format=("srt",))
    for number, width in enumerate(widths, start=1):  # all of them are merged; the tables of one alone are taken over
        run(inputs, tmp_path / "out", config=config.replace(shard=f"{number}/2", subtitle_width=width))
    if len(widths) == 2:
        assert json.loads((tmp_path / "out/run.json").read_text())["layout"] is None
    run(inputs, tmp_path / "out", config=config)
    run(inputs, tmp_path / "whole", config=config)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_shard_may_run_while_others_are_merged(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    for number in (1, 2):
        shard(inputs, out, number, 2)
    (inputs / "speaker0/clip 0.wav").rename(inputs / "speaker0/clip 9.wav")
    merge, made = shards._merge_into, []

    def slow(*arguments: Any) -> None:
        merge(*arguments)
        if not made:
            made.append(shard(inputs, out, 1, 2) + shard(inputs, out, 2, 2))

    monkeypatch.setattr(shards, "_merge_into", slow)
    (inputs / "bad.wav").unlink()
    shard(inputs, out, 1, 2)
    assert made and json.loads((out / "run.json").read_text())["shards"] == Shards.find(out).digest  # type: ignore[union-attr]
    assert "speaker0/clip%209 " in (out / "hyp.txt").read_text()
    whole(inputs, tmp_path / "whole")
    assert (out / "hyp.txt").read_bytes() == (tmp_path / "whole/hyp.txt").read_bytes()


def test_one_run_that_begins_while_a_shard_does_is_seen(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, held = tmp_path / "out", []

    class Late(OutputFolder):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            held.append(hold(out))

    monkeypatch.setattr(shards, "OutputFolder", Late)
    with pytest.raises(InUseError, match="another run is writing into this folder"):
        shard(inputs, out, 1, 2)
    held[0].close()
    assert not is_in_use(tables_of(out, (1, 2)))


def test_what_finishes_while_somebody_looks_was_not_killed(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    whole(inputs, out)
    finished = (out / "run.json").read_text()
    (out / "run.json").write_text(finished.replace('"finished"', '"running"'))
    assert read_status(out).state == "killed"

    def finish(folder: Path) -> bool:
        (folder / "run.json").write_text(finished)
        return False

    monkeypatch.setattr("asrkit.transcription.status.is_in_use", finish)
    assert read_status(out).state == "finished"


RUN = """
import sys, time
from fake_recognition import FakeDecoder, FakeModel, FakeNetwork
from asrkit.config import TranscriptionConfig
from asrkit.transcription import transcribe

class Slow(FakeNetwork):
    def emissions(self, features):
        time.sleep(0.1)
        return super().emissions(features)

model = FakeModel()
config = TranscriptionConfig(batch_size=1, jobs=1, format=("txt", "srt"), shard=sys.argv[3])
print("ready", flush=True)
transcribe([sys.argv[1]], model, output_dir=sys.argv[2], network=Slow(), config=config, keep_emissions=True,
           make_decoder=lambda: FakeDecoder(model.alphabet))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_four_shards_killed_at_random_leave_what_one_run_leaves(tmp_path: Path) -> None:
    inputs, out, moments = tmp_path / "in", tmp_path / "out", random.Random(4)
    for part in range(6):
        write_recordings(inputs / str(part))
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}

    def start(number: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", RUN, str(inputs), str(out), f"{number}/{COUNT}"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)

    num_killed = 0
    for _ in range(5):
        running = [start(number) for number in range(1, COUNT + 1)]
        for process in moments.sample(running, COUNT):
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            time.sleep(moments.uniform(0.0, 0.3))
            process.send_signal(signal.SIGKILL)
            num_killed += process.wait() == -signal.SIGKILL
    assert num_killed > 3
    for process in [start(number) for number in range(1, COUNT + 1)]:
        assert process.wait() == 0
    assert status_of(out).state == "finished"
    assert merged(out) == whole(inputs, tmp_path / "whole")
    assert json.loads((out / "run.json").read_text())["num_recordings"] == 36
