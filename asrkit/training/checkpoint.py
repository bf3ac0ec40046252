"""The state of a run in one file: enough to go on exactly where it stopped."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asrkit.config import RunConfig
from asrkit.errors import TrainingError
from asrkit.model.folder import CHECKPOINT as CHECKPOINT
from asrkit.presets import merge
from asrkit.reading import open_npz
from asrkit.writing import write_arrays, written_whole

FORMAT_VERSION = 1
# Settings that decide the course of a run, and those among them that may change between its parts.
_FIXED_TABLES = ("features", "model", "training")
_FIXED_DATA = ("alphabet", "units", "subwords", "pronunciations", "unknown_words")  # paths may change
_FREE_SETTINGS = ("epochs", "patience", "dev_samples", "stop_when_failing", "tensorboard", "devices")
_MEASURED = ("epoch", "loss", "dev_wer", "dev_cer", "dev_loss")  # of each finished epoch
_MOST_COUNT = 10**9  # epochs, batches, utterances
Array = npt.NDArray[Any]


@dataclass
class RunState:
    """Where a run stands."""

    epoch: int = 0  # the epoch under way, counted from 0
    batch: int = 0  # batches of it already done
    loss_sum: float = 0.0  # sum of utterance losses of those batches
    loss_count: int = 0  # utterances in them
    epoch_seconds: float = 0.0  # time already spent on this epoch
    best_wer: float = float("inf")  # lowest dev WER so far, in percent
    best_cer: float = float("inf")  # the CER that came with it
    best_loss: float = float("inf")  # the dev loss that came with it
    best_epoch: int | None = None  # its epoch, or None
    history: list[dict[str, Any]] = field(default_factory=list)  # one row per finished epoch
    config: dict[str, Any] = field(default_factory=dict)  # the run's settings, as plain values
    data: str = ""  # fingerprint of the data
    folder: str = ""  # where relative paths of the settings begin; "": not known
    finished: bool = False  # whether the run is over


def state_here(config: RunConfig, data: str) -> RunState:
    """Return the state of a run that begins in the working folder, with data of that fingerprint."""
    return RunState(config=config.to_dict(), data=data, folder=str(Path.cwd()))


def save_checkpoint(path: Path, state: RunState, arrays: Mapping[str, Sequence[Array]]) -> None:
    """Write a checkpoint under a temporary name, then rename it: the last good one always loads.

    Raises:
        TrainingError: The file cannot be written, for instance because the disk is full.
    """
    header = json.dumps({"format_version": FORMAT_VERSION, **dataclasses.asdict(state)})
    members = {f"{name}/{index}": array for name, items in arrays.items() for index, array in enumerate(items)}
    try:
        with written_whole(path, lasting=True, part=path.with_name(f".{path.name}.tmp")) as file:
            write_arrays(file, {"header": np.frombuffer(header.encode(), np.uint8), **members})
    except OSError as error:
        raise TrainingError(
            f"cannot write the checkpoint: {error.strerror}; the last good one is kept", path=path
        ) from None


def load_checkpoint(path: Path) -> tuple[RunState, dict[str, list[Array]]]:
    """Read a checkpoint.

    Raises:
        TrainingError: The file is damaged or of a newer format.
    """
    try:
        with open_npz(path) as file:
            header = json.loads(file.read("header").tobytes())
            arrays: dict[str, list[Array]] = {}
            for name in file.names:
                if name != "header":
                    arrays.setdefault(name.rpartition("/")[0], []).append(file.read(name))
        version = header.pop("format_version")
        if version > FORMAT_VERSION:
            raise TrainingError(f"format version {version} is newer than this asrkit reads; upgrade asrkit", path=path)
        state = RunState(**header)
        _check_types(state)
        if state.config:
            # a setting that came later is as if it were not there; before the normalizer was recorded there was one
            before = merge(RunConfig().to_dict(), {"data": {"normalizer": "standard-1"}})
            state.config = merge(before, state.config)
        return state, arrays
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise TrainingError(f"not a usable checkpoint ({error}); start again with --fresh", path=path) from None


def state_in(folder: Path) -> RunState | None:
    """Return where the run in a folder stands, or None where there is none; errors are those of ``load_checkpoint``."""
    path = folder / CHECKPOINT
    return load_checkpoint(path)[0] if path.exists() else None


def _check_types(state: RunState) -> None:
    """Raise a TypeError or KeyError where a run could not go on from such a state."""
    fresh = RunState()
    for name, value in vars(state).items():
        usual = getattr(fresh, name)
        if isinstance(usual, float):
            is_right = isinstance(value, int | float) and value == value
        elif name == "best_epoch" or type(usual) is int:
            is_right = value is usual is None or (type(value) is int and 0 <= value < _MOST_COUNT)
        else:
            is_right = isinstance(value, type(usual))
        if not is_right:
            raise TypeError(f"{name} is {value!r:.50}")
    for row in state.history:
        if not all(isinstance(row[name], int | float) for name in _MEASURED):
            raise TypeError(f"history holds {row!r:.50}")


def require_same_run(saved: RunState, wanted: RunState, output_dir: Path) -> None:
    """Refuse to go on with a run on other data, or under settings that would have made another run of it.

    Raises:
        TrainingError: They differ; the message names each setting.
    """
    changed = [
        f"{name}: {old!r} is now {new!r}"
        for name, old, new in differences(_deciding(saved), _deciding(wanted))
        if name.rpartition(".")[2] not in _FREE_SETTINGS
        and (name != "training.start_from" or _start(saved) != _start(wanted))
    ]
    if changed:  # first: other settings may have made other texts of the data
        raise TrainingError(
            f"this folder holds a run with other settings ({'; '.join(changed)}); choose another --output, "
            "or start again with --fresh",
            path=output_dir,
        )
    if saved.data != wanted.data:
        raise TrainingError(
            "this folder holds a run on other data; choose another --output, or start again with --fresh",
            path=output_dir,
        )


def _deciding(state: RunState) -> dict[str, Any]:
    """Return the settings that decide the course of a run."""
    data = state.config.get("data", {})
    return {"data": {name: data.get(name) for name in _FIXED_DATA}, **{t: state.config.get(t) for t in _FIXED_TABLES}}


def _start(state: RunState) -> Path | None:
    """Return what a run begins with, wherever its command was typed."""
    start_from = (state.config.get("training") or {}).get("start_from")
    return Path(state.folder, start_from).resolve() if start_from else None


def differences(old: Any, new: Any, name: str = "") -> list[tuple[str, Any, Any]]:
    """Return what differs between two trees of dictionaries: dotted name, old value and new value of each leaf."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*old, *(key for key in new if key not in old)]
        return [d for key in keys for d in differences(old.get(key), new.get(key), f"{name}.{key}".strip("."))]
    return [] if old == new else [(name, old, new)]
