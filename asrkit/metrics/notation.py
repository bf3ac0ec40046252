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
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

from asrkit.errors import ScoringError
from asrkit.text.normalizer import Normalizer


class Way(NamedTuple):
    """One way to say a part of a text, and how many optional words it leaves out."""

    words: tuple[str, ...]
    left_out: int = 0


class Reading(NamedTuple):
    """The texts of both sides as they were read, and how many optional words they leave out."""

    reference: str
    hypothesis: str
    left_out: int = 0


class _Price(NamedTuple):
    """What a step of an alignment adds to a cell: its cost, then what decides between equal costs."""

    cost: int
    tie: int


class _Prices(NamedTuple):
    hit: _Price
    substitution: _Price
    gap: _Price
    left_out: _Price


_PRICES = {
    "unit": _Prices(_Price(0, -1), _Price(1, 0), _Price(1, 0), _Price(0, 0)),  # fewest errors, then most hits
    "nist": _Prices(_Price(0, 0), _Price(4, 1), _Price(3, 1), _Price(2, 0)),  # of sclite, then fewest errors
}

Slot = list[Way]  # the ways to say one part of a text

Sides = tuple[bool, bool]  # whether reference and hypothesis use the notation

# Cost, tie, and the ways chosen so far as (before, side, way).
_Cell = tuple[int, int, "tuple[object, int, Way] | None"]

_REFERENCE: Sides = (True, False)
_FREE = _Price(0, 0)
_MOST_OPTIONS = 1_000
_DEEPEST = 50
_NEVER: _Cell = (1 << 60, 0, None)
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
    number = 1
    for slot in slots:
        number *= len(slot)
    if number > _MOST_OPTIONS:
        raise ScoringError(f"more than {_MOST_OPTIONS} ways to say {text[:60]!r}")
    return [_join(parts) for parts in product(*slots)]


def _join(ways: Iterable[Way]) -> Way:
    ways = list(ways)
    return Way(tuple(word for way in ways for word in way.words), sum(way.left_out for way in ways))


def resolve(
    reference: str, hypothesis: str, normalizer: Normalizer, weights: str = "unit", *, sides: Sides = _REFERENCE
) -> Reading:
    """Return how both sides are read so that they fit best by the weights.

    Args:
        reference: As written.
        hypothesis: As written.
        normalizer: Applied to each reading.
        weights: "unit", or "nist" for sclite's costs and its fragments.
        sides: Which of them use the notation: reference, hypothesis.
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
    return _fit(_normalize(ref, normalizer), _normalize(hyp, normalizer), _PRICES[weights])


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


class _Arc(NamedTuple):
    """A step through a text whose parts can be said in several ways: from a node, over a word or over none."""

    origin: int
    word: str | None
    cost: int = 0
    way: Way | None = None  # chosen on this arc


def _arcs(slots: list[Slot], prices: _Prices) -> list[list[_Arc]]:
    """Return the arcs that lead to each node, in the order of the text; node 0 is its beginning."""
    nodes: list[list[_Arc]] = [[]]
    for slot in slots:
        start, ends = len(nodes) - 1, []
        for way in slot:
            at = start
            for place, word in enumerate(way.words or (None,)):
                begins, ends_here = place == 0, place >= len(way.words) - 1
                cost = way.left_out * prices.left_out.cost if begins else 0
                arc = _Arc(at, word, cost, way if begins else None)
                if ends_here:
                    ends.append(arc)
                else:
                    nodes.append([arc])
                    at = len(nodes) - 1
        nodes.append(ends)
    return nodes


def _fit(ref: list[Slot], hyp: list[Slot], prices: _Prices) -> Reading:
    """Align every way to say the reference with every way to say the hypothesis, and return the two that fit best."""
    nodes = _arcs(hyp, prices)
    row = _insert([(0, 0, None), *[_NEVER] * (len(nodes) - 1)], nodes, prices)
    for slot in ref:
        rows = [_extend(row, way, nodes, prices) for way in slot]
        row = _insert([min(cells, key=_goodness) for cells in zip(*rows, strict=True)], nodes, prices)
    sides: tuple[list[Way], list[Way]] = ([], [])
    chosen: object = row[-1][2]
    while isinstance(chosen, tuple):
        chosen, side, way = chosen
        sides[side].append(way)
    read, said = (_join(ways[::-1]) for ways in sides)
    return Reading(" ".join(read.words), " ".join(said.words), read.left_out + said.left_out)


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
        number = 1
        for choice in choices:
            number *= len(choice)
        ways = product(*choices) if number <= _MOST_OPTIONS else [way.words]
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
            yield [_join(fixed)]
        fixed = []
        yield slot
    if fixed:
        yield [_join(fixed)]


def _goodness(cell: _Cell) -> tuple[int, int]:
    return cell[:2]


def _add(cell: _Cell, price: _Price, arc: _Arc | None = None) -> _Cell:
    """Return the cell that a step leads to; an arc of the hypothesis adds its own cost and its way."""
    if arc is None:
        return cell[0] + price.cost, cell[1] + price.tie, cell[2]
    chosen = cell[2] if arc.way is None else (cell[2], 1, arc.way)
    return cell[0] + price.cost + arc.cost, cell[1] + price.tie, chosen


def _extend(row: list[_Cell], way: Way, nodes: list[list[_Arc]], prices: _Prices) -> list[_Cell]:
    """Align one way of saying a part of the reference after every node of the hypothesis."""
    cost = way.left_out * prices.left_out.cost
    row = [(before + cost, tie, (chosen, 0, way)) for before, tie, chosen in row]
    for word in way.words:
        last = row
        row = []
        for place, arcs in enumerate(nodes):
            candidates = [
                _add(last[arc.origin], prices.hit if arc.word == word else prices.substitution, arc)
                for arc in arcs
                if arc.word is not None
            ]
            candidates.append(_add(last[place], prices.gap))
            candidates += [_add(row[arc.origin], _FREE if arc.word is None else prices.gap, arc) for arc in arcs]
            row.append(min(candidates, key=_goodness))
    return row


def _insert(row: Sequence[_Cell], nodes: list[list[_Arc]], prices: _Prices) -> list[_Cell]:
    """Return a row in which words of the hypothesis may stand alone before each node."""
    done: list[_Cell] = []
    for cell, arcs in zip(row, nodes, strict=True):
        alone = [_add(done[arc.origin], _FREE if arc.word is None else prices.gap, arc) for arc in arcs]
        done.append(min([cell, *alone], key=_goodness))
    return done
