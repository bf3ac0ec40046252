"""What weights a network has, without the network."""

from __future__ import annotations

from asrkit.config import ModelConfig
from asrkit.model.lengths import output_bins

_GATES = {"gru": 3, "lstm": 4, "rnn": 1}
_CELLS = {"gru": "gru_cell", "lstm": "lstm_cell", "rnn": "simple_rnn_cell"}
_MEASURED = ("moving_mean", "moving_variance")  # by batch normalization


def cell_names(config: ModelConfig, index: int) -> list[str]:
    """Return what the names of a recurrent layer's weights begin with, for each direction in time."""
    cell = _CELLS[config.rnn_type]
    if not config.bidirectional:
        return [f"rnn_{index}/{cell}"]
    return [f"rnn_{index}/{direction}_rnn_{index}/{cell}" for direction in ("forward", "backward")]


def weight_shapes(config: ModelConfig, num_bins: int, num_symbols: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights by the names of ``network_weights``.

    Args:
        config: The network's sizes.
        num_bins: Values per frame of its input.
        num_symbols: Outputs, the blank among them.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    width = 1
    for index, layer in enumerate(config.conv_layers):
        shapes[f"conv_{index}/convolution/kernel"] = (layer.kernel_frames, layer.kernel_bins, width, layer.channels)
        width = layer.channels
        shapes |= {f"conv_{index}/normalization/{name}": (width,) for name in ("gamma", "beta", *_MEASURED)}
    width *= output_bins(num_bins, config)
    units, gates = config.rnn_units, _GATES[config.rnn_type] * config.rnn_units
    for index in range(config.rnn_layers):
        if config.bottleneck_units:
            shapes[f"bottleneck_{index}/kernel"] = (width, config.bottleneck_units)
            width = config.bottleneck_units
        for cell in cell_names(config, index):
            shapes[f"{cell}/kernel"] = (width, gates)
            shapes[f"{cell}/recurrent_kernel"] = (units, gates)
            shapes[f"{cell}/bias"] = (2, gates) if config.rnn_type == "gru" else (gates,)
        width = units * (2 if config.bidirectional else 1)
        measured = _MEASURED if config.normalization == "batch" else ()
        shapes |= {f"normalization_{index}/{name}": (width,) for name in ("gamma", "beta", *measured)}
    if config.lookahead_steps:
        shapes["row/convolution/kernel"] = (config.lookahead_steps + 1, width, 1)
    if config.dense_units:
        shapes |= {"dense/kernel": (width, config.dense_units), "dense/bias": (config.dense_units,)}
        width = config.dense_units
    return shapes | {"output/kernel": (width, num_symbols), "output/bias": (num_symbols,)}
