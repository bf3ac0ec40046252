"""Whose fault an error is: search, acoustic model, language model or vocabulary.

Each stretch of errors is put right by itself, and the corrected text is scored as the decoder scores texts. If it
scores better, the decoder should have found it: search. If it holds words that could not be written: vocabulary. If the
acoustic model alone prefers it, the language model spoilt it. Else the acoustic model heard something else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from asrkit.alignment import Aligner
from asrkit.metrics.alignment import Step
from asrkit.metrics.scoring import ScoreReport

CAUSES = ("acoustic model", "language model", "vocabulary", "search")
_TOLERANCE = 1e-4  # nats by which a text must win


@dataclass(frozen=True)
class Evidence:
    """What the network said about an utterance."""

    # ``(steps, symbols)`` natural-log probabilities; divided by the symbols' priors where the decoder did.
    emissions: npt.NDArray[np.float32]
    scorer: Aligner  # what scores texts with them


@dataclass(frozen=True)
class Judge:
    """How the decoder scores a text, beside the acoustic model."""

    # Natural log-probability of a sentence; None without a language model.
    lm_log_prob: Callable[[str], float] | None = None
    lm_weight: float = 0.0  # its weight
    word_bonus: float = 0.0  # added for each word, with a language model only
    vocabulary: Collection[str] | None = None  # the words the decoder can write, or None when it can write any

    def prior(self, text: str) -> float:
        """Return what a text scores before anything is heard."""
        if self.lm_log_prob is None:
            return 0.0
        return self.lm_weight * self.lm_log_prob(text) + self.word_bonus * len(text.split())


@dataclass(frozen=True)
class BlamedError:
    """A stretch of errors and its cause."""

    utterance_id: str  # where
    cause: str  # one of ``CAUSES``
    reference: str  # the words said
    hypothesis: str  # the words recognized
    num_errors: int  # errors in it
    # Nats by which the acoustic model prefers the hypothesis; None when it cannot be told.
    acoustic_difference: float | None
    prior_difference: float  # the same for the language model and the bonus


@dataclass(frozen=True)
class Blame:
    """All errors with their causes."""

    errors: list[BlamedError]  # in the order of the utterances
    num_skipped: int  # errors in utterances without usable evidence

    @property
    def by_cause(self) -> dict[str, int]:
        """Number of errors of each cause."""
        counts: Counter[str] = Counter()
        for error in self.errors:
            counts[error.cause] += error.num_errors
        return {cause: counts[cause] for cause in CAUSES}


def _stretches(steps: Sequence[Step]) -> Iterator[tuple[int, int]]:
    """Yield where errors stand next to each other, as ``[start, stop)`` of the steps."""
    start = 0
    for is_hit, some in groupby(steps, key=lambda step: step.kind == "hit"):
        stop = start + len(list(some))
        if not is_hit:
            yield start, stop
        start = stop


def _said(steps: Sequence[Step]) -> str:
    return " ".join(step.reference for step in steps if step.reference is not None)


def _heard(steps: Sequence[Step]) -> str:
    return " ".join(step.hypothesis for step in steps if step.hypothesis is not None)


def assign_blame(report: ScoreReport, find_evidence: Callable[[str], Evidence | None], judge: Judge) -> Blame:
    """Find the cause of every error.

    ``find_evidence`` returns that of an utterance id, or None where there is none.
    """
    errors: list[BlamedError] = []
    skipped = 0
    for index in report.worst:
        name = report.pairs.ids[index]
        evidence = find_evidence(name)
        steps = report.align(index)
        base = None if evidence is None else evidence.scorer.log_prob(evidence.emissions, _heard(steps))
        if evidence is None or base is None:
            skipped += report.normalized.words[index].errors
            continue
        errors += _blame_utterance(name, steps, evidence, base, judge)
    return Blame(errors, skipped)


def _blame_utterance(
    name: str, steps: Sequence[Step], evidence: Evidence, base: float, judge: Judge
) -> Iterator[BlamedError]:
    base_prior = judge.prior(_heard(steps))
    for start, stop in _stretches(steps):
        said, heard = _said(steps[start:stop]), _heard(steps[start:stop])
        corrected = " ".join(part for part in (_heard(steps[:start]), said, _heard(steps[stop:])) if part)
        prior_difference = base_prior - judge.prior(corrected)
        acoustic = evidence.scorer.log_prob(evidence.emissions, corrected)
        difference = None if acoustic is None else base - acoustic
        cause = _find_cause(said, difference, prior_difference, judge)
        known = difference if difference is not None and np.isfinite(difference) else None
        yield BlamedError(name, cause, said, heard, stop - start, known, prior_difference)


def _find_cause(said: str, difference: float | None, prior_difference: float, judge: Judge) -> str:
    if difference is None:
        return "vocabulary"
    if difference + prior_difference < -_TOLERANCE:
        return "search"
    if judge.vocabulary is not None and any(word not in judge.vocabulary for word in said.split()):
        return "vocabulary"
    return "language model" if difference < -_TOLERANCE else "acoustic model"
