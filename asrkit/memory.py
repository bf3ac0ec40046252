"""How much memory this process has held."""

from __future__ import annotations

import sys


def peak_mb() -> float | None:
    """Return the most memory this process ever held, or None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
