"""What somebody changed is never replaced, and what a run wrote never outlives the answer it was made of."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from fake_recognition import FakeModel, Watcher, contents, everything, run, write_speech

from asrkit.config import DecodingConfig, TranscriptionConfig
from asrkit.transcription.transcript import Transcript

OTHER = DecodingConfig(word_bonus=0.5)
TXT_AND_SRT = TranscriptionConfig(format=("txt", "srt"))
JSON, SRT, TXT = (TranscriptionConfig(format=(name,)) for name in ("json", "srt", "txt"))
ONE = "speaker1/clip 5"


def key_in(path: Path) -> str:
    return str(json.loads(path.read_text())["provenance"]["key"])


def key_of(out: Path) -> str:
    return str(json.loads((out / "run.json").read_text())["provenance"]["key"])


@pytest.mark.parametrize("config", [TXT, SRT, TXT_AND_SRT, TranscriptionConfig(format=("srt",), subtitle_width=8)])
@pytest.mark.parametrize("decoding", [None, OTHER])
def test_a_changed_file_stays_whatever_formats_and_settings_follow(
    done: tuple[Path, Path], config: TranscriptionConfig, decoding: DecodingConfig | None
) -> None:
    inputs, out = done
    run(inputs, out, config=TXT_AND_SRT)
    (out / f"{ONE}.srt").unlink()
    for path in (out / f"{ONE}.txt", out / "speaker0/clip 0.srt"):
        path.write_text("mine")
    watcher = Watcher()
    summary = run(inputs, out, config=config, decoding=decoding, observer=watcher)
    assert (out / f"{ONE}.txt").read_text() == (out / "speaker0/clip 0.srt").read_text() == "mine"
    assert summary.exit_code == 0 and len(everything(done)) == 6
    if config.format == ("txt", "srt") and decoding is not None:
        assert summary.kept == ["speaker0/clip 0.srt", f"{ONE}.txt"]
        assert watcher.remarks == [
            "2 files stay as they are, changed since or from elsewhere (--overwrite writes anew): "
            f"speaker0/clip 0.srt, {ONE}.txt"
        ]
    run(inputs, out, config=config, decoding=decoding, overwrite=True)
    assert ((out / f"{ONE}.txt").read_text() == "mine") == ("txt" not in config.format)


@pytest.mark.parametrize("formats", [("srt",), ("srt", "json"), ("json",)])
def test_files_of_former_settings_are_written_anew_in_every_format(
    done: tuple[Path, Path], formats: tuple[str, ...]
) -> None:
    inputs, out = done
    run(inputs, out, config=JSON)
    (out / f"{ONE}.json").unlink()  # nobody wants it any more
    run(inputs, out, config=TranscriptionConfig(format=formats), model=FakeModel(fingerprint="f2"))
    written = sorted(out.rglob("*.json"))
    assert len(written) == 7 - ("json" not in formats)  # with run.json
    assert {key_in(path) for path in written if path.name != "run.json"} == {key_of(out)}
    assert run(inputs, out, config=JSON, model=FakeModel(fingerprint="f2")).num_transcribed == 0


def test_files_whose_results_were_dropped_are_known_as_ours(done: tuple[Path, Path]) -> None:
    inputs, out = done
    run(inputs, out, config=JSON)
    one = [inputs / "speaker0", inputs / "speaker1/clip 5.wav"]
    run(one, out, decoding=OTHER)  # the results of the others leave the table
    summary = run(inputs, out, decoding=OTHER)
    assert summary.kept == [] and {key_in(path) for path in out.glob("speaker*/*.json")} == {key_of(out)}


def test_a_name_that_falls_to_other_audio_has_nothing_of_the_former(tmp_path: Path) -> None:
    out = tmp_path / "out"
    first, second = (write_speech(tmp_path / name / "a.wav", 1.0, seed) for seed, name in enumerate("xy"))
    run([first, second], out, config=TXT_AND_SRT)
    shutil.rmtree(first.parent)
    run(second, out)  # which is a now
    assert run([second.parent], out, config=SRT).kept == []
    fresh = tmp_path / "fresh"
    run(second, fresh, config=TXT_AND_SRT)
    assert all((out / name).read_bytes() == (fresh / name).read_bytes() for name in ("a.txt", "a.srt"))


@pytest.mark.parametrize("moment", ["remove", "append", "note", "write_atomically"])
def test_a_run_that_is_killed_leaves_nothing_that_counts_as_changed(
    done: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    from asrkit.transcription import outputs, results, written

    place = {
        "remove": outputs.TranscriptFiles, "append": results.ResultsLog, "note": written.WrittenFiles,
        "write_atomically": outputs,
    }[moment]  # fmt: skip
    inputs, out = done
    run(inputs, out, config=TXT_AND_SRT)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(place, moment, killed)
        run(inputs, out, config=TXT_AND_SRT, decoding=OTHER)
    last = DecodingConfig(word_bonus=0.7)
    assert run(inputs, out, config=TXT_AND_SRT, decoding=last).kept == []
    run(inputs, out.with_name("fresh"), config=TXT_AND_SRT, decoding=last)
    assert contents(out) == contents(out.with_name("fresh"))


def test_of_a_folder_without_a_record_what_is_newer_than_its_results_stays(done: tuple[Path, Path]) -> None:
    inputs, out = done
    (out / ".asrkit.files").unlink()  # as of earlier versions
    (out / "speaker1/clip 1.txt").write_text("mine")
    later_ns = (out / "results.jsonl").stat().st_mtime_ns + 1
    os.utime(out / "speaker1/clip 1.txt", ns=(later_ns, later_ns))

    class Dying(Watcher):
        def transcribed(self, transcript: Transcript) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(inputs, out, decoding=OTHER, observer=Dying(), config=TranscriptionConfig(batch_size=1, jobs=1))
    assert run(inputs, out, decoding=OTHER).kept == ["speaker1/clip 1.txt"]
    assert len([path for path in out.rglob("clip*.txt") if path.read_text() != "mine"]) == 5


def test_shards_know_what_a_whole_run_wrote_and_the_other_way_round(done: tuple[Path, Path]) -> None:
    inputs, out = done
    (out / f"{ONE}.txt").write_text("mine")

    def in_shards(decoding: DecodingConfig) -> list[str]:
        return [
            name
            for number in (1, 2)
            for name in run(inputs, out, config=TXT_AND_SRT.replace(shard=f"{number}/2"), decoding=decoding).kept
        ]

    assert in_shards(OTHER) == [f"{ONE}.txt"]
    assert run(inputs, out, config=TXT_AND_SRT).kept == [f"{ONE}.txt"]
    assert in_shards(DecodingConfig(word_bonus=0.7)) == [f"{ONE}.txt"]


def test_beside_the_audio_a_file_of_somebody_else_stays_in_every_format(wavs: Path, tmp_path: Path) -> None:
    inputs, out = tmp_path / "in", tmp_path / "out"
    shutil.copytree(wavs, inputs)
    run(inputs, out, in_place=True)
    own = inputs / f"{ONE}.json"
    own.write_text("{}")  # notes of the person who recorded it
    assert run(inputs, out, config=JSON, in_place=True).kept == [str(own)]
    assert run(inputs, out, config=JSON, in_place=True, decoding=OTHER).kept == [str(own)]
    assert own.read_text() == "{}"
    run(inputs / "speaker0", out, in_place=True)  # the results of the others leave the table
    assert run(inputs, out, in_place=True).num_transcribed == 3


def test_a_dialogue_goes_with_its_channels_in_every_format(tmp_path: Path) -> None:
    call, out = write_speech(tmp_path / "call.wav", 2.0, channels=2), tmp_path / "out"

    def split(*formats: str, **options: object) -> list[str]:
        config = TranscriptionConfig(format=formats, channels="split")
        return run(call, out, config=config, **options).kept

    split("json", "txt")
    assert split("srt", decoding=OTHER, model=FakeModel(fingerprint="f2")) == []
    assert (out / "call.json").exists() and key_in(out / "call.ch1.json") == key_of(out)
    (out / "call.txt").write_text("mine")
    (out / "call.json").unlink()
    assert split("txt", "json") == ["call.txt"] and (out / "call.json").exists()
    assert split("txt", model=FakeModel(fingerprint="f3")) == ["call.txt"]
    assert (out / "call.txt").read_text() == "mine"


def test_a_changed_table_of_hypotheses_is_put_aside(done: tuple[Path, Path]) -> None:
    inputs, out = done
    table = out / "hyp.txt"
    before = table.read_text()
    for text in ("mine\n", "mine once more\n"):
        table.write_text(text)
        watcher = Watcher()
        run(inputs, out, observer=watcher)
        assert table.read_text() == before
        assert watcher.remarks == ["hyp.txt was changed since: that is in hyp.aside.txt now"]
    assert (out / "hyp.aside.txt").read_text() == "mine\nmine once more\n"
    run(inputs, out, decoding=OTHER, observer=watcher)
    assert len(watcher.remarks) == 1
