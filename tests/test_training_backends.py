"""Training on JAX and on PyTorch, each in an environment without TensorFlow: `make test-jax`, `make test-torch`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from tiny_run import Recorder, settings
from tone_speech import write_corpus

pytestmark = [pytest.mark.jax, pytest.mark.torch]


def test_the_backend_is_the_one_asked_for_and_tensorflow_is_absent() -> None:
    import keras

    assert keras.backend.backend() == os.environ["KERAS_BACKEND"] != "tensorflow"
    with pytest.raises(ImportError):
        import tensorflow  # noqa: F401


def test_a_model_trained_here_learns_and_its_graph_gives_the_same_answer(tmp_path: Path) -> None:
    from keras import ops

    from asrkit.audio import load_waveform
    from asrkit.config import RunConfig
    from asrkit.features import extract_features
    from asrkit.model.inference import Emitter
    from asrkit.model.network import build_network, set_network_weights
    from asrkit.presets import PRESETS, merge
    from asrkit.training.run import train

    manifest = write_corpus(tmp_path / "tones", 32)
    changes = {
        "data": {"train": str(manifest), "dev": str(manifest)},
        "model": {"rnn_units": 32},
        "training": {
            "epochs": 6,
            "batch_size": 8,
            "learning_rate": 1e-2,
            "warmup_steps": 5,
            "augmentation": {"speeds": [1.0]},
        },
    }
    bundle = train(RunConfig.from_dict(merge(PRESETS["tiny"], changes)), tmp_path / "run", cache_dir=tmp_path / "cache")
    losses = [json.loads(line)["dev_loss"] for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.7 * losses[0]

    recordings = sorted(manifest.parent.rglob("*.wav"))[:2]
    features = [extract_features(load_waveform(path), bundle.features) for path in recordings]
    network = build_network(bundle.model, bundle.features.num_bins, len(bundle.alphabet))
    set_network_weights(network, bundle.weights())
    for values, emissions in zip(features, Emitter(bundle, threads=1).emissions(features), strict=True):
        logits = ops.convert_to_numpy(network({"features": values[None], "frames": np.array([len(values)])}))[0]
        expected = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
        np.testing.assert_allclose(emissions, expected[: len(emissions)], atol=1e-3)


def test_a_run_goes_on_exactly_where_it_was_told_to_end(tmp_path: Path) -> None:
    from asrkit.training.run import train

    manifest = write_corpus(tmp_path / "tones", 10)
    config = settings(manifest)
    whole, first, rest = Recorder(), Recorder(stop_after=4), Recorder()
    expected = train(config, tmp_path / "whole", cache_dir=tmp_path, observer=whole)
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "parts", cache_dir=tmp_path, observer=first)
    bundle = train(config, tmp_path / "parts", cache_dir=tmp_path, observer=rest)
    assert len(first.losses) == 4
    np.testing.assert_allclose(first.losses + rest.losses, whole.losses, rtol=1e-5)
    theirs = expected.weights()
    for name, values in bundle.weights().items():
        np.testing.assert_allclose(values, theirs[name], atol=1e-5, err_msg=name)


def test_the_average_of_weights_is_that_of_the_formula(tmp_path: Path) -> None:
    from keras import ops

    from asrkit.training.optimizer import WeightAverage, compiled_network

    network = compiled_network(settings("none.tsv"), 29, 10)
    average = WeightAverage(network, 0.5)
    variable, expected = network.trainable_weights[0], None
    for step in range(1, 20):
        network.optimizer.iterations.assign(step)
        variable.assign(np.full(variable.shape, float(step), np.float32))
        average.update()
        rate = 1 - min(0.5, (1 + step) / (10 + step))
        expected = float(step) if expected is None else expected + rate * (step - expected)
        np.testing.assert_allclose(ops.convert_to_numpy(average.values[0]), expected, rtol=1e-6)
    with average.applied():
        np.testing.assert_allclose(ops.convert_to_numpy(variable.value), expected, rtol=1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(variable.value), 19.0)
