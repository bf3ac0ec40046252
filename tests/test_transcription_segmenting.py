"""Corpora cut from recordings whose words and pauses are planted."""

from __future__ import annotations

import dataclasses
import itertools
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from test_transcription_aligning import SAID, STEP_S, Model, Network

from asrkit.data import read_manifest
from asrkit.errors import ManifestError, TranscriptionError
from asrkit.report.segments_page import render_segments
from asrkit.transcription.aligning import KnownTexts
from asrkit.transcription.segmenting import (
    Segment,
    SegmentedCorpus,
    _said_by_none,
    cut_transcript,
    cut_waveform,
    segment,
)
from asrkit.transcription.transcript import TimedWord, Transcript

UNSAID = ("after_s", "first_word", "text")


def transcript_of(words: list[tuple[str, float, float]], **alignment: Any) -> Transcript:
    timed = tuple(TimedWord(word, start_s, end_s, 0.9) for word, start_s, end_s in words)
    end_s = words[-1][2] if words else 0.0
    return Transcript("a", "/a.wav", end_s + 0.5, " ".join(w for w, *_ in words), 0.9, timed, alignment=alignment)


def spoken(*sentences: tuple[int, float]) -> list[tuple[str, float, float]]:
    """Words of half a second; each sentence of so many words is followed by a pause of so many seconds."""
    words, at_s = [], 0.5
    for count, pause_s in sentences:
        for number in range(count):
            words.append((f"w{len(words)}" + "." * (number + 1 == count), at_s, at_s + 0.5))
            at_s += 0.5
        at_s += pause_s
    return words


def test_cuts_lie_in_pauses_and_keep_a_part_of_them() -> None:
    first, second = cut_transcript(transcript_of(spoken((16, 1.0), (16, 1.0))))
    assert (first.start_s, first.end_s, second.start_s) == (0.25, 8.8, 9.2)
    assert first.text.split()[-1] == "w15."
    assert first.id == "a-00000250-00008800"
    assert first.confidence == pytest.approx(0.9)


def test_a_longer_pause_at_the_end_of_a_sentence_is_preferred() -> None:
    parts = cut_transcript(transcript_of(spoken((12, 0.6), (6, 0.2), (14, 0.6))))
    assert [part.text.split()[-1] for part in parts] == ["w11.", "w31."] or len(parts) == 3


@pytest.mark.parametrize(
    ("words", "problem"),
    [(spoken((40, 0.5)), "no pause to cut in"), (spoken((2, 0.5)), "too short"), (spoken((6, 0.5)), None)],
)
def test_what_cannot_be_cut_is_told(words: list[tuple[str, float, float]], problem: str | None) -> None:
    (part,) = cut_transcript(transcript_of(words))
    assert part.problem == problem


def test_no_words_give_no_segments() -> None:
    assert cut_transcript(transcript_of([])) == []


def test_a_flaw_costs_the_stretch_between_two_pauses_alone() -> None:
    words = spoken((8, 0.5), (8, 0.5), (8, 0.5))
    parts = cut_transcript(transcript_of(words, unsaid=[{"after_s": 7.0, "first_word": 0, "text": "x"}]))
    assert [part.problem for part in parts] == [None, "not cut from what does not match", None]
    assert parts[1].text.split()[0] == "w8"


def test_what_is_not_written_stays_out_of_the_utterances_around_it() -> None:
    words = spoken((8, 3.0), (8, 0.5))
    first, second = cut_transcript(
        transcript_of(words, unwritten=[{"start_s": 4.6, "end_s": 7.3, "heard": "something else"}])
    )
    assert first.problem is second.problem is None
    assert first.end_s <= 4.6
    assert second.start_s >= 7.3


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 20), st.floats(0.0, 2.0)), min_size=1, max_size=12))
def test_every_word_is_in_one_segment_and_utterances_have_their_length(sentences: list[tuple[int, float]]) -> None:
    words = spoken(*sentences)
    parts = cut_transcript(transcript_of(words))
    assert [word for part in parts for word in part.text.split()] == [word for word, *_ in words]
    for before, after in itertools.pairwise(parts):
        assert before.end_s <= after.start_s + 1e-9
    assert all(2.0 <= part.duration_s <= 15.0 for part in parts if part.problem is None)


@given(st.integers(1, 50))
def test_samples_are_cut_from_blocks_of_any_size(size: int) -> None:
    waveform = np.arange(100, dtype=np.float32)
    parts = [Segment("a", 0.5, 2.0, "", 1.0), Segment("a", 2.0, 3.1, "", 1.0), Segment("a", 7.0, 9.9, "", 1.0)]
    blocks = iter([waveform[first : first + size] for first in range(0, 100, size)])
    cut = [*cut_waveform(blocks, 10, parts)]
    assert [list(samples) for samples in cut] == [list(range(5, 20)), list(range(20, 31)), list(range(70, 99))]


def make(tmp_path: Path, named: str = "long.wav") -> SegmentedCorpus:
    if not (tmp_path / "book.txt").exists():
        samples = np.random.default_rng(0).uniform(-0.1, 0.1, round(2 * len(SAID) * STEP_S * 16_000))
        soundfile.write(tmp_path / "long.wav", samples, 16_000)
        (tmp_path / "book.txt").write_text(f"A title.\n\n{SAID}.\n\nAnother chapter!", encoding="utf-8")
    texts = KnownTexts.read(tmp_path / "book.txt")
    return segment([tmp_path / named], Model(), texts, tmp_path / "corpus", network=Network(SAID))


# what an earlier run wrote into a folder is no recording
@pytest.mark.parametrize("named", ["long.wav", ".", "corpus", "**/*"])
def test_a_corpus_can_be_trained_on_and_is_the_same_however_often_it_is_made(tmp_path: Path, named: str) -> None:
    corpus = make(tmp_path)
    if named == "corpus":
        (tmp_path / "long.wav").rename(tmp_path / "corpus" / "long.wav")
        corpus = make(tmp_path, named)
    folder = tmp_path / "corpus"
    (utterance,) = read_manifest(folder / "corpus.tsv")
    assert utterance.text == f"{SAID}."
    assert utterance.duration_s == pytest.approx(len(utterance.waveform(16_000)) / 16_000, abs=0.001)
    assert [(kind, text) for *_, kind, text in corpus.unmatched] == [
        ("written, not said", "A title."),
        ("written, not said", "Another chapter!"),
    ]
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "run.json"}
    stamp = utterance.audio_path.stat().st_mtime_ns
    assert make(tmp_path, named).summary.num_reused == 1
    assert utterance.audio_path.stat().st_mtime_ns == stamp
    utterance.audio_path.unlink()
    make(tmp_path, named)
    assert {path: path.read_bytes() for path in before} == before


def test_what_nobody_says_is_told_where_the_words_around_it_are_said() -> None:
    texts = {"a": [(0.0, 4, "e f g h")], "b": [(0.0, 0, "a b c d"), (3.5, 6, "g")]}
    made = [
        dataclasses.replace(
            transcript_of(spoken((4, 0.5)), unsaid=[dict(zip(UNSAID, passage, strict=True)) for passage in passages]),
            utterance_id=name,
        )
        for name, passages in texts.items()
    ]
    assert [*_said_by_none(made)] == [("b", 3.5, 3.5, "written, not said", "g")]


def test_what_is_left_of_another_cut_goes(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "corpus" / "audio" / "long-1-2.flac").write_bytes(b"")
    make(tmp_path)
    assert len([*(tmp_path / "corpus" / "audio").glob("*.flac")]) == 1


@pytest.mark.parametrize("name", ["audio/mine.flac", "corpus.tsv"])
def test_what_no_cut_made_is_kept(name: str, tmp_path: Path) -> None:
    path = tmp_path / "corpus" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"precious")
    with pytest.raises(ManifestError, match=f"{name}: is kept: no earlier run like this one wrote it"):
        make(tmp_path)
    assert path.read_bytes() == b"precious"


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX's")
@pytest.mark.parametrize("name", ["audio", "aligned"])
def test_a_folder_of_the_corpus_that_is_a_link_is_refused_before_the_work(name: str, tmp_path: Path) -> None:
    """Utterances would be written where it leads, and what is not of this cut be removed there."""
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "precious.flac").write_bytes(b"precious")
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / name).symlink_to(tmp_path / "victim")
    with pytest.raises(TranscriptionError, match=f"corpus/{name}: cannot be written \\({name} is a link\\)"):
        make(tmp_path)
    assert [path.name for path in (tmp_path / "victim").iterdir()] == ["precious.flac"]
    assert [path.name for path in (tmp_path / "corpus").iterdir()] == [name]


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX's")
def test_an_utterance_in_the_place_of_a_link_replaces_it(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    make(tmp_path)
    folder = tmp_path / "corpus"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "run.json"}
    for path in (folder / "audio").iterdir():
        path.unlink()
        path.symlink_to(victim)
    make(tmp_path)
    assert {path: path.read_bytes() for path in before} == before
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    assert victim.read_bytes() == b"precious"


def test_a_part_of_one_channel_is_cut_from_there(tmp_path: Path) -> None:
    """Its last words were lost behind an end measured from its beginning, and its audio was all channels mixed."""
    length_s = 2 * len(SAID) * STEP_S
    samples = np.random.default_rng(0).uniform(-0.1, 0.1, (round((20 + length_s) * 16_000), 2))
    soundfile.write(tmp_path / "call.wav", samples, 16_000)
    table = tmp_path / "parts.tsv"
    table.write_text(f"id\tpath\tstart\tend\tchannel\ttext\na\tcall.wav\t20\t{20 + length_s}\t1\t{SAID}\n")
    texts = KnownTexts.read(table)
    corpus = segment([table], Model(), texts, tmp_path / "corpus", network=Network(SAID))
    assert not corpus.unmatched
    (part,), (utterance,) = corpus.sure, read_manifest(tmp_path / "corpus" / "corpus.tsv")
    assert utterance.text == SAID
    assert 20.0 <= part.start_s < part.end_s <= 20.0 + length_s
    begin, end = round(part.start_s * 16_000), round(part.end_s * 16_000)
    assert utterance.waveform(16_000) == pytest.approx(samples[begin:end, 1], abs=1e-4)
    (listed,) = read_manifest(tmp_path / "corpus" / "aligned" / "results.jsonl")
    assert (listed.start_s, listed.channel, listed.end_s) == (20.0, 1, pytest.approx(20 + length_s, abs=0.01))


def test_recordings_whose_utterances_would_have_one_name_are_refused(tmp_path: Path) -> None:
    """The audio of one had the text of the other."""
    (tmp_path / "a").mkdir()
    make(tmp_path)
    for name in ("a/b.wav", "a_b.wav"):
        (tmp_path / name).write_bytes((tmp_path / "long.wav").read_bytes())
    texts = KnownTexts.read(tmp_path / "book.txt")
    with pytest.raises(TranscriptionError, match="of 'a/b' and 'a_b' would have the same names; rename one"):
        segment([tmp_path], Model(), texts, tmp_path / "out", network=Network(SAID))
    assert not (tmp_path / "out" / "audio").exists()


def test_the_page_plays_the_least_certain_first(tmp_path: Path) -> None:
    corpus = make(tmp_path)
    page = render_segments(corpus, tmp_path / "corpus")
    assert "data:audio/flac;base64," in page
    assert "Another chapter!" in page
    assert "http" not in page.split("<main>")[1]
