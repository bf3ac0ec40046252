"""What the dev set says, which epoch is the best, and when a run has stopped getting better."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_model import random_network, tiny_config

pytest.importorskip("keras")

from asrkit.alignment import Aligner
from asrkit.text import Alphabet, Lexicon
from asrkit.text.units import Characters, Phonemes, Units
from asrkit.training.evaluation import DevResult, epochs_without_progress, evaluate, is_better
from asrkit.training.examples import Example

INF = float("inf")


def result(wer: float, cer: float, loss: float) -> DevResult:
    return DevResult((), loss, wer, cer, 0.0)


@pytest.mark.parametrize(
    ("new", "best", "expected"),
    [
        (result(100, 100, 900), result(INF, INF, INF), True),  # the first is the best so far
        (result(100, 100, 800), result(100, 100, 900), True),  # only blanks: the loss tells
        (result(100, 100, 900), result(100, 100, 800), False),
        (result(99, 99, 950), result(100, 100, 900), False),  # a chance hit is no better
        (result(100, 56, 234), result(95, 67, 290), True),  # words are all wrong: characters tell
        (result(96, 70, 200), result(100, 56, 234), False),
        (result(100, 90, 900), result(100, 96, 800), True),  # those of one of both are enough
        (result(100, 96, 800), result(100, 90, 900), False),
        (result(100, 95, 900), result(100, 96, 800), False),
        (result(100, 56, 200), result(100, 56, 234), False),  # equal in what counts: the first stays
        (result(100, 100, 900), result(100, 100, 900), False),
        (result(94, 60, 300), result(96, 56, 234), True),  # from here on words tell
        (result(96, 50, 200), result(94, 60, 300), False),
        (result(40, 12, 90), result(40, 13, 80), True),
        (result(40, 12, 90), result(40, 12, 95), False),
    ],
)
def test_the_better_epoch(new: DevResult, best: DevResult, expected: bool) -> None:
    assert is_better(new, best) is expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], 0),
        ([(100, 100, 9)], 0),
        ([(100, 100, 9), (100, 100, 8), (100, 100, 7)], 0),  # the loss falls
        ([(100, 90, 9), (100, 100, 9.5), (100, 95, 9.2)], 2),
        ([(50, 20, 9), (51, 19, 9.5), (50, 19, 9.2)], 1),  # fewer characters wrong
        ([(50, 20, 9), (49, 21, 9.5), (50, 21, 9.2), (50, 21, 9.3)], 2),
    ],
)
def test_epochs_without_progress(rows: list[tuple[float, float, float]], expected: int) -> None:
    history = [dict(zip(("dev_wer", "dev_cer", "dev_loss"), row, strict=True)) for row in rows]
    assert epochs_without_progress(history) == expected


def planted(heard: list[list[int]], num_symbols: int) -> np.ndarray:
    """Logits of a batch that say some outputs, one a step, and behind them something else."""
    logits = np.random.default_rng(1).normal(size=(len(heard), 12, num_symbols)).astype(np.float32)
    for row, outputs in enumerate(heard):
        logits[row, np.arange(12), [*outputs, *[2] * (12 - len(outputs))]] += 9.0
    return logits


def judged(heard: list[list[int]], texts: list[str], units: Units) -> DevResult:
    """Score what is heard of some texts: the last alone, the others in one batch that is filled up."""
    network = random_network(tiny_config(rnn_layers=1, bidirectional=False))
    examples = [Example(f"u{i}", text, np.zeros(1, np.int16), units.encode(text)) for i, text in enumerate(texts)]
    batches = []
    for rows in ([*range(len(texts) - 1)][::-1], [len(texts) - 1]):
        batch = {
            "frames": np.array([4 * len(heard[row]) for row in (*rows, 0)], np.int32),  # two strides of 2
            "labels": np.zeros((len(rows) + 1, 12), np.int32),
            "num_labels": np.array([len(examples[row].labels) for row in (*rows, 0)], np.int32),
            "logits": planted([heard[row] for row in (*rows, 0)], len(units.symbols)),
        }
        for place, row in enumerate((*rows, 0)):
            batch["labels"][place, : len(examples[row].labels)] = examples[row].labels
        batches.append((batch, rows))
    network.num_symbols = len(units.symbols)
    result = evaluate(network, batches, examples, units, lambda network, batch: batch["logits"])
    aligner = Aligner(units.symbols, units.lexicon)
    losses = []
    for batch, rows in batches:
        for row, logits in zip(rows, batch["logits"], strict=False):
            emissions = logits[: len(heard[row])] - np.logaddexp.reduce(logits[: len(heard[row])], axis=1)[:, None]
            losses.append(-(aligner.log_prob(emissions, texts[row]) or -np.inf))
    assert result.loss == pytest.approx(np.mean(losses), rel=1e-4)
    return result


def test_the_dev_set_is_scored_by_what_is_heard_at_its_steps() -> None:
    units = Characters(Alphabet())
    heard = [list(map(int, units.encode(text))) for text in ("ab a", "bc", "b")]
    heard[0] += [units.symbols.blank_index] * 2
    heard[1].insert(1, heard[1][0])
    result = judged(heard, ["ab a", "bb", "a"], units)
    assert result.hypotheses == ("ab a", "bc", "b")
    assert (result.wer, result.cer) == pytest.approx((100 * 2 / 4, 100 * 2 / 7))
    assert result.blank_rate == pytest.approx(2 / 10)


def test_of_phonemes_the_outputs_are_scored() -> None:
    units = Phonemes.of(Lexicon((("oh", ("A",)), ("be", ("B", "C")), ("see", ("C", "A")))))
    blank = units.symbols.blank_index
    result = judged([[1, 2, blank], [1, 1, 0], [2, blank, 0]], ["be", "be", "see"], units)
    assert (result.hypotheses[0], result.hypotheses[2]) == ("be", "see")
    assert (result.wer, result.cer) == pytest.approx((100 / 3, 100 / 6))


def test_no_dev_set_has_no_errors() -> None:
    nothing = evaluate(None, [], [], Characters(Alphabet()), lambda *_: None)  # type: ignore[arg-type]
    assert nothing == DevResult((), 0.0, 0.0, 0.0, 0.0)
