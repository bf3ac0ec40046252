"""``asrkit doctor``: what a bug report needs to know about this installation."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from asrkit.cli.app import app

_NAME = re.compile(r"[\w.-]+")
_EXTRA = re.compile(r"""extra\s*==\s*["']([\w-]+)["']""")
_PYTHON = re.compile(r"""python_version\s*(<|>=)\s*["'](\d+)\.(\d+)["']""")


def requirements(lines: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Tell what asrkit needs here from what is good to have.

    Args:
        lines: Requirements as the package's metadata gives them, such as ``av>=12; extra == "media"``.

    Returns:
        The distributions that are needed, and the others with where they are to be had: the Pythons, or the extra
        that brings them.
    """
    required: list[str] = []
    optional: dict[str, str] = {}
    for line in lines:
        requirement, _, marker = line.partition(";")
        name = _NAME.findall(requirement)[0]
        extra, python = _EXTRA.search(marker), _PYTHON.search(marker)
        if extra:
            if extra[1] != "dev":
                optional.setdefault(name, f"asrkit[{extra[1]}]")
        elif python and (sys.version_info >= (int(python[2]), int(python[3]))) != (python[1] == ">="):
            optional.setdefault(name, f"Python {python[1]} {python[2]}.{python[3]}")
        else:
            required.append(name)
    return required, {name: source for name, source in optional.items() if name not in required}


def _requirements() -> list[str]:
    from importlib.metadata import PackageNotFoundError, requires

    try:
        return requires("asrkit") or []
    except PackageNotFoundError:
        return []


def _version(distribution: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


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


def _keras_backend() -> str:
    """Return the backend Keras would use, without the seconds that importing it takes."""
    from pathlib import Path

    if backend := os.environ.get("KERAS_BACKEND"):
        return backend
    config = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "keras.json"
    try:
        return str(json.loads(config.read_text(encoding="utf-8"))["backend"])
    except (OSError, ValueError, KeyError):
        return "tensorflow"


def diagnose() -> dict[str, Any]:
    """Describe this installation in plain values; ``problems`` lists what keeps asrkit from working."""
    names, optional = requirements(_requirements())
    required = {name: _version(name) for name in names}
    extension = _extension()
    problems = [] if names else ["asrkit is not installed as a package: pip install it, or what it needs is not known"]
    problems += [f"{name} is not installed: pip install {name}" for name, found in required.items() if found is None]
    if not extension["ok"]:
        problems.append(f"the C++ extension does not load ({extension['error']}): reinstall asrkit")
    return {
        "asrkit": _version("asrkit"),
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "extension": extension,
        "keras_backend": _keras_backend(),
        "onnx_providers": _onnx_providers(),
        "packages": required,
        "optional": {name: _version(name) for name in optional},
        "optional_from": optional,
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
        typer.echo(json.dumps(report, indent=2))
    else:
        _print(report)
    if report["problems"]:
        raise typer.Exit(1)


def _print(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    extension = report["extension"]
    rows = {
        "asrkit": report["asrkit"] or "not installed as a package",
        "Python": f"{report['python']}  {report['executable']}",
        "platform": f"{report['platform']}, {report['cpus']} CPUs",
        "extension": extension["path"] if extension["ok"] else f"does not load: {extension['error']}",
        "Keras backend": report["keras_backend"],
        "ONNX providers": ", ".join(report["onnx_providers"]) or "none",
    }
    rows |= {name: found or "missing" for name, found in report["packages"].items()}
    source = report["optional_from"]
    rows |= {name: found or f"not installed ({source[name]})" for name, found in report["optional"].items()}
    rows |= report["variables"]
    for name, value in rows.items():
        style = "red" if value == "missing" else "dim" if value.startswith("not installed (") else ""
        table.add_row(escape(name), f"[{style}]{escape(value)}[/]" if style else escape(value))
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    for problem in report["problems"]:
        console.print(f"[red]problem:[/] {escape(problem)}")
    if not report["problems"]:
        console.print("[green]All that asrkit needs is here.[/]")
