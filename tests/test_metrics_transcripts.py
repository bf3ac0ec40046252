"""Reading and joining: every format, every loud error, nothing lost in silence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asrkit.config import ScoringConfig
from asrkit.errors import ConfigError, MissingPathError, ScoringError
from asrkit.metrics.joining import Pairs, join, read_pair
from asrkit.metrics.transcripts import Transcripts, read_transcripts, with_ids
from asrkit.metrics.transcripts.formats import detect_format


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def joined(folder: Path, hyp: str | bytes, ref: str | bytes, **options: str) -> Pairs:
    missing = options.pop("missing", "error")
    one, other, _ = read_pair(write(folder / "a.txt", hyp), write(folder / "b.txt", ref), **options)
    return join(one, other, missing)


@pytest.mark.parametrize(
    ("name", "content", "format", "ids", "texts"),
    [
        ("a.txt", "x y\n\nz\n", "lines", None, ["x y", "", "z"]),
        ("a.txt", "x\r\ny\r\n", "lines", None, ["x", "y"]),
        ("a.txt", "x\ry\r", "lines", None, ["x", "y"]),
        ("a.txt", "\ufeffx\ny", "lines", None, ["x", "y"]),
        ("a.txt", "a\u2028b\x0cc\n", "lines", None, ["a\u2028b\x0cc"]),
        ("a.txt", "", "lines", None, []),
        ("a.txt", "i\n私\n", "lines", None, ["i", "私"]),
        ("a.txt", "x y (u1)\n(u2)\n", "trn", ["u1", "u2"], ["x y", ""]),
        ("a.trn", ";; comment\nx (uh) y (u1)\n", "trn", ["u1"], ["x (uh) y"]),
        ("a.tsv", "utterance_id\tpath\ttext\nu1\ta.wav\tx y\nu2\tb.wav\t\n", "tsv", ["u1", "u2"], ["x y", ""]),
        ("a.txt", "path\tspeaker\ttext\nd/u1.wav\ts\tx\n", "tsv", ["u1"], ["x"]),
        ("a.json", '{"id": 7, "text": "x"}\n\n{"id": 8, "text": ""}\n', "jsonl", ["7", "8"], ["x", ""]),
        ("a.stm", ";; c\nr 1 s 0.0 1.5 <o,f0,m> x y\nr 1 s 1.5 2 \n", "stm", ["r-1-0.0-1.5", "r-1-1.5-2"], ["x y", ""]),
        ("a.stm", "r 1 ann 0.0 1.0 x\nr 1 bob 0.0 1.0 y\n", "stm", ["r-1-ann-0.0-1.0", "r-1-bob-0.0-1.0"], ["x", "y"]),
    ],
)
def test_formats_are_told_apart(
    tmp_path: Path, name: str, content: str, format: str, ids: list[str] | None, texts: list[str]
) -> None:
    read = read_transcripts(write(tmp_path / name, content))
    assert (read.format, read.ids, read.texts) == (format, ids, texts)


def test_a_manifest_keeps_hypothesis_and_reference_apart(tmp_path: Path) -> None:
    line = {"audio_filepath": "a/u1.wav", "duration": 1.5, "text": "true", "pred_text": "said"}
    path = write(tmp_path / "m.jsonl", json.dumps(line) + "\n")
    assert read_transcripts(path, "hypothesis").texts == ["said"]
    reference = read_transcripts(path, "reference")
    assert reference.texts == ["true"]
    assert reference.columns["duration_s"] == [1.5]


def test_what_json_allows_and_text_does_not(tmp_path: Path) -> None:
    lines = [
        r'{"id": "u1", "text": "a\ud800b \ud83d\ude00", "duration": NaN}',
        '{"id": "u2", "text": "c", "duration": -1}',
        '{"id": "u3", "text": "c", "duration": 1e999}',
    ]
    read = read_transcripts(write(tmp_path / "a.jsonl", "\n".join(lines)))
    assert read.texts == ["a\ufffdb 😀", "c", "c"]
    assert "duration_s" not in read.columns


def test_folders_are_matched_by_stem(tmp_path: Path) -> None:
    write(tmp_path / "h/b.txt", "x\n")
    write(tmp_path / "h/sub/a.txt", "y\nz\n")
    read = read_transcripts(tmp_path / "h")
    assert (read.format, read.ids, read.texts) == ("folder", ["b", "sub/a"], ["x", "y z"])
    pairs = join(*read_pair(tmp_path / "h", write(tmp_path / "r.txt", "b x\nsub/a y\n"))[:2])
    assert pairs.hypotheses == ["x", "y z"]


def test_a_folder_of_the_transcribe_command_is_read_by_its_results(tmp_path: Path) -> None:
    write(tmp_path / "t/u1.txt", "wrong\n")
    write(tmp_path / "t/results.jsonl", '{"utterance_id": "u1", "text": "x", "confidence": 0.5, "words": []}\n')
    read = read_transcripts(tmp_path / "t", "hypothesis")
    assert (read.format, read.ids, read.texts) == ("jsonl", ["u1"], ["x"])
    assert read.columns["confidence"] == [0.5]


@pytest.mark.parametrize(
    ("hyp", "ref", "joined_by", "why"),
    [
        ("utt1 x\nutt2\n", "utt2 y\nutt1 x\n", "id", "words like ids, another order"),
        ("the cat\n", "the cat\n", "line", "one plain line"),
        ("the x\nit is\n", "the y\nit was\n", "line", "two plain lines that begin alike"),
        ("3 men\n", "3 women\n", "line", "a number is no id by itself"),
        ("anna x\nbert y\ncarl z\n", "carl z\nanna x\nbert y\n", "id", "another order tells"),
        ("a x\nb x\nc x\nd x\ne x\n", "a x\nb x\nc x\nd x\ne x\n", "line", "sentences may well be sorted"),
        ("e x\na x\nc x\nd x\nb x\n", "e x\na x\nc x\nd x\nb x\n", "line", "could be either: said in a note"),
    ],
)
def test_ids_are_told_from_plain_lines(tmp_path: Path, hyp: str, ref: str, joined_by: str, why: str) -> None:
    assert joined(tmp_path, hyp, ref).joined_by == joined_by, why


def test_lines_that_could_have_ids_are_mentioned(tmp_path: Path) -> None:
    hyp, ref = write(tmp_path / "a", "to x\nof y\n"), write(tmp_path / "b", "to x\nof z\n")
    assert "--format ids" in read_pair(hyp, ref)[2][0]
    assert join(*read_pair(hyp, ref, "ids")[:2]).ids == ["to", "of"]
    assert read_pair(hyp, ref, "lines")[2] == ()


def test_joining_keeps_the_order_of_the_references_and_empty_texts(tmp_path: Path) -> None:
    pairs = joined(tmp_path, "u3 c\nu1 a\nu2\n", "u1 a\nu2 b\nu3\n")
    assert (pairs.ids, pairs.hypotheses, pairs.references) == (["u1", "u2", "u3"], ["a", "", "c"], ["a", "b", ""])


def test_blank_lines_stay_line_to_line(tmp_path: Path) -> None:
    pairs = joined(tmp_path, "\nthe cat\n", "the cat\n\n", format="lines")
    assert (pairs.hypotheses, pairs.references) == (["", "the cat"], ["the cat", ""])


@pytest.mark.parametrize(
    ("hyp", "ref", "message"),
    [
        ("u1 a\n", "u1 a\nu2 b\n", r"lacks 1 utterance of .*b\.txt: 'u2'; add .*--missing deletions"),
        ("u1 a\nu2 b\nu3 c\n", "u1 a\n", r"has 2 utterances that .*b\.txt lacks: 'u2', 'u3'"),
        ("u1 a\nu2 b\nu3 c\nu4 d\n", "u1 a\n", r"lacks: 'u2', 'u3', 'u4'; add"),
        ("u1 a\nu2 b\nu3 c\nu4 d\nu5 e\n", "u1 a\n", r"has 4 utterances .*lacks: 'u2', 'u3', 'u4', \.\.\.; add"),
        ("u1 a\nu1 b\n", "u1 a\nu2 b\n", r"a\.txt:2: repeats utterance ids: 'u1' on lines 1 and 2"),
        ("v1 a\n", "u1 a\n", "no utterance id in common: 'v1' against 'u1'"),
        ("a b\n", "a b\nc d\n", r"a\.txt and .*b\.txt differ in their number of lines, 1 against 2; give"),
        (b"ok\nab \xff c\n", "a\nb\n", r"a\.txt:2: column 4: byte 0xff is not UTF-8; convert"),
    ],
)
def test_what_cannot_be_joined_is_a_named_error(
    tmp_path: Path, hyp: str | bytes, ref: str | bytes, message: str
) -> None:
    with pytest.raises(ScoringError, match=message):
        joined(tmp_path, hyp, ref)


def test_missing_hypotheses_can_be_deletions(tmp_path: Path) -> None:
    pairs = joined(tmp_path, "u1 a\n", "u1 a\nu2 b\n", missing="deletions")
    assert (pairs.hypotheses, pairs.missing, pairs.notes) == (["a", ""], ("u2",), ())
    with pytest.raises(ScoringError, match="no utterance id in common"):
        joined(tmp_path, "v1 a\n", "u1 a\n", missing="deletions")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", '{"id": 1, "text": "a"}\n{oops\n', "a.jsonl:2: is not JSON"),
        ("a.jsonl", "[1]\n", "a.jsonl:1: is not a JSON object"),
        ("a.jsonl", '{"text": "a"}\n', "a.jsonl:1: has no id"),
        (
            "a.jsonl",
            '{"id": 1}\n',
            "a.jsonl:1: has no text for the reference; it is looked for under reference, .*, text",
        ),
        ("a.tsv", "id\ttext\nu1\n", "a.tsv:2: has 1 cells but the header has 2"),
        ("a.jsonl", '{"a":' * 100_000, "a.jsonl:1: is not JSON"),
        ("a.trn", f"{' ' * 200_000}x", "a.trn:1: does not end with an"),
        ("a.trn", "no id here\n", "a.trn:1: does not end with an"),
        ("a.stm", "r 1 s zero 1 x\n", "a.stm:1: has no times in seconds"),
        ("a.stm", "r 1 s 0 inf x\n", "a.stm:1: has no times in seconds"),
        ("a.stm", "r 1 s 0 1 x\nr 1 s 9 2.5 y\n", "a.stm:2: ends at 2.5 s, before its start at 9 s"),
        ("a.ctm", "r 1 0 1 x\n", "scored against an stm file"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(ScoringError, match=message):
        read_transcripts(write(tmp_path / name, content))


def test_missing_paths_and_wrong_settings(tmp_path: Path) -> None:
    with pytest.raises(MissingPathError, match="no such file"):
        read_transcripts(tmp_path / "none.txt")
    with pytest.raises(ScoringError, match=r"folder without \.txt"):
        read_transcripts(tmp_path)
    with pytest.raises(ConfigError, match="unknown format"):
        read_transcripts(tmp_path, format="docx")
    with pytest.raises(ConfigError, match="missing must be one of error, deletions, not 'present'"):
        joined(tmp_path, "a\n", "a\n", missing="present")
    texts = Transcripts("t", "lines", ["a"])
    with pytest.raises(ConfigError, match="extra must be one of error, ignore, not 'absent'"):
        join(texts, texts, extra="absent")
    with pytest.raises(ScoringError, match="but only one of them has utterance ids"):
        join(texts, with_ids(Transcripts("u", "lines", ["u1 a"])))


@pytest.mark.parametrize(
    ("hyp", "ref", "warned"),
    [
        *[(*sides, True) for sides in (("ref.txt", "hyp"), ("gold", "results.jsonl"), ("ref.txt", "b"), ("a", "hyp"))],
        *[(*sides, False) for sides in (("hyp.txt", "ref.txt"), ("a", "b"), ("hyp", "b"), ("ref_hyp", "ref"))],
    ],
)
def test_sides_that_look_swapped_are_mentioned(tmp_path: Path, hyp: str, ref: str, warned: bool) -> None:
    line = '{"id": "u1", "text": "a"}\n'
    notes = read_pair(write(tmp_path / hyp, line), write(tmp_path / ref, line))[2]
    assert any("swapped" in note for note in notes) == warned


STM = """;; a comment
r1 A bob 0.0 2.0 <o,f0> hello (uh) there
r1 A bob 2.0 4.0 ignore_time_segment_in_scoring
r1 A ann 4.0 6.0 good bye
r2 A ann 0.0 2.0 lost
"""


def test_ctm_words_go_to_the_segment_that_holds_their_middle(tmp_path: Path) -> None:
    ctm = "r1 A 4.1 0.5 good 0.9\nr1 A 0.1 0.4 hello 0.8\nr1 A 1.9 0.4 noise\nr1 A 7.0 0.2 late\n"
    hyp, ref, _ = read_pair(write(tmp_path / "h.ctm", ctm), write(tmp_path / "r.stm", STM))
    assert ref.columns["speaker"] == ["bob", "ann", "ann"]
    assert hyp.ids == ["r1-A-0.0-2.0", "r1-A-4.0-6.0"]
    assert hyp.texts == ["hello", "good late"]
    with pytest.raises(ScoringError, match=r"lacks 1 utterance of .*: 'r2-A-0.0-2.0'"):
        join(hyp, ref)
    assert join(hyp, ref, "deletions").notation


@pytest.mark.parametrize(
    ("times", "middle", "place", "why"),
    [
        ("4 6, 0 2", 2.5, 1, "the nearest"),
        ("4 6, 0 2", 3.0, 0, "as far from both: the first in order, not in time"),
        ("0 9, 4 5", 4.5, 0, "both hold it"),
        ("1 2, 2 3", 2.0, 0, "both ends belong to a segment"),
        ("1 2, 3 4", 9.0, 1, "behind the last"),
    ],
)
def test_a_ctm_word_goes_to_the_first_of_the_segments_that_are_near(
    times: str, middle: float, place: int, why: str, tmp_path: Path
) -> None:
    stm = "".join(f"r A s {time} x\n" for time in times.split(", "))
    hyp = read_pair(write(tmp_path / "h.ctm", f"r A {middle} 0 x\n"), write(tmp_path / "r.stm", stm))[0]
    assert hyp.texts.index("x") == place, why


@pytest.mark.parametrize(("told", "confidence"), [(" 0.5", 0.5), (" NA", None), (" na", None), ("", None)])
def test_a_ctm_word_may_have_no_confidence(told: str, confidence: float | None, tmp_path: Path) -> None:
    hyp, _, _ = read_pair(write(tmp_path / "h.ctm", f"r1 A 0.1 0.4 x{told}\n"), write(tmp_path / "r.stm", STM))
    assert hyp.columns["words"][0][0]["confidence"] == confidence
    with pytest.raises(ScoringError, match=r"h\.ctm:1: has no confidence, a number or NA, where 'sure' stands"):
        read_pair(write(tmp_path / "h.ctm", "r1 A 0.1 0.4 x sure\n"), tmp_path / "r.stm")
    with pytest.raises(ScoringError, match=r"h\.ctm:1: has no times in seconds where 'nan 0.4' stands"):
        read_pair(write(tmp_path / "h.ctm", "r1 A nan 0.4 x\n"), tmp_path / "r.stm")


def test_a_ctm_word_of_an_unknown_recording_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ScoringError, match=r"h\.ctm:1: recording 'r9', channel 'A' is not in"):
        read_pair(write(tmp_path / "h.ctm", "r9 A 0 1 x\n"), write(tmp_path / "r.stm", STM))


@pytest.mark.parametrize(
    ("name", "ctm", "stm", "hyp", "ids", "note"),
    [
        (
            "case",
            "REC a 0.1 0.2 hello\n",
            "rec A spk 0.0 1.0 hello\n",
            ["hello"],
            ["rec-A-0.0-1.0"],
            "differ from the references in case",
        ),
        (
            "speakers at once",
            "r 1 0.1 0.2 a\n",
            "r 1 ann 0.0 1.0 a\nr 1 bob 0.0 1.0 b\n",
            ["a", ""],
            ["r-1-ann-0.0-1.0", "r-1-bob-0.0-1.0"],
            "1 segment overlaps",
        ),
        (
            "ignored",
            "r 1 0.1 0.2 a\nr 1 1.5 0.1 b\n",
            "r 1 s 0 1 a\nr 1 s 1 2 IGNORETIMESEGMENTINSCORING\n",
            ["a"],
            ["r-1-0-1"],
            "",
        ),
    ],
)
def test_segments_and_words_meet(
    name: str, ctm: str, stm: str, hyp: list[str], ids: list[str], note: str, tmp_path: Path
) -> None:
    said, meant, notes = read_pair(write(tmp_path / "dev.ctm.filt", ctm), write(tmp_path / "dev.stm.filt", stm))
    assert (said.texts, meant.ids) == (hyp, ids)
    assert [note in told for told in notes] == [True] * bool(note)


@pytest.mark.parametrize(
    ("ctm", "stm"),
    [
        ("r 1 0.1 0.2 a 0.9\n", ";; c\nr 1 s 0 1 <o> a\n"),
        ("r A 0 1 a\nr A 1 1 b\nq A 0 1 c\n", "r A s 0 1 a\nr A s 1 2 b\nq A s 0 1 c\n"),
        ("r ch1 0.5 1 a\n", "r ch1 s 0.0 2 a\n"),
    ],
)
def test_times_tell_ctm_and_stm_without_any_suffix(ctm: str, stm: str, tmp_path: Path) -> None:
    said, meant, _ = read_pair(write(tmp_path / "one.txt", ctm), write(tmp_path / "two.txt", stm))
    assert (said.format, meant.format, said.texts) == ("ctm", "stm", meant.texts)


@pytest.mark.parametrize(("line", "format"), [("rec 1 {}.5 0.5 word", "ctm"), ("rec 1 s {}.5 {}.9 a word", "stm")])
def test_long_files_are_known_by_their_whole_lines(line: str, format: str) -> None:
    text = "".join(f"{line.format(place, place)}\n" for place in range(9_000))
    assert {detect_format("a.txt", "x" * shift + text) for shift in range(30)} == {format}


def test_a_word_between_segments_goes_to_the_nearest_or_the_next(tmp_path: Path) -> None:
    stm = write(tmp_path / "r.stm", "r 1 s 0 1 a\nr 1 s 5 6 b\nr 1 s 6 7 c\n")
    ctm = write(tmp_path / "h.ctm", "r 1 0.1 0.1 a\nr 1 1.5 0.2 gap\nr 1 5.9 0.2 edge\nr 1 9 0.1 late\n")
    assert read_pair(ctm, stm)[0].texts == ["a gap", "edge", "late"]
    assert read_pair(ctm, stm, config=ScoringConfig(weights="nist"))[0].texts == ["a", "gap", "edge late"]


def test_ids_on_one_side_only_are_refused_and_not_counted_as_words(tmp_path):
    hyp, ref = tmp_path / "hyp.txt", tmp_path / "ref.txt"
    hyp.write_text("clip-1 the cat sat\nclip-2 on the mat\n")
    ref.write_text("the cat sat\non the mat\n")
    for one, other in ((hyp, ref), (ref, hyp)):
        with pytest.raises(ScoringError, match=r"hyp\.txt begin with ids such as 'clip-1', those of .*ref\.txt do not"):
            read_pair(one, other)
    assert read_pair(hyp, ref, "lines")[0].ids is None
