"""What the numbers of emissions are: log-probabilities, probabilities or logits."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from asrkit.errors import DecodingError

FloatArray = npt.NDArray[np.float32]

FEW_OUTPUTS = 256  # kept as they are, and numpy converts them as fast; of more, most of a step is as good as impossible
_TOLERANCE = 1e-2  # of a sum of probabilities, and of a log-softmax in 16 bits above zero
_LOST_BY_ROUNDING = 0.35  # of the usual sum of probabilities, with many outputs or two decimals; no logits lie so
_MOST_SUM = 1.65  # of probabilities whose logarithms are given: no rounding takes a sum so far above one
_LEAST_PROBABILITY = 1e-15  # what rounding made 0 is not impossible
_CHUNK_VALUES = 1 << 18  # converted at once, so that they stay near the processor


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


def to_log_probabilities(values: npt.NDArray[Any], kind: Values, out: FloatArray | None = None) -> FloatArray:
    """Return ``(steps, outputs)`` as natural logarithms of probabilities.

    Args:
        values: What a model wrote.
        kind: What that is.
        out: Where the answer goes, maybe the values themselves; None: to a new array.

    Raises:
        DecodingError: There is a NaN, a step without any possible output, or a value that cannot be of this kind; the
            step is named.
    """
    out = np.empty(values.shape, np.float32) if out is None else out
    if kind is Values.LOGITS and values.size and values[0].min() >= 0 and values.min() >= 0:
        _refuse_other_kinds(values)
    size = max(1, _CHUNK_VALUES // max(1, values.shape[1]))
    for first in range(0, len(values), size):
        chunk = values[first : first + size]
        # single precision is enough where a step is normalized, and half the time with thousands of outputs
        chunk = chunk.astype(np.result_type(chunk.dtype, np.float32), copy=False)
        _convert(chunk, kind, first, out[first : first + size])
    return out


def _convert(array: npt.NDArray[Any], kind: Values, first: int, result: FloatArray) -> None:
    """Write the log-probabilities of the steps from ``first`` on into an array."""
    from asrkit._native import normalize_logits, normalize_shares

    is_large = array.shape[1] > FEW_OUTPUTS and array.dtype == result.dtype and result.flags.c_contiguous

    def refuse(is_faulty: npt.NDArray[np.bool_], message: str) -> None:
        if is_faulty.any():
            raise DecodingError(message.format(step=first + int(is_faulty.argmax())))

    peak = array.max(axis=1, keepdims=True, initial=-np.inf)
    refuse(np.isnan(peak[:, 0]), "NaN at step {step}; the model diverged or its input was broken")
    if kind is Values.PROBABILITIES:
        if is_large:
            negative = normalize_shares(array, result, _LEAST_PROBABILITY)
            is_negative = np.arange(len(array)) == negative
        else:
            is_negative = array.min(axis=1, initial=0) < 0
        refuse(is_negative, "a negative probability at step {step}, where the others are probabilities")
        refuse(peak[:, 0] > 1 + _TOLERANCE, "a probability above 1 at step {step}")
        refuse(peak[:, 0] == 0, "step {step} gives every output the probability 0")
        if is_large:
            return
        shares = np.maximum(array, _LEAST_PROBABILITY)
        shares /= shares.sum(axis=1, keepdims=True)
        np.log(shares, out=result, casting="same_kind")
        return
    refuse(np.isneginf(peak[:, 0]), "step {step} gives every output the probability 0")
    if kind is Values.LOG_PROBABILITIES:
        refuse(
            peak[:, 0] > _TOLERANCE,
            "a positive log-probability at step {step}, where the others are logarithms of probabilities",
        )
        is_above = np.exp(array).sum(axis=1) > _MOST_SUM
        refuse(is_above, "the probabilities of step {step} sum to far more than 1; cut off what pads the utterance")
        result[:] = array
        return
    refuse(np.isposinf(peak[:, 0]), "an infinite value at step {step}")
    if is_large:
        normalize_logits(array, result, peak[:, 0])
        return
    shares = array - peak
    np.exp(shares, out=shares)
    np.subtract(array, peak + np.log(shares.sum(axis=1, keepdims=True)), out=result, casting="same_kind")


def _refuse_other_kinds(logits: npt.NDArray[Any]) -> None:
    """Refuse numbers above zero that are none, as their sums show."""
    logits = logits.astype(np.result_type(logits.dtype, np.float32), copy=False)
    for name, remedy, shares in (
        ("probabilities", "say so (--values probabilities)", logits),
        ("negated log-probabilities", "change their sign", np.exp(-logits)),
    ):
        if abs(np.median(shares.sum(axis=1)) - 1) <= _TOLERANCE:
            raise DecodingError(f"holds {name}, which are taken for logits; {remedy}")
