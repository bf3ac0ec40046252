"""NIST's notation in trn and stm references: ``(uh)`` may be left out, ``{gonna / going to / @}`` are alternatives.

It is read there and nowhere else: in any other format braces, slashes and ``@`` are text.

Source:
    SCTK, doc/infmts.htm. ``@`` is the empty alternative; a percent sign before a word marks a hesitation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

from asrkit.errors import ScoringError
from asrkit.text.normalizer import Normalizer

Words = tuple[str, ...]
Slot = list[Words]  # the ways to say one part of the reference

_TOKEN = re.compile(r"[{}/()]|[^\s{}/()]+")
_MOST_OPTIONS = 1_000
# Errors, negated hits, and the ways chosen so far as (before, way).
_Cell = tuple[int, int, "tuple[object, Words] | None"]


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
            slots.append([*_expand(inner, text), ()])
        else:
            word = tokens[i].removeprefix("%")
            slots.append([()] if word == "@" else [(word,)])
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
    return [tuple(word for part in parts for word in part) for parts in product(*slots)]


def resolve(reference: str, hypothesis: str, normalizer: Normalizer) -> str:
    """Return the reading of a reference that the hypothesis fits best: fewest errors, then most hits.

    Args:
        reference: As written, with notation.
        hypothesis: Normalized.
        normalizer: Applied to each reading.
    """
    if not has_notation(reference):
        return normalizer(reference)
    words = hypothesis.split()
    row: list[_Cell] = [(j, 0, None) for j in range(len(words) + 1)]
    for slot in _join_fixed(parse(reference)):
        rows = []
        for option in dict.fromkeys(slot):
            way = tuple(normalizer(" ".join(option)).split())
            rows.append(_extend(row, way, words))
        row = [min(cells, key=lambda cell: cell[:2]) for cells in zip(*rows, strict=True)]
        for j in range(1, len(row)):
            row[j] = min(row[j], _with_error(row[j - 1]), key=lambda cell: cell[:2])
    return " ".join(word for way in _ways(row[-1][2]) for word in way)


def _join_fixed(slots: list[Slot]) -> Iterator[Slot]:
    """Join neighbors that can be said in one way only, so that they are normalized together."""
    fixed: Words = ()
    for slot in slots:
        if len(slot) == 1:
            fixed += slot[0]
            continue
        if fixed:
            yield [fixed]
        fixed = ()
        yield slot
    if fixed:
        yield [fixed]


def _with_error(cell: _Cell) -> _Cell:
    return cell[0] + 1, cell[1], cell[2]


def _extend(row: list[_Cell], way: Words, words: list[str]) -> list[_Cell]:
    """Align one way of saying a part after every prefix of the hypothesis."""
    row = [(errors, hits, (chosen, way)) for errors, hits, chosen in row]
    for word in way:
        last, row = row, [_with_error(row[0])]
        for j, other in enumerate(words):
            diagonal = last[j]
            diagonal = (diagonal[0], diagonal[1] - 1, diagonal[2]) if word == other else _with_error(diagonal)
            candidates = (diagonal, _with_error(last[j + 1]), _with_error(row[j]))
            row.append(min(candidates, key=lambda cell: cell[:2]))
    return row


def _ways(chosen: object) -> list[Words]:
    ways: list[Words] = []
    while isinstance(chosen, tuple):
        chosen, way = chosen
        ways.append(way)
    return ways[::-1]
