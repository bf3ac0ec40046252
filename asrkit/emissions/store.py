"""Emissions on disk: decode once more with another beam or language model, without audio or network.

One ``.npz`` per utterance: float16 log-probabilities and a JSON description. Nothing in it is ever executed. Symbols of
one character each with the blank last are format 1, an alphabet; all others are format 2, with labels. Those of a large
vocabulary are made sparse and compressed.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asrkit.emissions.values import FEW_OUTPUTS
from asrkit.errors import DecodingError
from asrkit.reading import open_npz
from asrkit.text import Alphabet, Symbols
from asrkit.writing import write_arrays

EMISSIONS_SUFFIX = ".emissions.npz"
_LOWEST_LOG_PROB = -6e4  # float16 ends at -65504
_RARE, _AS_RARE = -14.0, -17.0  # beyond what any mode of the search tries, and what that becomes
_RANGES = {"step_ms": (1e-3, 1e4), "duration_s": (0.0, 1e9)}


@dataclass(frozen=True)
class EmissionsInfo:
    """What stored emissions belong to."""

    utterance_id: str
    symbols: Symbols  # outputs of the model
    step_ms: float
    duration_s: float  # seconds of audio
    audio: str
    audio_fingerprint: str  # which version of the recording
    model: str
    model_fingerprint: str  # which version of the model
    # What the model's texts passed, for those who score what is decoded.
    normalizer: str = "standard-1"  # before emissions told it
    language: str = "en"  # of its texts


@dataclass(frozen=True)
class KeptEmissions:
    """Emissions that a run of ours kept."""

    path: Path  # their file

    def read(self) -> npt.NDArray[np.float32]:
        """Return ``(steps, symbols)`` natural-log probabilities; see ``read_emissions``."""
        return read_emissions(self.path)[1]


def as_stored(
    emissions: npt.NDArray[np.floating[Any]], out: npt.NDArray[np.float32] | None = None
) -> npt.NDArray[np.float32]:
    """Return emissions as they are after storage; these are decoded, so decoding again gives the same answer.

    They are rounded to 16 bits. In a large vocabulary, outputs of a step that are less likely than exp(-14) all become
    exp(-17): no search tries them, a step still sums to about one, and equal numbers are packed to almost nothing.

    Args:
        emissions: ``(steps, symbols)`` natural-log probabilities.
        out: What may be written over, such as the emissions themselves: new memory for thousands of outputs takes
            longer than the rounding.
    """
    from asrkit._native import keep_likely

    if out is None or out.dtype != np.float32 or not (out.flags.c_contiguous and out.flags.writeable):
        out = np.empty(emissions.shape, np.float32)
    if emissions.shape[1] <= FEW_OUTPUTS:
        out[:] = np.maximum(emissions, _LOWEST_LOG_PROB).astype(np.float16)
        return out
    keep_likely(emissions.astype(np.float32, copy=False), out, _RARE, _AS_RARE)
    return out


def pack_emissions(emissions: npt.NDArray[np.floating[Any]], info: EmissionsInfo) -> bytes:
    """Return the bytes of an emissions file for ``(steps, symbols)`` log-probabilities, as ``as_stored`` gives them."""
    description = json.dumps(_symbols_to_json(info.symbols) | {k: v for k, v in vars(info).items() if k != "symbols"})
    buffer = io.BytesIO()
    arrays = {
        "log_probs": emissions.astype(np.float16, copy=False),
        "description": np.frombuffer(description.encode(), np.uint8),
    }
    write_arrays(buffer, arrays, compress=emissions.shape[1] > FEW_OUTPUTS)
    return buffer.getvalue()


def read_info(path: Path) -> EmissionsInfo:
    """Read the description alone.

    Raises:
        DecodingError: The file is not an emissions file, or its shape does not fit its alphabet.
    """
    return _read(path, with_values=False)[0]


def read_emissions(path: Path) -> tuple[EmissionsInfo, npt.NDArray[np.float32]]:
    """Read an emissions file.

    Returns:
        Its description and ``(steps, symbols)`` natural-log probabilities.

    Raises:
        DecodingError: The file is not an emissions file, or its shape does not fit its alphabet.
    """
    info, values = _read(path, with_values=True)
    return info, values.astype(np.float32)


def _read(path: Path, *, with_values: bool) -> tuple[EmissionsInfo, npt.NDArray[np.float16]]:
    try:
        with open_npz(path) as arrays:
            description = json.loads(arrays.read("description").tobytes())
            version = description.pop("format_version")
            if version not in (1, 2):
                raise DecodingError(f"emissions format {version!r} is not known; upgrade asrkit", path=path)
            info = EmissionsInfo(symbols=_symbols_from_json(version, description), **description)
            _check_types(info)
            shape, dtype = arrays.header("log_probs")
            if len(shape) != 2 or shape[1] != len(info.symbols) or dtype != np.float16:
                raise DecodingError(
                    f"emissions of shape {shape} do not fit a model of {len(info.symbols)} outputs", path=path
                )
            return info, arrays.read("log_probs") if with_values else np.zeros((0, 0), np.float16)
    except FileNotFoundError:
        raise DecodingError("no such emissions file", path=path) from None
    except DecodingError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DecodingError(
            f"not an emissions file ({error}); make it again with --keep-emissions", path=path
        ) from None


def _symbols_to_json(symbols: Symbols) -> dict[str, Any]:
    if isinstance(symbols, Alphabet):
        return {"format_version": 1, "alphabet": symbols.symbols}
    return {"format_version": 2, **symbols.to_dict()}


def _symbols_from_json(version: int, description: dict[str, Any]) -> Symbols:
    """Take the outputs of a model out of a description."""
    if version == 1:
        return Alphabet(description.pop("alphabet"))
    names = ("labels", "blank_index", "words", "skipped")
    return Symbols.from_dict({name: description.pop(name) for name in names})


def _check_types(info: EmissionsInfo) -> None:
    for name, value in vars(info).items():
        if name in _RANGES:
            lowest, highest = _RANGES[name]
            is_right = isinstance(value, int | float) and lowest <= value <= highest
        else:
            is_right = name == "symbols" or isinstance(value, str)
        if not is_right:
            raise TypeError(f"{name} is {value!r:.50}")
