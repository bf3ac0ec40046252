"""Numbers and case in other languages."""

from __future__ import annotations

import sys

import pytest

from asrkit.errors import ConfigError, MissingPackageError
from asrkit.text.languages import lower, number_speller, primary_language, thousands_separator
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
        ("1\u00a0000 und 1 000", "1.000 und 1 000", "1.000 und 1 000"),
        ("M&uuml;ller &amp; S&#246;hne", "müller & söhne", "müller & söhne"),
        ("½ 1/2 2½ Produkt™ 20 ºC", "1 2 1 2 2 1 2 produkt 20 c", "1 2 1 2 2 1 2 produkt 20 c"),
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
        ("fr", "12\u202f500 euros, 1\u00a0000, 1\u2009000,5", "douze mille cinq cents euros mille mille virgule cinq"),
        ("de", "1\u00a0000 und 12\u202f345,50 €", "eintausend und zwölftausenddreihundertfünfundvierzig euro fünfzig"),
        ("fr", "1 000 et 1 000,5 et 2 000 000", "mille et mille virgule cinq et deux millions"),
        ("fr", "5 100", "cinq cent"),
        (
            "de",
            "2,0 und 3,50 und 2,5 und 1,005",
            "zwei komma null und drei komma fünf null und zwei komma fünf und eins komma null null fünf",
        ),
        ("de", "-5 Grad, 10-15, -3,50 €", "minus fünf grad zehn fünfzehn minus drei euro fünfzig"),
        (
            "pl",
            "3,50 i -3,05",
            "trzy przecinek pięćdziesiąt i minus trzy przecinek zero pięć",
        ),
        ("tr", "3,5 ve 3,14 ve -2", "üç virgül beş ve üç virgül ondört ve eksi iki"),
        ("vi", "1,005 kg -5", "một phẩy không không năm kg âm năm"),
        ("ru", "2,5 и 3,50", "две целых пять десятых и три целых пятьдесят сотых"),
        ("hu", "2,0 és 3,14 és 1,2345", "kettő nulla és három egész tizennégy század és egy kettő három négy öt"),
        ("ja", "3.14", "三点一四"),
        ("pt", "R$ 5, R$-1,50, $ 5, 5 €", "cinco reais menos um real cinquenta cinco dólares cinco euros"),
        ("vi", "năm 1984", "năm một nghìn chín trăm tám mươi bốn"),
        ("ja", "1984年 1500円", "千九百八十四 年 千五百 円"),
        ("ko", "1984년 1500원", "천구백팔십사 년 천오백 원"),
        ("bn", "1984 ১৯৮৪", "এক হাজার নয়শত চুরাশি এক হাজার নয়শত চুরাশি"),
        ("nl", "1500 euro in 1984", "vijftienhonderd euro in negentienhonderdvierentachtig"),
        ("am", "1984 5", "አንድ ዘጠኝ ስምንት አራት አምስት"),
        ("kk", "1,5", "бір бүтін бес"),
        ("ar", "٥ 1,234 ١٬٢٣٤", "خمسة" + " ألف و مئتان و أربعة و ثلاثون" * 2),
        ("th", "๕ 5", "ห้า ห้า"),
        ("he", "ג׳ירפה", "ג'ירפה"),
        (
            "fr",
            "le 1er mai, la 1re, la 1ère, le 21e et 2ème",
            "le premier mai la première la première le vingt et unième et deuxième",
        ),
        ("nl", "de 1e, 2de en 8ste", "de eerste tweede en achtste"),
        ("de", "die 80er und 20ern", "die achtziger und zwanzigern"),
        ("es", "el 1º de mayo, 2.ª, 20 ºC", "el uno de mayo dos veinte c"),
        ("de", "um 8:00 Uhr, 10:30 Uhr, 08:05, 00:00", "um acht uhr zehn dreißig uhr acht null fünf null"),
        ("de", "1'000'000 Fr., 1’250,5", "eine million fr eintausendzweihundertfünfzig komma fünf"),
        (
            "fr",
            "1 234,56 €, 12 345 €, 12 345 kg",
            "mille deux cent trente quatre euros cinquante six "
            "douze mille trois cent quarante cinq euros douze trois cent quarante cinq kg",
        ),
        ("es", "de $5 a $10, $5 €6 y 5 $", "de cinco dólares a diez dólares cinco dólares seis euros y cinco dólares"),
        ("de", "1 €, 1,50 €, 1 %, 1,5 €", "ein euro ein euro fünfzig ein prozent eins komma fünf euro"),
        ("es", "1 €, $1, £1,00, 21 €", "un euro un dólar una libra veintiuno euros"),
        ("fr", "1 € et 1 %", "un euro et un pour cent"),
        ("de", "1,5 Mio. €, Preise in $", "eins komma fünf mio euro preise in dollar"),
    ],
)
def test_numbers_are_spelled_in_their_language(language: str, text: str, expected: str) -> None:
    pytest.importorskip("num2words")
    assert get_normalizer("standard", language).said(text) == expected


def test_no_language_loses_what_a_number_is() -> None:
    num2words = pytest.importorskip("num2words")
    for language in sorted({name for name in num2words.CONVERTER_CLASSES if "_" not in name} - {"en"}):
        normalizer, point = get_normalizer("standard", language), "," if thousands_separator(language) == "." else "."
        said = [normalizer(f"x {number}".replace(".", point)) for number in ("2", "-2", "2.0", "2.5", "2.005", "2005")]
        assert len(set(said)) == len(said) - (language == "fa"), (language, said)  # num2words reads 2.005 as 2.5


def test_what_num2words_cannot_say_or_says_in_pieces_is_read_the_same_twice() -> None:
    num2words = pytest.importorskip("num2words")
    for language in sorted({name for name in num2words.CONVERTER_CLASSES if "_" not in name} - {"en"}):
        normalizer = get_normalizer("standard", language)
        said = normalizer.said("11 20 1537 1984 8364 1035333 69996572738 123456789012345")
        assert normalizer.said(said) == said, language


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
