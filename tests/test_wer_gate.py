"""The GitHub Action that gates a pull request on WER: its shell lines, run as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ACTION = ROOT / ".github" / "actions" / "wer-gate"
BASH = shutil.which("bash")

pytestmark = pytest.mark.skipif(BASH is None, reason="the action needs bash")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A baseline, better and worse transcripts, and an ``asrkit`` on the path."""
    references = [f"u{i:02d} turn on the lamp number {i}\n" for i in range(20)]
    (tmp_path / "ref.txt").write_text("".join(references))
    (tmp_path / "good.txt").write_text("".join(references))
    (tmp_path / "bad set.txt").write_text("".join(line.replace("lamp", "lam") for line in references))
    (tmp_path / "bin").mkdir()
    for name, first in (("asrkit", "-m asrkit"), ("python", "")):
        command = tmp_path / "bin" / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" {first} "$@"\n')
        command.chmod(0o755)
    return tmp_path


def run(folder: Path, script: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), **variables}
    command = [str(BASH), str(script), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def gate(folder: Path, baseline: str, hypotheses: str, **variables: str) -> subprocess.CompletedProcess[str]:
    sides = {"BASELINE": baseline, "HYPOTHESES": hypotheses, "REFERENCES": "ref.txt", "COMMENT": "c.md"}
    files = {"GITHUB_OUTPUT": str(folder / "output"), "GITHUB_STEP_SUMMARY": str(folder / "summary")}
    return run(folder, ACTION / "gate.sh", **sides, **files, **variables)


def test_a_rise_fails_and_the_comment_says_why(folder: Path) -> None:
    done = gate(folder, "good.txt", "bad set.txt", MAX_RISE="0.5")
    assert done.returncode == 4
    assert "the WER of B is 16.67 points above that of A, more than --max-rise 0.5" in done.stderr
    comment = (folder / "c.md").read_text()
    assert "95 % interval" in comment
    assert "The difference is settled: A is better" in comment
    assert comment.count("~~lamp~~ **lam**") == 3  # the three worst regressions
    assert (folder / "summary").read_text() == comment
    assert (folder / "output").read_text() == "comment=c.md\npassed=false\n"


def test_a_fall_and_an_allowed_rise_pass(folder: Path) -> None:
    assert gate(folder, "bad set.txt", "good.txt").returncode == 0
    assert (folder / "output").read_text().endswith("passed=true\n")
    assert gate(folder, "good.txt", "bad set.txt", MAX_RISE="20").returncode == 0


def test_options_reach_the_command_and_its_failure_is_that_of_the_gate(folder: Path) -> None:
    done = gate(folder, "good.txt", "absent.txt", OPTIONS="--normalizer none --seed 3")
    assert done.returncode == 2
    assert "absent.txt" in done.stderr
    assert not (folder / "output").exists()
    assert gate(folder, "good.txt", "good.txt", OPTIONS="--normalizer none").returncode == 0
    assert "norm:none" in (folder / "c.md").read_text()


def test_the_wheel_is_built_once_from_this_checkout(folder: Path) -> None:
    pip = folder / "bin" / "python"
    pip.write_text('#!/bin/sh\necho "$@" >> "$CALLS"\n[ "$3" = wheel ] && touch "$WHEELS/asrkit-1.whl"\nexit 0\n')
    pip.chmod(0o755)
    variables = {"WHEELS": str(folder / "wheels"), "CALLS": str(folder / "calls")}
    for _ in range(2):
        assert run(folder, ACTION / "install.sh", **variables).returncode == 0
    build = f"-m pip wheel --no-deps --wheel-dir {folder}/wheels {ROOT}"
    install = f"-m pip install {folder}/wheels/asrkit-1.whl"
    assert (folder / "calls").read_text().splitlines() == [build, install, install]


def test_the_key_of_the_cache_tells_the_python_and_the_sources(folder: Path) -> None:
    keys = [run(folder, ACTION / "install.sh", "key").stdout for _ in range(2)]
    assert re.fullmatch(r"key=3\.\d+-[0-9a-f]{32}\n", keys[0])
    assert keys[0] == keys[1]


def test_inputs_reach_the_shell_as_variables_only() -> None:
    """An expression inside a shell line would run what a branch or a file is called."""
    lines = (ACTION / "action.yml").read_text().splitlines()
    assert not [line for line in lines if line.lstrip().startswith("run:") and "${{" in line]
    text = "\n".join(lines)
    declared = set(re.findall(r"^  ([a-z-]+):$", text.split("outputs:")[0].split("inputs:")[1], re.MULTILINE))
    assert set(re.findall(r"inputs\.([a-z-]+)", text)) == declared
