"""Ways of saying one thing: brought together where they mean the same, kept apart where they do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrkit.text.normalizer import get_normalizer, normalize
from asrkit.text.number_words import cardinal
from asrkit.text.spoken_variants import fold_variants

SAME = [
    ("one hundred and one", "101"),
    ("two thousand and five", "2005"),
    ("three hundred and twenty thousand", "320,000"),
    ("one hundred and first", "101st"),
    ("a hundred", "100"),
    ("five p.m.", "5 pm"),
    ("eleven a m", "11 AM"),
    ("per cent", "percent"),
    ("T.V.", "TV"),
    ("U.S.A.", "USA"),
    ("ok", "okay"),
    ("two thousand and ten", "2010"),
    ("nineteen hundred and five", "1905"),
    ("three dollars fifty cents", "$3.50"),
]
DIFFERENT = [
    ("one hundred and two hundred", "300"),
    ("a thousand and two thousand", "3000"),
    ("thirty two thousand fifty", "thirty twenty fifty"),
    ("half a million", "half one million"),
    ("nineteen hundred thousand", "nineteen thousand"),
    ("i p m", "i pm"),
    ("a b c", "abc"),
    ("twenty and five", "25"),
    ("five am", "five"),
]


@pytest.mark.parametrize(("spoken", "written"), SAME)
def test_one_meaning_has_one_form(spoken: str, written: str) -> None:
    normalizer = get_normalizer("standard")
    assert normalizer(spoken) == normalizer(written)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_two_meanings_stay_two(one: str, other: str) -> None:
    normalizer = get_normalizer("standard")
    assert normalizer(one) != normalizer(other)


def test_what_was_said_is_kept_for_training() -> None:
    assert get_normalizer("standard").said("One hundred and one per cent, ok?") == "one hundred and one per cent ok"


WORDS = ["hundred", "thousand", "and", "one", "two", "five", "twenty", "nineteen", "a", "p", "m", "dollars", "cents"]


@given(st.lists(st.sampled_from([*WORDS, "half", "of", "ok", "per", "cent", "first", "i"])).map(" ".join))
def test_folding_twice_changes_nothing(text: str) -> None:
    once = fold_variants(text)
    assert fold_variants(once) == once
    assert normalize(once) == once


@given(st.integers(0, 10**15 - 1), st.integers(0, 10**15 - 1))
def test_numbers_stay_distinct(one: int, other: int) -> None:
    def as_quantity(number: int) -> str:
        return fold_variants(cardinal(number))

    assert (as_quantity(one) == as_quantity(other)) == (one == other)
