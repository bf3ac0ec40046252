"""Untranscribed audio as training data: a model's own transcripts, as many as keep a promised word error rate.

Calibrated confidences say how many errors to expect in each utterance. The surest are taken, one after the other, for
as long as those taken are expected to have no more errors, together, than was promised.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from asrkit.config import Calibration
from asrkit.data import Utterance, read_manifest
from asrkit.data.recordings import Parts, measure_recording
from asrkit.data.rows import held_out_part
from asrkit.errors import AsrkitError, AudioError
from asrkit.transcription.formats import separator_of
from asrkit.transcription.recordings import Recording, find_recordings, is_manifest
from asrkit.transcription.transcript import TimedWord, Transcript
from asrkit.tuning.confidence import Doubt, ExpectedErrors

LONGEST_S = 20.0
_SHORTEST_PAUSE_S = 0.2  # in which a long recording may be cut
_ROOM_S = 0.3  # of silence that stays around the words of a cut


@dataclass(frozen=True)
class Labelled:
    """An utterance with the transcript that a model made of it."""

    utterance: Utterance  # with that text
    doubt: Doubt  # what its confidences say

    @property
    def confidence(self) -> float:
        """The share of its words that are right, as far as one can tell."""
        return 1.0 - self.doubt.wrong / self.doubt.num_words


class Excluded:
    """What may never be taken: the utterances of some sets, their recordings and their speakers.

    Args:
        manifests: The sets, such as dev and test.
        known: What has true texts already; others of the same speakers may be taken.

    Raises:
        MissingPathError, ManifestError: One of them cannot be read.
    """

    def __init__(self, manifests: Sequence[Path], known: Sequence[Utterance] = ()) -> None:
        excluded = [one for path in manifests for one in read_manifest(path, require_text=False, require_audio=False)]
        self._ids = {utterance.id for utterance in (*excluded, *known)}
        self._speakers = {utterance.speaker for utterance in excluded if utterance.speaker}
        heard = _contents(excluded)
        self._contents = {*heard.values(), *_contents(known).values()}
        self._recordings, self._known = Parts(excluded), Parts(known)
        self.num_unheard = len(excluded) - len(heard)  # how many cannot be read, so that nothing has their sound

    def sort_out(self, utterances: Sequence[Utterance]) -> tuple[list[Utterance], dict[str, str]]:
        """Return the utterances that may be taken, and of the others why not, by id."""
        contents = _contents(utterances) if self._contents else {}
        kept, reasons = [], {}
        for utterance in utterances:
            if utterance.id in self._ids:
                reasons[utterance.id] = "its id is in an excluded set"
            elif utterance.speaker in self._speakers:
                reasons[utterance.id] = f"its speaker {utterance.speaker} is in an excluded set"
            elif self._recordings.of_recording(utterance):
                reasons[utterance.id] = "its recording, or a part of it, is in an excluded set"
            elif contents.get(utterance.id) in self._contents:
                reasons[utterance.id] = "the same sound is in an excluded set"
            else:
                kept.append(utterance)
        return kept, reasons

    def sort_out_known(self, labelled: Sequence[Labelled]) -> tuple[list[Labelled], dict[str, str]]:
        """Return what has no true text, of recordings some parts of which have one, and of the others why not."""
        known = {one.utterance.id: self._known.shared_with(one.utterance) for one in labelled}
        reasons = {name: f"what is said there has the true text {true.id}" for name, true in known.items() if true}
        return [one for one in labelled if one.utterance.id not in reasons], reasons


def _contents(utterances: Sequence[Utterance]) -> dict[str, str]:
    """Return a hash of the sound of each utterance that can be read, by id."""

    def content(utterance: Utterance) -> str | None:
        with suppress(AudioError):
            return measure_recording(utterance).content
        return None

    with ThreadPoolExecutor() as pool:
        found = zip(utterances, pool.map(content, utterances), strict=True)
        return {utterance.id: value for utterance, value in found if value is not None}


def list_utterances(inputs: Sequence[Path | str]) -> list[Utterance]:
    """Return the recordings of folders, files and manifests; of manifests with their speakers.

    Raises:
        MissingPathError: A named path does not exist.
        ManifestError: A manifest is broken.
        TranscriptionError: There are none.
    """
    speakers: dict[str, str | None] = {}
    for path in map(Path, inputs):
        if is_manifest(path) and path.is_file():
            speakers |= {u.id: u.speaker for u in read_manifest(path, require_text=False, require_audio=False)}
    return [_utterance(recording, speakers) for recording in find_recordings(inputs)]


def published_parts(utterances: Iterable[Utterance]) -> Counter[str]:
    """Count utterances in folders by whose recordings others compare their results, such as test-clean."""
    parts = (held_out_part(utterance.id.split("/")[:-1]) for utterance in utterances)
    return Counter(part for part in parts if part is not None)


def _utterance(recording: Recording, speakers: Mapping[str, str | None]) -> Utterance:
    return Utterance(
        recording.utterance_id,
        recording.path,
        speaker=speakers.get(recording.utterance_id),
        start_s=recording.start_s,
        end_s=recording.end_s,
        channel=recording.channel,
    )


def labelled_by(utterance: Utterance, transcript: Transcript) -> list[Labelled]:
    """Return an utterance with its transcript; a long one cut in the longest pauses between its words.

    What cannot be cut short enough, and what has no words, is left out.
    """
    start_s = utterance.start_s or 0.0
    if transcript.words and transcript.duration_s <= LONGEST_S:
        whole = replace(utterance, text=transcript.text, duration_s=transcript.duration_s)
        return [Labelled(whole, transcript.doubt)]
    separator = separator_of(transcript)
    parts = []
    for begin_s, end_s, words in _cut(transcript.words, start_s, start_s + transcript.duration_s):
        part = replace(
            utterance,
            id=f"{utterance.id}-{begin_s:.2f}",
            text=separator.join(word.word for word in words),
            start_s=begin_s,
            end_s=end_s,
            duration_s=round(end_s - begin_s, 3),
        )
        parts.append(Labelled(part, Doubt.of([word.confidence for word in words])))
    return parts


def _cut(
    words: Sequence[TimedWord], begin_s: float, end_s: float
) -> Iterator[tuple[float, float, Sequence[TimedWord]]]:
    if not words:
        return
    begin_s, end_s = max(begin_s, words[0].start_s - _ROOM_S), min(end_s, words[-1].end_s + _ROOM_S)
    if end_s - begin_s <= LONGEST_S:
        yield round(begin_s, 3), round(end_s, 3), words
        return
    pauses = [after.start_s - word.end_s for word, after in itertools.pairwise(words)]
    if not pauses or max(pauses) < _SHORTEST_PAUSE_S:
        return
    place = pauses.index(max(pauses)) + 1
    middle_s = (words[place - 1].end_s + words[place].start_s) / 2
    yield from _cut(words[:place], begin_s, middle_s)
    yield from _cut(words[place:], middle_s, end_s)


def choose_surest(
    labelled: Sequence[Labelled], calibration: Calibration, target_rate: float
) -> tuple[list[Labelled], ExpectedErrors]:
    """Return the surest utterances that are expected to keep a word error rate together, and what to expect of them.

    Raises:
        AsrkitError: Not even the surest one is expected to keep it.
    """
    ranked = sorted(labelled, key=lambda one: (-one.confidence, one.utterance.id))
    best = 0
    total = ExpectedErrors(0.0, 0.0, 0.0, calibration.spread)
    for count, one in enumerate(ranked, 1):
        total = total + ExpectedErrors.of(calibration, [one.doubt])
        if total.rate is not None and total.rate <= target_rate:
            best = count
    if not best:
        first = ExpectedErrors.of(calibration, [ranked[0].doubt]).rate if ranked else None
        surest = "there are no words" if first is None else f"of the surest utterance {first:.1%} is to be expected"
        raise AsrkitError(
            f"nothing can be promised a word error rate of {target_rate:.1%}: {surest}; raise --target-wer, or take a "
            "better model"
        )
    kept = sorted(ranked[:best], key=lambda one: one.utterance.id)
    return kept, ExpectedErrors.of(calibration, [one.doubt for one in kept])
