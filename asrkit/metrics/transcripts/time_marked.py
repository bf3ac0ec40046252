"""NIST's time-marked formats: stm segments as references, ctm words as hypotheses.

Each ctm word belongs to the stm segment that holds its middle, so that no word is lost; between two segments of its
recording and channel to the nearest one, or to the next one as in sclite. Words inside segments marked to be ignored
are dropped.

Source:
    SCTK, doc/infmts.htm.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from asrkit.errors import ScoringError
from asrkit.metrics.transcripts.files import read_text
from asrkit.metrics.transcripts.values import Transcripts, check_unique

_IGNORED = ("ignore_time_segment_in_scoring", "ignoretimesegmentinscoring")
_CHANNEL = re.compile(r"[^\W_]|\w*\d\w*")  # a letter or a number, which no second word of a sentence is but I or 5
_MOST_NAMED = 3


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
        return self.text.lower() in _IGNORED


def _rows(path: str, text: str) -> list[tuple[int, str]]:
    rows = [(number, line) for number, line in enumerate(text.split("\n"), 1)]
    return [(number, line) for number, line in rows if line.strip() and not line.lstrip().startswith(";;")]


def _parse_times(path: str, line: int, *cells: str) -> list[float]:
    try:
        times = [float(cell) for cell in cells]
    except ValueError:
        times = [math.nan]
    if not all(map(math.isfinite, times)):
        raise ScoringError(f"has no times in seconds where {' '.join(cells)!r} stands", path=path, line=line)
    return times


def looks_like_stm(lines: Sequence[str]) -> bool:
    """Tell whether all lines have two rising times in seconds after recording, channel and speaker."""
    return _are_timed(lines, 3) and all(float(row[3]) <= float(row[4]) for row in _cells(lines))


def looks_like_ctm(lines: Sequence[str]) -> bool:
    """Tell whether all lines have a start and a duration in seconds after recording and channel, and one word."""
    return _are_timed(lines, 2) and all(5 <= len(row) <= 8 for row in _cells(lines))


def _cells(lines: Sequence[str]) -> Iterator[list[str]]:
    """Yield the cells of all lines but comments and marks of alternatives, which have no times."""
    for line in lines:
        row = line.split()
        if not line.lstrip().startswith(";;") and row[2:4] != ["*", "*"]:
            yield row


def _are_timed(lines: Sequence[str], place: int) -> bool:
    """Tell whether all lines have a channel and two times, and no sentence with numbers in it looks like them."""
    rows = list(_cells(lines))
    if not all(
        len(row) > 4 and _CHANNEL.fullmatch(row[1]) and all(map(_is_time, row[place : place + 2])) for row in rows
    ):
        return False
    is_commented = 0 < len(rows) < len(lines)
    return (
        is_commented
        or any(re.search(r"\.\d", cell) for row in rows for cell in row[place : place + 2])
        or _rise(rows, place)
    )


def _rise(rows: Sequence[list[str]], place: int) -> bool:
    """Tell whether a recording with a name has several lines, and each begins after the one before."""
    starts: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for row in rows:
        starts[tuple(row[:2])].append(float(row[place]))
    are_named = not any(_is_time(row[0]) for row in rows)
    return are_named and len(starts) < len(rows) and all(times == sorted(set(times)) for times in starts.values())


def _is_time(cell: str) -> bool:
    return cell.replace(".", "", 1).isascii() and cell.replace(".", "", 1).isdigit()


def parse_stm(path: str, text: str) -> list[Segment]:
    """Parse ``recording channel speaker start end [<labels>] words``.

    Where several speakers have the same times on one channel, the speaker stands in the ids of their segments.

    Raises:
        ScoringError: A line cannot be read, or a segment stands there twice.
    """
    rows = []
    for number, line in _rows(path, text):
        cells = line.split(maxsplit=5)
        if len(cells) < 5:
            raise ScoringError("needs recording, channel, speaker, start and end", path=path, line=number)
        words = cells[5] if len(cells) > 5 else ""
        if words.startswith("<") and ">" in words:
            words = words[words.index(">") + 1 :]
        start_s, end_s = _parse_times(path, number, *cells[3:5])
        if end_s < start_s:
            raise ScoringError(f"ends at {end_s:g} s, before its start at {start_s:g} s", path=path, line=number)
        rows.append((number, cells, (start_s, end_s), words.strip()))
    places = Counter((cells[0], cells[1], *cells[3:5]) for _, cells, _, _ in rows)
    segments = []
    for _, cells, (start_s, end_s), words in rows:
        recording, channel, speaker, start, end = cells[:5]
        is_shared = places[recording, channel, start, end] > 1
        name = "-".join((recording, channel, *([speaker] if is_shared else []), start, end))
        segments.append(Segment(name, recording, channel, speaker, start_s, end_s, words))
    check_unique(path, [segment.utterance_id for segment in segments], [number for number, *_ in rows])
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


class _Track:
    """The segments of one channel of a recording."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.segments = segments
        self._starts_s, self._ends_s = np.array([(one.start_s, one.end_s) for one in segments]).T.copy()
        self._ordered = sorted(segments, key=lambda segment: segment.start_s)
        self._ends = list(accumulate((segment.end_s for segment in self._ordered), max))

    @property
    def num_overlaps(self) -> int:
        """Segments that begin before an earlier one has ended."""
        return sum(segment.start_s < end_s for segment, end_s in zip(self._ordered[1:], self._ends, strict=False))

    def find(self, middle_s: float, between: str) -> Segment:
        """Return the segment of a word: the first that holds its middle, else the first of the nearest.

        The next one is the first that ends after the middle.
        """
        if between == "next":
            return self._ordered[min(bisect_right(self._ends, middle_s), len(self._ordered) - 1)]
        away_s = np.maximum(np.maximum(self._starts_s - middle_s, middle_s - self._ends_s), 0.0)
        return self.segments[int(away_s.argmin())]


def _tracks(path: str) -> dict[tuple[str, str], _Track]:
    segments: dict[tuple[str, str], list[Segment]] = defaultdict(list)
    for segment in parse_stm(path, read_text(path)):
        segments[segment.recording, segment.channel].append(segment)
    return {name: _Track(found) for name, found in segments.items()}


def read_ctm(
    path: Path | str, references: Transcripts, *, between: str = "nearest", extra: str = "error"
) -> Transcripts:
    """Read ``recording channel start duration word [confidence]`` lines into the segments of an stm file.

    Alternatives between ``<ALT_BEGIN>``, ``<ALT>`` and ``<ALT_END>`` lines stand where the first of their words does;
    the column "alternatives" keeps them, in the notation of references, where a segment has any. A recording without
    any word is missing, not empty: its segments get no hypothesis. Recordings and channels may differ in case.

    A word that lies in no segment goes to the "nearest" one or the "next" one; extra recordings are an "error" or
    passed over ("ignore").

    Raises:
        ScoringError: A line cannot be read, or names a recording that the stm file does not know.
    """
    tracks = _tracks(references.path)
    folded: dict[tuple[str, ...], list[tuple[str, str]]] = defaultdict(list)
    for recording, channel in tracks:
        folded[recording.casefold(), channel.casefold()].append((recording, channel))
    words: dict[str, list[_Word]] = {}
    known: dict[tuple[str, str], tuple[str, str]] = {}
    ignored: list[str] = []
    heard: set[_Track] = set()
    for recording, channel, line, word in _ctm_words(str(path)):
        track = tracks.get(known.setdefault((recording, channel), _known(recording, channel, tracks, folded)))
        if track is None and extra == "error":
            raise ScoringError(
                f"recording {recording!r}, channel {channel!r} is not in {references.path}; add its segments, or pass "
                "over such words with --extra ignore",
                path=path,
                line=line,
            )
        if track is None:
            ignored.append(recording)
            continue
        if track not in heard:
            heard.add(track)
            words |= {segment.utterance_id: [] for segment in track.segments}
        words[track.find(word.start_s + word.duration_s / 2, between).utterance_id].append(word)
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
    return Transcripts(
        str(path),
        "ctm",
        [" ".join(part["word"] for part in parts) for parts in first],
        ids,
        columns,
        tuple(_notes(str(path), references.path, tracks, known, ignored)),
    )


def _known(
    recording: str,
    channel: str,
    tracks: dict[tuple[str, str], _Track],
    folded: dict[tuple[str, ...], list[tuple[str, str]]],
) -> tuple[str, str]:
    """Return the recording and channel of the references that a word names, itself where there is none."""
    if (recording, channel) in tracks:
        return recording, channel
    found = folded.get((recording.casefold(), channel.casefold()), [])
    return found[0] if len(found) == 1 else (recording, channel)


def _notes(
    path: str,
    reference_path: str,
    tracks: dict[tuple[str, str], _Track],
    known: dict[tuple[str, str], tuple[str, str]],
    ignored: Sequence[str],
) -> Iterator[str]:
    overlaps = sum(track.num_overlaps for track in tracks.values())
    if overlaps:
        which = "1 segment overlaps" if overlaps == 1 else f"{overlaps:,} segments overlap"
        yield f"{reference_path}: {which} an earlier one of their channel; a word in both belongs to one of them"
    changed = [(one, other) for one, other in known.items() if one != other]
    if changed:
        one, other = (" ".join(name) for name in changed[0])
        yield f"{path}: recordings and channels differ from the references in case, for instance {one!r} and {other!r}"
    if ignored:
        names = list(dict.fromkeys(ignored))
        shown = ", ".join(map(repr, names[:_MOST_NAMED])) + (", ..." if len(names) > _MOST_NAMED else "")
        yield f"{path}: {len(ignored):,} words of recordings without references are passed over: {shown}"


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
    told = cells[5] if len(cells) > 5 else "NA"  # as NIST writes where nothing is known
    try:
        confidence = None if told.upper() == "NA" else float(told)
    except ValueError:
        raise ScoringError(
            f"has no confidence, a number or NA, where {told!r} stands", path=path, line=number
        ) from None
    return {"word": cells[4], "start_s": start_s, "end_s": start_s + duration_s, "confidence": confidence}


def _join_ways(path: str, number: int, ways: list[list[dict[str, Any]]]) -> _Word:
    timed = [word for way in ways for word in way]
    if not timed:
        raise ScoringError("alternatives without any word; write @ for nothing", path=path, line=number)
    odd = next((word["word"] for word in timed if set("{}/()") & set(word["word"])), None)
    if odd is not None:
        raise ScoringError(f"{odd!r} cannot stand among alternatives", path=path, line=number)
    start_s = timed[0]["start_s"]
    return _Word(start_s, max(word["end_s"] for word in timed) - start_s, tuple(map(tuple, ways)))
