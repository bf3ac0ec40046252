"""The files people want from a transcript: text, JSON, subtitles, tables of words.

Every format is a function of the transcript alone, so a format asked for later is written without listening again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from asrkit.config import TranscriptionConfig
from asrkit.transcription.transcript import TimedWord, Transcript

PAUSE_S = 0.7  # a silence this long ends a subtitle


@dataclass(frozen=True)
class Format:
    """One kind of file."""

    suffix: str  # of the file
    write: Callable[[Transcript], str] | Callable[[Sequence[Cue]], str]  # how it is written
    has_cues: bool = False  # whether it is made of subtitles, rather than of the transcript

    def render(self, transcript: Transcript, config: TranscriptionConfig | None = None) -> str:
        """Return the file of a transcript; ``config`` says how subtitles are set."""
        what = cues(transcript.words, separator_of(transcript), config) if self.has_cues else transcript
        return self.write(what)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Cue:
    """One subtitle."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]
    speaker: str = ""  # of a dialogue


def cues(
    words: Sequence[TimedWord], separator: str = " ", config: TranscriptionConfig | None = None, speaker: str = ""
) -> list[Cue]:
    """Cut words into subtitles: at pauses, and before one has too many lines or takes too long.

    A cue stays for the least time, but never past the start of the next one; of a word that the model stretches over a
    long silence, the most counts.

    The separator stands between two words: "" in scripts without spaces. The speaker is that of a dialogue.
    """
    config = config or TranscriptionConfig()
    groups = list(_cue_groups(words, separator, config))
    made = []
    for index, group in enumerate(groups):
        start_s = group[0].start_s
        end_s = min(max(group[-1].end_s, start_s + config.subtitle_min_s), start_s + config.subtitle_max_s)
        if index + 1 < len(groups):
            end_s = min(end_s, groups[index + 1][0].start_s)
        made.append(
            Cue(start_s, round(end_s, 3), tuple(_wrap([word.word for word in group], separator, config)), speaker)
        )
    return made


def _cue_groups(words: Sequence[TimedWord], separator: str, config: TranscriptionConfig) -> Iterator[list[TimedWord]]:
    group: list[TimedWord] = []
    for word in words:
        if group and (
            word.start_s - group[-1].end_s >= PAUSE_S
            or word.end_s - group[0].start_s > config.subtitle_max_s
            or len(_wrap([w.word for w in (*group, word)], separator, config)) > config.subtitle_lines
        ):
            yield group
            group = []
        group.append(word)
    if group:
        yield group


def _wrap(words: Sequence[str], separator: str, config: TranscriptionConfig) -> list[str]:
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(separator) + len(word) <= config.subtitle_width:
            lines[-1] += separator + word
        else:
            lines.append(word)
    return lines


def separator_of(transcript: Transcript) -> str:
    """Return what stands between the words of a text: nothing in scripts without spaces."""
    words = [word.word for word in transcript.words]
    return "" if len(words) > 1 and "".join(words) == transcript.text else " "


def _text(transcript: Transcript) -> str:
    return transcript.text + "\n"


def _json(transcript: Transcript) -> str:
    return json.dumps(transcript.to_row(), ensure_ascii=False, indent=2) + "\n"


def _json_lines(transcript: Transcript) -> str:
    return json.dumps(transcript.to_row(), ensure_ascii=False) + "\n"


def subrip(cues: Sequence[Cue]) -> str:
    """Return subtitles as SubRip; a speaker has a line of their own."""
    blocks = [
        f"{number}\n{_clock(cue.start_s, ',')} --> {_clock(cue.end_s, ',')}\n"
        + "".join(f"{line}\n" for line in ((f"{cue.speaker}:", *cue.lines) if cue.speaker else cue.lines))
        for number, cue in enumerate(cues, 1)
    ]
    return "\n".join(blocks)


def web_vtt(cues: Sequence[Cue]) -> str:
    """Return subtitles as WebVTT; a speaker is its voice."""
    blocks = [
        f"{_clock(cue.start_s, '.')} --> {_clock(cue.end_s, '.')}\n"
        + (f"<v {_vtt_text(cue.speaker)}>" if cue.speaker else "")
        + "\n".join(map(_vtt_text, cue.lines))
        + "\n"
        for cue in cues
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def _vtt_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(seconds: float, separator: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{milliseconds // 1000:02d}{separator}{milliseconds % 1000:03d}"


def _table(transcript: Transcript) -> str:
    rows = [f"{w.start_s:.3f}\t{w.end_s:.3f}\t{w.word}\t{w.confidence:.4f}\n" for w in transcript.words]
    return "".join(["start_s\tend_s\tword\tconfidence\n", *rows])


def _ctm(transcript: Transcript) -> str:
    """NIST's time-marked conversation: file, channel, start, duration, word, confidence."""
    return "".join(ctm_line(transcript.utterance_id, 1, word) for word in transcript.words)


def ctm_line(utterance_id: str, channel: int, w: TimedWord) -> str:
    """Return the line of a word, which has no spaces inside there."""
    times = f"{w.start_s:.3f} {w.end_s - w.start_s:.3f}"
    return f"{utterance_id} {channel} {times} {''.join(w.word.split())} {w.confidence:.4f}\n"


def _textgrid(transcript: Transcript) -> str:
    """Praat's long text format: a tier of words, maybe one of symbols; silences are empty intervals."""
    tiers = {"words": [(word.start_s, word.end_s, word.word) for word in transcript.words]}
    if symbols := (transcript.alignment or {}).get("symbols"):
        tiers["symbols"] = [(start_s, end_s, label) for label, start_s, end_s in symbols]
    end_s = max([transcript.duration_s, *(stop_s for spans in tiers.values() for _, stop_s, _ in spans)])
    head = (
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'
        f"xmin = 0\nxmax = {end_s:.3f}\ntiers? <exists>\nsize = {len(tiers)}\nitem []:\n"
    )
    return head + "".join(_tier(number, name, spans, end_s) for number, (name, spans) in enumerate(tiers.items(), 1))


def _tier(number: int, name: str, spans: Sequence[tuple[float, float, str]], end_s: float) -> str:
    intervals: list[tuple[float, float, str]] = []
    position_s = 0.0
    for start_s, stop_s, text in spans:
        start_s = max(start_s, position_s)
        if stop_s <= start_s:
            continue
        if start_s > position_s:
            intervals.append((position_s, start_s, ""))
        intervals.append((start_s, stop_s, text))
        position_s = stop_s
    if position_s < end_s or not intervals:
        intervals.append((position_s, end_s, ""))
    head = (
        f'    item [{number}]:\n        class = "IntervalTier"\n        name = "{name}"\n        xmin = 0\n'
        f"        xmax = {end_s:.3f}\n        intervals: size = {len(intervals)}\n"
    )
    return head + "".join(
        f"        intervals [{place}]:\n            xmin = {start_s:.3f}\n            xmax = {stop_s:.3f}\n"
        f'            text = "{_doubled(text)}"\n'
        for place, (start_s, stop_s, text) in enumerate(intervals, 1)
    )


def _doubled(text: str) -> str:
    return text.replace('"', '""')


FORMATS: dict[str, Format] = {
    "txt": Format(".txt", _text),
    "json": Format(".json", _json),
    "jsonl": Format(".jsonl", _json_lines),
    "srt": Format(".srt", subrip, has_cues=True),
    "vtt": Format(".vtt", web_vtt, has_cues=True),
    "tsv": Format(".tsv", _table),
    "ctm": Format(".ctm", _ctm),
    "textgrid": Format(".TextGrid", _textgrid),
}
