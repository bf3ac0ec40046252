"""How sure a word is, however long the recording it stands in, and how many errors a run is to be expected to have.

A word is judged by its own sound: how well the emissions of its own time agree with its spelling. That does not
saturate as shares of an n-best list do, and costs little beside the network. A logistic map fitted on a dev set turns
it into the probability that the word is right; sums of these are the expected errors of a run.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from asrkit.alignment import Aligner
from asrkit.audio import FloatArray
from asrkit.config import Calibration, DecodingConfig
from asrkit.decoder import BeamSearchDecoder, Word
from asrkit.errors import DecodingError
from asrkit.metrics.alignment import trace
from asrkit.metrics.confidence import expected_calibration_error, reliability
from asrkit.text import Lexicon, Normalizer, Symbols, WordRule, get_normalizer

DoubleArray = npt.NDArray[np.float64]

_AROUND_STEPS = 2  # the search's times are those of the most likely alignment; the sum over all needs some room
_MOST_NATS = 3.0  # per letter: what is worse than this is no worse a word
_WIDEST_NATS = 100.0  # half an interval of a rate; any wider tells no more
_NEIGHBORS = 2  # words on either side: where the sound is bad, it is so for a while
_RIDGE = 1e-3
_NEWTON_STEPS = 30
_LEAST_WORDS = 200  # of a dev set, right and wrong ones at least a tenth of it
_GROUP_WORDS = 50  # speakers with fewer say little
_LEAST_SPREAD = 0.15  # what few speakers show of all others' is too little
_Z = 1.96  # of an interval of 95 %


class WordListener:
    """Measures how well words agree with what was heard."""

    def __init__(self, symbols: Symbols, lexicon: Lexicon | None = None) -> None:
        self.symbols = symbols
        self._aligner = Aligner(symbols, lexicon)
        self._blank = symbols.blank_index
        self._empty = [i for i, spelling in enumerate(symbols.spellings) if spelling is None or not spelling.text]

    def listen(self, emissions: FloatArray, words: Sequence[Word]) -> DoubleArray:
        """Return what the map of a ``Calibration`` weighs.

        Args:
            emissions: ``(steps, symbols)`` natural log-probabilities of a whole recording.
            words: Its words in their order.

        Returns:
            ``(words, 4)``: the root of the nats that a letter of the word lacks, these nats, the logarithm of its
            letters, and the root of the nats that letters of the words around it lack.
        """
        if not words:
            return np.zeros((0, 4))
        nats = np.array(self._nats(emissions, words))
        around = np.array([_mean_around(nats, place) for place in range(len(nats))])
        letters = np.log([max(1, len(word.text)) for word in words])
        return np.column_stack([np.sqrt(nats), nats, letters, np.sqrt(around)])

    def _nats(self, emissions: FloatArray, words: Sequence[Word]) -> list[float]:
        """Return -ln P(spelling | sound) per letter of each word; what writes nothing counts as the blank."""
        heard = np.asarray(emissions, np.float32).copy()
        heard[:, self._blank] = np.logaddexp.reduce(emissions[:, self._empty], axis=1)
        ends = [0, *(word.end_step for word in words)]
        starts = [*(word.start_step for word in words), len(emissions)]
        nats = []
        for place, word in enumerate(words):
            begin = max(ends[place], word.start_step - _AROUND_STEPS)
            end = min(starts[place + 1], word.end_step + _AROUND_STEPS)
            score = self._aligner.log_prob(heard[begin:end], word.text) if begin < end else None
            missing = math.inf if score is None else max(0.0, -score)
            nats.append(min(_MOST_NATS, missing / max(1, len(word.text))))
        return nats


def _mean_around(nats: DoubleArray, place: int) -> float:
    """Return the mean of the neighbors of a word, of a lonely one its own."""
    begin = max(0, place - _NEIGHBORS)
    others = np.delete(nats[begin : place + _NEIGHBORS + 1], place - begin)
    return float(others.mean() if len(others) else nats[place])


class WordJudge:
    """Tells how sure words are."""

    def __init__(self, symbols: Symbols, calibration: Calibration, lexicon: Lexicon | None = None) -> None:
        self._listener = WordListener(symbols, lexicon)
        self._calibration = calibration

    def judge(self, emissions: FloatArray, words: Sequence[Word]) -> list[float]:
        """Return the probability that each word is right; arguments as of ``WordListener.listen``."""
        return confidences(self._calibration, self._listener.listen(emissions, words))


def confidences(calibration: Calibration, heard: DoubleArray) -> list[float]:
    """Return the probability that each word is right, of what ``WordListener.listen`` heard of it."""
    return list(map(float, _logistic(np.array(calibration.weights), heard)))


def _logistic(weights: DoubleArray, heard: DoubleArray) -> DoubleArray:
    return np.asarray(1.0 / (1.0 + np.exp(np.clip(-weights[0] - (heard * weights[1:]).sum(axis=1), -50.0, 50.0))))


class Doubt(NamedTuple):
    """Sums over words: how many, how many of them are wrong by their confidences, and the variance of that."""

    num_words: int = 0
    wrong: float = 0.0
    variance: float = 0.0

    @classmethod
    def of(cls, values: Sequence[float]) -> Doubt:
        """Return those of some words by their confidences."""
        return cls(len(values), sum(1.0 - c for c in values), sum(c * (1.0 - c) for c in values))


@dataclass(frozen=True)
class ExpectedErrors:
    """What the confidences say of word errors, without references."""

    errors: float  # how many are to be expected, words missed among them
    num_words: float  # words that were said, as far as one can tell
    deviation: float  # standard deviation of the errors of a voice that the model knows as well as those of the dev set
    spread: float  # standard deviation of ln(errors / expected errors) from voice to voice

    @classmethod
    def of(cls, calibration: Calibration, doubts: Sequence[Doubt]) -> ExpectedErrors:
        """Add up what is to be expected of recordings."""
        wrong = math.fsum(doubt.wrong for doubt in doubts)
        num_words = sum(doubt.num_words for doubt in doubts)
        factor = 1.0 + calibration.deletions
        return cls(
            errors=wrong * factor,
            num_words=num_words + wrong * (calibration.deletions - calibration.insertions),
            deviation=factor * math.sqrt(calibration.clumping * math.fsum(doubt.variance for doubt in doubts)),
            spread=calibration.spread,
        )

    @property
    def rate(self) -> float | None:
        """Word error rate; None where there are no words."""
        return self.errors / self.num_words if self.num_words > 0 else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the word error rate lies in 95 of 100 cases."""
        if not self.rate:
            return None
        width = math.exp(min(_WIDEST_NATS, _Z * math.hypot(self.spread, self.deviation / self.errors)))
        return self.rate / width, min(self.rate * width, max(1.0, self.rate))

    def __add__(self, other: ExpectedErrors) -> ExpectedErrors:
        return ExpectedErrors(
            self.errors + other.errors,
            self.num_words + other.num_words,
            math.hypot(self.deviation, other.deviation),
            max(self.spread, other.spread),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        low, high = self.interval or (None, None)
        values = {"word_error_rate": self.rate, "low": low, "high": high, **vars(self)}
        return {name: None if value is None else round(value, 4) for name, value in values.items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ExpectedErrors:
        """Read what ``to_dict`` returned."""
        return cls(*(float(values[name]) for name in ("errors", "num_words", "deviation", "spread")))

    def __str__(self) -> str:
        if self.rate is None or self.interval is None:
            return "no words to estimate the WER from"
        low, high = self.interval
        return f"estimated WER {self.rate:.1%} [{low:.1%}, {high:.1%}]"


class Judged(NamedTuple):
    """An utterance of the dev set: what was heard of its words, which are right, and what was missed or too many.

    ``heard`` is what ``WordListener.listen`` returns, ``right`` 1 or 0 of each of these words, ``(words,)``.
    """

    heard: DoubleArray
    right: DoubleArray
    deletions: int
    insertions: int
    speaker: str | None = None

    @property
    def errors(self) -> int:
        """Word errors: substitutions, insertions and deletions."""
        return int(len(self.right) - self.right.sum()) + self.deletions


def judge_dev_set(
    decoder: BeamSearchDecoder,
    emissions: Sequence[FloatArray],
    references: Sequence[str],
    *,
    normalizer: Normalizer | None = None,
    speakers: Sequence[str | None] | None = None,
    threads: int | None = None,
) -> list[Judged | None]:
    """Decode a dev set and tell of each utterance which words are right.

    Args:
        decoder: Finds the words, with the settings that a calibration is to hold for.
        emissions: ``(steps, symbols)`` of each utterance.
        references: What was said, in the form in which the normalizer compares texts.
        normalizer: What decoded words pass before they are compared; default: the standard one, of English.
        speakers: Who speaks, where it is known: tells how much the errors of voices differ from what is expected.
        threads: Threads that decode; all cores by default.

    Returns:
        What was heard of each utterance; None where its words are not those that are scored.
    """
    listener = WordListener(decoder.symbols, decoder.lexicon)
    normalizer = normalizer or get_normalizer("standard")
    decoded = decoder.decode_batch(emissions, threads=threads or os.cpu_count() or 1)
    return [
        _judge(listener, normalizer, array, reference, hypotheses[0].words if hypotheses else (), speaker)
        for array, reference, hypotheses, speaker in zip(
            emissions, references, decoded, speakers or [None] * len(references), strict=True
        )
    ]


def calibrate(judged: Sequence[Judged | None], config: DecodingConfig, *, lm: str) -> Calibration:
    """Learn from judged utterances how sure words are.

    Args:
        judged: What ``judge_dev_set`` tells of them.
        config: The settings that the words were found with.
        lm: Fingerprint of the language model.

    Raises:
        DecodingError: There are too few words, or too few right or wrong ones, to learn from.
    """
    kept = [one for one in judged if one is not None]
    num_words, num_right = sum(len(one.right) for one in kept), sum(one.right.sum() for one in kept)
    if num_words < _LEAST_WORDS or not 0.1 * _LEAST_WORDS <= num_right <= num_words - 0.1 * _LEAST_WORDS:
        raise DecodingError(
            f"{num_words:,} words, {int(num_right):,} of them right, are too few of a kind to calibrate confidences on"
        )
    weights = _fit(kept)
    num_wrong = num_words - num_right
    deletions, insertions = (
        sum(getattr(one, name) for one in kept) / num_wrong for name in ("deletions", "insertions")
    )
    expected = [_expected(weights, one, deletions) for one in kept]
    clumping = sum((one.errors - mean) ** 2 for one, (mean, _) in zip(kept, expected, strict=True))
    clumping = max(1.0, clumping / max(1e-9, sum(variance for _, variance in expected)))
    return Calibration(
        lm=lm,
        **{name: getattr(config, name) for name in ("lm_weight", "word_bonus", "prior_scale")},
        **{name: getattr(config, name) for name in ("unknown_weight", "unknown_bonus", "beam", "mode")},
        weights=tuple(float(round(weight, 6)) for weight in weights),
        deletions=round(deletions, 4),
        insertions=round(insertions, 4),
        spread=round(_spread(kept, expected, clumping), 4),
        clumping=round(clumping, 4),
        error=round(_held_out_error(kept), 4),
        num_words=num_words,
    )


def _judge(
    listener: WordListener,
    normalizer: Normalizer,
    emissions: FloatArray,
    reference: str,
    words: Sequence[Word],
    speaker: str | None,
) -> Judged | None:
    """Return what is right of an utterance; None where its words are not those that are scored."""
    # Some models write capitals, digits and signs, which references do not have.
    texts = [word.text if word.text in reference else normalizer(word.text) for word in words]
    if any(len(text.split()) != 1 for text in texts):
        return None
    said = list(reference.replace(" ", "")) if listener.symbols.words is WordRule.NONE else reference.split()
    steps = trace(texts, said)
    right = np.array([step == "=" for step in steps if step != "D"], float)
    return Judged(listener.listen(emissions, words), right, steps.count("D"), steps.count("I"), speaker)


def _fit(judged: Sequence[Judged]) -> DoubleArray:
    """Return the weights of the most likely logistic map, by Newton's method."""
    heard, right = np.concatenate([one.heard for one in judged]), np.concatenate([one.right for one in judged])
    mean, deviation = heard.mean(axis=0), heard.std(axis=0) + 1e-9
    inputs = np.column_stack([np.ones(len(heard)), (heard - mean) / deviation])
    ridge = _RIDGE * len(right) * np.diag([0.0, *np.ones(heard.shape[1])])
    weights = np.zeros(inputs.shape[1])
    for _ in range(_NEWTON_STEPS):
        sure = 1.0 / (1.0 + np.exp(-inputs @ weights))
        slope = inputs.T @ (right - sure) - ridge @ weights
        weights = weights + np.linalg.solve((inputs.T * (sure * (1.0 - sure))) @ inputs + ridge, slope)
    plain = weights[1:] / deviation
    return np.array([weights[0] - plain @ mean, *plain])


def _expected(weights: DoubleArray, judged: Judged, deletions: float) -> tuple[float, float]:
    """Return the errors to be expected in an utterance, and their variance if words were wrong by chance alone."""
    sure = _logistic(weights, judged.heard)
    factor = 1.0 + deletions
    return factor * float((1.0 - sure).sum()), factor**2 * float((sure * (1.0 - sure)).sum())


def _held_out_error(judged: Sequence[Judged]) -> float:
    """Return the expected calibration error of maps fitted on one half of the utterances, on the other, both ways."""
    order = np.random.default_rng(1).permutation(len(judged))
    halves = [[judged[i] for i in part] for part in np.array_split(order, 2)]
    errors = []
    for fitted, other in (halves, halves[::-1]):
        sure = _logistic(_fit(fitted), np.concatenate([one.heard for one in other]))
        errors.append(expected_calibration_error(reliability(sure, np.concatenate([one.right for one in other]))))
    return float(np.mean(errors))


def _spread(judged: Sequence[Judged], expected: Sequence[tuple[float, float]], clumping: float) -> float:
    """Return how much the errors of voices differ from what is expected, beyond chance; see ``Calibration``."""
    sums: dict[str | None, list[float]] = {}
    for one, (mean, variance) in zip(judged, expected, strict=True):
        total = sums.setdefault(one.speaker, [0.0, 0.0, 0.0, 0.0])
        for place, value in enumerate((len(one.right), one.errors, mean, variance)):
            total[place] += value
    squares = [
        ((errors - mean) ** 2 - clumping * variance) / mean**2
        for num_words, errors, mean, variance in sums.values()
        if num_words >= _GROUP_WORDS and mean > 0
    ]
    return max(_LEAST_SPREAD, math.sqrt(max(0.0, float(np.mean(squares))))) if len(squares) > 1 else _LEAST_SPREAD * 2
