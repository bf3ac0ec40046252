"""What the numbers of emissions are: log-probabilities, probabilities or logits."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from asrkit.errors import DecodingError

FloatArray = npt.NDArray[np.float32]

_TOLERANCE = 1e-2  # of a sum of probabilities, and of a log-softmax in 16 bits above zero
_LOST_BY_ROUNDING = 0.1  # of the usual sum of probabilities, with very many outputs
_MOST_LOG_SUM = 0.5  # of log-probabilities: no rounding takes a sum so far above one
_LEAST_PROBABILITY = 1e-15  # what rounding made 0 is not impossible


class Values(StrEnum):
    """What a model writes for each step and output."""

    LOG_PROBABILITIES = "log-probabilities"
    PROBABILITIES = "probabilities"
    LOGITS = "logits"


def tell_values(arrays: Iterable[npt.NDArray[Any]]) -> Values:
    """Tell from a few utterances what their numbers are.

    Probabilities lie between 0 and 1 and sum to about one, most of the time: rounding and 16 bits move single steps,
    and lose a little of the whole. The exponentials of log-probabilities do the same. Steps with NaN do not count.

    Args:
        arrays: ``(steps, outputs)`` each.
    """
    sums, exponential_sums = [np.zeros(0)], [np.zeros(0)]
    num_steps = 0
    for array in arrays:
        values = array.astype(np.float64)
        values = values[~np.isnan(values).any(axis=1)]
        num_steps += len(values)
        are_shares = (values.min(axis=1, initial=np.inf) >= 0) & (values.max(axis=1, initial=0) <= 1 + _TOLERANCE)
        sums.append(values[are_shares].sum(axis=1))
        exponential_sums.append(np.exp(values[values.max(axis=1, initial=-np.inf) <= _TOLERANCE]).sum(axis=1))
    for kind, parts, tolerance in (
        (Values.PROBABILITIES, sums, _LOST_BY_ROUNDING),
        (Values.LOG_PROBABILITIES, exponential_sums, _TOLERANCE),
    ):
        rows = np.concatenate(parts)
        # A faulty step among good ones is a fault, and not another kind.
        if len(rows) > num_steps / 2 and abs(np.median(rows) - 1) <= tolerance:
            return kind
    return Values.LOGITS


def to_log_probabilities(values: npt.NDArray[Any], kind: Values) -> FloatArray:
    """Return ``(steps, outputs)`` as natural logarithms of probabilities.

    Raises:
        DecodingError: There is a NaN, a step without any possible output, or a value that cannot be of this kind; the
            step is named.
    """
    # single precision is enough where a step is normalized, and half the time with thousands of outputs
    array = values.astype(np.result_type(values.dtype, np.float32) if kind is Values.LOGITS else np.float64)
    peak = array.max(axis=1, keepdims=True, initial=-np.inf)
    _refuse(np.isnan(peak[:, 0]), "NaN at step {step}; the model diverged or its input was broken")
    if kind is Values.PROBABILITIES:
        _refuse((array < 0).any(axis=1), "a negative probability at step {step}, where the others are probabilities")
        _refuse(array.max(axis=1, initial=1) > 1 + _TOLERANCE, "a probability above 1 at step {step}")
        _refuse(array.max(axis=1, initial=0) == 0, "step {step} gives every output the probability 0")
        array = np.log(np.maximum(array, _LEAST_PROBABILITY))
        array -= np.logaddexp.reduce(array, axis=1, keepdims=True)
    else:
        array = _normalized(array, peak, kind)
    log_probabilities: FloatArray = array.astype(np.float32, copy=False)
    return log_probabilities


def _normalized(array: npt.NDArray[Any], peak: npt.NDArray[Any], kind: Values) -> npt.NDArray[Any]:
    _refuse(np.isneginf(peak[:, 0]), "step {step} gives every output the probability 0")
    if kind is Values.LOG_PROBABILITIES:
        _refuse(
            peak[:, 0] > _TOLERANCE,
            "a positive log-probability at step {step}, where the others are logarithms of probabilities",
        )
        is_above = np.logaddexp.reduce(array, axis=1) > _MOST_LOG_SUM
        _refuse(is_above, "the probabilities of step {step} sum to far more than 1; cut off what pads the utterance")
        return array
    if len(array) and array.min(initial=np.inf) >= 0:
        for name, shares in (("probabilities", array), ("negated log-probabilities", np.exp(-array))):
            is_other = abs(np.median(shares.sum(axis=1)) - 1) <= _TOLERANCE
            _refuse(
                np.array([is_other]), f"holds {name}, which are taken for logits; say what they are, or convert them"
            )
    _refuse(np.isposinf(peak[:, 0]), "an infinite value at step {step}")
    array -= peak
    array -= np.log(np.exp(array).sum(axis=1, keepdims=True, dtype=np.float64))
    return array


def _refuse(is_faulty: npt.NDArray[np.bool_], message: str) -> None:
    if is_faulty.any():
        raise DecodingError(message.format(step=int(is_faulty.argmax())))
