"""What needs a GPU: `make test-gpu`, with `KERAS_BACKEND` naming the backend installed. Skipped where there is none."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from backend_calculus import values_and_gradients  # noqa: E402
from keras import ops  # noqa: E402
from tiny_run import Recorder, settings  # noqa: E402
from tone_speech import write_corpus  # noqa: E402

from asrkit.model.recurrence import ctc_losses, recur  # noqa: E402
from asrkit.training.devices import device_name  # noqa: E402

if device_name() == "cpu":
    pytest.skip(f"{keras.backend.backend()} sees no GPU here", allow_module_level=True)

BATCH, STEPS, SIZE, UNITS = 12, 90, 70, 64
LENGTHS = np.linspace(1, STEPS, BATCH).astype(np.int32)


def drawn(*shape: int, seed: int = 3) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def layer_with_weights(kind: str) -> Any:
    layer = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM}[kind](UNITS, return_sequences=True)
    layer = keras.layers.Bidirectional(layer)
    layer.build((None, None, SIZE))
    for index, weight in enumerate(layer.weights):
        weight.assign(drawn(*weight.shape, seed=index) * 0.1)
    return layer


def on_cpu(compute: Any) -> Any:
    """Return what a function gives with everything it makes on the CPU."""
    if keras.backend.backend() == "jax":
        import jax

        with jax.default_device(jax.devices("cpu")[0]):
            return compute()
    with keras.device("cpu"):
        return compute()


def of_layer(kind: str, dtype: str = "float32") -> list[Any]:
    layer = layer_with_weights(kind)
    mask = np.arange(STEPS) < LENGTHS[:, None]
    lengths, weighting = ops.convert_to_tensor(LENGTHS), drawn(BATCH, STEPS, 2 * UNITS, seed=4) * mask[:, :, None]
    return values_and_gradients(
        lambda x: recur(layer, ops.cast(x, dtype), lengths, ops.convert_to_tensor(mask)),
        drawn(BATCH, STEPS, SIZE),
        layer.trainable_variables,
        weighting,
    )


@pytest.mark.parametrize("kind", ["gru", "lstm"])
@pytest.mark.parametrize(("dtype", "share"), [("float32", 5e-3), ("bfloat16", 5e-2), ("float16", 2e-2)])
def test_a_recurrent_layer_is_that_of_the_cpu(kind: str, dtype: str, share: float) -> None:
    """Matrix units round factors to 11 bits even in float32, so that only a share of the largest value is right."""
    inside = (np.arange(STEPS) < LENGTHS[:, None])[:, :, None]
    found, expected = of_layer(kind, dtype), on_cpu(lambda: of_layer(kind))
    found[0], expected[0] = found[0] * inside, expected[0] * inside
    for ours, theirs in zip(found, expected, strict=True):
        assert np.isfinite(ours).all()
        np.testing.assert_allclose(ours, theirs, atol=share * np.abs(theirs).max())


def test_the_ctc_loss_is_that_of_the_cpu() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 28, (BATCH, 40)).astype(np.int32)
    steps = np.maximum(LENGTHS, 5)
    num_labels = np.minimum(40, steps // 2).astype(np.int32) - 1
    num_labels[0] = 1

    def losses() -> list[Any]:
        return values_and_gradients(
            lambda x: ctc_losses(labels, x, num_labels, steps, 28), drawn(BATCH, STEPS, 29), [], np.ones(BATCH, "f")
        )

    for ours, theirs in zip(losses(), on_cpu(losses), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_a_short_training_learns(precision: str, tmp_path: Path) -> None:
    from asrkit.training.run import train

    manifest = write_corpus(tmp_path / "tones", 32)
    changes = {"precision": precision, "epochs": 6, "batch_size": 8, "learning_rate": 1e-2, "ema_momentum": 0}
    recorder = Recorder()
    try:
        train(settings(manifest, training=changes), tmp_path / "run", cache_dir=tmp_path, observer=recorder)
    finally:
        keras.config.set_dtype_policy("float32")
    rows = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert rows[-1]["dev_loss"] < 0.9 * rows[0]["dev_loss"]
    assert recorder.notes == []


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX compiles at every call that is not kept")
def test_a_layer_of_five_hundred_steps_is_quick() -> None:
    """A loop of small operations takes seconds."""
    layer = layer_with_weights("gru")
    lengths, mask = ops.full((64,), 500, dtype="int32"), ops.ones((64, 500), dtype="bool")

    def seconds() -> float:
        start = time.perf_counter()
        values_and_gradients(
            lambda x: recur(layer, x, lengths, mask), drawn(64, 500, SIZE), layer.trainable_variables, np.float32(1)
        )
        return time.perf_counter() - start

    assert min(seconds() for _ in range(4)) < 0.5
