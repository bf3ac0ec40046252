"""``asrkit align`` and ``asrkit data segment`` as users meet them; with the model in the box where there is speech."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import pytest
import soundfile
from conftest import REPOSITORY
from typer.testing import CliRunner

from asrkit.cli.whole import app
from asrkit.errors import ConfigError, MissingPathError

SPEECH = Path(os.environ.get("ASRKIT_SPEECH", REPOSITORY.parent / "shared" / "speech"))
MANIFEST = SPEECH / "dev_clean.tsv"
needs_speech = pytest.mark.skipif(not MANIFEST.is_file(), reason="real speech is not at hand ($ASRKIT_SPEECH)")


@pytest.mark.parametrize(
    ("arguments", "error", "problem"),
    [
        (["a.wav"], ConfigError, "name what is said with --text"),
        (["--text", "t.txt"], ConfigError, "name recordings, or a manifest with --text"),
        (["a.wav", "--text", "gone.txt"], MissingPathError, "no such text"),
        (["a.wav", "--text", "t.txt", "--stdout", "-f", "srt", "-f", "ctm"], ConfigError, "stdout takes one format"),
        (["a.wav", "--text", "t.txt", "--stdout", "--in-place"], ConfigError, "--stdout writes no file"),
        (["a.wav", "b.wav", "--text", "t.txt"], ConfigError, "2 recordings have one text, t.txt; name a manifest"),
        (["-", "--text", "t.txt"], ConfigError, "- would be audio on stdin"),
        (["a.wav", "--text", "t.txt", "-o", "-"], ConfigError, "-o names a folder"),
        (["gone.wav", "--text", "t.txt"], MissingPathError, "no such file or folder: gone.wav"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], error: type[Exception], problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.txt").write_text("some words")
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / name, [0.0] * 1600, 16_000)
    result = CliRunner().invoke(app, ["align", *arguments])
    assert isinstance(result.exception, error)
    assert problem in str(result.exception)


@pytest.mark.parametrize("bad_lines", [0, 1, 3])
def test_lines_without_a_text_are_told_where_the_recordings_are_named(tmp_path: Path, bad_lines: int) -> None:
    rows = [("a", "a.wav", "some words"), *[(f"b{index}", "b.wav", "") for index in range(bad_lines)]]
    (tmp_path / "m.tsv").write_text("".join(map("{0[0]}\t{0[1]}\t{0[2]}\n".format, [("id", "path", "text"), *rows])))
    soundfile.write(tmp_path / "a.wav", [0.0] * 1600, 16_000)
    result = CliRunner().invoke(
        app, ["align", str(tmp_path / "a.wav"), "--text", str(tmp_path / "m.tsv"), "-o", str(tmp_path / "out")]
    )
    told = result.stderr.replace("\n", " ").split("left out of the texts: ")[1:]
    assert len(told) == (bad_lines > 0)
    assert not told or "m.tsv:3" in told[0].replace(" ", "")
    assert ("and 2 more lines" in result.stderr) == (bad_lines == 3)


def spoken() -> tuple[Path, str]:
    with MANIFEST.open(encoding="utf-8") as file:
        row = next(row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if len(row["text"]) > 80)
    return SPEECH / row["path"], row["text"]


@needs_speech
def test_the_model_in_the_box_finds_the_words_of_a_reader(tmp_path: Path) -> None:
    audio, text = spoken()
    (tmp_path / "t.txt").write_text(text.capitalize() + ".", encoding="utf-8")
    result = CliRunner().invoke(app, ["align", str(audio), "--text", str(tmp_path / "t.txt"), "--stdout", "-f", "ctm"])
    assert result.exit_code == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert len(lines) >= 0.9 * len(text.split())
    assert lines[-1][4] == text.split()[-1] + "."
    assert [line[2] for line in lines] == sorted((line[2] for line in lines), key=float)
    (tmp_path / "t.txt").write_text(
        "something else was written here and nobody has ever said it so far", encoding="utf-8"
    )
    result = CliRunner().invoke(
        app, ["align", str(audio), "--text", str(tmp_path / "t.txt"), "-o", str(tmp_path / "o")]
    )
    assert result.exit_code == 1
    assert "its text is not what is said" in result.stderr
    assert not [*(tmp_path / "o").glob("*.ctm")]


@needs_speech
def test_a_book_becomes_a_corpus(tmp_path: Path) -> None:
    audio, text = spoken()
    shutil.copy(audio, tmp_path / f"chapter{audio.suffix}")
    (tmp_path / "book.txt").write_text(f"A preface that nobody reads aloud.\n\n{text}.", encoding="utf-8")
    command = ["data", "segment", str(tmp_path / f"chapter{audio.suffix}"), "--text", str(tmp_path / "book.txt")]
    result = CliRunner().invoke(app, [*command, "-o", str(tmp_path / "corpus")])
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() == str(tmp_path / "corpus" / "corpus.tsv")
    assert "A preface that nobody reads aloud." in (tmp_path / "corpus" / "unmatched.tsv").read_text(encoding="utf-8")
    assert (tmp_path / "corpus" / "doubtful.html").read_text(encoding="utf-8").startswith("<!doctype html>")
