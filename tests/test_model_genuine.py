"""A genuine model of another toolkit, from the graph in a wheel to the error rate of its transcripts."""

import csv
import json
import lzma
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from asrkit import count_errors
from asrkit.cli.whole import app

SPEECH = Path(os.environ.get("ASRKIT_SPEECH") or Path(__file__).resolve().parents[2] / "shared" / "speech")
LEXICON = SPEECH.parent / "reference" / "hama" / "lexicon.tsv.xz"
LM = Path(__file__).resolve().parents[1] / "asrkit" / "models" / "english-small" / "language_model.bin"
WHEEL = "hama==1.3.13"
FOUND = ["--set", "decoding.lm_weight=0.9", "--set", "decoding.word_bonus=1.5", "--beam", "100"]


@pytest.mark.slow
@pytest.mark.skipif(not LEXICON.exists(), reason="the reference lexicon is not here")
def test_one_command_imports_it_and_no_way_to_run_it_changes_a_byte(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(tmp_path), WHEEL]
    if subprocess.run(command, capture_output=True, check=False, timeout=600).returncode:
        pytest.skip(f"{WHEEL} cannot be downloaded")
    wheel = zipfile.ZipFile(next(tmp_path.glob("*.whl")))
    Path("graph.onnx").write_bytes(wheel.read("hama/assets/asr_waveform_fp16.onnx"))
    labels = [*json.loads(wheel.read("hama/assets/g2p_vocab.json"))["decoder"], "<wb>", "<blank>"]
    Path("tokens.txt").write_text("".join(f"{label} {index}\n" for index, label in enumerate(labels)))
    Path("lexicon.tsv").write_bytes(lzma.decompress(LEXICON.read_bytes()))

    def asrkit(*arguments):
        done = CliRunner().invoke(app, list(map(str, arguments)))
        assert done.exit_code == 0, done.stderr
        return done

    shown = asrkit("model", "import", "graph.onnx", "--tokens", "tokens.txt", "--lexicon", "lexicon.tsv", "-o", "hama")
    assert "one utterance at a time" in shown.stderr  # its convolutions listen to the padding
    assert "output 190 in" in shown.stderr  # the blank
    with (SPEECH / "dev.tsv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["corpus"].startswith("mini_librispeech")]
    rows = rows[1:60:2]
    texts = {Path(row["path"]).stem: row["text"] for row in rows}
    transcripts = set()
    for batch_size, jobs in ((1, 1), (8, 2), (32, 1)):
        folder = Path(f"out-{batch_size}-{jobs}")
        paths = [SPEECH / row["path"] for row in rows]
        ways = ["--batch-size", batch_size, "--jobs", jobs, "-o", folder, "-q"]
        asrkit("transcribe", *paths, "--model", "hama", "--lm", LM, *FOUND, *ways)
        transcripts.add(
            (folder / "hyp.txt").read_bytes() + b"".join(p.read_bytes() for p in sorted(folder.glob("*.txt")))
        )
    assert len(transcripts) == 1
    heard = dict(line.partition(" ")[::2] for line in (folder / "hyp.txt").read_text().splitlines())
    ids = sorted(heard)
    references = [texts[Path(i).name] for i in ids]
    assert 100 * count_errors([heard[i] for i in ids], references).rate < 18
