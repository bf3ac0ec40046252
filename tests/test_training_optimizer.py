"""The learning rate of each step, what weight decay shrinks, and the running average of the weights."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tiny_model import FEATURES, tiny_config

pytest.importorskip("keras")

from asrkit.config import RunConfig, TrainingConfig
from asrkit.training.optimizer import WeightAverage, _schedule, compiled_network, learning_rate


@pytest.fixture(scope="module")
def network():
    training = TrainingConfig(learning_rate=0.5, warmup_steps=0, weight_decay=0.1, clip_norm=3.0)
    model = tiny_config(rnn_layers=1, bidirectional=False)
    return compiled_network(RunConfig(features=FEATURES, model=model, training=training), 5, num_steps=10)


@pytest.mark.parametrize(
    ("warmup_steps", "num_steps", "expected"),
    [
        (4, 20, {0: 0.0, 1: 0.25, 4: 1.0, 12: 0.55, 20: 0.1, 30: 0.1}),  # the cosine: 0.1 + 0.9 / 2 half-way
        (4, 20, {8: 0.1 + 0.45 * (1 + math.cos(math.pi / 4))}),
        (100, 8, {2: 0.5, 4: 1.0, 6: 0.55, 8: 0.1}),  # half of a short run warms up, no more
        (0, 10, {0: 1.0, 5: 0.55, 10: 0.1}),
        (3, 1, {0: 1.0, 1: 0.1}),
        (3, 0, {0: 1.0, 1: 0.1}),
    ],
)
def test_the_rate_rises_to_the_peak_and_falls_along_a_cosine(
    warmup_steps: int, num_steps: int, expected: dict[int, float]
) -> None:
    training = TrainingConfig(learning_rate=0.5, warmup_steps=warmup_steps, final_learning_rate_share=0.1)
    rate = _schedule(training, num_steps)
    for step, share in expected.items():
        assert float(rate(step)) == pytest.approx(0.5 * share, abs=1e-6), step


def test_weight_decay_shrinks_all_but_biases_and_normalization(network) -> None:
    assert (network.optimizer.global_clipnorm, learning_rate(network)) == (3.0, 0.5)
    before = {weight.path: np.array(weight) + 1.0 for weight in network.trainable_weights}
    for weight in network.trainable_weights:
        weight.assign(before[weight.path])
    network.optimizer.apply([np.zeros(weight.shape, np.float32) for weight in network.trainable_weights])
    spared = {"bias", "gamma", "beta"}
    assert {path.split("/")[-1] for path in before} > spared
    for weight in network.trainable_weights:
        share = 1.0 if weight.path.split("/")[-1] in spared else 1 - 0.5 * 0.1
        np.testing.assert_allclose(np.array(weight), share * before[weight.path], rtol=1e-6)


def test_the_average_of_the_weights_forgets_the_first_ones_early(network) -> None:
    average, (weight, *_) = WeightAverage(network, momentum=0.3), network.trainable_weights
    expected = np.full(weight.shape, 7.0)
    for step in range(8):
        value = 7.0 + step**2
        weight.assign(np.full(weight.shape, value))
        network.optimizer.iterations.assign(step)
        average.update()
        expected += (1 - min(0.3, (1 + step) / (10 + step))) * (value - expected)
        np.testing.assert_allclose(average.values[0], expected, rtol=1e-5)
    with pytest.raises(KeyboardInterrupt), average.applied():
        np.testing.assert_allclose(np.array(weight), expected, rtol=1e-5)
        raise KeyboardInterrupt
    assert np.array(weight) == pytest.approx(56.0)
    again = WeightAverage(network, momentum=0.3)
    again.restore([np.array(value) for value in average.values])
    for each in (average, again):
        each.update()
    np.testing.assert_array_equal(np.array(again.values[0]), np.array(average.values[0]))


def test_without_momentum_nothing_is_averaged(network) -> None:
    average = WeightAverage(network, momentum=0.0)
    average.update()
    before = [np.array(weight) for weight in network.trainable_weights]
    with average.applied():
        assert all(map(np.array_equal, before, network.trainable_weights))
    assert average.values == []
