"""Channels as one dialogue: who said what, in the order of time, and never a stale one."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fake_recognition import run, write_speech
from hypothesis import given
from hypothesis import strategies as st

from asrkit.config import TranscriptionConfig
from asrkit.transcription.dialogue import DIALOGUES, turns_of
from asrkit.transcription.transcript import TimedWord, Transcript

CONFIG = TranscriptionConfig()


def channel(number: int, *words: tuple[str, float, float]) -> Transcript:
    timed = tuple(TimedWord(word, start_s, end_s, 0.5) for word, start_s, end_s in words)
    return Transcript(f"a.ch{number}", "/in/a.wav", 10.0 - number, " ".join(word for word, _, _ in words), 0.5, timed)


CHANNELS = [
    channel(1, ("how", 0.0, 0.3), ("are", 0.4, 0.6), ("you", 0.7, 0.9), ("good", 4.0, 4.4), ("bye", 6.0, 6.5)),
    channel(2, ("well", 1.5, 1.9), ("<änd>", 2.0, 2.2), ("you", 2.3, 2.5)),
]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("txt", "Speaker 1: how are you\nSpeaker 2: well <änd> you\nSpeaker 1: good bye\n"),
        (
            "srt",
            "1\n00:00:00,000 --> 00:00:01,000\nSpeaker 1:\nhow are you\n\n2\n00:00:01,500 --> 00:00:02,500\n"
            "Speaker 2:\nwell <änd> you\n\n3\n00:00:04,000 --> 00:00:05,000\nSpeaker 1:\ngood\n\n4\n"
            "00:00:06,000 --> 00:00:07,000\nSpeaker 1:\nbye\n",
        ),
        (
            "vtt",
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n<v Speaker 1>how are you\n\n00:00:01.500 --> 00:00:02.500\n"
            "<v Speaker 2>well &lt;änd&gt; you\n\n00:00:04.000 --> 00:00:05.000\n<v Speaker 1>good\n\n"
            "00:00:06.000 --> 00:00:07.000\n<v Speaker 1>bye\n",
        ),
        (
            "ctm",
            "a 1 0.000 0.300 how 0.5000\na 1 0.400 0.200 are 0.5000\na 1 0.700 0.200 you 0.5000\n"
            "a 1 4.000 0.400 good 0.5000\na 1 6.000 0.500 bye 0.5000\na 2 1.500 0.400 well 0.5000\n"
            "a 2 2.000 0.200 <änd> 0.5000\na 2 2.300 0.200 you 0.5000\n",
        ),
    ],
)
def test_golden_dialogues(name: str, expected: str) -> None:
    assert DIALOGUES[name](turns_of(CHANNELS), CHANNELS, CONFIG) == expected


def test_a_dialogue_as_json() -> None:
    written = DIALOGUES["json"](turns_of(CHANNELS), CHANNELS, CONFIG)
    dialogue = json.loads(written)
    assert written == json.dumps(dialogue, ensure_ascii=False, indent=2) + "\n"
    turns = dialogue.pop("turns")
    assert dialogue == {"audio": "/in/a.wav", "duration_s": 9.0, "channels": ["a.ch1", "a.ch2"]}
    assert [tuple(turn.values())[:5] for turn in turns] == [
        ("Speaker 1", 1, 0.0, 0.9, "how are you"),
        ("Speaker 2", 2, 1.5, 2.5, "well <änd> you"),
        ("Speaker 1", 1, 4.0, 6.5, "good bye"),
    ]
    assert list(turns[0]) == ["speaker", "channel", "start_s", "end_s", "text", "words"]
    assert turns[1]["words"][0] == {"word": "well", "start_s": 1.5, "end_s": 1.9, "confidence": 0.5}


def test_both_at_once_and_nobody() -> None:
    both = [channel(1, ("a", 0.0, 1.0), ("b", 1.1, 2.0)), channel(2, ("c", 0.5, 1.5), ("d", 1.6, 1.9))]
    assert [turn.text for turn in turns_of(both)] == ["a b", "c d"]  # who goes on speaking is not torn apart
    assert turns_of([channel(1), channel(2)]) == []
    assert DIALOGUES["txt"]([], [channel(1), channel(2)], CONFIG) == ""
    chinese = Transcript(
        "a.ch1", "a", 2.0, "你好", 0.5, (TimedWord("你", 0.0, 0.2, 0.5), TimedWord("好", 0.2, 0.4, 0.5))
    )
    mixed = [chinese, channel(2, ("ni", 1.0, 1.1), ("hao", 1.2, 1.3))]
    assert [turn.text for turn in turns_of(mixed)] == ["你好", "ni hao"]
    assert DIALOGUES["srt"](turns_of(mixed), mixed, CONFIG).splitlines()[3::5] == ["你好", "ni hao"]


spoken = st.lists(st.tuples(st.floats(0.0, 2.0), st.floats(0.05, 1.0)), max_size=12)


@given(st.lists(spoken, min_size=1, max_size=3))
def test_every_word_is_said_once_by_its_speaker_and_turns_are_in_order(
    channels: list[list[tuple[float, float]]],
) -> None:
    transcripts = []
    for number, lengths in enumerate(channels, 1):
        now, words = 0.0, []
        for index, (pause_s, length_s) in enumerate(lengths):
            words.append((f"c{number}w{index}", now + pause_s, now + pause_s + length_s))
            now += pause_s + length_s
        transcripts.append(channel(number, *words))
    turns = turns_of(transcripts)
    for number, transcript in enumerate(transcripts, 1):
        assert [w for turn in turns if turn.channel == number for w in turn.words] == list(transcript.words)
    starts = [turn.words[0].start_s for turn in turns]
    assert starts == sorted(starts)
    assert all(a.channel != b.channel for a, b in pairwise(turns))
    shown = Counter("".join(DIALOGUES["vtt"](turns, transcripts, CONFIG)).replace("<v Speaker ", " ").split())
    assert all(
        sum(count for text, count in shown.items() if text.endswith(w.word)) >= 1 for t in turns for w in t.words
    )


def split(source: Path, out: Path, **options: Any) -> None:
    formats = options.pop("format", ("txt", "json"))
    run(source, out, config=TranscriptionConfig(channels="split", format=formats), **options)


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    write_speech(tmp_path / "in/one.wav", 1.5)
    write_speech(tmp_path / "in/two.wav", 2.0, seed=1, channels=2)
    return tmp_path


def test_a_split_recording_gets_its_dialogue_too(calls: Path) -> None:
    out = calls / "out"
    split(calls / "in", out)
    turns = json.loads((out / "two.json").read_text())["turns"]
    assert {turn["channel"] for turn in turns} == {1, 2}
    for number in (1, 2):
        words = [word for turn in turns if turn["channel"] == number for word in turn["words"]]
        assert words == json.loads((out / f"two.ch{number}.json").read_text())["words"]
    assert (out / "two.txt").read_text().startswith("Speaker ")
    assert json.loads((out / "one.json").read_text())["utterance_id"] == "one"  # of one channel: a plain transcript
    assert [line.split()[0] for line in (out / "hyp.txt").read_text().splitlines()] == ["one", "two.ch1", "two.ch2"]


def test_a_dialogue_is_never_stale(calls: Path) -> None:
    source, out = calls / "in", calls / "out"
    split(source, out)
    first = (out / "two.json").read_bytes()
    (out / "two.json").unlink()
    split(source, out)
    assert (out / "two.json").read_bytes() == first  # made again of what is done
    before = (out / "two.txt").stat().st_mtime_ns
    split(source, out)
    assert (out / "two.txt").stat().st_mtime_ns == before  # and left alone where nothing changed
    split(source, out, format=("srt",))
    assert "Speaker 2:" in (out / "two.srt").read_text()
    write_speech(source / "two.wav", 3.0, seed=5, channels=2)
    split(source, out)
    assert (out / "two.json").read_bytes() != first
    (out / "two.ch2.json").unlink()
    (out / "two.ch2.json").mkdir()  # one channel cannot be written: no dialogue of half of them
    write_speech(source / "two.wav", 4.0, seed=6, channels=2)
    split(source, out)
    assert not (out / "two.json").exists()


def test_dialogues_beside_the_audio_replace_nothing(calls: Path) -> None:
    (calls / "in/two.txt").write_text("mine")
    summary = run(calls / "in", calls / "out", config=TranscriptionConfig(channels="split"), in_place=True)
    assert (calls / "in/two.txt").read_text() == "mine"
    assert {failure.utterance_id for failure in summary.failures} == {"two.ch1", "two.ch2"}
