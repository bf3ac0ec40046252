"""What files of strangers say of themselves never commands a terminal."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from random_bundle import random_bundle

from asrkit.cli import main

EVIL = "\x1b]0;PWN\x07\x1b[31m\u202eowt"


def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    monkeypatch.setattr("sys.argv", ["asrkit", *arguments])
    with contextlib.suppress(SystemExit):
        main()
    out, err = capfd.readouterr()
    shown = out + err
    assert "\x1b" not in shown and "\x07" not in shown and "\u202e" not in shown
    return shown


def test_the_name_of_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    bundle = random_bundle(tmp_path / "model", card={"name": EVIL, "about": EVIL, "license": EVIL})
    assert "PWN" in run(monkeypatch, capfd, "model", "info", str(bundle.path))
    soundfile.write(tmp_path / "a.wav", np.zeros(8_000), 8_000)
    shown = run(
        monkeypatch, capfd, "transcribe", str(tmp_path / "a.wav"), "-m", str(bundle.path), "-o", str(tmp_path / "out")
    )
    assert "PWN" in shown


def test_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    arpa = tmp_path / "m.arpa"
    words = f"\\data\\\nngram 1=2\nngram 2=1\n\n\\1-grams:\n-1\t<unk>\n-1\ta\n\n\\2-grams:\n-1\ta {EVIL}\n\n\\end\\\n"
    arpa.write_text(words, encoding="utf-8")
    assert "PWN" in run(monkeypatch, capfd, "lm", "info", str(arpa))
    bundle = random_bundle(tmp_path / "model")
    description = json.loads((bundle.path / "bundle.json").read_text())
    (bundle.path / "bundle.json").write_text(json.dumps(description | {"decoding": {EVIL: 1}}))
    assert "PWN" in run(monkeypatch, capfd, "model", "info", str(bundle.path))
    assert "PWN" in run(monkeypatch, capfd, "score", str(tmp_path / EVIL), str(tmp_path / EVIL))
