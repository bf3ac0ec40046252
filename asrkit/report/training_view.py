"""What ``asrkit train`` shows: a live view in a terminal, one line an epoch elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from asrkit.metrics import align
from asrkit.text.identifiers import printable
from asrkit.training.observer import BatchDone, EpochDone, RunStart, Sample, TrainingObserver

_EPOCH_ROWS = 12
_LINES_BELOW = 6  # heading of the table, curves, progress
_CURVE_WIDTH = 40
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
        self._epochs: list[EpochDone] = []
        self._progress = _progress(console)
        self._task = self._progress.add_task("reading audio", total=None, status="")
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4)
        self._num_epochs = 0

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
            f"{start.num_parameters / 1e6:.1f} M parameters on {start.device}; training on "
            f"{start.train_utterances:,} utterances ({_hours(start.train_seconds)}), "
            f"dev {start.dev_utterances:,} ({_hours(start.dev_seconds)})"
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
        if not self.is_live and not self.quiet:
            self.console.print(_line(event), markup=False, highlight=False, soft_wrap=True)

    def note(self, message: str) -> None:
        """Print a message above the view."""
        self.console.print(Text(printable(message)), highlight=False, soft_wrap=True)

    def _say(self, message: str) -> None:
        if not self.quiet:
            self.note(message)

    def _render(self) -> RenderableType:
        parts: list[RenderableType] = []
        if self._epochs:
            # What is below the table comes first where the window is low: rich cuts the end off.
            room = self.console.height - _LINES_BELOW - 4 * len(self._epochs[-1].samples)
            shown = self._epochs[-max(1, min(_EPOCH_ROWS, room)) :]
            parts += [_epoch_table(shown), _curves(self._epochs), *_samples(self._epochs[0], self._epochs[-1])]
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


def _epoch_table(epochs: Sequence[EpochDone]) -> Table:
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


def _curves(epochs: Sequence[EpochDone]) -> Table:
    """Return loss, dev WER and blank rate of all epochs as lines of blocks, with the first and the last value."""
    table = Table(box=None, pad_edge=False, show_header=False)
    curves = {
        "loss": [e.loss for e in epochs],
        "dev WER %": [e.dev_wer for e in epochs],
        "blanks %": [100 * e.blank_rate for e in epochs],
    }
    for name, values in curves.items():
        table.add_row(name, Text(spark(values), style="cyan"), f"{values[0]:.1f} to {values[-1]:.1f}")
    return table


def spark(values: Sequence[float], width: int = _CURVE_WIDTH) -> str:
    """Return values as blocks from 0 to the largest; of more than fit, those spread evenly, the last one always."""
    if len(values) > width:
        values = [values[round(place * (len(values) - 1) / (width - 1))] for place in range(width)]
    top = max([value for value in values if math.isfinite(value)], default=0.0) or 1.0
    return "".join(
        _BLOCKS[min(len(_BLOCKS) - 1, int(value / top * len(_BLOCKS)))] if math.isfinite(value) else "?"
        for value in values
    )


def _samples(first: EpochDone, last: EpochDone) -> list[RenderableType]:
    """Return what was said in a few dev utterances, and what was heard in the first epoch seen and now."""
    tables: list[RenderableType] = []
    earlier = {sample.id: sample for sample in first.samples}
    for sample in last.samples:
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1, 0, 0))
        table.add_row(Text("said", style="dim"), _one_line(Text(sample.reference)))
        if sample.id in earlier and first.epoch != last.epoch:
            table.add_row(Text(f"epoch {first.epoch + 1}", style="dim"), _heard(earlier[sample.id]))
        table.add_row(Text(f"epoch {last.epoch + 1}", style="dim"), _heard(sample))
        tables += [table, Text()]
    return tables


def _heard(sample: Sample) -> Text:
    """Return a transcript with wrong words in red and missing ones as dots."""
    parts = Text()
    for step in align(sample.hypothesis.split(), sample.reference.split()):
        if step.kind == "deletion":
            parts.append("\u00b7 ", style="red")
        else:
            parts.append(f"{step.hypothesis} ", style="" if step.kind == "hit" else "red")
    return _one_line(parts)


def _one_line(line: Text) -> Text:
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _line(e: EpochDone) -> str:
    best = "  best" if e.is_best else ""
    line = (
        f"epoch {e.epoch + 1}: loss {e.loss:.2f}, dev loss {e.dev_loss:.2f}, dev WER {e.dev_wer:.1f} %, "
        f"CER {e.dev_cer:.1f} %, blanks {100 * e.blank_rate:.0f} %, {e.seconds:.0f} s "
        f"({e.audio_per_second:.0f} s of audio a second){best}"
    )
    for sample in e.samples[:1]:
        line += f"\n  said:  {sample.reference}\n  heard: {sample.hypothesis}"
    return line


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.2f} h" if seconds >= 360 else f"{seconds:.0f} s"
