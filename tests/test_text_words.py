"""What a word is where nothing has been normalized: the same by the fast way and the slow one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrkit.text.words import split_words

ODD = " \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\u2003\u3000ab\udce9é"


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("two  words ", ["two", "words"]),
        ("", []),
        ("tab\tand\nline", ["tab", "and", "line"]),
        ("a\x1cb c", ["a\x1cb", "c"]),  # str.split takes file separators for spaces
        ("ten\u00a0km \u3000", ["ten\u00a0km", "\u3000"]),
        ("caf\u00e9 noir", ["caf\u00e9", "noir"]),
    ],
)
def test_words_lie_between_ascii_white_space(sentence: str, words: list[str]) -> None:
    assert split_words(sentence) == words


@given(st.text(st.sampled_from(ODD)))
def test_agrees_with_bytes(sentence: str) -> None:
    encoded = sentence.encode("utf-8", "surrogatepass")
    assert [word.encode("utf-8", "surrogatepass") for word in split_words(sentence)] == encoded.split()
