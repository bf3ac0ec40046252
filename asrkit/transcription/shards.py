"""The shards of a run: parts of it, each a process of its own, that share an output folder and become one.

A shard takes the recordings whose ids fall to it, so that nobody has to agree on a list, and keeps its tables and its
lock in a folder of its own below the output folder; transcripts go where those of one run would. When all have
finished, their tables become those of one run.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asrkit.errors import InUseError, MissingPathError, TranscriptionError
from asrkit.locks import hold, is_in_use
from asrkit.transcription.folder import OutputFolder, note_of
from asrkit.transcription.naming import RESULTS_NAME, RUN_NAME, SHARDS_FOLDER, without_channel
from asrkit.transcription.outputs import unwritable
from asrkit.transcription.recordings import Recording
from asrkit.transcription.status import RunStatus, ShardGroup, read_description, read_failures, read_status
from asrkit.tuning.confidence import ExpectedErrors
from asrkit.writing import refuse_links

_TABLES = re.compile(r"([1-9][0-9]*)-of-([1-9][0-9]*)")


def of_shard(recordings: Sequence[Recording], shard_of: tuple[int, int] | None) -> list[Recording]:
    """Return the recordings that fall to a shard, by its number from 1 and how many there are; None: all."""
    if shard_of is None:
        return [*recordings]
    return [recording for recording in recordings if _falls_to(recording.utterance_id, shard_of)]


def _falls_to(utterance_id: str, shard_of: tuple[int, int]) -> bool:
    number, count = shard_of
    drawn = hashlib.sha256(utterance_id.encode("utf-8", "surrogatepass")).digest()[:8]
    return int.from_bytes(drawn, "big") % count == number - 1


def tables_of(output_dir: Path, shard_of: tuple[int, int] | None) -> Path:
    """Return where a run, or one of its shards, keeps its tables."""
    return output_dir if shard_of is None else output_dir / SHARDS_FOLDER / "{}-of-{}".format(*shard_of)


def open_tables(output_dir: Path, shard_of: tuple[int, int] | None, *, read_only: bool = False) -> OutputFolder:
    """Open the tables of a run, or of one of its shards.

    A run that is whole takes over what shards have made, a shard that begins what falls to it of an earlier run.

    Raises:
        TranscriptionError: They cannot be used, or another run is using them.
    """
    path = tables_of(output_dir, shard_of)
    if shard_of is not None and not read_only:
        _refuse_beside_whole(output_dir)
        others = Shards.find(output_dir)
        if others is not None and others.count != shard_of[1]:
            way = f"go on with {others.count}, or "
            raise _cut_differently(output_dir, {others.count, shard_of[1]}, way)
    folder = OutputFolder(path, None if shard_of is None else output_dir, read_only=read_only)
    try:
        if not read_only:  # each of the two looks when it has a lock, so not both of them go on
            (_refuse_beside_shards if shard_of is None else _refuse_beside_whole)(output_dir)
        if shard_of is None:
            _take_over_shards(folder)
        elif not (path / RUN_NAME).exists():
            _take_over_part(folder, output_dir, shard_of)
    except TranscriptionError:
        folder.close()
        raise
    return folder


def _refuse_beside_whole(output_dir: Path) -> None:
    """Refuse to run a shard where one run that is whole is going on; who merges shards is none, and is done first."""
    if is_in_use(output_dir) and not is_in_use(output_dir / SHARDS_FOLDER) and is_in_use(output_dir):
        raise InUseError("another run is writing into this folder; wait for it", path=output_dir)


def _refuse_beside_shards(output_dir: Path) -> None:
    for _, _, path in _tables_in(output_dir):
        if is_in_use(path):
            raise InUseError(f"shard {path.name} of this folder is running; wait for it", path=output_dir)


def _take_over_part(folder: OutputFolder, output_dir: Path, shard_of: tuple[int, int]) -> None:
    def is_wanted(utterance_id: str) -> bool:
        names = {utterance_id, without_channel(utterance_id)}  # a manifest may bring what looks like a channel
        return folder.results.get(utterance_id) is None and any(_falls_to(name, shard_of) for name in names)

    if (output_dir / RESULTS_NAME).is_file():
        for _ in folder.take_over(output_dir, is_wanted):
            pass


def _take_over_shards(folder: OutputFolder) -> None:
    for _, _, path in _tables_in(folder.path):
        if (path / RUN_NAME).exists():
            for _ in folder.take_over(path):
                pass


def drop_shards(output_dir: Path) -> None:
    """Delete the tables of shards that a run which is whole has taken over, once it has begun."""
    for _, _, path in _tables_in(output_dir):  # without it they are none: a kill must leave no halves
        (path / RUN_NAME).unlink(missing_ok=True)
    shutil.rmtree(output_dir / SHARDS_FOLDER, ignore_errors=True)


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


def _cut_differently(output_dir: Path, counts: set[int], way: str = "") -> TranscriptionError:
    return TranscriptionError(
        f"holds shards of a run cut into another number ({' and '.join(map(str, sorted(counts)))}); {way}run once "
        "without --shard, which keeps what they made",
        path=output_dir,
    )


def merge_shards(output_dir: Path) -> bool:
    """Make the tables of shards that have all finished alike those of one run, once; return whether this was done now.

    Whoever comes while another one does it leaves it to that one, which looks again when it is done.

    Raises:
        TranscriptionError: They were cut differently, or the folder cannot be written to.
    """
    is_merged = False
    while _due(output_dir) is not None and _merge(output_dir):
        is_merged = True
    return is_merged


def _due(output_dir: Path) -> Shards | None:
    """Return the shards if they are to be merged."""
    shards = Shards.find(output_dir)
    is_due = shards is not None and shards.are_one and note_of(output_dir, "shards") != shards.digest
    return shards if is_due else None


def _merge(output_dir: Path) -> bool:
    try:
        refuse_links(output_dir / SHARDS_FOLDER, output_dir)
        with closing(hold(output_dir / SHARDS_FOLDER)), closing(OutputFolder(output_dir)) as folder:
            shards = _due(output_dir)
            if shards is not None:
                _merge_into(folder, shards)
            return shards is not None
    except (InUseError, FileNotFoundError):  # the latter: one run that is whole has taken them over
        return False
    except OSError as error:
        raise unwritable(output_dir / SHARDS_FOLDER, error) from None


def _merge_into(folder: OutputFolder, shards: Shards) -> None:
    digest = shards.digest  # of what is read from here on: a shard that changes meanwhile is merged again
    paths = [shard.folder for shard in shards.begun]
    layouts = [note_of(path, "layout") for path in paths]
    done = {utterance_id for path in paths for utterance_id in folder.take_over(path)}
    failures = [row for path in paths for row in read_failures(path)]
    useless = {row[0] for row in failures} - done
    layout = layouts[0] if all(one == layouts[0] for one in layouts) else None
    folder.begin(done | useless, shards.begun[0].provenance, layout)
    for row in failures:
        folder.note_failure(*row)
    folder.finish(done, folder.held(done, useless, []), _sum_of(paths), shards=digest)


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
