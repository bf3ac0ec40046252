"""Subtitles: SRT, WebVTT, and the lines with times that Whisper prints.

Source:
    WebVTT: https://www.w3.org/TR/webvtt1/.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from asrkit.errors import ScoringError
from asrkit.metrics.transcripts.refused import name_refused
from asrkit.metrics.transcripts.values import Transcripts, document_of, shorten, split_lines

_TIME = r"(?:\d+:)?\d{1,2}:\d{2}(?:[.,]\d+)?"
_CUE = re.compile(rf"\[?{_TIME}\s*-->\s*{_TIME}(?P<end>\]?)(?P<rest>.*)\Z")
_BROKEN_CUE = re.compile(r"\[?-?\d+:[\d:.,;]*\s*[-\u2013\u2014]*>\s*-?\d")
_PLACING = re.compile(r"(?:\s+\w+:\S+)*\s*\Z")  # where a cue is shown: align:start, or X1:40
_TAG = re.compile(
    rf"</?(?:i|b|u|s|c|v|font|lang|ruby|rt|span|p)(?:[.\s][^<>]*)?>|<{_TIME}>|<br\s*/?>|\{{\\[^{{}}]*\}}", re.IGNORECASE
)
_WORD_TIME = re.compile(rf"<{_TIME}>")
_ASIDE = re.compile(r"NOTE(?:\s|\Z)|(?:STYLE|REGION)\s*\Z")  # how a block of WebVTT begins that is never shown


def is_subtitles(lines: Sequence[str]) -> bool:
    """Tell whether a file is subtitles: a cue among its first lines."""
    return any(_CUE.match(line.strip()) for line in lines[:100])


def read_subtitles(path: str, text: str) -> Transcripts:
    """Read the text of all cues, without numbers, times and tags, as one utterance.

    Where words have times of their own, as YouTube's, lines roll up: one that is shown again is said once.

    Raises:
        ScoringError: Times cannot be read, or there are none beside the text, or the text holds more than what is said.
    """
    is_vtt = text.startswith("WEBVTT")
    lines = split_lines(text)
    heads = [place for place, line in enumerate(lines) if _CUE.match(line.strip())]
    header = lines.index("") if "" in lines else len(lines)
    begin = heads[0] if heads else header if is_vtt else 0
    rolls = bool(_WORD_TIME.search(text))
    cues: dict[int, str] = {}
    last = ""
    for number, line in _said(path, lines, begin, heads, is_vtt):
        said = " ".join(html.unescape(_TAG.sub(_instead, line)).split())
        if said and not (rolls and said == last):
            cues[number] = f"{cues[number]} {said}" if number in cues else said
        last = said or last
    if not heads and cues:
        raise ScoringError("has text but no cue, such as 00:00:01,000 --> 00:00:02,000", path=path)
    refused = name_refused(list(cues.values()), are_plain=True)
    if refused:
        raise ScoringError(f"holds {refused}; take out what nobody says", path=path)
    return document_of(path, "vtt" if is_vtt else "srt", " ".join(cues.values()))


def _instead(tag: re.Match[str]) -> str:
    return " " if tag[0].lower().startswith("<br") else ""


def _said(path: str, lines: Sequence[str], begin: int, heads: Sequence[int], is_vtt: bool) -> Iterator[tuple[int, str]]:
    """Yield the number of the cue and the line of all from the first cue on but labels and blocks that are not shown.

    An empty line should end a cue, but programs write some inside; what follows is not lost.
    """
    labels = _labels(lines, heads, is_vtt)
    is_aside, number = False, 0
    for place in range(begin, len(lines)):
        line = lines[place]
        cue = _CUE.match(line.strip())
        if cue:
            is_aside, number = False, number + 1
            if cue["end"] or not _PLACING.match(cue["rest"]):
                yield number, cue["rest"]
        elif _BROKEN_CUE.match(line.strip()):
            raise ScoringError(f"has no times that can be read: {shorten(line.strip())}", path=path, line=place + 1)
        elif is_vtt and (not line or not lines[place - 1]):
            is_aside = bool(_ASIDE.match(line))
        if not cue and not is_aside and place not in labels:
            yield number, line


def _labels(lines: Sequence[str], heads: Sequence[int], is_vtt: bool) -> set[int]:
    """Return the places of what names the cues: numbers if the first has one, else what WebVTT takes for a name."""
    before = [next((place for place in range(head - 1, -1, -1) if lines[place].strip()), head) for head in heads]
    are_numbered = bool(before) and lines[before[0]].strip().isdigit()
    return {
        place
        for place, head in zip(before, heads, strict=True)
        if (are_numbered and lines[place].strip().isdigit())
        or (is_vtt and 1 < head == place + 1 and not lines[place - 1])
    }
