"""Features to emissions through onnxruntime. The only module that imports it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asrkit.errors import BundleError
from asrkit.model.bundle import GRAPH, Bundle
from asrkit.reading import read_bounded

FloatArray = npt.NDArray[np.float32]

_MAX_GRAPH_BYTES = 2 << 30


class Emitter:
    """Runs a bundle's graph on batches of utterances.

    Args:
        bundle: The model.
        threads: Threads inside one run; None lets onnxruntime take all cores.

    Raises:
        BundleError: The graph is not one this package would write.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        import onnxruntime

        path = bundle.path / GRAPH
        graph = _checked_graph(path) if path.is_file() else bundle.made_graph()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = threads
        self.bundle = bundle
        providers = [p for p in ("CUDAExecutionProvider", "CPUExecutionProvider") if p in _available()]
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=providers)
        except Exception as error:  # onnxruntime's own exception types are not public
            raise BundleError(f"onnxruntime cannot run model.onnx: {_first_line(error)}", path=bundle.path) from None
        self._check_signature()

    def _check_signature(self) -> None:
        inputs = {value.name: value.shape for value in self._session.get_inputs()}
        outputs = {value.name: value.shape for value in self._session.get_outputs()}
        fits = (
            inputs.keys() == {"features", "frames"}
            and outputs.keys() == {"log_probs", "steps"}
            and inputs["features"][-1] == self.bundle.features.num_bins
            and outputs["log_probs"][-1] == len(self.bundle.symbols)
        )
        if not fits:
            raise BundleError("model.onnx does not fit bundle.json; export the bundle again", path=self.bundle.path)

    def emissions(self, features: Sequence[FloatArray]) -> list[FloatArray]:
        """Return the emissions of utterances, computed as one padded batch.

        Args:
            features: ``(frames, bins)`` each.

        Returns:
            ``(steps, symbols)`` each: natural-log probabilities, the blank last.
        """
        lengths = np.array([len(f) for f in features], np.int32)
        batch = np.zeros((len(features), lengths.max(), self.bundle.features.num_bins), np.float32)
        for row, values in zip(batch, features, strict=True):
            row[: len(values)] = values
        log_probs, steps = self._session.run(["log_probs", "steps"], {"features": batch, "frames": lengths})
        return [rows[:length] for rows, length in zip(log_probs, steps, strict=True)]


def _available() -> list[str]:
    import onnxruntime

    return list(onnxruntime.get_available_providers())


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


def _checked_graph(path: Path) -> bytes:
    """Return a serialized graph after making sure that it is self-contained and uses standard operators only."""
    import onnx

    try:
        data = read_bounded(path, _MAX_GRAPH_BYTES)
    except OSError as error:
        raise BundleError(f"cannot be read: {error.strerror or error}", path=path) from None
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's exception types vary between versions
        raise BundleError(f"model.onnx is not an ONNX graph: {_first_line(error)}", path=path) from None
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise BundleError("model.onnx refers to files outside itself; refusing it", path=path)
    if model.functions or any(node.domain not in ("", "ai.onnx") for node in model.graph.node):
        raise BundleError("model.onnx uses operators that are not ONNX's own; refusing it", path=path)
    if any(_is_nested(attribute) for node in model.graph.node for attribute in node.attribute):
        raise BundleError("model.onnx holds nested graphs or tensors; refusing it", path=path)
    return data


def _is_nested(attribute: Any) -> bool:
    """Whether an attribute may carry data that the checks above did not see."""
    return bool(
        attribute.HasField("g")
        or attribute.graphs
        or attribute.HasField("t")
        or attribute.tensors
        or attribute.HasField("sparse_tensor")
    )
