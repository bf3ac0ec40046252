"""Text of scripts that put no spaces between words: what a word is, there, is one character."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

# Thai and Lao, Myanmar, Khmer, Kana, Han
_RANGES = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3040, 0x30FF), (0x31F0, 0x31FF)),
    *((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAA60, 0xAA7F), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x20000, 0x3FFFF)),
)
# Characters between spaces, on average, of text that was cut into words: Han and Kana, and Thai with its neighbors.
_LONGEST_WORD, _LONGEST_ALPHABETIC_WORD = 2.5, 8
_CLASS = "".join(f"{chr(first)}-{chr(last)}" for first, last in _RANGES)
_ANY = re.compile(f"[{_CLASS}]")


@cache
def _unit() -> re.Pattern[str]:
    """One character with the marks on it; a vowel of Thai or Lao that is written as a letter is one of its own."""
    marks = "".join(
        chr(code)
        for first, last in _RANGES
        if last < 0x4000
        for code in range(first, last + 1)
        if unicodedata.category(chr(code))[0] == "M"
    )
    return re.compile(f"(?:(?![{marks}])[{_CLASS}])[{marks}\u0300-\u036f]*")


def is_unspaced(texts: Iterable[str]) -> bool:
    """Tell whether texts are mostly in scripts without spaces, and have none between their words indeed.

    Text that was cut into words, as NIST's Mandarin, has one to two characters between spaces, and more in Thai.
    """
    characters = alphabetic = runs = others = 0
    for text in texts:
        if text.isascii():
            others += text.count(" ") + 1 if text else 0
            continue
        for word in text.split():
            found = _ANY.findall(word)
            runs += bool(found)
            others += not found
            characters += len(found)
            alphabetic += sum(character < "\u1800" for character in found)
    most = _LONGEST_ALPHABETIC_WORD if 2 * alphabetic > characters else _LONGEST_WORD
    return characters > others and characters > most * runs


def separate(text: str) -> str:
    """Put spaces around each character of these scripts; words of others stay whole.

    >>> separate("我 love 你们")
    '我 love 你 们'
    """
    if text.isascii() or _ANY.search(text) is None:
        return text
    return " ".join(_unit().sub(lambda match: f" {match[0]} ", text).split())
