"""Which recordings still have to be transcribed, and how long they are."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice

from asrkit.audio import measure_duration_s, probe
from asrkit.errors import AudioError
from asrkit.transcription.outputs import TranscriptFiles
from asrkit.transcription.recordings import Recording, reason
from asrkit.transcription.results import Entry, ResultsLog

# The first look is short, so that work starts at once; later ones are long, so that batches fit well.
_FIRST_CHUNK, _LARGEST_CHUNK = 64, 4096


class State(enum.Enum):
    """What is known of a recording before it is read."""

    NEW = "new"
    CHANGED = "changed"
    UNRENDERED = "to be written"  # transcribed before, but files are missing
    DONE = "done"
    UNUSABLE = "unusable"


@dataclass(frozen=True)
class Scanned:
    """A recording and what is to be done with it."""

    recording: Recording  # with its length and fingerprint
    state: State  # what is known of it
    earlier: Entry | None = None  # its transcript, where an earlier run made it and only files are missing
    is_renamed: bool = False  # whether that has another id


class Scanner:
    """Looks at files, not into them, and compares them with what was done before.

    Args:
        results: What was done before; None: nothing.
        files: Where transcripts go; None: nowhere.
        key: Fingerprint of model, language model and settings.
        split_channels: Whether each channel is a recording of its own.
        raw_rate_hz: Rate of files that hold bare samples.
        is_complete: Whether all else that is wanted of a transcribed recording is there, such as its emissions.
        are_laid_out: Whether the files that are there are set as they are wanted now.
    """

    def __init__(
        self,
        results: ResultsLog | None,
        files: TranscriptFiles | None,
        key: str,
        *,
        split_channels: bool = False,
        raw_rate_hz: int | None = None,
        is_complete: Callable[[Recording], bool] = lambda recording: True,
        are_laid_out: bool = True,
    ) -> None:
        self._results = results
        self._files = files
        self._key = key
        self._split_channels = split_channels
        self._raw_rate_hz = raw_rate_hz
        self._is_complete = is_complete
        self._are_laid_out = are_laid_out
        self._ids: Set[str] = frozenset()

    def scan(self, recordings: Sequence[Recording], threads: int) -> Iterator[list[Scanned]]:
        """Yield what is known of recordings, chunk by chunk."""
        source = iter(recordings)
        size = _FIRST_CHUNK
        self._ids = {recording.utterance_id for recording in recordings}
        with ThreadPoolExecutor(threads, "asrkit-scan") as pool:
            while chunk := list(islice(source, size)):
                yield [item for items in pool.map(self._look, chunk) for item in items]
                size = min(2 * size, _LARGEST_CHUNK)

    def _look(self, recording: Recording) -> list[Scanned]:
        """Return a recording, or its channels, with fingerprint, length and state; never raises."""
        if recording.problem is not None:
            return [Scanned(recording, State.UNUSABLE)]
        if recording.emissions is not None:
            return [self._compare(recording)]
        try:
            status = recording.path.stat()
            stamp = f"{status.st_size}-{status.st_mtime_ns}"
            if recording.is_segment:
                stamp += f"-{recording.start_s or 0.0}-{recording.end_s}"
            if recording.channel is not None:  # a manifest may name it
                stamp += f"-ch{recording.channel + 1}"
            if recording.version:
                stamp += f"-{recording.version}"
            recording = replace(recording, fingerprint=stamp)
            return [self._with_length(part) for part in self._channels(recording)]
        except Exception as error:  # a broken file must not end the run
            return [Scanned(replace(recording, problem=reason(error, recording)), State.UNUSABLE)]

    def _with_length(self, recording: Recording) -> Scanned:
        item = self._compare(recording)
        if (item.state is State.NEW or item.is_renamed) and self._files is not None:
            foreign = self._files.in_the_way(recording)
            if foreign is not None:
                problem = f"{foreign.name} is there already and comes from elsewhere; --overwrite replaces it"
                return Scanned(replace(recording, problem=problem), State.UNUSABLE)
        if item.state in (State.NEW, State.CHANGED):
            whole_s = measure_duration_s(recording.path, raw_rate_hz=self._raw_rate_hz)
            length_s = min(recording.end_s or whole_s, whole_s) - (recording.start_s or 0.0)
            return replace(item, recording=replace(recording, duration_s=max(length_s, 0.0)))
        return item

    def _channels(self, recording: Recording) -> list[Recording]:
        if not self._split_channels or recording.channel is not None:
            return [recording]
        num_channels = probe(recording.path, raw_rate_hz=self._raw_rate_hz).num_channels
        if num_channels == 1:
            return [recording]
        ids = tuple(f"{recording.utterance_id}.ch{channel + 1}" for channel in range(num_channels))
        channels = [
            replace(
                recording,
                utterance_id=ids[channel],
                channels=ids,
                output=f"{recording.output}.ch{channel + 1}",
                fingerprint=f"{recording.fingerprint}-ch{channel + 1}",
                channel=channel,
            )
            for channel in range(num_channels)
        ]
        for part in channels:
            if part.utterance_id in self._ids:  # only a manifest brings such ids
                raise AudioError(
                    f"its channel would have the id {part.utterance_id!r} of another recording; rename one"
                )
        return channels

    def _compare(self, recording: Recording) -> Scanned:
        """Say what was made of a recording before, under whatever id."""
        if self._results is None:
            return Scanned(recording, State.NEW)
        made_from = (self._key, str(recording.path), recording.fingerprint)
        own = self._results.get(recording.utterance_id)
        is_same = own is not None and made_from == (own.key, own.audio, own.audio_fingerprint)
        earlier = own if is_same else None
        if recording.emissions is None:  # what emissions say of their audio may be the same for all of them
            earlier = earlier or self._results.made_from(*made_from)
        if earlier is None or not self._is_complete(recording):
            return Scanned(recording, State.NEW if own is None else State.CHANGED)
        if is_same and (self._files is None or (self._are_laid_out and self._files.exist(recording))):
            return Scanned(recording, State.DONE)
        return Scanned(recording, State.UNRENDERED, earlier, is_renamed=not is_same)
