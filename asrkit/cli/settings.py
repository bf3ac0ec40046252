"""Where a command's settings come from: flags, ``ASRKIT_*``, ``asrkit.toml``, the bundle, the defaults, in this order.

A variable is another way to give the options that name it, and nothing else: typer reads it and hands it on like a
flag. A flag that is not set is None.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from asrkit.config import Settings, read_toml
from asrkit.errors import ConfigError, MissingPathError
from asrkit.presets import run_config

if TYPE_CHECKING:
    from asrkit.model.bundle import Bundle

PROJECT_FILE = Path("asrkit.toml")
LATEST_MODEL = Path("models/latest")
MODEL_VARIABLE = "ASRKIT_MODEL"
_BOX = Path(__file__).resolve().parent.parent / "models"

SettingsType = TypeVar("SettingsType", bound=Settings)


@dataclass(frozen=True)
class Project:
    """The tables of an ``asrkit.toml``, checked."""

    path: Path | None = None  # the file, or None where there is none
    # Its tables as plain values, only what the file sets.
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path | None = None) -> Project:
        """Read the file a user named, else ``asrkit.toml`` of the current folder, else nothing.

        Raises:
            MissingPathError: The named file does not exist.
            ConfigError: The file is not TOML, or a setting is unknown or out of range, or a file that nobody named
                tells where to send data.
        """
        if path is None and not PROJECT_FILE.is_file():
            return cls()
        is_named = path is not None
        path = path or PROJECT_FILE
        tables = read_toml(path)
        run_config(tables, where=str(path))
        if not is_named and "ray_address" in tables.get("transcription", {}):
            raise ConfigError(
                f"{path}: transcription.ray_address would send recordings and code to a place that a file in this "
                "folder names; give --ray-address or ASRKIT_RAY_ADDRESS instead, or the file with --config"
            )
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

    A flag that is None is not given. Of a model bundle's settings those that are not known here are left out, because a
    bundle may be older or newer than this program.

    Raises:
        ConfigError: A flag is no setting, or a value is out of range.
    """
    known = {f.name for f in dataclasses.fields(settings_type)}  # type: ignore[arg-type]
    values = {name: value for name, value in (bundle or {}).items() if name in known}
    if project is not None:
        values |= project.tables.get(table, {})
    values |= {name: value for name, value in flags.items() if value is not None}
    return settings_type.from_dict(values)


@dataclass(frozen=True)
class ModelChoice:
    """The bundle a command works with, and why it is this one."""

    path: Path
    reason: str

    @property
    def is_boxed(self) -> bool:
        """Whether it came with the package, whose files no command changes."""
        return self.path.resolve().parent == _BOX.resolve()


def choose_model(model: Path | None = None) -> ModelChoice:
    """Choose the bundle: the one named, else ``ASRKIT_MODEL``, else ``models/latest``, else the model in the box.

    Raises:
        MissingPathError: The named bundle does not exist, or there is none at all.
    """
    named = os.environ.get(MODEL_VARIABLE)
    if model is not None and str(model) != named:
        return ModelChoice(named_model(model, "--model"), "--model")
    if named:
        return ModelChoice(named_model(Path(named), MODEL_VARIABLE), MODEL_VARIABLE)
    if LATEST_MODEL.exists():
        return ModelChoice(LATEST_MODEL, f"{LATEST_MODEL}, the latest trained here")
    boxed = boxed_models()
    if boxed:
        return ModelChoice(boxed[0], "the model in the box")
    raise MissingPathError(
        f"there is no model: no --model, no {MODEL_VARIABLE}, no {LATEST_MODEL} and none in the box; "
        "run `asrkit train` first or name a bundle with --model"
    )


def load_model(model: Path | None, say: Callable[[str], None]) -> Bundle:
    """Load the bundle that ``choose_model`` chooses, and say which it is and why."""
    from asrkit.model.bundle import Bundle

    choice = choose_model(model)
    bundle = Bundle.load(choice.path)
    say(f"model: {bundle.name} ({choice.reason})")
    return bundle


def named_model(name: Path, source: str) -> Path:
    """Return the bundle at a path, or the one of that name in the box; ``source`` is what named it.

    Raises:
        MissingPathError: There is no such bundle.
    """
    if name.exists():
        return name
    boxed = [path for path in boxed_models() if path.name == str(name)]
    if not boxed:
        raise MissingPathError(f"no such model bundle (named by {source})", path=name)
    return boxed[0]


def boxed_models() -> list[Path]:
    """Return the bundles that came with the package."""
    return sorted(path.parent for path in _BOX.glob("*/bundle.json"))


def parse_assignment(assignment: str) -> dict[str, Any]:
    """Turn ``training.batch_size=32`` into nested settings; the value is TOML, or else a string.

    Raises:
        ConfigError: There is no ``=``.
    """
    name, equals, text = assignment.partition("=")
    if not equals or not name.strip():
        raise ConfigError(f"--set takes NAME=VALUE, as in training.batch_size=32, not {assignment!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    nested: dict[str, Any] = {}
    *tables, key = name.strip().split(".")
    inner = nested
    for table in tables:
        inner = inner.setdefault(table, {})
    inner[key] = value
    return nested
