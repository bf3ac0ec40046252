from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrkit.config import DataConfig
from asrkit.errors import ConfigError
from asrkit.text import Alphabet
from asrkit.text.alphabet import DEFAULT_SYMBOLS

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
def test_misfits_are_exactly_what_encode_refuses(alphabet: Alphabet, text: str) -> None:
    misfits = alphabet.misfits([text])
    assert misfits.total() == sum(character not in alphabet.symbols for character in text)
    if misfits:
        with pytest.raises(ConfigError, match="is not in the alphabet"):
            alphabet.encode(text)
    else:
        alphabet.encode(text)


def test_the_default_is_english_with_apostrophe_and_space() -> None:
    alphabet = Alphabet()
    assert sorted(alphabet.symbols) == sorted("abcdefghijklmnopqrstuvwxyz' ")
    assert len(alphabet) == 29
    assert DataConfig().alphabet == DEFAULT_SYMBOLS


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


def test_misfits_are_counted_over_all_texts() -> None:
    assert Alphabet().misfits(["naïve café", "ï"]) == {"ï": 2, "é": 1}
