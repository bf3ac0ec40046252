"""Transcribing folders: outputs, failures, channels, segments, emissions."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fake_recognition import (
    LENGTHS_S,
    FakeDecoder,
    FakeModel,
    FakeNetwork,
    Watcher,
    contents,
    everything,
    expected_text,
    rows_of,
    run,
    write_speech,
)

from asrkit.config import TranscriptionConfig
from asrkit.emissions import read_emissions
from asrkit.errors import TranscriptionError
from asrkit.transcription import Observer, TranscriptionSummary
from asrkit.transcription.recognizer import Outcome
from asrkit.transcription.summary import Failure
from asrkit.transcription.transcript import Transcript


def test_transcripts_mirror_the_tree_and_equal_the_plain_route(wavs: Path, tmp_path: Path) -> None:
    summary = run(wavs, tmp_path)
    assert (summary.num_transcribed, summary.num_reused, summary.failures, summary.exit_code) == (6, 0, [], 0)
    assert summary.audio_s == pytest.approx(sum(LENGTHS_S), abs=0.01)
    sources = sorted(wavs.rglob("*.wav"))
    expected = {source.relative_to(wavs).with_suffix(""): expected_text(source) for source in sources}
    assert any(len(text.split()) > 3 for text in expected.values())
    for name, text in expected.items():
        assert (tmp_path / name.with_suffix(".txt")).read_text() == text + "\n"
    lines = [f"{str(name).replace(' ', '%20')} {text}".rstrip() for name, text in expected.items()]
    assert (tmp_path / "hyp.txt").read_text().splitlines() == sorted(lines)
    assert not (tmp_path / "failures.tsv").exists()


def test_rows_hold_times_confidence_and_provenance(wavs: Path, tmp_path: Path) -> None:
    run(wavs, tmp_path)
    rows = rows_of(tmp_path)
    assert [row["utterance_id"] for row in rows] == sorted(row["utterance_id"] for row in rows)
    row = max(rows, key=lambda row: row["duration_s"])
    fields = "utterance_id audio duration_s text confidence words audio_fingerprint provenance"
    assert list(row) == fields.split()
    assert [word["word"] for word in row["words"]] == row["text"].split()
    assert all(0 <= word["start_s"] < word["end_s"] <= row["duration_s"] == 5.0 for word in row["words"])
    assert row["provenance"]["model"] == "fake" and row["provenance"]["decoding"]["beam"] == 50
    assert Transcript.from_row(row).to_row() == row


@pytest.mark.parametrize(
    "spread",
    [
        {"batch_size": 1, "jobs": 1},
        {"batch_size": 8, "jobs": 2},
        {"batch_size": 64, "jobs": 4, "batch_seconds": 3.0},
    ],
)
def test_the_answer_does_not_depend_on_how_the_work_is_spread(
    spread: dict[str, Any], wavs: Path, tmp_path: Path
) -> None:
    run(wavs, tmp_path / "one")
    run(wavs, tmp_path / "two", config=TranscriptionConfig(**spread))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_batches_respect_their_budget(wavs: Path, tmp_path: Path) -> None:
    network = FakeNetwork()
    run(wavs, tmp_path, network=network, config=TranscriptionConfig(batch_size=2, jobs=1))
    assert sorted(network.batches) == [2, 2, 2]
    network = FakeNetwork()
    run(wavs, tmp_path, network=network, overwrite=True, config=TranscriptionConfig(batch_seconds=2.0, jobs=1))
    assert sorted(network.batches) == [1, 1, 1, 1, 2]  # 5.0 | 2.2 | 1.3 | 1.0 0.7 | 0.3


def bad_files(folder: Path) -> dict[str, str]:
    """Write recordings that cannot be used, and say what the reason must mention."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("this is not audio\n" * 100)
    soundfile.write(folder / "zero.wav", np.zeros(0), 8_000)
    whole = write_speech(folder / "cut.wav", 1.0).read_bytes()
    (folder / "cut.wav").write_bytes(whole[: len(whole) // 2])
    soundfile.write(folder / "nan.wav", np.full(800, np.nan), 8_000, subtype="FLOAT")
    return {"empty": "empty", "text": "not a readable", "zero": "no samples", "cut": "truncated", "nan": "NaN"}


def test_bad_files_are_named_and_the_others_transcribed(wavs: Path, tmp_path: Path) -> None:
    reasons = bad_files(tmp_path / "in")
    shutil.copytree(wavs, tmp_path / "in/good")
    summary = run(tmp_path / "in", tmp_path / "out")
    assert (summary.num_transcribed, summary.exit_code) == (6, 3)
    assert {failure.utterance_id for failure in summary.failures} == set(reasons)
    for failure in summary.failures:
        assert reasons[failure.utterance_id] in failure.reason
        assert str(tmp_path) not in failure.reason
    table = (tmp_path / "out/failures.tsv").read_text().splitlines()
    assert table[0] == "utterance_id\taudio\treason"
    assert [line.split("\t")[0] for line in table[1:]] == sorted(reasons)
    assert len((tmp_path / "out/hyp.txt").read_text().splitlines()) == 6


def test_only_failures_is_a_failed_run_and_mended_files_leave_the_list(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.wav").write_bytes(b"junk")
    assert run(tmp_path / "in", tmp_path / "out").exit_code == 1
    write_speech(tmp_path / "in/a.wav", 1.0)
    assert run(tmp_path / "in", tmp_path / "out").exit_code == 0
    assert not (tmp_path / "out/failures.tsv").exists()


class FailingNetwork(FakeNetwork):
    """Refuses the longest utterance, and with it every batch that holds it."""

    def emissions(self, features: Any) -> Any:
        if any(len(values) > 450 for values in features):
            raise RuntimeError("out of memory\nsomewhere deep")
        return super().emissions(features)


def test_a_failing_batch_costs_only_the_utterance_that_fails_alone(wavs: Path, tmp_path: Path) -> None:
    summary = run(wavs, tmp_path, network=FailingNetwork())
    assert summary.num_transcribed == 5
    (failure,) = summary.failures
    assert (failure.utterance_id, failure.reason) == (
        "speaker1/clip%205",
        "RuntimeError: out of memory somewhere deep",
    )


class NanNetwork(FakeNetwork):
    def emissions(self, features: Any) -> Any:
        return [values * np.nan for values in super().emissions(features)]


def test_nan_emissions_are_failures(wavs: Path, tmp_path: Path) -> None:
    summary = run(wavs, tmp_path, network=NanNetwork())
    assert summary.exit_code == 1
    assert all("NaN" in failure.reason for failure in summary.failures)


def test_names_that_clash_keep_their_suffix(tmp_path: Path) -> None:
    write_speech(tmp_path / "in/x.wav", 1.0, seed=1)
    write_speech(tmp_path / "in/x.flac", 1.0, seed=2)
    write_speech(tmp_path / "in/hyp.wav", 1.0, seed=3)
    run(tmp_path / "in", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").glob("*.txt")) == [
        "hyp.txt", "hyp.wav.txt", "x.flac.txt", "x.wav.txt",
    ]  # fmt: skip
    assert (tmp_path / "out/x.flac.txt").read_text().strip() == expected_text(tmp_path / "in/x.flac")


def test_channels_are_mixed_or_split(tmp_path: Path) -> None:
    source = write_speech(tmp_path / "in/two.wav", 1.0, channels=2)
    write_speech(tmp_path / "in/one.wav", 1.0)
    run(tmp_path / "in", tmp_path / "mix")
    run(tmp_path / "in", tmp_path / "split", config=TranscriptionConfig(channels="split"))
    assert everything((source, tmp_path / "mix")) == ["one", "two"]
    assert everything((source, tmp_path / "split")) == ["one", "two.ch1", "two.ch2"]
    for channel in (0, 1):
        text = (tmp_path / f"split/two.ch{channel + 1}.txt").read_text().strip()
        assert text == expected_text(source, channel)


def test_bare_samples_need_their_rate(tmp_path: Path) -> None:
    source = write_speech(tmp_path / "a.wav", 1.0)
    samples, rate_hz = soundfile.read(source, dtype="int16")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.raw").write_bytes(samples.astype("<i2").tobytes())
    with pytest.raises(TranscriptionError, match="nothing to transcribe"):
        run(tmp_path / "in", tmp_path / "out")
    (failure,) = run(tmp_path / "in/a.raw", tmp_path / "out").failures
    assert "--raw-rate-hz" in failure.reason
    run(tmp_path / "in", tmp_path / "out", config=TranscriptionConfig(raw_rate_hz=rate_hz))
    assert (tmp_path / "out/a.txt").read_text().strip() == expected_text(source)


def test_segments_of_a_manifest_are_cut_out(tmp_path: Path) -> None:
    source = write_speech(tmp_path / "long.wav", 4.0)
    samples, rate_hz = soundfile.read(source)
    soundfile.write(tmp_path / "part.wav", samples[rate_hz : 3 * rate_hz], rate_hz)
    (tmp_path / "list.tsv").write_text("utterance_id\tpath\tstart\tseconds\npart\tlong.wav\t1\t2\n")
    run(tmp_path / "list.tsv", tmp_path / "out")
    (row,) = rows_of(tmp_path / "out")
    assert row["text"] == expected_text(tmp_path / "part.wav") and row["duration_s"] == 2.0
    assert row["words"][0]["start_s"] >= 1.0  # times count from the start of the file


def test_transcripts_may_lie_beside_the_audio_or_nowhere(wavs: Path, tmp_path: Path) -> None:
    shutil.copytree(wavs, tmp_path / "in")
    run(tmp_path / "in", tmp_path / "out", in_place=True)
    assert len(list((tmp_path / "in").rglob("*.txt"))) == 6
    assert [path.name for path in (tmp_path / "out").glob("*.txt")] == ["hyp.txt"]
    watcher = Watcher()
    assert run(wavs, None, observer=watcher).output_dir is None
    assert len(watcher.ids) == 6


def test_files_beside_the_audio_that_are_not_ours_stay(tmp_path: Path) -> None:
    write_speech(tmp_path / "in/a.wav", 1.0)
    write_speech(tmp_path / "in/b.wav", 1.0)
    (tmp_path / "in/a.txt").write_text("what was really said")
    summary = run(tmp_path / "in", tmp_path / "out", in_place=True)
    assert summary.num_transcribed == 1
    assert "a.txt is there already" in summary.failures[0].reason
    assert (tmp_path / "in/a.txt").read_text() == "what was really said"
    write_speech(tmp_path / "in/b.wav", 2.0, seed=5)  # b.txt is ours and may change
    assert run(tmp_path / "in", tmp_path / "out", in_place=True).num_transcribed == 1
    assert (tmp_path / "in/b.txt").read_text().strip() == expected_text(tmp_path / "in/b.wav")
    assert run(tmp_path / "in", tmp_path / "out", in_place=True, overwrite=True).num_transcribed == 2


@pytest.mark.parametrize("name", ["hyp.txt", "results.jsonl", "failures.tsv", "speaker0/clip 2.txt"])
def test_a_folder_of_somebody_else_is_left_alone(name: str, wavs: Path, tmp_path: Path) -> None:
    theirs = tmp_path / name
    theirs.parent.mkdir(exist_ok=True)
    theirs.write_text("what was really said")
    for _ in range(2):  # the first refusal must not make it ours
        with pytest.raises(TranscriptionError, match=f"{theirs.name}: is there already and comes from elsewhere"):
            run(wavs, tmp_path)
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == [theirs]
    assert theirs.read_text() == "what was really said"
    assert run(wavs, tmp_path, overwrite=True).num_transcribed == 6


def test_overwriting_one_transcript_keeps_the_others(wavs: Path, tmp_path: Path) -> None:
    run(wavs, tmp_path)
    before = contents(tmp_path)
    found = [wavs / "speaker0", wavs / "speaker1/clip 1.wav"]
    assert run(found, tmp_path, overwrite=True).num_transcribed == 4
    assert contents(tmp_path) == before


def test_kept_emissions_are_those_that_were_decoded(wavs: Path, tmp_path: Path) -> None:
    run(wavs, tmp_path, keep_emissions=True)
    info, emissions = read_emissions(tmp_path / "emissions/speaker0/clip 0.emissions.npz")
    assert (info.utterance_id, info.step_ms, info.duration_s) == ("speaker0/clip%200", 40.0, 0.3)
    text = FakeDecoder(FakeModel().alphabet).decode(emissions)[0].text
    assert (tmp_path / "speaker0/clip 0.txt").read_text() == text + "\n"


def test_two_runs_never_share_a_folder(wavs: Path, tmp_path: Path) -> None:
    class Intruder(Observer):
        def transcribed(self, transcript: Transcript) -> None:
            run(wavs, tmp_path)

    with pytest.raises(TranscriptionError, match="another run"):
        run(wavs, tmp_path, observer=Intruder())


@pytest.mark.skipif(os.name == "nt", reason="Windows has another call")
def test_a_lock_that_is_denied_is_a_lock_held_by_another(
    wavs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("fcntl.flock", denied)
    with pytest.raises(TranscriptionError, match="another run"):
        run(wavs, tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_one_clear_error(wavs: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(TranscriptionError, match="cannot be written"):
        run(wavs, tmp_path / "out")
    tmp_path.chmod(0o700)


def test_a_full_disk_ends_the_run_and_keeps_what_is_done(
    wavs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asrkit.transcription import outputs

    written: list[Path] = []
    write = outputs.write_atomically

    def fill(path: Path, text: str) -> None:
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        written.append(path)
        write(path, text)

    monkeypatch.setattr(outputs, "write_atomically", fill)
    with pytest.raises(TranscriptionError, match=r"no space left.*what is done stays done"):
        run(wavs, tmp_path, config=TranscriptionConfig(batch_size=1, jobs=1))
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 4  # one of them without its file
    monkeypatch.undo()
    again = run(wavs, tmp_path)
    assert (again.num_transcribed, again.num_reused) == (2, 4)
    run(wavs, tmp_path / "whole")
    assert len(list(tmp_path.glob("speaker*/*.txt"))) == len(list((tmp_path / "whole").glob("speaker*/*.txt"))) == 6


def test_outcomes_may_come_in_any_order(wavs: Path, tmp_path: Path) -> None:
    class Shuffled:
        def __init__(self, recipe: Any) -> None:
            self.recognizer = recipe.build()

        def stage_cpu_s(self) -> dict[str, float]:
            return {}

        def run(self, batches: Any) -> Iterator[list[Outcome]]:
            for batch in reversed(list(batches)):
                yield self.recognizer.recognize([self.recognizer.load(recording) for recording in batch])

    run(wavs, tmp_path / "one")
    run(wavs, tmp_path / "two", make_runner=Shuffled, config=TranscriptionConfig(batch_size=2))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


FAILED = [Failure("bad", "in/bad.wav", "no sound")]


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        (TranscriptionSummary(), 0),
        (TranscriptionSummary(num_transcribed=1), 0),
        (TranscriptionSummary(failures=FAILED), 1),
        (TranscriptionSummary(num_transcribed=1, failures=FAILED), 3),
        (TranscriptionSummary(num_transcribed=1, num_reused=1, failures=FAILED), 3),
    ],
)
def test_the_exit_code_tells_how_many_failed(summary: TranscriptionSummary, expected: int) -> None:
    assert summary.exit_code == expected


def test_what_a_run_did_as_plain_values() -> None:
    summary = TranscriptionSummary(Path("out"), 3, 2, FAILED, 10.00049, 4.0006, {"decode": 2.5}, left_out={".md": 1})
    assert summary.to_dict() == {
        "output_dir": "out",
        "transcribed": 3,
        "reused": 2,
        "failed": [{"utterance_id": "bad", "audio": "in/bad.wav", "reason": "no sound"}],
        "audio_s": 10.0,
        "elapsed_s": 4.001,
        "speed": 2.5,
        "stage_cpu_s": {"decode": 2.5},
        "left_out": {".md": 1},
        "orphans": [],
        "kept": [],
        "expected": None,
    }
    nothing = TranscriptionSummary().to_dict()
    assert (nothing["output_dir"], nothing["audio_s"], nothing["speed"]) == (None, 0.0, None)
