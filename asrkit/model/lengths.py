"""Length arithmetic of the convolutions, shared by the network, its ONNX graph and the CTC feasibility check."""

from __future__ import annotations

from asrkit.config import ModelConfig


def output_lengths(frames: int, config: ModelConfig) -> int:
    """Return how many output steps an utterance of this many frames has.

    Each convolution pads a fixed amount on the left and enough on the right that ``n`` inputs give
    ``ceil(n / stride)`` outputs, so neither the batch nor its padding moves the content.
    """
    for layer in config.conv_layers:
        frames = -(-frames // layer.stride_frames)
    return frames


def output_bins(bins: int, config: ModelConfig) -> int:
    """Return how many frequency bins are left after the convolutions."""
    for layer in config.conv_layers:
        bins = -(-bins // layer.stride_bins)
    return bins


def padding(kernel: int) -> tuple[int, int]:
    """Return the zeros put before and after the content of a convolution."""
    left = (kernel - 1) // 2
    return left, kernel - 1 - left
