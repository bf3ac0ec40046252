from __future__ import annotations

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asrkit.config import TRANSCRIPT_FORMATS, TranscriptionConfig
from asrkit.errors import ConfigError
from asrkit.transcription.formats import FORMATS, cues
from asrkit.transcription.transcript import TimedWord, Transcript

TRANSCRIPT = Transcript(
    utterance_id="a/b",
    audio="/in/a/b.wav",
    duration_s=5.0,
    text="so <it> is",
    confidence=0.9,
    words=(TimedWord("so", 0.52, 0.8, 0.99), TimedWord("<it>", 0.8, 1.0, 0.5), TimedWord("is", 3661.25, 3661.5, 1.0)),
)

RENDERED = {
    "txt": "so <it> is\n",
    "tsv": (
        "start_s\tend_s\tword\tconfidence\n0.520\t0.800\tso\t0.9900\n0.800\t1.000\t<it>\t0.5000\n"
        "3661.250\t3661.500\tis\t1.0000\n"
    ),
    "ctm": "a/b 1 0.520 0.280 so 0.9900\na/b 1 0.800 0.200 <it> 0.5000\na/b 1 3661.250 0.250 is 1.0000\n",
    "srt": "1\n00:00:00,520 --> 00:00:01,520\nso <it>\n\n2\n01:01:01,250 --> 01:01:02,250\nis\n",
    "vtt": ("WEBVTT\n\n00:00:00.520 --> 00:00:01.520\nso &lt;it&gt;\n\n01:01:01.250 --> 01:01:02.250\nis\n"),
}


def test_every_format_that_settings_name_can_be_written() -> None:
    assert tuple(FORMATS) == TRANSCRIPT_FORMATS
    assert len({form.suffix for form in FORMATS.values()}) == len(FORMATS)


@pytest.mark.parametrize("name", RENDERED)
def test_rendering(name: str) -> None:
    assert FORMATS[name].render(TRANSCRIPT) == RENDERED[name]


def test_json_holds_the_whole_transcript() -> None:
    assert Transcript.from_row(json.loads(FORMATS["json"].render(TRANSCRIPT))) == TRANSCRIPT
    line = FORMATS["jsonl"].render(TRANSCRIPT)
    assert line.count("\n") == 1 and Transcript.from_row(json.loads(line)) == TRANSCRIPT


def test_textgrid_tiles_the_recording() -> None:
    words = (TimedWord('a"b', 1.0, 2.0, 1.0), TimedWord("c", 1.9, 2.5, 1.0))
    text = FORMATS["textgrid"].render(Transcript("u", "/u.wav", 4.0, "", 1.0, words))
    assert "intervals: size = 4" in text and 'text = "a""b"' in text
    times = [line.split(" = ")[1] for line in text.splitlines() if line.startswith("            xm")]
    assert times == ["0.000", "1.000", "1.000", "2.000", "2.000", "2.500", "2.500", "4.000"]


@pytest.mark.parametrize(
    ("settings", "times", "lines"),
    [
        ({}, [(0.0, 6.0)], [("one two three",)]),
        ({"subtitle_width": 7}, [(0.0, 6.0)], [("one two", "three")]),
        ({"subtitle_width": 2, "subtitle_max_s": 9.0}, [(0.0, 4.0), (4.0, 6.0)], [("one", "two"), ("three",)]),
        ({"subtitle_width": 7, "subtitle_lines": 1}, [(0.0, 4.0), (4.0, 6.0)], [("one two",), ("three",)]),
        ({"subtitle_max_s": 4.0}, [(0.0, 4.0), (4.0, 6.0)], [("one two",), ("three",)]),
        ({"subtitle_min_s": 5.0, "subtitle_max_s": 5.0}, [(0.0, 4.0), (4.0, 9.0)], [("one two",), ("three",)]),
    ],
)
def test_subtitles_are_set_as_asked(settings: dict[str, float], times: list[object], lines: list[object]) -> None:
    words = [TimedWord(word, 2.0 * index, 2.0 * index + 2.0, 1.0) for index, word in enumerate(("one", "two", "three"))]
    made = cues(words, config=TranscriptionConfig(**settings))  # type: ignore[arg-type]
    assert [(cue.start_s, cue.end_s) for cue in made] == times
    assert [cue.lines for cue in made] == lines


@pytest.mark.parametrize(
    "settings",
    [
        {"subtitle_width": 0},
        {"subtitle_lines": 0},
        {"subtitle_min_s": 7.0},
        {"subtitle_min_s": 0.0},
        {"subtitle_max_s": math.inf},
        {"subtitle_max_s": math.nan},
        {"window_s": math.inf},
    ],
)
def test_settings_that_set_no_subtitle_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        TranscriptionConfig(**settings)  # type: ignore[arg-type]


def test_an_empty_transcript_is_a_valid_file_in_every_format() -> None:
    empty = Transcript("u", "/u.wav", 1.0, "", 0.0)
    rendered = {name: form.render(empty) for name, form in FORMATS.items()}
    assert (rendered["txt"], rendered["srt"], rendered["ctm"], rendered["vtt"]) == ("\n", "", "", "WEBVTT\n")
    assert "intervals: size = 1" in rendered["textgrid"]


@given(
    st.builds(
        TranscriptionConfig,
        subtitle_width=st.integers(1, 60),
        subtitle_lines=st.integers(1, 4),
        subtitle_min_s=st.floats(0.1, 2.0),
        subtitle_max_s=st.floats(2.0, 10.0),
    ),
    st.lists(
        st.tuples(st.integers(1, 30), st.integers(1, 900) | st.integers(1, 30_000), st.integers(0, 900)), max_size=60
    ),
)
@example(TranscriptionConfig(), [(5, 300, 50)] * 60)
def test_subtitles_can_be_read_in_time(config: TranscriptionConfig, spans: list[tuple[int, int, int]]) -> None:
    words, now_ms = [], 0
    for letters, length_ms, gap_ms in spans:
        now_ms += gap_ms
        words.append(TimedWord("x" * letters, now_ms / 1000, (now_ms + length_ms) / 1000, 1.0))
        now_ms += length_ms
    made = cues(words, config=config)
    assert [w for cue in made for line in cue.lines for w in line.split()] == [word.word for word in words]
    for cue, following in zip(made, [*made[1:], None], strict=False):
        assert len(cue.lines) <= config.subtitle_lines
        assert all(len(line) <= config.subtitle_width or " " not in line for line in cue.lines)
        assert 0 < cue.end_s - cue.start_s <= config.subtitle_max_s + 1e-3
        if following is None:
            assert cue.end_s - cue.start_s >= config.subtitle_min_s - 1e-3
        assert following is None or cue.end_s <= following.start_s
