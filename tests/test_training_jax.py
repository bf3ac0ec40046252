"""Training on Keras' JAX backend, in an environment without TensorFlow: `make test-jax`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tone_speech import write_corpus

pytestmark = pytest.mark.jax


def test_the_backend_is_jax_and_tensorflow_is_absent() -> None:
    import keras

    assert keras.backend.backend() == "jax"
    with pytest.raises(ImportError):
        import tensorflow  # noqa: F401


def test_a_model_trained_on_jax_learns_and_its_graph_gives_the_same_answer(tmp_path: Path) -> None:
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
        logits = np.asarray(network({"features": values[None], "frames": np.array([len(values)])}))[0]
        expected = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
        np.testing.assert_allclose(emissions, expected[: len(emissions)], atol=1e-3)
