"""``asrkit demo``: honest, repeatable by hand, and good enough to show."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from asrkit.cli import demo
from asrkit.cli.demo import STEPS, WORST_WER_PERCENT
from asrkit.cli.whole import app
from asrkit.data import read_manifest


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], Path]]:
    """Take the commands instead of running them; "score" fails."""
    taken: list[tuple[list[str], Path]] = []

    class Process:
        def __init__(self, command: list[str], *, cwd: Path) -> None:
            taken.append((command, cwd))
            self.code = 4 if command[3] == "score" else 0

        def send_signal(self, number: int) -> None:
            self.code = 128 + number

        def wait(self) -> int:
            return self.code

    monkeypatch.setattr(demo.subprocess, "Popen", Process)
    return taken


def test_every_command_is_shown_as_it_is_run(commands: list[tuple[list[str], Path]], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["demo", str(tmp_path / "my demo")])
    shown = [line.removeprefix("$ ") for line in result.stderr.splitlines() if line.startswith("$ ")]
    assert shown[0] == f"mkdir -p '{tmp_path}/my demo' && cd '{tmp_path}/my demo'"
    assert [shlex.split(line)[1:] for line in shown[1:]] == [command[3:] for command, _ in commands]
    assert all(line.startswith("asrkit ") for line in shown[1:])
    assert {cwd for _, cwd in commands} == {tmp_path / "my demo"}


def test_the_demo_ends_with_the_exit_code_of_the_command_that_fails(
    commands: list[tuple[list[str], Path]], tmp_path: Path
) -> None:
    assert CliRunner().invoke(app, ["demo", str(tmp_path)]).exit_code == 4
    assert len(commands) == len(STEPS)


def test_an_interrupted_demo_passes_the_signal_on_and_leaves_the_last_word_to_its_command(
    commands: list[tuple[list[str], Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = demo.subprocess.Popen.wait

    def told(process: object) -> int:
        signal.raise_signal(signal.SIGINT)
        return wait(process)  # type: ignore[arg-type]

    monkeypatch.setattr(demo.subprocess.Popen, "wait", told)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = CliRunner().invoke(app, ["demo", str(tmp_path)])
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.exit_code == 130
    assert len(commands) == 1
    assert "asrkit: interrupted" not in result.stderr


def test_a_dry_run_only_prints(commands: list[tuple[list[str], Path]], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["demo", str(tmp_path / "new"), "--dry-run"])
    assert result.exit_code == 0
    assert result.stderr.count("$ asrkit ") == len(STEPS)
    assert not commands
    assert not (tmp_path / "new").exists()


def test_no_step_but_transcription_and_scoring_sees_the_held_out_set() -> None:
    for _, command in STEPS:
        assert ("test" in command) == (command.split()[0] in ("transcribe", "score")), command


@pytest.mark.slow
def test_the_demo_holds_what_it_promises(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra demo is not installed")
    done = subprocess.run([sys.executable, "-m", "asrkit", "demo", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    speech = tmp_path / "speech"
    train, test = ({u.text for u in read_manifest(speech / f"{name}.tsv")} for name in ("train", "test"))
    assert len({word for text in train for word in (text or "").split()}) >= 100
    assert not test & train
    assert not test & set((speech / "train.txt").read_text().splitlines())
    score = [sys.executable, "-m", "asrkit", "score", "transcripts/hyp.txt", "speech/test.tsv", "--json"]
    report = json.loads(subprocess.run(score, cwd=tmp_path, capture_output=True, text=True, check=True).stdout)
    assert report["scores"]["normalized"]["wer"]["rate"] < WORST_WER_PERCENT / 100
