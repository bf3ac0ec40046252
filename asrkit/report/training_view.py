"""What ``asrkit train`` shows: a live view in a terminal, one line an epoch elsewhere."""

from __future__ import annotations

from collections import deque

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from asrkit.training.observer import BatchDone, EpochDone, RunStart, TrainingObserver

_EPOCH_ROWS = 12
_BLOCKS = "▁▂▃▄▅▆▇█"
_REJECTIONS_SHOWN = 3


class TrainingView(TrainingObserver):
    """Shows a run as it goes.

    Args:
        console: Where to; standard error, so that standard output stays free for results.
        quiet: Show nothing but notes.
    """

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self.console = console
        self.quiet = quiet
        self.is_live = console.is_terminal and not quiet
        self._epochs: deque[EpochDone] = deque(maxlen=_EPOCH_ROWS)
        self._wers: list[float] = []
        self._progress = _progress(console)
        self._task = self._progress.add_task("reading audio", total=None, status="")
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4)
        self._num_epochs = 0
        self._audio_s = 0.0
        self._rate = ""

    def __enter__(self) -> TrainingView:
        if self.is_live:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.is_live:
            self._live.stop()

    def decoding_audio(self, done: int, total: int) -> None:
        """Move the bar while audio is read."""
        self._progress.update(self._task, description="reading audio", completed=done, total=total, status="")

    def run_started(self, start: RunStart) -> None:
        """Say what is trained on what."""
        self._num_epochs = start.config.training.epochs
        self._say(
            f"{start.num_parameters / 1e6:.1f} M parameters; training on {start.train_utterances:,} utterances "
            f"({_hours(start.train_seconds)}), dev {start.dev_utterances:,} ({_hours(start.dev_seconds)})"
        )
        if start.first_epoch:
            self._say(f"going on after epoch {start.first_epoch} of the run in {start.output_dir}")
        if start.rejections:
            self._say(f"{len(start.rejections)} utterances cannot be used:")
            for rejection in start.rejections[:_REJECTIONS_SHOWN]:
                self._say(f"  {rejection.id}: {rejection.reason}")
            if len(start.rejections) > _REJECTIONS_SHOWN:
                self._say(f"  and {len(start.rejections) - _REJECTIONS_SHOWN} more")

    def batch_done(self, event: BatchDone) -> None:
        """Move the bar."""
        if event.batch == 1:
            self._progress.reset(self._task, total=event.num_batches)
        self._progress.update(
            self._task,
            description=f"epoch {event.epoch + 1}/{self._num_epochs}",
            completed=event.batch,
            total=event.num_batches,
            status=f"loss {event.loss:.2f}  rate {event.learning_rate:.1e}",
        )

    def epoch_done(self, event: EpochDone) -> None:
        """Add a row, or print a line."""
        self._epochs.append(event)
        self._wers.append(event.dev_wer)
        if not self.is_live and not self.quiet:
            self.console.print(_line(event), markup=False, highlight=False, soft_wrap=True)

    def note(self, message: str) -> None:
        """Print a message above the view."""
        self.console.print(Text(message), highlight=False, soft_wrap=True)

    def _say(self, message: str) -> None:
        if not self.quiet:
            self.note(message)

    def _render(self) -> RenderableType:
        parts: list[RenderableType] = []
        if self._epochs:
            parts += [_epoch_table(self._epochs), _curve(self._wers), _samples(self._epochs[-1])]
        return Group(*parts, self._progress)


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[status]}"),
        console=console,
    )


def _epoch_table(epochs: deque[EpochDone]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("epoch", "loss", "dev loss", "WER %", "CER %", "blank %", "audio s/s", "time"):
        table.add_column(column, justify="right")
    table.add_column("")
    for e in epochs:
        table.add_row(
            str(e.epoch + 1),
            f"{e.loss:.2f}",
            f"{e.dev_loss:.2f}",
            f"{e.dev_wer:.1f}",
            f"{e.dev_cer:.1f}",
            f"{100 * e.blank_rate:.0f}",
            f"{e.audio_per_second:.0f}",
            f"{e.seconds:.0f} s",
            Text("best", style="green") if e.is_best else "",
        )
    return table


def _curve(wers: list[float]) -> Text:
    """Return the dev WER of all epochs as one line of blocks."""
    shown = wers[-60:]
    top = max(max(shown), 1e-9)
    blocks = "".join(_BLOCKS[min(len(_BLOCKS) - 1, int(wer / top * len(_BLOCKS)))] for wer in shown)
    return Text(f"dev WER {blocks}", style="cyan")


def _samples(epoch: EpochDone) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1, 0, 0))
    for sample in epoch.samples:
        table.add_row(Text("said", style="dim"), Text(sample.reference, overflow="ellipsis", no_wrap=True))
        table.add_row(Text("heard", style="dim"), Text(sample.hypothesis, overflow="ellipsis", no_wrap=True))
    return table


def _line(e: EpochDone) -> str:
    best = "  best" if e.is_best else ""
    line = (
        f"epoch {e.epoch + 1}: loss {e.loss:.2f}, dev loss {e.dev_loss:.2f}, dev WER {e.dev_wer:.1f} %, "
        f"CER {e.dev_cer:.1f} %, {e.seconds:.0f} s ({e.audio_per_second:.0f} s of audio a second){best}"
    )
    for sample in e.samples[:1]:
        line += f"\n  said:  {sample.reference}\n  heard: {sample.hypothesis}"
    return line


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.2f} h" if seconds >= 360 else f"{seconds:.0f} s"
