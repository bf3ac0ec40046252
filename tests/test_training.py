"""Runs: they learn, go on exactly where they stopped, and say what is wrong."""

import json
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_run import Recorder, settings, smallest
from tone_speech import EVEN, write_corpus

from asrkit.cli import main
from asrkit.data import Utterance, write_manifest
from asrkit.errors import AudioError, ConfigError, ManifestError, TrainingError
from asrkit.model.bundle import Bundle
from asrkit.model.folder import PARTS
from asrkit.presets import run_config
from asrkit.training import checkpoint
from asrkit.training.checkpoint import CHECKPOINT, RunState, load_checkpoint, require_same_run, save_checkpoint
from asrkit.training.run import LEFT_OUT, point_latest_at, train

pytest.importorskip("keras")

from asrkit.model.network import DeepSpeech2


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("data") / "tones", 12, words=EVEN)


def test_a_stopped_run_goes_on_exactly_where_it_was(tmp_path):
    corpus = write_corpus(tmp_path / "tones", 12)  # of several lengths and speeds, as in life
    speeds = {"augmentation": {"speeds": [0.9, 1.0, 1.1]}}
    config = smallest(corpus, training=speeds)
    whole, first, second = Recorder(), Recorder(stop_after=4), Recorder()
    train(config, tmp_path / "whole", cache_dir=tmp_path, observer=whole)
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "parts", cache_dir=tmp_path, observer=first)
    train(config, tmp_path / "parts", cache_dir=tmp_path, observer=second)
    assert second.start.first_epoch == 1
    np.testing.assert_allclose(first.losses + second.losses, whole.losses, rtol=1e-3)
    rows = [json.loads(line) for line in (tmp_path / "parts" / "log.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert rows[1]["loss"] == pytest.approx(whole.epochs[1].loss, rel=1e-3)
    weights = [Bundle.load(tmp_path / name).weights() for name in ("whole", "parts")]
    for name, values in weights[0].items():
        np.testing.assert_allclose(weights[1][name], values, atol=5e-3)

    again = Recorder()
    bundle = train(config, tmp_path / "parts", cache_dir=tmp_path, observer=again)
    assert not again.losses, "a finished run is not run again"
    assert "finished" in again.notes[-1]
    assert bundle.card["data"]["train_utterances"] == 12

    with pytest.raises(TrainingError, match=r"training\.learning_rate: 0\.001 is now 0\.01"):
        train(smallest(corpus, training={"learning_rate": 0.01, **speeds}), tmp_path / "parts", cache_dir=tmp_path)
    other = write_corpus(tmp_path / "other", 5, seed=9)
    with pytest.raises(TrainingError, match="other data"):
        train(smallest(other, training=speeds), tmp_path / "parts", cache_dir=tmp_path)


def test_a_run_from_before_a_setting_goes_on_as_long_as_nobody_sets_it(corpus, tmp_path):
    config = settings(corpus)
    plain = config.to_dict()
    for name in ("noises", "room_probability", "rooms", "codec_probability", "codecs", "clip_db"):
        del plain["training"]["augmentation"][name]
    save_checkpoint(tmp_path / "c.npz", RunState(config=plain, data="d"), {})
    before, _ = load_checkpoint(tmp_path / "c.npz")
    require_same_run(before, RunState(config=config.to_dict(), data="d"), tmp_path)
    for changes in ({"room_probability": 0.5}, {"codecs": ["opus-8k"]}):
        now = settings(corpus, training={"augmentation": changes})
        with pytest.raises(TrainingError, match=rf"training\.augmentation\.{next(iter(changes))}: .* is now"):
            require_same_run(before, RunState(config=now.to_dict(), data="d"), tmp_path)


def test_a_folder_of_noises_is_looked_at_before_anything_is_read(corpus, tmp_path):
    noisy = {"noise_probability": 0.5, "noises": ["babble", str(tmp_path)]}
    with pytest.raises(AudioError, match="holds no recordings"):
        train(settings(corpus, training={"augmentation": noisy}), tmp_path / "run", cache_dir=tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("untraced")
def test_a_model_that_counted_silence_can_begin_a_run_that_ignores_it(corpus, tmp_path):
    counting = smallest(corpus, training={"epochs": 1}, features={"silence": "counted"})
    first = train(counting, tmp_path / "first", cache_dir=tmp_path)
    assert "silence" not in json.loads((first.path / "bundle.json").read_text())["features"]
    start = {"epochs": 1, "start_from": str(first.path)}
    second = train(smallest(corpus, training=start), tmp_path / "second", cache_dir=tmp_path)
    assert second.features == first.features.replace(silence="ignored")
    assert Bundle.load(second.path).features.silence == "ignored"


class Moments:
    """Sends this process Ctrl-C, twice in a row, at moments where it must not end: after some call of a function."""

    def __init__(self, monkeypatch):
        self.planned, self.done = [], []
        self._plan(monkeypatch, DeepSpeech2, "train_on_batch", 2)  # the weights have moved, nothing is counted
        self._plan(monkeypatch, DeepSpeech2, "predict_on_batch", 1)  # the dev set is being heard, by averaged weights
        self._plan(monkeypatch, checkpoint, "write_arrays", 3)  # after two interrupted parts: that of an epoch

    def _plan(self, monkeypatch, owner, name, call):
        real, calls = getattr(owner, name), []

        def told(*arguments, **named):
            result = real(*arguments, **named)
            calls.append(name)
            if len(calls) == call:
                self.done.append(name)
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)
            return result

        self.planned.append(name)
        monkeypatch.setattr(owner, name, told)


@pytest.mark.usefixtures("untraced")
def test_ctrl_c_at_any_moment_takes_no_step_twice_and_none_away(corpus, tmp_path, monkeypatch):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have made the tests ignore it
    whole, parts = Recorder(), []
    train(smallest(corpus), tmp_path / "whole", cache_dir=tmp_path, observer=whole)
    moments = Moments(monkeypatch)
    try:
        for _ in moments.planned:
            parts.append(Recorder())
            with pytest.raises(KeyboardInterrupt):
                train(smallest(corpus), tmp_path / "parts", cache_dir=tmp_path, observer=parts[-1])
    finally:
        signal.signal(signal.SIGINT, before)
    parts.append(Recorder())
    with ThreadPoolExecutor(1) as pool:  # where no handler can be set, training goes on as well
        pool.submit(train, smallest(corpus), tmp_path / "parts", cache_dir=tmp_path, observer=parts[-1]).result()
    assert [len(part.losses) for part in parts] == [2, 1, 0, 3]
    losses = [loss for part in parts for loss in part.losses]
    np.testing.assert_allclose(losses, whole.losses, rtol=1e-4)
    assert moments.done == moments.planned


@pytest.mark.usefixtures("untraced")
def test_a_run_can_begin_with_the_weights_of_another(corpus, tmp_path):
    config = smallest(corpus, training={"epochs": 1})
    bundle = train(config, tmp_path / "first", cache_dir=tmp_path)
    tuned = smallest(corpus, training={"epochs": 1, "learning_rate": 1e-9, "start_from": str(bundle.path)})
    second = train(tuned, tmp_path / "second", cache_dir=tmp_path)
    first_weights, second_weights = bundle.weights(), second.weights()
    for name, values in first_weights.items():
        if "moving" not in name:  # batch statistics follow the data even when nothing is learned
            np.testing.assert_allclose(second_weights[name], values, atol=1e-6)
    other = smallest(corpus, training={"start_from": str(bundle.path)}, features={"mel_bins": 30})
    with pytest.raises(TrainingError, match=r"needs the same network: features\.mel_bins is 20 there and"):
        train(other, tmp_path / "third", cache_dir=tmp_path)


@pytest.mark.usefixtures("untraced")
def test_a_batch_without_a_finite_loss_blames_the_weights(corpus, tmp_path, monkeypatch):
    from asrkit.training import batches

    make = batches.BatchMaker.part

    def spoiled(self, indices, epoch):
        batch = make(self, indices, epoch)
        if epoch is not None:
            batch["features"][:] = np.nan
        return batch

    monkeypatch.setattr(batches.BatchMaker, "part", spoiled)
    recorder = Recorder()
    with pytest.raises(TrainingError, match=r"not finite: it is the weights, .* lower training.learning_rate"):
        train(smallest(corpus), tmp_path / "run", cache_dir=tmp_path, observer=recorder)
    assert "u0" not in recorder.notes[-1]  # a whole batch is no single recording's fault


@pytest.mark.usefixtures("untraced")
def test_without_a_dev_set_speakers_are_held_out(corpus, tmp_path):
    config = smallest(corpus, data={"dev": None, "dev_share": 0.2}, training={"epochs": 1})
    recorder = Recorder()
    train(config, tmp_path / "run", cache_dir=tmp_path, observer=recorder)
    assert recorder.start.dev_utterances + recorder.start.train_utterances == 12
    assert 2 <= recorder.start.dev_utterances <= 3
    told = f"{recorder.start.dev_utterances} of 12 utterances"
    assert told in recorder.notes[0] and "held out" in recorder.notes[0]
    assert "say little about which epoch is best" in recorder.notes[1]
    assert told in Bundle.load(tmp_path / "run").card["data"]["dev"]


@pytest.mark.usefixtures("untraced")
def test_characters_outside_the_alphabet_are_reported(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(16_000), 16_000)
    manifest = tmp_path / "train.tsv"
    write_manifest(manifest, [Utterance("a", path, "na\u00efve \u4e2d"), Utterance("b", path, "\u4e2d")])
    recorder = Recorder()
    train(smallest(manifest, training={"epochs": 1}), tmp_path / "run", cache_dir=tmp_path, observer=recorder)
    assert any("\u4e2d" in note and "removed" in note for note in recorder.notes)
    assert (tmp_path / "run" / LEFT_OUT).read_text().splitlines() == [
        "utterance_id\treason",
        *["b\tnothing of its text can be spelled"] * 2,  # of the training set and of the dev set
    ]
    assert [rejection.id for rejection in recorder.start.rejections] == ["b", "b"]
    more = smallest(manifest, training={"epochs": 2})
    train(more, tmp_path / "run", cache_dir=tmp_path, observer=recorder)
    assert any("planned for 1 epochs and now for 2: its learning rate" in note for note in recorder.notes)


def test_nothing_to_learn_from_is_an_error_with_the_reason(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(800), 16_000)
    manifest = tmp_path / "train.tsv"
    write_manifest(manifest, [Utterance("a", path, "yes")])
    with pytest.raises(TrainingError, match=r"no training utterance can be used; a: 0\.05 s is shorter"):
        train(settings(manifest), tmp_path / "run", cache_dir=tmp_path)
    with pytest.raises(ConfigError, match="no training data"):
        train(run_config({}), tmp_path / "run", cache_dir=tmp_path)


ROW = {"epoch": 1, "loss": 2.0, "dev_wer": 50.0, "dev_cer": 20.0, "dev_loss": 1.5}


def test_checkpoints_come_back_as_they_were(tmp_path):
    state = RunState(epoch=3, batch=7, best_wer=12.5, history=[ROW], data="abc")
    arrays = {"network": [np.arange(6.0).reshape(2, 3), np.ones(2, np.float32)], "optimizer": [np.int64(4)]}
    save_checkpoint(tmp_path / "c.npz", state, arrays)
    loaded, values = load_checkpoint(tmp_path / "c.npz")
    assert loaded == state
    for name, items in arrays.items():
        for a, b in zip(values[name], items, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_checkpoint_that_cannot_be_written_leaves_the_last_one(tmp_path, monkeypatch):
    save_checkpoint(tmp_path / "c.npz", RunState(epoch=1), {})

    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "write_arrays", full_disk)
    with pytest.raises(TrainingError, match="No space left"):
        save_checkpoint(tmp_path / "c.npz", RunState(epoch=2), {})
    assert load_checkpoint(tmp_path / "c.npz")[0].epoch == 1
    assert [p.name for p in tmp_path.iterdir()] == ["c.npz"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"garbage"])
def test_a_damaged_checkpoint_says_what_to_do(tmp_path, content):
    (tmp_path / "c.npz").write_bytes(content)
    with pytest.raises(TrainingError, match="--fresh"):
        load_checkpoint(tmp_path / "c.npz")


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": -5},
        {"epoch": "x"},
        {"epoch": 10**12},
        {"batch": True},
        {"loss_sum": "x"},
        {"best_wer": None},
        {"best_epoch": "x"},
        {"history": [{"a": 1}]},
        {"history": [[]]},
        {"history": {}},
        {"config": []},
        {"data": 5},
        {"finished": "no"},
        {"unknown": 1},
    ],
)
def test_a_checkpoint_of_other_types_says_what_to_do(tmp_path, change):
    state = RunState(history=[ROW], data="abc")
    vars(state).update(change)
    header = json.dumps({"format_version": 1, **vars(state)})
    np.savez(tmp_path / "c.npz", header=np.frombuffer(header.encode(), np.uint8))
    with pytest.raises(TrainingError, match="--fresh"):
        load_checkpoint(tmp_path / "c.npz")


def test_latest_leads_to_the_last_model(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "bundle.json").write_text(name)
        latest = point_latest_at(tmp_path / name)
    assert (latest / "bundle.json").read_text() == "second"


@pytest.mark.parametrize("has_links", [True, False])
def test_a_model_in_the_place_of_latest_is_never_touched(has_links, tmp_path, monkeypatch):
    if not has_links:
        monkeypatch.setattr(Path, "symlink_to", refuse)
    for name in ("latest", "new"):
        (tmp_path / name).mkdir()
        for part in (*PARTS, "checkpoint.npz"):
            (tmp_path / name / part).write_text(name)
    assert point_latest_at(tmp_path / "new") is None
    assert {path.read_text() for path in (tmp_path / "latest").iterdir()} == {"latest"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "new"]


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX's")
def test_a_copy_of_the_latest_is_not_written_where_a_link_leads(tmp_path, monkeypatch):
    (tmp_path / "victim").write_text("precious")
    for name in ("latest", "new"):
        (tmp_path / name).mkdir()
    for part in PARTS:
        (tmp_path / "new" / part).write_text("new")
        (tmp_path / "latest" / part).symlink_to(tmp_path / "victim")
    monkeypatch.setattr(Path, "symlink_to", refuse)
    latest = point_latest_at(tmp_path / "new")
    assert {path.name: path.read_text() for path in latest.iterdir()} == dict.fromkeys(PARTS, "new")
    assert (tmp_path / "victim").read_text() == "precious"


def test_latest_is_a_copy_where_there_are_no_links(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "symlink_to", refuse)
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        for part in (*PARTS, "checkpoint.npz"):
            (tmp_path / name / part).write_text(name)
        latest = point_latest_at(tmp_path / name)
    assert {path.name: path.read_text() for path in latest.iterdir()} == dict.fromkeys(PARTS, "second")


def refuse(*arguments, **options):
    raise OSError("no links here")


def test_a_fresh_run_on_unusable_data_leaves_the_earlier_one_alone(tmp_path):
    for part in (*PARTS, "checkpoint.npz", "log.jsonl"):
        (tmp_path / part).write_text("earlier")
    (tmp_path / "empty.tsv").write_text("utterance_id\tpath\ttext\n")
    with pytest.raises(ManifestError):
        train(settings(tmp_path / "empty.tsv"), tmp_path, fresh=True, cache_dir=tmp_path)
    with pytest.raises(ConfigError, match="choose another --output"):
        train(settings(tmp_path, training={"start_from": str(tmp_path)}), tmp_path, fresh=True, cache_dir=tmp_path)
    assert {(tmp_path / part).read_text() for part in (*PARTS, "checkpoint.npz", "log.jsonl")} == {"earlier"}


@pytest.mark.parametrize(
    ("flags", "is_kept", "line"),
    [
        ([], True, "interrupted; the run is kept in out, the same command goes on with it"),
        (["--fresh"], True, "interrupted; the run is kept in out, the same command without --fresh goes on with it"),
        ([], False, "interrupted"),
    ],
)
def test_an_interrupted_command_says_how_to_go_on(flags, is_kept, line, corpus, tmp_path, monkeypatch, capsys):
    def stop(run, output, **_):
        if is_kept:
            save_checkpoint(output / CHECKPOINT, RunState(), {})
        raise KeyboardInterrupt

    monkeypatch.setattr("asrkit.training.worker.train", stop)
    monkeypatch.setattr(sys, "argv", ["asrkit", "train", str(corpus), "-o", "out", *flags])
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    with pytest.raises(SystemExit) as end:
        main()
    assert (end.value.code, capsys.readouterr().err) == (130, f"asrkit: {line}\n")
