"""The standard normalizer: a specification by pairs, and what must hold for every text."""

from __future__ import annotations

import builtins
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrkit.errors import ConfigError
from asrkit.text.normalizer import compose, get_normalizer, normalize
from asrkit.text.number_words import cardinal, ordinal, year

PAIRS = [
    ("", "", "empty stays empty"),
    (" \t\u00a0\u3000 ", "", "only spaces"),
    ("Hello,  World!", "hello world", "case, punctuation, double space"),
    ("a\u00a0b\u3000c\td\u2028e\fe\u200bg", "a b c d e e g", "every space separates"),
    ("co\u00adoperate \ufeffnow", "cooperate now", "soft hyphen and BOM are invisible"),
    ("don’t don‘t don't donʼt don`t", "don't don't don't don't don't", "one apostrophe"),
    ("'tis the dogs' \u2018quoted\u2019 o'clock a''b", "tis the dogs quoted o'clock a b", "only inside words"),
    ("well-known — pre–war", "well known pre war", "hyphens and dashes separate"),
    ("café Straße ΣΊΣΥΦΟΣ", "café strasse σίσυφοσ", "Unicode case folding"),
    ("e\u0301", "\u00e9", "NFC"),
    ("\u2029 \u0301x", "x", "a mark without a letter is dropped"),
    ("किताब की हिन्दी", "किताब की हिन्दी", "Indic vowel signs and virama stay"),
    ("ภาษาไทย ที่", "ภาษาไทย ที่", "Thai marks stay"),
    ("日本語、テスト。", "日本語 テスト", "ideographic punctuation"),
    ("५ और 5", "५ और five", "digits of other scripts are theirs"),
    ("i ❤️ it", "i it", "emoji and variation selector leave nothing"),
    ("AT&T 50% me@home 2+2=4", "at and t fifty percent me at home two plus two equals four", "signs are read"),
    ("Mr. and Mrs. Smith saw Dr. No", "mister and missus smith saw doctor no", "titles"),
    ("the cat's tail isn't cold", "the cat's tail isn't cold", "contractions as written (Whisper: the cat is tail)"),
    ("oh no, one dollar", "oh no one dollar", "words are never turned into numbers (Whisper: 0, one)"),
    ("ten ten St. James St.", "ten ten st james st", "nothing is merged or guessed (Whisper: 1010)"),
    ("hmm (laughs) [sic]", "hmm laughs sic", "words in brackets stay (Whisper drops them)"),
    ("0 7 13 21 100 105", "zero seven thirteen twenty one one hundred one hundred five", "cardinals"),
    (
        "1,234 12,345,678",
        "one thousand two hundred thirty four "
        "twelve million three hundred forty five thousand six hundred seventy eight",
        "grouping commas",
    ),
    ("in 1984, 1905, 1900", "in nineteen eighty four nineteen oh five nineteen hundred", "years"),
    ("2000 2005 2010 2024", "two thousand two thousand five twenty ten twenty twenty four", "years of this century"),
    ("1066 3000", "one thousand sixty six three thousand", "four digits that are no likely year"),
    ("1990s '90s 1800s", "nineteen nineties nineties eighteen hundreds", "decades"),
    (
        "1st 2nd 3rd 5th 12th 20th 21st 1,000th",
        "first second third fifth twelfth twentieth twenty first one thousandth",
        "ordinals",
    ),
    ("3.14 0.5 .5 1.2.3", "three point one four zero point five point five one point two point three", "decimals"),
    ("fig.5 No.7", "fig five no seven", "a point after a letter is no decimal point"),
    ("007 05", "zero zero seven zero five", "leading zeros are read"),
    ("-5 10-15", "minus five ten fifteen", "minus only before a number"),
    (
        "$5 $1 $1.50 $0.99 $3.5 million",
        "five dollars one dollar one dollar and fifty cents ninety nine cents three point five million dollars",
        "dollars",
    ),
    ("£1.01 €2,000", "one pound and one penny two thousand euros", "other money"),
    ("10:00 10:05 10:30 AM 7pm 10 a.m.", "ten o'clock ten oh five ten thirty a m seven p m ten a m", "time of day"),
    ("½ 2¾ ⅔", "one half two and three quarters two thirds", "vulgar fractions"),
    ("mp3 b2b 3d", "mp three b two b three d", "digits inside words"),
    (
        "123456789012345678",
        "one two three four five six seven eight nine zero one two three four five six seven eight",
        "beyond trillions digit by digit",
    ),
]


@pytest.mark.parametrize(("text", "expected", "why"), PAIRS, ids=[why for _, _, why in PAIRS])
def test_standard_form(text: str, expected: str, why: str) -> None:
    assert normalize(text) == expected, why


@given(st.one_of(st.text(), st.text(alphabet="aB1290.,:'’$€%- nds\u0301½⁄'\u200d\ufe0f\u0345ſ")))
def test_normalizing_twice_changes_nothing(text: str) -> None:
    once = normalize(text)
    assert normalize(once) == once
    assert once == " ".join(once.split())
    assert unicodedata.is_normalized("NFC", once)
    assert not any(digit in once for digit in "0123456789")


@given(st.lists(st.text("aM rdB1.'-&\t`", max_size=8) | st.text(max_size=5), max_size=6))
def test_many_texts_at_once_are_normalized_as_each_alone(texts: list[str]) -> None:
    for name in ("standard", "none"):
        normalizer = get_normalizer(name)
        assert normalizer.normalize_all(texts) == [normalizer(text) for text in texts]


@given(st.text())
def test_composed_and_decomposed_text_are_the_same(text: str) -> None:
    assert normalize(unicodedata.normalize("NFD", text)) == normalize(unicodedata.normalize("NFC", text))


@given(st.text(alphabet=st.characters(categories=["L"]), max_size=20))
def test_no_letter_is_lost(text: str) -> None:
    folded = unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())
    # A letter apostrophe (as in ŉ, or U+02BC itself) may be dropped at the edge of a word.
    letters = [c for c in folded if unicodedata.category(c)[0] in "LN" and c not in "\u02bc\u02bb"]
    normal = [c for c in unicodedata.normalize("NFD", normalize(text)) if unicodedata.category(c)[0] in "LN"]
    if text not in ("mr", "mrs", "dr"):
        assert normal == letters


def read_cardinal(words: str) -> int:
    """Read spelled numbers back, the other way round than they are written."""
    units = {cardinal(n): n for n in range(20)} | {cardinal(n): n for n in range(20, 100, 10)}
    total = group = 0
    for word in words.split():
        if word == "hundred":
            group *= 100
        elif word in ("thousand", "million", "billion", "trillion"):
            total += group * 1000 ** (["thousand", "million", "billion", "trillion"].index(word) + 1)
            group = 0
        else:
            group += units[word]
    return total + group


@given(st.integers(0, 10**15 - 1))
def test_cardinals_can_be_read_back(number: int) -> None:
    assert read_cardinal(cardinal(number)) == number


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "zeroth"), (8, "eighth"), (9, "ninth"), (40, "fortieth"), (101, "one hundred first"), (100, "one hundredth")],
)
def test_ordinals(number: int, expected: str) -> None:
    assert ordinal(number) == expected


def test_years_differ() -> None:
    assert len({year(number) for number in range(1000, 10_000)}) == 9_000


def test_the_least_a_scorer_does_is_invisible() -> None:
    assert compose(" A\u00a0e\u0301,\u200bb ") == "A é, b"
    assert get_normalizer("none")("Don't.") == "Don't."


def test_labels_carry_the_version() -> None:
    assert get_normalizer("standard").label == "standard-1"
    assert get_normalizer("none").label == "none"
    assert get_normalizer("standard")("A") == "a"


def test_an_unknown_normalizer_is_named() -> None:
    with pytest.raises(ConfigError, match="unknown normalizer 'basic'; known: none, standard, whisper"):
        get_normalizer("basic")


def test_whisper_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("whisper_normalizer"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    get_normalizer.cache_clear()
    with pytest.raises(ConfigError, match=r"pip install 'asrkit\[whisper\]'"):
        get_normalizer("whisper")


def test_whisper_where_it_is_installed() -> None:
    pytest.importorskip("whisper_normalizer")
    get_normalizer.cache_clear()
    normalizer = get_normalizer("whisper")
    assert normalizer("Colour, please!") == "color please"
    assert normalizer.label.startswith("whisper-0.")


def test_examples_in_the_docstrings() -> None:
    import doctest

    from asrkit.text import normalizer, number_words

    for module in (normalizer, number_words):
        result = doctest.testmod(module)
        assert result.attempted > 0
        assert result.failed == 0
