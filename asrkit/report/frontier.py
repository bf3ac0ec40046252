"""Accuracy against speed of decoding settings, as a figure and as a table."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from asrkit.report.figures import new_figure, save_figure
from asrkit.tuning import Trial, TuningResult

_COLORS = {"fast": "#d95f02", "accurate": "#1b9e77", "thorough": "#7570b3"}


def plot_frontier(result: TuningResult, path: Path | str) -> Path:
    """Draw word error rate over decoding speed and write the figure; the suffix names its kind.

    Raises:
        ConfigError: The file cannot be written, or matplotlib does not know the format.
    """
    path = Path(path)
    figure = new_figure(7, 4.5)
    axes = figure.add_subplot()
    for mode, color in _COLORS.items():
        trials = [trial for trial in result.trials if trial.config.mode == mode]
        if trials:
            axes.plot(*_columns(trials), "o", color=color, label=f"{mode} mode")
    frontier = sorted((trial for trial in result.trials if trial.is_on_frontier), key=lambda trial: trial.speed)
    axes.plot(*_columns(frontier), "-", color="0.6", zorder=0, label="frontier")
    axes.plot(*_columns([result.chosen]), "o", markersize=14, fillstyle="none", color="black", label="chosen")
    for trial in result.trials:
        place = (trial.speed, 100 * trial.word_error_rate)
        axes.annotate(str(trial.config.beam), place, xytext=(5, 4), textcoords="offset points", fontsize=8)
    axes.set_xscale("log")
    axes.set_xlabel("speed (seconds of audio decoded in a second of one core); numbers are beams")
    axes.set_ylabel("word error rate (%)")
    axes.set_title(f"Decoding settings on {result.num_utterances:,} utterances")
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)
    return path


def _columns(trials: list[Trial]) -> tuple[list[float], list[float]]:
    return [trial.speed for trial in trials], [100 * trial.word_error_rate for trial in trials]


def frontier_table(result: TuningResult) -> Table:
    """Return all beams and modes with the best weights, the slowest first."""
    table = Table(title=f"{result.num_utterances:,} utterances, {result.num_tried} sets of weights tried")
    for name in ("mode", "beam", "word error rate", "times real time, one core", ""):
        table.add_column(name, justify="left" if name in ("mode", "") else "right")
    for trial in sorted(result.trials, key=lambda trial: trial.speed):
        style = "bold green" if trial is result.chosen else "" if trial.is_on_frontier else "dim"
        cells = (
            trial.config.mode,
            str(trial.config.beam),
            f"{trial.word_error_rate:.2%}",
            f"{trial.speed:,.0f}",
            _note(trial, result),
        )
        table.add_row(*cells, style=style)
    return table


def _note(trial: Trial, result: TuningResult) -> str:
    if trial is result.chosen:
        return "chosen: the fastest that is not worse than the best"
    if trial is result.best:
        return "best"
    if trial.is_worse:
        return "worse"
    return "frontier" if trial.is_on_frontier else ""
