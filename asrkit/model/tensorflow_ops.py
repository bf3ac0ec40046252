"""What TensorFlow on a CPU computes much faster than through Keras' portable operations.

Keras runs a recurrent layer as a loop of small operations over the steps, and the CTC loss over dense label states;
on a CPU that loop takes most of a training step. Here the products over all steps are left to TensorFlow, in one piece,
and the recurrence that remains is done by ``native_recurrence``. The answers are those of the Keras layers.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import keras

from asrkit.model import native_recurrence


@cache
def is_fast_here() -> bool:
    """Return whether the operations of this module apply: Keras on TensorFlow, and no GPU (which has its own ways)."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.list_physical_devices("GPU")


def is_shared() -> bool:
    """Return whether this code works for one of several devices that share a batch."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return context is not None and context.num_replicas_in_sync > 1


def sum_over_devices(values: list[Any]) -> list[Any]:
    """Return the sums of tensors over all devices that share a batch; every device must ask for the same."""
    import tensorflow as tf

    return list(tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values))


def has_recurrence() -> bool:
    """Return whether ``gru`` works here."""
    return is_fast_here() and native_recurrence.is_available()


def ctc_losses(labels: Any, logits: Any, num_labels: Any, steps: Any, blank: int) -> Any:
    """Return the losses that ``asrkit.model.recurrence`` has."""
    import tensorflow as tf

    inside = tf.sequence_mask(num_labels, tf.shape(labels)[1])
    sparse = tf.SparseTensor(tf.where(inside), tf.boolean_mask(labels, inside), tf.shape(labels, tf.int64))
    return tf.nn.ctc_loss(sparse, logits, None, steps, logits_time_major=False, blank_index=blank)


def gru(cells: list[Any], inputs: Any, lengths: Any) -> Any:
    """Run one or both directions of a GRU layer, as ``asrkit.model.recurrence`` has it."""
    import tensorflow as tf

    units = cells[0].units
    shape = tf.shape(inputs)
    kernel = tf.concat([tf.convert_to_tensor(cell.kernel) for cell in cells], axis=1)
    rows = tf.reshape(inputs, (-1, inputs.shape[-1]))
    projected = tf.cast(tf.matmul(rows, tf.cast(kernel, inputs.dtype)), tf.float32)
    bias = tf.stack([tf.cast(cell.bias, tf.float32) for cell in cells])
    recurrent = tf.stack([tf.cast(cell.recurrent_kernel, tf.float32) for cell in cells])
    projected = tf.reshape(projected, (shape[0], shape[1], len(cells), 3 * units)) + bias[:, 0]
    instructions = native_recurrence.instructions(coarse=inputs.dtype == tf.bfloat16)
    outputs = _recurrence(projected, recurrent, bias[:, 1], tf.cast(lengths, tf.int32), instructions)
    return tf.cast(tf.reshape(outputs, (shape[0], shape[1], len(cells) * units)), inputs.dtype)


def _recurrence(projected: Any, recurrent: Any, bias: Any, lengths: Any, instructions: int) -> Any:
    """Return the outputs ``(batch, steps, directions, units)``, with a gradient of its own."""
    import tensorflow as tf

    directions, units = recurrent.shape[0], recurrent.shape[1]

    def run(projected: Any, recurrent: Any, bias: Any) -> Any:
        outputs, gates = tf.numpy_function(
            partial(native_recurrence.forward, instructions),
            [projected, recurrent, bias, lengths],
            [tf.float32, tf.float32],
            stateful=False,
        )
        outputs.set_shape((None, None, directions, units))

        def gradient(by_outputs: Any) -> Any:
            by_projected, by_recurrent = tf.numpy_function(
                partial(native_recurrence.backward, instructions),
                [recurrent, bias, lengths, outputs, gates, by_outputs],
                [tf.float32, tf.float32],
                stateful=False,
            )
            by_projected = tf.ensure_shape(by_projected, (None, None, directions, 3 * units))
            by_recurrent = tf.ensure_shape(by_recurrent, (None, None, directions, 3 * units))
            by_matrices = [
                _product_over_rows(_before(outputs[:, :, d], backward=d == 1), by_recurrent[:, :, d])
                for d in range(directions)
            ]
            return by_projected, tf.stack(by_matrices), tf.reduce_sum(by_recurrent, axis=(0, 1))

        return outputs, gradient

    return tf.custom_gradient(run)(projected, recurrent, bias)


def _before(states: Any, *, backward: bool) -> Any:
    """Return the states before each step, ``(batch, steps, units)``; the first is 0."""
    import tensorflow as tf

    if backward:
        return tf.pad(states[:, 1:], [[0, 0], [0, 1], [0, 0]])
    return tf.pad(states[:, :-1], [[0, 0], [1, 0], [0, 0]])


def _product_over_rows(left: Any, right: Any) -> Any:
    """Return the sum over batch and steps of outer products."""
    import tensorflow as tf

    rows = [tf.reshape(factor, (-1, factor.shape[-1])) for factor in (left, right)]
    return tf.matmul(rows[0], rows[1], transpose_a=True)
