"""Texts said in several ways: the best of all pairs, whatever is left out of the search."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from oracles_alignment import best_counts

from asrkit.metrics.ways import Slot, Way, fit, join_ways

WAY = st.lists(st.sampled_from("abc"), max_size=3).map(lambda words: Way(tuple(words)))
TEXT = st.lists(st.lists(WAY, min_size=1, max_size=3, unique=True), max_size=3)


def readings(text: list[Slot]) -> list[Way]:
    return [join_ways(chosen) for chosen in product(*text)]


def goodness(reference: Way, hypothesis: Way) -> tuple[int, int]:
    hits, *errors = best_counts(list(hypothesis.words), list(reference.words))
    return sum(errors), -hits


@given(TEXT, TEXT)
def test_the_best_of_all_pairs_is_found(reference: list[Slot], hypothesis: list[Slot]) -> None:
    read, said = fit(reference, hypothesis)
    assert read in readings(reference)
    assert said in readings(hypothesis)
    best = min(goodness(one, other) for one in readings(reference) for other in readings(hypothesis))
    assert goodness(read, said) == best


def test_of_equal_readings_the_one_with_more_hits_counts() -> None:
    maybe = [Way(("c",)), Way(())]
    for weights in ("unit", "nist"):
        for one, other in ((maybe, maybe), (maybe, maybe[::-1]), (maybe[::-1], maybe)):
            assert fit([one], [other], weights) == (Way(("c",)), Way(("c",)))


def test_an_optional_word_is_left_out_where_that_is_cheaper() -> None:
    optional = [Way(("uh",)), Way((), 1)]
    assert fit([[Way(("so",))], optional], [[Way(("so",))]], "nist")[0] == Way(("so",), 1)
    assert fit([[Way(("so",))], optional], [[Way(("so", "uh"))]], "nist")[0] == Way(("so", "uh"))
    assert fit([[Way(("so",))]], [[Way(("so",))], optional], "nist")[1] == Way(("so",), 1)


def test_a_long_text_with_one_choice_takes_no_table_of_all_its_words() -> None:
    words = [str(number % 997) for number in range(1_500)]
    said = ["x" if number % 100 == 0 else word for number, word in enumerate(words)]
    reference = [[Way(tuple(words))], [Way(("um",)), Way(("uh",))], [Way(tuple(words))]]
    read, _ = fit(reference, [[Way((*said, "uh", *said))]])
    assert read.words[1_500] == "uh"
