"""Alignments: which word became which, for the utterances that are shown or that feed tables."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from asrkit.errors import ConfigError

Kind = Literal["hit", "substitution", "deletion", "insertion"]

_KINDS: dict[str, Kind] = {"=": "hit", "S": "substitution", "D": "deletion", "I": "insertion"}
# A price holds three goals: the cost by the weights, then hits or errors, then the spelling of the words paired.
_FIRST = 1 << 40
_SECOND = 1 << 20
# Spelling is compared in alignments up to this many cells; beyond, it could outweigh the goals before it.
_SPELLING_CELLS = 40_000
# Above this many cells an alignment takes too long; the split of rapidfuzz's edit operations is taken instead.
MOST_CELLS = 2_000_000_000


@dataclass(frozen=True)
class Step:
    """One step of an alignment; the side that has no word is None."""

    kind: Kind
    reference: str | None
    hypothesis: str | None


def trace(hypothesis: Sequence[str], reference: Sequence[str], weights: str = "unit") -> str:
    """Spell the best alignment with one letter per step: "=" hit, "S", "D", "I"; see :func:`align`."""
    hypothesis_ids, reference_ids, errors = number_units(hypothesis, reference)
    if errors < 2 and len(hypothesis) == len(reference):
        return "".join("=" if a == b else "S" for a, b in zip(reference_ids, hypothesis_ids, strict=True))
    if not is_exact(len(hypothesis_ids), len(reference_ids), errors):
        return plain_trace(hypothesis_ids, reference_ids)
    from asrkit._native import trace_alignment

    if weights == "unit":
        substitution, gap, most_gaps = _FIRST + _SECOND, _FIRST, errors
    elif weights == "nist":
        # 4S + 3D + 3I <= 4 * errors, so there are at most 4/3 * errors gaps.
        substitution, gap, most_gaps = 4 * _FIRST + _SECOND, 3 * _FIRST + _SECOND, 4 * errors // 3
    else:
        raise ConfigError(f"unknown weights {weights!r}; known: unit, nist")
    extra = _spelling(hypothesis, reference) if len(hypothesis) * len(reference) <= _SPELLING_CELLS else _no_extra()
    return trace_alignment(reference_ids, hypothesis_ids, substitution, gap, most_gaps, extra)


def number_units(hypothesis: Sequence[str], reference: Sequence[str]) -> tuple[list[int], list[int], int]:
    """Return both sides with a number for each word, and the fewest errors."""
    from rapidfuzz.distance import Levenshtein

    numbers: dict[str, int] = {}
    ref, hyp = ([numbers.setdefault(part, len(numbers)) for part in side] for side in (reference, hypothesis))
    return hyp, ref, Levenshtein.distance(ref, hyp, score_hint=hint_errors(ref, hyp))


def is_exact(num_hypothesis: int, num_reference: int, errors: int, most_cells: int | None = None) -> bool:
    """Tell whether a pair is small enough for the canonical split; its total is exact in any case."""
    return num_reference * min(num_hypothesis, errors + 1) <= (MOST_CELLS if most_cells is None else most_cells)


def hint_errors(one: Sequence[object], other: Sequence[object]) -> int:
    """Guess the errors of a pair from above: rapidfuzz searches a band of this width first and doubles it."""
    return 64 + abs(len(one) - len(other)) + max(len(one), len(other)) // 20


def _spelling(hypothesis: Sequence[str], reference: Sequence[str]) -> npt.NDArray[np.int32]:
    """Return how many characters differ between any two words, ``(reference, hypothesis)``."""
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cdist

    return np.asarray(cdist(reference, hypothesis, scorer=Levenshtein.distance, score_cutoff=99, dtype=np.int32))


@cache
def _no_extra() -> npt.NDArray[np.int32]:
    return np.zeros((0, 0), np.int32)


def plain_trace(hypothesis_ids: Sequence[Hashable], reference_ids: Sequence[Hashable]) -> str:
    """Spell whatever minimal alignment rapidfuzz finds: right in its total, arbitrary in its split."""
    from rapidfuzz.distance import Levenshtein

    parts = []
    hint = hint_errors(reference_ids, hypothesis_ids)
    for code in Levenshtein.opcodes(reference_ids, hypothesis_ids, score_hint=hint):
        letter = {"equal": "=", "replace": "S", "delete": "D", "insert": "I"}[code.tag]
        parts.append(letter * max(code.src_end - code.src_start, code.dest_end - code.dest_start))
    return "".join(parts)


def align(hypothesis: Sequence[str], reference: Sequence[str], weights: str = "unit") -> tuple[Step, ...]:
    """Align the words of a hypothesis with those of its reference.

    The canonical alignment has the fewest errors, then the most hits, then pairs the words that are spelled most
    alike. ``weights="nist"`` minimizes 4S + 3D + 3I as NIST's sclite does, then the errors.

    Args:
        hypothesis: Recognized words (or characters).
        reference: True words.
        weights: "unit" or "nist".

    >>> [step.kind for step in align("gate shut".split(), "open gate".split())]
    ['deletion', 'hit', 'insertion']
    """
    steps = []
    i = j = 0
    for letter in trace(hypothesis, reference, weights):
        step = Step(
            _KINDS[letter],
            None if letter == "I" else reference[i],
            None if letter == "D" else hypothesis[j],
        )
        i += letter != "I"
        j += letter != "D"
        steps.append(step)
    return tuple(steps)
