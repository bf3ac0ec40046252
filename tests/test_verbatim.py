"""The promise of the README's first screen: three commands, word for word, in one folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tone_speech import EVEN, write_corpus

from asrkit.data import read_manifest

COMMANDS = (
    "asrkit train",
    "asrkit transcribe ./wavs --beam 50 --lm lm/3gram.arpa",
    "asrkit score hyp.txt ref.txt",
)

PROJECT = """
preset = "tiny"

[data]
train = "train/train.tsv"
dev = "dev/dev.tsv"

[features]
mel_bins = 40

[model]
rnn_units = 48

[training]
epochs = 8
batch_size = 8
learning_rate = 0.01
warmup_steps = 10

[training.augmentation]
speeds = [1.0]
time_masks = 0
frequency_masks = 0
"""


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a user would, in a folder."""
    environment = {**os.environ, "ASRKIT_CACHE_DIR": str(folder / "cache"), "COLUMNS": "100"}
    words = [sys.executable, "-m", *command.split()]
    result = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with prepared data and a language model, where the three commands have run."""
    folder = tmp_path_factory.mktemp("project")
    write_corpus(folder / "train", 64, seed=1, words=EVEN)
    write_corpus(folder / "dev", 8, seed=2, words=EVEN)
    test = read_manifest(write_corpus(folder / "test", 8, seed=3, prefix="t", words=EVEN))
    (folder / "asrkit.toml").write_text(PROJECT)
    shutil.copytree(folder / "test" / "wavs", folder / "wavs" / "session1")
    lines = [f"session1/{u.id} {u.text}" for u in test]
    (folder / "ref.txt").write_text("\n".join(lines) + "\n")
    sentences = [f"{first} {second}" for first in EVEN for second in EVEN]
    (folder / "sentences.txt").write_text("\n".join(sentences) + "\n")
    run("asrkit lm build sentences.txt -o lm/3gram.arpa --order 3 --discount-fallback", folder)
    return folder


def test_the_three_commands_run_as_written(folder: Path) -> None:
    train, transcribe, score = (run(command, folder) for command in COMMANDS)

    assert (folder / "models" / "latest" / "bundle.json").is_file()
    assert "dev WER" in train.stderr
    assert "report.html" in train.stderr
    page = (folder / "models" / "latest" / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 5
    assert "epoch 8" in page
    assert "models/latest" in transcribe.stderr, "it says which model it uses"
    transcripts = folder / "transcripts"
    assert len(list(transcripts.rglob("t*.txt"))) == 8
    rows = [json.loads(line) for line in (transcripts / "results.jsonl").read_text().splitlines()]
    assert len(rows) == 8
    hypotheses = (transcripts / "hyp.txt").read_text().splitlines()
    assert hypotheses == sorted(hypotheses)
    assert "WER" in score.stdout

    report = json.loads(run("asrkit score hyp.txt ref.txt --json", folder).stdout)
    assert report["num_utterances"] == 8
    assert report["scores"]["normalized"]["wer"]["rate"] <= 0.25
