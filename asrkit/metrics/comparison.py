"""Comparing two systems on the same references: is B better than A, and is it sure?

Source:
    Matched pairs (MAPSSWE): Gillick, Cox (ICASSP 1989), "Some statistical issues in the comparison of speech
    recognition algorithms", with the segments of NIST's sc_stats. Probability of improvement: Bisani, Ney (ICASSP
    2004).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asrkit.config import ScoringConfig
from asrkit.errors import ScoringError
from asrkit.metrics.alignment import trace
from asrkit.metrics.intervals import FEWEST_SPEAKERS, IntArray, Interval, pool_by, resample
from asrkit.metrics.scoring import ScoreReport, score

# A segment ends where both systems have so many words right in a row.
_GOOD_WORDS = 2


@dataclass(frozen=True)
class MatchedPairs:
    """The matched pairs sentence segment word error test.

    Args:
        num_segments: Stretches of speech in which a system errs.
        mean: Mean difference of errors per segment, A minus B.
        standard_deviation: Of that difference.
        z: The test statistic; positive when B is better. None when it is undefined.
        p: Two-sided probability of so large a difference by chance; None when undefined.
    """

    num_segments: int
    mean: float
    standard_deviation: float
    z: float | None
    p: float | None


@dataclass(frozen=True)
class Comparison:
    """System B against system A on the same references.

    Args:
        a: Scores of the first system.
        b: Scores of the second.
        difference: WER of A minus WER of B; positive when B is better. None when undefined.
        interval: Of the difference, from resamples that both systems share.
        probability_of_improvement: Share of resamples in which B makes fewer errors.
        matched_pairs: The MAPSSWE test.
        wins: Utterances with fewer errors in B.
        losses: Utterances with fewer errors in A.
        ties: Utterances with as many errors in both.
        needed_utterances: How many utterances like these would settle the question at this difference; None when it
            is settled or there is no difference.
        needed_hours: The same as hours of audio in all, where durations are known.
    """

    a: ScoreReport
    b: ScoreReport
    difference: float | None
    interval: Interval | None
    probability_of_improvement: float | None
    matched_pairs: MatchedPairs
    wins: int
    losses: int
    ties: int
    needed_utterances: int | None
    needed_hours: float | None

    @property
    def is_settled(self) -> bool:
        """Whether the interval of the difference leaves zero out."""
        return self.interval is not None and not self.interval.low <= 0.0 <= self.interval.high


def errors_by_place(letters: str) -> tuple[list[int], list[int]]:
    """Count the errors of an alignment by place in the reference.

    Args:
        letters: As :func:`asrkit.metrics.alignment.trace` spells it.

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


def segment_differences(a: str, b: str) -> list[tuple[int, int]]:
    """Cut one utterance into segments and count the errors of both systems in each.

    A segment begins with an error of either system and ends where both have two words right in a row.

    Args:
        a: The alignment of the first system's hypothesis, in letters.
        b: That of the second.
    """
    (words_a, gaps_a), (words_b, gaps_b) = errors_by_place(a), errors_by_place(b)
    segments: list[tuple[int, int]] = []
    is_open, run = False, 0
    for place in range(len(gaps_a)):
        steps = [(gaps_a[place], gaps_b[place], False)]
        if place < len(words_a):
            steps.append((words_a[place], words_b[place], True))
        for errors_a, errors_b, is_word in steps:
            if errors_a or errors_b:
                last = segments.pop() if is_open else (0, 0)
                segments.append((last[0] + errors_a, last[1] + errors_b))
                is_open, run = True, 0
            elif is_word:
                run += 1
                is_open = is_open and run < _GOOD_WORDS
    return segments


def match_pairs(differences: npt.NDArray[np.int64]) -> MatchedPairs:
    """Test whether the mean of the segments' differences is zero."""
    number = len(differences)
    mean = float(differences.mean()) if number else 0.0
    deviation = float(differences.std(ddof=1)) if number > 1 else 0.0
    if deviation == 0.0:
        return MatchedPairs(number, mean, deviation, None, None)
    z = mean / (deviation / math.sqrt(number))
    return MatchedPairs(number, mean, deviation, z, math.erfc(abs(z) / math.sqrt(2.0)))


def _all_segments(a: ScoreReport, b: ScoreReport) -> IntArray:
    differences: list[int] = []
    texts = zip(a.normalized.hypotheses, b.normalized.hypotheses, a.normalized.references, strict=True)
    for hypothesis_a, hypothesis_b, reference in texts:
        if hypothesis_a == hypothesis_b == reference:
            continue
        words = reference.split()
        letters = [trace(text.split(), words, a.config.weights) for text in (hypothesis_a, hypothesis_b)]
        differences += [errors_a - errors_b for errors_a, errors_b in segment_differences(*letters)]
    return np.array(differences, np.int64)


def _paired_interval(
    values: IntArray, config: ScoringConfig, unit: str
) -> tuple[Interval | None, float | None, float | None]:
    """Return the interval of the difference, the probability of improvement, and the error of the difference."""
    if config.resamples == 0 or len(values) < 2 or values[:, 2].sum() == 0:
        return None, None, None
    sums = resample(values, config.resamples, config.seed)
    sums = sums[sums[:, 2] > 0]
    differences = (sums[:, 0] - sums[:, 1]) / sums[:, 2]
    tail = (1.0 - config.confidence) / 2.0
    low, high = np.quantile(differences, [tail, 1.0 - tail])
    interval = Interval(float(low), float(high), config.confidence, unit, len(values))
    return interval, float((differences > 0).mean()), float(differences.std())


def _needed_share(difference: float | None, interval: Interval | None, deviation: float | None) -> float | None:
    """Return how many times as much audio would bring zero just outside the interval.

    The width of an interval falls with the square root of the number of utterances.
    """
    if not difference or interval is None or not deviation or not interval.low <= 0.0 <= interval.high:
        return None
    half_width = (interval.high - interval.low) / 2.0
    return (half_width / abs(difference)) ** 2


def compare_reports(a: ScoreReport, b: ScoreReport) -> Comparison:
    """Compare two reports of the same references.

    Raises:
        ScoringError: The reports are of different utterances or references.
    """
    if a.pairs.ids != b.pairs.ids or a.pairs.references != b.pairs.references:
        raise ScoringError("the two reports are of different references and cannot be compared")
    table_a, table_b = a.normalized.words, b.normalized.words
    if a.normalized.references != b.normalized.references:
        raise ScoringError(
            "the references hold alternatives that the two systems resolve differently; compare them without "
            "the notation, from id lines instead of trn or stm"
        )
    values = np.stack([table_a.errors, table_b.errors, table_a.num_reference], axis=1)
    unit, grouped = "utterance", values
    if a.speakers is not None and len(set(a.speakers)) >= FEWEST_SPEAKERS:
        unit, grouped = "speaker", pool_by(values, a.speakers)
    interval, probability, deviation = _paired_interval(grouped, a.config, unit)
    total = int(values[:, 2].sum())
    difference = int((values[:, 0] - values[:, 1]).sum()) / total if total else None
    share = _needed_share(difference, interval, deviation)
    hours = total_hours(a)
    by_utterance = np.sign(values[:, 0] - values[:, 1])
    return Comparison(
        a,
        b,
        difference,
        interval,
        probability,
        match_pairs(_all_segments(a, b)),
        int((by_utterance > 0).sum()),
        int((by_utterance < 0).sum()),
        int((by_utterance == 0).sum()),
        None if share is None else math.ceil(share * len(values)),
        None if share is None or hours is None else share * hours,
    )


def total_hours(report: ScoreReport) -> float | None:
    """Return the hours of audio scored, or None when a duration is unknown."""
    durations = report.pairs.columns.get("duration_s")
    if not durations or any(value is None for value in durations):
        return None
    return float(sum(durations)) / 3600.0


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

    Args:
        first: Hypotheses of system A; a file, a folder or texts.
        second: Hypotheses of system B.
        references: True texts.
        config: How to score.
        format: As for :func:`asrkit.metrics.scoring.score`.
        speakers: As for :func:`asrkit.metrics.scoring.score`.

    Raises:
        MissingPathError: A path does not exist.
        ScoringError: Files cannot be read or joined.
        ConfigError: A setting is unknown.
    """
    a = score(first, references, config, format=format, speakers=speakers)
    return compare_reports(a, score(second, references, config, format=format, speakers=speakers))
