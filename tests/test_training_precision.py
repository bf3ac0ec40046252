"""Mixed precision: it learns, goes on after a stop, and leaves a bundle as good as any."""

import numpy as np
import pytest
from tiny_run import Recorder, smallest
from tone_speech import EVEN, write_corpus

from asrkit.audio import load_waveform
from asrkit.data import read_manifest
from asrkit.features import extract_features
from asrkit.model.inference import Emitter
from asrkit.training.run import train

keras = pytest.importorskip("keras")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("data") / "tones", 8, words=EVEN)


@pytest.fixture(autouse=True)
def restored_policy():
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("precision", ["mixed_bfloat16", pytest.param("mixed_float16", marks=pytest.mark.slow)])
def test_mixed_precision_learns_resumes_and_leaves_a_float32_bundle(corpus, tmp_path, precision):
    from asrkit.model.network import build_network, set_network_weights

    config = smallest(corpus, training={"precision": precision, "epochs": 5, "learning_rate": 1e-2, "ema_momentum": 0})
    first, second = Recorder(stop_after=3), Recorder()
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "run", cache_dir=tmp_path, observer=first)
    bundle = train(config, tmp_path / "run", cache_dir=tmp_path, observer=second)
    losses = first.losses + second.losses
    assert len(losses) == 10
    assert np.isfinite(losses).all()
    assert np.mean(losses[-2:]) < 0.95 * np.mean(losses[:2])

    weights = bundle.weights()
    assert {values.dtype for values in weights.values()} == {np.dtype(np.float32)}
    keras.config.set_dtype_policy("float32")
    network = build_network(bundle.model, bundle.features.num_bins, len(bundle.alphabet))
    set_network_weights(network, weights)
    features = extract_features(load_waveform(read_manifest(corpus)[0].audio_path), bundle.features)
    logits = np.asarray(network({"features": features[None], "frames": np.array([len(features)])}))[0]
    expected = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    (emissions,) = Emitter(bundle, threads=1).emissions([features])
    np.testing.assert_allclose(emissions, expected[: len(emissions)], atol=1e-3)
