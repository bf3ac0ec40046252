"""Make the Keras models of tests/golden/foreign_models: random weights, and what Keras makes of a sound.

Run it in asrkit's own environment (the extra ``train``) with tf2onnx beside it:

    pip install --target /tmp/tf2onnx --no-deps tf2onnx==1.17.0
    PYTHONPATH=/tmp/tf2onnx python scripts/foreign_models/keras_models.py
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from asrkit.config import front_end_named
from asrkit.features import extract_features

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden" / "foreign_models"
LABELS = [*"etaoinshrdlumcf", "<space>", "<blank>"]
BINS = 80


def keras_model(name: str, *, recurrent: bool) -> None:
    keras.utils.set_random_seed(1)
    inputs = keras.Input((None, BINS), name="features")
    x = keras.layers.Conv1D(16, 5, strides=2, padding="same", activation="relu")(inputs)
    if recurrent:
        x = keras.layers.Bidirectional(keras.layers.LSTM(12, return_sequences=True))(x)
    else:
        x = keras.layers.Conv1D(16, 5, padding="same", activation="relu")(x)
    outputs = keras.layers.Dense(len(LABELS), activation="softmax", name="probabilities")(x)
    model = keras.Model(inputs, outputs)
    folder = GOLDEN / name
    folder.mkdir(parents=True, exist_ok=True)
    model(np.zeros((1, 160, BINS), np.float32))  # an export wants a model that was called
    model.export(str(folder / "model.onnx"), format="onnx", verbose=False)
    (folder / "tokens.txt").write_text("".join(f"{label}\n" for label in LABELS))
    with np.load(GOLDEN / "parakeet" / "expected.npz") as made:
        sounds = [made[f"samples_{place}"] for place in range(3)]
    expected = {}
    for place, samples in enumerate(sounds):
        features = extract_features((samples / 32_768).astype(np.float32), front_end_named("nemo80", {}))
        expected[f"samples_{place}"] = samples
        expected[f"log_probs_{place}"] = np.log(keras.ops.convert_to_numpy(model(features[None])))[0]
    np.savez_compressed(folder / "expected.npz", **expected)


if __name__ == "__main__":
    keras_model("keras_conv", recurrent=False)
    keras_model("keras_bilstm", recurrent=True)
