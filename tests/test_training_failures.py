"""What goes wrong around a run: it is told in clear words, nothing is lost, and the last good checkpoint loads."""

import numpy as np
import pytest
from random_bundle import random_bundle
from tiny_run import Recorder, settings, smallest
from tone_speech import EVEN, write_corpus

from asrkit.cli.train import _report
from asrkit.data import read_manifest
from asrkit.errors import InUseError, ManifestError, TrainingError
from asrkit.model.folder import PARTS
from asrkit.training import checkpoint
from asrkit.training.checkpoint import CHECKPOINT, load_checkpoint
from asrkit.training.run import load_sets, train

pytest.importorskip("keras")

from asrkit.model.network import DeepSpeech2

pytestmark = pytest.mark.usefixtures("untraced")


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path / "tones", 8, words=EVEN)


class Meddler(Recorder):
    """Does something after the first epoch."""

    def __init__(self, deed):
        super().__init__()
        self.deed = deed

    def epoch_done(self, event):
        super().epoch_done(event)
        if event.epoch == 0:
            self.deed(event)


@pytest.mark.slow
def test_audio_that_vanishes_during_a_run_does_not_stop_it_and_is_named_before_the_next(corpus, tmp_path):
    path = read_manifest(corpus)[2].audio_path
    away = path.with_suffix(".away")
    recorder = Meddler(lambda event: path.rename(away))
    train(settings(corpus, training={"epochs": 2}), tmp_path / "run", cache_dir=tmp_path, observer=recorder)
    assert len(recorder.epochs) == 2
    longer = settings(corpus, training={"epochs": 3})
    with pytest.raises(ManifestError, match=rf"tones\.tsv:4: no audio file at .*{path.name}"):
        train(longer, tmp_path / "run", cache_dir=tmp_path)
    away.rename(path)
    again = Recorder()
    train(longer, tmp_path / "run", cache_dir=tmp_path, observer=again)
    assert [event.epoch for event in again.epochs] == [2]


def test_a_full_disk_ends_a_run_that_goes_on_when_there_is_room(corpus, tmp_path, monkeypatch):
    write_arrays = checkpoint.write_arrays

    def fill(event):
        def full(file, arrays):
            file.write(b"the beginning")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(checkpoint, "write_arrays", full)

    config = smallest(corpus)
    with pytest.raises(TrainingError, match=r"checkpoint\.npz: .*No space left on device; the last good one is kept"):
        train(config, tmp_path / "run", cache_dir=tmp_path, observer=Meddler(fill))
    monkeypatch.setattr(checkpoint, "write_arrays", write_arrays)
    assert load_checkpoint(tmp_path / "run" / CHECKPOINT)[0].epoch == 1
    recorder = Recorder()
    train(config, tmp_path / "run", cache_dir=tmp_path, observer=recorder)
    assert recorder.start.first_epoch == 1
    assert [event.epoch for event in recorder.epochs] == [1]


def test_a_full_disk_for_log_or_cache_says_what_to_do(corpus, tmp_path, monkeypatch):
    from asrkit.training import examples, trainer

    def full(*_, **__):
        raise OSError(28, "No space left on device", "x")

    with monkeypatch.context() as patch:
        patch.setattr(examples.json, "dumps", full)
        with pytest.raises(TrainingError, match=r"No space left.*ASRKIT_CACHE_DIR"):
            train(smallest(corpus), tmp_path / "run", cache_dir=tmp_path / "cache")
    assert list((tmp_path / "cache").glob("*.json")) == [], "no index: the samples are not taken for complete"
    monkeypatch.setattr(trainer, "write_whole", full)
    with pytest.raises(TrainingError, match=r"run: cannot write: No space left on device; the last good checkpoint"):
        train(smallest(corpus), tmp_path / "run", cache_dir=tmp_path / "cache")
    assert load_checkpoint(tmp_path / "run" / CHECKPOINT)[0].epoch == 1


def test_a_fresh_run_that_cannot_begin_leaves_the_earlier_one_alone(corpus, tmp_path):
    other = random_bundle(tmp_path / "other")
    run = random_bundle(tmp_path / "run").path
    (run / CHECKPOINT).write_bytes(b"of the run")
    before = {path.name: path.read_bytes() for path in run.glob("[!.]*")}
    config = smallest(corpus, training={"start_from": str(other.path)})
    with pytest.raises(
        TrainingError, match=r"start_from needs the same network: features.sample_rate_hz is 8000 there and 16000 here"
    ):
        train(config, run, fresh=True, cache_dir=tmp_path)
    assert {path.name: path.read_bytes() for path in run.glob("[!.]*")} == before
    train(smallest(corpus, training={"epochs": 1}), run, fresh=True, cache_dir=tmp_path)
    assert load_checkpoint(run / CHECKPOINT)[0].finished


def test_a_second_run_in_the_folder_of_one_that_trains_is_refused(corpus, tmp_path):
    """They wrote one another's half-written checkpoints, and the first one to notice ended."""
    refused = []

    def begin_another(event):
        with pytest.raises(InUseError, match=r"run: another run is writing into this folder") as caught:
            train(smallest(corpus), tmp_path / "run", cache_dir=tmp_path)
        refused.append(caught.value)

    recorder = Meddler(begin_another)
    train(smallest(corpus), tmp_path / "run", cache_dir=tmp_path, observer=recorder)
    assert len(refused) == 1 and len(recorder.epochs) == 2


def test_a_model_without_a_run_is_not_replaced(corpus, tmp_path):
    bundle = random_bundle(tmp_path / "run")
    before = {path.name: path.read_bytes() for path in bundle.path.iterdir()}
    with pytest.raises(TrainingError, match=r"holds a model and no checkpoint\.npz .*another --output.*--fresh"):
        train(smallest(corpus), bundle.path, cache_dir=tmp_path)
    assert {path.name: path.read_bytes() for path in bundle.path.iterdir()} == before


def test_a_run_that_dies_behind_its_first_model_goes_on(corpus, tmp_path, monkeypatch):
    from asrkit.training import trainer

    def die(*arguments, **named):
        save_bundle(*arguments, **named)
        raise RuntimeError("killed")

    save_bundle = trainer.save_bundle
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "save_bundle", die)
        with pytest.raises(RuntimeError, match="killed"):
            train(smallest(corpus), tmp_path / "run", cache_dir=tmp_path)
    recorder = Recorder()
    train(smallest(corpus), tmp_path / "run", cache_dir=tmp_path, observer=recorder)
    assert [event.epoch for event in recorder.epochs] == [0, 1]
    assert len(recorder.losses) == 2, "of the second epoch alone"


def test_a_damaged_log_hides_no_error(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"epoch": 1, "loss"')
    assert _report(tmp_path) is None


def test_dev_utterances_that_are_trained_on_are_told(corpus):
    heard = Recorder()
    load_sets(smallest(corpus), heard)
    assert heard.notes[0].startswith("8 of 8 dev utterances are trained on, too: their scores flatter")


def test_a_run_without_its_model_takes_the_next_epoch_for_the_best(corpus, tmp_path):
    """It was lost, or no epoch was better than none: of a dev loss that is no number."""
    run = train(smallest(corpus, training={"epochs": 1}), tmp_path / "run", cache_dir=tmp_path).path
    state, arrays = load_checkpoint(run / CHECKPOINT)
    state.best_wer = state.best_cer = state.best_loss = 0.0
    checkpoint.save_checkpoint(run / CHECKPOINT, state, arrays)
    for name in PARTS:
        (run / name).unlink(missing_ok=True)
    assert train(smallest(corpus), run, cache_dir=tmp_path).card["epoch"] == 2


def test_one_bad_batch_is_named_and_survived(corpus, tmp_path, monkeypatch):
    from asrkit.training import batches

    make = batches.BatchMaker.part

    def spoiled(self, indices, epoch):
        batch = make(self, indices, epoch)
        if epoch == 1 and 3 in indices:
            batch["features"][list(indices).index(3)] = np.nan
        return batch

    monkeypatch.setattr(batches.BatchMaker, "part", spoiled)
    recorder = Recorder()
    train(smallest(corpus), tmp_path / "run", cache_dir=tmp_path, observer=recorder)
    assert sum(not np.isfinite(loss) for loss in recorder.losses) == 1
    assert any(note.startswith("the loss is not finite: look at u003") for note in recorder.notes)
    assert all(np.isfinite(event.dev_loss) for event in recorder.epochs)


def test_a_loss_that_stays_infinite_ends_with_what_can_be_done(corpus, tmp_path, monkeypatch):
    """A lower rate alone is refused: it would be another run."""
    from asrkit.training import trainer

    monkeypatch.setattr(trainer, "_MAX_BAD_BATCHES", 0)
    step = DeepSpeech2.train_on_batch
    steps = iter(range(100))
    monkeypatch.setattr(
        DeepSpeech2, "train_on_batch", lambda *a, **k: step(*a, **k) if next(steps) < 2 else {"loss": np.inf}
    )
    with pytest.raises(TrainingError, match=r"lower training\.learning_rate.*; then train with --fresh, or begin with"):
        train(smallest(corpus), tmp_path / "run", cache_dir=tmp_path)


def test_weights_that_are_not_finite_reach_no_checkpoint(corpus, tmp_path, monkeypatch):
    from asrkit.training import trainer

    networks = []
    build = trainer.compiled_network
    monkeypatch.setattr(trainer, "compiled_network", lambda *a: networks.append(build(*a)) or networks[-1])

    def spoil(event):
        bias = networks[-1].output_layer.bias
        # The loss of the next steps is finite: this symbol is in no text.
        bias.assign([-np.inf if symbol == 26 else 0.0 for symbol in range(bias.shape[0])])

    with pytest.raises(TrainingError, match=r"the weights are not finite any more; .*learning_rate"):
        train(smallest(corpus), tmp_path / "run", cache_dir=tmp_path, observer=Meddler(spoil))
    state, arrays = load_checkpoint(tmp_path / "run" / CHECKPOINT)
    assert state.epoch == 1
    assert all(np.isfinite(values).all() for values in arrays["network"])
