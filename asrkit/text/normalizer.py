"""Normalizers of training targets, language model text and scoring.

A normalizer is versioned: any change of its output raises its version, because a score means nothing without the
normalizer it was made with, and a model goes on with the one its texts passed. It is idempotent, and has two sides:
what was said, as training targets and language models need it, and the form in which two texts are compared.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from html.entities import html5

from asrkit.errors import ConfigError
from asrkit.packages import needed, version_of
from asrkit.text.languages import lower, number_speller, primary_language, thousands_separator
from asrkit.text.spoken_variants import fold_variants
from asrkit.text.written_numbers import BEFORE_SIGN, CURRENCY, spell_numbers

STANDARD_VERSION = "2"
BASIC_VERSION = "1"
NORMALIZERS = ("none", "basic", "standard", "standard-1", "standard-2", "whisper")

_TITLES = {
    "1": {"mr": "mister", "mrs": "missus", "dr": "doctor"},
    "2": {"mr": "mister", "mrs": "missus", "dr": "doctor", "prof": "professor", "vs": "versus", "jr": "junior"},
}
_SIGNS = {"&": " and ", "%": " percent ", "@": " at ", "+": " plus ", "=": " equals ", "°": " degrees "}
_APOSTROPHES = "'\u2018\u2019\u201b\u02bc\u02bb\u2032\u00b4`\uff07"
_ZERO_WIDTH_SPACES = "\u200b\u2060\ufeff"
_ENTITY = re.compile("&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,9});", re.IGNORECASE)
# Spaces that never separate words when digits stand in threes behind them.
_GROUPED = re.compile("(?<![0-9.,])[1-9][0-9]{0,2}(?:[\u00a0\u202f\u2009][0-9]{3})+(?![0-9])")
# Raised, lowered and circled numbers touch others but are none of their digits: 10³, and the note of 1990¹. Those that
# follow letters (H₂O) or make a fraction stay. A minus gets two spaces: behind one it would be a range's dash.
_UP, _LOW, _CIRCLED = "⁰¹²³⁴-⁹", "₀-₉", "\u2460-\u249b\u24ea\u3251-\u325f\u32b1-\u32bf\U0001f100-\U0001f10a"
_ODD_DIGIT = re.compile(f"[{_UP}{_LOW}{_CIRCLED}ºª]")
_APART = re.compile(
    rf"(?P<sign>)(?=[⁺⁻][{_UP}]|[₊₋][{_LOW}])|(?<![^\W\d_])(?<![\u2044⁺⁻₊₋])(?=[{_UP}{_LOW}])"
    rf"|(?<=[{_UP}])(?=[0-9{_LOW}])|(?<=[{_LOW}])(?=[0-9{_UP}])|(?=[{_CIRCLED}])|(?<=[{_CIRCLED}])"
)
# Malayalam letters that were once written with a joiner; tatweel, which only stretches a word; Hebrew's apostrophe; and
# trademarks, of which NFKC makes letters.
_OLD_FORMS = {f"{old}\u0d4d\u200d": new for old, new in zip("ണനരലളക", "ൺൻർൽൾൿ", strict=True)}
_OLD_FORMS |= {"\u0640": "", "\u05f3": "'", "\u2122": " ", "\u2120": " "}
# Windows' quotes and dashes, which somebody took for Latin-1
_OLD_FORMS |= {chr(code): bytes([code]).decode("cp1252") for code in range(0x91, 0x98)}
_OLD_FORM = re.compile("|".join(_OLD_FORMS))
# Of ranks (1º, 2.ª), or what Spanish keyboards have for °; no letters of their own, as NFKC makes of them.
_RANK_MARK = re.compile(r"(?<=[0-9])([.\s]?)[ºª]")
_VARIATION_SELECTOR = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# What NFKC takes apart although it is one letter to those who write it.
_WHOLE_LETTERS = {"\u0e4d\u0e32": "\u0e33", "\u0ecd\u0eb2": "\u0eb3"}


class _Tidying(dict[int, str | None]):
    """First pass: one kind of space, apostrophe and hyphen; invisible characters out; ½ as 1⁄2."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        category = unicodedata.category(character)
        new: str | None = character
        if character in _APOSTROPHES:
            new = "'"
        elif character in _ZERO_WIDTH_SPACES or category in ("Zs", "Zl", "Zp", "Cc"):
            new = " "
        elif category == "Pd" or character == "\u2212":
            new = "-"
        elif category == "Cf" or _VARIATION_SELECTOR.match(character):
            new = None
        elif category == "No" and "\u2044" in unicodedata.normalize("NFKD", character):
            new = f" {unicodedata.normalize('NFKD', character)}"
        self[code] = new
        return new


class _Stripping(dict[int, str]):
    """Second pass: letters, marks, numbers and apostrophes stay, signs are what they are called, the rest is space."""

    def __init__(self, name_of_sign: Callable[[str], str]) -> None:
        super().__init__()
        self._name_of_sign = name_of_sign

    def __missing__(self, code: int) -> str:
        character = chr(code)
        keep = character == "'" or unicodedata.category(character)[0] in "LMN"
        new = character if keep else self._name_of_sign(character)
        self[code] = new
        return new


def _stay_a_word(character: str) -> str:
    if character in "-.,:":  # the few that stay are part of numbers
        return character
    if character == "\u2044":  # ½ is what 1/2 is
        return " "
    return f" {character} " if unicodedata.category(character) in ("Sc", "Sm") or character in "%&@#" else " "


_TIDY = _Tidying()
_STRIP = _Stripping(lambda character: _SIGNS.get(character, " "))
_STRIP_PUNCTUATION = _Stripping(_stay_a_word)
# What most hypotheses look like already; normalizing them again would change nothing.
_PLAIN = re.compile("(?:[a-z]+(?: [a-z]+)*)?")
_DIGIT = re.compile("[0-9]")
_INITIALS = re.compile(r"(?<![\w.])(?:(?:[a-z]\.){2,}(?:[a-z](?![\w']))?|[a-z]\.[a-z](?![\w'.]))")  # U.S.A., i.e
_MARK = re.compile("[-.,:]")
# What belongs to a number of what else is punctuation: -5, .5, 1,5 and 10:30
_NUMBER_MARK = re.compile(
    rf"(?=[-.,:]|{CURRENCY})(?P<kept>{BEFORE_SIGN}(?:{CURRENCY})?(?:-\.?|\.)(?=[0-9])|(?<=[0-9])[.,:](?=[0-9]))|[-.,:]"
)
_OUTER_APOSTROPHE = re.compile(r"(?<![^\s'])'+|'+(?![^\s'])|''+")


def _drop_orphan_marks(words: list[str]) -> list[str]:
    """Drop combining marks and apostrophes that no letter or number precedes."""
    for index, word in enumerate(words):
        start = 0
        while start < len(word) and (word[start] == "'" or unicodedata.category(word[start])[0] == "M"):
            start += 1
        words[index] = word[start:]
    return [word for word in words if word]


def normalize(text: str, version: str = STANDARD_VERSION) -> str:
    """Bring a text into the standard form: case-folded words, single spaces, numbers and signs spelled in English.

    NFC throughout; apostrophes of any shape stay inside words only; hyphens, dashes and punctuation separate words;
    invisible characters go; letters and marks of every script stay. Contractions are kept as written; "mr", "mrs"
    and "dr" become the words that are spoken. Normalizing twice changes nothing. Version 2 unifies compatibility forms
    too, and reads more numbers.

    >>> normalize("Mr. O’Brien’s co-op sold 1,200 eggs — for $3.50!")
    "mister o'brien's co op sold one thousand two hundred eggs for three dollars and fifty cents"
    """
    titles = _TITLES[version]
    if _PLAIN.fullmatch(text) and not any(title in text for title in titles):
        return text
    if version != "1":
        text = _unescape(text)
    is_ascii = text.isascii()
    if is_ascii:
        text = text.lower().replace("`", "'")
    elif version == "1":
        # Canonical caseless form (Unicode 3.13, D145): fold the decomposed text, then compose what is left of it.
        folded = unicodedata.normalize("NFD", text).casefold()
        text = unicodedata.normalize("NFC", unicodedata.normalize("NFD", folded).translate(_TIDY))
    else:
        text = _unify(text, str.casefold, thousands_separator("en"))
    if version != "1" and "." in text:
        text = _INITIALS.sub(lambda match: f"{match[0].replace('.', '')} ", text)
    if _DIGIT.search(text) or (version != "1" and "#" in text):
        text = spell_numbers(text, version)
    words = _words(text.translate(_STRIP), is_ascii)
    if not titles.keys().isdisjoint(words):
        words = [titles.get(word, word) for word in words]
    return " ".join(words)


def _words(text: str, is_ascii: bool) -> list[str]:
    """Split a stripped text; apostrophes stay inside words only."""
    if "'" in text:
        text = _OUTER_APOSTROPHE.sub(" ", text)
    return text.split() if is_ascii else _drop_orphan_marks(text.split())


def _unescape(text: str) -> str:
    """Return what a text means that HTML wrote: ``&rsquo;``, ``&#8217;``, ``&amp;``; other names stay."""
    if "&" not in text:
        return text
    return _ENTITY.sub(_meaning, text)


def _meaning(entity: re.Match[str]) -> str:
    name = entity[0][1:]
    return html.unescape(entity[0]) if name[0] == "#" else html5.get(name, html5.get(name.lower(), entity[0]))


def _unify(text: str, fold: Callable[[str], str], separator: str) -> str:
    """Bring compatibility forms, old spellings, spaces, dashes and case together (NFKC and its caseless form)."""
    text = _GROUPED.sub(lambda match: re.sub("[^0-9]", separator, match[0]), text.replace("\u2116", "#"))
    if _ODD_DIGIT.search(text):
        text = _APART.sub(lambda match: "  " if match.lastgroup else " ", unicodedata.normalize("NFC", text))
        text = _RANK_MARK.sub(r"\1°", text)
    text = _OLD_FORM.sub(lambda match: _OLD_FORMS[match[0]], text).translate(_TIDY)
    text = unicodedata.normalize("NFKC", fold(unicodedata.normalize("NFKC", text))).translate(_TIDY)
    text = unicodedata.normalize("NFKC", fold(text).replace("i\u0307", "i"))
    for parts, whole in _WHOLE_LETTERS.items():
        text = text.replace(parts, whole)
    return text


def _normalize_language(text: str, language: str, spell: Callable[[str], str] | None = None) -> str:
    """Bring a text into words in lower case without English: signs stay, digits too unless something spells them."""
    text = _unify(_unescape(text), lambda part: lower(part, language), thousands_separator(language))
    if spell is not None:
        text = unicodedata.normalize("NFKC", spell(text).lower())
    marks = _NUMBER_MARK if _DIGIT.search(text) else _MARK  # telling them apart takes longer than all the rest
    text = marks.sub(lambda match: match[0] if match.lastgroup else " ", text).translate(_STRIP_PUNCTUATION)
    return " ".join(_words(text, is_ascii=False))


def fold_letters(text: str) -> str:
    """Bring the ways of writing one letter together: ß is ss, a final sigma a sigma."""
    return unicodedata.normalize("NFC", text.casefold())


_JOINING_SPACES = {ord(character): " " for character in _ZERO_WIDTH_SPACES}


def compose(text: str) -> str:
    """Do the least a scorer must: NFC, and any run of Unicode space as one space. Nothing visible changes."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text.translate(_JOINING_SPACES))
    return " ".join(text.split())


@dataclass(frozen=True)
class Normalizer:
    """A named, versioned way to bring two texts into the same form before they are compared.

    Args:
        name: One of ``NORMALIZERS``.
        version: What distinguishes this behavior from others of the same name; empty when nothing can change.
        said: Returns the words that were said, as training targets and language models need them.
        fold: What makes of these the form in which two texts are compared.
        folds_case: Whether case is lost.
        quick: Does both, many texts at once, where both come to the same and that is quickly seen; None for the others.
    """

    name: str
    version: str
    said: Callable[[str], str] = field(repr=False, compare=False)
    fold: Callable[[str], str] = field(default=str, repr=False, compare=False)
    folds_case: bool = True
    quick: Callable[[list[str]], Sequence[str | None]] | None = field(default=None, repr=False, compare=False)

    def __call__(self, text: str) -> str:
        """Return the text as it is compared."""
        return self.fold(self.said(text))

    def normalize_all(self, texts: Sequence[str]) -> list[str]:
        """Return the texts as they are compared, faster than one by one."""
        return self._all(texts, self)

    def said_all(self, texts: Sequence[str]) -> list[str]:
        """Return the words that were said, of many texts."""
        return self._all(texts, self.said)

    def _all(self, texts: Sequence[str], apply: Callable[[str], str]) -> list[str]:
        if self.quick is None:
            return [apply(text) for text in texts]
        done = self.quick(list(texts))
        return [apply(text) if known is None else known for text, known in zip(texts, done, strict=True)]

    @property
    def recorded(self) -> str:
        """Name and version as bundles keep them, beside the language: ``standard-2`` whatever the language."""
        return "-".join(self.label.split("-")[:2])

    @property
    def label(self) -> str:
        """Name and version as scores print them, such as ``standard-2``."""
        return f"{self.name}-{self.version}" if self.version else self.name


@cache
def get_normalizer(name: str, language: str = "en") -> Normalizer:
    """Return a normalizer by its name, or by a label such as ``standard-1``.

    Args:
        name: One of ``NORMALIZERS``, or the label of one; "standard" is its newest version, and so is "auto" where
            nothing else decides.
        language: Of the texts; ``standard`` spells numbers in it, ``basic`` knows its case. The standard normalizer's
            first version is English whatever the language.

    Raises:
        ConfigError: The name or language is unknown, or the package behind it is not installed.
    """
    code = primary_language(language)
    if name == "none":
        return Normalizer("none", "", compose, folds_case=False, quick=_compose_plain)
    if name == "whisper" or name.startswith("whisper-"):
        with needed("the whisper normalizer", "whisper_normalizer", instead="use the standard normalizer"):
            from whisper_normalizer.english import EnglishTextNormalizer
        return Normalizer("whisper", version_of("whisper-normalizer"), EnglishTextNormalizer())
    if name in ("basic", f"basic-{BASIC_VERSION}"):
        return Normalizer("basic", BASIC_VERSION, lambda text: _normalize_language(text, code), fold_letters)
    if name == "standard-1":
        return Normalizer("standard", "1", lambda text: normalize(text, "1"), quick=_normalize_plain)
    if name not in ("auto", "standard", f"standard-{STANDARD_VERSION}") and not name.startswith(
        f"standard-{STANDARD_VERSION}-"
    ):
        raise ConfigError(f"unknown normalizer {name!r}; known: {', '.join(NORMALIZERS)}")
    if code == "en":
        return Normalizer("standard", STANDARD_VERSION, normalize, fold_variants, quick=_normalize_plain)
    spell, version = number_speller(code)
    label = f"{STANDARD_VERSION}-{code}-num2words-{version}"
    return Normalizer("standard", label, lambda text: _normalize_language(text, code, spell), fold_letters)


def _normalize_plain(texts: list[str]) -> Sequence[str | None]:
    from asrkit._native import normalize_plain

    return normalize_plain(texts)


def _compose_plain(texts: list[str]) -> Sequence[str | None]:
    from asrkit._native import compose_plain

    return compose_plain(texts)
