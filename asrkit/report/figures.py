"""Pictures, drawn without pyplot: a backend chosen for the whole process would take a notebook's own figures away."""

from __future__ import annotations

import logging
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

    Fonts that matplotlib misses are replaced without a word: its list of them may be of another environment, and tens
    of lines about that would stand between what a command has to say.

    Raises:
        ConfigError: The file cannot be written, or matplotlib does not know the suffix.
    """
    fonts = logging.getLogger("matplotlib.font_manager")
    level = fonts.level
    fonts.setLevel(logging.ERROR)
    try:
        with written_whole(path) as file:
            figure.savefig(file, format=path.suffix[1:] or None, dpi=120)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: the figure cannot be written: {error}") from None
    finally:
        fonts.setLevel(level)
