"""Traced alignments: right steps, canonical counts, sensible pairs, any size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles_alignment import best_counts

from asrkit._native import trace_alignment
from asrkit.errors import ConfigError
from asrkit.metrics import ErrorCounts, count_pairs
from asrkit.metrics.alignment import Step, align, trace

WORDS = st.lists(st.sampled_from(["a", "b", "ab", "abc", "dd"]), max_size=10)
UNIT = (1 << 20) + 1, 1 << 20


def counts_of(steps: Sequence[Step]) -> ErrorCounts:
    kinds = [step.kind for step in steps]
    return ErrorCounts(*(kinds.count(kind) for kind in ("hit", "substitution", "deletion", "insertion")))


@given(WORDS, WORDS, st.sampled_from(["unit", "nist"]))
def test_an_alignment_spells_both_sides_and_is_canonical(hyp: list[str], ref: list[str], weights: str) -> None:
    steps = align(hyp, ref, weights)
    assert [step.reference for step in steps if step.reference is not None] == ref
    assert [step.hypothesis for step in steps if step.hypothesis is not None] == hyp
    for step in steps:
        assert (step.kind == "hit") == (step.reference == step.hypothesis)
    counts = counts_of(steps)
    found = (counts.hits, counts.substitutions, counts.deletions, counts.insertions)
    assert found == best_counts(hyp, ref, nist=weights == "nist")


@given(WORDS, WORDS, st.integers(1, 30))
def test_cutting_a_long_problem_changes_no_counts(hyp: list[str], ref: list[str], cells: int) -> None:
    ids: dict[str, int] = {}
    pair = [[ids.setdefault(word, len(ids)) for word in words] for words in (ref, hyp)]
    errors = sum(best_counts(hyp, ref)[1:])
    none = np.zeros((0, 0), np.int32)
    whole = trace_alignment(*pair, *UNIT, errors, none)
    cut = trace_alignment(*pair, *UNIT, errors, none, cells)
    assert sorted(whole) == sorted(cut)
    assert len(cut) - cut.count("I") == len(ref)


@pytest.mark.parametrize(
    ("hypothesis", "reference", "pairs"),
    [
        ("sap", "cat sat", [("cat", None), ("sat", "sap")]),
        ("the cap", "the a cat", [("the", "the"), ("a", None), ("cat", "cap")]),
        (
            "recognize speech",
            "wreck a nice beach",
            [("wreck", None), ("a", None), ("nice", "recognize"), ("beach", "speech")],
        ),
        ("", "a", [("a", None)]),
        ("", "", []),
    ],
)
def test_words_spelled_alike_are_paired(
    hypothesis: str, reference: str, pairs: list[tuple[str | None, str | None]]
) -> None:
    steps = align(hypothesis.split(), reference.split())
    assert [(step.reference, step.hypothesis) for step in steps] == pairs


def long_pair(words: int) -> tuple[str, str]:
    """A reference, and a hypothesis with about 8 % errors."""
    draw = np.random.default_rng(3)
    reference = [f"w{n}" for n in draw.zipf(1.3, words) % 5_000]
    dice = draw.random(words)
    hypothesis = []
    for word, kind in zip(reference, dice, strict=True):
        hypothesis += [] if kind < 0.02 else [word, "extra"] if kind < 0.04 else ["other"] if kind < 0.08 else [word]
    return " ".join(hypothesis), " ".join(reference)


def test_a_long_pair_is_canonical_too() -> None:
    hypothesis, reference = long_pair(3_000)
    table = count_pairs([hypothesis], [reference])
    counts = counts_of(align(hypothesis.split(), reference.split()))
    assert counts == table[0]
    assert table.inexact == ()


def test_the_split_of_a_huge_pair_is_marked_as_inexact(monkeypatch: pytest.MonkeyPatch) -> None:
    hypothesis, reference = long_pair(3_000)
    exact = count_pairs([hypothesis], [reference])
    monkeypatch.setattr("asrkit.metrics.alignment.MOST_CELLS", 1_000)
    monkeypatch.setattr("asrkit.metrics.counting.MOST_CELLS", 1_000)
    plain = count_pairs(["a", hypothesis], ["a", reference])
    assert plain.inexact == (1,)
    assert plain[1].errors == exact[0].errors
    letters = trace(hypothesis.split(), reference.split())
    assert len(letters) - letters.count("=") == exact[0].errors


def test_wrong_arguments() -> None:
    with pytest.raises(ConfigError, match="unknown weights"):
        align(["a", "b"], ["c"], "kaldi")
    with pytest.raises(ValueError, match="extra must be"):
        trace_alignment([1], [2], *UNIT, 1, np.zeros((2, 1), np.int32))
