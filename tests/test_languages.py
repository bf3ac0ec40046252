"""Numbers and case in other languages."""

from __future__ import annotations

import sys

import pytest

from asrkit.errors import ConfigError, MissingPackageError
from asrkit.text.languages import lower, number_speller, primary_language
from asrkit.text.normalizer import get_normalizer


@pytest.mark.parametrize(("tag", "expected"), [("de", "de"), ("pt-BR", "pt"), ("de_AT", "de"), ("NB", "no")])
def test_the_language_of_a_tag(tag: str, expected: str) -> None:
    assert primary_language(tag) == expected


@pytest.mark.parametrize("tag", ["", "german", "1", "d-e"])
def test_what_is_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(ConfigError, match="is no language"):
        primary_language(tag)


def test_turkish_has_two_letters_i() -> None:
    assert lower("IŞIK İstanbul", "tr") == "ışık istanbul"
    assert lower("IŞIK İstanbul", "de") == "işik istanbul"


@pytest.mark.parametrize(
    ("text", "said", "compared"),
    [
        ("Straße, STRASSE!", "straße strasse", "strasse strasse"),
        ("ΣΟΦΟΣ σοφός", "σοφος σοφός", "σοφοσ σοφόσ"),
        ("1.250 Euro und 50%", "1.250 euro und 50 %", "1.250 euro und 50 %"),
        ("Ende 5. Mai", "ende 5 mai", "ende 5 mai"),
        ("-5 und (-,5) und .5, -.5; x=-5", "-5 und 5 und .5 -.5 x = -5", "-5 und 5 und .5 -.5 x = -5"),
        ("10-15, gut -5%-10% - 7...5 Nr.5", "10 15 gut -5 % 10 % 7 5 nr 5", "10 15 gut -5 % 10 % 7 5 nr 5"),
        ("10³ H₂O 5² ①②", "10 3 h2o 5 2 1 2", "10 3 h2o 5 2 1 2"),
    ],
)
def test_basic_folds_case_and_punctuation_only(text: str, said: str, compared: str) -> None:
    normalizer = get_normalizer("basic", "de")
    assert normalizer.said(text) == said
    assert normalizer(text) == compared


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de", "Das kostet 3,50 € und 1.200 Meter", "das kostet drei euro fünfzig und eintausendzweihundert meter"),
        ("de", "1.250 Euro", "eintausendzweihundertfünfzig euro"),
        ("de", "1250 Euro", "eintausendzweihundertfünfzig euro"),
        ("de", "50 %", "fünfzig prozent"),
        ("de", "im Jahr 1984", "im jahr neunzehnhundertvierundachtzig"),
        ("de", "007", "null null sieben"),
        ("ru", "стоит 25 рублей", "стоит двадцать пять рублей"),
        ("fr", "21 ans, 3,5", "vingt et un ans trois virgule cinq"),
        ("es", "1.000 personas", "mil personas"),
    ],
)
def test_numbers_are_spelled_in_their_language(language: str, text: str, expected: str) -> None:
    pytest.importorskip("num2words")
    assert get_normalizer("standard", language).said(text) == expected


def test_no_english_word_gets_into_another_language() -> None:
    pytest.importorskip("num2words")
    words = get_normalizer("standard", "ru").said("№ 5 & 7 = 12 + 3% @ $4 10:30 1-2").split()
    assert not any(word.isascii() and word.isalpha() for word in words)


def test_the_label_names_language_and_package() -> None:
    pytest.importorskip("num2words")
    assert get_normalizer("standard", "de-CH").label.startswith("standard-2-de-num2words-")


def test_an_unknown_language_is_named() -> None:
    pytest.importorskip("num2words")
    with pytest.raises(ConfigError, match=r"cannot be spelled in the language 'xx' .* use the normalizer basic"):
        number_speller("xx")


def test_without_its_package_the_way_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "num2words", None)
    number_speller.cache_clear()
    with pytest.raises(MissingPackageError, match="pip install num2words, or use the normalizer basic"):
        number_speller("de")
