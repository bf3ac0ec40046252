"""Progress bars of the commands that work on corpora."""

from __future__ import annotations


class Bars:
    """Shows one bar for each stage, with the time left, beside the results; ``bytewise``: it counts bytes."""

    def __init__(self, bytewise: bool = False) -> None:
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            ProgressColumn,
            TaskID,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        from asrkit.cli.console import Console

        console = Console(stderr=True)
        counts: list[ProgressColumn] = [DownloadColumn(), TransferSpeedColumn()] if bytewise else [MofNCompleteColumn()]
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            *counts,
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def update(self, what: str, done: int, total: int) -> None:
        """Move the bar of a stage."""
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(f"{what:11}", total=total)
        self._progress.update(self._tasks[what], completed=done)
