"""Ids: lines that begin with them, sentences that seem to, and ids that are spelled in two ways."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrkit.config import ScoringConfig
from asrkit.errors import ScoringError
from asrkit.metrics.ids import match_ids
from asrkit.metrics.joining import join, read_pair
from asrkit.metrics.scoring import score
from asrkit.metrics.transcripts.values import looks_like_id


@pytest.mark.parametrize(
    "word",
    ["u1", "utt-0001", "clip_7", "spk1/u2", "4T0C0204", "1089-134686-0000", "LJ001-0001", "s-1", "0001", "20191203123",
     "a.1", "84-121123",
     "rec-1-0.0-1.0", "common_voice_en_1", "3fa9c2d1", "2b4f"],
)  # fmt: skip
def test_ids_are_known(word: str) -> None:
    assert looks_like_id(word)


@pytest.mark.parametrize(
    "word",
    ["the", "anna", "3", "10:30", "10:30:15", "1,000", "1,000,000", "3.5", "$5", "5%", "€20", "5pm", "1st", "20th",
     "10k", "5-10", "9:00-5", "2019-05-01", "01.02.2019", "3/4", "1990s", "10°", "'90s", "(3)", "5,", "7.", "#1", "+49",
     "½", "3D", "42nd,", "10:30-12:00", "3–4", "well-known", "e-mail", "@"],
)  # fmt: skip
def test_words_and_numbers_are_no_ids(word: str) -> None:
    assert not looks_like_id(word)


@pytest.mark.parametrize(
    ("hyp", "ref", "written", "normalized"),
    [
        ("10:30 train leaves\n11:45 train stops\n", "10:30 train leaves\n11:45 train stop\n", 1 / 6, 1 / 9),
        ("3 apples here\n5 pears there\n7 plum\n", "3 apples here\n5 pears there\n7 plums\n", 1 / 8, 1 / 8),
        ("a b c\nd e f\ng h i\nj k l\nm n o\n", "a b c\nd e f\ng h i\nj k l\nm n x\n", 1 / 15, 1 / 15),
        ("a\nb\nc\nd\ne\n", "a\nb\nc\nd\ne\n", 0.0, 0.0),
        ("yes\nno\nup\ndown\n" * 6, "yes\nno\nup\nleft\n" * 6, 1 / 4, 1 / 4),
        ("\n".join(f"w{chr(97 + n)}" for n in range(26)), "\n".join(f"w{chr(97 + n)}" for n in range(26)), 0.0, 0.0),
        ("well,I think\nyes,I do\n", "well,I think\nyes,I did\n", 1 / 4, 1 / 6),  # no table
        ("$5 is due\n$7 was paid\n", "$5 is due\n$7 is paid\n", 1 / 6, 1 / 8),
        ("2019-05-01 rain\n2019-05-02 sun\n", "2019-05-01 rain\n2019-05-02 fog\n", 1 / 4, None),
    ],
)
def test_sentences_keep_their_first_words(
    hyp: str, ref: str, written: float, normalized: float | None, tmp_path: Path
) -> None:
    (tmp_path / "h").write_text(hyp)
    (tmp_path / "r").write_text(ref)
    report = score(tmp_path / "h", tmp_path / "r", ScoringConfig(resamples=0))
    assert report.pairs.joined_by == "line"
    assert report.raw.words.total().rate == pytest.approx(written)
    assert normalized is None or report.word_error_rate == pytest.approx(normalized)


def alphabetical(number: int) -> str:
    return "".join(f"{chr(97 + n // 26)}{chr(97 + n % 26)} said so\n" for n in range(number))


@pytest.mark.parametrize("text", ["1 x\n2 y\n3 z\n", "0 x\n1 y\n2 z\n", alphabetical(20)])
def test_where_both_readings_are_likely_one_is_asked(text: str, tmp_path: Path) -> None:
    for name in "hr":
        (tmp_path / name).write_text(text)
    with pytest.raises(
        ScoringError, match="could be ids; say --format ids if they are, --format lines if they are words"
    ):
        read_pair(tmp_path / "h", tmp_path / "r")
    assert read_pair(tmp_path / "h", tmp_path / "r", "ids")[0].ids is not None
    assert read_pair(tmp_path / "h", tmp_path / "r", "lines")[0].ids is None


def test_what_lies_beside_its_results_has_ids(tmp_path: Path) -> None:
    (tmp_path / "hyp.txt").write_text("anna hello\nbert x\n")
    (tmp_path / "ref.txt").write_text("anna hello\nbert y\n")
    assert read_pair(tmp_path / "hyp.txt", tmp_path / "ref.txt")[0].ids is None
    (tmp_path / "results.jsonl").write_text("")
    hyp, ref, notes = read_pair(tmp_path / "hyp.txt", tmp_path / "ref.txt")
    assert (hyp.ids, ref.ids, notes) == (["anna", "bert"], ["anna", "bert"], ())


@pytest.mark.parametrize("text", ["the cat\nthe dog\n", "the cat\na dog\n"])
def test_plain_sentences_against_ids_are_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "h").write_text(text)
    (tmp_path / "r.tsv").write_text("id\ttext\nu1\tthe cat\nu2\tthe dog\n")
    with pytest.raises(ScoringError, match=r"the lines of .*h begin with no ids, but .*r\.tsv has ids such as 'u1'"):
        read_pair(tmp_path / "h", tmp_path / "r.tsv")


@pytest.mark.parametrize(
    ("hyp", "ref"),
    [
        ("4T0C0204", "4t0c0204"),
        ("u1.wav", "u1"),
        ("u1", "u1.FLAC"),
        ("/data/x/u1", "u1"),
        ("u1", r"C:\data\u1.wav"),
        ("s1/u1", "corpus/s1/u1.mp3"),
        ("r-1-0.0-1.0", "r-1-0.00-1.00"),
        ("r-1-0-1", "r-1-0.00-1.0"),
        ("caf\u00e9", "cafe\u0301"),
        ("a%20b%200", "a b 0"),
        ("a_b_0", "a b 0"),
        ("a_b_0", "d/a%20b%200.wav"),
    ],
)
def test_ids_that_are_spelled_otherwise_meet(hyp: str, ref: str) -> None:
    assert match_ids([hyp, "other"], ["another", ref]) == {hyp: ref}


def test_equal_ids_meet_first_and_the_nearest_folder_counts() -> None:
    assert match_ids(["u1", "U2"], ["u1", "u2"]) == {"U2": "u2"}
    assert match_ids(["x/a/u1", "x/b/u1"], ["a/u1.wav", "b/u1.wav"]) == {"x/a/u1": "a/u1.wav", "x/b/u1": "b/u1.wav"}
    assert match_ids(["u1.5"], ["u1.50", "u15"]) == {"u1.5": "u1.50"}


@pytest.mark.parametrize(
    ("hyp", "ref", "named"),
    [
        (["U1", "u1.wav"], ["u1"], "'U1', 'u1.wav' of the hypotheses"),
        (["u1"], ["a/u1", "b/u1"], "'a/u1', 'b/u1' of the references"),
        (["u1", "U1"], ["u1", "u1.wav"], "'u1', 'U1' of the hypotheses"),
    ],
)
def test_two_ids_that_fold_to_one_are_an_error(hyp: list[str], ref: list[str], named: str) -> None:
    with pytest.raises(ScoringError, match=f"the ids {named} could all be 'u1' of the other side"):
        match_ids(hyp, ref)


@given(st.lists(st.from_regex(r"[a-zA-Z0-9./_-]{1,8}", fullmatch=True), unique=True, max_size=6), st.data())
def test_no_reference_is_given_away_twice(ref: list[str], data: st.DataObject) -> None:
    hyp = data.draw(st.permutations([name.upper() for name in ref]))
    try:
        found = match_ids(list(dict.fromkeys(hyp)), ref)
    except ScoringError:
        return
    assert len(set(found.values())) == len(found)
    assert all(other.upper() == name for name, other in found.items() if "." not in name and "/" not in name)


def test_spellings_and_extras_are_noted(tmp_path: Path) -> None:
    (tmp_path / "h.tsv").write_text("id\ttext\nU1\tx\nu2.wav\ty\nu3\tz\n")
    (tmp_path / "r.tsv").write_text("id\ttext\nu1\tx\nu2\ty\n")
    with pytest.raises(ScoringError, match=r"has 1 utterance that .*r\.tsv lacks: 'u3'; .*--extra ignore"):
        score(tmp_path / "h.tsv", tmp_path / "r.tsv")
    report = score(tmp_path / "h.tsv", tmp_path / "r.tsv", ScoringConfig(extra="ignore", resamples=0))
    assert (report.pairs.ids, report.pairs.hypotheses) == (["u1", "u2"], ["x", "y"])
    assert [note.partition(":")[0].split("/")[0][:20] for note in report.notes] == [
        "2 utterances joined ",
        "1 utterance of ",
    ]
    with pytest.raises(ScoringError, match="no utterance id in common"):
        join(*read_pair(tmp_path / "h.tsv", write(tmp_path / "s.tsv", "id\ttext\nv1\tx\n"))[:2], extra="ignore")


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
