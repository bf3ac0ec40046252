"""NIST's optional words and alternatives: the readings that fit best, in trn, stm and ctm only."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles_alignment import best_counts

from asrkit.config import ScoringConfig
from asrkit.errors import ScoringError
from asrkit.metrics.notation import parse, resolve
from asrkit.metrics.scoring import score
from asrkit.text.normalizer import get_normalizer

NONE = get_normalizer("none")


@pytest.mark.parametrize(
    ("reference", "hypothesis", "reading"),
    [
        ("so (uh) what", "so what", "so what"),
        ("so (uh) what", "so uh what", "so uh what"),
        ("{gonna / going to} go", "going to go", "going to go"),
        ("{gonna / going to / @} go", "go", "go"),
        ("{a / {b / c} d} e", "c d e", "c d e"),
        ("%uh yes", "uh yes", "uh yes"),
        ("a @ b", "a b", "a b"),
        ("(uh) (um)", "", ""),
    ],
)
def test_the_reading_that_fits_best_is_taken(reference: str, hypothesis: str, reading: str) -> None:
    assert resolve(reference, hypothesis, NONE).reference == reading


@pytest.mark.parametrize(
    ("reference", "hypothesis", "reading"),
    [
        ("so (uh) what", "so what", ("so what", 1)),
        ("so (uh) what", "so uh what", ("so uh what", 0)),
        ("so (uh) what", "so um", ("so what", 1)),  # 2 + 4 for the one, 4 + 3 for the other
        ("the wh- what", "the where what", ("the where what", 0)),
        ("the wh- what", "the foo what", ("the wh- what", 0)),
        ("the -at x", "the hat x", ("the hat x", 0)),
        ("the (wh-) x", "the x", ("the x", 1)),
        ("well-known - fact", "well known fact", ("well-known - fact", 0)),
        ("{a (b) / c} d", "a d", ("a d", 1)),
        ("%uh yes", "%uh yes", ("%uh yes", 0)),
    ],
)
def test_the_weights_of_nist_forgive_as_sclite_does(reference: str, hypothesis: str, reading: tuple[str, int]) -> None:
    read = resolve(reference, hypothesis, NONE, "nist")
    assert (read.reference, read.left_out) == reading


ALTERNATIVES = """rec 1 0.1 0.3 so
rec 1 * * <ALT_BEGIN>
rec 1 1.0 0.2 gonna 0.9
rec 1 * * <ALT>
rec 1 1.0 0.1 going
rec 1 1.1 0.1 to
rec 1 * * <ALT>
rec 1 1.0 0.2 @
rec 1 * * <ALT_END>
rec 1 2.0 0.3 go
"""


@pytest.mark.parametrize("reference", ["so gonna go", "so going to go", "so go", "so { going / gonna } to go"])
def test_alternatives_of_a_ctm_file_are_chosen_as_they_fit(reference: str, tmp_path: Path) -> None:
    (tmp_path / "h.ctm").write_text(ALTERNATIVES)
    (tmp_path / "r.stm").write_text(f"rec 1 A 0 5 {reference}\n")
    report = score(tmp_path / "h.ctm", tmp_path / "r.stm")
    assert report.normalized.words.total().errors == 0
    assert report.pairs.hypotheses == ["so gonna go"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rec 1 * * <ALT_END>\n", "", r"h\.ctm:2: <ALT_BEGIN> has no <ALT_END>"),
        ("rec 1 * * <ALT_BEGIN>\n", "", r"h\.ctm:3: <ALT> is not where it can be"),
        ("gonna", "{gonna", r"h\.ctm:9: '{gonna' cannot stand among alternatives"),
    ],
)
def test_broken_alternatives_of_a_ctm_file_are_an_error(old: str, new: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "h.ctm").write_text(ALTERNATIVES.replace(old, new))
    (tmp_path / "r.stm").write_text("rec 1 A 0 5 so go\n")
    with pytest.raises(ScoringError, match=message):
        score(tmp_path / "h.ctm", tmp_path / "r.stm")


def test_any_number_of_alternatives_is_tried_on_both_sides() -> None:
    read = resolve("c b {a / x} " * 4, "{ a / b / c } " * 12, NONE, sides=(True, True))
    assert read.hypothesis == read.reference == " ".join(["c", "b", "a"] * 4)


WORDS = st.lists(st.sampled_from("abc"), max_size=3)


@given(st.lists(st.lists(WORDS, min_size=1, max_size=3), max_size=3), st.lists(st.sampled_from("abc"), max_size=6))
def test_no_reading_fits_better(groups: list[list[list[str]]], hypothesis: list[str]) -> None:
    reference = " ".join("{" + " / ".join(" ".join(option) or "@" for option in group) + "}" for group in groups)
    found = resolve(reference, " ".join(hypothesis), NONE).reference.split()

    def goodness(reading: list[str]) -> tuple[int, int]:
        hits, *errors = best_counts(hypothesis, reading)
        return sum(errors), -hits

    readings = [[word for part in parts for word in part] for parts in product(*groups)]
    assert found in readings
    assert goodness(found) == min(map(goodness, readings))


@pytest.mark.parametrize("text", ["{ " + "{a / b} " * 12 + " }", "{ " * 100 + "}" * 100])
def test_too_many_ways_are_an_error(text: str) -> None:
    with pytest.raises(ScoringError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("the colo(u)r", [["the"], ["colo(u)r"]]),  # brackets inside a word
        ("and/or {a / b}", [["and/or"], ["a", "b"]]),  # a slash inside a word
        ("{w>mrhm b", [["{w>mrhm"], ["b"]]),  # a brace that is never closed, as in Buckwalter's letters
        ("a } b / c ( d )", [[sign] for sign in ["a", "}", "b", "/", "c", "(", "d", ")"]]),
        ("(a b) c", [["(a"], ["b)"], ["c"]]),  # not all of a word
        ("{1, 2} x", [["1, 2"], ["x"]]),
        ("{a/b}c", [["a", "b"], ["c"]]),
        ("{ and/or / x }", [["and", "or", "x"]]),
        ("{ a / } b", [["a"], ["b"]]),  # an empty option is none; @ is
        ("x{a/b}c d", [["x{a/b}c"], ["d"]]),
        (r"b;tag c a\;s", [["b"], ["c"], ["a;s"]]),
        ("a @ b", [["a"], [""], ["b"]]),
        ("{ " * 5_000, [["{"]] * 5_000),
    ],
)
def test_signs_mean_something_as_words_of_their_own_only(text: str, ways: list[list[str]]) -> None:
    assert [[" ".join(way.words) for way in slot] for slot in parse(text)] == ways


ODD = st.lists(
    st.sampled_from(
        ["a", "b", "(uh)", "@", "%uh", "{a / b}", "{a/(b)/@}", "b-", "-a", "{w>", "x;t", "}", "/", "(", "()", r"a\;s"]
    ),
    max_size=8,
)


@pytest.mark.parametrize("weights", ["unit", "nist"])
@given(words=ODD)
def test_a_text_against_itself_has_no_error(weights: str, words: list[str]) -> None:
    text = " ".join(words)
    read = resolve(text, text, NONE, weights, sides=(True, True))
    assert read.reference == read.hypothesis


@given(
    st.lists(st.lists(WORDS, min_size=1, max_size=3), max_size=2),
    st.lists(st.lists(WORDS, min_size=1, max_size=3), max_size=2),
)
def test_no_two_readings_fit_better(ref: list[list[list[str]]], hyp: list[list[list[str]]]) -> None:
    def written(groups: list[list[list[str]]]) -> str:
        return " ".join("{" + " / ".join(" ".join(option) or "@" for option in group) + "}" for group in groups)

    def readings(groups: list[list[list[str]]]) -> list[list[str]]:
        return [[word for part in parts for word in part] for parts in product(*groups)]

    def goodness(said: list[str], meant: list[str]) -> tuple[int, int]:
        hits, *errors = best_counts(said, meant)
        return sum(errors), -hits

    found = resolve(written(ref), written(hyp), NONE, sides=(True, True))
    best = min(goodness(said, meant) for said in readings(hyp) for meant in readings(ref))
    assert goodness(found.hypothesis.split(), found.reference.split()) == best


def test_notation_counts_in_trn_and_nowhere_else(tmp_path: Path) -> None:
    for suffix in ("trn", "txt"):
        (tmp_path / f"h.{suffix}").write_text("so going to (u1)\n" if suffix == "trn" else "u1 so going to\n")
        reference = "so (uh) {gonna / going to}"
        (tmp_path / f"r.{suffix}").write_text(f"{reference} (u1)\n" if suffix == "trn" else f"u1 {reference}\n")
    marked = score(tmp_path / "h.trn", tmp_path / "r.trn")
    assert marked.normalized.words.total().errors == 0
    assert marked.signature().endswith("|notation:nist")
    assert score(tmp_path / "h.txt", tmp_path / "r.txt").normalized.words.total().errors == 2


@pytest.mark.parametrize(
    ("reference", "hypothesis", "errors", "words"),
    [
        ("mail @ home", "mail @ home", 0, 2),
        ("%hesitation yes", "%hesitation yes", 0, 2),
        ("a {b / c}", "a {b / c}", 0, 2),
        ("a {b / c}", "a {c / d}", 0, 2),
        ("the set {1, 2} of things", "the set {1, 2} of things", 0, 6),
        ("the colo(u)r and/or {a / b}", "the color and/or a", 1, 4),
        ("{w>mrhm klm", "{w>mrhm klm", 0, 2),
        ("x (uh)", "x (uh)", 0, 2),
    ],
)
def test_both_sides_of_a_trn_file_are_read_alike(
    reference: str, hypothesis: str, errors: int, words: int, tmp_path: Path
) -> None:
    (tmp_path / "h.trn").write_text(f"{hypothesis} (s-1)\n")
    (tmp_path / "r.trn").write_text(f"{reference} (s-1)\n")
    total = score(tmp_path / "h.trn", tmp_path / "r.trn").raw.words.total()
    assert (total.errors, total.num_reference) == (errors, words)


def test_the_notation_can_be_turned_off(tmp_path: Path) -> None:
    (tmp_path / "h.trn").write_text("so gonna (u1)\n")
    (tmp_path / "r.trn").write_text("so {gonna / going} (u1)\n")
    assert score(tmp_path / "h.trn", tmp_path / "r.trn").raw.words.total().errors == 0
    report = score(tmp_path / "h.trn", tmp_path / "r.trn", ScoringConfig(notation="none"))
    assert (report.raw.words.total().errors, report.raw.words.total().num_reference) == (3, 4)
    assert "notation" not in report.signature()
