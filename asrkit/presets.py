"""Named starting points for a run; any setting of a preset can be changed in ``asrkit.toml`` or with ``--set``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asrkit.config import RunConfig
from asrkit.errors import ConfigError

# What runs begin with today whatever their preset, where the default is what models had before the setting was there.
_TODAY: dict[str, Any] = {"features": {"silence": "ignored"}}

PRESETS: dict[str, dict[str, Any]] = {
    # The demo and the tests: learns a few hundred words of clean speech in a minute.
    "tiny": {
        "features": {"mel_bins": 40},
        "model": {
            "conv_layers": [
                {"channels": 16, "kernel_frames": 7, "kernel_bins": 9, "stride_frames": 2, "stride_bins": 2},
                {"channels": 16, "kernel_frames": 5, "kernel_bins": 5, "stride_frames": 2, "stride_bins": 2},
            ],
            "rnn_layers": 1,
            "rnn_units": 96,
            "dropout": 0.1,
        },
        "training": {
            "epochs": 8,
            "batch_size": 16,
            "learning_rate": 4e-3,
            "warmup_steps": 60,
            # eight epochs leave no time to learn more than what is clean
            "augmentation": {
                "speeds": [1.0],
                "time_masks": 1,
                "time_mask_frames": 10,
                "frequency_masks": 1,
                "frequency_mask_bins": 8,
            },
        },
    },
    # About 4 M parameters, one step every 40 ms: trains on a CPU.
    "small": {},
    # About 23 M parameters.
    "base": {
        "model": {"rnn_layers": 5, "rnn_units": 512, "dense_units": 512, "dropout": 0.3},
        "training": {"batch_size": 32, "learning_rate": 5e-4, "warmup_steps": 1000},
    },
    # Amodei et al. 2015: linear spectrogram, clipped ReLU convolutions, sequence-wise batch normalization.
    "paper": {
        "features": {"kind": "linear", "window_ms": 20.0},
        "model": {
            "conv_layers": [
                {"channels": 32, "kernel_frames": 11, "kernel_bins": 41, "stride_frames": 2, "stride_bins": 2},
                {"channels": 32, "kernel_frames": 11, "kernel_bins": 21, "stride_frames": 1, "stride_bins": 2},
                {"channels": 96, "kernel_frames": 11, "kernel_bins": 21, "stride_frames": 1, "stride_bins": 2},
            ],
            "rnn_layers": 7,
            "rnn_units": 800,
            "normalization": "batch",
            "dense_units": 1600,
            "dropout": 0.3,
        },
        "training": {"batch_size": 32, "learning_rate": 3e-4, "warmup_steps": 2000},
    },
    # The network of the Keras example "Automatic Speech Recognition using CTC", as a baseline.
    "keras-example": {
        "features": {"kind": "linear", "window_ms": 16.0},
        "model": {
            "conv_layers": [
                {"channels": 32, "kernel_frames": 11, "kernel_bins": 41, "stride_frames": 2, "stride_bins": 2},
                {"channels": 32, "kernel_frames": 11, "kernel_bins": 21, "stride_frames": 1, "stride_bins": 2},
            ],
            "rnn_layers": 5,
            "rnn_units": 512,
            "dense_units": 1024,
            "dropout": 0.5,
        },
        "training": {
            "batch_size": 32,
            "learning_rate": 1e-4,
            "warmup_steps": 0,
            "final_learning_rate_share": 1.0,
            "weight_decay": 0.0,
            "sortagrad": False,
            "augmentation": {"speeds": [1.0], "time_masks": 0, "frequency_masks": 0, "gain_db": 0.0},
        },
    },
}


def run_config(settings: Mapping[str, Any], *, where: str = "") -> RunConfig:
    """Build a run's settings: those of its ``preset`` (default ``small``), changed by the others.

    Args:
        settings: The tables of an ``asrkit.toml``, with an optional key ``preset``.
        where: What to call the source in an error.

    Raises:
        ConfigError: The preset or a setting is unknown, or a value is out of range.
    """
    values = dict(settings)
    name = values.pop("preset", "small")
    if not isinstance(name, str) or name not in PRESETS:
        raise ConfigError(f"{where + ': ' if where else ''}no preset {name!r}; choose from {', '.join(PRESETS)}")
    return RunConfig.from_dict(merge(merge(_TODAY, PRESETS[name]), values), where=where)


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested settings with others laid over them; lists are replaced, tables are merged."""
    merged = dict(base)
    for key, value in changes.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged
