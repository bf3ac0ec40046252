"""Graphs of strangers: whatever they hold, they run no code, read no file of others, and cost little."""

import resource
import time

import numpy as np
import onnx
import pytest
from foreign_graphs import model_of, planted_model, tensor, value
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from asrkit.config import front_end_named
from asrkit.errors import BundleError
from asrkit.model import examination
from asrkit.model.examination import examine
from asrkit.model.graph import check_graph

KALDI = front_end_named("kaldi", {"mel_bins": 4})


def features_model(nodes, constants=(), **options):
    return model_of(nodes, [value("x", ["b", "t", 4])], [value("y", ["b", "t", 4])], constants, **options)


def external(location, length=16, dims=(4,), offset=0):
    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims, data_location=TensorProto.EXTERNAL)
    for key, content in (("location", location), ("offset", str(offset)), ("length", str(length))):
        weights.external_data.add(key=key, value=content)
    return features_model([helper.make_node("Add", ["x", "w"], ["y"])], [weights])


def inside(node, nesting=1):
    """A node within a branch of an If, so many times; the other branch is flat, as two would double it each time."""
    ends = [value(node.output[0], None)]
    other = helper.make_graph([helper.make_node("Identity", ["x"], [node.output[0]])], "other", [], ends)
    for _ in range(nesting):
        inner = helper.make_graph([node], "inner", [], ends)
        node = helper.make_node("If", ["c"], [node.output[0]], then_branch=inner, else_branch=other)
    return features_model([node], [tensor("c", [True], np.bool_)])


def promised(dims):
    return TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims, raw_data=b"\0" * 16)


def sparse():
    model = features_model([helper.make_node("Identity", ["x"], ["y"])])
    model.graph.sparse_initializer.add()
    return model


def with_function():
    model = features_model([helper.make_node("Mine", ["x"], ["y"], domain="ai.onnx")])
    body = [helper.make_node("Identity", ["a"], ["b"])]
    model.functions.append(helper.make_function("ai.onnx", "Mine", ["a"], ["b"], body, [helper.make_opsetid("", 17)]))
    return model


ALIEN = helper.make_node("Evil", ["x"], ["y"], domain="com.example")
HUGE = [tensor("w", [1_000_000, 1_000_000], np.int64)]
HOSTILE = {
    "a graph of nothing": (onnx.ModelProto(), "has no operator"),
    "a file above the folder": (external("../secret"), "no plain name"),
    "an absolute path": (external("/etc/passwd"), "no plain name"),
    "a hidden file": (external(".netrc"), "no plain name"),
    "a path of Windows": (external("..\\secret"), "no plain name"),
    "a file that is missing": (external("gone.data"), "missing beside it"),
    "a file that is a link": (external("link.data"), "missing beside it"),
    "a file that is too short": (external("short.data"), "not of the size"),
    "a file with another length": (external("good.data", length=8), "not of the size"),
    "an offset before the file": (external("good.data", offset=-8), "not of the size"),
    "a terabyte beside it": (external("good.data", length=4 * 10**12, dims=(10**6, 10**6)), "not of the size"),
    "a terabyte in it": (
        features_model([helper.make_node("Add", ["x", "w"], ["y"])], [promised((10**6, 10**6))]),
        "have so many",
    ),
    "a negative size": (
        features_model([helper.make_node("Add", ["x", "w"], ["y"])], [promised((-4,))]),
        "negative size",
    ),
    "a terabyte made": (features_model([helper.make_node("ConstantOfShape", ["w"], ["y"])], HUGE), "makes a tensor"),
    "a terabyte spread": (features_model([helper.make_node("Expand", ["x", "w"], ["y"])], HUGE), "makes a tensor"),
    "random terabytes": (
        features_model([helper.make_node("RandomNormal", [], ["y"], shape=[10**6, 10**6])]),
        "makes a tensor",
    ),
    "an operator of nobody": (features_model([ALIEN]), "no built-in operator"),
    "one inside a branch": (inside(ALIEN), "no built-in operator"),
    "one deep inside": (inside(ALIEN, 12), "no built-in operator"),
    "too deep a nesting": (inside(helper.make_node("Identity", ["x"], ["y"]), 20), "nested"),
    "a context of another engine": (
        features_model([helper.make_node("EPContext", ["x"], ["y"], domain="com.microsoft")]),
        "no built-in operator",
    ),
    "sparse tensors": (sparse(), "sparse"),
    "functions": (with_function(), "operators of its own"),
    "a constant that lies": (
        features_model([helper.make_node("Constant", [], ["y"], value=promised((10**6, 10**6)))]),
        "have so many",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_graphs_are_refused_in_one_line_before_they_are_run(case, tmp_path):
    model, reason = HOSTILE[case]
    (tmp_path / "secret").write_bytes(b"secret")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "good.data").write_bytes(b"\0" * 16)
    (folder / "short.data").write_bytes(b"\0" * 15)
    (folder / "link.data").symlink_to(tmp_path / "secret")
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BundleError, match=reason) as caught:
        check_graph(folder / "model.onnx")
    assert "\n" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 200_000  # kilobytes


def endless_loop():
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["state"], ["next"])],
        "body",
        [value("i", [], TensorProto.INT64), value("go", [], TensorProto.BOOL), value("state", ["b", "t", 4])],
        [value("on", [], TensorProto.BOOL), value("next", ["b", "t", 4])],
    )
    return features_model(
        [helper.make_node("Loop", ["", "true", "x"], ["y"], body=body)], [tensor("true", True, np.bool_)]
    )


def growing():
    """Ten times as long with each node: what no constant tells."""
    nodes = [helper.make_node("Concat", [f"x{i}"] * 10, [f"x{i + 1}"], axis=1) for i in range(9)]
    ends = [helper.make_node("Identity", ["x"], ["x0"]), helper.make_node("Identity", ["x9"], ["y"])]
    return features_model([ends[0], *nodes, ends[1]])


def cycle():
    return features_model([helper.make_node("Add", ["x", "z"], ["y"]), helper.make_node("Neg", ["y"], ["z"])])


@pytest.mark.parametrize(
    ("model", "most_s", "reason"),
    [
        (endless_loop(), 2.0, "does not answer within"),
        (growing(), 30.0, "memory|allocate"),
        (cycle(), 30.0, "onnxruntime|acyclic|topolog"),
    ],
    ids=["endless", "growing", "cycle"],
)
def test_what_only_running_shows_costs_no_more_than_the_limits(model, most_s, reason, tmp_path, monkeypatch):
    monkeypatch.setattr(examination, "_PATIENCE", 1000.0)  # what counts is the processor's time
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    check_graph(path)
    began = time.monotonic()
    with pytest.raises(BundleError, match=reason) as caught:
        examine(path, KALDI, {}, num_bytes=1000, most_s=most_s, most_bytes=1 << 30)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - began < 60
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


def test_a_machine_with_other_work_is_not_waited_for_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(examination, "_PATIENCE", 0.01)
    path = tmp_path / "model.onnx"
    path.write_bytes(endless_loop().SerializeToString())
    with pytest.raises(BundleError, match="does not answer within 100 s"):
        examine(path, KALDI, {}, num_bytes=1000, most_s=99.9)


def test_data_beside_a_graph_is_taken_where_it_is_what_it_should_be(tmp_path):
    (tmp_path / "good.data").write_bytes(b"\0" * 16)
    (tmp_path / "model.onnx").write_bytes(external("good.data").SerializeToString())
    assert check_graph(tmp_path / "model.onnx").external == ("good.data",)


def test_constants_branches_and_operators_of_onnxruntime_are_allowed(tmp_path):
    nodes = [
        helper.make_node("Constant", [], ["k"], value=tensor("k", np.ones(4))),
        helper.make_node("FusedMatMul", ["x", "m"], ["z"], domain="com.microsoft"),
        helper.make_node("Add", ["z", "k"], ["y"]),
    ]
    model = features_model(nodes, [tensor("m", np.eye(4))], domains=("", "com.microsoft"))
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    check_graph(tmp_path / "model.onnx")
    (tmp_path / "model.onnx").write_bytes(inside(helper.make_node("Identity", ["x"], ["y"]), 3).SerializeToString())
    check_graph(tmp_path / "model.onnx")


@given(place=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.booleans())
@settings(max_examples=150)
def test_a_damaged_graph_is_an_error_of_ours_or_a_graph(place, byte, cut, tmp_path_factory):
    data = bytearray(planted_model().SerializeToString())
    place %= len(data)
    data = data[:place] if cut else data[:place] + bytes([byte]) + data[place + 1 :]
    path = tmp_path_factory.mktemp("damaged") / "model.onnx"
    path.write_bytes(data)
    try:
        assert check_graph(path).data == bytes(data)
    except BundleError as error:
        assert "\n" not in str(error)


def test_every_type_of_number_has_its_size(tmp_path):
    for kind in ("FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE", "INT8", "UINT8", "INT64", "BOOL", "INT32"):
        number = getattr(TensorProto, kind)
        size = {"FLOAT": 4, "FLOAT16": 2, "BFLOAT16": 2, "DOUBLE": 8, "INT64": 8, "INT32": 4}.get(kind, 1)
        for count, fits in ((3, True), (2, False)):
            weights = TensorProto(name="w", data_type=number, dims=[3], raw_data=b"\0" * (count * size))
            model = features_model([helper.make_node("Identity", ["x"], ["y"])], [weights])
            onnx.save(model, str(tmp_path / "model.onnx"))
            if fits:
                check_graph(tmp_path / "model.onnx")
            else:
                with pytest.raises(BundleError, match="does not have so many"):
                    check_graph(tmp_path / "model.onnx")
