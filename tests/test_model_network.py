"""The network: batching and padding never change an answer, and it can learn."""

import numpy as np
import pytest
from tiny_model import FEATURES, random_features, random_network, tiny_config

from asrkit.config import FeatureConfig
from asrkit.model.lengths import output_lengths
from asrkit.presets import PRESETS, run_config
from asrkit.text import Alphabet

keras = pytest.importorskip("keras")

VARIANTS = [
    {"rnn_type": "gru", "normalization": "batch"},
    {"rnn_type": "lstm", "dense_units": 6, "bottleneck_units": 3},
    {"rnn_type": "rnn"},
    {"rnn_type": "gru", "bidirectional": False, "lookahead_steps": 3},
]


def padded(features, size, filler=0.0):
    batch = np.full((len(features), size, FEATURES.num_bins), filler, np.float32)
    for row, values in zip(batch, features, strict=True):
        row[: len(values)] = values
    return {"features": batch, "frames": np.array([len(f) for f in features], np.int32)}


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_neither_batch_nor_padding_changes_an_answer(variant):
    config = tiny_config(**variant)
    network = random_network(config)
    features = random_features([37, 5, 64, 1])
    batched = keras.ops.convert_to_numpy(network(padded(features, 64)))
    dirty = keras.ops.convert_to_numpy(network(padded(features, 93, filler=7.5)))
    for row, values in enumerate(features):
        alone = keras.ops.convert_to_numpy(network(padded([values], len(values))))[0]
        steps = output_lengths(len(values), config)
        assert len(alone) == steps
        np.testing.assert_allclose(batched[row, :steps], alone, atol=1e-5)
        np.testing.assert_allclose(dirty[row, :steps], alone, atol=1e-5)


def test_batch_statistics_ignore_padding():
    network = random_network(tiny_config(normalization="batch"))
    features = random_features([30, 8])
    short = keras.ops.convert_to_numpy(network(padded(features, 30), training=True))
    long = keras.ops.convert_to_numpy(network(padded(features, 50, filler=9.0), training=True))
    np.testing.assert_allclose(short[0], long[0, : short.shape[1]], atol=1e-4)


def test_the_loss_counts_true_lengths_only():
    network = random_network(tiny_config())
    features = random_features([40, 12])
    labels = np.zeros((2, 5), np.int32)
    labels[0], labels[1, :2] = [1, 2, 3, 4, 5], [6, 7]
    batch = {**padded(features, 40), "labels": labels, "num_labels": np.array([5, 2], np.int32)}
    together = keras.ops.convert_to_numpy(network.utterance_losses(batch, network(batch)))
    single = {**padded(features[1:], 12), "labels": labels[1:, :2], "num_labels": np.array([2], np.int32)}
    alone = keras.ops.convert_to_numpy(network.utterance_losses(single, network(single)))
    np.testing.assert_allclose(together[1], alone[0], rtol=1e-4)


def test_one_batch_can_be_learned_by_heart():
    network = random_network(tiny_config(rnn_layers=1, rnn_units=32), seed=1)
    network.compile(optimizer=keras.optimizers.Adam(3e-2), jit_compile=False)
    batch = {
        **padded(random_features([40, 40]), 40),
        "labels": np.array([[1, 2, 3], [4, 5, 6]], np.int32),
        "num_labels": np.array([3, 3], np.int32),
    }
    losses = []
    for _ in range(40):
        network.reset_metrics()
        losses.append(float(network.train_on_batch(batch, return_dict=True)["loss"]))
    assert losses[-1] < 0.5 < 5 < losses[0]


@pytest.mark.parametrize(
    ("preset", "millions"),
    [
        ("tiny", 0.15),
        ("small", 3.9),
        pytest.param("base", 25, marks=pytest.mark.slow),
        pytest.param("keras-example", 26.6, marks=pytest.mark.slow),
    ],
)
def test_presets_have_the_sizes_they_promise(preset, millions):
    config = run_config({"preset": preset})
    from asrkit.model.network import build_network

    network = build_network(config.model, config.features.num_bins, len(Alphabet()))
    assert network.count_params() / 1e6 == pytest.approx(millions, rel=0.15)


def test_every_preset_is_valid():
    for name in PRESETS:
        assert isinstance(run_config({"preset": name}).features, FeatureConfig)
