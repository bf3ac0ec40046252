"""The cross-examination of a graph: what it makes of a voice, and with which front end it would make more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from foreign_graphs import model_of, value
from onnx import helper

import asrkit
from asrkit.config import front_end_named
from asrkit.errors import ConfigError
from asrkit.model.bundle import Bundle
from asrkit.model.examination import examine, made_sound
from asrkit.model.importing import Wishes, import_model

BOXED = Path(asrkit.__file__).parent / "models" / "english-small"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The graph of a model that was trained on log-mel features of ours, and its labels."""
    folder = tmp_path_factory.mktemp("trained")
    bundle = Bundle.load(BOXED)
    (folder / "model.onnx").write_bytes(bundle.made_graph())
    labels = ({"": "<blank>", " ": "<space>"}.get(label, label) for label in bundle.symbols.labels)
    (folder / "tokens.txt").write_text("".join(f"{label}\n" for label in labels))
    return folder


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("asrkit", None),
        ("kaldi", "it hears 0.0 outputs a second"),  # nothing but blanks
        ("wenet", None),  # near enough for a model that was trained in noise to hear as much, a little less sure
    ],
)
def test_a_trained_model_shows_a_wrong_front_end(trained: Path, tmp_path: Path, name: str, reason: str | None) -> None:
    wishes = Wishes(front_end=front_end_named(name, {}), longest_s=5.0)
    lines: list[str] = []
    bundle = import_model(trained / "model.onnx", tmp_path / "bundle", wishes, tell=lines.append)
    warnings = [line for line in lines if line.startswith("warning")]
    if reason is None:
        assert warnings == []
        assert bundle.card["certificate"]["voice"]["heard"] > 5
    else:
        (warning,) = warnings
        assert reason in warning
        assert "with --front-end asrkit" in warning or "with --front-end nemo80" in warning  # as good as the same


def deaf(folder: Path, shift: float) -> Path:
    """A model of 80 bins that answers output 1 where the mean of a frame is above a value, else output 0."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[2], keepdims=1),
        helper.make_node("Constant", [], ["shift"], value_float=shift),
        helper.make_node("Sub", ["m", "shift"], ["d"]),
        helper.make_node("Neg", ["d"], ["n"]),
        helper.make_node("Concat", ["n", "d"], ["log_probs"], axis=2),
    ]
    graph = model_of(nodes, [value("x", ["b", "t", 80])], [value("log_probs", ["b", "t", 2])])
    onnx.save(graph, str(folder / "model.onnx"))
    return folder / "model.onnx"


def test_another_front_end_is_named_only_where_it_is_heard_more(tmp_path: Path) -> None:
    kaldi = front_end_named("kaldi", {})
    for shift, better in ((16.0, "wenet"), (99.0, None), (-4.5, None)):  # loud as 16-bit samples alone; never; as it is
        found = examine(deaf(tmp_path, shift), kaldi, {}, num_bytes=1000, longest_s=5.0).certificate
        assert (found["better"]["front_end"] if better else found.get("better")) == better, shift


def test_the_voice_has_syllables_and_pauses_and_is_always_the_same() -> None:
    sound = made_sound(2.2, 16_000, seed=1)
    np.testing.assert_array_equal(sound, made_sound(2.2, 16_000, seed=1))
    assert np.abs(sound).max() <= 1
    loudness = np.sqrt((sound.reshape(10, -1) ** 2).mean(axis=1))
    assert loudness.min() > 0.01
    assert np.abs(sound.reshape(10, -1)[1:, :200]).max() < 0.01  # each begins with a closed mouth
    assert np.abs(made_sound(1.0, 16_000, loudness=0.0)).max() < 0.001
    assert len(made_sound(20.0, 8_000)) == 160_000


def test_labels_of_something_else_fail_before_the_graph_is_run(trained: Path, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    from asrkit.model import importing

    monkeypatch.setattr(importing, "examine", None)
    prose = tmp_path / "notes.txt"
    count = len(Bundle.load(BOXED).symbols)
    for text, reason in (
        ("Dear all,\n\nplease find attached\n", f"has 3 labels, the model has {count} outputs"),
        ("\n".join(f"line {chr(97 + i)} of a letter" for i in range(count)), "no label looks like the blank"),
    ):
        prose.write_text(text)
        wishes = Wishes(tokens=prose, front_end=front_end_named("asrkit", {}))
        with pytest.raises(ConfigError, match=reason):
            import_model(trained / "model.onnx", tmp_path / "bundle", wishes)
