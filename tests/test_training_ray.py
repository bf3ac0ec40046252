"""Training on a real Ray: the run of one process, through deaths and interrupts, and never without a word."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tiny_run import Recorder, smallest
from tone_speech import EVEN, write_corpus

from asrkit.errors import TrainingError
from asrkit.training.ray_workers import train_on_ray
from asrkit.training.run import train
from asrkit.training.worker import Job

pytestmark = [
    pytest.mark.ray,
    pytest.mark.timeout(1_200),  # processes of Ray and JAX in dozens, on a machine that may do other work
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (pip install ray)"),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc"),
]

CHANGES = {"training": {"epochs": 5, "clip_norm": 0.5}, "model": {"dropout": 0.1, "normalization": "batch"}}


@pytest.fixture(scope="module")
def even(tmp_path_factory):
    """13 utterances, in batches of 4."""
    return write_corpus(tmp_path_factory.mktemp("ray") / "even", 13, words=EVEN)


@pytest.fixture(autouse=True)
def _on_cpus(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "compiled"))
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of a Ray that somebody else started, elsewhere, who knew nothing of these tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("KERAS", "JAX"))}
    command = ["-m", "ray.scripts.scripts", "start", "--head", "--port=0", "--num-cpus=2", "--block"]
    process = subprocess.Popen(
        [sys.executable, *command, "--include-dashboard=false", "--disable-usage-stats"],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    told = next((line for line in process.stdout if "--address=" in line), "")
    yield told.split("'")[1]
    process.terminate()
    process.communicate(timeout=60)


def workers():
    """Return the processes of the hosts that Ray started on this machine, each with the actor that watches it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"spawn_main" in path.read_bytes():
                parent = int(path.with_name("stat").read_text().rpartition(")")[2].split()[1])
                if Path(f"/proc/{parent}/cmdline").read_bytes().startswith(b"ray::_Host"):
                    found.append((int(path.parent.name), parent))
        except (OSError, IndexError):  # it just ended
            continue
    return sorted(found)


class Disturbed(Recorder):
    """Does something to the run, and notes when."""

    def __init__(self, at, disturb):
        super().__init__()
        self.at, self.disturb, self.disturbed_s = at, disturb, None

    def epoch_done(self, event):
        super().epoch_done(event)
        if len(self.epochs) == self.at and self.disturbed_s is None:
            logs = [Path(f"/proc/{worker}/fd/1").readlink() for worker, _ in workers()]
            self.folders = {log.parent for log in logs}
            self.disturbed_s = time.monotonic()
            self.disturb()


def end(job, observer, **where):
    """Return the line with which a run ends within a minute of its disturbance, and all of its processes with it."""
    with pytest.raises((TrainingError, KeyboardInterrupt)) as error:
        train_on_ray(job, observer, 2, **where)
    assert observer.disturbed_s is not None, error.value
    assert time.monotonic() - observer.disturbed_s < 60
    assert not sys.modules["ray"].is_initialized()
    deadline = time.monotonic() + 15
    while workers() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert workers() == []
    assert len(observer.folders) == 2 and not any(folder.exists() for folder in observer.folders)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_two_workers_train_as_one_does_whoever_is_killed(even, tmp_path, monkeypatch, address, capfd):
    config = smallest(even, **CHANGES)
    monkeypatch.chdir(tmp_path)  # workers begin elsewhere; relative paths must not matter
    job = Job(config, Path("run"), cache_dir=Path("cache"))
    capfd.readouterr()
    losses = []
    for disturb, line, where in (
        (lambda: os.kill(workers()[1][0], signal.SIGKILL), r"^host \d.* (was killed|died or cannot be reached)", {}),
        (lambda: signal.raise_signal(signal.SIGINT), "^$", {"address": address}),
    ):
        observer = Disturbed(1, disturb)
        assert re.search(line, end(job, observer, **where))
        assert observer.start.device == "cpu on each of 2 hosts (jax)"
        losses += observer.losses if line == "^$" else observer.losses[:4]  # what followed a checkpoint is done again
    last = Recorder()
    bundle = train_on_ray(job, last, 2, address)
    assert capfd.readouterr() == ("", "")

    whole = Recorder()
    expected = train(config, tmp_path / "whole", cache_dir=tmp_path / "cache", observer=whole)
    assert len(whole.losses) == 20
    np.testing.assert_allclose([*losses, *last.losses], whole.losses, rtol=1e-4)
    theirs = expected.weights()
    for name, values in bundle.weights().items():
        np.testing.assert_allclose(values, theirs[name], atol=1e-3, err_msg=name)
    assert bundle.card["dev"] == expected.card["dev"]
