from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrkit.errors import ConfigError
from asrkit.text import Alphabet
from asrkit.text.alphabet import steps_needed

alphabets = st.lists(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8, unique=True).map(
    lambda symbols: Alphabet("".join(symbols))
)


@given(st.data())
def test_what_is_encoded_decodes_to_itself(data: st.DataObject) -> None:
    alphabet = data.draw(alphabets)
    text = data.draw(st.text(st.sampled_from(alphabet.symbols)))
    indices = alphabet.encode(text)
    assert indices.dtype == np.int32
    assert indices.shape == (len(text),)
    assert alphabet.decode(indices) == text


@given(alphabets, st.text())
def test_a_character_outside_the_alphabet_is_refused(alphabet: Alphabet, text: str) -> None:
    if set(text) - set(alphabet.symbols):
        with pytest.raises(ConfigError, match="is not in the alphabet"):
            alphabet.encode(text)
    else:
        alphabet.encode(text)


def test_the_default_is_english_with_apostrophe_and_space() -> None:
    alphabet = Alphabet()
    assert sorted(alphabet.symbols) == sorted("abcdefghijklmnopqrstuvwxyz' ")
    assert len(alphabet) == 29


def test_the_blank_comes_last_and_is_never_written() -> None:
    alphabet = Alphabet("ab ")
    assert (alphabet.blank_index, alphabet.space_index, len(alphabet)) == (3, 2, 4)
    assert alphabet.decode([0, 3, 0, 3, 2, 1]) == "aa b"


def test_an_alphabet_may_lack_the_space() -> None:
    assert Alphabet("ab").space_index is None


@pytest.mark.parametrize(
    ("symbols", "message"),
    [("", "the alphabet is empty"), ("abca", "repeats 'a'"), ("  ", "repeats ' '")],
)
def test_unusable_alphabets_are_refused(symbols: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Alphabet(symbols)


@pytest.mark.parametrize(
    ("text", "steps"),
    [("", 0), ("a", 1), ("ab", 2), ("aa", 3), ("aaa", 5), ("a a", 3), ("hello", 6)],
)
def test_a_blank_is_needed_between_equal_symbols(text: str, steps: int) -> None:
    assert steps_needed(text) == steps


def test_steps_needed_is_what_an_exhaustive_search_finds() -> None:
    """The shortest path of symbols and blanks that collapses to the text."""

    def collapse(path: tuple[str, ...]) -> str:
        return "".join(c for i, c in enumerate(path) if c != "-" and (i == 0 or path[i - 1] != c))

    for text in ("a", "ab", "aa", "aab", "abb"):
        shortest = next(n for n in range(9) if any(collapse(p) == text for p in product("ab-", repeat=n)))
        assert steps_needed(text) == shortest
