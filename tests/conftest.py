"""What all tests share: a clean environment, recordings, and the places of speech that may lie beside the project."""

from __future__ import annotations

import atexit
import functools
import importlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from hypothesis import settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow greets on stderr otherwise
os.environ.setdefault("MPLBACKEND", "Agg")

# the background of a shell ignores Ctrl-C, and what it starts does, too; here it is sent and must be heard
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# which files were checked before is nothing for the cache of whoever runs the tests, nor is their list of fonts for us
CACHE = tempfile.mkdtemp(prefix="asrkit-tests-")
os.environ["ASRKIT_CACHE_DIR"] = os.environ["MPLCONFIGDIR"] = CACHE
atexit.register(shutil.rmtree, CACHE, ignore_errors=True)

pytest_plugins = ["report_pages", "transcribe_project"]  # fixtures of several files

REPOSITORY = Path(__file__).resolve().parents[1]

# typer makes all commands anew for each call of one, which costs more than most of what is tested by calls: they
# are made once, and so with all of them read before
importlib.import_module("asrkit.cli.whole")
typer.main.get_command = functools.cache(typer.main.get_command)

settings.register_profile("asrkit", deadline=None)  # a busy machine is no failure
settings.load_profile("asrkit")


@pytest.fixture(scope="session")
def wavs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six short recordings of two speakers for the fake recognizer; never written to."""
    from fake_recognition import write_recordings

    return write_recordings(tmp_path_factory.mktemp("wavs"))


@pytest.fixture
def done(wavs: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A private copy of the recordings, and a folder where all are transcribed."""
    from fake_recognition import run

    shutil.copytree(wavs, tmp_path / "in")
    run(tmp_path / "in", tmp_path / "out")
    return tmp_path / "in", tmp_path / "out"


@pytest.fixture
def untraced() -> Iterator[None]:
    """Let TensorFlow run networks as they are: to trace one takes longer than a tiny run, whose losses are the same.

    For tests of what surrounds the network; others run it as users do.
    """
    tensorflow = pytest.importorskip("tensorflow")
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the variables of whoever runs the tests out of them."""
    for name in list(os.environ):
        if name.startswith("ASRKIT_") and name not in ("ASRKIT_SPEECH", "ASRKIT_CACHE_DIR"):
            monkeypatch.delenv(name)
    for name in ("FORCE_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
