"""The channels of one recording as one dialogue: who said what, in the order of time."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from asrkit.config import TranscriptionConfig
from asrkit.transcription.formats import PAUSE_S, Cue, ctm_line, cues, separator_of, subrip, web_vtt
from asrkit.transcription.naming import without_channel
from asrkit.transcription.transcript import TimedWord, Transcript


@dataclass(frozen=True)
class Turn:
    """What one speaker says until another one does."""

    channel: int  # counted from 1
    words: tuple[TimedWord, ...]  # at least one
    text: str  # the same as a text

    @property
    def speaker(self) -> str:
        """A name for who is heard in the channel."""
        return f"Speaker {self.channel}"


def turns_of(channels: Sequence[Transcript]) -> list[Turn]:
    """Return who said what, by when it begins; where both speak at once, each goes on to a pause."""
    runs: list[tuple[float, int, list[TimedWord]]] = []
    for channel, transcript in enumerate(channels, 1):
        last: TimedWord | None = None
        for word in transcript.words:
            if last is None or word.start_s - last.end_s >= PAUSE_S:
                runs.append((word.start_s, channel, []))
            runs[-1][2].append(word)
            last = word
    joined: list[tuple[int, list[TimedWord]]] = []
    for _, channel, words in sorted(runs, key=lambda run: run[:2]):
        if joined and joined[-1][0] == channel:
            joined[-1][1].extend(words)
        else:
            joined.append((channel, [*words]))
    return [
        Turn(channel, tuple(words), separator_of(channels[channel - 1]).join(word.word for word in words))
        for channel, words in joined
    ]


def _text(turns: Sequence[Turn], channels: Sequence[Transcript], config: TranscriptionConfig) -> str:
    return "".join(f"{turn.speaker}: {turn.text}\n" for turn in turns)


def _json(turns: Sequence[Turn], channels: Sequence[Transcript], config: TranscriptionConfig) -> str:
    dialogue = {
        "audio": channels[0].audio,
        "duration_s": max(channel.duration_s for channel in channels),
        "channels": [channel.utterance_id for channel in channels],
        "turns": [
            {
                "speaker": turn.speaker,
                "channel": turn.channel,
                "start_s": turn.words[0].start_s,
                "end_s": turn.words[-1].end_s,
                "text": turn.text,
                "words": [vars(word) for word in turn.words],
            }
            for turn in turns
        ],
    }
    return json.dumps(dialogue, ensure_ascii=False, indent=2) + "\n"


def _ctm(turns: Sequence[Turn], channels: Sequence[Transcript], config: TranscriptionConfig) -> str:
    """Return all channels under the name of the recording, as NIST has it: sorted by channel, then by time."""
    return "".join(
        ctm_line(without_channel(transcript.utterance_id), channel, word)
        for channel, transcript in enumerate(channels, 1)
        for word in transcript.words
    )


def _cues(turns: Sequence[Turn], channels: Sequence[Transcript], config: TranscriptionConfig) -> list[Cue]:
    made = [
        cue
        for turn in turns
        for cue in cues(turn.words, separator_of(channels[turn.channel - 1]), config, turn.speaker)
    ]
    return sorted(made, key=lambda cue: (cue.start_s, cue.end_s, cue.speaker))


# Of the other formats, the files of the channels are all there is.
DIALOGUES: dict[str, Callable[[Sequence[Turn], Sequence[Transcript], TranscriptionConfig], str]] = {
    "txt": _text,
    "json": _json,
    "ctm": _ctm,
    "srt": lambda turns, channels, config: subrip(_cues(turns, channels, config)),
    "vtt": lambda turns, channels, config: web_vtt(_cues(turns, channels, config)),
}
