"""``scripts/label_rounds.sh``, with a stand-in for asrkit that notes its orders; its models have planted WERs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts/label_rounds.sh"
STAND_IN = """#!/usr/bin/env bash
echo "$*" >>calls
case "$1 $2" in
  "model info") sed -n "$((1 + $(basename "$3")))p" wers | sed 's/.*/{"card": {"dev": {"wer_percent": &}}}/' ;;
  "lm tune") [ ! -e broken ] ;;
esac
"""


def rounds(folder: Path, wers: list[float], *more: str) -> tuple[int, list[str]]:
    """Run the script and return its exit code and the lines of what it asked."""
    for name in ("train.tsv", "dev.tsv", "lm.arpa", "audio.tsv"):
        (folder / name).touch()
    (folder / "wers").write_text("".join(f"{wer}\n" for wer in wers))
    (folder / "calls").write_text("")
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin/asrkit").write_text(STAND_IN)
    (folder / "bin/asrkit").chmod(0o755)
    path = os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    command = ["bash", str(SCRIPT), "train.tsv", "dev.tsv", "lm.arpa", "audio.tsv", "out", *more]
    done = subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, check=False)
    return done.returncode, (folder / "calls").read_text().splitlines()


@pytest.mark.parametrize(
    ("wers", "more", "best", "trained", "why"),
    [
        ([50, 40, 39.9, 10], (), "1", 3, "the second round brings less than 1 %"),
        ([50, 55, 10, 10], (), "0", 2, "the first makes it worse"),
        ([50, 40, 30, 20], (), "3", 4, "three rounds are the most"),
        ([50, 40, 30, 20], ("5", "1"), "1", 2, "or as many as are asked for"),
    ],
)
def test_rounds_stop_when_they_bring_nothing(
    tmp_path: Path, wers: list[float], more: tuple[str, ...], best: str, trained: int, why: str
) -> None:
    code, calls = rounds(tmp_path, wers, *more)
    assert code == 0
    assert (tmp_path / "out/best").readlink() == Path(best), why
    assert sum(call.startswith("train ") for call in calls) == trained, why


def test_a_round_labels_with_the_best_model_and_leaves_the_dev_set_alone(tmp_path: Path) -> None:
    _, calls = rounds(tmp_path, [50, 40, 30, 20], "7")
    assert calls[0] == "train train.tsv --dev dev.tsv -o out/0"
    assert calls[1] == "lm tune --model out/0 --data dev.tsv --lm lm.arpa"
    assert calls[2] == (
        "data label audio.tsv --model out/0 --lm lm.arpa --target-wer 7 --exclude dev.tsv --with train.tsv "
        "-o out/labels-1"
    )
    assert calls[3] == "train out/labels-1/train.tsv --dev dev.tsv --from out/0 -o out/1"
    assert "--model out/1" in next(call for call in calls[4:] if call.startswith("data label"))
    again = rounds(tmp_path, [50, 40, 30, 20], "7")[1]
    assert not [call for call in again if call.startswith("lm tune")]  # done before


def test_what_fails_ends_it(tmp_path: Path) -> None:
    (tmp_path / "broken").touch()
    code, calls = rounds(tmp_path, [50, 40])
    assert code != 0
    assert calls[-1].startswith("lm tune")
    assert not (tmp_path / "out/0.tuned").exists()
    (tmp_path / "train.tsv").unlink()
    done = subprocess.run(
        ["bash", str(SCRIPT), "train.tsv", "a", "b", "c", "d"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 2
    assert b"no train.tsv" in done.stderr
