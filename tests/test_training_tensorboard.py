"""TensorBoard: the event files hold what the log holds."""

import os
import sys

import pytest
from tiny_run import settings
from tone_speech import write_corpus

from asrkit.errors import MissingPackageError
from asrkit.training.observer import BatchDone, EpochDone, RunStart, Sample, TrainingObserver, told_to_all
from asrkit.training.run import train
from asrkit.training.tensorboard import TensorBoardLog


def scalars(folder):
    """Return the scalars of the only event file in a folder, as {(name, step): value}."""
    import tensorflow as tf
    from tensorflow.core.util import event_pb2

    (path,) = folder.glob("events.out.tfevents.*")
    found = {}
    for record in tf.data.TFRecordDataset(str(path)):
        event = event_pb2.Event.FromString(record.numpy())
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name == "scalars":
                found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    return found


def test_event_files_hold_what_happened(tmp_path):
    pytest.importorskip("tensorflow")
    log = TensorBoardLog(tmp_path)
    config = settings("train.tsv")
    log.run_started(RunStart(tmp_path, config, 10, 2, 3.0, 1, 1.0, (), 0, "cpu"))
    for batch in (1, 2):
        log.batch_done(BatchDone(1, batch, 2, 10.0 / batch, 3.0, 1e-3, 0.1))
    sample = Sample("u1", "the cat", "the bat")
    log.epoch_done(EpochDone(1, 7.5, 8.5, 50.0, 25.0, 0.5, 9.0, 30.0, 1e-3, True, (sample,)))
    found = scalars(tmp_path)
    assert found["train/loss", 3] == 10.0
    assert found["train/loss", 4] == 5.0
    assert found["dev/wer", 2] == 50.0
    assert found["dev/cer", 2] == 25.0
    assert found["epoch/loss", 2] == 7.5
    (path,) = tmp_path.iterdir()
    assert b"heard: the bat" in path.read_bytes()


def test_a_run_writes_events_when_asked(tmp_path, monkeypatch):
    from asrkit.training import run

    folders = []
    monkeypatch.setattr(run, "TensorBoardLog", lambda folder: folders.append(folder) or TrainingObserver())

    def stop(*_, **__):
        raise RuntimeError("enough")

    monkeypatch.setattr(run, "load_examples", stop)
    corpus = write_corpus(tmp_path / "tones", 4)
    for asked in (False, True):
        with pytest.raises(RuntimeError, match="enough"):
            train(settings(corpus, training={"tensorboard": asked}), tmp_path / "run", cache_dir=tmp_path)
    assert folders == [tmp_path / "run" / "tensorboard"]


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX's")
def test_events_are_not_written_where_a_link_leads(tmp_path):
    pytest.importorskip("tensorflow")
    (tmp_path / "victim").mkdir()
    (tmp_path / "tensorboard").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="tensorboard is a link"):
        TensorBoardLog(tmp_path / "tensorboard")
    assert not list((tmp_path / "victim").iterdir())


def test_without_tensorflow_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(MissingPackageError, match=r"pip install tensorflow, or leave --tensorboard away"):
        TensorBoardLog(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_several_observers_hear_everything():
    class Listener(TrainingObserver):
        def __init__(self):
            self.heard = []

    names = [name for name in vars(TrainingObserver) if not name.startswith("_")]
    for name in names:
        setattr(Listener, name, lambda self, *values, name=name: self.heard.append((name, values)))
    first, second = Listener(), Listener()
    both = told_to_all([first, second])
    both.decoding_audio(1, 2)
    both.note("hello")
    for name in ("run_started", "batch_done", "epoch_done"):
        getattr(both, name)(EpochDone)
    assert first.heard == second.heard
    assert [name for name, _ in first.heard] == ["decoding_audio", "note", "run_started", "batch_done", "epoch_done"]
