"""A network small enough to build in a test, and a bundle of it with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from asrkit.config import ConvLayer, FeatureConfig, ModelConfig
from asrkit.model.bundle import Bundle, save_bundle
from asrkit.text import Alphabet

FEATURES = FeatureConfig(mel_bins=20)
CONVOLUTIONS = (
    ConvLayer(channels=3, kernel_frames=5, kernel_bins=7, stride_frames=2, stride_bins=2),
    ConvLayer(channels=4, kernel_frames=4, kernel_bins=5, stride_frames=2, stride_bins=3),
)


def tiny_config(**changes: Any) -> ModelConfig:
    return ModelConfig(**{"conv_layers": CONVOLUTIONS, "rnn_layers": 2, "rnn_units": 8, "dropout": 0.0, **changes})


def random_network(config: ModelConfig, seed: int = 0) -> Any:
    """Return a network none of whose weights, moving statistics included, has its initial value."""
    from asrkit.model.network import build_network

    network = build_network(config, FEATURES.num_bins, len(Alphabet()))
    rng = np.random.default_rng(seed)
    for weight in network.weights:
        values = 0.3 * rng.standard_normal(weight.shape)
        weight.assign(np.abs(values) + 0.5 if "variance" in weight.path or "gamma" in weight.path else values)
    return network


def random_features(lengths: list[int], seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((length, FEATURES.num_bins)).astype(np.float32) for length in lengths]


def tiny_bundle(path: Path, network: Any = None, **options: Any) -> Bundle:
    from asrkit.model.network import network_weights

    network = random_network(tiny_config()) if network is None else network
    return save_bundle(
        path,
        alphabet=Alphabet(),
        features=FEATURES,
        model=network.config,
        weights=network_weights(network),
        **options,
    )
