"""What became of each recording of a run, written down as soon as it is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from asrkit.config import Calibration
from asrkit.emissions import EmissionsInfo, pack_emissions
from asrkit.transcription.folder import OutputFolder
from asrkit.transcription.naming import HYPOTHESES_ASIDE_NAME, HYPOTHESES_NAME
from asrkit.transcription.outputs import InTheWayError, TranscriptFiles, is_written
from asrkit.transcription.recognizer import Model, Outcome
from asrkit.transcription.recordings import Recording
from asrkit.transcription.scanning import Scanned, State
from asrkit.transcription.summary import Failure, Observer, TranscriptionSummary
from asrkit.transcription.transcript import Transcript
from asrkit.tuning.confidence import Doubt, ExpectedErrors

_SHOWN_NAMES = 5


class Ledger:
    """Writes transcripts and failures; what goes wrong with one recording stays with it.

    Without a folder, or without files, it writes none. Counts and failures are added to the summary.
    """

    def __init__(
        self,
        folder: OutputFolder | None,
        files: TranscriptFiles | None,
        model: Model,
        calibration: Calibration | None,
        summary: TranscriptionSummary,
        observer: Observer,
    ) -> None:
        self._folder = folder
        self._files = files
        self._model = model
        self._calibration = calibration
        self._summary = summary
        self._observer = observer
        self._done: dict[str, Doubt] = {}
        self._split: dict[str, Recording] = {}  # by the id of the first channel
        self._anew: set[str] = set()  # channels whose files were written now
        self._useless: set[str] = set()  # what was made of other audio of that name does not hold either
        self._unread: list[Path] = []  # nobody knows about their audio

    def settle(self, items: Sequence[Scanned]) -> int:
        """Deal with recordings that need no work, and return how many of them are done.

        Raises:
            TranscriptionError: The disk is full, or the folder cannot be written to.
        """
        before = len(self._done)
        for item in items:
            if item.state is State.UNUSABLE:
                self._give_up(item.recording, item.recording.problem)
            elif item.state is State.DONE or self._write_again(item):
                self._done[item.recording.utterance_id] = self._earlier_doubt(item.recording.utterance_id)
                self._note_channel(item.recording, is_new=item.state is not State.DONE)
                self._list_damage(item.recording)
        num_reused = len(self._done) - before
        self._summary.num_reused += num_reused
        return num_reused

    def take(self, outcomes: Sequence[Outcome]) -> None:
        """Write what became of a batch: emissions, the lines of the results, then the files that these vouch for.

        Files of an earlier answer go before: what is there when this is interrupted is never taken for the new answer
        nor, beside the audio, for somebody else's.

        Raises:
            TranscriptionError: The disk is full, or the folder cannot be written to.
        """
        made: list[tuple[Outcome, Transcript]] = []
        for outcome in outcomes:
            if outcome.transcript is None:
                self._give_up(outcome.recording, outcome.problem)
            elif self._attempt(outcome.recording, partial(self._prepare, outcome)):
                made.append((outcome, outcome.transcript))
        if self._folder is not None:
            self._folder.results.append([transcript for _, transcript in made])
        for outcome, transcript in made:
            if self._write(outcome.recording, transcript):
                self._done[transcript.utterance_id] = transcript.doubt
                self._note_channel(outcome.recording, is_new=True)
                self._summary.num_transcribed += 1
                self._summary.audio_s += transcript.duration_s
                self._observer.transcribed(transcript)
                for remark in transcript.remarks:
                    self._observer.remark(f"{transcript.utterance_id}: {remark}")
                self._list_damage(outcome.recording, transcript.damage)

    def finish(self) -> None:
        """Write the dialogues of split recordings and the sorted tables of the folder.

        Raises:
            TranscriptionError: The disk is full, or the folder cannot be written to.
        """
        for recording in self._split.values():
            self._write_dialogue(recording)
        self._summary.failures.sort(key=lambda failure: failure.utterance_id)
        if self._calibration is not None:
            self._summary.expected = ExpectedErrors.of(self._calibration, list(self._done.values()))
        if self._files is not None and self._files.kept:
            self._summary.kept = sorted(map(self._files.name_of, self._files.kept))
            self._observer.remark(_say_kept(self._summary.kept))
        if self._folder is not None:
            held = self._folder.held(self._done, self._useless, self._unread)
            self._summary.orphans = sorted({*self._folder.results} - held - self._useless - self._done.keys())
            if self._summary.orphans:
                self._observer.remark(_say_orphans(self._summary.orphans))
            if self._folder.finish(self._done, held, self._summary.to_dict()):
                self._observer.remark(f"{HYPOTHESES_NAME} was changed since: that is in {HYPOTHESES_ASIDE_NAME} now")

    def _earlier_doubt(self, utterance_id: str) -> Doubt:
        entry = None if self._folder is None else self._folder.results.get(utterance_id)
        return Doubt() if entry is None else entry.doubt

    def _write_again(self, item: Scanned) -> bool:
        """Write the files of what an earlier run transcribed, perhaps under another id."""
        if self._folder is None or item.earlier is None:
            return True
        results = self._folder.results
        transcript = replace(results.read(item.earlier), utterance_id=item.recording.utterance_id)
        if item.is_renamed:
            if self._files is not None and not self._attempt(
                item.recording, partial(self._files.remove, item.recording)
            ):
                return False
            results.append([transcript])
        return self._write(item.recording, transcript)

    def _prepare(self, outcome: Outcome) -> None:
        if self._files is not None:
            self._files.remove(outcome.recording)
        if self._folder is not None and outcome.emissions is not None:
            packed = pack_emissions(outcome.emissions, self._emissions_info(outcome.recording))
            self._folder.write_emissions(outcome.recording.output, packed)

    def _note_channel(self, recording: Recording, *, is_new: bool) -> None:
        if recording.channels:
            self._split.setdefault(recording.channels[0], recording)
            if is_new:
                self._anew.add(recording.utterance_id)

    def _write_dialogue(self, recording: Recording) -> None:
        """Write the dialogue of a split recording all of whose channels are done, where it is not there as they are."""
        if self._folder is None or self._files is None or not self._done.keys() >= set(recording.channels):
            return
        paths = self._files.dialogues(recording)
        if self._anew.isdisjoint(recording.channels) and all(map(is_written, paths)):
            return
        results = self._folder.results
        entries = [entry for name in recording.channels if (entry := results.get(name)) is not None]
        write = partial(self._files.write_dialogue, recording, [results.read(entry) for entry in entries])
        self._attempt(recording, write)

    def _write(self, recording: Recording, transcript: Transcript) -> bool:
        return self._files is None or self._attempt(recording, partial(self._files.write, recording, transcript))

    def _attempt(self, recording: Recording, write: Callable[[], None]) -> bool:
        """Touch files of one recording; what stands in the way is its failure, and its results stay."""
        try:
            write()
        except InTheWayError as error:
            self._fail(recording, str(error))
            return False
        return True

    def _emissions_info(self, recording: Recording) -> EmissionsInfo:
        model = self._model
        return EmissionsInfo(
            utterance_id=recording.utterance_id,
            symbols=model.symbols,
            step_ms=model.step_ms,
            duration_s=recording.duration_s,
            audio=str(recording.path),
            audio_fingerprint=recording.fingerprint,
            model=model.name,
            model_fingerprint=model.fingerprint,
            normalizer=model.normalizer,
            language=model.language,
        )

    def _list_damage(self, recording: Recording, damage: str | None = None) -> None:
        """List what was salvaged as a failure too; of what an earlier run made, its results know."""
        if self._folder is not None and (entry := self._folder.results.get(recording.utterance_id)) is not None:
            damage = entry.damage
        if damage is not None:
            self._fail(recording, f"only a part could be salvaged: {damage}")

    def _give_up(self, recording: Recording, problem: str | None) -> None:
        """Take note of a recording whose audio, or text, is no use."""
        if recording.fingerprint or recording.version:
            self._useless.add(recording.utterance_id)
        else:
            self._unread.append(recording.path)
        self._fail(recording, problem)

    def _fail(self, recording: Recording, problem: str | None) -> None:
        failure = failure_of(recording, problem)
        self._summary.failures.append(failure)
        if self._folder is not None:
            self._folder.note_failure(failure.utterance_id, failure.audio, failure.reason)
        self._observer.failed(failure)


def _say_orphans(ids: Sequence[str]) -> str:
    what = "1 earlier result" if len(ids) == 1 else f"{len(ids):,} earlier results"
    why = "no recording any more, another id now, or other settings"
    return f"{what} left hyp.txt ({why}); files of theirs stay: {_some_of(ids)}"


def _say_kept(names: Sequence[str]) -> str:
    what = "1 file stays as it is" if len(names) == 1 else f"{len(names):,} files stay as they are"
    return f"{what}, changed since or from elsewhere (--overwrite writes anew): {_some_of(names)}"


def _some_of(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN_NAMES]) + (f" and {len(names) - _SHOWN_NAMES:,} more" * (len(names) > _SHOWN_NAMES))


def failure_of(recording: Recording, problem: str | None) -> Failure:
    """Return what is said of a recording that failed."""
    return Failure(recording.utterance_id, str(recording.path), problem or "")
