"""What running a graph shows: its numbers, its step, who may share a batch, and that it is a CTC model at all."""

import numpy as np
import onnx
import pytest
from foreign_graphs import (
    hugging_face_folder,
    model_of,
    tensor,
    value,
)
from onnx import TensorProto, helper
from test_model_import import import_model

from asrkit.config import front_end_named
from asrkit.errors import BundleError, ConfigError
from asrkit.model.examination import _batching, _Examination
from asrkit.model.importing import Wishes
from asrkit.model.inference import Emitter, batches


def graph_of_features(values="Identity", *, mean_over_time=False, bins=4, kernel=4, stride=4, pads=(0, 0)):
    """A model of features ``(b, t, bins)`` whose emissions are their means over so many frames."""
    nodes = [
        helper.make_node("Transpose", ["speech"], ["x"], perm=[0, 2, 1]),
        helper.make_node("AveragePool", ["x"], ["p"], kernel_shape=[kernel], strides=[stride], pads=pads),
        helper.make_node("Transpose", ["p"], ["q"], perm=[0, 2, 1]),
    ]
    if mean_over_time:
        nodes += [
            helper.make_node("ReduceMean", ["q"], ["m"], axes=[1], keepdims=1),
            helper.make_node("Sub", ["q", "m"], ["c"]),
        ]
    options = {"axis": -1} if values in ("Softmax", "LogSoftmax") else {}
    nodes.append(helper.make_node(values, ["c" if mean_over_time else "q"], ["out"], **options))
    return model_of(nodes, [value("speech", ["b", "t", bins])], [value("out", ["b", "u", bins])])


@pytest.mark.parametrize(
    ("values", "expected"),
    [("Identity", "logits"), ("Softmax", "probabilities"), ("LogSoftmax", "log-probabilities")],
)
def test_the_kind_of_numbers_is_measured(tmp_path, values, expected):
    bundle = import_features(tmp_path, graph_of_features(values))
    assert bundle.graph.values == expected
    features = [np.random.default_rng(1).standard_normal((40, 4)).astype(np.float32)]
    emissions = Emitter(bundle).emissions(features)[0]
    np.testing.assert_allclose(np.exp(emissions.astype(np.float64)).sum(axis=1), 1, atol=1e-5)
    pooled = features[0].reshape(10, 4, 4).mean(axis=1)
    np.testing.assert_allclose(emissions, pooled - np.log(np.exp(pooled).sum(axis=1, keepdims=True)), atol=1e-5)


def import_features(folder, graph, tokens="<blank> 0\n▁a 1\nb 2\nc 3\n", **wishes):
    onnx.save(graph, str(folder / "model.onnx"))
    (folder / "tokens.txt").write_text(tokens)
    front_end = front_end_named("kaldi", {"mel_bins": 4})
    return import_model(folder / "model.onnx", folder / "bundle", Wishes(front_end=front_end, **wishes))


def test_where_padding_changes_an_answer_only_equal_lengths_share_a_batch(tmp_path):
    bundle = import_features(tmp_path, graph_of_features(mean_over_time=True))
    assert bundle.graph.batching == "equal"
    assert bundle.card["certificate"]["padding_changes"] > 1e-3
    emitter, rng = Emitter(bundle), np.random.default_rng(0)
    features = [rng.standard_normal((frames, 4)).astype(np.float32) for frames in (40, 80, 40, 12)]
    for values, emissions in zip(features, emitter.emissions(features), strict=True):
        assert np.array_equal(emissions, emitter.emissions([values])[0])


def examined(folder, graph, longest_s=5.0):
    """Examine a graph in this process; return what is told together, and the lengths that were tried."""
    onnx.save(graph, str(folder / "model.onnx"))
    told, lengths = {}, []

    def tell(**found):
        told.update(found)
        lengths.extend([found["longest_s"]] if "longest_s" in found else [])

    features = front_end_named("kaldi", {"mel_bins": 4})
    _Examination(folder / "model.onnx", features, {}, tell).find_longest(longest_s)
    return told, lengths


@pytest.mark.parametrize(
    ("kernel", "stride", "pads", "offset"),  # (frames + pads - kernel) // stride + 1 steps
    [(4, 4, (0, 0), 0), (4, 4, (3, 0), 3), (5, 2, (0, 0), -3), (5, 2, (2, 2), 1), (1, 1, (0, 0), 0), (9, 8, (4, 1), 4)],
)
def test_the_rule_of_the_number_of_steps_is_found(tmp_path, kernel, stride, pads, offset):
    told, _ = examined(tmp_path, graph_of_features(kernel=kernel, stride=stride, pads=pads))
    assert (told["graph"].get("stride_frames", 1), told["graph"].get("offset_frames", 0)) == (stride, offset)
    assert (told["step_ms"], told["num_outputs"], told["neighbors_change"]) == (10.0 * stride, 4, 0.0)
    assert told["batching"] == ("equal" if pads[1] else "padded")  # zeros behind the last frame are heard
    assert (told["padding_changes"] > 0) is bool(pads[1])


def limited(num_frames):
    """A model of features that takes no more than so many frames, as one with places that were learned."""
    nodes = [
        helper.make_node("Shape", ["speech"], ["n"], start=1, end=2),
        helper.make_node("Slice", ["places", "zero", "n", "one"], ["p"]),
        helper.make_node("Add", ["speech", "p"], ["out"]),
    ]
    constants = [
        tensor("places", np.zeros((1, num_frames, 4))),
        tensor("zero", [0], np.int64),
        tensor("one", [1], np.int64),
    ]
    return model_of(nodes, [value("speech", ["b", "t", 4])], [value("out", ["b", "t", 4])], constants)


def test_longer_inputs_are_tried_up_to_what_the_graph_takes(tmp_path):
    for graph, most_s, expected in (
        (graph_of_features(), 2.0, [5.0]),
        (graph_of_features(), 10.0, [5.0, 10.0]),
        (limited(1_200), 60.0, [5.0, 10.0]),
    ):
        told, lengths = examined(tmp_path, graph, most_s)
        assert lengths == expected
    assert told["speed"] > 1 and 20 < told["memory_mb"] < 100_000


def test_who_hears_its_neighbors_is_alone(tmp_path):
    graph = graph_of_features()
    graph.graph.node.pop()
    graph.graph.node.extend(
        [
            helper.make_node("ReduceMean", ["q"], ["m"], axes=[0], keepdims=1),
            helper.make_node("Add", ["q", "m"], ["out"]),
        ]
    )
    told, _ = examined(tmp_path, graph)
    assert told["neighbors_change"] > 0
    assert (told["batching"], told["graph"]["batching"]) == ("alone", "alone")


@pytest.mark.parametrize(
    ("padded", "equal", "expected"),
    [(0.0, 0.0, "padded"), (1e-6, 0.0, "equal"), (0.0, 1e-6, "alone"), (0.0, None, "alone"), (None, None, "alone")],
)
def test_who_may_share_a_batch(padded, equal, expected):
    assert _batching(padded, equal) == expected
    batched = {"padded": [[0, 1, 2]], "equal": [[0, 2], [1]], "alone": [[0], [1], [2]]}
    assert batches([3, 5, 3], expected) == batched[expected]


def test_steps_with_tags_are_dropped(tmp_path):
    whole = import_features(tmp_path, graph_of_features())
    (tmp_path / "again").mkdir()
    dropped = import_features(tmp_path / "again", graph_of_features(), drop_steps=2)
    features = [np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)]
    assert np.array_equal(Emitter(dropped).emissions(features)[0], Emitter(whole).emissions(features)[0][2:])


def test_a_blank_that_silence_does_not_show_is_a_warning(tmp_path):
    lines = []
    hugging_face_folder(tmp_path / "hf")
    import_model(tmp_path / "hf", tmp_path / "bundle", Wishes(blank=3), tell=lines.append)
    warning = next(line for line in lines if line.startswith("warning"))
    assert "in silence the model mostly answers output 0 ('<pad>')" in warning
    assert "--blank 0" in warning


def two_inputs(name, shape, kind=TensorProto.FLOAT, frames="t"):
    nodes = [helper.make_node("Identity", ["x"], ["log_probs"])]
    return model_of(
        nodes, [value("x", ["b", frames, 4]), value(name, shape, kind)], [value("log_probs", ["b", "t", 4])]
    )


def constant_answer():
    nodes = [
        helper.make_node("Mul", ["x", "zero"], ["log_probs"]),
    ]
    inputs, outputs = [value("x", ["b", "t", 4])], [value("log_probs", ["b", "t", 4])]
    return model_of(nodes, inputs, outputs, [tensor("zero", 0.0)])


def random_answer():
    nodes = [
        helper.make_node("RandomNormalLike", ["x"], ["r"]),
        helper.make_node("Add", ["x", "r"], ["log_probs"]),
    ]
    return model_of(nodes, [value("x", ["b", "t", 4])], [value("log_probs", ["b", "t", 4])])


def steps_last():
    nodes = [helper.make_node("Transpose", ["x"], ["log_probs"], perm=[0, 2, 1])]
    return model_of(nodes, [value("x", ["b", "t", 4])], [value("log_probs", ["b", 4, "t"])])


def no_number():
    nodes = [helper.make_node("Sqrt", ["y"], ["log_probs"]), helper.make_node("Neg", ["s"], ["y"])]
    nodes = [helper.make_node("Mul", ["x", "x"], ["s"]), nodes[1], nodes[0]]
    return model_of(nodes, [value("x", ["b", "t", 4])], [value("log_probs", ["b", "t", 4])])


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (two_inputs("cache_last_channel", ["b", 17, 70, 512]), "streaming graph"),
        (two_inputs("encoder_states", ["b", 3]), "streaming graph"),
        (two_inputs("decoder_input_ids", ["b", "u"], TensorProto.INT64), "only CTC models"),
        (two_inputs("other", ["b", "t", 9]), "not one input"),
        (two_inputs("lengths", ["b"], TensorProto.INT64, frames=98), r"one length only, x \['b', 98, 4\]"),
        (constant_answer(), "the same answer whatever it hears"),
        (random_answer(), "differently each time"),
        (no_number(), "NaN"),
        (steps_last(), r"answers with the steps last; export it to answer with \(batch, steps, symbols\)"),
        (
            model_of(
                [helper.make_node("Identity", ["x"], ["y"])], [value("x", ["b", 80, "t"])], [value("y", ["b", 80, "t"])]
            ),
            "4 bins",
        ),
    ],
)
def test_what_cannot_be_a_ctc_model_is_refused_by_what_it_is(tmp_path, graph, reason):
    with pytest.raises(BundleError, match=reason):
        import_features(tmp_path, graph)
    assert not (tmp_path / "bundle").exists()


def test_a_constant_for_no_input_is_told_so(tmp_path):
    with pytest.raises(BundleError, match=r"has no input 'language' to be given a constant; its inputs: speech"):
        import_features(tmp_path, graph_of_features(), constants={"language": 0})


def test_labels_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="has 3 labels, the model has 4 outputs"):
        import_features(tmp_path, graph_of_features(), tokens="<blank> 0\n▁a 1\nb 2\n")


@pytest.mark.parametrize("labels", ["<blank> 0\n▁a 1\nb 2\n", "<blank> 0\n▁a 1\nb 2\nc 3\nd 4\n", "▁a 0\n▁b 1\n"])
def test_labels_that_do_not_fit_are_told_after_the_first_answer_where_the_graph_is_silent(tmp_path, labels):
    graph = constant_answer()  # which later answers show
    graph.graph.output[0].type.tensor_type.shape.dim[2].dim_param = "v"
    with pytest.raises(ConfigError, match=r"tokens\.txt: has . labels, the model has 4 outputs; name its own file"):
        import_features(tmp_path, graph, tokens=labels)
    assert not (tmp_path / "bundle").exists()


def test_a_blank_that_has_no_label_comes_last(tmp_path):
    bundle = import_features(tmp_path, graph_of_features(), tokens="▁a 0\nb 1\nc 2\n")
    assert bundle.symbols.blank_index == 3
