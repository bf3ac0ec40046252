"""Texts outside the alphabet: folded or removed, always counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asrkit.data import TextFit, Utterance, fit_text
from asrkit.text import Alphabet

UPPER = Alphabet(" ABCDEFGHIJKLMNOPQRSTUVWXYZ'")
SIGNS = Alphabet(" abcdefghijklmnopqrstuvwxyz'?!")


def fit(*texts: str | None, alphabet: Alphabet | None = None) -> TextFit:
    utterances = [Utterance(f"u{index}", Path("a.wav"), text) for index, text in enumerate(texts)]
    return fit_text(utterances, alphabet or Alphabet())


@pytest.mark.parametrize(
    ("text", "alphabet", "expected", "why"),
    [
        ("Mr. Brown's  thirty-two eggs.", Alphabet(), "mister brown's thirty two eggs", "the normalizer comes first"),
        ("Café NAÏVE Ångström", Alphabet(), "cafe naive angstrom", "accents fold to base letters"),
        ("Øre œuvre straße Łódź", Alphabet(), "ore oeuvre strasse lodz", "letters that Unicode does not decompose"),
        ("日本 go", Alphabet(), "go", "what has no base letter is removed"),
        ("so be it", UPPER, "SO BE IT", "an upper-case alphabet takes the other case"),
        ("Café", UPPER, "CAFE", "an upper-case alphabet folds accents too"),
        ("Café", Alphabet(" abcdefé"), "café", "what the alphabet has stays"),
        ("wait! what? no.", SIGNS, "wait! what? no", "punctuation in the alphabet stays where it stood"),
        ("go on", Alphabet("gon"), "goon", "an alphabet without a space has no words"),
    ],
)
def test_texts_become_what_the_alphabet_can_write(text: str, alphabet: Alphabet, expected: str, why: str) -> None:
    assert [utterance.text for utterance in fit(text, alphabet=alphabet).utterances] == [expected], why


def test_everything_that_changed_is_counted_with_examples() -> None:
    result = fit("é é", "日", "ok", None, "é日é x")
    assert result.folded == {"é": 4}
    assert result.removed == {"日": 2}
    assert result.examples == {"é": ("u0", "u4"), "日": ("u1", "u4")}
    assert result.emptied_ids == ("u1", "u3")
    assert [utterance.id for utterance in result.utterances] == ["u0", "u2", "u4"]
    assert not result.is_clean
    assert result.describe() == [
        "'é' (U+00E9 LATIN SMALL LETTER E WITH ACUTE): 4 folded to base letters, as in u0, u4",
        "'日' (U+65E5 CJK UNIFIED IDEOGRAPH-65E5): 2 removed, as in u1, u4",
        "2 left out, nothing of their text can be spelled: u1, u3",
    ]


def test_clean_texts_give_a_clean_report() -> None:
    result = fit("one two", "it's")
    assert result.is_clean
    assert result.describe() == []


@given(st.text(max_size=30))
@example("A´ƀ")
def test_the_answer_can_always_be_encoded_and_stays_as_it_is(text: str) -> None:
    result = fit(text)
    for utterance in result.utterances:
        assert utterance.text
        Alphabet().encode(utterance.text)
        assert fit(utterance.text).utterances[0].text == utterance.text
