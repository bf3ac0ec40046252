"""A dev set's emissions: computed once for a model, then taken from the cache."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from asrkit.audio import FloatArray
from asrkit.config import cache_folder
from asrkit.data import Utterance
from asrkit.emissions import as_stored
from asrkit.errors import DecodingError
from asrkit.features import extract_features
from asrkit.reading import UnreadableError, open_npz
from asrkit.writing import write_arrays, written_whole

if TYPE_CHECKING:
    from asrkit.model.bundle import Bundle

_BATCH_UTTERANCES = 16


@dataclass(frozen=True)
class DevSet:
    """What tuning decodes and compares with.

    Args:
        emissions: ``(steps, symbols)`` of each utterance.
        references: What was said, normalized.
        is_cached: Whether the emissions came from the cache.
    """

    emissions: tuple[FloatArray, ...]
    references: tuple[str, ...]
    is_cached: bool


def emit_dev_set(
    bundle: Bundle,
    utterances: Sequence[Utterance],
    *,
    cache_dir: Path | str | None = None,
    progress: Callable[[float], None] | None = None,
) -> DevSet:
    """Run a model on a dev set, or take its emissions from the cache.

    Another model, recording or normalizer makes new emissions. They are kept in the cache folder, by default
    ``ASRKIT_CACHE_DIR``, else ``~/.cache/asrkit``.

    Raises:
        AudioError: A recording cannot be read.
        DecodingError: There are no utterances.
    """
    if not utterances:
        raise DecodingError("the dev set is empty; tuning needs utterances with text")
    references = tuple(bundle.text_normalizer.normalize_all([utterance.text or "" for utterance in utterances]))
    path = cache_folder(cache_dir) / "emissions" / f"{_key(bundle, utterances)}.npz"
    emissions = _read(path, len(utterances), len(bundle.symbols))
    if emissions is not None:
        return DevSet(emissions, references, True)
    emissions = _emit(bundle, utterances, progress or (lambda share: None))
    _write(path, emissions)
    return DevSet(emissions, references, False)


def _emit(bundle: Bundle, utterances: Sequence[Utterance], progress: Callable[[float], None]) -> tuple[FloatArray, ...]:
    from asrkit.model.inference import Emitter

    emitter = Emitter(bundle)
    by_length = sorted(range(len(utterances)), key=lambda i: utterances[i].duration_s or 0.0)
    emissions: dict[int, FloatArray] = {}
    for start in range(0, len(by_length), _BATCH_UTTERANCES):
        batch = by_length[start : start + _BATCH_UTTERANCES]
        features = [_features(bundle, utterances[i]) for i in batch]
        for i, array in zip(batch, emitter.emissions(features), strict=True):
            emissions[i] = as_stored(array, out=array)  # the same with and without the cache
        progress(len(emissions) / len(utterances))
    return tuple(emissions[i] for i in range(len(utterances)))


def _features(bundle: Bundle, utterance: Utterance) -> FloatArray:
    return extract_features(utterance.waveform(bundle.features.sample_rate_hz), bundle.features)


def _key(bundle: Bundle, utterances: Sequence[Utterance]) -> str:
    """A name that changes with the model and with every recording."""
    recordings = []
    for utterance in utterances:
        status, place = utterance.audio_path.stat(), str(utterance.audio_path.resolve())
        part = utterance.start_s, utterance.end_s, utterance.channel
        recordings.append([place, status.st_size, status.st_mtime_ns, *part])
    facts = json.dumps([bundle.fingerprint, "1", recordings])
    return hashlib.sha256(facts.encode()).hexdigest()[:32]


def _read(path: Path, num_utterances: int, num_symbols: int) -> tuple[FloatArray, ...] | None:
    """Return cached emissions, or None where there are none that fit; nothing in the file is executed."""
    try:
        with open_npz(path) as arrays:
            values, lengths = arrays.read("log_probs"), arrays.read("lengths")
    except (OSError, UnreadableError):
        return None
    fits = (
        values.ndim == 2
        and values.shape[1] == num_symbols
        and lengths.shape == (num_utterances,)
        and lengths.dtype == np.int64
        and (lengths >= 0).all()
        and lengths.sum() == len(values)
    )
    if not fits:
        return None
    return tuple(part.astype(np.float32) for part in np.split(values, np.cumsum(lengths)[:-1]))


def _write(path: Path, emissions: Sequence[FloatArray]) -> None:
    """Fill the cache; a folder that cannot be written to only costs the time next time."""
    lengths = np.array([len(array) for array in emissions], np.int64)
    with contextlib.suppress(OSError), written_whole(path) as file:
        write_arrays(file, {"log_probs": np.concatenate(emissions).astype(np.float16), "lengths": lengths})
