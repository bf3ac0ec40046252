"""Values and gradients of a function of an array and of Keras variables, on whichever backend Keras runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops


def values_and_gradients(
    function: Callable[[Any], Any], inputs: Any, variables: Sequence[Any], weighting: Any
) -> list[Any]:
    """Return the outputs, and the gradients of their weighted sum by the inputs and by each variable."""
    differentiate = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[keras.backend.backend()]
    found = differentiate(function, ops.convert_to_tensor(inputs), variables, ops.convert_to_tensor(weighting))
    return [np.asarray(ops.convert_to_numpy(value), np.float32) for value in found]


def _tensorflow(function: Any, inputs: Any, variables: Any, weighting: Any) -> list[Any]:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = function(inputs)
        total = tf.reduce_sum(tf.cast(outputs, tf.float32) * weighting)
    return [outputs, *tape.gradient(total, [inputs, *(variable.value for variable in variables)])]


def _jax(function: Any, inputs: Any, variables: Any, weighting: Any) -> list[Any]:
    import jax

    def total(inputs: Any, values: Any) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            outputs = function(inputs)
        return (outputs.astype("float32") * weighting).sum(), outputs

    by_all, outputs = jax.jit(jax.grad(total, argnums=(0, 1), has_aux=True))(inputs, [v.value for v in variables])
    return [outputs, by_all[0], *by_all[1]]


def _torch(function: Any, inputs: Any, variables: Any, weighting: Any) -> list[Any]:
    inputs = inputs.requires_grad_()
    for variable in variables:
        variable.value.grad = None
    outputs = function(inputs)
    (outputs.float() * weighting).sum().backward()
    return [outputs, inputs.grad, *(variable.value.grad for variable in variables)]
