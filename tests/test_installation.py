"""What users get: both distributions, and the wheel in an empty environment: what works there, and its size."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from asrkit.synth import synthesize

REPOSITORY = Path(__file__).resolve().parents[1]
BOX = {
    f"asrkit/models/english-small/{name}"
    for name in ("bundle.json", "weights.npz", "language_model.bin", "lexicon.txt", "CMUDICT-LICENSE.txt")
}
MOST_MB = 320
SENTENCES = "the cat sat on the mat\nthe dog ran\n" * 5

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_600)]  # compiles the extension, and downloads


def check(command: Sequence[str | Path], folder: Path) -> str:
    """Run a program away from this repository's settings and return what it printed."""
    foreign = ("ASRKIT_", "PYTHON", "VIRTUAL_ENV", "KERAS_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-2_000:]}{done.stderr[-2_000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("scikit_build_core", reason="scikit-build-core is not installed")
    folder = tmp_path_factory.mktemp("sdist")
    program = "import sys; from scikit_build_core.build import build_sdist; build_sdist(sys.argv[1])"
    check([sys.executable, "-c", program, folder], REPOSITORY)
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the source distribution, so that it lacks nothing."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    check([sys.executable, "-m", "pip", "wheel", *options, sdist], folder)
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what it requires, and nothing else."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    check([sys.executable, "-m", "venv", folder], folder.parent)
    pip = [folder / "bin/python", "-m", "pip", "--disable-pip-version-check"]
    reach = subprocess.run([*pip, "download", "--quiet", "--no-deps", "mdurl"], cwd=folder.parent, capture_output=True)
    if reach.returncode:
        pytest.skip("the package index cannot be reached")
    check([*pip, "install", "--quiet", wheel], folder.parent)
    return folder


def test_the_wheel_holds_the_package_its_extension_and_the_model_and_no_sources(wheel: Path) -> None:
    assert wheel.name.startswith("asrkit_ctc-")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    package = {name for name in names if name.startswith("asrkit/")}
    assert package >= BOX
    others = {name for name in package - BOX if not name.endswith(".py")}
    extensions = {name for name in others if re.fullmatch(r"asrkit/_native\.[\w.-]+\.(so|pyd)", name)}
    assert len(extensions) == 1
    page = {f"asrkit/report/html/{name}" for name in ("search.js", "rows.js", "bench.js", "style.css")}
    assert others - extensions == page | {"asrkit/py.typed", "asrkit/_native.pyi"}
    assert all(re.match(r"asrkit_ctc-[\d.]+\.dist-info/", name) for name in names - package)
    sources = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "asrkit").rglob("*.py")}
    assert {name for name in package if name.endswith(".py")} == sources


def test_the_source_distribution_holds_what_a_build_needs_and_nothing_built(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= BOX | {
        "pyproject.toml",
        "CMakeLists.txt",
        "LICENSE",
        "README.md",
        "asrkit/native/search/decoder.cpp",
    }
    assert not [name for name in names if re.match(r"tests/|docs/|build/|\.venv|models/|data/|.*\.(so|pyc)$", name)]


def test_the_core_works_in_an_environment_without_extras(environment: Path, tmp_path: Path) -> None:
    asrkit = environment / "bin/asrkit"
    here = [sys.executable, "-m", "asrkit"]
    (tmp_path / "hyp.txt").write_text("a the cat sat\nb the dog\n")
    (tmp_path / "ref.txt").write_text("a the cat sat\nb a dog ran\n")
    (tmp_path / "text.txt").write_text(SENTENCES)
    (tmp_path / "wavs").mkdir()
    speech = pytest.importorskip("soundfile")
    pytest.importorskip("espeakng_loader", reason="the synthesizer is not installed")
    for index, sentence in enumerate(("the weather is fine today", "how far is boston from london")):
        samples = synthesize(sentence)
        speech.write(tmp_path / f"wavs/{index}.wav", samples, 16_000)

    installed = json.loads(check([environment / "bin/python", "-m", "pip", "list", "--format", "json"], tmp_path))
    names = {package["name"].lower() for package in installed}
    assert "asrkit-ctc" in names
    assert not names & {"tensorflow", "keras", "jax", "pyctcdecode", "kenlm", "matplotlib", "zstandard", "av"}
    check([environment / "bin/python", "-m", "pip", "check"], tmp_path)

    assert "transcribe" in check([asrkit, "--help"], tmp_path)
    assert json.loads(check([asrkit, "doctor", "--json"], tmp_path))["problems"] == []
    scores = json.loads(check([asrkit, "score", "hyp.txt", "ref.txt", "--json"], tmp_path))
    assert scores["scores"]["normalized"]["wer"]["errors"] == 2
    for program, place in (([asrkit], "there"), (here, "here")):
        check([*program, "transcribe", "wavs", "-o", place], tmp_path)
        check([*program, "lm", "build", "text.txt", "--discount-fallback", "-o", f"{place}.arpa"], tmp_path)
    assert (tmp_path / "there/hyp.txt").read_text() == (tmp_path / "here/hyp.txt").read_text()
    assert (tmp_path / "there.arpa").read_bytes() == (tmp_path / "here.arpa").read_bytes()

    done = subprocess.run([asrkit, "train", "hyp.txt"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "pip install keras tensorflow" in done.stderr


def test_an_environment_of_the_core_is_small(environment: Path) -> None:
    files = [path for path in environment.rglob("*") if path.is_file() and not path.is_symlink()]
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    print(f"\nan environment of the core: {megabytes:.0f} MB in {len(files):,} files")
    assert megabytes < MOST_MB
