"""NIST's optional words and alternatives: the reading that fits best, in trn and stm only."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles_alignment import best_counts

from asrkit.errors import ScoringError
from asrkit.metrics.notation import choose, parse, resolve
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
    assert resolve(reference, hypothesis, NONE).text == reading


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
    assert resolve(reference, hypothesis, NONE, "nist") == reading


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


def test_many_alternatives_are_settled_in_turn() -> None:
    assert choose("{ a / b / c } " * 12, "c b a " * 4, NONE) == " ".join(["c", "b", "a"] * 4)


WORDS = st.lists(st.sampled_from("abc"), max_size=3)


@given(st.lists(st.lists(WORDS, min_size=1, max_size=3), max_size=3), st.lists(st.sampled_from("abc"), max_size=6))
def test_no_reading_fits_better(groups: list[list[list[str]]], hypothesis: list[str]) -> None:
    reference = " ".join("{" + " / ".join(" ".join(option) or "@" for option in group) + "}" for group in groups)
    found = resolve(reference, " ".join(hypothesis), NONE).text.split()

    def goodness(reading: list[str]) -> tuple[int, int]:
        hits, *errors = best_counts(hypothesis, reading)
        return sum(errors), -hits

    readings = [[word for part in parts for word in part] for parts in product(*groups)]
    assert found in readings
    assert goodness(found) == min(map(goodness, readings))


@pytest.mark.parametrize("reference", ["{a / b", "a } b", "(a", "a ) b", "{ " + "(a)" * 12 + " }", "{ " * 5_000])
def test_broken_notation_is_an_error(reference: str) -> None:
    with pytest.raises(ScoringError):
        parse(reference)


def test_notation_counts_in_trn_and_nowhere_else(tmp_path: Path) -> None:
    for suffix in ("trn", "txt"):
        (tmp_path / f"h.{suffix}").write_text("so going to (u1)\n" if suffix == "trn" else "u1 so going to\n")
        reference = "so (uh) {gonna / going to}"
        (tmp_path / f"r.{suffix}").write_text(f"{reference} (u1)\n" if suffix == "trn" else f"u1 {reference}\n")
    marked = score(tmp_path / "h.trn", tmp_path / "r.trn")
    assert marked.normalized.words.total().errors == 0
    assert marked.signature().endswith("|notation:nist")
    assert score(tmp_path / "h.txt", tmp_path / "r.txt").normalized.words.total().errors == 2
