"""What an ONNX graph from anywhere may hold: operators that onnxruntime has built in, and data of its own.

Everything here is read from the file itself; nothing is run, and nothing is allocated that the file does not hold.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asrkit.errors import BundleError
from asrkit.reading import read_bounded

_MOST_BYTES = 2 << 30  # of one file; protobuf has no more
_MOST_EXTERNAL_BYTES = 64 << 30
_MOST_NESTING = 16
_DOMAINS = frozenset({"", "ai.onnx", "com.microsoft"})
_READING_FILES = frozenset({"EPContext", "PythonOp", "ATen"})  # of com.microsoft
# What these make is as large as a number in the graph says.
_GROWING = frozenset({"ConstantOfShape", "Expand", "Tile", "Range", "RandomNormal", "RandomUniform", "EyeLike", "Pad"})
_MOST_GROWN = 1 << 28
_BITS = {"DOUBLE": 64, "INT64": 64, "UINT64": 64, "COMPLEX64": 64, "COMPLEX128": 128, "FLOAT16": 16, "BFLOAT16": 16}
_BITS |= {"INT16": 16, "UINT16": 16, "INT8": 8, "UINT8": 8, "BOOL": 8, "INT4": 4, "UINT4": 4, "FLOAT": 32}
_BITS |= {"INT32": 32, "UINT32": 32}
_NAMES = {1: "float32", 2: "uint8", 3: "int8", 10: "float16", 11: "float64", 16: "bfloat16"}  # of ONNX's types


@dataclass(frozen=True)
class CheckedGraph:
    """A graph that may be run."""

    data: bytes  # its bytes
    external: tuple[str, ...]  # files with tensors of it, by their plain names beside it
    metadata: dict[str, str]  # what its exporter noted in it
    numbers: Mapping[str, int]  # how many numbers of each type it holds, such as "float32", "float16" and "int8"
    widths: tuple[int, ...]  # the last sizes of its outputs of three axes, as far as it tells them


def check_graph(path: Path) -> CheckedGraph:
    """Read a graph and make sure that it runs no code, and reads nothing, but its own.

    Raises:
        BundleError: It is none, or holds what a model does not need.
    """
    import onnx

    try:
        data = read_bounded(path, _MOST_BYTES)
    except OSError as error:
        raise BundleError(f"cannot be read: {error.strerror or error}", path=path) from None
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's exception types vary between versions
        raise BundleError(f"is not an ONNX graph: {first_line(error)}", path=path) from None
    try:
        if not model.graph.node:
            raise _refused("has no operator")
        if model.functions:
            raise _refused("defines operators of its own (functions)")
        external, numbers = set[str](), Counter[str]()
        for tensor in _tensors(model.graph):
            external.update(_check_tensor(tensor, path.parent))
            numbers[_NAMES.get(tensor.data_type, "others")] += math.prod(tensor.dims)
    except BundleError as error:
        raise BundleError(str(error), path=path) from None
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    shapes = [output.type.tensor_type.shape.dim for output in model.graph.output]
    widths = tuple(shape[2].dim_value for shape in shapes if len(shape) == 3 and shape[2].dim_value > 0)
    return CheckedGraph(data, tuple(sorted(external)), metadata, numbers, widths)


def first_line(error: Exception) -> str:
    """Return the first line of what onnx or onnxruntime says."""
    return str(error).strip().split("\n")[0]


def _refused(reason: str) -> BundleError:
    return BundleError(f"the graph {reason}; refusing it")


def _tensors(graph: Any, nesting: int = 0) -> Iterator[Any]:
    """Yield all tensors of a graph and of those inside it, after a look at the operators."""
    if nesting > _MOST_NESTING:
        raise _refused(f"has graphs nested more than {_MOST_NESTING} deep")
    if graph.sparse_initializer:
        raise _refused("has sparse tensors")
    yield from graph.initializer
    numbers = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.domain not in _DOMAINS or node.op_type in _READING_FILES:
            raise _refused(f"uses {node.domain or 'ai.onnx'}.{node.op_type}, which is no built-in operator")
        for attribute in node.attribute:
            if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
                raise _refused("has sparse tensors")
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                yield from _tensors(inner, nesting + 1)
            tensors = ([attribute.t] if attribute.HasField("t") else []) + list(attribute.tensors)
            yield from tensors
            if node.op_type == "Constant" and tensors:
                numbers[node.output[0]] = tensors[0]
        if node.op_type in _GROWING:
            _check_growth(node, numbers)


def _check_growth(node: Any, numbers: dict[str, Any]) -> None:
    """Refuse what would fill the memory before a sound is heard."""
    import onnx

    for name in node.input:
        tensor = numbers.get(name)
        if tensor is None or tensor.data_type != onnx.TensorProto.INT64 or math.prod(tensor.dims) > 64:
            continue
        if tensor.external_data or (tensor.raw_data and len(tensor.raw_data) != 8 * math.prod(tensor.dims)):
            continue  # refused as a tensor, or too large a one to be a shape
        sizes = [abs(int(size)) for size in onnx.numpy_helper.to_array(tensor).ravel()]
        if math.prod(size for size in sizes if size) > _MOST_GROWN:
            raise _refused(f"makes a tensor of {' x '.join(map(str, sizes))} values ({node.op_type})")
    for attribute in node.attribute:
        if attribute.name == "shape" and math.prod(attribute.ints) > _MOST_GROWN:
            raise _refused(f"makes a tensor of {' x '.join(map(str, attribute.ints))} values ({node.op_type})")


def _check_tensor(tensor: Any, folder: Path) -> Iterator[str]:
    """Make sure that a tensor is as large as its data; yield the file it lies in, where that is another one."""
    import onnx

    name = tensor.name or "a constant"
    if any(size < 0 for size in tensor.dims):
        raise _refused(f"has a tensor of negative size, {name}")
    count = math.prod(tensor.dims)
    if tensor.data_type not in onnx.TensorProto.DataType.values():
        raise _refused(f"has a tensor of an unknown type, {name}")
    kind = onnx.TensorProto.DataType.Name(tensor.data_type)
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        yield _check_external(tensor, folder, -(-count * _BITS.get(kind, 0) // 8))
        return
    if tensor.HasField("raw_data"):
        if kind not in _BITS and count:
            raise _refused(f"has a tensor of type {kind}, {name}")
        held, due = len(tensor.raw_data), -(-count * _BITS.get(kind, 0) // 8)
    else:
        fields = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")
        held, due = max(len(getattr(tensor, field)) for field in fields), count
        if kind in ("INT4", "UINT4"):
            due = -(-count // 2)
        elif kind.startswith("COMPLEX"):
            due = 2 * count
    if held != due:
        raise _refused(f"has a tensor, {name}, of shape {list(tensor.dims)} that does not have so many values")


def _check_external(tensor: Any, folder: Path, due: int) -> str:
    where = {entry.key: entry.value for entry in tensor.external_data}
    name: str = where.get("location", "")
    if not name or name.startswith(".") or Path(name).name != name or "\\" in name or not name.isprintable():
        raise _refused(f"keeps {tensor.name} in {name!r}, which is no plain name of a file beside it")
    file = folder / name
    if not file.is_file() or file.resolve().parent != folder.resolve():
        raise BundleError(f"the graph keeps data in {name}, which is missing beside it; copy both files")
    try:
        offset, length = int(where.get("offset", "0")), int(where.get("length", str(due)))
    except ValueError:
        raise _refused(f"does not say where {tensor.name} lies in {name}") from None
    size = file.stat().st_size
    if not due or length != due or offset < 0 or offset + length > size or size > _MOST_EXTERNAL_BYTES:
        raise BundleError(f"the graph's data file {name} is not of the size it should have; copy it again")
    return name
