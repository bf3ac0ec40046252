"""Starting Keras and its backend."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asrkit.errors import ConfigError
from asrkit.packages import needed, require_installed, silenced

_BACKENDS = ("tensorflow", "jax", "torch")


def keras_backend() -> str:
    """Return the backend that Keras uses or will use, without the seconds that importing it takes."""
    keras_module: Any = sys.modules.get("keras")
    if keras_module:
        return str(keras_module.backend.backend())
    if backend := os.environ.get("KERAS_BACKEND"):
        return backend
    config = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "keras.json"
    try:
        return str(json.loads(config.read_text(encoding="utf-8"))["backend"])
    except (OSError, ValueError, KeyError, TypeError):
        return "tensorflow"


def gpus_of_system(driver: Path = Path("/proc/driver/nvidia/gpus")) -> list[str]:
    """Return the NVIDIA GPUs that the driver describes (Linux only), whatever the backend makes of them."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):  # hidden on purpose
        return []
    try:
        texts = [path.read_text(encoding="utf-8") for path in sorted(driver.glob("*/information"))]
    except OSError:
        return []
    models = [re.search(r"^Model:\s*(.+)$", text, re.MULTILINE) for text in texts]
    return [model[1].strip() if model else "NVIDIA GPU" for model in models]


def training_modules() -> tuple[str, ...]:
    """Return the modules that training needs: Keras and its backend.

    Raises:
        ConfigError: The backend is not one that can train.
    """
    backend = keras_backend()
    if backend not in _BACKENDS:
        raise ConfigError(f"Keras' backend is set to {backend!r}; set KERAS_BACKEND to {' or '.join(_BACKENDS)}")
    return "keras", backend


def require_training() -> None:
    """Make sure, without importing it, that Keras and its backend are installed.

    Raises:
        MissingPackageError: One of them is not.
        ConfigError: The backend is not one that can train.
    """
    require_installed("training", *training_modules())


@contextlib.contextmanager
def quiet_backend() -> Iterator[None]:
    """Import Keras and build networks in this block, with TensorFlow's start-up messages off the terminal.

    They tell nothing, and go to file descriptor 2 before any of TensorFlow's own settings is read;
    ``TF_CPP_MIN_LOG_LEVEL=0`` shows them.

    Raises:
        MissingPackageError: Keras or its backend is not installed.
        ConfigError: The backend is not one that can train.
    """
    with needed("training", *training_modules()), _silence():
        yield


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with silenced():
        yield
