"""Recordings beside a report: linked by relative path, or embedded."""

from __future__ import annotations

import base64
import mimetypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from asrkit.metrics.scoring import ScoreReport

_LARGEST_EMBEDDED = 2_000_000  # bytes of one recording
_TYPES = {".opus": "audio/ogg", ".ogg": "audio/ogg", ".flac": "audio/flac", ".wav": "audio/wav", ".m4a": "audio/mp4"}


@dataclass(frozen=True)
class Recording:
    """The recording of an utterance.

    Args:
        path: Relative to the page, or as a manifest names it where it is not at hand.
        source: What a page plays, or None when it is not at hand.
    """

    path: str
    source: str | None

    @property
    def is_linked(self) -> bool:
        """Whether the source tells the path."""
        return self.source is not None and not self.source.startswith("data:")


@dataclass(frozen=True)
class Players:
    """Finds the recording of an utterance."""

    page_dir: Path  # where the page will lie; links are relative to it
    roots: tuple[Path, ...] = ()  # folders against which relative audio paths are tried, in order
    embed: bool = False  # put the recordings into the page, up to 2 MB each, instead of linking them

    def find(self, reports: Sequence[ScoreReport], index: int) -> Recording | None:
        """Return the recording of an utterance, or None when no system or reference names one."""
        columns = [report.pairs.columns["audio"] for report in reports if "audio" in report.pairs.columns]
        names = [values[index] for values in columns]
        name = next((name for name in names if isinstance(name, str) and name), None)
        if name is None:
            return None
        candidates = [Path(name), *(root / name for root in self.roots)]
        path = next((candidate for candidate in candidates if candidate.is_file()), None)
        kind = "" if path is None else _TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or ""
        if path is None or not kind.startswith(("audio/", "video/")):
            # Only recordings are played; anything else a manifest names stays where it is.
            return Recording(name, None)
        relative = Path(os.path.relpath(path.resolve(), self.page_dir.resolve())).as_posix()
        if self.embed and path.stat().st_size <= _LARGEST_EMBEDDED:
            content = base64.b64encode(path.read_bytes()).decode("ascii")
            return Recording(relative, f"data:{kind};base64,{content}")
        return Recording(relative, quote(relative))
