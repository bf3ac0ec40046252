"""Degraded copies of a set: the same utterances in noise, in rooms, through codecs, to measure what that costs."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from asrkit.audio import FloatArray, write_waveform
from asrkit.config import AugmentationConfig
from asrkit.data.manifest import write_manifest
from asrkit.data.utterance import Utterance
from asrkit.degrading import Degraded, Degrader, draw_other
from asrkit.errors import AudioError, ConfigError, ManifestError

COLUMNS = ("room", "noise", "snr", "clip", "codec")
_AUDIO = "audio"
_OTHER_ROOMS = 1_000_000  # a test set of a training run's seed is not in the rooms of that run
_VOICE_DRAWS = 100  # for one that can be read
_BLOCK = 64  # utterances under way when an error or Ctrl-C ends it


@dataclass(frozen=True)
class DegradedSet:
    """What was written."""

    manifest: Path  # names the recordings, and what was done to each, in columns of ``COLUMNS``
    utterances: list[Utterance]  # those in it
    errors: list[AudioError]  # why the others are not


def degrade_set(
    utterances: Sequence[Utterance],
    output_dir: Path | str,
    config: AugmentationConfig,
    *,
    name: str = "degraded",
    seed: int = 1,
    sample_rate_hz: int = 16_000,
    suffix: str = ".flac",
    on_progress: Callable[[int, int], None] | None = None,
) -> DegradedSet:
    """Write a degraded copy of each utterance and a manifest of them; the originals stay as they are.

    What happens to an utterance depends on the seed, its id and, for babble, on the set; not on threads or its place.

    Args:
        utterances: The set.
        output_dir: A new or empty folder.
        config: What happens; its speeds and masks do not count.
        name: Of the manifest, without its suffix.
        seed: Another one gives other noises and rooms.
        sample_rate_hz: Of what is written.
        suffix: ``.flac`` or ``.wav``.
        on_progress: Called with how many recordings are done and how many there are.

    Raises:
        ConfigError: The folder holds something, or babble is asked for in a set of one.
        MissingPathError: A folder of noises or responses does not exist.
        AudioError: It holds no recording, or one that cannot be read.
        ManifestError: No recording can be used, or the manifest cannot be written.
    """
    output_dir = Path(output_dir)
    if output_dir.exists() and (not output_dir.is_dir() or any(output_dir.iterdir())):
        raise ConfigError(f"{output_dir} is there already and not empty; name a new folder")
    degrader = Degrader(config, sample_rate_hz, seed + _OTHER_ROOMS)
    stems = _stems(utterances)

    def write(place: int) -> tuple[Utterance, dict[str, str]] | AudioError:
        utterance, path = utterances[place], output_dir / _AUDIO / f"{stems[place]}{suffix}"
        try:
            degraded = _degraded(utterances, place, degrader, seed)
        except AudioError as error:
            return error
        loudest = max(1.0, float(np.abs(degraded.waveform).max()))
        write_waveform(path, degraded.waveform / np.float32(loudest), sample_rate_hz)
        duration_s = len(degraded.waveform) / sample_rate_hz
        return replace(utterance, audio_path=path, duration_s=duration_s, start_s=None, end_s=None), degraded.cells

    written: list[tuple[Utterance, dict[str, str]]] = []
    errors: list[AudioError] = []
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for first in range(0, len(utterances), _BLOCK):
            places = range(first, min(first + _BLOCK, len(utterances)))
            for place, result in zip(places, pool.map(write, places), strict=True):
                if isinstance(result, AudioError):
                    errors.append(result)
                else:
                    written.append(result)
                if on_progress is not None:
                    on_progress(place + 1, len(utterances))
    if not written:
        raise ManifestError(f"no recording can be used; {errors[0] if errors else 'the set is empty'}")
    manifest = output_dir / f"{name}.tsv"
    degraded = [utterance for utterance, _ in written]
    columns = {key: [done.get(key, "") for _, done in written] for key in COLUMNS}
    write_manifest(manifest, degraded, {key: cells for key, cells in columns.items() if any(cells)})
    return DegradedSet(manifest, degraded, errors)


def _degraded(utterances: Sequence[Utterance], place: int, degrader: Degrader, seed: int) -> Degraded:
    def another(rng: np.random.Generator, draws: int = _VOICE_DRAWS) -> FloatArray:
        try:
            return utterances[draw_other(place, len(utterances), rng)].waveform(degrader.sample_rate_hz)
        except AudioError:  # left out of the set for itself; here another voice does as well
            if draws == 1:
                raise
            return another(rng, draws - 1)

    digest = hashlib.sha256(utterances[place].id.encode()).digest()
    rng = np.random.default_rng([seed, int.from_bytes(digest[:8], "little")])
    waveform = utterances[place].waveform(degrader.sample_rate_hz)
    return degrader.degrade(waveform, rng, another if len(utterances) > 1 else None)


def _stems(utterances: Sequence[Utterance]) -> list[str]:
    """Return names for the recordings: the ids where all of them can be file names, else numbers."""
    ids = [utterance.id for utterance in utterances]
    are_names = all(re.fullmatch(r"\w[\w.-]{0,99}", id, re.ASCII) for id in ids)
    are_distinct = len({id.casefold() for id in ids}) == len(ids)
    return ids if are_names and are_distinct else [f"{number:06}" for number in range(1, len(ids) + 1)]
