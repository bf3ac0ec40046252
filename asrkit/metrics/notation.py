"""NIST's notation in trn and stm references: ``(uh)`` may be left out, ``{gonna / going to / @}`` are alternatives.

It is read there and nowhere else: in any other format braces, slashes and ``@`` are text. With the weights of NIST an
optional word that is left out counts as right, and ``wh-`` stands for any word that begins so, as in ``sclite -D -F``.

Source:
    SCTK, doc/infmts.htm and doc/sclite.htm. ``@`` is the empty alternative; a percent sign before a word marks a
    hesitation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

from asrkit.errors import ScoringError
from asrkit.text.normalizer import Normalizer


class Way(NamedTuple):
    """One way to say a part of a reference, and how many optional words it leaves out."""

    words: tuple[str, ...]
    left_out: int = 0


class Reading(NamedTuple):
    """The text of a reference as it was read, and how many optional words it leaves out."""

    text: str
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

Slot = list[Way]  # the ways to say one part of the reference

_TOKEN = re.compile(r"[{}/()]|[^\s{}/()]+")
_MOST_OPTIONS = 1_000
_MOST_TRIED = 256
# Cost, tie, and the ways chosen so far as (before, way).
_Cell = tuple[int, int, "tuple[object, Way] | None"]


def has_notation(text: str) -> bool:
    """Tell whether a reference uses the notation."""
    return any(sign in text for sign in "{(@%")


def parse(text: str) -> list[Slot]:
    """Split a reference into parts, each with the ways to say it.

    Raises:
        ScoringError: Brackets are not closed, or there are too many alternatives to try.
    """
    tokens = _TOKEN.findall(text)
    try:
        slots, end = _parse_sequence(text, tokens, 0, "")
    except RecursionError:
        raise ScoringError(f"brackets are nested too deep in the reference {text[:60]!r}...") from None
    if end < len(tokens):
        raise ScoringError(f"{tokens[end]!r} closes nothing in the reference {text!r}")
    return slots


def _parse_sequence(text: str, tokens: list[str], start: int, closing: str) -> tuple[list[Slot], int]:
    """Parse until a closing sign (or a slash between alternatives) that belongs to the caller."""
    slots: list[Slot] = []
    i = start
    while i < len(tokens) and tokens[i] not in ("}", ")") and not (tokens[i] == "/" and closing == "}"):
        if tokens[i] == "{":
            slot, i = _parse_alternatives(text, tokens, i + 1)
            slots.append(slot)
        elif tokens[i] == "(":
            inner, i = _parse_sequence(text, tokens, i + 1, ")")
            if i == len(tokens):
                raise ScoringError(f"a bracket is not closed in the reference {text!r}")
            ways = _expand(inner, text)
            slots.append([*ways, Way((), max(len(way.words) for way in ways))])
        else:
            slots.append([Way(()) if tokens[i] == "@" else Way((tokens[i],))])
        i += 1
    return slots, i


def _parse_alternatives(text: str, tokens: list[str], start: int) -> tuple[Slot, int]:
    options: Slot = []
    i = start - 1
    while i < len(tokens) and (i == start - 1 or tokens[i] == "/"):
        slots, i = _parse_sequence(text, tokens, i + 1, "}")
        options += _expand(slots, text)
    if i == len(tokens) or tokens[i] != "}":
        raise ScoringError(f"a brace is not closed in the reference {text!r}")
    return options, i


def _expand(slots: list[Slot], text: str) -> Slot:
    """Return every way to say a sequence of parts."""
    number = 1
    for slot in slots:
        number *= len(slot)
    if number > _MOST_OPTIONS:
        raise ScoringError(f"more than {_MOST_OPTIONS} ways to say one group of the reference {text!r}")
    return [_join(parts) for parts in product(*slots)]


def _join(ways: Iterable[Way]) -> Way:
    ways = list(ways)
    return Way(tuple(word for way in ways for word in way.words), sum(way.left_out for way in ways))


def resolve(reference: str, hypothesis: str, normalizer: Normalizer, weights: str = "unit") -> Reading:
    """Return the reading of a reference that the hypothesis fits best by the weights.

    Args:
        reference: As written, with notation.
        hypothesis: Normalized.
        normalizer: Applied to each reading.
        weights: "unit", or "nist" for sclite's costs and its fragments.
    """
    if not has_notation(reference) and not (weights == "nist" and "-" in reference):
        return Reading(normalizer(reference))
    return _fit(reference, hypothesis, normalizer, weights)[1]


def choose(alternatives: str, reference: str, normalizer: Normalizer, weights: str = "unit") -> str:
    """Return the way to say a hypothesis that fits a reference best, normalized.

    Up to 256 ways are tried all; of more, each group of alternatives is settled in turn, beginning with the first way
    of all.

    Args:
        alternatives: The hypothesis, in the notation of references.
        reference: As written, with notation.
        normalizer: Applied to each reading.
        weights: "unit" or "nist".
    """
    slots = parse(alternatives)

    def best(tried: Iterable[Sequence[Way]]) -> Sequence[Way]:
        texts = {ways: normalizer(" ".join(_join(ways).words)) for ways in map(tuple, tried)}
        return min(texts, key=lambda ways: _fit(reference, texts[ways], normalizer, weights)[0])

    number = 1
    for slot in slots:
        number *= len(slot)
    if number <= _MOST_TRIED:
        chosen = best(product(*slots))
    else:
        chosen = [slot[0] for slot in slots]
        for place, slot in enumerate(slots):
            chosen = best([*chosen[:place], way, *chosen[place + 1 :]] for way in slot) if len(slot) > 1 else chosen
    return normalizer(" ".join(_join(chosen).words))


def _fit(reference: str, hypothesis: str, normalizer: Normalizer, weights: str) -> tuple[tuple[int, int], Reading]:
    """Return cost and tie of the best reading, and the reading."""
    prices = _PRICES[weights]
    words = hypothesis.split()
    slots = parse(reference)
    if weights == "nist":
        slots = [_complete_fragments(slot, words, normalizer) for slot in slots]
    else:
        slots = [[Way(tuple(word.removeprefix("%") for word in way.words), way.left_out) for way in s] for s in slots]
    row: list[_Cell] = [(0, 0, None)]
    for _ in words:
        row.append(_add(row[-1], prices.gap))
    for slot in _join_fixed(slots):
        rows = []
        for way in dict.fromkeys(slot):
            normal = Way(tuple(normalizer(" ".join(way.words)).split()), way.left_out)
            rows.append(_extend(row, normal, words, prices))
        row = [min(cells, key=_goodness) for cells in zip(*rows, strict=True)]
        for j in range(1, len(row)):
            row[j] = min(row[j], _add(row[j - 1], prices.gap), key=_goodness)
    read = _join(_ways(row[-1][2]))
    return _goodness(row[-1]), Reading(" ".join(read.words), read.left_out)


def _complete_fragments(slot: Slot, hypothesis: list[str], normalizer: Normalizer) -> Slot:
    """Add the ways in which a fragment is a word of the hypothesis that begins (``wh-``) or ends (``-at``) like it."""
    completed: Slot = []
    for way in slot:
        choices = [list(dict.fromkeys([word, *_complete(word, hypothesis, normalizer)])) for word in way.words]
        number = 1
        for choice in choices:
            number *= len(choice)
        ways = product(*choices) if number <= _MOST_OPTIONS else [way.words]
        completed += [Way(words, way.left_out) for words in ways]
    return completed


def _complete(word: str, hypothesis: list[str], normalizer: Normalizer) -> list[str]:
    part = normalizer(word.strip("-"))
    if part and word.endswith("-"):
        return [other for other in hypothesis if other.startswith(part)]
    if part and word.startswith("-"):
        return [other for other in hypothesis if other.endswith(part)]
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


def _add(cell: _Cell, price: _Price) -> _Cell:
    return cell[0] + price.cost, cell[1] + price.tie, cell[2]


def _extend(row: list[_Cell], way: Way, words: list[str], prices: _Prices) -> list[_Cell]:
    """Align one way of saying a part after every prefix of the hypothesis."""
    cost = way.left_out * prices.left_out.cost
    row = [(before + cost, tie, (chosen, way)) for before, tie, chosen in row]
    for word in way.words:
        last, row = row, [_add(row[0], prices.gap)]
        for j, other in enumerate(words):
            diagonal = _add(last[j], prices.hit if word == other else prices.substitution)
            candidates = (diagonal, _add(last[j + 1], prices.gap), _add(row[j], prices.gap))
            row.append(min(candidates, key=_goodness))
    return row


def _ways(chosen: object) -> list[Way]:
    ways: list[Way] = []
    while isinstance(chosen, tuple):
        chosen, way = chosen
        ways.append(way)
    return ways[::-1]
