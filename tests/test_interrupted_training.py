"""`asrkit train` as a process that gets real signals; long, since each loads TensorFlow or traces a network."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tone_speech import write_corpus

REPOSITORY = Path(__file__).resolve().parents[1]
# pytest is told to let some of TensorFlow's messages through; a user's shell is not, and all are held back
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="POSIX signals")]


def test_interrupted_runs_come_to_what_they_would_have_come_to() -> None:
    pytest.importorskip("keras")
    program = REPOSITORY / "benchmarks" / "interrupted_training.py"
    options = ["--kills", "3", "--interrupts", "4", "--terminations", "3", "--jobs", "2"]
    done = subprocess.run(
        [sys.executable, program, *options], capture_output=True, text=True, timeout=1800, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("seed", range(4))
def test_a_run_told_to_end_while_it_loads_says_one_line(seed: int, number: signal.Signals, tmp_path: Path) -> None:
    pytest.importorskip("keras")
    corpus, dev = write_corpus(tmp_path / "tones", 4), write_corpus(tmp_path / "dev", 4)
    code = """
import signal, sys
import asrkit.interrupts
signal.signal(signal.SIGINT, signal.default_int_handler)
print("ready", flush=True)
from asrkit.cli import main
main()
"""
    command = [sys.executable, "-c", code, "train", str(corpus), "--dev", str(dev), "-o", "run", "--quiet"]
    environment = ENVIRONMENT | {"ASRKIT_CACHE_DIR": str(tmp_path)}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(random.Random(seed).uniform(0, 6))
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    assert (process.returncode, err.partition(";")[0].strip()) == (128 + number, "asrkit: interrupted")
    assert err.count("\n") == 1
