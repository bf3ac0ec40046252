"""What the recognizer itself says: how good its n-best lists could be, and whether its confidences can be believed.

Source:
    Normalized cross entropy: NIST, SCTK. Expected calibration error: Guo et al. (ICML 2017, arXiv 1706.04599).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from asrkit.metrics.counting import count_pairs
from asrkit.metrics.normalizing import normalize_each
from asrkit.metrics.scoring import ScoreReport
from asrkit.metrics.transcripts.fields import text_of_alternative

_DEPTHS = (1, 2, 3, 5, 10, 20, 50, 100)
_BINS = 10
_ROUNDING = 1e-3  # beyond 0 and 1; what lies further out, such as percents and costs, is no probability
_LEAST = 1e-6  # confidences of exactly 0 or 1 would make the cross entropy infinite


@dataclass(frozen=True)
class Oracle:
    """The WER of always choosing the best of the first so many hypotheses."""

    depth: int  # how many hypotheses to choose from
    errors: int  # errors of the best ones
    rate: float | None  # the same per reference word; None when undefined
    # Places of the utterances in which the best of them has fewer errors than the first.
    better: list[int] = field(default_factory=list, repr=False)


@dataclass(frozen=True)
class Bin:
    """Words of similar confidence."""

    low: float
    high: float
    count: int
    mean_confidence: float
    share_right: float


@dataclass(frozen=True)
class Calibration:
    """Whether word confidences mean what they say."""

    num_words: int  # words with a confidence
    num_skipped: int  # utterances left out because their words could not be matched with their text
    share_right: float  # of these words
    # 1 is perfect, 0 tells nothing, below 0 misleads; None when all or none are right.
    normalized_cross_entropy: float | None
    expected_calibration_error: float  # mean distance of confidence and truth over ten equal bins
    brier_score: float  # mean squared distance of confidence and truth
    # Probability that a right word is more confident than a wrong one; None without both.
    area_under_curve: float | None
    bins: list[Bin]  # the reliability table


def oracle_rates(report: ScoreReport) -> list[Oracle]:
    """Return the oracle WER for growing n-best lists; empty where the hypotheses carry no such lists."""
    lists = report.pairs.columns.get("nbest")
    if not lists:
        return []
    texts: list[str] = []
    owners: list[int] = []
    ranks: list[int] = []
    for index, entries in enumerate(lists):
        said = [text_of_alternative(entry) for entry in entries] if isinstance(entries, list) else []
        # A list of one is not written down.
        candidates = [text for text in said if text is not None] or [report.pairs.hypotheses[index]]
        texts += candidates
        owners += [index] * len(candidates)
        ranks += range(len(candidates))
    references = [report.normalized.references[index] for index in owners]
    texts = normalize_each(texts, [report.normalizers[index] for index in owners])
    errors = count_pairs(texts, references, "word", report.config.weights).errors
    total = report.normalized.words.total().num_reference
    first = errors[np.array(ranks) == 0]
    oracles = []
    deepest = max(ranks, default=0) + 1
    for depth in [*(d for d in _DEPTHS if d < deepest), deepest]:
        best = np.full(len(lists), np.iinfo(np.int64).max)
        allowed = np.array(ranks) < depth
        np.minimum.at(best, np.array(owners)[allowed], errors[allowed])
        rate = float(best.sum() / total) if total else None
        oracles.append(Oracle(depth, int(best.sum()), rate, np.flatnonzero(best < first).tolist()))
    return oracles


def match_words(report: ScoreReport) -> list[list[dict[str, Any]] | None]:
    """Return for each utterance what the recognizer says of each word of the normalized hypothesis.

    None where it says nothing, or its words are not those of the text. What normalizing makes several words of, such as
    ``10:30``, stands for each of them.
    """
    lists = [_as_words(words) for words in report.pairs.columns.get("words", [None] * report.num_utterances)]
    own = {id(one): one for one in report.normalizers}
    keys = list(
        {
            (id(one), str(word.get("word", "")))
            for one, words in zip(report.normalizers, lists, strict=True)
            for word in words or ()
        }
    )
    forms = dict(zip(keys, normalize_each([name for _, name in keys], [own[one] for one, _ in keys]), strict=True))
    matched: list[list[dict[str, Any]] | None] = []
    for one, words, text in zip(report.normalizers, lists, report.normalized.hypotheses, strict=True):
        pairs = [(word, form) for word in words or () for form in forms[id(one), str(word.get("word", ""))].split()]
        is_text = words is not None and [form for _, form in pairs] == text.split()
        matched.append([word for word, _ in pairs] if is_text else None)
    return matched


def _as_words(value: Any) -> list[dict[str, Any]] | None:
    return value if isinstance(value, list) and all(isinstance(word, dict) for word in value) else None


def _right_words(report: ScoreReport) -> tuple[list[float], list[bool], int]:
    """Return the confidence of each hypothesis word, whether it is right, and how many utterances were skipped."""
    confidences: list[float] = []
    right: list[bool] = []
    skipped = 0
    told = report.pairs.columns.get("words", [])
    for index, (words, matched) in enumerate(zip(told, match_words(report) if told else (), strict=True)):
        if not isinstance(words, list):
            continue
        values: list[Any] = [word.get("confidence") for word in matched or ()]
        is_usable = matched is not None and len(matched) == len(words)
        if not is_usable or not all(isinstance(v, int | float) and -_ROUNDING <= v <= 1.0 + _ROUNDING for v in values):
            skipped += 1
            continue
        confidences += [float(value) for value in values]
        right += [step.kind == "hit" for step in report.align(index) if step.hypothesis is not None]
    return confidences, right, skipped


def calibrate(report: ScoreReport) -> Calibration | None:
    """Compare word confidences with the truth; None where the hypotheses carry no confidences."""
    confidences, right, skipped = _right_words(report)
    if not confidences:
        return None
    values = np.clip(np.array(confidences), 0.0, 1.0)
    truth = np.array(right, float)
    bins = reliability(values, truth)
    return Calibration(
        len(values),
        skipped,
        float(truth.mean()),
        normalized_cross_entropy(values, truth),
        expected_calibration_error(bins),
        float(np.mean((values - truth) ** 2)),
        _area_under_curve(values, truth),
        bins,
    )


def normalized_cross_entropy(confidences: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> float | None:
    """Return how much the confidences tell beyond the share of right words, ``(Hmax - H) / Hmax``."""
    share = float(right.mean())
    if share in (0.0, 1.0):
        return None
    values = np.clip(confidences, _LEAST, 1.0 - _LEAST)
    most = -(share * np.log2(share) + (1 - share) * np.log2(1 - share)) * len(right)
    entropy = -float(np.sum(np.where(right > 0, np.log2(values), np.log2(1.0 - values))))
    return float((most - entropy) / most)


def expected_calibration_error(bins: list[Bin]) -> float:
    """Return the mean distance of confidence and truth, by words."""
    return sum(b.count * abs(b.mean_confidence - b.share_right) for b in bins) / sum(b.count for b in bins)


def reliability(confidences: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> list[Bin]:
    """Return how many words of similar confidence, from 0 to 1, are right, each 1 or 0."""
    place = np.minimum((confidences * _BINS).astype(int), _BINS - 1)
    bins = []
    for k in range(_BINS):
        inside = place == k
        if inside.any():
            mean, share = float(confidences[inside].mean()), float(right[inside].mean())
            bins.append(Bin(k / _BINS, (k + 1) / _BINS, int(inside.sum()), mean, share))
    return bins


def _area_under_curve(confidences: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> float | None:
    """Return the Mann-Whitney statistic; ties count half."""
    _, inverse, counts = np.unique(confidences, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[inverse]
    num_right, num_wrong = float(right.sum()), float(len(right) - right.sum())
    if not num_right or not num_wrong:
        return None
    return float((ranks[right > 0].sum() - num_right * (num_right + 1) / 2) / (num_right * num_wrong))
