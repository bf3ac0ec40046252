"""Pictures, drawn without pyplot: a backend chosen for the whole process would take a notebook's own figures away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asrkit.errors import ConfigError
from asrkit.packages import needed
from asrkit.writing import written_whole


def new_figure(width: float, height: float) -> Any:
    """Return an empty figure of so many inches, which arranges its panels by itself."""
    with needed("drawing a figure", "matplotlib"):
        from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure, its kind by the suffix, such as ``.png`` or ``.svg``.

    Raises:
        ConfigError: The file cannot be written, or matplotlib does not know the suffix.
    """
    try:
        with written_whole(path) as file:
            figure.savefig(file, format=path.suffix[1:] or None, dpi=120)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: the figure cannot be written: {error}") from None
