"""Foreign models: recognized by their layout, measured, and then transcribed with like ours."""

import dataclasses
import json
import shutil

import numpy as np
import onnx
import pytest
import soundfile
from foreign_graphs import (
    FRAME,
    LABELS,
    RATE_HZ,
    hugging_face_folder,
    model_of,
    planted_model,
    planted_sound,
    tensor,
    value,
    write_json,
)
from onnx import TensorProto, helper
from random_bundle import FEATURES, random_bundle
from typer.testing import CliRunner

from asrkit.cli import app
from asrkit.config import TranscriptionConfig, front_end_named
from asrkit.errors import BundleError, ConfigError, MissingPathError
from asrkit.model import importing
from asrkit.model.bundle import Bundle
from asrkit.model.importing import Wishes
from asrkit.model.inference import Emitter, batches
from asrkit.model.sources import apply_metadata, find_source, read_cmvn
from asrkit.text import WordRule
from asrkit.transcription import transcribe

PIPE, A, B, C = 4, 5, 6, 7


def import_model(path, output, wishes=None, **options):
    """Import, with less patience for long inputs."""
    wishes = dataclasses.replace(wishes or Wishes(), longest_s=5.0)
    return importing.import_model(path, output, wishes, **options)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    lines = []
    bundle = importing.import_model(hugging_face_folder(folder / "hf"), folder / "bundle", tell=lines.append)
    return bundle, lines


@pytest.fixture
def sounds(tmp_path):
    """Recordings of several lengths, two of them equal, and what is said in them."""
    said = {"ab": [A, B], "cab a": [C, A, B, PIPE, A], "ba": [B, A], "a b c": [A, PIPE, B, PIPE, C]}
    folder = tmp_path / "sounds"
    folder.mkdir()
    for name, outputs in said.items():
        soundfile.write(folder / f"{name.replace(' ', '_')}.wav", planted_sound(outputs), RATE_HZ, subtype="FLOAT")
    return folder, {name.replace(" ", "_"): name.upper() for name in said}


def test_a_hugging_face_folder_tells_everything(planted):
    bundle, lines = planted
    assert bundle.is_foreign
    assert (bundle.symbols.labels, bundle.symbols.blank_index, bundle.symbols.words) == (LABELS, 0, WordRule.BAR)
    assert bundle.symbols.skipped == {1, 2, 3}
    assert bundle.features == front_end_named("waveform", {})
    graph = bundle.graph
    assert (graph.input, graph.output, graph.layout, graph.lengths) == ("input_values", "logits", "waveform", "")
    assert (graph.values, graph.stride_frames, graph.offset_frames) == ("logits", FRAME, 0)
    assert bundle.step_ms == 20.0
    assert bundle.card["license"] == "apache-2.0"
    assert not [line for line in lines if line.startswith("warning")]


def test_the_certificate_holds_what_was_measured(planted):
    certificate = planted[0].card["certificate"]
    assert certificate["padding_changes"] == certificate["neighbors_change"] == 0.0  # each step hears its samples only
    assert planted[0].graph.batching == "padded"
    assert certificate["silence"] == {"output": 0, "share": 1.0}
    assert planted[0].graph.longest_s >= 30
    assert certificate["speed"] > 1
    assert certificate["memory_mb"] > 10


def test_a_graph_that_tells_no_shape_is_heard_too(planted, sounds, tmp_path):
    folder, said = sounds
    shutil.copytree(planted[0].path, tmp_path / "model")
    graph = planted_model()
    for told in (*graph.graph.input, *graph.graph.output):
        told.type.tensor_type.ClearField("shape")
    onnx.save(graph, tmp_path / "model/model.onnx")
    transcribe([folder], Bundle.load(tmp_path / "model"), output_dir=tmp_path / "out")
    written = dict(line.split(" ", 1) for line in (tmp_path / "out/hyp.txt").read_text().splitlines())
    assert written == said


@pytest.mark.parametrize(("batch_size", "jobs"), [(1, 1), (8, 1), (32, 2)])
def test_what_was_planted_is_heard_however_it_is_run(planted, sounds, tmp_path, batch_size, jobs):
    folder, said = sounds
    config = TranscriptionConfig(batch_size=batch_size, jobs=jobs)
    transcribe([folder], planted[0], output_dir=tmp_path / "out", config=config)
    written = {path.stem: path.read_text().strip() for path in (tmp_path / "out").rglob("*.txt") if path.stem in said}
    assert written == said


def test_stored_emissions_decode_to_the_same(planted, sounds, tmp_path):
    from asrkit.transcription import decode_emissions

    folder, said = sounds
    transcribe([folder], planted[0], output_dir=tmp_path / "out", keep_emissions=True)
    decode_emissions(tmp_path / "out", output_dir=tmp_path / "again")
    assert (tmp_path / "again/hyp.txt").read_text() == (tmp_path / "out/hyp.txt").read_text()
    assert len(said) == len((tmp_path / "out/hyp.txt").read_text().splitlines())


def test_a_long_recording_is_heard_in_windows(planted, tmp_path):
    said = [A, PIPE, B, PIPE, C, PIPE] * 24  # 11.5 s
    soundfile.write(tmp_path / "long.wav", planted_sound(said), RATE_HZ, subtype="FLOAT")
    config = TranscriptionConfig(window_s=3.0, overlap_s=1.0)
    transcribe([tmp_path / "long.wav"], planted[0], output_dir=tmp_path / "out", config=config)
    assert (tmp_path / "out/long.txt").read_text().split() == ["A", "B", "C"] * 24


def test_windows_are_no_longer_than_what_was_tried(planted, tmp_path):
    from asrkit.transcription.recipe import Recipe

    bundle = planted[0]
    shutil.copytree(bundle.path, tmp_path / "short")
    change_description(tmp_path / "short", graph={**bundle.graph.to_dict(), "longest_s": 5.0})
    recipe = Recipe.make(Bundle.load(tmp_path / "short"))
    assert recipe.config.window_s == 5.0
    assert recipe.config.overlap_s <= 2.5
    assert Recipe.make(bundle).config.window_s == TranscriptionConfig.window_s


def change_description(folder, **changes):
    file = folder / "bundle.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_our_own_graph_imported_as_foreign_gives_its_own_bytes(tmp_path):
    own = random_bundle(tmp_path / "own", letters=" abc")
    tokens = tmp_path / "tokens.txt"
    tokens.write_text("  0\na 1\nb 2\nc 3\n<blank> 4\n")
    front_end = front_end_named("asrkit", {**FEATURES.to_dict(), "silence": "counted"})
    foreign = import_model(own.path / "model.onnx", tmp_path / "foreign", Wishes(tokens=tokens, front_end=front_end))
    assert foreign.symbols.spellings == own.symbols.spellings
    assert foreign.step_ms == own.step_ms
    assert foreign.graph.batching == "padded"
    rng = np.random.default_rng(0)
    features = [rng.standard_normal((frames, FEATURES.num_bins)).astype(np.float32) for frames in (97, 12, 55)]
    for one, other in zip(Emitter(own).emissions(features), Emitter(foreign).emissions(features), strict=True):
        assert np.array_equal(one, other)


def test_a_foreign_bundle_can_be_shown_and_not_be_trained_on(planted):
    from asrkit.report.model_card import model_table

    bundle = planted[0]
    rows = dict(zip(*(list(column.cells) for column in model_table(bundle).columns), strict=True))
    assert "any lengths together" in str(rows["batches"])
    assert bundle.describe()["graph"]["stride_frames"] == FRAME
    with pytest.raises(BundleError, match="made elsewhere"):
        _ = bundle.model
    with pytest.raises(BundleError, match=r"weights\.npz is missing"):
        bundle.weights()


def test_the_fingerprint_changes_with_what_decides_an_answer_and_with_nothing_else(planted, tmp_path):
    bundle = planted[0]
    for name, change, changes in (
        ("batching", {"graph": {**bundle.graph.to_dict(), "batching": "alone"}}, False),
        ("card", {"card": {"name": "other"}}, False),
        ("values", {"graph": {**bundle.graph.to_dict(), "values": "probabilities"}}, True),
        ("features", {"features": front_end_named("wav2vec2", {}).to_dict()}, True),
    ):
        shutil.copytree(bundle.path, tmp_path / name)
        change_description(tmp_path / name, **change)
        assert (Bundle.load(tmp_path / name).fingerprint != bundle.fingerprint) is changes, name


def graph_of_features(values="Identity", *, mean_over_time=False, bins=4):
    """A model of features ``(b, t, bins)`` whose emissions are the features, four frames a step."""
    nodes = [
        helper.make_node("Transpose", ["speech"], ["x"], perm=[0, 2, 1]),
        helper.make_node("AveragePool", ["x"], ["p"], kernel_shape=[4], strides=[4], ceil_mode=0),
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


def test_who_may_share_a_batch():
    assert batches([3, 5, 3], "padded") == [[0, 1, 2]]
    assert batches([3, 5, 3], "equal") == [[0, 2], [1]]
    assert batches([3, 5, 3], "alone") == [[0], [1], [2]]


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


def two_inputs(name, shape, kind=TensorProto.FLOAT):
    nodes = [helper.make_node("Identity", ["x"], ["log_probs"])]
    return model_of(nodes, [value("x", ["b", "t", 4]), value(name, shape, kind)], [value("log_probs", ["b", "t", 4])])


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
        (constant_answer(), "the same answer whatever it hears"),
        (random_answer(), "differently each time"),
        (no_number(), "NaN"),
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


def test_labels_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="has 3 labels, the emissions have 4 outputs"):
        import_features(tmp_path, graph_of_features(), tokens="<blank> 0\n▁a 1\nb 2\n")


def test_a_blank_that_has_no_label_comes_last(tmp_path):
    bundle = import_features(tmp_path, graph_of_features(), tokens="▁a 0\nb 1\nc 2\n")
    assert bundle.symbols.blank_index == 3


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"model.nemo": ""}, "restore_from"),
        ({"model.keras": ""}, "keras.saving.load_model"),
        ({"config.json": {"architectures": ["Wav2Vec2ForCTC"]}, "model.safetensors": ""}, "optimum-cli export onnx"),
        ({"config.json": {"architectures": ["WhisperForConditionalGeneration"]}}, "attention model"),
        ({"config.json": {"architectures": ["BertModel"]}}, "only CTC models"),
        ({"config.json": {"model_type": "nemo-conformer-rnnt"}}, "transducer"),
        ({"config.json": {"model_type": "whisper-ort"}}, "attention model"),
        ({"encoder.onnx": "", "decoder.onnx": "", "joiner.onnx": ""}, "transducer"),
        ({"encoder.onnx": "", "decoder.onnx": "", "tokens.txt": "a 0"}, "attention model"),
        ({"saved_model.pb": ""}, "tf2onnx"),
        ({"a.onnx": "", "b.onnx": "", "tokens.txt": "a 0"}, "several graphs"),
        ({"tokens.txt": "a 0"}, "holds no ONNX graph"),
        ({"bundle.json": "{}"}, "already"),
        ({"config.json": "{", "model.onnx": ""}, "cannot be read"),
    ],
)
def test_other_models_are_named_and_what_to_do_is_said(tmp_path, files, reason):
    for name, content in files.items():
        write_json(tmp_path / name, content) if isinstance(content, dict) else (tmp_path / name).write_text(content)
    path = tmp_path / next(iter(files)) if len(files) == 1 and next(iter(files)).startswith("model.") else tmp_path
    with pytest.raises(BundleError, match=reason) as caught:
        find_source(path)
    assert "\n" not in str(caught.value)


def test_a_path_that_is_missing_is_told(tmp_path):
    with pytest.raises(MissingPathError, match="no such model"):
        find_source(tmp_path / "nothing")


SHERPA = [
    ({"model_type": "zipformer2_ctc"}, front_end_named("kaldi", {})),
    ({"model_type": "EncDecCTCModelBPE", "normalize_type": "per_feature"}, front_end_named("nemo80", {})),
    (
        {"model_type": "EncDecHybridRNNTCTCBPEModel", "normalize_type": "", "feat_dim": "128"},
        front_end_named("nemo128", {"normalize": "none"}),
    ),
    ({"model_type": "wenet_ctc"}, front_end_named("wenet", {})),
]


@pytest.mark.parametrize(("metadata", "expected"), SHERPA)
def test_a_graph_of_sherpa_says_how_it_hears(tmp_path, metadata, expected):
    (tmp_path / "model.int8.onnx").touch()
    (tmp_path / "tokens.txt").write_text("<blk> 0\n▁a 1\n")
    source = apply_metadata(find_source(tmp_path), metadata)
    assert source.front_end == expected
    assert source.tokens == tmp_path / "tokens.txt"


def test_sense_voice_is_stacked_centered_and_its_tags_are_dropped(tmp_path):
    (tmp_path / "model.onnx").touch()
    numbers = {"neg_mean": ",".join(["-2.5"] * 560), "inv_stddev": ",".join(["0.5"] * 560)}
    metadata = {"model_type": "sense_voice_ctc", "lang_auto": "0", "without_itn": "15", **numbers}
    source = apply_metadata(find_source(tmp_path), metadata)
    assert (source.drop_steps, source.constants) == (4, {"language": 0, "text_norm": 15})
    assert (source.front_end.num_bins, source.front_end.row_ms) == (560, 60.0)
    assert (source.front_end.mean[0], source.front_end.deviation[0]) == (2.5, 2.0)


def test_a_transducer_of_sherpa_is_refused(tmp_path):
    (tmp_path / "model.onnx").touch()
    with pytest.raises(BundleError, match="transducer"):
        apply_metadata(find_source(tmp_path), {"model_type": "EncDecRNNTBPEModel"})


@pytest.mark.parametrize(
    ("files", "layout", "front_end", "tokens"),
    [
        (
            {"config.json": {"model_type": "nemo-conformer-ctc", "features_size": 128}, "vocab.txt": "a 0\n<blk> 1"},
            "onnx-asr",
            front_end_named("nemo128", {}),
            "vocab.txt",
        ),
        ({"units.txt": "<blank> 0\na 1", "train.yaml": ""}, "WeNet", front_end_named("wenet", {}), "units.txt"),
        (
            {
                "config.json": {"architectures": ["ParakeetForCTC"], "pad_token_id": 1024},
                "preprocessor_config.json": {"feature_extractor_type": "ParakeetFeatureExtractor", "feature_size": 80},
                "tokenizer.json": "{}",
            },
            "Hugging Face",
            front_end_named("nemo80", {}),
            "tokenizer.json",
        ),
        (
            {
                "config.json": {"architectures": ["Wav2Vec2BertForCTC"]},
                "preprocessor_config.json": {"feature_extractor_type": "SeamlessM4TFeatureExtractor"},
                "vocab.json": "{}",
            },
            "Hugging Face",
            front_end_named("wav2vec2-bert", {}),
            "vocab.json",
        ),
    ],
)
def test_layouts_tell_labels_and_front_end(tmp_path, files, layout, front_end, tokens):
    (tmp_path / "model.onnx").touch()
    for name, content in files.items():
        write_json(tmp_path / name, content) if isinstance(content, dict) else (tmp_path / name).write_text(content)
    source = find_source(tmp_path)
    assert layout in source.layout
    assert source.front_end == front_end
    assert source.tokens == tmp_path / tokens


def test_the_language_model_of_a_hugging_face_folder_comes_along_with_its_weights(tmp_path):
    folder = hugging_face_folder(tmp_path / "hf")
    (folder / "language_model").mkdir()
    (folder / "language_model" / "3gram.arpa").write_text("x")
    write_json(folder / "language_model" / "attrs.json", {"alpha": 0.9, "beta": 1.25, "unk_score_offset": -10})
    bundle = import_model(folder, tmp_path / "bundle")
    assert bundle.language_model == tmp_path / "bundle" / "language_model.arpa"
    assert bundle.decoding == {"lm_weight": 0.9, "word_bonus": 1.25}
    import_model(hugging_face_folder(tmp_path / "bare"), tmp_path / "bundle")  # in its place
    assert Bundle.load(tmp_path / "bundle").language_model is None


def test_tokens_added_later_are_labels_too(tmp_path):
    folder = hugging_face_folder(tmp_path / "hf")
    write_json(folder / "vocab.json", {label: i for i, label in enumerate(("<pad>", "|", "A", "B", "C", "D"))})
    write_json(folder / "added_tokens.json", {"<s>": 6, "</s>": 7})
    assert import_model(folder, tmp_path / "bundle").symbols.labels[6:] == ("<s>", "</s>")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("global_cmvn", json.dumps({"mean_stat": [10.0, 20.0], "var_stat": [30.0, 120.0], "frame_num": 10})),
        ("cmvn", " [\n  10 20 10\n  30 120 0 ]\n"),
        (
            "am.mvn",
            "<Nnet>\n<AddShift> 2 2\n<LearnRateCoef> 0 [ -1 -2 ]\n<Rescale> 2 2\n<LearnRateCoef> 0 "
            f"[ {2**-0.5} {8**-0.5} ]\n</Nnet>",
        ),
    ],
)
def test_means_and_deviations_are_read_as_toolkits_write_them(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    mean, deviation = read_cmvn(tmp_path / name)
    np.testing.assert_allclose(mean, [1, 2])
    np.testing.assert_allclose(deviation, [2**0.5, 8**0.5])


@pytest.mark.parametrize("text", ["", "{}", "[ 1 2", "\0", "[" * 9999, "<AddShift>"])
def test_what_is_no_file_of_means_is_one_error(tmp_path, text):
    (tmp_path / "cmvn").write_text(text)
    with pytest.raises(ConfigError, match="neither WeNet's"):
        read_cmvn(tmp_path / "cmvn")


def test_the_command_writes_a_bundle_and_shows_what_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hugging_face_folder(tmp_path / "speech-model")
    result = CliRunner().invoke(app, ["model", "import", "speech-model", "--name", "mine", "--longest-s", "5"])
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "models/mine\n"
    assert "any lengths together" in result.stderr
    assert Bundle.load("models/mine").name == "mine"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["x.onnx", "--set", "snip_edges=true"], "--front-end"),
        (["x.onnx", "--front-end", "mfcc"], "known: asrkit, waveform"),
        (["x.onnx", "--front-end", "kaldi", "--set", "stack=0"], "stack must be positive"),
        (["x.onnx", "--words", "comma"], "words"),
        (["x.onnx", "--constant", "language"], "not an input and a whole number"),
        (["x.onnx", "--lm", "none.arpa"], "no such language model"),
        (["nothing", "-o", "out"], "no such model"),
    ],
)
def test_wrong_usage_is_one_line(tmp_path, monkeypatch, arguments, reason):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["model", "import", *arguments])
    assert isinstance(result.exception, Exception)
    assert reason in str(result.exception)


def test_a_folder_of_other_things_is_not_written_to(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").touch()
    with pytest.raises(BundleError, match="other things"):
        import_model(hugging_face_folder(tmp_path / "hf"), tmp_path / "thesis")


def test_faulty_labels_fail_before_the_graph_is_asked(tmp_path):
    source = hugging_face_folder(tmp_path / "hf")
    (tmp_path / "tokens.txt").write_bytes(b"")
    lines = []
    with pytest.raises(ConfigError, match=r"tokens\.txt"):
        import_model(source, tmp_path / "out", Wishes(tokens=tmp_path / "tokens.txt"), tell=lines.append)
    assert not [line for line in lines if "asking" in line]


def test_where_no_folder_can_be_made_the_line_names_the_one_that_was_asked_for(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BundleError, match="no folder can be made there") as caught:
        import_model(hugging_face_folder(tmp_path / "hf"), tmp_path / "file" / "bundle")
    assert caught.value.path == tmp_path / "file" / "bundle"


def test_a_bundle_that_is_replaced_is_told(planted, tmp_path):
    shutil.copytree(planted[0].path, tmp_path / "bundle")
    lines = []
    import_model(hugging_face_folder(tmp_path / "hf"), tmp_path / "bundle", tell=lines.append)
    assert f"replacing the bundle in {tmp_path / 'bundle'}" in lines


def test_texts_are_judged_by_a_foreign_model(planted, sounds):
    from asrkit.data import Utterance
    from asrkit.transcription.labels import judge_labels

    folder, _ = sounds
    texts = {"ab": "ab", "cab_a": "cab a", "ba": "ba", "a_b_c": "c c c"}
    utterances = [Utterance(name, folder / f"{name}.wav", text) for name, text in texts.items()]
    bundle = planted[0]
    judged = judge_labels(utterances, Emitter(bundle), bundle.units, bundle.features)
    assert judged[0].utterance.id == "a_b_c"
    assert judged[0].doubt > 10 * judged[1].doubt
    assert planted_model().graph.output[0].name == "logits"


def test_the_device_is_chosen_and_said(planted, sounds, tmp_path):
    from asrkit.transcription.summary import Observer

    class Listener(Observer):
        said: tuple = ()

        def remark(self, text):
            self.said += (text,)

    folder, _ = sounds
    listener = Listener()
    config = TranscriptionConfig(device="cpu")
    transcribe([folder], planted[0], output_dir=tmp_path / "out", config=config, observer=listener)
    assert "the network runs on cpu" in listener.said
    with pytest.raises(ConfigError, match="device"):
        TranscriptionConfig(device="tpu")


def test_a_gpu_that_is_not_there_is_one_error(planted):
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("onnxruntime has CUDA here")
    with pytest.raises(ConfigError, match="choose --device cpu"):
        Emitter(planted[0], device="cuda")
    assert Emitter(planted[0]).device == "cpu"


def test_a_set_is_checked_with_a_foreign_model(planted, sounds, tmp_path):
    folder, said = sounds
    lines = [f"{name}\t{folder / name}.wav\t{text.lower()}\n" for name, text in said.items()]
    (tmp_path / "set.tsv").write_text("utterance_id\tpath\ttext\n" + "".join(lines))
    arguments = ["data", "check", str(tmp_path / "set.tsv"), "--model", str(planted[0].path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "label" not in result.stdout
