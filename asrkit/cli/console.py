"""The console of tables and bars, which no text in them can command."""

from __future__ import annotations

from collections.abc import Iterable

import rich.console
from rich.segment import Segment

from asrkit.text.identifiers import harmless


class Console(rich.console.Console):
    """Rich's console; what is not its own to steer with comes out as ``%1B``."""

    def render(
        self, renderable: rich.console.RenderableType, options: rich.console.ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield the pieces of a renderable; all that is ever printed passes here."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else harmless(text), style, control)
