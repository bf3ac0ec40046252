"""Models of other libraries, tiny and with random weights: imported, they answer as their libraries do.

``tests/golden/foreign_models`` is made by ``scripts/foreign_models``: each folder as its exporter leaves it, with the
log-probabilities that the library computed of three sounds, each alone.
"""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from asrkit.config import front_end_named
from asrkit.features import extract_features
from asrkit.model.importing import Wishes, import_model
from asrkit.model.inference import Emitter
from asrkit.report.model_card import model_table

GOLDEN = Path(__file__).parent / "golden" / "foreign_models"
KERAS = Wishes(front_end=front_end_named("nemo80", {}))
# wishes, milliseconds a step
FAMILIES = {
    "wav2vec2": (Wishes(), 20.0),
    "hubert": (Wishes(), 20.0),
    "parakeet": (Wishes(), 80.0),
    "keras_conv": (KERAS, 20.0),
    "keras_bilstm": (KERAS, 20.0),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_answers_as_its_library_does_alone_and_in_a_batch(family, tmp_path):
    wishes, step_ms = FAMILIES[family]
    lines = []
    wishes = dataclasses.replace(wishes, longest_s=5.0)
    bundle = import_model(GOLDEN / family, tmp_path / "bundle", wishes, tell=lines.append)
    assert bundle.step_ms == step_ms
    if family in ("wav2vec2", "hubert", "keras_bilstm"):  # they listen to the padding, too
        assert bundle.graph.batching != "padded"
        assert bundle.card["certificate"]["padding_changes"] > 1e-4
    with np.load(GOLDEN / family / "expected.npz") as expected:
        sounds = [(expected[f"samples_{place}"] / 32_768).astype(np.float32) for place in range(3)]
        answers = [expected[f"log_probs_{place}"] for place in range(3)]
    emitter = Emitter(bundle, threads=1)
    features = [extract_features(sound, bundle.features) for sound in sounds]
    together = emitter.emissions(features)
    for values, batched, answer in zip(features, together, answers, strict=True):
        alone = emitter.emissions([values])[0]
        assert np.array_equal(alone, batched)
        assert alone.shape == answer.shape
        np.testing.assert_allclose(alone, answer, atol=1e-4)


@pytest.mark.parametrize(("kind", "nats"), [("int8", 0.3), ("float16", 0.01)])
def test_a_graph_of_small_numbers_answers_about_the_same_and_alone(kind, nats, tmp_path):
    shutil.copytree(GOLDEN / "keras_conv", tmp_path / "made")
    graph = tmp_path / "made" / "model.onnx"
    if kind == "int8":
        quantization = pytest.importorskip("onnxruntime.quantization")
        quantization.quantize_dynamic(str(graph), str(graph), weight_type=quantization.QuantType.QInt8)
    else:
        from onnxruntime.transformers.float16 import convert_float_to_float16

        onnx.save(convert_float_to_float16(onnx.load(str(graph))), str(graph))
    bundle = import_model(tmp_path / "made", tmp_path / "bundle", dataclasses.replace(KERAS, longest_s=5.0))
    weights = bundle.card["certificate"]["weights"]
    assert max(weights, key=weights.get) == kind
    assert f"{kind} (" in str(dict(zip(*(list(c.cells) for c in model_table(bundle).columns), strict=True))["weights"])
    assert bundle.graph.batching == "alone"
    with np.load(GOLDEN / "keras_conv" / "expected.npz") as expected:
        sounds = [(expected[f"samples_{place}"] / 32_768).astype(np.float32) for place in range(3)]
        answers = [expected[f"log_probs_{place}"] for place in range(3)]
    emitter = Emitter(bundle, threads=1)
    features = [extract_features(sound, bundle.features) for sound in sounds]
    for values, emissions, answer in zip(features, emitter.emissions(features), answers, strict=True):
        np.testing.assert_array_equal(emissions, emitter.emissions([values])[0])
        assert 0 < np.abs(emissions - answer).max() < nats


def test_each_family_is_small():
    for family in FAMILIES:
        assert sum(file.stat().st_size for file in (GOLDEN / family).iterdir()) < 300_000
