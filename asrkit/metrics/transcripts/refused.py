"""What holds no transcripts in a form known here: to score its marks as words would flatter, as all are right."""

from __future__ import annotations

import re
from collections.abc import Sequence

# How a file begins, comments left out.
_BEGINNINGS = (
    (re.compile(r"\s*<(?:\?xml|!doctype|html|tt|transcription|trans)\b", re.IGNORECASE), "XML or HTML"),
    (re.compile(r'\s*"?(?:File type = "ooTextFile|Praat chronological TextGrid)', re.IGNORECASE), "a Praat TextGrid"),
    (re.compile(r"\s*\[Script Info\]", re.IGNORECASE), "ASS subtitles"),
    (re.compile(r"\s*(?:\{\\rtf|%PDF-|PK\x03\x04|PAR1)"), "a document or a package"),
    (re.compile(r"\s*[A-Z][A-Z/-]+(?:[ \t]+\S+)(?:[ \t]+\d+)(?:[ \t]+(?:[\d.]+|<NA>)){2}[ \t].*<NA>"), "RTTM"),
    (re.compile(r"\s*(?:\d+:\d\d:\d\d[.,]\d+,\d+:\d\d:\d\d[.,]\d+\s*\n|\{\d+\}\{\d+\})"), "SBV or MicroDVD subtitles"),
    (re.compile(r"\s*(?:\d+:\d\d(?::\d\d)?[ \t]*\n.*\D.*(?:\n\s*|\Z)){2,}"), "lines between lines of their times"),
    (
        re.compile(r"\s*\[?(?:speaker|spk)[ _]?(?:\d+|[a-z])\]?\s*:", re.IGNORECASE),
        "a dialogue that names its speakers",
    ),
    (re.compile(r"\s*\|.*\|\s*\n\|[ :|-]+\|"), "a Markdown table"),
    (re.compile(r"\s*(?:---\s*\n)?- \w+: .*\n\s+\w+:"), "YAML"),
)
_COMMENT = re.compile(r"\s*(?:;;|\[[a-z#]+:.*\]\s*\Z)")  # of NIST, and tags of lyrics

_CLOCK = r"\d+:\d\d(?::\d\d)?(?:[.,]\d+)?"
_EXACT = r"\d+:\d\d(?::\d\d(?:[.,]\d+)?|[.,]\d+)"  # nobody says seconds of a clock
_SECONDS = r"-?\d+(?:[.,]\d+s?|s)"
_TIME = rf"(?:{_CLOCK}|{_SECONDS})"
_TO = r"(?:\s+|\s*(?:-*>|[-–—,;|]|to)\s*)"
# How most lines begin, and how many of them are no accident.
_STAMPS = (
    (re.compile(rf"[\[<{{]\s*{_TIME}{_TO}{_TIME}\s*[\]>}}]"), 1),
    (re.compile(rf"{_TIME}\s*-*>\s*{_TIME}"), 1),
    (re.compile(rf"{_SECONDS}\t{_SECONDS}\t"), 1),
    (re.compile(rf"[\[(<{{]\s*{_TIME}(?:{_TO}{_TIME})?\s*[\])>}}]"), 2),
    (re.compile(rf"{_SECONDS} +{_SECONDS}\s"), 2),
    (re.compile(rf"{_EXACT}\s"), 2),
)
_MINUTE = re.compile(r"(\d\d?):(\d\d)\s")  # 10:30 may be said, but what is said from minute 0 on is a recording
_SPEAKER = re.compile(r"(?P<name>[^\W\d_][\w.'-]*(?: [^\W\d_][\w.'-]*){0,2}):\s+\S")


def name_refused(lines: Sequence[str], are_plain: bool) -> str | None:
    """Return what a file is that holds no transcripts, None where it may hold some.

    Args:
        lines: Those at its beginning, empty ones left out.
        are_plain: Whether they would be read as plain lines, each of their words as said.
    """
    said = [line for line in lines if not _COMMENT.match(line)]
    found = next((name for pattern, name in _BEGINNINGS if pattern.match("\n".join(said))), None)
    if found or not are_plain:
        return found
    said = [line.lstrip() for line in said]
    if any(_begin_most(said, pattern, least) for pattern, least in _STAMPS) or _are_minutes(said):
        return "lines that begin with their times"
    return "a dialogue that names its speakers" if _are_turns(said) else None


def _begin_most(lines: Sequence[str], pattern: re.Pattern[str], least: int) -> bool:
    found = sum(pattern.match(line) is not None for line in lines)
    return found >= least and 2 * found > len(lines)


def _are_minutes(lines: Sequence[str]) -> bool:
    """Tell whether most lines begin with minutes and seconds that rise from minute 0 on."""
    times = [(int(match[1]), int(match[2])) for line in lines if (match := _MINUTE.match(line))]
    return _begin_most(lines, _MINUTE, 2) and times[0][0] == 0 and times == sorted(times)


def _are_turns(lines: Sequence[str]) -> bool:
    """Tell whether most lines begin with a name and a colon: a few names that repeat, capitalized or very often."""
    names = [match["name"] for line in lines if (match := _SPEAKER.match(line))]
    few = len(set(names))
    are_names = 4 * few <= len(names) or all(word[0].isupper() for name in names for word in name.split())
    return _begin_most(lines, _SPEAKER, 3) and are_names and 1 < few < len(names)
