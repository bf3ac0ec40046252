"""The output folder of a run, and what keeps two runs, kills and full disks from spoiling it."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import IO, Any

from asrkit.config import TranscriptionConfig
from asrkit.emissions import EMISSIONS_SUFFIX, read_info
from asrkit.errors import DecodingError, TranscriptionError
from asrkit.locks import hold
from asrkit.reading import parse_json, require_plain
from asrkit.transcription.naming import (
    EMISSIONS_FOLDER,
    FAILURES_NAME,
    HYPOTHESES_NAME,
    OWN_NAMES,
    RESULTS_NAME,
    RUN_NAME,
    SHARDS_FOLDER,
    WRITTEN_NAME,
    file_in,
)
from asrkit.transcription.outputs import (
    SUBTITLE_SETTINGS,
    for_one_recording,
    is_file,
    unwritable,
    write_atomically,
)
from asrkit.transcription.results import ResultsLog, read_results
from asrkit.transcription.written import WrittenFiles
from asrkit.writing import TEMPORARY_PATTERN, refuse_links, write_whole, written_whole


class OutputFolder:
    """The files that belong to a whole run: results, failures, state.

    Args:
        path: The folder; made where it is missing.
        whole: The output folder that it is a shard of: emissions lie there, and results of other inputs too.
        read_only: Look, but touch nothing.

    Raises:
        InUseError: Another run is using the folder.
        TranscriptionError: It cannot be used.
    """

    def __init__(self, path: Path, whole: Path | None = None, *, read_only: bool = False) -> None:
        self.path = path
        self._is_shard = whole is not None
        self._emissions = (whole or path) / EMISSIONS_FOLDER
        self._lock: IO[bytes] | None = None
        self._failures: list[tuple[str, str, str]] = []
        self._description: dict[str, Any] = {}
        for name in OWN_NAMES:
            own = path / name
            if own.is_dir() or (not read_only and own.exists() and not own.is_file()):
                kind = "a folder" if own.is_dir() else "no regular file"
                raise TranscriptionError(
                    f"is {kind} where the run keeps a file of its own; move it or name another folder with -o", path=own
                )
        if not read_only:
            try:
                refuse_links(path, whole or path)
                path.mkdir(parents=True, exist_ok=True)
                self._lock = hold(path)
            except OSError as error:
                raise unwritable(path, error) from None
        try:
            self.written = WrittenFiles(path, whole, read_only=read_only)
        except OSError as error:
            raise unwritable(path / WRITTEN_NAME, error) from None
        self.results = ResultsLog(path, read_only=read_only)
        self._layout = _layout_of(path)

    def close(self) -> None:
        """Let the folder go; a run that did not finish is marked as interrupted."""
        self.results.close()
        self.written.close()
        if self._lock is not None:
            if self._description.get("state") == "running":
                with contextlib.suppress(TranscriptionError):
                    self._describe(state="interrupted")
            self._lock.close()

    def is_laid_out(self, layout: Mapping[str, float] | None) -> bool:
        """Whether the subtitles in the folder are set like this; None: there is nothing to set."""
        return layout is None or self._layout == layout

    def take_over(self, tables: Path, is_wanted: Callable[[str], bool] = lambda utterance_id: True) -> Iterator[str]:
        """Add the results of other tables, one by one, and yield their ids; the files that they vouch for stay.

        Raises:
            TranscriptionError: They cannot be read, or not be written here.
        """
        layout = _layout_of(tables)
        if not self._is_shard:  # which knows what the whole folder does
            try:
                self.written.take_over(tables)
            except OSError as error:
                raise unwritable(self.path / WRITTEN_NAME, error) from None
        for transcript in read_results(tables):
            if is_wanted(transcript.utterance_id):
                self._layout = layout if not len(self.results) or layout == self._layout else None
                self.results.append([transcript])
                yield transcript.utterance_id

    def begin(
        self, utterance_ids: Collection[str], provenance: Mapping[str, Any], layout: Mapping[str, float] | None = None
    ) -> None:
        """Note that a run starts; clear away the failures of the last one and what a kill left half-written.

        Args:
            utterance_ids: What it is asked for; channels come as ``id.ch1``.
            provenance: What decides its transcripts.
            layout: How its subtitles are set, if it writes some; the folder holds both kinds until it ends.

        Raises:
            TranscriptionError: The folder cannot be written to.
        """
        try:
            (self.path / FAILURES_NAME).unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(self.path, error) from None
        for leftover in self.path.rglob(TEMPORARY_PATTERN):
            with contextlib.suppress(OSError):
                leftover.unlink()
        asked = set(utterance_ids)
        others = [i for i in self._made_with(provenance["key"]) if not asked & {i, i.rpartition(".ch")[0]}]
        self._wanted_layout: Any = self._layout if layout is None else dict(layout)
        self._describe(
            state="running",
            num_recordings=len(asked),
            num_others=len(others),
            provenance=dict(provenance),
            layout=self._layout if self.is_laid_out(layout) else None,
        )

    def note_failure(self, utterance_id: str, audio: str, reason: str) -> None:
        """Add a line to ``failures.tsv`` at once.

        Raises:
            TranscriptionError: The disk is full, or the folder cannot be written to.
        """
        self._failures.append((utterance_id, audio, reason))
        try:
            with (self.path / FAILURES_NAME).open("ab") as file:
                if file.tell() == 0:
                    file.write(b"utterance_id\taudio\treason\n")
                file.write(_table_line(utterance_id, audio, reason))
        except OSError as error:
            raise unwritable(self.path / FAILURES_NAME, error) from None

    def write_emissions(self, output: str, data: bytes) -> None:
        """Store the emissions of a recording whose transcript goes to ``output``.

        Raises:
            InTheWayError: Something keeps this file from being written.
            TranscriptionError: The disk is full.
        """
        path = self._emissions_path(output)
        with for_one_recording(path, self._emissions.parent), written_whole(path) as file:
            file.write(data)

    def has_emissions(self, output: str, audio_fingerprint: str, model_fingerprint: str) -> bool:
        """Whether the emissions of a recording are stored, made from this audio by this model."""
        try:
            info = read_info(self._emissions_path(output))
        except DecodingError:
            return False
        return (info.audio_fingerprint, info.model_fingerprint) == (audio_fingerprint, model_fingerprint)

    def _emissions_path(self, output: str) -> Path:
        return file_in(self._emissions, output, EMISSIONS_SUFFIX)

    def held(self, done: Collection[str], failed: Collection[str], unread: Collection[Path]) -> set[str]:
        """Return the ids of earlier results that still hold, beside what is done.

        A result of an earlier run that was not asked for this time, or whose audio could not be looked at, stays as
        long as its audio is there, it was made with the same model and settings, and no other id stands for the same
        audio now; so one table mixes no models and holds nothing twice.

        Args:
            done: Ids that have a transcript, made now or before.
            failed: Ids whose audio is no use; what an earlier run made of other audio of that name goes.
            unread: Files and folders that could not be looked at; nobody knows that audio in them is gone.
        """
        lost = set(unread)
        heard = {self._audio_of(utterance_id) for utterance_id in done}
        return {
            utterance_id
            for utterance_id in self._made_with(self._description["provenance"]["key"])
            if self._audio_of(utterance_id) not in heard and self._may_have_audio(utterance_id, lost)
        } - set(failed)

    def finish(self, done: Collection[str], held: Set[str], summary: Mapping[str, Any], **notes: Any) -> bool:
        """Write the sorted results of all runs into this folder that still hold.

        Return whether ``hyp.txt`` was changed since the last run, and put aside.

        Args:
            done: Ids that have a transcript, made now or before.
            held: Other ids whose results hold; of a shard they are for another one to keep, unless they failed.
            summary: What the run did.
            notes: What else ``run.json`` is to say.
        """
        failed = {row[0] for row in self._failures}
        kept = {*done, *(held & failed if self._is_shard else held)}
        is_changed = self.results.finish(kept, self.written)
        if self._failures:
            rows = [("utterance_id", "audio", "reason"), *sorted(self._failures)]
            write_atomically(self.path / FAILURES_NAME, b"".join(_table_line(*row) for row in rows))
        asked = {*done, *failed}
        self._describe(
            state="finished",
            num_recordings=len(asked),
            num_others=len(kept - asked),
            summary=dict(summary),
            # Of results that were not asked for now, nobody wrote the files anew.
            layout=self._wanted_layout if self.is_laid_out(self._wanted_layout) or kept <= asked else None,
            **notes,
        )
        return is_changed

    def _made_with(self, key: str) -> Iterator[str]:
        """Yield the ids of the results of one model and its settings."""
        return (i for i in self.results if (entry := self.results.get(i)) is not None and entry.key == key)

    def _audio_of(self, utterance_id: str) -> tuple[str, str] | None:
        entry = self.results.get(utterance_id)
        return None if entry is None else (entry.audio, entry.audio_fingerprint)

    def _may_have_audio(self, utterance_id: str, lost: Set[Path]) -> bool:
        """Whether the audio of a result is there, or nobody can tell, as on a mount that is gone."""
        entry = self.results.get(utterance_id)
        if entry is None:
            return False
        path = Path(entry.audio)
        try:
            return path.exists() or not lost.isdisjoint([path, *path.parents])
        except OSError:
            return True

    def _describe(self, **changes: Any) -> None:
        self._description |= changes
        path = self.path / RUN_NAME
        try:
            write_whole(path, json.dumps(self._description, indent=2) + "\n")
        except OSError as error:
            raise unwritable(path, error) from None


def note_of(folder: Path, name: str, default: Any = None) -> Any:
    """Return what ``run.json`` of a folder says under a name; the default where it says nothing."""
    try:
        require_plain(folder / RUN_NAME)
        return parse_json((folder / RUN_NAME).read_text(encoding="utf-8")).get(name, default)
    except (OSError, ValueError, AttributeError):
        return default


def _layout_of(folder: Path) -> Any:
    default = {name: getattr(TranscriptionConfig(), name) for name in SUBTITLE_SETTINGS}
    return note_of(folder, "layout", default)  # runs of before did not say


def _table_line(*cells: str) -> bytes:
    """Return one line of a table; what would break it becomes a space, undecodable bytes become visible."""
    clean = [" ".join(cell.split()) if any(c in cell for c in "\t\r\n\v\f") else cell for cell in cells]
    return "\t".join(clean).encode("utf-8", "backslashreplace") + b"\n"


def refuse_strangers(folder: Path, paths: Iterable[Path]) -> None:
    """Refuse an output folder that no run has written to, but that holds files of the run's own or of ``paths``.

    Raises:
        TranscriptionError: One of them is there, and not empty.
    """
    if not folder.is_dir() or (folder / RUN_NAME).exists() or (folder / SHARDS_FOLDER).exists():
        return
    own = (folder / name for name in (RESULTS_NAME, HYPOTHESES_NAME, FAILURES_NAME))
    for path in itertools.chain(own, paths):
        if is_file(path) and path.stat().st_size:
            raise TranscriptionError(
                "is there already and comes from elsewhere; name another folder with -o, or --overwrite", path=path
            )
