"""What was said in one recording, when, and how sure the recognizer is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from asrkit.audio import Reading
from asrkit.text.identifiers import is_id
from asrkit.tuning.confidence import Doubt

if TYPE_CHECKING:
    from asrkit.decoder import Hypothesis
    from asrkit.transcription.recordings import Recording


_MOST_SECONDS = 1e9  # no recording is as long
# Of a known text: what each passage that does not match has, the text last.
_PASSAGES = {"unsaid": ("after_s", "first_word", "text"), "unwritten": ("start_s", "end_s", "heard")}


@dataclass(frozen=True)
class TimedWord:
    """One word with its place in the recording; ``confidence`` lies in [0, 1]."""

    word: str
    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True)
class Alternative:
    """One of the n best hypotheses, with the natural-log scores that ranked it."""

    text: str
    score: float
    acoustic_score: float
    lm_score: float
    confidence: float


@dataclass(frozen=True)
class Transcript:
    """The answer for one recording, as one line of ``results.jsonl`` holds it.

    Args:
        utterance_id: Unique in its run, without whitespace.
        audio: Absolute path of the recording.
        duration_s: Seconds of audio.
        text: The best hypothesis; may be empty.
        confidence: In [0, 1].
        words: Its words with times from the start of the file.
        nbest: The best hypotheses, where more than one was asked for and found.
        provenance: Model, language model, settings and version behind it.
        audio_fingerprint: What tells this audio from another version of it.
        remarks: What a user should know of how the audio was read.
        damage: What is missing from it, where the rest was salvaged.
        alignment: Of a known text: its ``agreement`` with what is heard, what is ``unsaid``, ``unwritten`` and
            ``unspelled``, maybe ``symbols`` with their times.
        start_s: Where it begins in its file; None for the beginning.
        channel: Of its file, from 0; None for all of them mixed.
    """

    utterance_id: str
    audio: str
    duration_s: float
    text: str
    confidence: float
    words: tuple[TimedWord, ...] = ()
    nbest: tuple[Alternative, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    audio_fingerprint: str = ""
    remarks: tuple[str, ...] = ()
    damage: str | None = None
    alignment: Mapping[str, Any] | None = None
    start_s: float | None = None
    channel: int | None = None

    @property
    def doubt(self) -> Doubt:
        """What its confidences say of its words, where they are calibrated."""
        return Doubt.of([word.confidence for word in self.words])

    def to_row(self) -> dict[str, Any]:
        """Return plain values for JSON; ``nbest`` is there only where there is more than one hypothesis."""
        row: dict[str, Any] = {
            "utterance_id": self.utterance_id,
            "audio": self.audio,
            "duration_s": self.duration_s,
            **{name: value for name in ("start_s", "channel") if (value := getattr(self, name)) is not None},
            "text": self.text,
            "confidence": self.confidence,
            "words": [vars(word) for word in self.words],
        }
        if self.nbest:
            row["nbest"] = [vars(alternative) for alternative in self.nbest]
        if self.remarks:
            row["remarks"] = list(self.remarks)
        if self.damage is not None:
            row["damage"] = self.damage
        if self.alignment is not None:
            row["alignment"] = dict(self.alignment)
        return row | {"audio_fingerprint": self.audio_fingerprint, "provenance": dict(self.provenance)}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Transcript:
        """Read what ``to_row`` wrote.

        Raises:
            KeyError, TypeError, ValueError: The row is something else.
        """
        values = dict(row)
        values["words"] = tuple(TimedWord(**word) for word in row["words"])
        values["nbest"] = tuple(Alternative(**item) for item in row.get("nbest", ()))
        values["remarks"] = tuple(row.get("remarks", ()))
        read = cls(**values)
        read.text.encode()  # half a character of UTF-16 can be written nowhere
        numbers = [read.duration_s, read.confidence, read.start_s or 0.0]
        numbers += [number for word in read.words for number in (word.start_s, word.end_s, word.confidence)]
        texts = [word.word for word in read.words] + [item.text for item in read.nbest]
        for key, (*names, text) in _PASSAGES.items():
            for passage in (read.alignment or {}).get(key, ()):
                numbers += [passage[name] for name in names]
                texts.append(passage[text])
        for label, start_s, end_s in (read.alignment or {}).get("symbols", ()):
            numbers += [start_s, end_s]
            texts.append(label)
        scores = [n for item in read.nbest for n in list(vars(item).values())[1:]]
        is_ours = (
            is_id(read.utterance_id)
            and not {"\n", "\r"} & {*read.text}
            and isinstance(read.audio, str)
            and isinstance(read.audio_fingerprint, str)
            and isinstance(read.provenance, Mapping)
            and all(isinstance(number, int | float) and abs(number) < _MOST_SECONDS for number in numbers)
            and all(isinstance(score, int | float) for score in scores)
            and all(isinstance(text, str) for text in [*texts, *read.remarks])
            and isinstance(read.damage, str | None)
            and isinstance(read.channel, int | None)
            and isinstance(read.alignment, Mapping | None)
            and all(isinstance(passage["first_word"], int) for passage in (read.alignment or {}).get("unsaid", ()))
        )
        if not is_ours:
            raise TypeError("a value has another type")
        return read


def transcript_from(
    hypotheses: Sequence[Hypothesis],
    recording: Recording,
    confidences: Sequence[float] | None = None,
    *,
    step_s: float,
    provenance: Mapping[str, Any] | None = None,
    reading: Reading | None = None,
) -> Transcript:
    """Turn the decoder's answer, counted in steps, into a transcript in seconds.

    Hypotheses come best first, at least one. ``confidences`` are those of the words of the best one; by default what
    the decoder says.
    """
    reading = reading or Reading()
    best = hypotheses[0]
    offset_s = recording.start_s or 0.0
    latest_s = offset_s + recording.duration_s

    def second(step: int) -> float:
        return round(min(offset_s + step * step_s, latest_s), 3)

    sure = [word.confidence for word in best.words] if confidences is None else confidences
    words = tuple(
        TimedWord(word.text, second(word.start_step), second(word.end_step), round(value, 4))
        for word, value in zip(best.words, sure, strict=True)
    )
    kept = hypotheses if len(hypotheses) > 1 else ()
    return Transcript(
        utterance_id=recording.utterance_id,
        audio=str(recording.path),
        duration_s=round(recording.duration_s, 3),
        text=best.text,
        confidence=round(sum(confidences) / len(confidences) if confidences else best.confidence, 4),
        words=words,
        nbest=tuple(
            Alternative(
                h.text, round(h.score, 4), round(h.acoustic_score, 4), round(h.lm_score, 4), round(h.confidence, 4)
            )
            for h in kept
        ),
        provenance=provenance or {},
        audio_fingerprint=recording.fingerprint,
        remarks=(*reading.remarks, *getattr(best, "remarks", ())),
        alignment=getattr(best, "alignment", None),
        damage=reading.damage,
        start_s=recording.start_s,
        channel=recording.channel,
    )
