"""Runs that learn nothing are told so, with what to change; runs that are merely slow are let alone."""

import pytest
from tiny_run import Recorder, smallest
from tone_speech import EVEN, write_corpus

from asrkit.config import TrainingConfig
from asrkit.errors import TrainingError
from asrkit.model.bundle import Bundle
from asrkit.training.advice import cause_of_bad_loss, find_trouble, next_step
from asrkit.training.run import train

Trainer = pytest.importorskip("asrkit.training.trainer").Trainer


@pytest.mark.parametrize(
    ("wer_percent", "step"),
    [
        (100.0, "go on training (the same command with --epochs 8, without --fresh)"),
        (90.0, "go on training"),
        (89.9, "asrkit transcribe ./wavs --model m"),
        (None, "asrkit transcribe ./wavs --model m"),  # a run that had no dev set when it was made
    ],
)
def test_nobody_is_sent_to_transcribe_with_a_model_that_hears_nothing(wer_percent, step):
    assert next_step(wer_percent, 2, "m").startswith(step)


TRAINING = TrainingConfig(learning_rate=3e-3, warmup_steps=200)


def row(epoch: int, loss: float, blank_rate: float = 0.5, dev_cer: float = 40.0) -> dict[str, float]:
    return {"epoch": epoch, "loss": loss, "blank_rate": blank_rate, "dev_cer": dev_cer}


def rows(losses, **fields):
    return [row(epoch, loss, **fields) for epoch, loss in enumerate(losses, 1)]


BLANKS = {"blank_rate": 1.0, "dev_cer": 100.0}


@pytest.mark.parametrize(
    ("history", "steps", "verdict"),
    [
        ([], 100, None),
        (rows([80.0, 60.0, 40.0]), 100, None),
        (rows([80.0, 81.0, 79.0], **BLANKS), 100, None),  # the warm-up and one epoch more
        (rows([80.0, 60.0, 60.0, 60.0], **BLANKS), 100, "warned"),
        (rows([80.0, 60.0, 60.0, 60.0], **BLANKS), 1000, "stopped"),  # big epochs
        (rows([80.0] + 10 * [60.0], **BLANKS), 100, "warned"),
        (rows([80.0] + 11 * [60.0], **BLANKS), 100, "stopped"),  # small epochs
        (rows([80.0, 70.0, 60.0, 55.0, 50.0], **BLANKS), 1000, None),  # silent, but the loss falls
        ([*rows(5 * [60.0], **BLANKS), row(6, 60.0, 0.9, 90.0)], 1000, None),  # it begins to speak
        (rows(5 * [60.0], blank_rate=1.0, dev_cer=50.0), 1000, None),
        (rows([80.0, 161.0]), 100, "diverged"),
        (rows([80.0, 4.0, 8.1]), 100, None),  # small losses double by chance
        (rows([80.0, 4.0, 13.0]), 100, "diverged"),
        (rows([80.0, 30.0, 59.0]), 100, None),
        (rows([80.0, 30.0, 61.0]), 100, "diverged"),
    ],
)
def test_a_run_is_judged_by_its_epochs(history, steps, verdict):
    trouble = find_trouble(history, steps, TRAINING)
    if verdict is None:
        assert trouble is None
    else:
        assert trouble is not None
        assert trouble.is_hopeless == (verdict != "warned")
        assert ("diverged" in trouble.text) == (verdict == "diverged")


def test_the_advice_names_settings_and_values():
    collapsed = find_trouble(rows([80.0, 60.0, 60.0, 60.0], **BLANKS), 1000, TRAINING)
    assert "epochs 2 to 4: blank rate 100%, dev CER 100 %" in collapsed.text
    assert "training.learning_rate (to 0.001)" in collapsed.text
    assert "training.warmup_steps (to 400)" in collapsed.text
    diverged = find_trouble(rows([80.0, 30.0, 61.0]), 100, TRAINING)
    assert "was 30.0 in epoch 2 and is 61.0 in epoch 3" in diverged.text


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("data") / "tones", 8, words=EVEN)


def test_a_run_that_answers_only_blanks_is_stopped_with_advice(corpus, tmp_path, monkeypatch):
    from asrkit.training import trainer

    build = trainer.compiled_network

    def silent(*given):
        network = build(*given)
        bias = network.output_layer.bias
        bias.assign([0.0] * (bias.shape[0] - 1) + [30.0])
        return network

    monkeypatch.setattr(trainer, "compiled_network", silent)
    planted = {"epochs": 30, "learning_rate": 1e-9, "warmup_steps": 0, "batch_size": 8}
    recorder = Recorder()
    with pytest.raises(TrainingError, match="nothing but blanks"):
        train(smallest(corpus, training=planted), tmp_path / "run", cache_dir=tmp_path, observer=recorder)
    assert len(recorder.epochs) == 10
    assert len([note for note in recorder.notes if "nothing but blanks" in note]) == 1, "warned once"
    again = Recorder()
    with pytest.raises(TrainingError, match="nothing but blanks"):
        train(smallest(corpus, training=planted), tmp_path / "run", cache_dir=tmp_path, observer=again)
    assert not again.losses, "the same command does not lose time on it"
    stubborn = smallest(corpus, training=planted | {"epochs": 11, "stop_when_failing": False})
    train(stubborn, tmp_path / "run", cache_dir=tmp_path, observer=again)
    assert [event.epoch for event in again.epochs] == [10]


def test_a_diverged_run_is_stopped_and_its_best_bundle_stays(corpus, tmp_path, monkeypatch):
    take_step = Trainer._step

    def take_worse_step(trainer, batch, indices):
        loss = take_step(trainer, batch, indices)
        if trainer.state.epoch == 2:
            trainer.state.loss_sum += 1000.0 * len(indices)
        return loss

    monkeypatch.setattr(Trainer, "_step", take_worse_step)
    recorder = Recorder()
    planted = {"epochs": 6, "learning_rate": 0.03}
    with pytest.raises(TrainingError, match=r"diverged: .*in epoch 3; lower training\.learning_rate \(to 0\.01\)"):
        train(smallest(corpus, training=planted), tmp_path / "run", cache_dir=tmp_path, observer=recorder)
    assert len(recorder.epochs) == 3
    assert Bundle.load(tmp_path / "run").card["epoch"] <= 3


@pytest.mark.parametrize(
    ("culprits", "batch_size", "advice", "why"),
    [
        (["u3"], 16, "look at u3, remove them or lower training.learning_rate", "one is bad, the others are not"),
        (
            ["a", "b"],
            2,
            "it is the weights, not single utterances: lower training.learning_rate",
            "all of them are bad",
        ),
        ([], 4, "it is the weights, not single utterances: lower training.learning_rate", "none is bad by itself"),
        (["a"], 1, "it is the weights, not single utterances: lower training.learning_rate", "one alone tells nothing"),
    ],
)
def test_a_loss_that_is_not_finite_blames_no_innocent(culprits, batch_size, advice, why):
    assert cause_of_bad_loss(culprits, batch_size).startswith(advice), why
