"""The fast recurrence and CTC loss give what Keras' own layers and operations give, values and gradients."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from asrkit import _native
from asrkit.model import tensorflow_ops

RNG = np.random.default_rng(5)


def gru_layer(size: int, units: int, directions: int) -> tuple[Any, list[Any]]:
    """Return a Keras layer with drawn weights and biases, and its cells."""
    layer = keras.layers.GRU(units, return_sequences=True)
    if directions == 2:
        layer = keras.layers.Bidirectional(layer)
    layer.build((None, None, size))
    for weight in layer.weights:
        weight.assign(RNG.standard_normal(weight.shape) * 0.3)
    parts = [layer.forward_layer, layer.backward_layer] if directions == 2 else [layer]
    return layer, [part.cell for part in parts]


@pytest.mark.parametrize(
    ("batch", "steps", "size", "units", "directions"),
    [(1, 1, 3, 1, 1), (3, 7, 5, 10, 2), (19, 12, 6, 16, 2), (9, 5, 4, 33, 1), (33, 4, 8, 50, 2)],
)
def test_a_gru_layer_is_that_of_keras(batch: int, steps: int, size: int, units: int, directions: int) -> None:
    layer, cells = gru_layer(size, units, directions)
    inputs = tf.constant(RNG.standard_normal((batch, steps, size)), tf.float32)
    lengths = RNG.integers(1, steps + 1, batch).astype(np.int32)
    inside = tf.cast(tf.sequence_mask(lengths, steps), tf.float32)[:, :, None]
    weighting = tf.constant(RNG.standard_normal((batch, steps, directions * units)), tf.float32)

    def outputs_and_gradients(run: Any) -> list[Any]:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = run(inputs) * inside
            loss = tf.reduce_sum(outputs * weighting)
        return [outputs, *tape.gradient(loss, [inputs, *(v.value for v in layer.trainable_variables)])]

    expected = outputs_and_gradients(lambda x: layer(x, mask=tf.sequence_mask(lengths, steps)))
    found = outputs_and_gradients(lambda x: tensorflow_ops.gru(cells, x, lengths))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)


def test_nothing_comes_out_beyond_an_utterance() -> None:
    _, cells = gru_layer(4, 6, 2)
    inputs = tf.constant(RNG.standard_normal((3, 5, 4)), tf.float32)
    outputs = tensorflow_ops.gru(cells, inputs, np.array([0, 2, 5], np.int32)).numpy()
    assert not outputs[0].any()
    assert not outputs[1, 2:].any()
    assert outputs[1, :2].all()
    assert outputs[2].all()


@pytest.mark.parametrize("instructions", range(len(_native.gru_instruction_sets())))
@pytest.mark.parametrize("threads", [1, 3])
def test_instruction_sets_and_threads_agree(instructions: int, threads: int) -> None:
    batch, steps, directions, units = 21, 6, 2, 20
    projected, by_outputs = (
        RNG.standard_normal((batch, steps, directions, size)).astype(np.float32) * 3 for size in (3 * units, units)
    )
    recurrent = RNG.standard_normal((directions, units, 3 * units)).astype(np.float32) / 4
    bias = RNG.standard_normal((directions, 3 * units)).astype(np.float32)
    lengths = RNG.integers(0, steps + 1, batch).astype(np.int32)

    def run(threads: int, instructions: int) -> list[Any]:
        sizes = (units, 4 * units, 3 * units, 3 * units)
        outputs, gates, by_projected, by_recurrent = arrays = [
            np.full((batch, steps, directions, size), np.nan, np.float32) for size in sizes
        ]
        _native.gru_forward(projected, recurrent, bias, lengths, outputs, gates, threads, instructions)
        _native.gru_backward(
            recurrent, bias, lengths, outputs, gates, by_outputs, by_projected, by_recurrent, threads, instructions
        )
        return arrays

    names = _native.gru_instruction_sets()
    is_coarse = names[instructions] == "AMX"  # rounds the factors of products to 8 bits
    tolerances = {"rtol": 0.02, "atol": 0.05} if is_coarse else {"rtol": 1e-4, "atol": 1e-5}
    for found, expected in zip(run(threads, instructions), run(1, names.index("baseline")), strict=True):
        np.testing.assert_allclose(found, expected, **tolerances)
        assert not np.isnan(found).any()


def test_bfloat16_layers_stay_near_keras() -> None:
    layer, cells = gru_layer(6, 40, 2)
    inputs = tf.constant(RNG.standard_normal((18, 9, 6)), tf.float32)
    lengths = np.full(18, 9, np.int32)
    outputs = tensorflow_ops.gru(cells, tf.cast(inputs, tf.bfloat16), lengths)
    assert outputs.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(outputs, tf.float32), layer(inputs), atol=0.05)


def test_arrays_that_do_not_fit_are_refused() -> None:
    def zeros(*shape: int) -> Any:
        return np.zeros(shape, np.float32)

    lengths = np.ones(2, np.int32)
    with pytest.raises(ValueError, match="do not fit"):
        _native.gru_forward(
            zeros(2, 3, 1, 9), zeros(1, 4, 12), zeros(1, 12), lengths, zeros(2, 3, 1, 4), zeros(2, 3, 1, 16), 1
        )
    with pytest.raises(ValueError, match="do not fit"):
        _native.gru_forward(
            zeros(2, 3, 1, 12), zeros(1, 4, 12), zeros(1, 12), lengths[:1], zeros(2, 3, 1, 4), zeros(2, 3, 1, 16), 1
        )
    with pytest.raises(ValueError, match="no such instruction set"):
        _native.gru_forward(
            zeros(2, 3, 1, 12), zeros(1, 4, 12), zeros(1, 12), lengths, zeros(2, 3, 1, 4), zeros(2, 3, 1, 16), 1, 9
        )


def test_the_ctc_loss_is_that_of_keras() -> None:
    batch, steps, symbols = 6, 40, 12
    logits = tf.constant(RNG.standard_normal((batch, steps, symbols)), tf.float32)
    labels = RNG.integers(0, symbols - 1, (batch, 15)).astype(np.int32)
    num_labels = RNG.integers(1, 16, batch).astype(np.int32)
    num_steps = RNG.integers(32, steps + 1, batch).astype(np.int32)

    def losses_and_gradient(function: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch(logits)
            losses = function()
            total = tf.reduce_sum(losses)
        return losses, tape.gradient(total, logits)

    expected = losses_and_gradient(lambda: ops.ctc_loss(labels, logits, num_labels, num_steps, mask_index=symbols - 1))
    found = losses_and_gradient(lambda: tensorflow_ops.ctc_losses(labels, logits, num_labels, num_steps, symbols - 1))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
