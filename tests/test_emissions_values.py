from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from asrkit.emissions import Values, tell_values, to_log_probabilities
from asrkit.errors import DecodingError


def softmax(steps: int, outputs: int, sharpness: float = 6.0, seed: int = 1) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(size=(steps, outputs)) * sharpness
    return np.asarray(np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)))


@pytest.mark.parametrize("outputs", [5, 30, 1025])
@pytest.mark.parametrize("steps", [1, 200])
def test_what_a_model_wrote_is_told_from_the_numbers(steps: int, outputs: int) -> None:
    shares = softmax(steps, outputs)
    with np.errstate(divide="ignore"):
        cases = {
            Values.PROBABILITIES: [shares, shares.astype(np.float32), shares.astype(np.float16), shares.round(3)],
            Values.LOG_PROBABILITIES: [f(np.log(shares)) for f in (np.float64, np.float32, np.float16)],
            Values.LOGITS: [np.log(shares) + 3.0, np.log(shares) - 3.0, np.log(shares).astype(np.float32) + 3.0],
        }  # fmt: skip
    for kind, arrays in cases.items():
        for array in arrays:
            assert tell_values([array]) is kind, (kind, array.dtype)
            if kind is not Values.PROBABILITIES or array.dtype == np.float64:
                np.testing.assert_allclose(np.exp(to_log_probabilities(array, kind)), shares, atol=2e-2)


SHARES, LOGARITHMS, OTHER = [0.75, 0.25], [np.log(0.75), np.log(0.25)], [5.0, -3.0]


@pytest.mark.parametrize(
    ("kind", "arrays"),
    [
        (
            Values.PROBABILITIES,
            [[[1.0, 0.0]], [[1.005, 0.0]], [[0.4, 0.26]], [SHARES, SHARES, OTHER], [SHARES, [np.nan, 5.0]]],
        ),
        (
            Values.LOG_PROBABILITIES,
            [np.log([[0.5, 0.509]]), np.log([[0.5, 0.491]]), [[0.005, -9.0]], [LOGARITHMS, LOGARITHMS, OTHER]],
        ),
        (
            Values.LOGITS,
            [
                *([[1.02, 0.0]], [[0.4, 0.24]], [[1.2, -0.2]], np.log([[0.5, 0.511]]), np.log([[0.5, 0.489]])),
                *([SHARES, OTHER], [LOGARITHMS, OTHER], [[0.012, -9.0]]),
            ],
        ),
    ],
)
def test_most_steps_and_their_sums_tell_what_numbers_are(kind: Values, arrays: list[list[list[float]]]) -> None:
    for array in arrays:
        assert tell_values([np.array(array)]) is kind, array


def test_rounding_and_16_bits_keep_probabilities_what_they_are() -> None:
    shares = softmax(300, 30)
    for rounded in (shares.round(2), shares.astype(np.float16), (shares * 255).round() / 255):
        assert tell_values([rounded]) is Values.PROBABILITIES
        found = to_log_probabilities(rounded, Values.PROBABILITIES)
        assert (found.argmax(axis=1) == shares.argmax(axis=1)).mean() > 0.98
        np.testing.assert_allclose(np.exp(found).sum(axis=1), 1.0, atol=1e-4)
        assert np.isfinite(found).all(), "what rounding made 0 is not impossible"


@pytest.mark.parametrize(("outputs", "best"), [(29, 0.6), (29, 0.3), (60, 0.5), (80, 0.5)])
def test_probabilities_of_a_network_in_doubt_may_lose_much_by_two_decimals(outputs: int, best: float) -> None:
    shares = np.full((100, outputs), (1 - best) / (outputs - 1))
    shares[:, 3] = best
    assert tell_values([shares.round(2)]) is Values.PROBABILITIES, "sums of 0.86 to 1.29"


def test_one_utterance_with_faulty_steps_does_not_change_the_kind() -> None:
    good = np.log(softmax(50, 8))
    faulty = good.copy()
    faulty[7, 3] = 4.0
    faulty[9, 3] = np.nan
    assert tell_values([good, faulty]) is tell_values([faulty]) is Values.LOG_PROBABILITIES
    assert tell_values([]) is Values.LOGITS


@pytest.mark.parametrize("outputs", [5, 300])
@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Values.LOG_PROBABILITIES, 4.0, "a positive log-probability at step 7"),
        (Values.LOG_PROBABILITIES, np.nan, "NaN at step 7"),
        (Values.PROBABILITIES, -0.5, "a negative probability at step 7"),
        (Values.PROBABILITIES, 1.5, "a probability above 1 at step 7"),
        (Values.PROBABILITIES, np.nan, "NaN at step 7"),
        (Values.LOGITS, np.inf, "an infinite value at step 7"),
        (Values.LOGITS, np.nan, "NaN at step 7"),
    ],
)
def test_a_faulty_step_is_named(kind: Values, value: float, message: str, outputs: int) -> None:
    shares = softmax(20, outputs).astype(np.float32)
    array = shares if kind is Values.PROBABILITIES else np.log(shares)
    array[7, 2] = value
    with pytest.raises(DecodingError, match=message):
        to_log_probabilities(array, kind)


def test_what_pads_an_utterance_does_not_change_the_kind_and_is_named() -> None:
    shares = softmax(20, 5)
    for padding, message in ((0.0, "step 20 gives every output the probability 0"), (np.nan, "NaN at step 20")):
        padded = np.vstack([shares, np.full((9, 5), padding)])
        assert tell_values([padded]) is Values.PROBABILITIES
        with pytest.raises(DecodingError, match=message):
            to_log_probabilities(padded, Values.PROBABILITIES)
    padded = np.vstack([np.log(shares), np.zeros((9, 5))])
    assert tell_values([padded]) is Values.LOG_PROBABILITIES
    with pytest.raises(DecodingError, match="the probabilities of step 20 sum to far more than 1"):
        to_log_probabilities(padded, Values.LOG_PROBABILITIES)
    rounded = np.log([[0.8, 0.8]])  # as far as rounding goes
    np.testing.assert_allclose(to_log_probabilities(rounded, Values.LOG_PROBABILITIES), rounded, rtol=1e-6)
    with pytest.raises(DecodingError, match="far more than 1"):
        to_log_probabilities(np.log([[0.85, 0.85]]), Values.LOG_PROBABILITIES)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda p: p, "probabilities, which are taken for logits; say so"),
        (lambda p: -np.log(p), "negated log-probabilities, which are taken for logits; change their sign"),
    ],
)
def test_what_is_no_logits_is_not_taken_for_them(change: Callable[[np.ndarray], np.ndarray], name: str) -> None:
    """As one utterance of another kind among logits, or costs."""
    with pytest.raises(DecodingError, match=f"holds {name}"):
        to_log_probabilities(change(softmax(20, 5)), Values.LOGITS)


@pytest.mark.parametrize("kind", Values)
def test_a_step_without_any_possible_output_is_named(kind: Values) -> None:
    array = softmax(9, 4) if kind is Values.PROBABILITIES else np.log(softmax(9, 4))
    array[3] = 0.0 if kind is Values.PROBABILITIES else -np.inf
    with pytest.raises(DecodingError, match="step 3 gives every output the probability 0"):
        to_log_probabilities(array, kind)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", Values)
def test_many_outputs_are_converted_as_few_are_and_the_faulty_step_is_named(kind: Values, dtype: type) -> None:
    shares = softmax(300, 3000, sharpness=2.0)
    given = {Values.PROBABILITIES: shares, Values.LOG_PROBABILITIES: np.log(shares), Values.LOGITS: np.log(shares) - 90}
    array = given[kind].astype(dtype)
    found = to_log_probabilities(array, kind)
    np.testing.assert_allclose(found, np.log(shares), atol=2e-5)
    for row in (0, 99, 299):
        assert np.array_equal(to_log_probabilities(array[row : row + 1], kind)[0], found[row]), "alone as in company"
    array[287, 2999] = np.nan
    with pytest.raises(DecodingError, match="NaN at step 287"):
        to_log_probabilities(array, kind)


@pytest.mark.parametrize("kind", Values)
@pytest.mark.filterwarnings("error")
def test_nothing_is_taken_without_a_word(kind: Values) -> None:
    assert to_log_probabilities(np.zeros((0, 4)), kind).shape == (0, 4)


@pytest.mark.parametrize("kind", Values)
def test_the_answer_goes_where_it_is_wanted(kind: Values) -> None:
    given = (softmax(9, 4) if kind is Values.PROBABILITIES else np.log(softmax(9, 4))).astype(np.float32)
    expected, out = to_log_probabilities(given, kind), np.empty_like(given)
    for place in (out, given):
        assert to_log_probabilities(given, kind, out=place) is place
        np.testing.assert_array_equal(place, expected)


def test_a_log_softmax_in_16_bits_may_end_a_little_above_zero() -> None:
    array = np.log(softmax(9, 4))
    array[2] = [0.005, -9, -9, -9]
    assert to_log_probabilities(array, Values.LOG_PROBABILITIES)[2, 0] == np.float32(0.005)
