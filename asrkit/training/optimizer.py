"""What moves the weights: optimizer, learning rate schedule, and their running average."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from asrkit.config import RunConfig, TrainingConfig
from asrkit.model import tensorflow_ops
from asrkit.model.network import Auxiliary, DeepSpeech2, build_network, on_all_devices


def compiled_network(
    config: RunConfig, num_symbols: int, num_steps: int, num_auxiliary: int | None = None
) -> DeepSpeech2:
    """Return a fresh network with its optimizer, whose schedule is of so many steps; the blank counts as an output."""
    training = config.training
    auxiliary = None if num_auxiliary is None else Auxiliary(num_auxiliary, training.auxiliary_weight)
    keras.config.set_dtype_policy(training.precision)
    network = build_network(config.model, config.features.num_bins, num_symbols, training.seed, auxiliary)
    # Keras has a quick AdamW for PyTorch, which a class derived from it does not get.
    kind = SharedAdamW if keras.backend.backend() == "tensorflow" else keras.optimizers.AdamW
    optimizer = kind(
        learning_rate=_schedule(training, num_steps),
        weight_decay=training.weight_decay,
        clipnorm=None,
        global_clipnorm=training.clip_norm,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    # XLA recompiles for every shape and has no dynamic loops on TensorFlow; JAX always compiles.
    network.compile(optimizer=optimizer, jit_compile=keras.backend.backend() == "jax")
    # Under mixed_float16 Keras wraps the optimizer, and the wrapper has a state too.
    network.optimizer.build(network.trainable_variables)
    return network


class SharedAdamW(keras.optimizers.AdamW):
    """AdamW that sums the gradients of all devices before it clips them; Keras clips those of each device alone."""

    def apply(self, grads: Sequence[Any], trainable_variables: Any = None) -> None:
        """Update the weights."""
        if tensorflow_ops.is_shared():
            grads = tensorflow_ops.sum_over_devices(list(grads))
        super().apply(grads, trainable_variables)

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        return grads_and_vars


def _schedule(training: TrainingConfig, num_steps: int) -> Any:
    """Return warm-up to the peak, then a cosine down to its final share."""
    warmup = min(training.warmup_steps, max(0, num_steps // 2))
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else training.learning_rate,
        decay_steps=max(1, num_steps - warmup),
        alpha=training.final_learning_rate_share,
        warmup_target=training.learning_rate if warmup else None,
        warmup_steps=warmup,
    )


def learning_rate(network: DeepSpeech2) -> float:
    """Return the rate of the next step."""
    return float(ops.convert_to_numpy(network.optimizer.learning_rate))


class WeightAverage:
    """An exponential moving average of the weights, used for dev scores and bundles; it stays on their device.

    Args:
        network: Whose trainable weights are averaged.
        momentum: Of the average; 0 switches it off. Early steps use less, so that the average does not remember
            the first weights.
    """

    def __init__(self, network: DeepSpeech2, momentum: float) -> None:
        self.network = network
        self.momentum = momentum
        self.values: list[Any] = []
        self._move: Any = _moved
        if keras.backend.backend() == "jax":
            import jax

            self._move = jax.jit(_moved)

    def update(self) -> None:
        """Take one step's weights in."""
        if not self.momentum:
            return
        weights = [ops.stop_gradient(w.value) for w in self.network.trainable_weights]
        if not self.values:
            self.values = [ops.copy(w) for w in weights]
        self.values = self._move(self.values, weights, self.network.optimizer.iterations.value, self.momentum)

    def restore(self, values: Sequence[Any]) -> None:
        """Go on from the values of a checkpoint."""
        self.values = [on_all_devices(ops.convert_to_tensor(value)) for value in values]

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the averaged weights to the network while the block runs."""
        weights = self.network.trainable_weights if self.values else []
        kept = [np.array(ops.convert_to_numpy(weight.value)) for weight in weights]
        _assign(weights, self.values)
        try:
            yield
        finally:
            _assign(weights, kept)


def _moved(values: Sequence[Any], weights: Sequence[Any], step: Any, momentum: float) -> list[Any]:
    """Return averages a step nearer to the weights, by ``1 - min(momentum, (1 + step) / (10 + step))`` of the way."""
    rate = ops.maximum(1 - momentum, 9 / (10 + ops.cast(step, "float32")))
    return [value + rate * (weight - value) for value, weight in zip(values, weights, strict=True)]


def _assign(weights: Sequence[Any], values: Sequence[Any]) -> None:
    for weight, value in zip(weights, values, strict=True):
        weight.assign(ops.convert_to_numpy(value))
