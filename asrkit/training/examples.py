"""Utterances made ready for training: decoded once, kept on disk as 16-bit samples, checked for CTC."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asrkit.audio import FloatArray
from asrkit.config import RunConfig
from asrkit.data import Utterance
from asrkit.errors import AudioError, TrainingError
from asrkit.features import num_frames
from asrkit.model.lengths import output_lengths
from asrkit.text.alphabet import steps_needed
from asrkit.text.units import Units
from asrkit.training.hosts import ALONE, Hosts
from asrkit.writing import write_whole, written_whole

_SAMPLED_BYTES = 4096
_MOST_TIMES = 8  # copies of a corpus that one cache knows without reading them
_STALE_S = 24 * 3600.0
_NUM_READERS = min(8, os.cpu_count() or 1)


@dataclass(frozen=True)
class Example:
    """One utterance to learn from."""

    id: str  # the utterance's id
    text: str  # what is said, in the alphabet
    # ``(samples,)`` int16 at the model's rate, a view into the cache; only as long, if another host has it.
    samples: npt.NDArray[np.int16]
    labels: npt.NDArray[np.int32]  # ``(labels,)`` the outputs that spell it
    auxiliary: npt.NDArray[np.int32] | None = None  # ``(labels,)`` the same in the auxiliary units, if the run has them
    weight: float = 1.0  # what its loss counts
    host: int = 0  # which of the hosts of the run has its recording

    def waveform(self) -> FloatArray:
        """Return the samples as float32 in [-1, 1]."""
        return self.samples.astype(np.float32) / 32768.0


@dataclass(frozen=True)
class Rejection:
    """An utterance that cannot be learned from, and why."""

    id: str
    reason: str


def load_examples(
    utterances: Sequence[Utterance],
    units: Units,
    config: RunConfig,
    *,
    cache_dir: Path,
    auxiliary: Units | None = None,
    is_judged: bool = False,
    fastest: float = 1.0,
    progress: Callable[[int, int], None] | None = None,
    hosts: Hosts = ALONE,
) -> tuple[list[Example], list[Rejection]]:
    """Decode the audio of utterances, or take it from the cache, and sort out what cannot be learned.

    In a dev set, which ``is_judged``, words that cannot be spelled are errors and no reason to leave an utterance out,
    as without the hard words a model would look better than it is. The ``fastest`` speed of the augmentation leaves the
    fewest steps for a text. ``progress`` is called with how many recordings are decoded and how many there are; each
    host decodes its share.

    Returns:
        Usable examples in the order given, and the others with reasons.
    """
    own = hosts.share(utterances)
    store = _WaveformStore.open(own, config.features.sample_rate_hz, cache_dir, progress)
    found = hosts.merged([store.failures.get(u.id) or len(store.samples(u.id)) for u in own])
    examples = []
    rejections = [Rejection(u.id, why) for u, why in zip(utterances, found, strict=True) if isinstance(why, str)]
    for place, (utterance, size) in enumerate(zip(utterances, found, strict=True)):
        if isinstance(size, str):
            continue
        host = place % hosts.count
        samples = store.samples(utterance.id) if host == hosts.index else np.broadcast_to(np.int16(0), size)
        reasons = (
            reason_to_refuse(utterance, size, u, config, fastest, is_judged=is_judged) for u in (units, auxiliary) if u
        )
        reason = next(filter(None, reasons), None)
        if reason:
            rejections.append(Rejection(utterance.id, reason))
        else:
            examples.append(_example(utterance, samples, units, auxiliary, host))
    return examples, rejections


def _example(
    utterance: Utterance, samples: npt.NDArray[np.int16], units: Units, auxiliary: Units | None, host: int = 0
) -> Example:
    text = utterance.text or ""
    second = auxiliary.encode(_spellable(text, auxiliary)) if auxiliary else None
    return Example(utterance.id, text, samples, units.encode(_spellable(text, units)), second, utterance.weight, host)


def _spellable(text: str, units: Units) -> str:
    """Return the words of a text that units can spell."""
    missing = units.missing([text])
    return " ".join(word for word in text.split() if word not in missing) if missing else text


def read_examples(
    utterances: Sequence[Utterance], units: Units, config: RunConfig, auxiliary: Units | None = None
) -> list[Example]:
    """Decode a few utterances and keep nothing on disk; what cannot be read is left out."""
    decoded = _decoded(utterances, config.features.sample_rate_hz)
    return [_example(u, samples, units, auxiliary) for u, samples in decoded if not isinstance(samples, str)]


def require_some(name: str, usable: Collection[object], rejections: Sequence[Rejection]) -> None:
    """Refuse a set, such as ``training``, in which nothing is usable."""
    if not usable:
        why = f"; {rejections[0].id}: {rejections[0].reason}" if rejections else ""
        raise TrainingError(f"no {name} utterance can be used{why}")


def reason_to_refuse(
    utterance: Utterance,
    num_samples: int,
    units: Units,
    config: RunConfig,
    fastest: float = 1.0,
    *,
    is_judged: bool = False,
) -> str | None:
    """Return why an utterance of so many samples, at the model's rate, cannot be learned from, or None."""
    seconds = num_samples / config.features.sample_rate_hz
    if not utterance.text:
        return "no text is left after normalization"
    if seconds < config.training.min_seconds:
        return f"{seconds:.2f} s is shorter than training.min_seconds = {config.training.min_seconds}"
    if seconds > config.training.max_seconds:
        return f"{seconds:.1f} s is longer than training.max_seconds = {config.training.max_seconds}"
    text = _spellable(utterance.text, units) if is_judged else utterance.text
    if not text or units.missing([text]):
        missing = units.missing([utterance.text])
        return f"{', '.join(map(repr, missing))}: cannot be spelled with the model's {units.kind}"
    frames = num_frames(int(num_samples / fastest), config.features)
    steps, needed = output_lengths(frames, config.model), steps_needed(units.longest(text))
    if needed > steps:
        return f"the text needs {needed} steps, the audio gives {steps}: wrong text, cut audio, or too large a stride"
    return None


class _WaveformStore:
    """All waveforms of a data set in one file of 16-bit samples, mapped into memory."""

    def __init__(self, path: Path, ends: dict[str, tuple[int, int]], failures: dict[str, str]) -> None:
        self._ends = ends
        self.failures = failures
        size = path.stat().st_size
        self._samples: npt.NDArray[np.int16] = np.memmap(path, np.int16, "r") if size else np.zeros(0, np.int16)

    def samples(self, id: str) -> npt.NDArray[np.int16]:
        start, end = self._ends[id]
        return self._samples[start:end]

    @classmethod
    def open(
        cls,
        utterances: Sequence[Utterance],
        sample_rate_hz: int,
        cache_dir: Path,
        progress: Callable[[int, int], None] | None,
    ) -> _WaveformStore:
        """Open the store of these utterances; write it first when there is none for exactly these recordings."""
        key = data_fingerprint(utterances, with_text=False)
        path = cache_dir / f"waveforms-{sample_rate_hz}-{key}.int16"
        known = _read_store(path, utterances, sample_rate_hz)
        return cls(path, *(known or _write_store(path, utterances, sample_rate_hz, progress)))


_Found = tuple[dict[str, tuple[int, int]], dict[str, str]]  # where waveforms begin and end, and why others are missing


def _read_store(path: Path, utterances: Sequence[Utterance], sample_rate_hz: int) -> _Found | None:
    """Return what a file of waveforms holds, if it is whole and would be no other today: else it is written anew.

    What could not be decoded is tried again: it may have been for want of a package.
    """
    try:
        index = json.loads(path.with_suffix(".json").read_bytes())
        spans = {str(id): (int(start), int(end)) for id, start, end in index["spans"]}
        is_whole = path.stat().st_size == 2 * max((end for _, end in spans.values()), default=0)
        if not is_whole or not _is_of_these(path, index, utterances):
            return None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    missing = [utterance for utterance in utterances if utterance.id not in spans]
    failures = {u.id: samples for u, samples in _decoded(missing, sample_rate_hz) if isinstance(samples, str)}
    return (spans, failures) if len(failures) == len(missing) else None


def _is_of_these(path: Path, index: dict[str, Any], utterances: Sequence[Utterance]) -> bool:
    """Tell whether recordings are just those that were decoded; they are read where their times say nothing."""
    times = _times_of(utterances)
    if times in index["times"]:
        return True
    if index["content"] != _whole_content_of(utterances):
        return False
    index["times"] = [*index["times"], times][-_MOST_TIMES:]
    with suppress(OSError):  # then they are read again the next time
        write_whole(path.with_suffix(".json"), json.dumps(index), lasting=True)
    return True


def _times_of(utterances: Sequence[Utterance]) -> str:
    """Return a hash of when recordings were written, wherever they are."""
    return _digest_of(" ".join(_time_of(path) for path in dict.fromkeys(u.audio_path for u in utterances)))


def _whole_content_of(utterances: Sequence[Utterance]) -> str:
    """Return a hash of all bytes of recordings."""

    def digest_of(path: Path) -> str:
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return "missing"

    with ThreadPoolExecutor(_NUM_READERS) as pool:
        return _digest_of(" ".join(pool.map(digest_of, dict.fromkeys(u.audio_path for u in utterances))))


def _write_store(
    path: Path,
    utterances: Sequence[Utterance],
    sample_rate_hz: int,
    progress: Callable[[int, int], None] | None,
) -> _Found:
    _remove_leftovers(path.parent)
    temporary = path.with_name(f"{path.name}.{platform.node()}-{os.getpid()}")
    spans: dict[str, tuple[int, int]] = {}
    failures: dict[str, str] = {}
    position = 0
    times, content = _times_of(utterances), _whole_content_of(utterances)
    try:
        with written_whole(path, lasting=True, part=temporary) as file:
            for done, (utterance, samples) in enumerate(_decoded(utterances, sample_rate_hz), 1):
                if isinstance(samples, str):
                    failures[utterance.id] = samples
                else:
                    samples.tofile(file)
                    spans[utterance.id] = position, position + len(samples)
                    position += len(samples)
                if progress is not None:
                    progress(done, len(utterances))
        # The index comes last: its presence says that the samples are complete.
        index = {"spans": [(id, *span) for id, span in spans.items()], "times": [times], "content": content}
        write_whole(path.with_suffix(".json"), json.dumps(index), lasting=True)
    except OSError as error:
        raise TrainingError(
            f"cannot keep the decoded audio: {error.strerror or error}; make room there, or name another folder with "
            "ASRKIT_CACHE_DIR",
            path=path.parent,
        ) from None
    return spans, failures


def _remove_leftovers(cache_dir: Path) -> None:
    """Remove what killed runs left of caches they were writing."""
    for path in cache_dir.glob("waveforms-*.int16.*"):
        host, _, process = path.name.partition(".int16.")[2].rpartition("-")
        with suppress(OSError):
            is_old = time.time() - path.stat().st_mtime > _STALE_S
            if is_old or (host == platform.node() and not _is_running(process)):
                path.unlink()


def _is_running(process: str) -> bool:
    """Tell whether a process of this machine is there; where that cannot be asked, it may be."""
    if os.name != "posix" or not process.isdigit():
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _decoded(
    utterances: Sequence[Utterance], sample_rate_hz: int
) -> Iterable[tuple[Utterance, npt.NDArray[np.int16] | str]]:
    """Decode in a few threads, in order; a failure comes as its reason."""

    def decode(utterance: Utterance) -> npt.NDArray[np.int16] | str:
        try:
            waveform = utterance.waveform(sample_rate_hz)
        except AudioError as error:
            return str(error)
        return np.asarray(np.clip(np.rint(waveform * 32768.0), -32768, 32767), np.int16)

    block = 256  # bounds how far decoding runs ahead of the disk
    with ThreadPoolExecutor(_NUM_READERS) as pool:
        for first in range(0, len(utterances), block):
            chunk = utterances[first : first + block]
            yield from zip(chunk, pool.map(decode, chunk), strict=True)


def data_fingerprint(
    utterances: Sequence[Utterance], *, with_text: bool = True, by_place: bool = False, hosts: Hosts = ALONE
) -> str:
    """Return a hash of ids, recordings and, unless told otherwise, texts.

    A recording is known by its size and by its first, middle and last bytes: it may be moved, copied and touched.

    ``by_place`` knows recordings by path and time instead, as runs of earlier versions did. Each host looks at the
    recordings of its share; the hash is that of one with all of them.

    Raises:
        TrainingError: Another host has other ids or texts.
    """
    hosts.require_same(
        {"utterances": len(utterances), "the hash of ids and texts": _digest_of(repr(list(map(_told, utterances))))}
    )
    own = [u.audio_path for u in hosts.share(utterances)]
    seen = [[str(path), _time_of(path)] if by_place else [_content_of(path)] for path in own]
    digest = hashlib.sha256()
    for utterance, recording in zip(utterances, hosts.merged(seen), strict=True):
        fields = [utterance.id, *recording, str(utterance.start_s), str(utterance.end_s)]
        if utterance.channel is not None:
            fields.append(f"channel {utterance.channel}")
        if with_text and utterance.weight != 1.0:
            fields.append(f"weight {utterance.weight}")
        digest.update("\t".join([*fields, utterance.text or ""] if with_text else fields).encode())
        digest.update(b"\n")
    return digest.hexdigest()[:16]


def _told(utterance: Utterance) -> tuple[object, ...]:
    """Return what is known of an utterance without its recording."""
    return utterance.id, utterance.start_s, utterance.end_s, utterance.channel, utterance.weight, utterance.text


def _digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _time_of(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return "missing"
    return f"{status.st_size} {status.st_mtime_ns}"


def _content_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            digest = hashlib.sha256()
            for place in (0, size // 2, max(0, size - _SAMPLED_BYTES)):
                file.seek(place)
                digest.update(file.read(_SAMPLED_BYTES))
    except OSError:
        return "missing"
    return f"{size} {digest.hexdigest()}"
