"""What each backend computes by itself is what Keras' layers and operations give, values and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from backend_calculus import values_and_gradients  # noqa: E402
from keras import ops  # noqa: E402

from asrkit.model.recurrence import ctc_losses, recur  # noqa: E402

LENGTHS = np.array([7, 1, 5, 2], np.int32)
STEPS = 7


def layer_with_weights(kind: str, *, both: bool, size: int, units: int) -> Any:
    rng = np.random.default_rng(5)
    layer = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM}[kind](units, return_sequences=True)
    layer = keras.layers.Bidirectional(layer) if both else layer
    layer.build((None, None, size))
    for weight in layer.weights:
        weight.assign(rng.standard_normal(weight.shape) * 0.4)
    return layer


def computed_ways() -> list[Any]:
    """Return what runs a layer here; on PyTorch also what a GPU gets, which works anywhere."""
    if keras.backend.backend() != "torch":
        return [recur]
    from asrkit.model.torch_ops import kernel_recurrence

    return [recur, lambda layer, inputs, lengths, mask: kernel_recurrence(cells_of(layer), inputs, lengths)]


def cells_of(layer: Any) -> list[Any]:
    both = isinstance(layer, keras.layers.Bidirectional)
    return [part.cell for part in ([layer.forward_layer, layer.backward_layer] if both else [layer])]


def drawn(*shape: int, seed: int = 3) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("run", computed_ways())
@pytest.mark.parametrize("kind", ["gru", "lstm"])
@pytest.mark.parametrize("both", [False, True])
def test_a_recurrent_layer_is_that_of_keras(both: bool, kind: str, run: Any) -> None:
    layer = layer_with_weights(kind, both=both, size=3, units=5)
    mask = np.arange(STEPS) < LENGTHS[:, None]
    inputs, weighting = drawn(4, STEPS, 3), drawn(4, STEPS, 10 if both else 5, seed=4) * mask[:, :, None]
    lengths = ops.convert_to_tensor(LENGTHS)
    found = values_and_gradients(lambda x: run(layer, x, lengths, mask), inputs, layer.trainable_variables, weighting)
    expected = values_and_gradients(lambda x: layer(x, mask=mask), inputs, layer.trainable_variables, weighting)
    found[0], expected[0] = found[0] * mask[:, :, None], expected[0] * mask[:, :, None]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("run", computed_ways())
@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_what_is_beyond_an_utterance_does_not_matter(kind: str, run: Any) -> None:
    layer = layer_with_weights(kind, both=True, size=3, units=5)
    mask = np.arange(STEPS) < LENGTHS[:, None]
    inputs, lengths = drawn(4, STEPS, 3), ops.convert_to_tensor(LENGTHS)
    dirty = np.where(mask[:, :, None], inputs, 40 * drawn(4, STEPS, 3, seed=9)).astype(np.float32)
    clean, other = (ops.convert_to_numpy(run(layer, ops.convert_to_tensor(x), lengths, mask)) for x in (inputs, dirty))
    np.testing.assert_array_equal(clean[mask], other[mask])
    if keras.backend.backend() != "tensorflow":
        assert not clean[~mask].any()


def test_bfloat16_layers_stay_near_float32() -> None:
    layer = layer_with_weights("gru", both=True, size=6, units=40)
    mask = np.arange(STEPS) < LENGTHS[:, None]
    inputs, lengths = drawn(4, STEPS, 6), ops.convert_to_tensor(LENGTHS)
    exact = recur(layer, ops.convert_to_tensor(inputs), lengths, mask)
    coarse = recur(layer, ops.cast(inputs, "bfloat16"), lengths, mask)
    assert keras.backend.standardize_dtype(coarse.dtype) == "bfloat16"
    np.testing.assert_allclose(
        np.asarray(ops.convert_to_numpy(ops.cast(coarse, "float32")))[mask],
        ops.convert_to_numpy(exact)[mask],
        atol=0.05,
    )


def test_the_ctc_loss_is_that_of_keras() -> None:
    rng = np.random.default_rng(2)
    logits, labels = drawn(4, 30, 9), rng.integers(0, 8, (4, 12)).astype(np.int32)
    num_labels, steps = np.array([12, 1, 5, 3], np.int32), np.array([30, 4, 17, 29], np.int32)

    def losses(compute: Any) -> list[Any]:
        return values_and_gradients(compute, logits, [], np.array([1, 2, 3, 4], np.float32))

    found = losses(lambda x: ctc_losses(labels, x, num_labels, steps, 8))
    expected = losses(lambda x: ops.ctc_loss(labels, x, num_labels, steps, mask_index=8))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_lengths_on_the_device_give_the_same_loss() -> None:
    logits, labels = ops.convert_to_tensor(drawn(2, 10, 5)), np.array([[1, 2, 2], [0, 3, 0]], np.int32)
    lengths = np.array([3, 2], np.int32), np.array([10, 7], np.int32)
    on_host, on_device = (
        ops.convert_to_numpy(ctc_losses(put(labels), logits, put(lengths[0]), put(lengths[1]), 4))
        for put in (np.asarray, ops.convert_to_tensor)
    )
    np.testing.assert_array_equal(on_host, on_device)
    assert np.isfinite(on_host).all()


def test_labels_that_do_not_fit_are_not_learned_from_in_silence() -> None:
    def loss() -> float:
        labels, lengths = np.array([[1, 2, 3]], np.int32), (np.array([3], np.int32), np.array([2], np.int32))
        return float(ops.convert_to_numpy(ctc_losses(labels, ops.convert_to_tensor(drawn(1, 4, 5)), *lengths, 4))[0])

    if keras.backend.backend() == "tensorflow":
        with pytest.raises(Exception, match="Not enough time"):
            loss()
    else:
        assert loss() > 1e4
