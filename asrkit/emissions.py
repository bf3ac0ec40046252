"""Emissions on disk: decode once more with another beam or language model, without audio or network.

One ``.npz`` per utterance: float16 log-probabilities and a JSON description. Nothing in it is ever executed.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asrkit.errors import DecodingError

EMISSIONS_SUFFIX = ".emissions.npz"
_FORMAT_VERSION = 1
_LOWEST_LOG_PROB = -6e4  # float16 ends at -65504
_MAX_BYTES = 4 << 30


@dataclass(frozen=True)
class EmissionsInfo:
    """What stored emissions belong to.

    Args:
        utterance_id: Id of the utterance.
        alphabet: Symbols of the model, without the blank.
        step_ms: Milliseconds per step.
        duration_s: Seconds of audio.
        audio: Path of the recording.
        audio_fingerprint: Which version of the recording.
        model: Name of the model.
        model_fingerprint: Which version of the model.
    """

    utterance_id: str
    alphabet: str
    step_ms: float
    duration_s: float
    audio: str
    audio_fingerprint: str
    model: str
    model_fingerprint: str


def to_half(emissions: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    """Round emissions to what is stored; decoding uses the same values, so decoding again gives the same answer."""
    return np.maximum(emissions, _LOWEST_LOG_PROB).astype(np.float16)


def pack_emissions(emissions: npt.NDArray[np.float16], info: EmissionsInfo) -> bytes:
    """Return the bytes of an emissions file for ``(steps, symbols)`` log-probabilities."""
    description = json.dumps({"format_version": _FORMAT_VERSION, **asdict(info)})
    buffer = io.BytesIO()
    np.savez(buffer, log_probs=emissions, description=np.frombuffer(description.encode(), np.uint8))
    return buffer.getvalue()


def read_info(path: Path) -> EmissionsInfo:
    """Read the description alone.

    Raises:
        DecodingError: The file is not an emissions file.
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
    if values.ndim != 2 or values.shape[1] != len(info.alphabet) + 1 or values.dtype != np.float16:
        raise DecodingError(
            f"emissions of shape {values.shape} do not fit an alphabet of {len(info.alphabet)} symbols", path=path
        )
    return info, values.astype(np.float32)


def _read(path: Path, *, with_values: bool) -> tuple[EmissionsInfo, npt.NDArray[np.float16]]:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _MAX_BYTES:
                raise DecodingError("is too large for an emissions file; refusing it", path=path)
        with np.load(path, allow_pickle=False) as arrays:
            description = json.loads(arrays["description"].tobytes())
            version = description.pop("format_version")
            if version != _FORMAT_VERSION:
                raise DecodingError(f"emissions format {version!r} is not known; upgrade asrkit", path=path)
            info = EmissionsInfo(**description)
            _check_types(info)
            return info, arrays["log_probs"] if with_values else np.zeros((0, 0), np.float16)
    except FileNotFoundError:
        raise DecodingError("no such emissions file", path=path) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise DecodingError(
            f"not an emissions file ({error}); make it again with --keep-emissions", path=path
        ) from None


def _check_types(info: EmissionsInfo) -> None:
    numbers = {"step_ms", "duration_s"}
    for name, value in asdict(info).items():
        if not isinstance(value, int | float if name in numbers else str):
            raise TypeError(f"{name} is {value!r}")
