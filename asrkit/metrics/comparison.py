"""Comparing two systems on the same references: is B better than A, and is it sure?

Source:
    Matched pairs (MAPSSWE): Gillick, Cox (ICASSP 1989), "Some statistical issues in the comparison of speech
    recognition algorithms", with the segments of NIST's sc_stats. Probability of improvement: Bisani, Ney (ICASSP
    2004).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asrkit.config import ScoringConfig
from asrkit.errors import ScoringError
from asrkit.metrics.alignment import trace
from asrkit.metrics.intervals import (
    FEWEST_TO_SETTLE,
    IntArray,
    Interval,
    choose_units,
    difference_interval,
    resample,
    swap_test,
)
from asrkit.metrics.normalizing import agree
from asrkit.metrics.scoring import ScoreReport, score
from asrkit.metrics.student import two_sided_p

# A segment ends where both systems have so many words right in a row.
_GOOD_WORDS = 2
_SWAPS = 10  # for each resample; they cost little


@dataclass(frozen=True)
class MatchedPairs:
    """The matched pairs sentence segment word error test."""

    num_segments: int  # stretches of speech in which a system errs
    mean: float  # mean difference of errors per segment, A minus B
    standard_deviation: float  # of that difference
    z: float | None  # the test statistic; positive when B is better. None when it is undefined
    p: float | None  # two-sided probability of so large a difference by chance, by Student's t; None when undefined


@dataclass(frozen=True)
class Comparison:
    """System B against system A on the same references.

    Args:
        a: Scores of the first system.
        b: Scores of the second.
        difference: WER of A minus WER of B; positive when B is better. None when undefined.
        interval: Of the difference.
        p: Two-sided probability of so large a difference if each unit (utterance or speaker) could as well have fallen
            the other way; None without an interval.
        num_apart: Units in which the systems do not make the same number of errors.
        probability_of_improvement: Share of resamples in which B makes fewer errors.
        matched_pairs: The MAPSSWE test.
        wins: Utterances with fewer errors in B.
        losses: Utterances with fewer errors in A.
        ties: Utterances with as many errors in both.
    """

    a: ScoreReport
    b: ScoreReport
    difference: float | None
    interval: Interval | None
    p: float | None
    num_apart: int
    probability_of_improvement: float | None
    matched_pairs: MatchedPairs
    wins: int
    losses: int
    ties: int

    @property
    def regressions(self) -> list[int]:
        """Places of the utterances in which B makes more errors than A, the widest apart first."""
        rise = self.b.normalized.words.errors - self.a.normalized.words.errors
        order = np.lexsort((np.arange(len(rise)), -rise))
        return [int(i) for i in order[: int((rise > 0).sum())]]

    @property
    def is_settled(self) -> bool:
        """Whether the interval of the difference leaves zero out, and swapping the systems at random says so too.

        Fewer than six units that differ never settle anything.
        """
        if self.interval is None or self.p is None or self.num_apart < FEWEST_TO_SETTLE:
            return False
        return not self.interval.low <= 0.0 <= self.interval.high and self.p <= 1.0 - self.interval.confidence

    @property
    def needed_utterances(self) -> int | None:
        """How many like these would settle the question at this difference; None when it is settled or there is none.

        They bring zero just outside the interval, whose width falls with the square root of their number.
        """
        return None if self._needed_share is None else math.ceil(self._needed_share * self.a.num_utterances)

    @property
    def needed_hours(self) -> float | None:
        """The same as hours of audio in all; None where durations are unknown."""
        return None if self._needed_share is None or self.a.hours is None else self._needed_share * self.a.hours

    @property
    def _needed_share(self) -> float | None:
        if self.is_settled or not self.difference or self.interval is None:
            return None
        share = ((self.interval.high - self.interval.low) / 2.0 / self.difference) ** 2
        return max(share, FEWEST_TO_SETTLE / self.interval.num_units) if share > 1.0 else None


def errors_by_place(letters: str) -> tuple[list[int], list[int]]:
    """Count the errors of an alignment, as ``trace`` spells it, by place in the reference.

    Returns:
        For each reference word 1 when it is wrong, and for each gap (before each word and at the end) the insertions.
    """
    words: list[int] = []
    gaps = [0]
    for letter in letters:
        if letter == "I":
            gaps[-1] += 1
        else:
            words.append(int(letter != "="))
            gaps.append(0)
    return words, gaps


def segment_differences(a: str, b: str, shared: str | None = None) -> list[tuple[int, int]]:
    """Cut one utterance into segments and count the errors of both systems in each.

    A segment begins with an error of either system and ends where both have two words right in a row, each in its own
    reading of the reference.

    Args:
        a: The alignment of the first system's hypothesis, in letters.
        b: That of the second.
        shared: The second system's reading of the reference aligned with the first's: "=" a word of both, "D" one of
            the first alone, "I" one of the second, "S" one of each; by default the readings are one.
    """
    (words_a, gaps_a), (words_b, gaps_b) = errors_by_place(a), errors_by_place(b)
    segments: list[tuple[int, int]] = []
    is_open, run = False, 0
    for errors_a, errors_b, is_word in _steps(words_a, gaps_a, words_b, gaps_b, shared):
        if errors_a or errors_b:
            last = segments.pop() if is_open else (0, 0)
            segments.append((last[0] + errors_a, last[1] + errors_b))
            is_open, run = True, 0
        elif is_word:
            run += 1
            is_open = is_open and run < _GOOD_WORDS
    return segments


def _steps(
    words_a: list[int], gaps_a: list[int], words_b: list[int], gaps_b: list[int], shared: str | None
) -> Iterator[tuple[int, int, bool]]:
    """Yield the errors of both systems in each gap and each word of either reading, and whether it is a word."""
    i = j = 0
    yield gaps_a[0], gaps_b[0], False
    for letter in "=" * len(words_a) if shared is None else shared:
        in_a, in_b = letter != "I", letter != "D"
        yield words_a[i] if in_a else 0, words_b[j] if in_b else 0, True
        i, j = i + in_a, j + in_b
        yield gaps_a[i] if in_a else 0, gaps_b[j] if in_b else 0, False


def match_pairs(differences: npt.NDArray[np.int64]) -> MatchedPairs:
    """Test whether the mean of the segments' differences is zero."""
    number = len(differences)
    mean = float(differences.mean()) if number else 0.0
    deviation = float(differences.std(ddof=1)) if number > 1 else 0.0
    if deviation == 0.0:
        return MatchedPairs(number, mean, deviation, None, None)
    z = mean / (deviation / math.sqrt(number))
    return MatchedPairs(number, mean, deviation, z, two_sided_p(z, number - 1))


def _all_segments(a: ScoreReport, b: ScoreReport) -> IntArray:
    differences: list[int] = []
    sides = (a.normalized.hypotheses, b.normalized.hypotheses, a.normalized.references, b.normalized.references)
    for hypothesis_a, hypothesis_b, reference_a, reference_b in zip(*sides, strict=True):
        if hypothesis_a == reference_a and hypothesis_b == reference_b:
            continue
        words_a, words_b = reference_a.split(), reference_b.split()
        letters_a = trace(hypothesis_a.split(), words_a, a.config.weights)
        letters_b = trace(hypothesis_b.split(), words_b, b.config.weights)
        shared = "=" * len(words_a) if reference_a == reference_b else trace(words_b, words_a)
        segments = segment_differences(letters_a, letters_b, shared)
        differences += [errors_a - errors_b for errors_a, errors_b in segments]
    return np.array(differences, np.int64)


def _count_both(a: ScoreReport, b: ScoreReport) -> IntArray:
    """Return errors and reference words of A, then of B, ``(utterances, 4)``."""
    tables = a.normalized.words, b.normalized.words
    return np.stack([column for table in tables for column in (table.errors, table.num_reference)], axis=1)


def _rates_apart(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return WER of A minus WER of B of each row of sums, leaving out those without words."""
    sums = sums[(sums[:, 1] > 0) & (sums[:, 3] > 0)]
    return np.asarray(sums[:, 0] / sums[:, 1] - sums[:, 2] / sums[:, 3])


def compare_reports(a: ScoreReport, b: ScoreReport) -> Comparison:
    """Compare two reports of the same references.

    Where references hold alternatives, each system keeps the reading that it fits best, as in NIST's sc_stats.

    Raises:
        ScoringError: The reports are of different utterances or references, or under different normalizers.
    """
    if a.pairs.ids != b.pairs.ids or a.pairs.references != b.pairs.references:
        raise ScoringError("the two reports are of different references and cannot be compared")
    labels = a.normalized.normalizer, b.normalized.normalizer
    if labels[0] != labels[1]:
        raise ScoringError(f"the two reports are under different normalizers, {' and '.join(labels)}; choose one")
    config = a.config
    values = _count_both(a, b)
    units, unit = choose_units(values, a.speakers)
    apart = _rates_apart(values.sum(axis=0, keepdims=True).astype(np.float64))
    difference = float(apart[0]) if len(apart) else None
    interval = p = probability = None
    if config.resamples and difference is not None:
        interval = difference_interval(units, config.confidence, unit)
    if interval is not None:
        p = swap_test(units, _SWAPS * config.resamples, config.seed)
        probability = float((_rates_apart(resample(units, config.resamples, config.seed)) > 0).mean())
    by_utterance = np.sign(values[:, 0] - values[:, 2])
    return Comparison(
        a,
        b,
        difference,
        interval,
        p,
        int((units[:, 0] != units[:, 2]).sum()),
        probability,
        match_pairs(_all_segments(a, b)),
        int((by_utterance > 0).sum()),
        int((by_utterance < 0).sum()),
        int((by_utterance == 0).sum()),
    )


def compare(
    first: Path | str | Sequence[str],
    second: Path | str | Sequence[str],
    references: Path | str | Sequence[str],
    config: ScoringConfig | None = None,
    *,
    format: str = "auto",
    speakers: Path | str | None = None,
) -> Comparison:
    """Compare the hypotheses of two systems, see :class:`Comparison`.

    Each is a file, a folder or texts; arguments and errors are those of :func:`asrkit.metrics.scoring.score`.
    """
    return compare_reports(*score_systems([first, second], references, config, format=format, speakers=speakers))


def score_systems(
    systems: Sequence[Path | str | Sequence[str]],
    references: Path | str | Sequence[str],
    config: ScoringConfig | None = None,
    *,
    format: str = "auto",
    speakers: Path | str | None = None,
) -> list[ScoreReport]:
    """Score several systems in one and the same form, so that they can be compared; see :func:`score`."""
    config, notes = agree(config or ScoringConfig(), [str(one) for one in systems if isinstance(one, str | Path)])
    reports = [score(system, references, config, format=format, speakers=speakers) for system in systems]
    return [replace(report, notes=(*notes, *report.notes)) for report in reports]
