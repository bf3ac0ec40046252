"""Words as they are written and as they are said: ``1999,`` is written, ``nineteen ninety nine`` is heard."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+")
GLUE = "\u00a0"  # between a word and a sign that has no sound of its own
_LONGEST = 100  # tokens read together, so that a number knows its neighbors


@dataclass(frozen=True)
class Token:
    """A word of a text."""

    written: str  # with its punctuation
    said: tuple[str, ...]  # the words that are heard
    begins_part: bool = False  # whether an empty line, or the beginning of the text, stands before it


def read_tokens(text: str, say: Callable[[str], str], *, divides_words: bool = True) -> list[Token]:
    """Split a text into words with what is said for each; signs without a sound stay with the word before.

    Args:
        text: As it is written.
        say: Returns the words that are said for a text.
        divides_words: Whether spaces divide words; else each character is one.
    """
    tokens: list[Token] = []
    for part in re.split(r"\n\s*\n", text):
        begins = True
        opening = ""
        for written, said in _said_tokens(part, say, divides_words=divides_words):
            if said:
                tokens.append(Token(opening + written, tuple(said), begins))
                begins, opening = False, ""
            elif begins or not tokens:
                opening += written + GLUE * divides_words
            else:
                last = tokens[-1]
                tokens[-1] = Token(last.written + GLUE * divides_words + written, last.said, last.begins_part)
    return tokens


def _said_tokens(part: str, say: Callable[[str], str], *, divides_words: bool) -> Iterator[tuple[str, Sequence[str]]]:
    for sentence in _SENTENCE.split(part):
        tokens = sentence.split() if divides_words else [c for c in sentence if not c.isspace()]
        for first in range(0, len(tokens), _LONGEST):
            some = tokens[first : first + _LONGEST]
            alone = [tuple(say(token).split()) for token in some]
            together = say((" " * divides_words).join(some))
            yield from zip(some, _shared(alone, together.split() if divides_words else list(together)), strict=True)


def _shared(alone: Sequence[tuple[str, ...]], together: Sequence[str]) -> list[Sequence[str]]:
    """Share the words of a sentence out among its tokens; ``$3 million`` is read otherwise than its parts alone."""
    flat = [word for words in alone for word in words]
    if flat == list(together):
        return list(alone)
    bounds = [0]  # where the words of each token begin, of those read alone
    for words in alone:
        bounds.append(bounds[-1] + len(words))
    place = {0: 0, len(flat): len(together)}
    for low, high, first, last in _changes(flat, together):
        for at in range(low, high + 1):
            place[at] = first + round((last - first) * (at - low) / max(1, high - low))
    return [together[place[low] : place[high]] for low, high in pairwise(bounds)]


def _changes(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    for _, low, high, first, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        yield low, high, first, last
