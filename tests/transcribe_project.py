"""A folder with a model, a language model and recordings, and ``asrkit`` to run in it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from fake_recognition import write_speech
from random_bundle import random_bundle

from asrkit.cli import main

LM = """\\data\\
ngram 1=5
ngram 2=2

\\1-grams:
-1.0\t</s>
-99\t<s>\t-0.3
-0.7\ta\t-0.2
-0.9\tb\t-0.2
-1.2\t<unk>

\\2-grams:
-0.4\t<s> a
-0.5\ta b

\\end\\
"""


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle where ``models/latest`` is looked for, a language model and recordings; never written to."""
    folder = tmp_path_factory.mktemp("parts")
    random_bundle(folder / "models/latest", card={"name": "babble"}, decoding={"beam": 7})
    random_bundle(folder / "other", seed=2, card={"name": "other"})
    (folder / "lm.arpa").write_text(LM)
    for index in range(3):
        write_speech(folder / f"wavs/s{index % 2}/u{index}.wav", 0.8 + index / 3, seed=index)
    return folder


@pytest.fixture
def project(parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own to work in."""
    shutil.copytree(parts, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def asrkit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def invoke(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["asrkit", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return Done(int(end.value.code or 0), captured.out, captured.err)

    return invoke


def provenance(folder: str = "transcripts") -> dict[str, object]:
    return json.loads(Path(folder, "results.jsonl").read_text().splitlines()[0])["provenance"]  # type: ignore[no-any-return]
