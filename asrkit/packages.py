"""What is installed: asrkit itself, and the packages that only some tasks need.

The core needs little. What training, other decoders or some file formats need beside it is an extra in
``pyproject.toml``, imported where it is used and nowhere else, ``with needed(...)``: without it, the task ends with one
line that says what to install.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from asrkit.errors import MissingPackageError

DISTRIBUTION = "asrkit-ctc"
"""What package managers call asrkit: ``asrkit`` is another product's name on the package index."""

UNKNOWN = "unknown"

# Their last releases neither run under newer Pythons nor compile there.
_LAST_PYTHON = {"kenlm": (3, 12), "pyctcdecode": (3, 12)}


def version_of(distribution: str = DISTRIBUTION) -> str:
    """Return the version of an installed distribution, or ``UNKNOWN``, as of asrkit in a bare checkout."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return UNKNOWN


def namesake() -> tuple[str, bool] | None:
    """Return the version of an installed distribution called ``asrkit``, and whether it is ours of old.

    Up to its first release asrkit bore that name too. The files of such a distribution share a folder with ours.
    """
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        found = metadata("asrkit")
    except PackageNotFoundError:
        return None
    return str(found["Version"]), str(found["Summary"]).startswith("Train a DeepSpeech2, transcribe folders")


def require_installed(task: str, *modules: str, instead: str = "") -> None:
    """Make sure, without importing anything, that the modules of a task are installed.

    Args:
        task: What needs them, as a sentence begins: ``training``.
        modules: Their names; that of a package is the same, with dashes.
        instead: What else one could do, as a sentence ends: ``use the decoder 'beam'``.

    Raises:
        MissingPackageError: Some are missing; the message names the packages to install.
    """
    missing = [module for module in modules if not is_installed(module)]
    if not missing:
        return
    for module in missing:
        newest = _LAST_PYTHON.get(module)
        if newest and sys.version_info[:2] > newest:
            limit = f"which is for Python {newest[0]}.{newest[1]} and older"
            raise MissingPackageError(f"{task} needs {module}, {limit}" + (f"; {instead}" if instead else ""))
    what = "a package that is" if len(missing) == 1 else "packages that are"
    command = f"pip install {_packages(missing)}"
    raise MissingPackageError(f"{task} needs {what} not installed: {command}" + (f", or {instead}" if instead else ""))


@contextmanager
def needed(task: str, *modules: str, instead: str = "") -> Iterator[None]:
    """Import the modules of a task in this block; arguments and errors as of :func:`require_installed`.

    One that is there but cannot be loaded, as if it was built for another NumPy, is an error of the same kind.
    """
    require_installed(task, *modules, instead=instead)
    try:
        yield
    except MissingPackageError:
        raise
    except ImportError as error:
        reason = str(error).strip().partition("\n")[0]
        raise MissingPackageError(
            f"{task} needs {_packages(modules)}, installed but broken ({reason}): "
            f"pip install --force-reinstall {_packages(modules)}"
        ) from error


def _packages(modules: Iterable[str]) -> str:
    return " ".join(module.replace("_", "-") for module in modules)


def is_installed(module: str) -> bool:
    """Tell whether a module can be imported, without importing it."""
    if module in sys.modules:
        return sys.modules[module] is not None
    spec = find_spec(module)
    # the empty folder that an uninstalled package may leave behind has no origin
    return spec is not None and spec.origin is not None


@contextmanager
def silenced() -> Iterator[None]:
    """Keep off the terminal what the native code of packages writes to file descriptor 2 in this block."""
    sys.stderr.flush()
    kept, silence = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silence, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(silence)
