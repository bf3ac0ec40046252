"""Numbers and case in languages other than English; the words of numbers are num2words'."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from functools import cache
from typing import Any

from asrkit.errors import ConfigError
from asrkit.packages import needed, version_of
from asrkit.text.written_numbers import GROUPED, MINUS

# Where a comma begins the decimals and a point or space groups thousands; elsewhere it is the other way round.
_DECIMAL_COMMA = (
    "az be bg ca cs da de el es et eu fi fr hr hu hy id is it kz lt lv mk nl no pl pt ro ru sk sl sr sv tr uk vi"
)
_ALIASES = {"nb": "no", "nn": "no", "kk": "kz"}  # as num2words calls them
# What signs are called, a currency's after the number; where nothing is known, a sign stays a word of its own.
_UNITS = {
    "de": {"%": "prozent", "€": "euro", "$": "dollar", "£": "pfund"},
    "fr": {"%": "pour cent", "€": "euros", "$": "dollars", "£": "livres"},
    "es": {"%": "por ciento", "€": "euros", "$": "dólares", "£": "libras"},
    "it": {"%": "per cento", "€": "euro", "$": "dollari", "£": "sterline"},
    "nl": {"%": "procent", "€": "euro", "$": "dollar", "£": "pond"},
    "pt": {"%": "por cento", "€": "euros", "$": "dólares", "£": "libras", "r$": "reais"},
    "sv": {"%": "procent", "€": "euro", "$": "dollar", "£": "pund"},
    "da": {"%": "procent", "€": "euro", "$": "dollar", "£": "pund"},
    "no": {"%": "prosent", "€": "euro", "$": "dollar", "£": "pund"},
    "pl": {"%": "procent"},
    # and the minus, where num2words has no word for it
    "bn": {"-": "মাইনাস"},
    "kn": {"-": "ಮೈನಸ್"},
    "te": {"-": "మైనస్"},
    "vi": {"-": "âm"},
}
# What one of them is called, where the words for one and for many units do not say it.
_ONE = {
    "de": {"%": "ein prozent", "€": "ein euro", "$": "ein dollar", "£": "ein pfund"},
    "fr": {"€": "un euro", "$": "un dollar", "£": "une livre"},
    "es": {"€": "un euro", "$": "un dólar", "£": "una libra"},
    "it": {"€": "un euro", "$": "un dollaro", "£": "una sterlina"},
    "pt": {"€": "um euro", "$": "um dólar", "£": "uma libra", "r$": "um real"},
    "sv": {"€": "en euro", "$": "en dollar"},
    "da": {"€": "en euro", "$": "en dollar"},
}
# Languages that say years in hundreds; num2words' years of others have words for "year" or eras, or are none.
_YEARS = frozenset({"da", "de", "nl", "no"})
# Of ranks, and in German of decades: 2e is deuxième, 80er achtziger.
_ENDINGS = {"de": "ern?", "fr": "er|re|ère|e|ème", "nl": "e|de|ste"}
_MOST_DIGITS = 15
_NUMBER = (
    r"(?P<before>\br\$|[€$£])?\s?(?P<whole>[0-9]{{1,3}}(?:[{separator}'][0-9]{{3}})+(?![0-9])|[0-9]+)"
    r"(?:{point}(?P<fraction>[0-9]+))?(?(before)|(?:(?:\s(?=[€$£%](?![0-9])))?(?P<after>[€$£%]))?)"
)
# without what is not said: 08:30 is 8:30, 8:00 is 8
_TIME = r"(?<![0-9:.,])0?([0-9]|1[0-9]|2[0-4])(?::00|(:[0-5][0-9]))(?![0-9:])"
_OTHER_DIGIT = r"[^\D0-9]"
# What num2words raises for numbers that a language has, but its module does not.
_NUM2WORDS_ERRORS = (ArithmeticError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError)
Say = Callable[[int | float | Decimal], str]


def primary_language(language: str) -> str:
    """Return the language of a tag: "de" of "de-AT" or "de_AT".

    Raises:
        ConfigError: It is no language tag.
    """
    primary = re.split("[-_]", language.strip().lower())[0]
    if not re.fullmatch("[a-z]{2,3}", primary):
        raise ConfigError(f"{language!r} is no language; give a code such as de or pt-BR")
    return _ALIASES.get(primary, primary)


def thousands_separator(language: str) -> str:
    """Return the mark that groups thousands in a language: a point where a comma begins the decimals."""
    return "." if language in _DECIMAL_COMMA.split() else ","


def lower(text: str, language: str) -> str:
    """Return a text in lower case, as the language has it: in Turkish and Azerbaijani I becomes ı."""
    if language in ("tr", "az"):
        text = text.replace("İ", "i").replace("I\u0307", "i").replace("I", "ı")
    return text.lower().replace("i\u0307", "i")


@cache
def number_speller(language: str) -> tuple[Callable[[str], str], str]:
    """Return what spells the numbers of a text in lower case, and the version of the package behind it.

    Raises:
        MissingPackageError: num2words is not installed.
        ConfigError: It does not know the language.
    """
    with needed(
        f"spelling numbers in the language {language!r}",
        "num2words",
        instead="use the normalizer basic, which leaves digits as they are",
    ):
        import num2words

    if language not in num2words.CONVERTER_CLASSES:
        known = ", ".join(sorted({name.partition("_")[0] for name in num2words.CONVERTER_CLASSES}))
        raise ConfigError(
            f"numbers cannot be spelled in the language {language!r} (num2words knows {known}); "
            "use the normalizer basic, which leaves digits as they are"
        )
    return _Speller(language, num2words).spell, version_of("num2words")


class _Speller:
    """Spells numbers, with what belongs to them, in a language that num2words knows."""

    def __init__(self, language: str, num2words: Any) -> None:
        self._language = language
        self._num2words = num2words.num2words
        separator = thousands_separator(language)
        point = "," if separator == "." else "."
        self._number = re.compile(_NUMBER.format(separator=separator, point=re.escape(point)))
        self._marks = str.maketrans({"\u066b": point, "\u066c": separator})  # of Arabic numbers
        self._units = _UNITS.get(language, {})
        negative = getattr(num2words.CONVERTER_CLASSES[language], "negword", None)
        self._minus = self._units.get("-") or _minus(self._say, negative)
        self._spell_decimals = _decimal_speller(self._say)

    def spell(self, text: str) -> str:
        """Spell the numbers of a text in lower case, and the signs that have names."""
        if re.search(r"\d", text):
            text = re.sub(_OTHER_DIGIT, lambda match: str(unicodedata.decimal(match[0])), text.translate(self._marks))
            text = re.sub(MINUS, lambda match: f" {self._minus} {match['sign'] or ''}", text)
            text = re.sub(_TIME, r"\1\2", re.sub(*GROUPED, text))
            if endings := _ENDINGS.get(self._language):
                text = re.sub(rf"(?<![\w.,])([1-9][0-9]{{0,3}})({endings})\b", self._ending, text)
            text = self._number.sub(self._one, text)
        for sign in sorted(self._units.keys() - {"-"}, key=len, reverse=True):  # those without a number: 5 Mio. €
            text = text.replace(sign, f" {self._units[sign]} ")
        return text

    def _say(self, number: float | Decimal, to: str = "cardinal") -> str:
        if self._language == "am" and number >= 1000:
            raise OverflowError("num2words fails there, or never ends")
        return str(self._num2words(number, lang=self._language, to=to))

    def _one(self, match: re.Match[str]) -> str:
        whole, fraction = match["whole"], match["fraction"]
        sign = match["before"] or match["after"]
        unit = self._units.get(sign, sign) if sign else ""
        if fraction is None or (sign and sign != "%" and len(fraction) == 2):  # drei euro fünfzig
            one = _ONE.get(self._language, {}).get(sign) if whole == "1" else None
            rest = f" {_spell_digits(self._say, fraction)}" if fraction and int(fraction) else ""
            return f" {one or f'{self._whole(whole)} {unit}'}{rest} "
        return f" {self._spell_decimals(re.sub('[^0-9]', '', whole), fraction)} {unit} "

    def _whole(self, written: str) -> str:
        if self._language in _YEARS and len(written) == 4 and "1500" <= written <= "1999":
            words = self._say(int(written), "year")
            return words.replace(" ", "") if self._language == "nl" else words
        return _spell_digits(self._say, re.sub("[^0-9]", "", written))

    def _ending(self, match: re.Match[str]) -> str:
        if self._language == "de":
            return f" {self._say(int(match[1]))}{match[2]} "
        words = self._say(int(match[1]), "ordinal")
        return f" {words.replace('premier', 'première') if match[2] in ('re', 'ère') else words} "


def _minus(say: Say, fallback: str | None) -> str:
    """Return the word before numbers below zero; the sign itself where none is known."""
    with suppress(*_NUM2WORDS_ERRORS):
        if (said := say(-5)).endswith(five := say(5)):
            fallback = said.removesuffix(five)
    word = (fallback or "").strip()
    return word if re.search(r"\w", word) else "-"


def _spell_digits(say: Say, digits: str) -> str:
    """Spell a whole number; after a leading zero, or where it is too long, digit by digit."""
    if len(digits) <= _MOST_DIGITS and (len(digits) == 1 or digits[0] != "0"):
        with suppress(*_NUM2WORDS_ERRORS):
            return say(int(digits))
    return " ".join(say(int(digit)) for digit in digits)


def _decimal_speller(say: Say) -> Callable[[str, str], str]:
    """Return what spells the digits before and behind a decimal point.

    num2words rounds and drops zeros, so only the word for the point is its, and whether decimals are said digit by
    digit or, after zeros, as a whole number; both are taken out of "three point one four".
    """
    three, said = say(3), say(3.14)
    ways = ((f"{say(1)} {say(4)}", " ", True), (f"{say(1)}{say(4)}", "", True), (say(14), " ", False))
    way = next((way for way in ways if said.startswith(three) and said.endswith(way[0])), None)
    if way is None:
        return lambda whole, fraction: _spell_fraction(say, whole, fraction)
    end, joint, is_by_digit = way
    point = said.removeprefix(three).removesuffix(end).strip()

    def spell(whole: str, fraction: str) -> str:
        rest = "" if is_by_digit else fraction.lstrip("0")
        digits = [say(int(digit)) for digit in fraction.removesuffix(rest)]
        return joint.join([_spell_digits(say, whole), point, *digits, *([_spell_digits(say, rest)] if rest else [])])

    return spell


def _spell_fraction(say: Say, whole: str, fraction: str) -> str:
    """Spell decimals as tenths and hundredths; digit by digit where num2words does not know them."""
    if len(whole + fraction) <= _MOST_DIGITS:
        with suppress(*_NUM2WORDS_ERRORS):
            if (words := say(Decimal(f"{whole}.{fraction}"))) != say(int(whole)):
                return words
    return " ".join([_spell_digits(say, whole), *(say(int(digit)) for digit in fraction)])
