"""The recurrence of a GRU on a CPU by ``asrkit._native``, on NumPy arrays, for whichever backend holds the weights.

Backends run it as a loop of small operations over the steps, which takes most of a training step. The products over all
steps are left to them, in one piece; here is what remains.
"""

from __future__ import annotations

import os
from functools import cache

import numpy as np
import numpy.typing as npt

from asrkit import _native

FloatArray = npt.NDArray[np.float32]


def is_available() -> bool:
    """Return whether the extension has it: wherever GCC or Clang compiled it."""
    return hasattr(_native, "gru_forward")


@cache
def instructions(*, coarse: bool) -> int:
    """Return which of the extension's instruction sets to use; a coarse one rounds factors to bfloat16."""
    names = _native.gru_instruction_sets()
    return names.index("AMX") if coarse and "AMX" in names else 0


def forward(
    instructions: int, projected: FloatArray, recurrent: FloatArray, bias: FloatArray, lengths: npt.NDArray[np.int32]
) -> tuple[FloatArray, FloatArray]:
    """Return the outputs, 0 beyond each length, and what ``backward`` needs.

    Args:
        instructions: From ``instructions``.
        projected: ``(batch, steps, directions, 3 * units)``, inputs times kernel plus bias.
        recurrent: ``(directions, units, 3 * units)``.
        bias: ``(directions, 3 * units)``, of the states.
        lengths: ``(batch,)`` true steps.

    Returns:
        ``(batch, steps, directions, units)`` and ``(batch, steps, directions, 4 * units)``.
    """
    batch, steps, directions, gates = projected.shape
    units = gates // 3
    outputs = np.empty((batch, steps, directions, units), np.float32)
    kept = np.empty((batch, steps, directions, 4 * units), np.float32)
    _native.gru_forward(projected, recurrent, bias, lengths, outputs, kept, os.cpu_count() or 1, instructions)
    return outputs, kept


def backward(
    instructions: int,
    recurrent: FloatArray,
    bias: FloatArray,
    lengths: npt.NDArray[np.int32],
    outputs: FloatArray,
    kept: FloatArray,
    by_outputs: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return the gradients by the projected inputs and by the states times their kernel plus bias.

    Args:
        instructions: Those of ``forward``, as ``recurrent``, ``bias`` and ``lengths`` are.
        recurrent: ``(directions, units, 3 * units)``.
        bias: ``(directions, 3 * units)``.
        lengths: ``(batch,)``.
        outputs: What ``forward`` returned, as ``kept`` is.
        kept: The gates.
        by_outputs: Gradient by the outputs.

    Returns:
        Twice ``(batch, steps, directions, 3 * units)``.
    """
    batch, steps, directions, units = outputs.shape
    by_projected = np.empty((batch, steps, directions, 3 * units), np.float32)
    by_states = np.empty_like(by_projected)
    _native.gru_backward(
        recurrent,
        bias,
        lengths,
        outputs,
        kept,
        by_outputs,
        by_projected,
        by_states,
        os.cpu_count() or 1,
        instructions,
    )
    return by_projected, by_states
