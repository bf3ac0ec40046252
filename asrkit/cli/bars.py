"""Progress bars on stderr, while a person looks at it."""

from __future__ import annotations

from collections.abc import Callable


class Bars:
    """Shows one bar for each stage, with the time left, beside the results.

    Args:
        quiet: Show none.
        bytewise: What is counted are bytes.
    """

    def __init__(self, *, quiet: bool = False, bytewise: bool = False) -> None:
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            ProgressColumn,
            TaskID,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        from asrkit.cli.console import Console

        console = Console(stderr=True)
        amount: list[ProgressColumn] = [TextColumn("{task.fields[amount]}")]
        self._progress = Progress(
            TextColumn("{task.description:11}"),
            BarColumn(),
            *([DownloadColumn(), TransferSpeedColumn()] if bytewise else amount),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def update(self, what: str, done: int, total: int) -> None:
        """Move the bar of a stage to so many of all."""
        self._move(what, done, total, f"{done:,}/{total:,}")

    def share(self, what: str) -> Callable[[float], None]:
        """Return what moves the bar of a stage to a share between 0 and 1."""
        return lambda done: self._move(what, done, 1.0, f"{done:.0%}")

    def _move(self, what: str, done: float, total: float, amount: str) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total, amount="")
        self._progress.update(self._tasks[what], completed=done, amount=amount)
