"""The rules of the tree that a reader relies on: who imports what, and what stays cheap."""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
import sys
import tomllib
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import typer

from asrkit.cli import app as command_line
from asrkit.cli.whole import app
from asrkit.packages import version_of

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "asrkit"
SOURCES = sorted(PACKAGE.rglob("*.py"))

# library -> the only places that may import it
CONFINED = {
    "keras": ("model/jax_ops.py", "model/network.py", "model/recurrence.py", "model/tensorflow_ops.py", "training"),
    "tensorflow": ("model/tensorflow_ops.py", "training"),
    "jax": ("model/jax_ops.py", "training"),
    "torch": ("model/torch_ops.py", "training"),
    "onnxruntime": ("model/inference.py", "cli/doctor.py"),
    "onnx": ("model/onnx_graph.py", "model/graph.py", "model/inference.py"),
    "rich": ("report", "cli"),
    "typer": ("cli",),
    "kenlm": ("language_model",),
    "pyctcdecode": ("decoder",),
    "jiwer": ("metrics",),
    "soundfile": ("audio",),
    "av": ("audio",),
    "matplotlib": ("report", "cli"),
    "ray": ("cluster.py", "training"),
    "pickle": (),
}


@cache
def syntax(path: Path) -> list[ast.AST]:
    """Return all nodes of a file, which many tests look at."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@cache
def imports(path: Path) -> set[str]:
    """Return the top-level names of all modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in syntax(path):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("library", CONFINED)
def test_a_library_is_known_to_few_files(library: str) -> None:
    def allowed(path: Path) -> bool:
        name = path.relative_to(PACKAGE).as_posix()
        return any(name == place or name.startswith(f"{place}/") for place in CONFINED[library])

    strangers = [str(path.relative_to(PACKAGE)) for path in SOURCES if library in imports(path) and not allowed(path)]
    assert strangers == []


def test_the_layers_are_drawn_as_the_contract_has_them() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    contract = project["tool"]["importlinter"]["contracts"][0]["layers"]
    drawn = re.search(r"^    errors <- .*\n(?:^    .*\n)*", (REPOSITORY / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert drawn is not None
    assert re.split(r"\s*<-\s*", drawn[0].strip()) == contract[::-1]


def inner_imports(path: Path) -> set[str]:
    """Return the modules of the package that a file imports anywhere, also within functions."""
    found = set()
    for node in syntax(path):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def test_modules_of_the_metrics_import_one_way() -> None:
    """No two of them need each other, a package of them counted as one and its own modules one by one."""
    paths = {
        ".".join(path.relative_to(REPOSITORY).with_suffix("").parts): path
        for path in (PACKAGE / "metrics").rglob("*.py")
        if path.name != "__init__.py"
    }
    for depth in (3, 4):  # asrkit.metrics.transcripts, asrkit.metrics.transcripts.fields

        def home(name: str, depth: int = depth) -> str:
            return ".".join(name.split(".")[:depth])

        needs: dict[str, set[str]] = {home(name): set() for name in paths}
        for name, path in paths.items():
            needs[home(name)] |= {home(other) for other in inner_imports(path)} & needs.keys() - {home(name)}
        assert needs
        assert list(TopologicalSorter(needs).static_order())  # raises CycleError on a circle


def test_library_code_does_not_print() -> None:
    printing = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in SOURCES
        if path.relative_to(PACKAGE).parts[0] not in ("cli", "report")
        for node in syntax(path)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []


# who opens a path to write without asrkit.writing: into a new folder, or one that was looked at for links and pipes
OWN_WRITERS = (
    "writing.py",
    "cli/transcribe.py",
    "data/download.py",
    "decoder/pyctcdecode.py",
    "locks.py",
    "model/bundle.py",
    "model/export.py",
    "model/folder.py",
    "model/importing.py",
    "transcription/folder.py",
    "transcription/written.py",
)


def writes_to_a_path(node: ast.AST) -> bool:
    """Whether a node opens a file by its name to write, follows a link there, and waits for whoever reads a pipe."""
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    modes = [part.value for value in given for part in ast.walk(value) if isinstance(part, ast.Constant)]
    is_open = name == "open" and any(
        re.fullmatch(r"[rwax]b?\+?b?t?", str(mode)) and mode not in ("r", "rb") for mode in modes
    )
    is_copy = ast.unparse(node.func).startswith("shutil.") and name in ("copy", "copy2", "copyfile", "copytree", "move")
    return is_open or is_copy or name in ("write_text", "write_bytes", "touch")


def test_what_is_written_appears_whole_and_not_where_a_link_leads() -> None:
    writers = {path.relative_to(PACKAGE).as_posix() for path in SOURCES if any(map(writes_to_a_path, syntax(path)))}
    assert writers == set(OWN_WRITERS)


def test_nothing_imports_scripts_tests_or_benchmarks() -> None:
    outsiders = {"scripts", "tests", "benchmarks", "lm"}
    assert [path.name for path in SOURCES if imports(path) & outsiders] == []


NATIVE = PACKAGE / "native"
NATIVE_SOURCES = [path for path in sorted(NATIVE.rglob("*")) if path.suffix in (".cpp", ".hpp", ".inl")]


def test_only_the_binding_files_know_nanobind() -> None:
    strangers = [
        path.name
        for path in NATIVE_SOURCES
        if re.search(r"#include\s*<nanobind/|\bnanobind::", path.read_text(encoding="utf-8"))
        and path.parent.name != "bindings"
    ]
    assert NATIVE_SOURCES
    assert strangers == []


def test_native_folders_include_one_way_as_drawn() -> None:
    """A folder includes itself and what stands to its left; neighbors at a bar know nothing of each other."""
    drawn = re.search(r"^    machine <- .*$", (REPOSITORY / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert drawn is not None
    levels = [level.split(" | ") for level in drawn[0].strip().split(" <- ")]
    level_of = {folder: level for level, folders in enumerate(levels) for folder in folders}
    assert {path.parent.name for path in NATIVE_SOURCES} == set(level_of)
    for path in NATIVE_SOURCES:
        for included in re.findall(r'#include\s*"([^"]+)"', path.read_text(encoding="utf-8")):
            assert (NATIVE / included).is_file(), f"{path.name} includes {included}"
            home, other = path.parent.name, Path(included).parent.name
            assert home == other or level_of[other] < level_of[home], f"{path.name} includes {included}"


def loaded_modules(code: str) -> set[str]:
    """Return the top-level modules present after running code in a fresh interpreter."""
    program = f"{code}\nimport sys\nprint('LOADED', *{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.rpartition("LOADED")[2].split())


HEAVY = {
    "keras",
    "tensorflow",
    "jax",
    "onnx",
    "onnxruntime",
    "matplotlib",
    "pandas",
    "kenlm",
    "pyctcdecode",
    "jiwer",
    "av",
    "ray",
    "fsspec",
}


def test_the_package_itself_loads_nothing_heavy() -> None:
    assert not loaded_modules("import asrkit") & (HEAVY | {"numpy", "typer", "rich"})


def test_no_help_loads_anything_heavy() -> None:
    """One process asks for the help of every command, so that a single heavy import anywhere shows."""
    code = """
import functools
import typer.main

typer.main.get_command = functools.cache(typer.main.get_command)  # else all commands are made anew for each
from typer.testing import CliRunner
from asrkit.cli.whole import app

def leaves(command, path):
    children = getattr(command, "commands", None)
    yield path
    for name, child in (children or {}).items():
        yield from leaves(child, [*path, name])

for path in list(leaves(typer.main.get_command(app), [])):
    result = CliRunner().invoke(app, [*path, "--help"])
    assert result.exit_code == 0, (path, result.output)
"""
    assert not loaded_modules(code) & HEAVY


def test_a_command_loads_no_other() -> None:
    program = "import sys; from asrkit.cli.app import load_what_is_asked as load; load(['score']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"asrkit.cli.score"} == loaded & {f"asrkit.cli.{name}" for name in ("score", "train", "transcribe", "data")}


def test_every_command_is_found_by_its_name() -> None:
    """What registers a command stands in the table of commands."""
    registers = re.compile(r"^@\w*app\.command|^app\.add_typer", re.MULTILINE)
    found = {path.stem for path in (PACKAGE / "cli").glob("*.py") if registers.search(path.read_text(encoding="utf-8"))}
    assert found - {"lm"} == set(  # lm is the group alone; what is listed for it loads it
        itertools.chain.from_iterable(modules for _, modules in command_line._COMMANDS.values())
    )
    assert set(typer.main.get_command(app).commands) == set(command_line._COMMANDS)  # type: ignore[attr-defined]


def test_settings_errors_and_scoring_need_no_heavy_library() -> None:
    loaded = loaded_modules("import asrkit.config, asrkit.errors, asrkit.metrics, asrkit.text")
    assert not loaded & (HEAVY | {"typer", "rich"})


def test_every_marker_of_the_tests_is_registered() -> None:
    options = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"][
        "ini_options"
    ]
    assert {marker.partition(":")[0] for marker in options["markers"]} >= {"slow", "jax"}


def test_the_version_stands_in_one_place() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert version_of() == project["version"]
    assert [p.name for p in SOURCES if project["version"] in p.read_text(encoding="utf-8")] == []
