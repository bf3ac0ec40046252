"""What the finished epochs say about a run that learns nothing: what is wrong, and what to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asrkit.config import TrainingConfig

# The network answers blanks only. Networks pass through such a plateau when they begin, so that epochs of the warm-up
# do not count, nor epochs in which the loss still falls.
_BLANK_RATE = 0.98
_CER_PERCENT = 97.0
_PLATEAU_FALL = 0.97  # the loss still falls when it is below this share of what it was two epochs before
_USELESS_WER_PERCENT = 90.0  # on dev, greedily: nobody wants to read such transcripts
# A word of warning after so many collapsed epochs; the end after so many epochs and steps, or after so many epochs.
_WARN_EPOCHS = 2
_STOP_EPOCHS, _STOP_STEPS = 3, 1500
_STOP_EPOCHS_SHORT = 10
# A run has diverged when the loss of an epoch is this many times the best one's, and above it by this share of the
# first one's: small losses double by chance.
_DIVERGED = 2.0
_DIVERGED_SHARE = 0.1


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a run."""

    text: str  # in one line, with what to change
    is_hopeless: bool  # whether to stop; otherwise it is a warning


def find_trouble(
    history: Sequence[Mapping[str, Any]], steps_per_epoch: int, training: TrainingConfig
) -> Trouble | None:
    """Judge a run by its finished epochs.

    The rows are those of ``log.jsonl``, the first epoch first.

    Returns:
        Divergence or blank collapse, or None while the run is well.
    """
    return _divergence(history, training) or _collapse(history, steps_per_epoch, training)


def next_step(wer_percent: float | None, epochs: int, bundle: str) -> str:
    """Return what to do with a model that has so many errors on dev after so many epochs, in one line."""
    if wer_percent is None or wer_percent < _USELESS_WER_PERCENT:
        return f"asrkit transcribe ./wavs --model {bundle}"
    return (
        f"go on training (the same command with --epochs {4 * epochs}, without --fresh), with more speech or --from a "
        "model that hears words already; this one hears hardly any"
    )


def _divergence(history: Sequence[Mapping[str, Any]], training: TrainingConfig) -> Trouble | None:
    if len(history) < 2:
        return None
    *before, last = history
    best = min(before, key=lambda row: row["loss"])
    limit = max(_DIVERGED * best["loss"], best["loss"] + _DIVERGED_SHARE * history[0]["loss"])
    if last["loss"] <= limit:
        return None
    return Trouble(
        f"the run diverged: the loss was {best['loss']:.1f} in epoch {best['epoch']} and is {last['loss']:.1f} in "
        f"epoch {last['epoch']}; lower training.learning_rate (to {_lower(training)}), raise training.warmup_steps or "
        "lower training.clip_norm, and begin again with --fresh, or from the best epoch with --from",
        is_hopeless=True,
    )


def _collapse(history: Sequence[Mapping[str, Any]], steps_per_epoch: int, training: TrainingConfig) -> Trouble | None:
    warm = sum(1 for row in history if (row["epoch"] - 1) * steps_per_epoch < training.warmup_steps)
    length = 0
    for row in reversed(history[warm:]):
        if row["blank_rate"] < _BLANK_RATE or row["dev_cer"] < _CER_PERCENT:
            break
        length += 1
    if length < _WARN_EPOCHS or (len(history) > 2 and history[-1]["loss"] < _PLATEAU_FALL * history[-3]["loss"]):
        return None
    is_long = length >= _STOP_EPOCHS and length * steps_per_epoch >= _STOP_STEPS
    last = history[-1]
    return Trouble(
        f"the network answers nothing but blanks (epochs {last['epoch'] - length + 1} to {last['epoch']}: blank rate "
        f"{last['blank_rate']:.0%}, dev CER {last['dev_cer']:.0f} %) and the loss stays at {last['loss']:.1f}; see "
        "whether texts belong to the recordings (asrkit data check, asrkit data preview), lower "
        f"training.learning_rate (to {_lower(training)}), raise training.warmup_steps (to "
        f"{2 * max(training.warmup_steps, 100)}), or take a smaller --preset: little data cannot teach a large network",
        is_hopeless=is_long or length >= _STOP_EPOCHS_SHORT,
    )


def _lower(training: TrainingConfig) -> str:
    return f"{float(f'{training.learning_rate / 3:.1g}'):g}"


def cause_of_bad_loss(culprits: Sequence[str], batch_size: int) -> str:
    """Say what to look at when the loss of a batch is not finite.

    ``culprits`` are the utterances whose own loss is not finite with the weights of before.
    """
    if 0 < len(culprits) < batch_size:
        return f"look at {', '.join(culprits)}, remove them or lower training.learning_rate"
    return "it is the weights, not single utterances: lower training.learning_rate, or set training.precision=float32"
