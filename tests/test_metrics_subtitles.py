"""Subtitles as programs write them: all that is said, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from transcript_files import write

from asrkit.errors import ScoringError
from asrkit.metrics.transcripts import read_transcripts

ONE, TWO = "00:00:01.000 --> 00:00:02.000", "00:00:02.000 --> 00:00:03.000"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (f"WEBVTT\n\n{ONE}\n \nhello world\n\n{TWO}\nbye\n", "hello world bye"),  # of YouTube
        (f"WEBVTT\n\n{ONE} align:start\nhello<{TWO[:12]}><c> wor</c>ld\n", "hello world"),
        (f"WEBVTT\n\n{ONE}\nhello\n\nNOTE no\nword\n\n{TWO}\nNOTE well\n", "hello NOTE well"),
        (f"WEBVTT\n\nintro\n{ONE}\nhello\n\nthe end\n{TWO}\nbye\n", "hello bye"),  # cues with names
        (f"WEBVTT\n\n{ONE}\nhello\n\nworld\n\n{TWO}\nbye\n", "hello world bye"),
        ("WEBVTT\nKind: captions\n\nNOTE nobody speaks\n", ""),
        (f"1\n{ONE}\n\nhello world\n\n2\n{TWO}\nbye\n", "hello world bye"),  # its first line is empty
        (f"1\n{ONE}\nhello\n\nworld\n\n2\n{TWO}\nbye\n", "hello world bye"),  # one inside
        (f"1\n\n{ONE}\n\nhello\n\n2\n\n{TWO}\n\nbye\n", "hello bye"),  # empty lines between all
        (f"1\n{ONE}\n7\n\n2\n{TWO}\n8\n", "7 8"),
        (f"{ONE}\n7\n\n{TWO}\n8\n", "7 8"),  # without numbers
        (f"{ONE} hello\n{TWO} bye\n", "hello bye"),
        (f"1\n{ONE} X1:40 Y1:20\nhello\n", "hello"),
        ("1\n00:00:01 --> 00:00:02\nhello\n\n2\n0:02 --> 0:03\nbye\n", "hello bye"),  # without milliseconds
        (
            f"1\n{ONE}\nthe <i>Titanic</i>'s <b>un</b>sinkable hull<br>went<br/>down\n",
            "the Titanic's unsinkable hull went down",
        ),
        (
            f"WEBVTT\n\n{ONE}\n \nyes<{ONE[:12]}><c> I</c>\n\n{TWO}\nyes I\n \n\n{TWO}\nyes I\nam<{TWO[:12]}>\n",
            "yes I am",
        ),
        (f"WEBVTT\n\n{ONE}\nyes\n\n{TWO}\nyes\n", "yes yes"),
        (f"1\n{ONE}\n{{\\an8}}<font color=red>he</font>llo\n", "hello"),
    ],
)
def test_what_is_said_in_cues_is_read(content: str, text: str, tmp_path: Path) -> None:
    for name in ("a.srt", "a.txt") if content[0] != "W" else ("a.vtt", "a.txt"):
        read = read_transcripts(write(tmp_path / name, content))
        assert (read.format, read.texts) == ("vtt" if content[0] == "W" else "srt", [text])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("hello world\n", "has text but no cue"),
        ("WEBVTT\n\nhello world\n", "has text but no cue"),
        ("1\n00:00:01:12 --> 00:00:02:00\nhello\n", r"a\.srt:2: has no times that can be read: '00:00:01:12 -->"),
        ("".join(f"{ONE}\n{who}: hello\n\n" for who in ("Jo Doe", "Al", "Jo Doe")), "holds a dialogue that names its"),
        (f"1\n{ONE}\nSpeaker 1:\nhello\n", "holds a dialogue that names its speakers; take out what nobody says"),
        (f"1\n{ONE}\nhello\n\n2\n00:00:02 -> 00:00:03\nbye\n", r"a\.srt:6: has no times that can be read"),
    ],
)
def test_text_without_its_times_is_named(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ScoringError, match=message):
        read_transcripts(write(tmp_path / "a.srt", content))
