"""The recipes in ``scripts/*.sh``, with stand-ins for asrkit and Python that note their orders."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"


def recipe(folder: Path, script: str, *arguments: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run a script in a folder; return how it ended and what it asked, a line each."""
    (folder / "bin").mkdir()
    for name in ("asrkit", "python"):
        (folder / "bin" / name).write_text(f'#!/bin/sh\necho "{name} $*" >>calls\n')
        (folder / "bin" / name).chmod(0o755)
    (folder / "calls").write_text("")
    environment = {**os.environ, "PATH": os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])}
    command = ["bash", str(SCRIPTS / script), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done, (folder / "calls").read_text().splitlines()


def test_language_models_of_texts_have_names_of_their_own(tmp_path: Path) -> None:
    texts = ["a/text.txt", "b/text.txt", "speech.txt", "figures.v2.txt"]
    for name in ("train.tsv", "dev.tsv", "words.dict", *texts):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    done, calls = recipe(tmp_path, "english_small.sh", "train.tsv", "dev.tsv", "words.dict", *texts, "--", "out")
    assert done.returncode == 0, done.stderr
    built = [(call.split()[3], call.split()[-1]) for call in calls if call.startswith("asrkit lm build ")]
    models = {model: source for source, model in built}
    assert len(models) == len(built) == 6
    assert list(models.values()) == [*texts, "out/data/train.tsv", "out/lm/figures.txt"]
    mixed = next(call for call in calls if "--tune-on" in call)
    assert mixed.startswith(f"asrkit lm interpolate {' '.join([*models][:5])} --tune-on")
    # The box gets what was scored, with a card that says how well it did.
    assert calls[-2].endswith("english_card.py out")
    assert calls[-1].endswith(
        "models/english-small --model out/exported --half --compact --lm out/lm/small.bin --card out/card.toml"
    )
    assert sum("models/english-small" in call for call in calls) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["randm"], "no split randm; usage: "),
        (["random", "my_typo", "out"], "my_typo: no such file or folder; only data/LJSpeech-1.1 is fetched"),
        (["random", "--preset", "tiny"], "--preset stands where SOURCE or FOLDER does; "),
        (["random", "lj", "--epochs", "2"], "--epochs stands where SOURCE or FOLDER does; "),
    ],
)
def test_nothing_is_fetched_for_a_wrong_order(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "lj").mkdir()
    done, calls = recipe(tmp_path, "ljspeech.sh", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f"scripts/ljspeech.sh: {message}")
    assert done.stderr.count("\n") == 1
    assert calls == []


def test_ljspeech_is_fetched_where_no_source_is_named(tmp_path: Path) -> None:
    done, calls = recipe(tmp_path, "ljspeech.sh", "random")
    assert done.returncode == 0, done.stderr
    assert calls[:2] == [
        "asrkit data download ljspeech",
        "asrkit data import data/LJSpeech-1.1 -o ljspeech-random/data --split random",
    ]
