"""``asrkit doctor``: what a bug report needs to know about this installation."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated, Any

import typer

from asrkit.cli.app import app
from asrkit.cli.showing import show
from asrkit.config import cache_folder
from asrkit.errors import AsrkitError
from asrkit.packages import DISTRIBUTION, UNKNOWN, namesake, version_of
from asrkit.training.backend import gpus_of_system, keras_backend, quiet_backend

_NAME = re.compile(r"[\w.-]+")
_EXTRA = re.compile(r"""extra\s*==\s*["']([\w-]+)["']""")
_PYTHON = re.compile(r"""python_version\s*(<|>=)\s*["'](\d+)\.(\d+)["']""")
# pyctcdecode allows no NumPy 2, and with NumPy 1 pip takes a JAX of years ago
_APART = {"jax": "pyctcdecode", "pyctcdecode": "jax"}


def requirements(lines: Iterable[str]) -> dict[str, list[str]]:
    """Sort what asrkit declares to need on this Python by the task that needs it.

    Args:
        lines: Requirements as the package's metadata gives them, such as ``av>=12; extra == "media"``.

    Returns:
        Distributions for each extra but ``dev``; ``core`` comes first.
    """
    tasks: dict[str, list[str]] = {"core": []}
    for line in lines:
        requirement, _, marker = line.partition(";")
        extra, python = _EXTRA.search(marker), _PYTHON.search(marker)
        names = tasks.setdefault(extra[1] if extra else "core", [])
        if not python or (sys.version_info >= (int(python[2]), int(python[3]))) == (python[1] == ">="):
            names.append(_NAME.findall(requirement)[0])
    tasks.pop("dev", None)
    return tasks


def _requirements() -> list[str]:
    from importlib.metadata import PackageNotFoundError, requires

    try:
        return requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        return []


def _other_distribution() -> str | None:
    """Return what is wrong where a distribution called ``asrkit`` is installed too, or None."""
    former = namesake()
    if former is None:
        return None
    version, is_ours = former
    whose = f"our former asrkit {version}" if is_ours else f"asrkit {version}, another product,"
    return (
        f"{whose} is installed beside {DISTRIBUTION}, in the same folder: pip uninstall asrkit, then "
        "pip install --force-reinstall --no-deps . in a clone"
    )


def _extension() -> dict[str, Any]:
    try:
        import asrkit._native as native
    except ImportError as error:
        return {"ok": False, "error": str(error)}
    return {"ok": True, "path": str(native.__file__)}


def _onnx_providers() -> list[str]:
    try:
        import onnxruntime
    except ImportError:
        return []
    return list(onnxruntime.get_available_providers())


def _gpus() -> dict[str, Any]:
    """Return the GPUs of this system, and what trains on them; the backend is started only where there are some."""
    gpus = gpus_of_system()
    if not gpus:
        return {"found": [], "used": False, "advice": None}
    try:
        with quiet_backend():
            from asrkit.training.devices import unused_gpu

            advice = unused_gpu()
    except AsrkitError as error:  # no backend, or none that trains
        advice = str(error)
    return {"found": gpus, "used": advice is None, "advice": advice}


def _cache() -> dict[str, Any]:
    """Return where decoded audio and its like are kept, and how much there is."""
    folder = cache_folder()
    sizes = []
    for path in folder.rglob("*"):
        with suppress(OSError):
            sizes.append(path.stat().st_size if path.is_file() else 0)
    return {"folder": str(folder), "mb": round(sum(sizes) / 1e6)}


def diagnose() -> dict[str, Any]:
    """Describe this installation in plain values; ``problems`` lists what keeps asrkit's core from working."""
    tasks = {
        task: {name: None if version_of(name) == UNKNOWN else version_of(name) for name in names}
        for task, names in requirements(_requirements()).items()
    }
    core = tasks.pop("core")
    extension = _extension()
    problems = [] if core else ["asrkit is not installed, only lying there: pip install . in its folder"]
    problems += [f"{name} is not installed: pip install {name}" for name, found in core.items() if found is None]
    if not extension["ok"]:
        problems.append(f"the C++ extension does not load ({extension['error']}): pip install . in a clone builds it")
    if other := _other_distribution():
        problems.append(other)
    return {
        "asrkit": version_of(),
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "extension": extension,
        "keras_backend": keras_backend(),
        "gpus": _gpus(),
        "cache": _cache(),
        "onnx_providers": _onnx_providers(),
        "packages": core,
        "tasks": tasks,
        "variables": {name: value for name, value in sorted(os.environ.items()) if name.startswith("ASRKIT_")},
        "problems": problems,
    }


@app.command(epilog="Example: asrkit doctor --json > doctor.json")
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Show versions, backends and what is missing, for a bug report."""
    report = diagnose()
    if as_json:
        show(json.dumps(report, indent=2), exact=True)
    else:
        _print(report)
    if report["problems"]:
        raise typer.Exit(1)


def _print(report: dict[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from asrkit.cli.console import Console

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    extension, cache = report["extension"], report["cache"]
    rows = {
        "asrkit": report["asrkit"],
        "Python": f"{report['python']}  {report['executable']}",
        "platform": f"{report['platform']}, {report['cpus']} CPUs",
        "extension": extension["path"] if extension["ok"] else f"does not load: {extension['error']}",
        "Keras backend": report["keras_backend"],
        "GPUs": _gpus_in_words(report["gpus"]),
        "cache": f"{cache['folder']}, {cache['mb']:,} MB (may be removed; ASRKIT_CACHE_DIR moves it)",
        "ONNX providers": ", ".join(report["onnx_providers"]) or "none",
    }
    installed = {name for packages in report["tasks"].values() for name, found in packages.items() if found}
    rows |= {name: found or "missing" for name, found in report["packages"].items()}
    rows |= {f"for {task}": _in_words(packages, installed) for task, packages in report["tasks"].items()}
    rows |= report["variables"]
    for name, value in rows.items():
        style = "red" if value == "missing" else "dim" if "missing: " in value else ""
        table.add_row(escape(name), f"[{style}]{escape(value)}[/]" if style else escape(value))
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    for problem in report["problems"]:
        console.print(f"[red]problem:[/] {escape(problem)}")
    if not report["problems"]:
        console.print("[green]The core is complete; what is missing above is for other tasks.[/]")


def _gpus_in_words(gpus: dict[str, Any]) -> str:
    if not gpus["found"]:
        return "none that an NVIDIA driver shows"
    return f"{', '.join(gpus['found'])}, " + ("used for training" if gpus["used"] else f"not used: {gpus['advice']}")


def _in_words(packages: dict[str, str | None], installed: set[str]) -> str:
    """Return the versions of a task's packages, and what to install, given what is installed for other tasks."""
    if not packages:
        return f"nothing for Python {platform.python_version()}"
    words = [f"{name} {version}" for name, version in packages.items() if version]
    missing = [name for name, version in packages.items() if version is None]
    if missing:
        enemies = {_APART[name] for name in missing if name in _APART} & installed
        apart = f", but not beside {' and '.join(enemies)}" if enemies else ""
        words.append(f"missing: pip install {' '.join(missing)}{apart}")
    return ", ".join(words)
