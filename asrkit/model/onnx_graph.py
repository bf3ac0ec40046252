"""The network as an ONNX graph with fused recurrent operators, built from its weights.

Keras writes recurrent layers as loops; ONNX has one operator for a whole layer, both directions included, and
onnxruntime runs it several times faster.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

from asrkit.config import FeatureConfig, ModelConfig
from asrkit.model.lengths import output_bins, padding
from asrkit.model.shapes import cell_names

OPSET = 17
# Readable by onnxruntime 1.14 and later.
IR_VERSION = 8
_EPSILON = 1e-3
_CLIP = 20.0

Weights = Mapping[str, npt.NDArray[np.float32]]


def export_graph(
    weights: Weights, config: ModelConfig, features: FeatureConfig, num_symbols: int, *, half: bool = False
) -> bytes:
    """Return the serialized graph.

    Inputs of the graph: ``features`` float32 ``(batch, frames, bins)`` and ``frames`` int32 ``(batch,)``.
    Outputs: ``log_probs`` float32 ``(batch, steps, symbols)``, natural logarithms, and ``steps`` int32 ``(batch,)``.

    Args:
        weights: Arrays by the names of ``network_weights``.
        config: The network's sizes.
        features: Gives the number of bins.
        num_symbols: The alphabet and the blank.
        half: Store the large matrices as float16; they are widened when the graph is loaded.
    """
    graph = _Graph(half)
    x, steps = graph.convolutions(weights, config)
    x = graph.recurrent_layers(x, steps, weights, config, output_bins(features.num_bins, config))
    if config.lookahead_steps:
        x = graph.row_convolution(x, steps, weights["row/convolution/kernel"])
    if config.dense_units:
        x = graph.clip(graph.dense(x, weights["dense/kernel"], weights["dense/bias"]))
    x = graph.dense(x, weights["output/kernel"], weights["output/bias"])
    x = graph.add("LogSoftmax", [x], axis=-1)
    graph.add("Transpose", [x], outputs=["log_probs"], perm=[1, 0, 2])
    graph.add("Identity", [steps], outputs=["steps"])
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "deepspeech2",
            [
                helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", "frames", features.num_bins]),
                helper.make_tensor_value_info("frames", TensorProto.INT32, ["batch"]),
            ],
            [
                helper.make_tensor_value_info("log_probs", TensorProto.FLOAT, ["batch", "steps", num_symbols]),
                helper.make_tensor_value_info("steps", TensorProto.INT32, ["batch"]),
            ],
            graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="asrkit",
    )
    return bytes(model.SerializeToString())


class _Graph:
    """Collects nodes and constants under fresh names."""

    def __init__(self, half: bool) -> None:
        self.half = half
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def add(self, operator: str, inputs: list[str], *, outputs: list[str] | None = None, **attributes: Any) -> str:
        outputs = outputs or [f"{operator.lower()}_{len(self.nodes)}"]
        self.nodes.append(helper.make_node(operator, inputs, outputs, **attributes))
        return outputs[0]

    def constant(self, values: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> str:
        array = np.ascontiguousarray(values, dtype)
        name = f"constant_{len(self.initializers)}"
        if self.half and array.dtype == np.float32 and array.ndim > 1:
            self.initializers.append(numpy_helper.from_array(array.astype(np.float16), name))
            return self.add("Cast", [name], to=TensorProto.FLOAT)
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def convolutions(self, weights: Weights, config: ModelConfig) -> tuple[str, str]:
        """Add masked convolutions; return ``(batch, channels, steps, bins)`` and the lengths."""
        lengths = "frames"
        x = self.add("Unsqueeze", ["features", self.constant([1], np.int64)])
        x = self.mask(x, lengths, other_axes=[1, 3])
        for index, layer in enumerate(config.conv_layers):
            kernel, bias = _fold_normalization(weights, f"conv_{index}")
            before_frames, after_frames = padding(layer.kernel_frames)
            before_bins, after_bins = padding(layer.kernel_bins)
            x = self.add(
                "Conv",
                [x, self.constant(kernel), self.constant(bias)],
                strides=[layer.stride_frames, layer.stride_bins],
                pads=[before_frames, before_bins, after_frames, after_bins],
            )
            x = self.clip(x)
            surplus = self.add("Add", [lengths, self.constant(layer.stride_frames - 1, np.int32)])
            lengths = self.add("Div", [surplus, self.constant(layer.stride_frames, np.int32)])
            x = self.mask(x, lengths, other_axes=[1, 3])
        return x, lengths

    def recurrent_layers(self, x: str, steps: str, weights: Weights, config: ModelConfig, bins: int) -> str:
        """Add the recurrent stack; return ``(steps, batch, units)``."""
        width = bins * config.conv_layers[-1].channels
        x = self.add("Transpose", [x], perm=[2, 0, 3, 1])
        x = self.add("Reshape", [x, self.constant([0, 0, width], np.int64)])
        for index in range(config.rnn_layers):
            if config.bottleneck_units:
                x = self.add("MatMul", [x, self.constant(weights[f"bottleneck_{index}/kernel"])])
            x = self.recurrent(x, steps, weights, config, index)
            x = self.normalize(x, weights, config, f"normalization_{index}")
        return x

    def recurrent(self, x: str, steps: str, weights: Weights, config: ModelConfig, index: int) -> str:
        parts = [_recurrent_weights(weights, config.rnn_type, cell) for cell in cell_names(config, index)]
        kernel, recurrent_kernel, bias = (np.stack(arrays) for arrays in zip(*parts, strict=True))
        attributes: dict[str, Any] = {"hidden_size": config.rnn_units}
        if config.bidirectional:
            attributes["direction"] = "bidirectional"
        if config.rnn_type == "gru":
            attributes["linear_before_reset"] = 1
        operator = {"gru": "GRU", "lstm": "LSTM", "rnn": "RNN"}[config.rnn_type]
        y = self.add(
            operator,
            [x, self.constant(kernel), self.constant(recurrent_kernel), self.constant(bias), steps],
            **attributes,
        )
        y = self.add("Transpose", [y], perm=[0, 2, 1, 3])
        units = config.rnn_units * len(parts)
        return self.add("Reshape", [y, self.constant([0, 0, units], np.int64)])

    def normalize(self, x: str, weights: Weights, config: ModelConfig, name: str) -> str:
        gamma, beta = weights[f"{name}/gamma"], weights[f"{name}/beta"]
        if config.normalization == "layer":
            return self.add(
                "LayerNormalization", [x, self.constant(gamma), self.constant(beta)], axis=-1, epsilon=_EPSILON
            )
        scale = gamma / np.sqrt(weights[f"{name}/moving_variance"] + _EPSILON)
        shift = beta - weights[f"{name}/moving_mean"] * scale
        return self.add("Add", [self.add("Mul", [x, self.constant(scale)]), self.constant(shift)])

    def row_convolution(self, x: str, steps: str, kernel: npt.NDArray[np.float32]) -> str:
        size, units = kernel.shape[:2]
        x = self.add("Transpose", [x], perm=[1, 2, 0])
        x = self.mask(x, steps, other_axes=[1])
        filters = self.constant(kernel.reshape(size, units).T[:, None, :])
        x = self.clip(self.add("Conv", [x, filters], group=units, pads=[0, size - 1]))
        return self.add("Transpose", [x], perm=[2, 0, 1])

    def dense(self, x: str, kernel: npt.NDArray[np.float32], bias: npt.NDArray[np.float32]) -> str:
        return self.add("Add", [self.add("MatMul", [x, self.constant(kernel)]), self.constant(bias)])

    def clip(self, x: str) -> str:
        return self.add("Clip", [x, self.constant(0.0), self.constant(_CLIP)])

    def mask(self, x: str, lengths: str, other_axes: list[int]) -> str:
        """Set what lies beyond each length to zero; the batch is axis 0, time is axis 2 of 3 or 4."""
        scalar = self.constant(2, np.int64)
        size = self.add("Cast", [self.add("Gather", [self.add("Shape", [x]), scalar])], to=TensorProto.INT32)
        zero, one = self.constant(0, np.int32), self.constant(1, np.int32)
        positions = self.add("Range", [zero, size, one])
        ends = self.add("Unsqueeze", [lengths, self.constant([1], np.int64)])
        inside = self.add("Cast", [self.add("Less", [positions, ends])], to=TensorProto.FLOAT)
        return self.add("Mul", [x, self.add("Unsqueeze", [inside, self.constant(other_axes, np.int64)])])


def _fold_normalization(weights: Weights, name: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return a kernel ``(out, in, frames, bins)`` and a bias that include the batch normalization after them."""
    scale = weights[f"{name}/normalization/gamma"] / np.sqrt(
        weights[f"{name}/normalization/moving_variance"] + _EPSILON
    )
    bias = weights[f"{name}/normalization/beta"] - weights[f"{name}/normalization/moving_mean"] * scale
    kernel = weights[f"{name}/convolution/kernel"] * scale
    return kernel.transpose(3, 2, 0, 1), bias


def _recurrent_weights(weights: Weights, rnn_type: str, cell: str) -> tuple[npt.NDArray[np.float32], ...]:
    """Return the kernels ``(gates, inputs)`` and the bias of one direction in ONNX's gate order."""
    kernel, recurrent_kernel, bias = (weights[f"{cell}/{of}"] for of in ("kernel", "recurrent_kernel", "bias"))
    if rnn_type == "gru":  # both use update, reset, candidate
        return kernel.T, recurrent_kernel.T, bias.reshape(-1)
    bias = np.concatenate([bias, np.zeros_like(bias)])
    if rnn_type == "rnn":
        return kernel.T, recurrent_kernel.T, bias

    def reorder(array: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        # Keras: input, forget, cell, output; ONNX: input, output, forget, cell.
        i, f, c, o = np.split(array, 4)
        return np.concatenate([i, o, f, c])

    gates, zeros = np.split(bias, 2)
    return reorder(kernel.T), reorder(recurrent_kernel.T), np.concatenate([reorder(gates), zeros])
