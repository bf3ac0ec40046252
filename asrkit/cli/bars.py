"""Progress bars of the commands that work on corpora and language models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal


class Bars:
    """Shows one bar on stderr for each stage, with the time left, while a person looks at it.

    Args:
        counts: What the bars count; those of shares go at the end, the others stay beside the results.
        quiet: Show nothing.
    """

    def __init__(self, counts: Literal["items", "bytes", "shares"] = "items", quiet: bool = False) -> None:
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            ProgressColumn,
            TaskID,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        from asrkit.cli.console import Console

        console = Console(stderr=True)
        columns: dict[str, list[ProgressColumn]] = {
            "items": [MofNCompleteColumn()],
            "bytes": [DownloadColumn(), TransferSpeedColumn()],
            "shares": [TaskProgressColumn()],
        }
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            *columns[counts],
            TimeRemainingColumn(),
            console=console,
            transient=counts == "shares",
            disable=quiet or not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def share(self, what: str) -> Callable[[float], None]:
        """Begin the bar of a stage, and return what moves it to a share of all."""
        self.update(what, 0, 1)
        return lambda share: self.update(what, share, 1)

    def update(self, what: str, done: float, total: float) -> None:
        """Move the bar of a stage."""
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(f"{what:11}", total=total)
        self._progress.update(self._tasks[what], completed=done)
