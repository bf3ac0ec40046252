"""The model card that ``make model`` writes: the corpora that were heard, and how well this very model does."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).resolve().parents[1] / "scripts/english_card.py"
HEADER = "utterance_id\tpath\tseconds\tspeaker\tcorpus\ttext\n"


def write_list(path: Path, *rows: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [row.replace("|", "\t") for row in rows]
    for line in lines:
        (path.parent / line.split("\t")[1]).touch()
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines), encoding="utf-8")


def card(folder: Path) -> dict[str, Any]:
    """Run the script on planted lists and transcripts and return what it writes."""
    write_list(
        folder / "data/train.tsv",
        "a1|a1.wav|1800|vctk-p239|vctk|one",
        "a2|a2.wav|3600|vctk-p226|vctk_more|two",
        "b1|b1.wav|36|ls-19|mini_librispeech_train_clean_5|three",
        'c1|c1.wav|72||my "own", with commas|four',
    )
    write_list(folder / "data/sets/vctk.tsv", "a3|a3.wav|1|vctk-p239|vctk|one two three four")
    write_list(
        folder / "data/sets/librispeech_dev_clean_test.tsv",
        *(f"d{n}|d{n}.wav|1|ls-{n % 2}|librispeech_dev_clean|one two three four" for n in range(4)),
    )
    write_list(folder / "data/sets/mine.tsv", "e1|e1.wav|1||mine|one")
    for name, lines in {
        "mine-tuned": ["e1 two"],
        "vctk-tuned": ["a3 one two three four"],
        "librispeech_dev_clean_test-tuned": ["d0 one", "d1 one two three", "d2 one", "d3 one two three four"],
    }.items():
        (folder / "out" / name).mkdir(parents=True)
        (folder / "out" / name / "hyp.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    subprocess.run([sys.executable, str(SCRIPT), str(folder)], check=True, capture_output=True)
    return tomllib.loads((folder / "card.toml").read_text(encoding="utf-8"))


def test_a_card_tells_what_was_heard_and_measured(tmp_path: Path) -> None:
    written = card(tmp_path)
    assert written["name"] == "english-small"
    sources = [(source["name"], source.get("license"), source.get("hours")) for source in written["sources"]]
    assert sources == [
        ("VCTK 0.92", "ODC-By 1.0", 1.5),  # both parts
        ('my "own"', None, 0.02),
        ("Mini LibriSpeech", "CC BY 4.0", 0.01),
        ("CMUdict (pronunciations)", "BSD 2-clause", None),
    ]
    libri, mine, vctk = written["results"]
    assert libri["name"] == "LibriSpeech, test: 2 unseen speakers, 4 utterances"
    assert libri["WER"].startswith("43.8 [")  # 7 of 16 words
    assert mine["name"] == "mine, dev: speakers not named, 1 utterance"
    assert vctk["name"] == "VCTK 0.92, dev: 1 known speaker, 1 utterance"
    assert vctk["WER"].startswith("0.0")
    assert "21.8" not in json.dumps(written)


def test_what_was_not_transcribed_is_named(tmp_path: Path) -> None:
    write_list(tmp_path / "data/train.tsv", "a1|a1.wav|1800|vctk-p239|vctk|one")
    write_list(tmp_path / "data/sets/vctk.tsv", "a3|a3.wav|1|vctk-p239|vctk|one two three four")
    done = subprocess.run([sys.executable, str(SCRIPT), str(tmp_path)], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "vctk-tuned/hyp.txt" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "card.toml").exists()
