"""How much memory this process has held, and work on much of it at a time."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def peak_mb() -> float | None:
    """Return the most memory this process ever held, or None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


@contextmanager
def collection_paused() -> Iterator[None]:
    """Make many small objects that stay, without the garbage collector going through them again and again.

    Works as a decorator, too.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
