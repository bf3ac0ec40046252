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
    planted_model,
    planted_sound,
    write_json,
)
from random_bundle import FEATURES, random_bundle
from typer.testing import CliRunner

from asrkit.cli.whole import app
from asrkit.config import TranscriptionConfig, front_end_named
from asrkit.errors import BundleError, ConfigError
from asrkit.model import importing
from asrkit.model.bundle import Bundle
from asrkit.model.folder import require_place
from asrkit.model.importing import Wishes
from asrkit.model.inference import Emitter
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
    others = Wishes(tokens=tokens, front_end=front_end_named("asrkit", {}))
    with pytest.raises(BundleError, match=r"the front end gives 80 bins; name another, or --set mel_bins=N"):
        import_model(own.path / "model.onnx", tmp_path / "foreign", others)
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
    assert str(rows["alphabet"]) == "4 symbols: ' abc'"
    assert bundle.describe()["graph"]["stride_frames"] == FRAME
    with pytest.raises(BundleError, match="made elsewhere"):
        _ = bundle.model
    with pytest.raises(BundleError, match=r"weights\.npz is missing"):
        bundle.weights()


def test_of_thousands_of_letters_a_few_are_shown(planted, tmp_path):
    from asrkit.report.model_card import model_table

    shutil.copytree(planted[0].path, tmp_path / "model")
    change_description(tmp_path / "model", alphabet="".join(chr(0x4E00 + i) for i in range(9000)))
    cells = [str(cell) for column in model_table(Bundle.load(tmp_path / "model")).columns for cell in column.cells]
    assert max(map(len, cells)) < 200
    assert any(cell.startswith("9000 symbols: ") and cell.endswith("' and 8,880 more") for cell in cells)


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


def test_another_language_model_takes_the_place_of_the_one_before(tmp_path):
    folder = hugging_face_folder(tmp_path / "hf")
    for name in ("a.arpa", "b.arpa.gz", "c.klm"):
        (tmp_path / name).write_text(name)
        bundle = import_model(folder, tmp_path / "bundle", Wishes(lm=tmp_path / name))
        assert bundle.language_model is not None and bundle.language_model.read_text() == name
    import_model(folder, tmp_path / "bundle")
    assert not list((tmp_path / "bundle").glob("language_model*"))


def test_tokens_added_later_are_labels_too(tmp_path):
    folder = hugging_face_folder(tmp_path / "hf")
    write_json(folder / "vocab.json", {label: i for i, label in enumerate(("<pad>", "|", "A", "B", "C", "D"))})
    write_json(folder / "added_tokens.json", {"<s>": 6, "</s>": 7})
    assert import_model(folder, tmp_path / "bundle").symbols.labels[6:] == ("<s>", "</s>")


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


@pytest.mark.parametrize("command", [["import", "x.onnx"], ["export", "out"]])
def test_a_language_model_that_cannot_be_read_comes_with_no_bundle(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lm.tsv").write_text("path\ttext\n")
    result = CliRunner().invoke(app, ["model", *command, "--lm", "lm.tsv"])
    assert "this is not an ARPA file" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_things_is_not_written_to(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").touch()
    with pytest.raises(BundleError, match="other things"):
        import_model(hugging_face_folder(tmp_path / "hf"), tmp_path / "thesis")
    (tmp_path / "thesis" / "thesis.tex").rename(tmp_path / "thesis" / ".asrkit.lock")  # of a run killed while it loads
    require_place(tmp_path / "thesis")


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
