"""The one normalizer of training targets, language model text and scoring, and its alternatives for scoring.

The standard normalizer is idempotent and versioned: any change of its output raises ``STANDARD_VERSION``,
because a score means nothing without the normalizer that it was made with.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

from asrkit.errors import ConfigError
from asrkit.text.number_words import spell_numbers

STANDARD_VERSION = "1"
NORMALIZERS = ("none", "standard", "whisper")

_TITLES = {"mr": "mister", "mrs": "missus", "dr": "doctor"}
_SIGNS = {"&": " and ", "%": " percent ", "@": " at ", "+": " plus ", "=": " equals ", "°": " degrees "}
_APOSTROPHES = "'\u2018\u2019\u201b\u02bc\u02bb\u2032\u00b4`\uff07"
_ZERO_WIDTH_SPACES = "\u200b\u2060\ufeff"


def _is_variation_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


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
        elif category == "Cf" or _is_variation_selector(character):
            new = None
        elif category == "No" and "\u2044" in unicodedata.normalize("NFKD", character):
            new = f" {unicodedata.normalize('NFKD', character)}"
        self[code] = new
        return new


class _Stripping(dict[int, str]):
    """Second pass: letters, marks, numbers and apostrophes stay, some signs are read out, the rest is space."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        keep = character == "'" or unicodedata.category(character)[0] in "LMN"
        new = character if keep else _SIGNS.get(character, " ")
        self[code] = new
        return new


_TIDY = _Tidying()
_STRIP = _Stripping()
# What most hypotheses look like already; normalizing them again would change nothing.
_PLAIN = re.compile("(?:[a-z]+(?: [a-z]+)*)?")
_DIGIT = re.compile("[0-9]")
_OUTER_APOSTROPHE = re.compile(r"(?<![^\s'])'+|'+(?![^\s'])|''+")


def _drop_orphan_marks(words: list[str]) -> list[str]:
    """Drop combining marks and apostrophes that no letter or number precedes."""
    for index, word in enumerate(words):
        start = 0
        while start < len(word) and (word[start] == "'" or unicodedata.category(word[start])[0] == "M"):
            start += 1
        words[index] = word[start:]
    return [word for word in words if word]


def normalize(text: str) -> str:
    """Bring a text into the standard form: case-folded words, single spaces, numbers and signs spelled in English.

    NFC throughout; apostrophes of any shape stay inside words only; hyphens, dashes and punctuation separate words;
    invisible characters go; letters and marks of every script stay. Contractions are kept as written; "mr", "mrs"
    and "dr" become the words that are spoken. Normalizing twice changes nothing.

    >>> normalize("Mr. O’Brien’s co-op sold 1,200 eggs — for $3.50!")
    "mister o'brien's co op sold one thousand two hundred eggs for three dollars and fifty cents"
    """
    if _PLAIN.fullmatch(text) and not ("mr" in text or "dr" in text):
        return text
    if text.isascii():
        text = text.lower().replace("`", "'")
        is_ascii = True
    else:
        # Canonical caseless form (Unicode 3.13, D145): fold the decomposed text, then compose what is left of it.
        folded = unicodedata.normalize("NFD", text).casefold()
        text = unicodedata.normalize("NFC", unicodedata.normalize("NFD", folded).translate(_TIDY))
        is_ascii = False
    if _DIGIT.search(text):
        text = spell_numbers(text)
    text = text.translate(_STRIP)
    if "'" in text:
        text = _OUTER_APOSTROPHE.sub(" ", text)
    words = text.split()
    if not is_ascii:
        words = _drop_orphan_marks(words)
    if not _TITLES.keys().isdisjoint(words):
        words = [_TITLES.get(word, word) for word in words]
    return " ".join(words)


def normalize_all(texts: Sequence[str]) -> list[str]:
    """Return ``[normalize(text) for text in texts]``, several times as fast for many ASCII texts."""
    from asrkit._native import normalize_plain

    plain = normalize_plain(list(texts))
    return [normalize(text) if normal is None else normal for text, normal in zip(texts, plain, strict=True)]


_JOINING_SPACES = {ord(character): " " for character in _ZERO_WIDTH_SPACES}


def compose(text: str) -> str:
    """Do the least a scorer must: NFC, and any run of Unicode space as one space. Nothing visible changes."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text.translate(_JOINING_SPACES))
    return " ".join(text.split())


def compose_all(texts: Sequence[str]) -> list[str]:
    """Return ``[compose(text) for text in texts]``; usually there is nothing to do, and that is quickly seen."""
    from asrkit._native import compose_plain

    plain = compose_plain(list(texts))
    return [compose(text) if composed is None else composed for text, composed in zip(texts, plain, strict=True)]


@dataclass(frozen=True)
class Normalizer:
    """A named, versioned way to bring two texts into the same form before they are compared.

    Args:
        name: One of ``NORMALIZERS``.
        version: What distinguishes this behavior from others of the same name; empty when nothing can change.
        apply: The function itself.
        folds_case: Whether case is lost.
        apply_all: The same for many texts, where there is a faster way than one by one.
    """

    name: str
    version: str
    apply: Callable[[str], str] = field(repr=False, compare=False)
    folds_case: bool = True
    apply_all: Callable[[Sequence[str]], list[str]] | None = field(default=None, repr=False, compare=False)

    def __call__(self, text: str) -> str:
        """Return the normalized text."""
        return self.apply(text)

    def normalize_all(self, texts: Sequence[str]) -> list[str]:
        """Return the normalized texts."""
        return [self.apply(text) for text in texts] if self.apply_all is None else self.apply_all(texts)

    @property
    def label(self) -> str:
        """Name and version as scores print them, such as ``standard-1``."""
        return f"{self.name}-{self.version}" if self.version else self.name


def _load_whisper() -> Normalizer:
    from importlib.metadata import version

    try:
        from whisper_normalizer.english import EnglishTextNormalizer
    except ImportError:
        raise ConfigError(
            "the whisper normalizer needs the package whisper-normalizer: pip install 'asrkit[whisper]', "
            "or use the standard normalizer"
        ) from None
    return Normalizer("whisper", version("whisper-normalizer"), EnglishTextNormalizer())


@cache
def get_normalizer(name: str) -> Normalizer:
    """Return a normalizer by its name.

    Raises:
        ConfigError: The name is unknown, or the package behind it is not installed.
    """
    if name == "standard":
        return Normalizer("standard", STANDARD_VERSION, normalize, apply_all=normalize_all)
    if name == "none":
        return Normalizer("none", "", compose, folds_case=False, apply_all=compose_all)
    if name == "whisper":
        return _load_whisper()
    raise ConfigError(f"unknown normalizer {name!r}; known: {', '.join(NORMALIZERS)}")
