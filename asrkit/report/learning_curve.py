"""The learning curve of a run as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asrkit.report.figures import new_figure, save_figure


def best_row(history: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the epoch whose weights are in the bundle: the last that was the best so far."""
    best = [row for row in history if row.get("is_best")]
    return best[-1] if best else min(history, key=lambda row: (row["dev_wer"], row["dev_cer"]))


def draw_learning_curve(history: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw losses and dev error rates of a run's ``log.jsonl``; the suffix names the kind of picture.

    Raises:
        ConfigError: The picture cannot be written.
    """
    epochs = [row["epoch"] for row in history]
    figure = new_figure(10, 4)
    losses, rates = figure.subplots(1, 2)
    losses.plot(epochs, [row["loss"] for row in history], label="training")
    losses.plot(epochs, [row["dev_loss"] for row in history], label="dev")
    losses.set(xlabel="epoch", ylabel="CTC loss, nats per utterance", yscale="log")
    rates.plot(epochs, [row["dev_wer"] for row in history], label="WER")
    rates.plot(epochs, [row["dev_cer"] for row in history], label="CER")
    best = best_row(history)
    rates.axvline(best["epoch"], color="gray", linewidth=0.8, linestyle=":")
    rates.set(xlabel="epoch", ylabel="dev error rate, %, greedy", ylim=(0, None))
    rates.set_title(f"best: {best['dev_wer']:.1f} % WER, epoch {best['epoch']}", fontsize="medium")
    for axes in (losses, rates):
        axes.grid(alpha=0.3)
        axes.legend()
    save_figure(figure, path)
