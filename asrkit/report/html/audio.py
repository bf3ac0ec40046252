"""Recordings beside a report: linked by relative path, or embedded."""

from __future__ import annotations

import base64
import mimetypes
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from asrkit.metrics.scoring import ScoreReport

_LARGEST_EMBEDDED = 2_000_000  # bytes of one recording
_TYPES = {".opus": "audio/ogg", ".ogg": "audio/ogg", ".flac": "audio/flac", ".wav": "audio/wav", ".m4a": "audio/mp4"}


@dataclass(frozen=True)
class Players:
    """Finds the recording of an utterance.

    Args:
        page_dir: Where the page will lie; links are relative to it.
        roots: Folders against which relative audio paths are tried, in order.
        embed: Put the recordings into the page, up to 2 MB each, instead of linking them.
    """

    page_dir: Path
    roots: tuple[Path, ...] = ()
    embed: bool = False

    def source(self, report: ScoreReport, index: int) -> str | None:
        """Return the URL of the recording of an utterance, or None when it is not at hand."""
        names = report.pairs.columns.get("audio")
        name = names[index] if names else None
        if not isinstance(name, str) or not name:
            return None
        candidates = [Path(name), *(root / name for root in self.roots)]
        path = next((candidate for candidate in candidates if candidate.is_file()), None)
        if path is None:
            return None
        kind = _TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or ""
        if not kind.startswith(("audio/", "video/")):
            # Only recordings are played; anything else a manifest names stays where it is.
            return None
        if self.embed and path.stat().st_size <= _LARGEST_EMBEDDED:
            return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
        return quote(Path(os.path.relpath(path.resolve(), self.page_dir.resolve())).as_posix())
