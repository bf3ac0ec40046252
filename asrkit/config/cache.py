"""Where commands keep what is slow to make again: decoded audio, emissions, copies of remote recordings."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(named: Path | str | None = None) -> Path:
    """Return the folder that is named, else that of ``ASRKIT_CACHE_DIR``, else ``~/.cache/asrkit``."""
    return Path(named or os.environ.get("ASRKIT_CACHE_DIR") or Path.home() / ".cache" / "asrkit")
