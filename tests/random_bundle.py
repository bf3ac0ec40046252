"""A bundle that nobody trained, written without Keras: it babbles, but always the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from asrkit.config import ConvLayer, FeatureConfig, ModelConfig
from asrkit.model.bundle import Bundle, save_bundle
from asrkit.text import Alphabet

FEATURES = FeatureConfig(sample_rate_hz=8_000, mel_bins=16, high_hz=3_800.0)
MODEL = ModelConfig(
    conv_layers=(ConvLayer(channels=4, kernel_frames=5, kernel_bins=5, stride_frames=4, stride_bins=4),),
    rnn_layers=1,
    rnn_units=12,
)


def random_bundle(path: Path, seed: int = 1, letters: str = " abc", **parts: Any) -> Bundle:
    """Write a bundle of 16 mel bins, one convolution and one GRU in each direction."""
    random = np.random.default_rng(seed)
    alphabet = Alphabet(letters)
    outputs = len(parts["units"].symbols if "units" in parts else alphabet)

    def normal(*shape: int, scale: float = 0.5) -> Any:
        return random.normal(0, scale, shape).astype(np.float32)

    weights = {"conv_0/convolution/kernel": normal(5, 5, 1, 4)}
    for name, value in {"gamma": 1.0, "beta": 0.0, "moving_mean": 0.0, "moving_variance": 1.0}.items():
        weights[f"conv_0/normalization/{name}"] = np.full(4, value, np.float32)
    for direction in ("forward", "backward"):
        cell = f"rnn_0/{direction}_rnn_0/gru_cell"
        weights |= {f"{cell}/kernel": normal(16, 36), f"{cell}/recurrent_kernel": normal(12, 36)}
        weights[f"{cell}/bias"] = np.zeros((2, 36), np.float32)
    weights |= {"normalization_0/gamma": np.ones(24, np.float32), "normalization_0/beta": np.zeros(24, np.float32)}
    weights |= {
        "output/kernel": normal(24, outputs, scale=1.0),
        "output/bias": np.zeros(outputs, np.float32),
    }
    return save_bundle(path, alphabet=alphabet, weights=weights, **{"features": FEATURES, "model": MODEL, **parts})
