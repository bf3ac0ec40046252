"""Which epoch is the best, and when a run has stopped getting better."""

from __future__ import annotations

import pytest

pytest.importorskip("keras")

from asrkit.training.evaluation import DevResult, epochs_without_progress, is_better

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
        (result(94, 60, 300), result(96, 56, 234), True),  # from here on words tell
        (result(96, 50, 200), result(94, 60, 300), False),
        (result(40, 12, 90), result(40, 13, 80), True),
        (result(40, 12, 90), result(40, 12, 95), False),  # equal in what counts: the first stays
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
