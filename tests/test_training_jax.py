"""Training on Keras' JAX backend, in an environment without TensorFlow: `make test-jax`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytestmark = pytest.mark.jax

RATE_HZ = 16_000
TONES_HZ = {"a": 400.0, "b": 900.0, "c": 1600.0, " ": 0.0}


def spoken(text: str) -> np.ndarray:
    """Return a waveform in which each character is a tone of 0.2 s."""
    time_s = np.arange(int(0.2 * RATE_HZ)) / RATE_HZ
    noise = np.random.default_rng(len(text)).normal(0, 0.001, len(text) * len(time_s))
    return (np.concatenate([0.3 * np.sin(2 * np.pi * TONES_HZ[c] * time_s) for c in text]) + noise).astype(np.float32)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tones")
    random = np.random.default_rng(1)
    rows = ["utterance_id\tpath\ttext"]
    for index in range(32):
        # equal lengths: JAX compiles the training step anew for every shape
        text = " ".join("".join(random.choice(list("abc"), size)) for size in (2, 3, 2))
        soundfile.write(folder / f"{index:02d}.wav", spoken(text), RATE_HZ)
        rows.append(f"{index:02d}\t{index:02d}.wav\t{text}")
    (folder / "tones.tsv").write_text("\n".join(rows) + "\n")
    return folder / "tones.tsv"


def test_the_backend_is_jax_and_tensorflow_is_absent() -> None:
    import keras

    assert keras.backend.backend() == "jax"
    with pytest.raises(ImportError):
        import tensorflow  # noqa: F401


def test_a_model_trained_on_jax_learns_and_its_graph_gives_the_same_answer(manifest: Path, tmp_path: Path) -> None:
    from asrkit.audio import load_waveform
    from asrkit.config import RunConfig
    from asrkit.features import extract_features
    from asrkit.model.inference import Emitter
    from asrkit.model.network import build_network, set_network_weights
    from asrkit.presets import PRESETS, merge
    from asrkit.training.run import train

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

    features = [
        extract_features(load_waveform(manifest.parent / f"{index:02d}.wav"), bundle.features) for index in (0, 1)
    ]
    network = build_network(bundle.model, bundle.features.num_bins, len(bundle.alphabet))
    set_network_weights(network, bundle.weights())
    for values, emissions in zip(features, Emitter(bundle, threads=1).emissions(features), strict=True):
        logits = np.asarray(network({"features": values[None], "frames": np.array([len(values)])}))[0]
        expected = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
        np.testing.assert_allclose(emissions, expected[: len(emissions)], atol=1e-3)
