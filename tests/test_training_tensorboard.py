"""TensorBoard: the event files hold what the log holds."""

import json
import sys

import pytest
from tiny_run import settings
from tone_speech import write_corpus

from asrkit.errors import ConfigError
from asrkit.training.observer import EpochDone, Observers, TrainingObserver
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


def test_event_files_hold_the_log(tmp_path):
    pytest.importorskip("tensorflow")
    corpus = write_corpus(tmp_path / "tones", 8)
    config = settings(corpus, training={"tensorboard": True})
    train(config, tmp_path / "run", cache_dir=tmp_path)
    found = scalars(tmp_path / "run" / "tensorboard")
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    for row in rows:
        assert found["dev/wer", row["epoch"]] == pytest.approx(row["dev_wer"], rel=1e-5)
        assert found["epoch/loss", row["epoch"]] == pytest.approx(row["loss"], rel=1e-5)
    assert [step for name, step in sorted(found) if name == "train/loss"] == [1, 2, 3, 4]


def test_without_tensorflow_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ConfigError, match=r"pip install tensorflow, or leave --tensorboard away"):
        TensorBoardLog(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_several_observers_hear_everything():
    class Listener(TrainingObserver):
        def __init__(self):
            self.heard = []

    names = [name for name in vars(TrainingObserver) if not name.startswith("_")]
    assert set(names) == {name for name in vars(Observers) if not name.startswith("_")}
    for name in names:
        setattr(Listener, name, lambda self, *values, name=name: self.heard.append((name, values)))
    first, second = Listener(), Listener()
    both = Observers([first, second])
    both.decoding_audio(1, 2)
    both.note("hello")
    for name in ("run_started", "batch_done", "epoch_done"):
        getattr(both, name)(EpochDone)
    assert first.heard == second.heard
    assert [name for name, _ in first.heard] == ["decoding_audio", "note", "run_started", "batch_done", "epoch_done"]
