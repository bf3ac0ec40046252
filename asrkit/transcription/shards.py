"""The shards of a run: parts of it, each a process of its own, that share an output folder and become one.

A shard takes the recordings whose ids fall to it, so that nobody has to agree on a list, and keeps its tables and its
lock in a folder of its own below the output folder; transcripts go where those of one run would. When all have
finished, their tables become those of one run.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asrkit.errors import MissingPathError, TranscriptionError
from asrkit.transcription.folder import OutputFolder, is_in_use, note_of
from asrkit.transcription.naming import RUN_NAME, SHARDS_FOLDER
from asrkit.transcription.recordings import Recording
from asrkit.transcription.results import read_results
from asrkit.transcription.status import RunStatus, ShardGroup, read_description, read_failures, read_status
from asrkit.tuning.confidence import ExpectedErrors

_TABLES = re.compile(r"([1-9][0-9]*)-of-([1-9][0-9]*)")


def of_shard(recordings: Sequence[Recording], shard_of: tuple[int, int] | None) -> list[Recording]:
    """Return the recordings that fall to a shard, by its number from 1 and how many there are; None: all."""
    if shard_of is None:
        return [*recordings]
    number, count = shard_of
    return [recording for recording in recordings if _draw(recording.utterance_id) % count == number - 1]


def _draw(utterance_id: str) -> int:
    return int.from_bytes(hashlib.sha256(utterance_id.encode("utf-8", "surrogatepass")).digest()[:8], "big")


def tables_of(output_dir: Path, shard_of: tuple[int, int] | None) -> Path:
    """Return where a run, or one of its shards, keeps its tables."""
    return output_dir if shard_of is None else output_dir / SHARDS_FOLDER / "{}-of-{}".format(*shard_of)


def open_tables(output_dir: Path, shard_of: tuple[int, int] | None, *, read_only: bool = False) -> OutputFolder:
    """Open the tables of a run, or of one of its shards; a run that is whole takes over what shards have made.

    Raises:
        TranscriptionError: They cannot be used, or another run is using them.
    """
    if shard_of is None:
        folder = OutputFolder(output_dir, read_only=read_only)
        if not read_only:
            try:
                _dissolve(folder)
            except TranscriptionError:
                folder.close()
                raise
        return folder
    if not read_only:
        if is_in_use(output_dir):
            raise TranscriptionError("another run is writing into this folder; wait for it", path=output_dir)
        others = Shards.find(output_dir)
        if others is not None and others.count != shard_of[1]:
            raise _cut_differently(output_dir, {others.count, shard_of[1]})
    return OutputFolder(tables_of(output_dir, shard_of), output_dir, read_only=read_only)


@dataclass(frozen=True)
class Shard:
    """One that has begun."""

    number: int  # from 1
    folder: Path  # where it keeps its tables
    state: str  # as of a run
    num_recordings: int  # how many it was asked for
    provenance: Mapping[str, Any]  # model, language model and settings

    @property
    def key(self) -> Any:
        """What tells its model and settings from others."""
        return self.provenance.get("key")


@dataclass(frozen=True)
class Shards:
    """The shards of an output folder."""

    begun: tuple[Shard, ...]  # by number, one at least
    count: int  # how many there are to be

    @classmethod
    def find(cls, output_dir: Path) -> Shards | None:
        """Return those that have begun, None where there are none.

        Raises:
            TranscriptionError: They are of runs that were cut differently.
        """
        begun, counts = [], set()
        for number, count, path in _tables_in(output_dir):
            try:
                found = read_description(path)
            except (TranscriptionError, MissingPathError):  # died before it began
                continue
            begun.append(Shard(number, path, found["state"], found["num_recordings"], found["provenance"]))
            counts.add(count)
        if len(counts) > 1:
            raise _cut_differently(output_dir, counts)
        return cls(tuple(begun), counts.pop()) if begun else None

    @property
    def are_one(self) -> bool:
        """Whether all of them have finished, with the same model and settings."""
        return self.missing(self.begun[0].key) is None

    def missing(self, key: Any) -> str | None:
        """Say how many have not finished with the model and settings of this key; None: all have."""
        num_missing = self.count - sum(shard.state == "finished" and shard.key == key for shard in self.begun)
        which = " with these settings" if any(shard.key != key for shard in self.begun) else ""
        return f"waiting for {num_missing} of {self.count} shards{which}" if num_missing else None

    @property
    def digest(self) -> str:
        """What tells these answers from others."""
        digest = hashlib.sha256()
        for shard in self.begun:
            digest.update((shard.folder / RUN_NAME).read_bytes())
        return digest.hexdigest()[:16]

    def together(self) -> RunStatus:
        """Return what they have done, taken together: with the model and settings that one was started with last."""
        latest = max(self.begun, key=lambda shard: (shard.folder / RUN_NAME).stat().st_mtime_ns)
        kinds = {shard.state for shard in self.begun}
        state = next((kind for kind in ("running", "killed", "interrupted") if kind in kinds), None)
        states = [read_status(shard.folder) for shard in self.begun if shard.key == latest.key]
        return RunStatus(
            state=state or self.missing(latest.key) or "finished",
            num_recordings=sum(shard.num_recordings for shard in self.begun),
            num_done=sum(one.num_done for one in states),
            num_others=sum(one.num_others for one in states),
            failures=tuple(sorted(failure for one in states for failure in one.failures)),
            audio_s=sum(one.audio_s for one in states),
            provenance=latest.provenance,
            shards=self._groups(),
        )

    def _groups(self) -> tuple[ShardGroup, ...]:
        alike: dict[Any, list[Shard]] = {}
        for shard in self.begun:
            alike.setdefault((shard.key, shard.state), []).append(shard)
        groups = [
            ShardGroup(tuple(shard.number for shard in own), own[0].state, own[0].provenance) for own in alike.values()
        ]
        absent = set(range(1, self.count + 1)) - {shard.number for shard in self.begun}
        return (*groups, *([ShardGroup(tuple(sorted(absent)), "not begun", {})] if absent else []))


def _tables_in(output_dir: Path) -> list[tuple[int, int, Path]]:
    """Return the tables of shards, with the number of each and how many there are to be."""
    found = ((_TABLES.fullmatch(path.name), path) for path in (output_dir / SHARDS_FOLDER).glob("*-of-*"))
    return sorted((int(match[1]), int(match[2]), path) for match, path in found if match)


def _cut_differently(output_dir: Path, counts: set[int]) -> TranscriptionError:
    return TranscriptionError(
        f"holds shards of a run cut into another number ({' and '.join(map(str, sorted(counts)))}); go on with one "
        "number, or run once without --shard, which keeps what they made",
        path=output_dir,
    )


def merge_shards(output_dir: Path) -> bool:
    """Make the tables of shards that have all finished alike those of one run, once; return whether this was done now.

    Whoever comes while another one does it leaves it to that one.

    Raises:
        TranscriptionError: They were cut differently, or the folder cannot be written to.
    """
    shards = Shards.find(output_dir)
    if shards is None or not shards.are_one or note_of(output_dir, "shards") == shards.digest:
        return False
    try:
        folder = OutputFolder(output_dir)
    except TranscriptionError:
        if is_in_use(output_dir):
            return False
        raise
    with closing(folder):
        digest = shards.digest  # of what is read from here on: a shard that changes meanwhile is merged again
        paths = [shard.folder for shard in shards.begun]
        done = {utterance_id for path in paths for utterance_id in _take_over(folder, path)}
        failures = [row for path in paths for row in read_failures(path)]
        useless = {row[0] for row in failures} - done
        folder.begin(done | useless, shards.begun[0].provenance, note_of(paths[0], "layout"))
        for row in failures:
            folder.note_failure(*row)
        folder.finish(done, useless, [], _sum_of(paths), shards=digest)
    return True


def status_of(output_dir: Path) -> RunStatus:
    """Return the state of an output folder, of its shards where it has some; finished ones are merged first.

    Raises:
        MissingPathError: There is no such folder.
        TranscriptionError: It is not an output folder.
    """
    merge_shards(output_dir)
    shards = Shards.find(output_dir)
    if shards is None or note_of(output_dir, "shards") == shards.digest:
        return read_status(output_dir)
    return shards.together()


def _dissolve(folder: OutputFolder) -> None:
    """Take over what shards have made, for one run that goes on alone."""
    paths = [path for _, _, path in _tables_in(folder.path)]
    for path in paths:
        if is_in_use(path):
            raise TranscriptionError(f"shard {path.name} of this folder is running; wait for it", path=folder.path)
    for path in paths:
        if (path / RUN_NAME).exists():
            for _ in _take_over(folder, path):
                pass
    shutil.rmtree(folder.path / SHARDS_FOLDER, ignore_errors=True)


def _take_over(folder: OutputFolder, shard: Path) -> Iterator[str]:
    """Add the results of a shard, one by one, and yield their ids."""
    for transcript in read_results(shard):
        folder.results.append([transcript])
        yield transcript.utterance_id


def _sum_of(folders: Sequence[Path]) -> dict[str, Any]:
    """Return the summaries of runs as one: numbers added up, lists joined, counts by kind added up."""
    total: dict[str, Any] = {}
    for path in folders:
        summary = note_of(path, "summary") or {}
        for name, value in summary.items():
            if isinstance(value, list):
                total[name] = total.get(name, []) + value
            elif name == "expected" and isinstance(value, dict):
                expected = ExpectedErrors.from_dict(value)
                total[name] = (
                    ExpectedErrors.from_dict(total[name]) + expected if name in total else expected
                ).to_dict()
            elif name == "audio_s" or (isinstance(value, int) and not isinstance(value, bool)):
                total[name] = total.get(name, 0) + value
    return total
