"""Where a command's settings come from: flags, ``ASRKIT_*``, ``asrkit.toml``, the bundle, the defaults, in this order.

typer merges a flag with its environment variable, the flag first; this module does the rest. A flag that is not set
is None.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from asrkit.config import Settings, read_toml
from asrkit.errors import ConfigError, MissingPathError
from asrkit.presets import run_config

PROJECT_FILE = Path("asrkit.toml")
LATEST_MODEL = Path("models/latest")
MODEL_VARIABLE = "ASRKIT_MODEL"
_BOX = Path(__file__).resolve().parent.parent / "models"

SettingsType = TypeVar("SettingsType", bound=Settings)


@dataclass(frozen=True)
class Project:
    """The tables of an ``asrkit.toml``, checked.

    Args:
        path: The file, or None where there is none.
        tables: Its tables as plain values, only what the file sets.
    """

    path: Path | None = None
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path | None = None) -> Project:
        """Read the file a user named, else ``asrkit.toml`` of the current folder, else nothing.

        Raises:
            MissingPathError: The named file does not exist.
            ConfigError: The file is not TOML, or a setting is unknown or out of range.
        """
        if path is None and not PROJECT_FILE.is_file():
            return cls()
        path = path or PROJECT_FILE
        tables = read_toml(path)
        run_config(tables, where=str(path))
        return cls(path, tables)


def resolve(
    settings_type: type[SettingsType],
    table: str,
    flags: Mapping[str, Any],
    *,
    project: Project | None = None,
    bundle: Mapping[str, Any] | None = None,
) -> SettingsType:
    """Merge the sources of one table of settings.

    Args:
        settings_type: What to build.
        table: Its table in ``asrkit.toml``.
        flags: Settings given on the command line or by ``ASRKIT_*``; None means not given.
        project: The project's file.
        bundle: The settings that a model bundle carries for this table; keys it does not know here are left out,
            because a bundle may be older or newer than this program.

    Raises:
        ConfigError: A value is out of range.
    """
    return settings_type.from_dict(
        {
            name: value
            for name, (value, _) in sources(settings_type, table, flags, project=project, bundle=bundle).items()
        }
    )


def sources(
    settings_type: type[Settings],
    table: str,
    flags: Mapping[str, Any],
    *,
    project: Project | None = None,
    bundle: Mapping[str, Any] | None = None,
) -> dict[str, tuple[Any, str]]:
    """Return each setting that is not a default, with its value and the source that won."""
    known = {f.name for f in dataclasses.fields(settings_type)}  # type: ignore[arg-type]
    unknown = set(flags) - known
    if unknown:
        raise ConfigError(f"{settings_type.__name__} has no setting {min(unknown)!r}")
    merged = {name: (value, "bundle") for name, value in (bundle or {}).items() if name in known}
    if project is not None:
        merged |= {name: (value, str(project.path)) for name, value in project.tables.get(table, {}).items()}
    for name, value in flags.items():
        if value is not None:
            merged[name] = (list(value) if isinstance(value, tuple) else value, "command line or environment")
    return merged


@dataclass(frozen=True)
class ModelChoice:
    """The bundle a command works with, and why it is this one."""

    path: Path
    reason: str


def choose_model(model: Path | None = None) -> ModelChoice:
    """Choose the bundle: the one named, else ``ASRKIT_MODEL``, else ``models/latest``, else the model in the box.

    Args:
        model: The value of ``--model``.

    Raises:
        MissingPathError: The named bundle does not exist, or there is none at all.
    """
    named = os.environ.get(MODEL_VARIABLE)
    if model is not None and str(model) != named:
        return ModelChoice(_existing(model, "--model"), "--model")
    if named:
        return ModelChoice(_existing(Path(named), MODEL_VARIABLE), MODEL_VARIABLE)
    if LATEST_MODEL.exists():
        return ModelChoice(LATEST_MODEL, f"{LATEST_MODEL}, the latest trained here")
    boxed = _boxed_models()
    if boxed:
        return ModelChoice(boxed[0], "the model in the box")
    raise MissingPathError(
        f"there is no model: no --model, no {MODEL_VARIABLE}, no {LATEST_MODEL} and none in the box; "
        "run `asrkit train` first or name a bundle with --model"
    )


def _existing(path: Path, source: str) -> Path:
    if not path.exists():
        raise MissingPathError(f"no such model bundle (named by {source})", path=path)
    return path


def _boxed_models() -> list[Path]:
    return sorted(path for path in _BOX.glob("*") if path.is_dir()) if _BOX.is_dir() else []
