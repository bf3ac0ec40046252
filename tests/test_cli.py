from __future__ import annotations

import dataclasses
import importlib
import inspect
import itertools
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from asrkit import config
from asrkit.cli import doctor, main
from asrkit.cli.whole import app
from asrkit.errors import AudioError, ConfigError
from asrkit.packages import version_of


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
    for name, child in (children or {}).items():
        yield from leaves(child, (*path, name))


APP_MODULE = sys.modules["asrkit.cli.app"]  # the name asrkit.cli.app is the application itself
COMMANDS = dict(leaves(typer.main.get_command(app)))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "asrkit", *arguments], capture_output=True, text=True, timeout=60)


def test_the_version_goes_to_stdout() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"asrkit {version_of()}\n", "")


def test_the_bare_command_says_of_each_what_it_says_of_itself() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    said = {
        name: " ".join(inspect.cleandoc(command.help).split("\n\n")[0].split()) for name, command in commands.items()
    }
    assert said == {name: purpose for name, (purpose, _) in APP_MODULE._COMMANDS.items()}
    shown = " ".join(run("--help").stdout.replace("│", " ").split())
    assert all(f"{name} {purpose}" in shown for name, purpose in said.items())


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_paragraphs_of_the_help_break_where_the_terminal_ends(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "60", "TERMINAL_WIDTH": "60"}).stdout
    prose = [line.strip() for line in shown.split("╭")[0].splitlines()]
    early = [one for one, next_ in itertools.pairwise(prose) if one and next_ and len(f"{one} {next_.split()[0]}") < 58]
    assert prose and not early


@pytest.mark.parametrize("path", [(), ("data",), *COMMANDS], ids=" ".join)
def test_no_flag_looks_as_if_it_took_a_value(path: tuple[str, ...]) -> None:
    assert "bool" not in CliRunner().invoke(app, [*path, "--help"]).stdout


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], [], ["transcribble"]])
def test_a_start_without_a_command_reads_none(arguments: list[str]) -> None:
    program = (
        f"import sys; from asrkit.cli.app import load_what_is_asked as load; load({arguments}); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {f"asrkit.cli.{name}" for name in APP_MODULE._COMMANDS} & set(loaded)


@pytest.mark.parametrize(
    ("words", "offered"), [("asrkit tra", {"train", "transcribe"}), ("asrkit data se", {"segment"})]
)
def test_the_shell_completes_every_command(words: str, offered: set[str]) -> None:
    asked = {"_ASRKIT_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    code = "import sys; sys.argv = ['asrkit']; from asrkit.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | asked)
    assert set(done.stdout.split()) == offered


def test_a_wrong_command_is_wrong_usage() -> None:
    done = run("transcribble")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "transcribble" in done.stderr


def test_help_lists_the_commands_in_the_order_in_which_people_meet_them() -> None:
    listed = typer.main.get_command(app).list_commands(None)  # type: ignore[arg-type]
    known = [
        "train",
        "transcribe",
        "score",
        "decode",
        "align",
        "compare",
        "status",
        "data",
        "lm",
        "model",
        "demo",
        "doctor",
    ]
    assert listed == [name for name in known if name in listed]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_does_and_gives_an_example(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*path, "--help"])
    assert result.exit_code == 0
    assert f"Example: asrkit {' '.join(path)}" in f"{COMMANDS[path].help} {COMMANDS[path].epilog}", (
        "the help gives no example"
    )
    assert all(p.help for p in COMMANDS[path].params if p.name != "help"), "a parameter has no help"


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_refuses_an_option_it_does_not_know(path: tuple[str, ...]) -> None:
    assert CliRunner().invoke(app, [*path, "--no-such-option"]).exit_code == 2


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (AudioError("is empty; remove it", path="a.wav"), "asrkit: a.wav: is empty; remove it\n", 1),
        (ConfigError("beam must be positive, not 0"), "asrkit: beam must be positive, not 0\n", 2),
        (OSError(28, "No space left on device", "out/a.txt"), "asrkit: out/a.txt: No space left on device\n", 1),
        (IsADirectoryError(21, "Is a directory", ".a.part", None, "a.html"), "asrkit: a.html: Is a directory\n", 1),
        (KeyboardInterrupt(), "asrkit: interrupted\n", 130),
        (SystemExit(130), "", 130),  # a command of the demo that has said so itself
        (SystemExit(3), "", 3),
    ],
)
def test_failures_are_one_line_and_an_exit_code(
    error: BaseException, line: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["asrkit", "status"])
    monkeypatch.setattr(APP_MODULE, "app", raiser(error))
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == code
    assert capsys.readouterr() == ("", line)


def raiser(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["asrkit", "status"])
    monkeypatch.setattr(APP_MODULE, "app", raiser(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        main()


def test_doctor_tells_what_is_here() -> None:
    done = run("doctor", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert report["asrkit"] == version_of()
    assert report["extension"]["ok"]
    assert report["packages"]["numpy"] == version("numpy")
    assert report["problems"] == []


def test_doctor_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "asrkit.cli.doctor._requirements",
        lambda: ["numpy>=1", "no-such-package>=2", "numpy; extra == 'y'", "x; extra == 'y'", "z; extra == 'y'"],
    )
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "problem: no-such-package is not installed: pip install no-such-package" in result.output
    assert "dim" not in result.output  # no color tells it in a file
    assert re.search(rf"^for y +numpy {version('numpy')}, missing: pip install x z *$", result.output, re.MULTILINE)
    monkeypatch.setattr("asrkit.cli.doctor._requirements", list)
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1 and "asrkit is not installed, only lying there: pip install ." in result.output


def test_doctor_looks_for_what_the_package_declares() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = doctor.requirements(project["dependencies"])["core"]
    assert {"numpy", "typer", "rich", "onnxruntime"} <= set(required)
    report = doctor.diagnose()
    assert set(report["packages"]) == set(required)
    assert set(report["tasks"]) == project["optional-dependencies"].keys() - {"dev"}
    assert set(report["tasks"]["train"]) == {"keras", "matplotlib", "tensorflow"}


def test_what_a_task_lacks_is_no_problem_of_the_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asrkit.cli.doctor._requirements", lambda: ["numpy>=1", "no-such-package>=2; extra == 'y'"])
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.output)["tasks"] == {"y": {"no-such-package": None}}


@pytest.mark.parametrize(
    ("packages", "installed", "words"),
    [
        ({}, set(), "nothing for Python"),
        ({"av": "1.0"}, set(), "av 1.0"),
        ({"jax": None, "keras": "3.0"}, {"keras"}, "keras 3.0, missing: pip install jax"),
        ({"jax": None}, {"pyctcdecode"}, "missing: pip install jax, but not beside pyctcdecode"),
        ({"pyctcdecode": None}, {"jax"}, "missing: pip install pyctcdecode, but not beside jax"),
    ],
)
def test_a_task_is_told_with_what_it_lacks(packages: dict[str, Any], installed: set[str], words: str) -> None:
    assert doctor._in_words(packages, installed).startswith(words)
    assert not packages or doctor._in_words(packages, installed) == words


def test_requirements_are_told_apart_by_their_markers() -> None:
    lines = [
        "a>=1", "b-c<2,>=1.26; python_version < \"9.0\"", "b-c>=3; python_version >= \"9.0\"",
        "old>=1; python_version < '3.1'", "e; python_version < '3.1' and extra == 'gone'",
        "d[http]>=2; extra == \"remote\"", "d; extra == 'dev'", "e==1 ; extra=='dev'",
    ]  # fmt: skip
    assert doctor.requirements(lines) == {"core": ["a", "b-c"], "remote": ["d"], "gone": []}


# command -> the library function it presents
LIBRARY = {
    ("train",): "asrkit.training.run:train",
    ("transcribe",): "asrkit.transcription:transcribe",
    ("decode",): "asrkit.transcription:decode_emissions",
    ("score",): "asrkit.metrics.scoring:score",
    ("lm", "build"): "asrkit.language_model:build_ngram",
    ("data", "synth"): "asrkit.synth:synthesize_corpus",
    ("data", "degrade"): "asrkit.data.degraded:degrade_set",
}


@pytest.mark.parametrize("path", [path for path in COMMANDS if path in LIBRARY], ids=" ".join)
def test_a_command_has_the_defaults_of_its_library_function(path: tuple[str, ...]) -> None:
    """None on the command line means: not set, the library or the settings decide."""
    module, name = LIBRARY[path].split(":")
    function = inspect.signature(getattr(importlib.import_module(module), name)).parameters
    shared = [p for p in COMMANDS[path].params if p.name in function]
    assert shared, "command and function share no parameter"
    for parameter in shared:
        expected = function[parameter.name].default
        if parameter.default not in (None, expected) and expected is not inspect.Parameter.empty:
            assert plain(parameter.default) == plain(expected), parameter.name


def plain(value: Any) -> Any:
    return getattr(value, "value", str(value) if isinstance(value, Path) else value)


def test_a_variable_means_one_thing_to_all_commands() -> None:
    meanings = {(p.envvar, p.name) for command in COMMANDS.values() for p in command.params if p.envvar}
    assert ("ASRKIT_BATCH_SIZE", "batch_size") in meanings
    assert sorted(variable for variable, _ in meanings) == sorted({f"ASRKIT_{name.upper()}" for _, name in meanings})


@pytest.mark.parametrize(
    "path", [path for path in COMMANDS if path[0] in ("train", "transcribe", "decode")], ids=" ".join
)
def test_a_flag_that_is_a_setting_has_no_default_of_its_own(path: tuple[str, ...]) -> None:
    """Else a flag nobody gave would beat ``asrkit.toml``."""
    fields = {
        field.name
        for settings in vars(config).values()
        if inspect.isclass(settings) and issubclass(settings, config.Settings) and settings is not config.Settings
        for field in dataclasses.fields(settings)
    }
    own = [p.name for p in COMMANDS[path].params if p.name in fields and p.default not in (None, ())]
    assert own == []
