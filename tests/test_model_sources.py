"""Folders of other toolkits: what their files tell, and what to do about those that are no CTC model."""

import json

import numpy as np
import pytest
from foreign_graphs import hugging_face_folder, write_json

from asrkit.config import front_end_named
from asrkit.errors import BundleError, ConfigError, MissingPathError
from asrkit.model.sources import Source, apply_metadata, find_source, read_cmvn


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
        (
            {
                "config.json": {"architectures": ["Wav2Vec2ForCTC"]},
                "preprocessor_config.json": {"do_normalize": True, "feature_size": 1, "sampling_rate": 16_000},
                "vocab.json": "{}",
            },
            "Hugging Face",
            front_end_named("wav2vec2", {}),
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


def test_a_front_end_that_is_named_takes_the_place_of_one_that_is_not_known(tmp_path):
    (tmp_path / "model.onnx").touch()
    write_json(tmp_path / "config.json", {"architectures": ["Wav2Vec2ForCTC"]})
    with pytest.raises(BundleError, match="an unknown extractor; name a --front-end"):
        find_source(tmp_path)
    assert find_source(tmp_path, front_end_named("kaldi", {})).front_end == front_end_named("kaldi", {})


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


EXTRACTOR = {"feature_extractor_type": "Wav2Vec2FeatureExtractor"}


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("config.json", {"architectures": {"a": 1}}, "its JSON files hold what cannot be used"),
        ("config.json", {"architectures": 3}, "its JSON files hold what cannot be used"),
        ("config.json", {"architectures": [None]}, "is a None"),
        ("config.json", {"architectures": "BertModel"}, "is a BertModel"),
        ("preprocessor_config.json", {"feature_extractor": [1]}, "cannot be used"),
        ("preprocessor_config.json", {"feature_extractor": "x"}, "cannot be used"),
        ("preprocessor_config.json", {**EXTRACTOR, "sampling_rate": "16000"}, "sample_rate_hz must be of type int"),
        ("preprocessor_config.json", {**EXTRACTOR, "sampling_rate": 10**30}, "name the graph itself, with --tokens"),
        ("language_model/attrs.json", {"alpha": 10**400}, "too large"),
        ("language_model/attrs.json", {"alpha": float("nan")}, "lm_weight must be"),
        ("language_model/attrs.json", {"alpha": 1e9}, "lm_weight must lie between"),
    ],
)
def test_strange_values_of_a_hugging_face_folder_are_one_error(tmp_path, file, content, reason):
    folder = hugging_face_folder(tmp_path / "hf")
    (folder / "language_model").mkdir()
    write_json(folder / file, content)
    with pytest.raises(BundleError, match=reason) as caught:
        find_source(folder)
    assert "\n" not in str(caught.value)


def test_a_number_is_no_blank_where_it_is_a_truth(tmp_path):
    folder = hugging_face_folder(tmp_path / "hf")
    write_json(folder / "config.json", {"architectures": "Wav2Vec2ForCTC", "pad_token_id": True})
    assert find_source(folder).blank is None


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"neg_mean": "1,x", "inv_stddev": "1,1"}, "could not convert string to float"),
        ({"neg_mean": "1,1", "inv_stddev": "0,1"}, "division by zero"),
        ({"neg_mean": "nan,1", "inv_stddev": "1,1"}, "must be a number"),
        ({"neg_mean": ",".join(["1"] * 560), "inv_stddev": ",".join(["1"] * 560), "lfr_window_shift": "999"}, "stack_"),
        ({"model_type": "EncDecCTCModelBPE", "feat_dim": "-5"}, "mel_bins must be positive"),
    ],
)
def test_strange_numbers_in_a_graph_are_one_error(tmp_path, metadata, reason):
    source = Source("a folder", tmp_path / "model.onnx")
    with pytest.raises(
        BundleError, match=f"its metadata hold what cannot be used .*{reason}.*; export the model again"
    ):
        apply_metadata(source, {"model_type": "sense_voice_ctc", **metadata})


HUGE = '{"mean_stat": [1' + "0" * 400 + '], "var_stat": [1], "frame_num": 1}'
NO_NUMBER = '{"mean_stat": [NaN], "var_stat": [1], "frame_num": 1}'


@pytest.mark.parametrize("text", ["", "{}", "[ 1 2", HUGE, NO_NUMBER, "\0", "[" * 9999, "<AddShift>"])
def test_what_is_no_file_of_means_is_one_error(tmp_path, text):
    (tmp_path / "cmvn").write_text(text)
    with pytest.raises(ConfigError, match="neither WeNet's"):
        read_cmvn(tmp_path / "cmvn")
