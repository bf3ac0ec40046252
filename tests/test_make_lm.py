"""`make lm`: the text one names, else LJSpeech without its held-out end, else the demo's training sentences."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from asrkit.errors import MissingPathError
from asrkit.language_model import NgramModel


@pytest.fixture(scope="module")
def make_lm() -> ModuleType:
    path = Path(__file__).parents[1] / "scripts" / "make_lm.py"
    spec = importlib.util.spec_from_file_location("make_lm", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def no_text_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASRKIT_TEXT", raising=False)


def test_a_folder_of_text_may_be_named(tmp_path: Path, make_lm: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.txt", "b.txt.xz", "README.md"):
        (tmp_path / name).touch()
    none = tmp_path / "none"
    monkeypatch.setenv("ASRKIT_TEXT", str(tmp_path))
    assert make_lm.find_text([], none)[1:] == ([str(tmp_path / name) for name in ("a.txt", "b.txt.xz")], True)
    assert make_lm.find_text(["x"], none)[1] == ["x"]
    monkeypatch.setenv("ASRKIT_TEXT", str(none))
    with pytest.raises(MissingPathError, match="ASRKIT_TEXT"):
        make_lm.find_text([], none)


def test_the_demo_text_holds_nothing_out(tmp_path: Path, make_lm: ModuleType) -> None:
    output = tmp_path / "lm" / "3gram.arpa"
    assert make_lm.main(["-o", str(output), "--ljspeech", str(tmp_path / "none")]) == 0
    assert NgramModel.load(output).counts == NgramModel.load(output.with_suffix(".bin")).counts
    _, sentences, are_files = make_lm.find_text([], tmp_path / "none")
    assert not are_files
    demo = list(make_lm.islice(make_lm.distinct_sentences(), 830))
    assert sentences == demo[130:]


def test_ljspeech_comes_without_its_held_out_end(tmp_path: Path, make_lm: ModuleType) -> None:
    corpus = tmp_path / "LJSpeech-1.1"
    (corpus / "wavs").mkdir(parents=True)
    lines = []
    for i in range(520):
        name = f"LJ001-{i:04d}"
        (corpus / "wavs" / f"{name}.wav").touch()
        lines.append(f"{name}|Sentence {i}.|Sentence number {'x' * (i % 7 + 1)}{i}.")
    (corpus / "metadata.csv").write_text("\n".join(lines) + "\n")
    name, sentences, _ = make_lm.find_text([], corpus)
    assert "LJSpeech-1.1" in name
    assert sentences == [line.split("|")[2] for line in lines[:20]]


def test_named_text_comes_first_and_errors_take_one_line(
    tmp_path: Path, make_lm: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.txt").write_text("a b c\nc b a\n")
    assert make_lm.main([str(tmp_path / "t.txt"), "-o", str(tmp_path / "m.arpa"), "--order", "2"]) == 0
    assert set(NgramModel.load(tmp_path / "m.bin").vocabulary) == {"a", "b", "c", "<s>", "</s>", "<unk>"}
    capsys.readouterr()
    assert make_lm.main([str(tmp_path / "none.txt"), "-o", str(tmp_path / "m.arpa")]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("make_lm: ")
