"""Features to emissions through onnxruntime. The only module that imports it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asrkit.config import GraphConfig
from asrkit.emissions import Values, to_log_probabilities
from asrkit.errors import BundleError, ConfigError
from asrkit.model.bundle import Bundle
from asrkit.model.folder import GRAPH
from asrkit.model.graph import check_graph, first_line

FloatArray = npt.NDArray[np.float32]

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


class Emitter:
    """Runs a bundle's graph on batches of utterances.

    Args:
        bundle: The model.
        threads: Threads inside one run; None lets onnxruntime take all cores.
        device: Where to run: "cpu", "cuda", or "auto", a GPU if onnxruntime can use one.

    Attributes:
        device: Where it runs.

    Raises:
        BundleError: The graph is not what the bundle says, or may not be run.
        ConfigError: There is no such device.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None, device: str = "auto") -> None:
        self.bundle = bundle
        self._graph = bundle.graph
        path = bundle.path / GRAPH
        source = _checked(path) if path.is_file() else bundle.made_graph()
        try:
            self._session = open_session(source, threads, device)
        except BundleError as error:
            raise BundleError(f"onnxruntime cannot run model.onnx: {error}", path=bundle.path) from None
        self.device = "cuda" if _CUDA in self._session.get_providers() else "cpu"
        self._types = {value.name: numpy_type(value) for value in self._session.get_inputs()}
        self._outputs = [name for name in (self._graph.output, self._graph.output_lengths) if name]
        self._check_signature()

    def _check_signature(self) -> None:
        graph = self._graph
        inputs = {value.name: value.shape for value in self._session.get_inputs()}
        outputs = {value.name: value.shape for value in self._session.get_outputs()}
        named = {graph.input, graph.lengths, *graph.constant_values} - {""}
        fits = inputs.keys() == named and outputs.keys() >= set(self._outputs)
        if fits and graph.layout != "waveform":
            place = 2 if graph.layout == "time-bins" else 1
            fits = _may_be(inputs[graph.input][place : place + 1], self.bundle.features.num_bins)
        fits = fits and _may_be(outputs[graph.output][-1:], len(self.bundle.symbols))
        if not fits:
            raise BundleError("model.onnx does not fit bundle.json; export the bundle again", path=self.bundle.path)

    def emissions(self, features: Sequence[FloatArray]) -> list[FloatArray]:
        """Return the emissions of utterances, computed in batches of such as do not change each other's answer.

        Args:
            features: ``(frames, bins)`` each, or ``(samples,)``.

        Returns:
            ``(steps, symbols)`` each: natural-log probabilities.
        """
        found: dict[int, FloatArray] = {}
        for places in batches([len(f) for f in features], self._graph.batching):
            found |= zip(places, self._run([features[i] for i in places]), strict=True)
        return [found[i] for i in range(len(features))]

    def _run(self, features: Sequence[FloatArray]) -> list[FloatArray]:
        graph = self._graph
        outputs = self._session.run(self._outputs, feed(graph, self._types, features))
        steps: list[int | None]
        if graph.output_lengths:
            steps = [int(length) for length in outputs[1]]
        else:
            steps = [graph.num_steps(len(f)) for f in features]
        answers = outputs[0].astype(np.float32, copy=False)
        cut = [rows[graph.drop_steps : length] for rows, length in zip(answers, steps, strict=True)]
        if graph.values != Values.LOG_PROBABILITIES:
            for rows in cut:  # in place: new memory for thousands of outputs takes longer than the arithmetic
                to_log_probabilities(rows, Values(graph.values), out=rows)
        return cut


def _may_be(told: Sequence[Any], size: int) -> bool:
    """Whether a size is this one, or a graph does not tell it; one that tells no shape at all seems to have none."""
    return all(not isinstance(value, int) or value == size for value in told)


def batches(lengths: Sequence[int], batching: str) -> list[list[int]]:
    """Return the places of utterances that may share a batch, as the model's rule says."""
    places = list(range(len(lengths)))
    if batching == "padded":
        return [places]
    if batching == "alone":
        return [[place] for place in places]
    by_length: dict[int, list[int]] = {}
    for place in places:
        by_length.setdefault(lengths[place], []).append(place)
    return list(by_length.values())


def feed(graph: GraphConfig, types: dict[str, Any], features: Sequence[FloatArray]) -> dict[str, npt.NDArray[Any]]:
    """Return the inputs of a graph for a batch, padded with zeros where lengths differ."""
    lengths = np.array([len(f) for f in features])
    batch = np.zeros((len(features), lengths.max(), *features[0].shape[1:]), types[graph.input])
    for row, values in zip(batch, features, strict=True):
        row[: len(values)] = values
    inputs = {graph.input: batch.transpose(0, 2, 1) if graph.layout == "bins-time" else batch}
    if graph.lengths:
        told: npt.NDArray[Any] = lengths
        if graph.lengths_kind == "mask":
            told = np.arange(lengths.max()) < lengths[:, None]
        elif graph.lengths_kind == "share":
            told = lengths / lengths.max()
        inputs[graph.lengths] = told.astype(types[graph.lengths])
    for name, value in graph.constant_values.items():
        inputs[name] = np.full(len(features), value, types[name])
    return inputs


def open_session(source: bytes | Path, threads: int | None = None, device: str = "auto") -> Any:
    """Return an onnxruntime session of a checked graph.

    Raises:
        BundleError: onnxruntime cannot run it.
        ConfigError: There is no such device.
    """
    import onnxruntime

    has_cuda = _CUDA in onnxruntime.get_available_providers()
    if device == "cuda" and not has_cuda:
        raise ConfigError("onnxruntime has no CUDA here; choose --device cpu, or install onnxruntime-gpu in its place")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = threads
    providers = [_CUDA, _CPU] if has_cuda and device != "cpu" else [_CPU]
    try:
        session = onnxruntime.InferenceSession(
            source if isinstance(source, bytes) else str(source), options, providers=providers
        )
    except Exception as error:  # onnxruntime's own exception types are not public
        raise BundleError(first_line(error)) from None
    if device == "cuda" and _CUDA not in session.get_providers():
        raise ConfigError("onnxruntime finds no GPU that it can use; choose --device cpu")
    return session


def numpy_type(value: Any) -> Any:
    """Return the numpy type of an input or output of a session."""
    names = {"float": "float32", "double": "float64"}
    bare = value.type.removeprefix("tensor(").removesuffix(")")
    return np.dtype(names.get(bare, bare))


def _checked(path: Path) -> bytes | Path:
    """Return what a session takes: the bytes that were checked, or the path of a graph with data beside it."""
    graph = check_graph(path)
    return path if graph.external else graph.data
