"""The live view: what was planted in the events is what people see, also in a low window."""

import io

import pytest
from rich.console import Console

from asrkit.report.training_view import TrainingView, spark
from asrkit.training.observer import BatchDone, EpochDone, Sample


def epoch(number: int, wer: float, heard: str) -> EpochDone:
    samples = (Sample("u1", "the cat sat", heard),)
    return EpochDone(number, 80.0 - number, 90.0, wer, wer / 2, 0.5, 9.0, 30.0, 1e-3, False, samples)


def shown(view: TrainingView) -> str:
    console = view.console
    with console.capture() as capture:
        console.print(view._render())
    return capture.get()


def view_of(height: int = 40, terminal: bool = True) -> TrainingView:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100, height=height, color_system=None)
    return TrainingView(console)


def test_curves_blanks_and_the_same_sentence_then_and_now():
    view = view_of()
    for number, (wer, heard) in enumerate([(100.0, ""), (50.0, "the bat"), (0.0, "the cat sat")]):
        view.batch_done(BatchDone(number, 1, 4, 12.5, 3.0, 1e-3, 0.0))
        view.epoch_done(epoch(number, wer, heard))
    text = shown(view)
    assert "█▅▁" in text
    assert "100.0 to 0.0" in text
    assert "blanks %" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["said", "the", "cat", "sat"] in lines
    assert ["epoch", "1", "·", "·", "·"] in lines
    assert ["epoch", "3", "the", "cat", "sat"] in lines
    assert "loss 12.50" in text


def test_a_low_window_keeps_the_curves_and_the_progress():
    view = view_of(height=16)
    for number in range(20):
        view.epoch_done(epoch(number, 50.0, "the"))
    text = shown(view)
    assert len(text.splitlines()) <= 16
    assert "reading audio" in text.splitlines()[-1]
    assert " 20 " in text
    assert "dev WER %" in text


def test_elsewhere_an_epoch_is_a_line():
    view = view_of(terminal=False)
    view.epoch_done(epoch(0, 50.0, "the bat"))
    assert "epoch 1: loss 80.00, dev loss 90.00, dev WER 50.0 %, CER 25.0 %, blanks 50 %, 9 s" in (
        view.console.file.getvalue()
    )


@pytest.mark.parametrize(
    ("values", "blocks"),
    [([0.0], "▁"), ([1.0, 0.5, 0.0], "█▅▁"), ([float("nan"), 1.0], "?█"), ([float("inf")], "?")],
)
def test_a_curve_of_blocks(values, blocks):
    assert spark(values) == blocks


def test_a_long_curve_keeps_its_ends():
    curve = spark([100.0, *[50.0] * 998, 0.0], width=20)
    assert len(curve) == 20
    assert curve == "█" + "▅" * 18 + "▁"
