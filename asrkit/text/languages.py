"""Numbers and case in languages other than English; the words of numbers are num2words'."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache

from asrkit.errors import ConfigError
from asrkit.packages import needed, version_of

# Where a comma begins the decimals and a point or space groups thousands; elsewhere it is the other way round.
_DECIMAL_COMMA = frozenset(
    {
        *(
            "az",
            "be",
            "bg",
            "ca",
            "cs",
            "da",
            "de",
            "el",
            "es",
            "et",
            "eu",
            "fi",
            "fr",
            "hr",
            "hu",
            "hy",
            "id",
            "is",
            "it",
        ),
        *("kk", "lt", "lv", "mk", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "tr", "uk", "vi"),
    }
)
_ALIASES = {"nb": "no", "nn": "no"}
# What signs are called after a number; where nothing is known, a sign stays a word of its own.
_UNITS = {
    "de": {"%": "prozent", "€": "euro", "$": "dollar", "£": "pfund"},
    "fr": {"%": "pour cent", "€": "euros", "$": "dollars", "£": "livres"},
    "es": {"%": "por ciento", "€": "euros", "$": "dólares", "£": "libras"},
    "it": {"%": "per cento", "€": "euro", "$": "dollari", "£": "sterline"},
    "nl": {"%": "procent", "€": "euro", "$": "dollar", "£": "pond"},
    "pt": {"%": "por cento", "€": "euros", "$": "dólares", "£": "libras"},
    "sv": {"%": "procent", "€": "euro", "$": "dollar", "£": "pund"},
    "da": {"%": "procent", "€": "euro", "$": "dollar", "£": "pund"},
    "no": {"%": "prosent", "€": "euro", "$": "dollar", "£": "pund"},
    "pl": {"%": "procent"},
}
_MOST_DIGITS = 15
_GROUPS = "\u00a0\u202f\u2009"
_NUMBER = (
    r"(?P<before>[€$£])?\s?(?P<whole>[0-9]{{1,3}}(?:[{groups}][0-9]{{3}})+(?![0-9])|[0-9]+)"
    r"(?:{point}(?P<fraction>[0-9]+))?(?:\s?(?P<after>[€$£%]))?"
)


def primary_language(language: str) -> str:
    """Return the language of a tag: "de" of "de-AT" or "de_AT".

    Raises:
        ConfigError: It is no language tag.
    """
    primary = re.split("[-_]", language.strip().lower())[0]
    if not re.fullmatch("[a-z]{2,3}", primary):
        raise ConfigError(f"{language!r} is no language; give a code such as de or pt-BR")
    return _ALIASES.get(primary, primary)


def lower(text: str, language: str | None) -> str:
    """Return a text in lower case, as the language has it: in Turkish and Azerbaijani I becomes ı."""
    if language in ("tr", "az"):
        text = text.replace("İ", "i").replace("I\u0307", "i").replace("I", "ı")
    return text.lower().replace("i\u0307", "i")


@cache
def number_speller(language: str) -> tuple[Callable[[str], str], str]:
    """Return what spells the numbers of a text in a language, and the version of the package behind it.

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
    groups, point = (f".{_GROUPS}", ",") if language in _DECIMAL_COMMA else (f",'{_GROUPS}", r"\.")
    pattern = re.compile(_NUMBER.format(groups=groups, point=point))
    units = _UNITS.get(language, {})

    def spell_one(match: re.Match[str]) -> str:
        whole, fraction = re.sub("[^0-9]", "", match["whole"]), match["fraction"]
        sign = match["before"] or match["after"]
        unit = units.get(sign, sign) if sign else ""
        if sign and sign != "%" and fraction and len(fraction) == 2:  # drei euro fünfzig
            return f" {spell_digits(whole)} {unit} {spell_digits(fraction) if int(fraction) else ''} "
        return f" {spell_digits(match['whole'] if len(whole) == 4 else whole, fraction)} {unit} "

    def spell_digits(whole: str, fraction: str | None = None) -> str:
        is_year = len(whole) == 4 and "1500" <= whole <= "1999"
        whole = re.sub("[^0-9]", "", whole)
        if len(whole) > _MOST_DIGITS or (len(whole) > 1 and whole[0] == "0"):
            return " ".join(str(num2words.num2words(int(digit), lang=language)) for digit in whole + (fraction or ""))
        if fraction:
            return str(num2words.num2words(float(f"{whole}.{fraction[:_MOST_DIGITS]}"), lang=language))
        if is_year:
            with suppress(NotImplementedError):
                return str(num2words.num2words(int(whole), lang=language, to="year"))
        return str(num2words.num2words(int(whole), lang=language))

    return lambda text: pattern.sub(spell_one, text), version_of("num2words")
