"""Bundles: what is saved is what is loaded, and nothing hostile gets in."""

import datetime
import io
import json
import os
import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from rich.console import Console
from tiny_model import FEATURES, random_features, random_network, tiny_bundle, tiny_config

from asrkit.config import ConvLayer, ModelConfig
from asrkit.errors import BundleError, ConfigError, MissingPathError
from asrkit.model.bundle import Bundle
from asrkit.model.export import export_bundle
from asrkit.model.folder import GRAPH, read_arrays
from asrkit.model.inference import Emitter
from asrkit.model.shapes import weight_shapes
from asrkit.report.model_card import model_table

keras = pytest.importorskip("keras")

VARIANTS = [
    {"rnn_type": "gru"},
    {"rnn_type": "gru", "bidirectional": False, "lookahead_steps": 3, "normalization": "batch"},
    {"rnn_type": "lstm", "dense_units": 6},
    {"bottleneck_units": 3},
    {"rnn_type": "lstm", "bidirectional": False},
    {"rnn_type": "rnn", "normalization": "batch"},
]


@pytest.fixture(scope="module")
def shared_bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("models") / "tiny", card={"name": "tiny"}, decoding={"lm_weight": 0.8})


@pytest.fixture
def bundle(shared_bundle, tmp_path):
    """A copy that a test may spoil."""
    import shutil

    shutil.copytree(shared_bundle.path, tmp_path / "tiny")
    return Bundle.load(tmp_path / "tiny")


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_the_graph_agrees_with_the_network(variant, tmp_path):
    network = random_network(tiny_config(**variant))
    emitter = Emitter(tiny_bundle(tmp_path / "model", network))
    onnx.checker.check_model(onnx.load(tmp_path / "model" / GRAPH), full_check=True)
    features = random_features([57, 1, 4, 130])
    for values, emissions in zip(features, emitter.emissions(features), strict=True):
        logits = network({"features": values[None], "frames": np.array([len(values)], np.int32)})
        expected = keras.ops.convert_to_numpy(keras.ops.log_softmax(logits))[0]
        assert emissions.shape == expected.shape
        np.testing.assert_allclose(emissions, expected, atol=1e-4)
        np.testing.assert_allclose(np.exp(emissions).sum(axis=1), 1, atol=1e-4)


def test_a_batch_gives_what_its_members_give_alone(shared_bundle):
    emitter = Emitter(shared_bundle, threads=1)
    features = random_features([90, 3, 41])
    for values, emissions in zip(features, emitter.emissions(features), strict=True):
        np.testing.assert_allclose(emissions, emitter.emissions([values])[0], atol=1e-5)


def test_what_is_saved_is_loaded(shared_bundle):
    loaded = Bundle.load(shared_bundle.path)
    assert loaded == shared_bundle
    assert (loaded.name, loaded.features, loaded.model) == ("tiny", FEATURES, tiny_config())
    assert loaded.step_ms == 40.0
    assert loaded.decoding == {"lm_weight": 0.8}


def test_decoding_settings_are_stored_in_the_bundle(bundle):
    before = bundle.fingerprint
    changed = bundle.with_decoding({"word_bonus": 0.5})
    assert changed.decoding == {"lm_weight": 0.8, "word_bonus": 0.5}
    assert Bundle.load(bundle.path).fingerprint == before
    with pytest.raises(ConfigError, match="word_bonsu"):
        bundle.with_decoding({"word_bonsu": 0.5})


def test_half_precision_halves_the_size_and_keeps_the_answer(tmp_path):
    full = tiny_bundle(tmp_path / "full", random_network(tiny_config(rnn_units=64)))
    report = export_bundle(full, tmp_path / "half", half=True)
    sizes = [sum(f.stat().st_size for f in (tmp_path / name).iterdir()) for name in ("full", "half")]
    assert report.size_bytes == sizes[1] < 0.65 * sizes[0]
    assert 0 < report.largest_difference < 0.05


def test_the_graph_can_be_exported_alone(bundle, tmp_path):
    assert export_bundle(bundle, tmp_path / "graph.onnx").largest_difference == 0
    assert (tmp_path / "graph.onnx").read_bytes() == (bundle.path / "model.onnx").read_bytes()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    with pytest.raises(BundleError, match="other things"):
        export_bundle(bundle, tmp_path / "other")
    for name in ("bundle.json", "checkpoint.npz"):
        (tmp_path / "other" / name).touch()
    with pytest.raises(BundleError, match="holds a training run, and its model stays; name another folder"):
        export_bundle(bundle, tmp_path / "other")


def test_a_missing_bundle_is_told_from_a_folder_that_is_none(tmp_path):
    with pytest.raises(MissingPathError, match="asrkit train"):
        Bundle.load(tmp_path / "nothing")
    with pytest.raises(BundleError, match="not a model bundle"):
        Bundle.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format_version": 3}, "newer than this asrkit"),
        ({"format_version": "1"}, "unknown format version"),
        ({"format": "other"}, "does not describe"),
        ({"alphabet": "aa"}, "repeats"),
        ({"alphabet": ""}, "empty"),
        ({"features": {"hop": 10}}, "unknown setting 'hop'"),
        ({"model": {"rnn_units": -1}}, "rnn_units must be positive"),
        ({"model": []}, "not usable"),
        ({"decoding": {"beam": "wide"}}, "beam"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(bundle, change, reason):
    file = bundle.path / "bundle.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(BundleError, match=reason):
        Bundle.load(bundle.path)


CARD = {
    "name": "n",
    "about": "a",
    "epoch": 3,
    "data": {"train": "t", "train_hours": 1.5},
    "dev": {"wer_percent": 5.0},
    "versions": {"keras": "3"},
    "sources": [{"name": "s"}],
    "results": ["r"],
    "certificate": {
        "weights": {"float32": 0.9, "float16": 0.1},
        "silence": {"output": 0, "share": 0.9},
        "padding_changes": 0.1,
        "neighbors_change": 0.2,
        "speed": 3,
    },
}
OTHER_VALUES = (None, True, -1, 10**400, float("nan"), "", "x", [], [[]], {}, {"a": []})


def places(value, at=()):
    yield at
    for key, child in value.items() if isinstance(value, dict) else ():
        yield from places(child, (*at, key))


def with_value(table, at, value):
    key, *rest = at
    return {**table, key: with_value(table[key], rest, value) if rest else value}


@pytest.mark.parametrize("other", OTHER_VALUES, ids=lambda value: repr(value)[:9])
def test_whatever_a_description_holds_a_model_is_shown_or_refused(bundle, other):
    graph = {"graph": {"input": "features", "output": "log_probs", "longest_s": 9.0}, "kind": "foreign"}
    own = json.loads((bundle.path / "bundle.json").read_text()) | {
        "card": CARD,
        "language": "de",
        "normalizer": "basic",
    }
    for whole in (own, own | graph):
        for at in [place for place in places(whole) if place]:
            (bundle.path / "bundle.json").write_text(json.dumps(with_value(whole, at, other)))
            try:
                loaded = Bundle.load(bundle.path)
            except BundleError as error:
                assert "\n" not in str(error)
                continue
            model_table(loaded)
            assert isinstance(loaded.language + loaded.normalizer + loaded.kind, str)
            json.dumps(loaded.describe())


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[1]", b"[" * 100_000])
def test_a_broken_description_is_one_error(bundle, content):
    (bundle.path / "bundle.json").write_bytes(content)
    with pytest.raises(BundleError):
        Bundle.load(bundle.path)


def test_missing_parts_are_named(bundle):
    (bundle.path / "weights.npz").unlink()
    with pytest.raises(BundleError, match=r"weights\.npz is missing"):
        bundle.weights()
    (bundle.path / "model.onnx").unlink()
    with pytest.raises(BundleError, match=r"model\.onnx is missing"):
        Bundle.load(bundle.path)


@pytest.mark.parametrize("part", ["bundle.json", "weights.npz", "model.onnx", "lexicon.txt", "pieces.model"])
@pytest.mark.parametrize("kind", ["pipe", "endless"])
def test_parts_that_are_no_regular_files_are_refused(bundle, part, kind):
    path = bundle.path / part
    path.unlink(missing_ok=True)
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    with pytest.raises(BundleError, match=f"{part} cannot be read: is no regular file"):
        Bundle.load(bundle.path)


@pytest.mark.parametrize(
    ("config", "num_symbols"),
    [
        (ModelConfig(), 29),
        (ModelConfig(rnn_type="lstm", bidirectional=False, lookahead_steps=3, dense_units=7), 5),
        (ModelConfig(rnn_type="rnn", normalization="batch", rnn_layers=2, conv_layers=(ConvLayer(),)), 3),
        (ModelConfig(bidirectional=False, normalization="batch"), 3),
        (ModelConfig(bottleneck_units=4), 3),
    ],
)
def test_the_shapes_of_weights_are_those_of_the_network(config, num_symbols):
    config = config.replace(rnn_units=6)
    from asrkit.model.network import build_network, network_weights

    network = build_network(config, 16, num_symbols)
    found = {name: value.shape for name, value in network_weights(network).items()}
    assert weight_shapes(config, 16, num_symbols) == found


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ({"rnn_layers": 64}, "rnn_2/.* is missing"),
        ({"dense_units": 9}, "dense/kernel is missing"),
        ({"bottleneck_units": 9}, "bottleneck_0/kernel is missing"),
        ({"rnn_units": 13}, "has the shape .* not"),
        ({"rnn_type": "lstm"}, "is missing"),
    ],
)
def test_weights_of_another_network_than_described_are_refused(bundle, model, reason):
    (bundle.path / GRAPH).unlink()
    description = json.loads((bundle.path / "bundle.json").read_text())
    description["model"] |= model
    (bundle.path / "bundle.json").write_text(json.dumps(description))
    with pytest.raises(BundleError, match=reason):
        Emitter(Bundle.load(bundle.path))


def test_too_many_arrays_are_no_weights(tmp_path, monkeypatch):
    monkeypatch.setattr("asrkit.model.folder._MAX_ARRAYS", 3)
    np.savez(tmp_path / "w.npz", **{str(i): np.zeros(1) for i in range(4)})
    with pytest.raises(BundleError, match="4 arrays: more than a model has"):
        read_arrays(tmp_path / "w.npz")


def test_pickled_weights_are_not_unpickled(bundle):
    np.savez(bundle.path / "weights.npz", evil=np.array([print], dtype=object))
    with pytest.raises(BundleError, match="not a usable weights file"):
        bundle.weights()


def _save_graph(bundle, nodes, initializers=(), **options):
    graph = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["b", "t", FEATURES.num_bins]),
            helper.make_tensor_value_info("frames", TensorProto.INT32, ["b"]),
        ],
        [
            helper.make_tensor_value_info("log_probs", TensorProto.FLOAT, ["b", "t", 29]),
            helper.make_tensor_value_info("steps", TensorProto.INT32, ["b"]),
        ],
        list(initializers),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, **options)
    (bundle.path / "model.onnx").write_bytes(model.SerializeToString())


def test_graphs_that_read_other_files_are_refused(bundle):
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[20, 29], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../secret")
    _save_graph(bundle, [helper.make_node("MatMul", ["features", "w"], ["log_probs"])], [tensor])
    with pytest.raises(BundleError, match="no plain name of a file beside it"):
        Emitter(bundle)


def test_graphs_with_foreign_operators_are_refused(bundle):
    _save_graph(bundle, [helper.make_node("Anything", ["features"], ["log_probs"], domain="com.example")])
    with pytest.raises(BundleError, match="no built-in operator"):
        Emitter(bundle)


def test_nested_graphs_are_looked_into(bundle):
    inner = helper.make_graph([helper.make_node("Evil", ["features"], ["x"], domain="com.example")], "inner", [], [])
    _save_graph(bundle, [helper.make_node("If", ["c"], ["log_probs"], then_branch=inner, else_branch=inner)])
    with pytest.raises(BundleError, match="no built-in operator"):
        Emitter(bundle)


@pytest.mark.parametrize("content", [b"", b"not a graph", bytes(range(256))])
def test_what_is_no_graph_is_one_error(bundle, content):
    (bundle.path / "model.onnx").write_bytes(content)
    with pytest.raises(BundleError):
        Emitter(bundle)


def test_a_graph_of_another_model_is_refused(bundle):
    _save_graph(bundle, [helper.make_node("Identity", ["features"], ["log_probs"])])
    with pytest.raises(BundleError):
        Emitter(bundle)


def test_the_graph_holds_only_fused_recurrent_operators(shared_bundle):
    operators = {node.op_type for node in onnx.load(str(shared_bundle.path / "model.onnx")).graph.node}
    assert "GRU" in operators
    assert not operators & {"Loop", "Scan", "If"}


def test_a_compact_bundle_makes_its_graph_at_loading(bundle, tmp_path):
    report = export_bundle(bundle, tmp_path / "compact", half=True, compact=True)
    assert {path.name for path in (tmp_path / "compact").iterdir()} == {"weights.npz", "bundle.json"}
    assert report.largest_difference < 0.05
    features = [np.random.default_rng(3).standard_normal((50, bundle.features.num_bins)).astype(np.float32)]
    half = export_bundle(bundle, tmp_path / "half", half=True)
    assert half.largest_difference == pytest.approx(report.largest_difference)
    compact, whole = (Emitter(Bundle.load(tmp_path / name)).emissions(features)[0] for name in ("compact", "half"))
    np.testing.assert_allclose(compact, whole, atol=5e-3)  # the graph rounds once more
    assert Bundle.load(tmp_path / "compact").fingerprint != Bundle.load(tmp_path / "half").fingerprint


def test_a_language_model_comes_with_the_bundle(bundle, tmp_path):
    model = tmp_path / "pruned-3.5e-7.arpa.gz"
    model.write_bytes(b"words")
    export_bundle(bundle, tmp_path / "first", lm=model)
    carried = Bundle.load(tmp_path / "first")
    assert carried.language_model == tmp_path / "first" / "language_model.arpa.gz"
    other = tmp_path / "pruned-3.8e-7.bin"
    other.write_bytes(b"more words")
    export_bundle(carried, tmp_path / "second")
    export_bundle(carried, tmp_path / "first", lm=other)
    assert [path.name for path in sorted((tmp_path / "first").glob("language_model*"))] == ["language_model.bin"]
    assert Bundle.load(tmp_path / "second").language_model.read_bytes() == b"words"
    with pytest.raises(MissingPathError, match="language model"):
        export_bundle(bundle, tmp_path / "third", lm=tmp_path / "nowhere.bin")


def test_a_card_is_added_to_what_training_wrote(bundle, tmp_path):
    card = {"license": "MIT", "released": datetime.date(2026, 11, 22), "results": [{"name": "AN4", "WER %": 9.5}]}
    export_bundle(bundle, tmp_path / "shipped", card=card)
    shipped = Bundle.load(tmp_path / "shipped")
    assert shipped.card == {"name": "tiny", **card, "released": "2026-11-22"}
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(model_table(shipped))
    shown = console.export_text()
    assert re.search(r"license +MIT", shown)
    assert re.search(r"result +AN4, WER % 9\.5", shown)


def test_a_bundle_says_what_its_texts_passed(tmp_path):
    bundle = tiny_bundle(tmp_path / "b", normalizer="basic-1", language="de")
    assert Bundle.load(bundle.path).text_normalizer.label == "basic-1"
    assert (bundle.normalizer, bundle.language) == ("basic-1", "de")


def test_a_bundle_of_the_first_format_keeps_the_first_standard(tmp_path):
    path = tiny_bundle(tmp_path / "b").path / "bundle.json"
    description = json.loads(path.read_text())
    assert description["format_version"] == 2
    assert description["normalizer"] == "standard-2"
    del description["normalizer"], description["language"]
    path.write_text(json.dumps(description | {"format_version": 1}))
    old = Bundle.load(path.parent)
    assert old.text_normalizer.label == "standard-1"
    assert old.text_normalizer.said("10-15") == "ten fifteen"


def test_settings_for_other_beams_are_kept_and_the_nearest_is_found(bundle, tmp_path):
    wide = {"beam": 800, "mode": "thorough", "lm_weight": 1.1}
    narrow = [{"beam": 50, "mode": "accurate", "lm_weight": 0.7}, {"beam": 10, "mode": "fast", "lm_weight": 0.5}]
    tuned = bundle.with_decoding(wide, narrow)
    export_bundle(tuned, tmp_path / "copy")
    for kept in (tuned, Bundle.load(tmp_path / "copy")):
        for beam, mode, lm_weight in [
            (800, None, 1.1), (700, None, 1.1), (201, None, 1.1), (199, None, 0.7), (50, None, 0.7), (1, None, 0.5),
            (50, "thorough", 1.1), (800, "accurate", 0.7), (800, "fast", 0.5),
        ]:  # fmt: skip
            assert kept.decoding_near(beam, mode)["lm_weight"] == lm_weight, (beam, mode)
    with pytest.raises(ConfigError, match="lm_weight"):
        tuned.with_decoding(wide, [{"lm_weight": -1.0}])
    assert "tuned" in (tmp_path / "copy" / "bundle.json").read_text()
    assert bundle.decoding_near(7) == bundle.decoding, "a bundle of before has but one"
