"""A genuine model of phonemes from the package index, with a lexicon and a word model: words that people said."""

from __future__ import annotations

import csv
import json
import lzma
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from asrkit.audio import load_waveform
from asrkit.config import DecodingConfig
from asrkit.decoder import BeamSearchDecoder
from asrkit.metrics import count_errors
from asrkit.text import Symbols, WordRule

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
LEXICON = SHARED / "reference" / "hama" / "lexicon.tsv.xz"
WHEEL = "hama==1.3.13"
LM_COMMIT = "1ac98c2"  # whose English model's language model the reference was made with


def _download(folder: Path) -> zipfile.ZipFile:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), WHEEL]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    wheels = list(folder.glob("*.whl"))
    if not wheels:
        pytest.skip(f"{WHEEL} cannot be downloaded: {done.stderr.strip()[-200:]}")
    return zipfile.ZipFile(wheels[0])


def _language_model(folder: Path) -> Path:
    command = ["git", "show", f"{LM_COMMIT}:asrkit/models/english-small/language_model.bin"]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, check=False)
    if done.returncode:
        pytest.skip(f"the language model of commit {LM_COMMIT} is not in this checkout")
    path = folder / "language_model.bin"
    path.write_bytes(done.stdout)
    return path


@pytest.mark.slow
@pytest.mark.skipif(not LEXICON.exists(), reason="the reference lexicon is not here")
def test_recorded_speech_has_fewer_errors_than_with_flashlight(tmp_path: Path) -> None:
    """Flashlight's lexicon decoder makes 13.1 %, its weights picked on the same utterances; beam 100 for both."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    wheel = _download(tmp_path)
    lm = _language_model(tmp_path)
    vocabulary = json.loads(wheel.read("hama/assets/g2p_vocab.json"))["decoder"]
    lexicon = tmp_path / "lexicon.tsv"
    lexicon.write_bytes(lzma.decompress(LEXICON.read_bytes()))
    symbols = Symbols((*vocabulary, "|", "<blank>"), len(vocabulary) + 1, WordRule.BAR, frozenset(range(5)))
    session = onnxruntime.InferenceSession(wheel.read("hama/assets/asr_waveform_fp16.onnx"))

    with (SHARED / "speech" / "dev.tsv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["corpus"].startswith("mini_librispeech")]
    emissions = []
    for row in rows:
        waveform = load_waveform(SHARED / "speech" / row["path"]).reshape(1, -1)
        lengths = np.array([waveform.shape[1]], np.int64)
        emissions.append(session.run(None, {"waveform": waveform, "waveform_lengths": lengths})[0][0])
    texts = [row["text"] for row in rows]
    tuned_on = set(range(0, len(rows), 8)[:16])

    def rate(decoder: BeamSearchDecoder, chosen: list[int]) -> float:
        found = decoder.decode_texts([emissions[i] for i in chosen])
        return 100 * count_errors(found, [texts[i] for i in chosen]).rate

    decoder = BeamSearchDecoder(symbols, lm, lexicon=lexicon)
    assert decoder.words_left_out == ()
    decoders = [
        decoder.with_config(DecodingConfig(beam=100, lm_weight=weight, word_bonus=bonus))
        for weight in (0.5, 0.7, 0.9, 1.1)
        for bonus in (0.0, 1.0, 2.0)
    ]
    best = min(decoders, key=lambda decoder: rate(decoder, sorted(tuned_on)))
    others = [i for i in range(len(rows)) if i not in tuned_on]
    assert len(others) == 172
    assert rate(best, others) < 13.1
