"""NIST's time-marked formats: stm segments as references, ctm words as hypotheses.

Each ctm word belongs to the stm segment that holds its middle, else to the nearest segment of its recording and
channel, so that no word is lost; words inside segments marked to be ignored are dropped.

Source:
    SCTK, doc/infmts.htm.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asrkit.errors import ScoringError
from asrkit.metrics.transcripts import Transcripts, read_text

IGNORED = "ignore_time_segment_in_scoring"


@dataclass(frozen=True)
class Segment:
    """One line of an stm file; times in seconds."""

    utterance_id: str
    recording: str
    channel: str
    speaker: str
    start_s: float
    end_s: float
    text: str

    @property
    def is_ignored(self) -> bool:
        """Whether words inside it do not count."""
        return self.text.strip().lower() == IGNORED

    def distance_s(self, time_s: float) -> float:
        """How far a time lies outside the segment; 0 inside."""
        return max(self.start_s - time_s, time_s - self.end_s, 0.0)


def _rows(path: str, text: str) -> list[tuple[int, str]]:
    rows = [(number, line) for number, line in enumerate(text.split("\n"), 1)]
    return [(number, line) for number, line in rows if line.strip() and not line.lstrip().startswith(";;")]


def _parse_times(path: str, line: int, *cells: str) -> list[float]:
    try:
        return [float(cell) for cell in cells]
    except ValueError:
        raise ScoringError(f"has no times in seconds where {' '.join(cells)!r} stands", path=path, line=line) from None


def parse_stm(path: str, text: str) -> list[Segment]:
    """Parse ``recording channel speaker start end [<labels>] words``.

    Raises:
        ScoringError: A line cannot be read, or a segment stands there twice.
    """
    segments: list[Segment] = []
    seen: set[str] = set()
    for number, line in _rows(path, text):
        cells = line.split(maxsplit=5)
        if len(cells) < 5:
            raise ScoringError("needs recording, channel, speaker, start and end", path=path, line=number)
        start_s, end_s = _parse_times(path, number, *cells[3:5])
        words = cells[5] if len(cells) > 5 else ""
        if words.startswith("<") and ">" in words:
            words = words[words.index(">") + 1 :]
        name = f"{cells[0]}-{cells[1]}-{cells[3]}-{cells[4]}"
        if name in seen:
            raise ScoringError(f"repeats the segment {name}", path=path, line=number, utterance_ids=[name])
        seen.add(name)
        segments.append(Segment(name, cells[0], cells[1], cells[2], start_s, end_s, words.strip()))
    return segments


def read_stm(path: str, text: str) -> Transcripts:
    """Turn an stm file into references, one for each segment that counts."""
    segments = [segment for segment in parse_stm(path, text) if not segment.is_ignored]
    columns: dict[str, list[Any]] = {
        "speaker": [segment.speaker for segment in segments],
        "duration_s": [segment.end_s - segment.start_s for segment in segments],
    }
    ids = [segment.utterance_id for segment in segments]
    return Transcripts(path, "stm", [segment.text for segment in segments], ids, columns)


@dataclass(frozen=True)
class _Word:
    """One word of a ctm file, or its alternatives: one list of words for each way."""

    start_s: float
    duration_s: float
    ways: tuple[tuple[dict[str, Any], ...], ...]

    @property
    def notation(self) -> str:
        """The word, or the ways as NIST writes them in references."""
        ways = [" ".join(word["word"] for word in way if word["word"] != "@") or "@" for way in self.ways]
        return ways[0] if len(ways) == 1 else "{ " + " / ".join(ways) + " }"


def read_ctm(path: Path | str, references: Transcripts) -> Transcripts:
    """Read ``recording channel start duration word [confidence]`` lines into the segments of an stm file.

    Alternatives between ``<ALT_BEGIN>``, ``<ALT>`` and ``<ALT_END>`` lines stand where the first of their words does;
    the column "alternatives" keeps them, in the notation of references, where a segment has any. A recording without
    any word is missing, not empty: its segments get no hypothesis.

    Raises:
        ScoringError: A line cannot be read, or names a recording that the stm file does not know.
    """
    by_recording: dict[tuple[str, str], list[Segment]] = defaultdict(list)
    for segment in parse_stm(references.path, read_text(references.path)):
        by_recording[segment.recording, segment.channel].append(segment)
    words: dict[str, list[_Word]] = {}
    for recording, channel, line, word in _ctm_words(str(path)):
        segments = by_recording.get((recording, channel))
        if segments is None:
            raise ScoringError(
                f"recording {recording!r}, channel {channel!r} is not in {references.path}", path=path, line=line
            )
        for segment in segments:
            words.setdefault(segment.utterance_id, [])
        middle_s = word.start_s + word.duration_s / 2
        nearest = min(segments, key=lambda segment: segment.distance_s(middle_s))
        words[nearest.utterance_id].append(word)
    ids = [name for name in references.ids or [] if name in words]
    for name in ids:
        words[name].sort(key=lambda word: word.start_s)
    first = [[part for word in words[name] for part in word.ways[0] if part["word"] != "@"] for name in ids]
    columns: dict[str, list[Any]] = {"words": first}
    if any(len(word.ways) > 1 for name in ids for word in words[name]):
        columns["alternatives"] = [
            " ".join(word.notation for word in words[name]) if any(len(word.ways) > 1 for word in words[name]) else None
            for name in ids
        ]
    return Transcripts(str(path), "ctm", [" ".join(part["word"] for part in parts) for parts in first], ids, columns)


def _ctm_words(path: str) -> Iterator[tuple[str, str, int, _Word]]:
    """Yield recording, channel, line and word, with the alternatives of one place as one word."""
    ways: list[list[dict[str, Any]]] | None = None
    opened = 0
    for number, line in _rows(path, read_text(path)):
        cells = line.split()
        if len(cells) < 5:
            raise ScoringError("needs recording, channel, start, duration and word", path=path, line=number)
        mark = cells[4].upper()
        if mark not in ("<ALT_BEGIN>", "<ALT>", "<ALT_END>"):
            word = _parse_word(path, number, cells)
            if ways is None:
                yield cells[0], cells[1], number, _Word(word["start_s"], word["end_s"] - word["start_s"], ((word,),))
            else:
                ways[-1].append(word)
        elif mark == "<ALT_BEGIN>" and ways is None:
            ways, opened = [[]], number
        elif mark == "<ALT>" and ways is not None:
            ways.append([])
        elif mark == "<ALT_END>" and ways is not None:
            yield cells[0], cells[1], number, _join_ways(path, number, ways)
            ways = None
        else:
            raise ScoringError(f"{cells[4]} is not where it can be", path=path, line=number)
    if ways is not None:
        raise ScoringError("<ALT_BEGIN> has no <ALT_END>", path=path, line=opened)


def _parse_word(path: str, number: int, cells: list[str]) -> dict[str, Any]:
    start_s, duration_s = _parse_times(path, number, *cells[2:4])
    confidence = _parse_times(path, number, cells[5])[0] if len(cells) > 5 else None
    return {"word": cells[4], "start_s": start_s, "end_s": start_s + duration_s, "confidence": confidence}


def _join_ways(path: str, number: int, ways: list[list[dict[str, Any]]]) -> _Word:
    timed = [word for way in ways for word in way]
    if not timed:
        raise ScoringError("alternatives without any word; write @ for nothing", path=path, line=number)
    odd = next((word["word"] for word in timed if set("{}/()") & set(word["word"])), None)
    if odd is not None:
        raise ScoringError(f"{odd!r} cannot stand among alternatives", path=path, line=number)
    start_s = timed[0]["start_s"]
    return _Word(start_s, timed[0]["end_s"] - start_s, tuple(map(tuple, ways)))
