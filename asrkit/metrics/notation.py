"""NIST's notation in trn, stm and ctm: ``(uh)`` may be left out, ``{gonna / going to / @}`` are alternatives.

It is read there on both sides, and nowhere else: in any other format braces, slashes and ``@`` are text. A sign has its
meaning as a word of its own only, as in sclite: a brace opens alternatives where a word begins, and brackets make an
optional word when they hold all of it; ``colo(u)r``, ``and/or`` and a brace that is never closed are text. With the
weights of NIST an optional word that is left out counts as right, and ``wh-`` stands for any word that begins so, as in
``sclite -D -F``.

Source:
    SCTK, doc/infmts.htm and doc/sclite.htm. ``@`` is the empty alternative; a percent sign before a word marks a
    hesitation; tags follow a word after ``;``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from math import prod
from typing import NamedTuple

from asrkit.errors import ScoringError
from asrkit.metrics.ways import Slot, Way, fit, join_ways
from asrkit.text.normalizer import Normalizer


class Reading(NamedTuple):
    """The texts of both sides as they were read, and how many optional words they leave out."""

    reference: str
    hypothesis: str
    left_out: int = 0


Sides = tuple[bool, bool]  # whether reference and hypothesis use the notation

_REFERENCE: Sides = (True, False)
_MOST_OPTIONS = 1_000
_DEEPEST = 50
_WORD, _BRACES = re.compile(r"\S+"), re.compile("[{}]")
_SIGNS = re.compile(r"[{(@%;\\]")
_TAGS = re.compile(r"(?<!\\);.*", re.DOTALL)


def parse(text: str) -> list[Slot]:
    """Split a text into parts, each with the ways to say it.

    Raises:
        ScoringError: There are too many alternatives to try, or they are nested too deep.
    """
    slots: list[Slot] = []
    closing = _closing_braces(text)
    place = 0
    while place < len(text):
        end = closing.get(place, -1)
        if end > 0:
            slots.append(_parse_alternatives(text[place + 1 : end]))
        elif not text[place].isspace():
            end = _WORD.match(text, place).end() - 1  # type: ignore[union-attr]  # it begins here
            slots.append(_parse_word(text[place : end + 1]))
        place = max(place, end) + 1
    return slots


def _closing_braces(text: str) -> dict[int, int]:
    """Return where each brace that opens is closed; those that never are stay away."""
    opened: list[int] = []
    closing: dict[int, int] = {}
    for match in _BRACES.finditer(text):
        if match[0] == "{":
            opened.append(match.start())
        elif opened:
            depth = len(opened)
            closing[opened.pop()] = match.start()
            if depth > _DEEPEST:
                raise ScoringError(f"braces are nested too deep in {text[:60]!r}...")
    return closing


def _parse_alternatives(text: str) -> Slot:
    """Return the ways of ``a / b / @``; a slash within inner braces is theirs."""
    depth, start, parts = 0, 0, []
    for place, sign in enumerate(f"{text}/"):
        depth += (sign == "{") - (sign == "}")
        if sign == "/" and depth <= 0:
            parts.append(text[start:place])
            start = place + 1
    ways = [way for part in parts if part.strip() for way in _expand(parse(part), text)]
    return ways or [Way(())]


def _parse_word(word: str) -> Slot:
    if word == "@":
        return [Way(())]
    if word.startswith("(") and word.endswith(")") and len(word) > 1:
        return [Way(_untagged(word[1:-1])), Way((), 1)]
    return [Way(_untagged(word))]


def _untagged(word: str) -> tuple[str, ...]:
    """Return a word without the tags behind it; a semicolon after a backslash is one."""
    word = _TAGS.sub("", word).replace("\\;", ";")
    return (word,) if word else ()


def _expand(slots: list[Slot], text: str) -> Slot:
    """Return every way to say a sequence of parts."""
    if prod(map(len, slots)) > _MOST_OPTIONS:
        raise ScoringError(f"more than {_MOST_OPTIONS} ways to say {text[:60]!r}")
    return [join_ways(parts) for parts in product(*slots)]


def resolve(
    reference: str, hypothesis: str, normalizer: Normalizer, weights: str = "unit", *, sides: Sides = _REFERENCE
) -> Reading:
    """Return how both sides are read so that they fit best by the weights.

    ``weights`` are "unit", or "nist" for sclite's costs and its fragments; ``sides`` tells which of them use the
    notation.
    """
    if not uses_notation(reference, hypothesis, weights, sides):
        return Reading(normalizer(reference), normalizer(hypothesis))
    ref, hyp = (
        _slots(text, weights) if used else [[Way((text,))]]
        for text, used in zip((reference, hypothesis), sides, strict=True)
    )
    if weights == "nist":
        completed = _complete_fragments(ref, hyp, normalizer) if sides[0] else ref
        hyp = _complete_fragments(hyp, ref, normalizer) if sides[1] else hyp
        ref = completed
    read, said = fit(_normalize(ref, normalizer), _normalize(hyp, normalizer), weights)
    return Reading(" ".join(read.words), " ".join(said.words), read.left_out + said.left_out)


def uses_notation(reference: str, hypothesis: str, weights: str, sides: Sides) -> bool:
    """Tell whether one of two texts has parts that :func:`resolve` would read in a way of its own."""
    texts = [text for text, used in zip((reference, hypothesis), sides, strict=True) if used]
    return any(_SIGNS.search(text) or (weights == "nist" and "-" in text) for text in texts)


def _slots(text: str, weights: str) -> list[Slot]:
    slots = parse(text)
    if weights == "nist":
        return slots
    return [[Way(tuple(_without_percent(word) for word in way.words), way.left_out) for way in slot] for slot in slots]


def _without_percent(word: str) -> str:
    return word[1:] if word.startswith("%") and len(word) > 1 else word


def _normalize(slots: list[Slot], normalizer: Normalizer) -> list[Slot]:
    return [
        list(dict.fromkeys(Way(tuple(normalizer(" ".join(way.words)).split()), way.left_out) for way in slot))
        for slot in _join_fixed(slots)
    ]


def _complete_fragments(slots: list[Slot], others: list[Slot], normalizer: Normalizer) -> list[Slot]:
    """Add the ways in which a fragment is a word of the other side that begins (``wh-``) or ends (``-at``) like it."""
    if not any("-" in word for slot in slots for way in slot for word in way.words):
        return slots
    said = " ".join(word for slot in others for way in slot for word in way.words)
    words = list(dict.fromkeys(normalizer(said).split()))
    return [_complete_slot(slot, words, normalizer) for slot in slots]


def _complete_slot(slot: Slot, words: list[str], normalizer: Normalizer) -> Slot:
    completed: Slot = []
    for way in slot:
        choices = [list(dict.fromkeys([word, *_complete(word, words, normalizer)])) for word in way.words]
        ways = product(*choices) if prod(map(len, choices)) <= _MOST_OPTIONS else [way.words]
        completed += [Way(words, way.left_out) for words in ways]
    return completed


def _complete(word: str, others: list[str], normalizer: Normalizer) -> list[str]:
    part = normalizer(word.strip("-"))
    if part and word.endswith("-"):
        return [other for other in others if other.startswith(part)]
    if part and word.startswith("-"):
        return [other for other in others if other.endswith(part)]
    return []


def _join_fixed(slots: list[Slot]) -> Iterator[Slot]:
    """Join neighbors that can be said in one way only, so that they are normalized together."""
    fixed: list[Way] = []
    for slot in slots:
        if len(slot) == 1:
            fixed.append(slot[0])
            continue
        if fixed:
            yield [join_ways(fixed)]
        fixed = []
        yield slot
    if fixed:
        yield [join_ways(fixed)]
