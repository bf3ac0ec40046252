"""Decoding settings that fit a model, a language model and a dev set: a search, and the frontier of error and speed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from asrkit.audio import FloatArray
from asrkit.config import DecodingConfig
from asrkit.decoder import BeamSearchDecoder
from asrkit.decoder.emissions import check_batch
from asrkit.errors import DecodingError
from asrkit.metrics import CountTable, ErrorCounts, count_pairs
from asrkit.metrics.intervals import resample
from asrkit.text import Lexicon, Normalizer, Symbols, get_normalizer

if TYPE_CHECKING:
    from asrkit.language_model import NgramModel


# Lowest and highest value tried.
_RANGES: dict[str, tuple[float, float]] = {
    "lm_weight": (0.1, 1.6),
    "word_bonus": (-1.0, 4.0),
    "prior_scale": (0.0, 1.0),
    "unknown_weight": (0.4, 1.6),
    "unknown_bonus": (-5.0, 1.0),
}
_SHRINK = 3  # each rung keeps one in so many candidates and gives them so many times the utterances
_MAX_SEARCH_UTTERANCES = 400
_FIRST_STEPS: dict[str, float] = {
    "lm_weight": 0.15,
    "word_bonus": 0.4,
    "prior_scale": 0.15,
    "unknown_weight": 0.15,
    "unknown_bonus": 0.8,
}
_REFINEMENTS = 2  # rounds of steps around the best, half as long each time
_LADDER = (
    *(("fast", beam) for beam in (5, 10, 25, 50, 100)),
    *(("accurate", beam) for beam in (10, 25, 50, 100, 200, 400)),
    *(("thorough", beam) for beam in (400, 800)),
)
_RESAMPLES = 2_000
_CONFIDENCE = 0.95
_TOLERATED_RISE = 0.02  # small dev sets find no difference significant: this share of the error rate is the most


@dataclass(frozen=True)
class Trial:
    """One setting on the whole dev set.

    Args:
        config: The setting.
        counts: Its word errors.
        speed: Seconds of audio decoded in a second of one core.
        is_on_frontier: No other setting is both faster and better.
        is_worse: Significantly worse than the best, or by more than the tolerated share.
    """

    config: DecodingConfig
    counts: ErrorCounts
    speed: float
    is_on_frontier: bool = False
    is_worse: bool = False

    @property
    def word_error_rate(self) -> float:
        """Errors over reference words."""
        return self.counts.errors / max(self.counts.num_reference, 1)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "mode": self.config.mode,
            "beam": self.config.beam,
            "word_error_rate": self.word_error_rate,
            "speed": self.speed,
            "is_on_frontier": self.is_on_frontier,
            "is_worse": self.is_worse,
        }


@dataclass(frozen=True)
class TuningResult:
    """What tuning found.

    Args:
        trials: Beams and modes with the best weights, in the order they were tried.
        best: The trial with the fewest errors.
        chosen: The fastest trial that is not worse than the best.
        before: The settings that the search began with, on the whole dev set.
        num_tried: Sets of weights that were tried.
        num_utterances: Size of the dev set.
        others: Beams that were asked for, each with the weights found for it alone.
    """

    trials: tuple[Trial, ...]
    best: Trial
    chosen: Trial
    before: Trial
    num_tried: int
    num_utterances: int
    others: tuple[Trial, ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        """The chosen settings, as a bundle stores them."""
        return _stored(self.chosen.config)

    @property
    def settings_of_others(self) -> list[dict[str, Any]]:
        """Those of the other beams."""
        return [_stored(trial.config) for trial in self.others]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "settings": self.settings,
            "word_error_rate_before": self.before.word_error_rate,
            "chosen": self.chosen.to_dict(),
            "best": self.best.to_dict(),
            "trials": [trial.to_dict() for trial in self.trials],
            "others": [{**trial.to_dict(), "settings": _stored(trial.config)} for trial in self.others],
            "num_tried": self.num_tried,
            "num_utterances": self.num_utterances,
        }


def _stored(config: DecodingConfig) -> dict[str, Any]:
    return {name: getattr(config, name) for name in (*_RANGES, "log_priors", "beam", "mode")}


def tune_decoding(
    emissions: Sequence[FloatArray],
    references: Sequence[str],
    symbols: Symbols,
    lm: NgramModel,
    *,
    step_ms: float,
    normalizer: Normalizer | None = None,
    lexicon: Lexicon | None = None,
    config: DecodingConfig | None = None,
    num_candidates: int = 54,
    other_beams: Sequence[int] = (),
    seed: int = 1,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> TuningResult:
    """Search the weights of the language model, then the beam.

    Weights are found by successive halving on growing parts of the dev set, then by small steps around the best.
    Beams and pruning modes are then tried on all of it, and the same once more from the best of them, as a wider beam
    bears other weights. The same seed gives the same weights.

    Args:
        emissions: ``(steps, symbols)`` natural log-probabilities of each dev utterance.
        references: What was said, in the form in which the normalizer compares texts.
        symbols: Outputs of the emissions.
        lm: The language model.
        step_ms: Milliseconds per step, for the speed.
        normalizer: What decoded texts pass before they are compared; default: the standard one, of English.
        lexicon: How words are said, where the outputs are no letters.
        config: Settings to begin with, and those that are not searched.
        num_candidates: Sets of weights to begin with.
        other_beams: Beams to find weights for beside the chosen one's, in the mode "accurate".
        seed: Of the candidates and of the order of the utterances.
        threads: Threads that decode; all cores by default.
        progress: Called with the share done.

    Raises:
        DecodingError: There is no utterance, emissions and references do not match in number, or emissions are wrong.
        LanguageModelError: The language model does not fit the symbols.

    Source:
        Jamieson and Talwalkar (2016), Non-stochastic Best Arm Identification (successive halving).
    """
    if not emissions or len(emissions) != len(references):
        raise DecodingError(f"tuning needs as many emissions as references, not {len(emissions)} and {len(references)}")
    if not any(reference.split() for reference in references):
        raise DecodingError("no reference has a word; tuning needs utterances with text")
    decoder = BeamSearchDecoder(symbols, lm, lexicon=lexicon)  # what it is built of serves all settings
    normalizer = normalizer or get_normalizer("standard")
    bench = _Bench(decoder, emissions, references, normalizer, step_ms, threads or os.cpu_count() or 1)
    given = (config or DecodingConfig()).replace(decoder="beam", n_best=1)
    start = given.replace(log_priors=_log_priors(bench.emissions))
    progress = progress or (lambda share: None)
    search = _WeightSearch(bench, start, num_candidates, seed)
    config = search.halve(_part(progress, 0.0, 0.2))
    for begin in (0.2, 0.6):
        config = search.refine(config, _part(progress, begin, begin + 0.25))
        tried = _climb(bench, config, _part(progress, begin + 0.25, begin + 0.4))
        # Of the best the first, not the fastest: what a clock says must not decide the weights.
        config = min((trial for trial, _ in tried), key=lambda trial: trial.counts.errors).config
    trials, best, chosen = _choose([trial for trial, _ in tried], [table for _, table in tried], seed)
    others = []
    for beam in other_beams:
        other = config.replace(mode="accurate", beam=beam)
        if (other.mode, other.beam) != (chosen.config.mode, chosen.config.beam):
            others.append(bench.measure(search.refine(other, lambda share: None))[0])
    return TuningResult(trials, best, chosen, bench.measure(given)[0], search.num_tried, len(emissions), tuple(others))


def _part(progress: Callable[[float], None], begin: float, end: float) -> Callable[[float], None]:
    """Return where a part of the work reports its own share."""
    return lambda share: progress(begin + (end - begin) * share)


def _climb(bench: _Bench, config: DecodingConfig, progress: Callable[[float], None]) -> list[tuple[Trial, CountTable]]:
    """Try all modes and beams with the weights of some settings."""
    tried = []
    for index, (mode, beam) in enumerate(_LADDER):
        tried.append(bench.measure(config.replace(mode=mode, beam=beam)))
        progress((index + 1) / len(_LADDER))
    return tried


def _log_priors(emissions: Sequence[FloatArray]) -> tuple[float, ...]:
    """Return ln of the mean probability of each symbol, one step of each added: silence about ``z`` is no proof."""
    masses = np.sum([np.exp(array).sum(axis=0, dtype=np.float64) for array in emissions], axis=0) + 1.0
    return tuple(round(float(prior), 4) for prior in np.log(masses / masses.sum()))


class _Bench:
    """Decodes parts of the dev set and counts the errors."""

    def __init__(
        self,
        decoder: BeamSearchDecoder,
        emissions: Sequence[FloatArray],
        references: Sequence[str],
        normalizer: Normalizer,
        step_ms: float,
        threads: int,
    ) -> None:
        self.size = len(emissions)
        self.emissions = check_batch(emissions, None, len(decoder.symbols), None)
        self._references = references
        self._decoder = decoder
        self._normalize = normalizer.normalize_all
        self._step_ms = step_ms
        self._threads = threads

    def measure(self, config: DecodingConfig) -> tuple[Trial, CountTable]:
        decoder = self._decoder.with_config(config)
        start_s = time.process_time()  # of all threads: the same on a busy machine
        hypotheses = decoder.decode_batch(self.emissions, threads=self._threads)
        cpu_s = max(time.process_time() - start_s, 1e-9)
        # At the edge of the ranges a search may lose all its hypotheses: it has heard nothing, then.
        table = count_pairs(self._normalize([h[0].text if h else "" for h in hypotheses]), self._references)
        audio_s = sum(len(array) for array in self.emissions) * self._step_ms / 1000
        return Trial(config, table.total(), audio_s / cpu_s), table

    def count_errors(self, config: DecodingConfig, select: Sequence[int]) -> int:
        batch = [self.emissions[i] for i in select]
        texts = self._decoder.with_config(config).decode_texts(batch, threads=self._threads)
        return count_pairs(self._normalize(texts), [self._references[i] for i in select]).total().errors


class _WeightSearch:
    """Finds the weights with the fewest errors."""

    def __init__(self, bench: _Bench, start: DecodingConfig, num_candidates: int, seed: int) -> None:
        self.num_tried = 0
        self._bench = bench
        self._start = start
        self._num_candidates = max(num_candidates, 1)
        self._random = np.random.default_rng(seed)
        self._order = self._random.permutation(bench.size)[:_MAX_SEARCH_UTTERANCES].tolist()

    def halve(self, progress: Callable[[float], None]) -> DecodingConfig:
        """Return the best of many candidates, of which ever fewer are given ever more utterances."""
        candidates = self._candidates()
        rungs = max(1, int(np.ceil(np.log(len(candidates)) / np.log(_SHRINK))))
        for rung in range(rungs, 0, -1):
            part = self._order[: max(len(self._order) // _SHRINK ** (rung - 1), min(8, len(self._order)))]
            ranked = sorted((self._errors(config, part), index) for index, config in enumerate(candidates))
            candidates = [candidates[index] for _, index in ranked[: max(1, len(candidates) // _SHRINK)]]
            progress((rungs - rung + 1) / rungs)
        return candidates[0]

    def _candidates(self) -> list[DecodingConfig]:
        """The settings to begin with, and a Latin hypercube: each range is cut evenly and every part is tried once."""
        count = self._num_candidates - 1
        columns = []
        for low, high in _RANGES.values():
            shares = (self._random.permutation(count) + self._random.random(count)) / max(count, 1)
            columns.append(low + shares * (high - low))
        drawn = [dict(zip(_RANGES, map(float, row), strict=True)) for row in np.transpose(columns)]
        return [self._start, *(self._start.replace(**weights) for weights in drawn)]

    def refine(self, config: DecodingConfig, progress: Callable[[float], None]) -> DecodingConfig:
        """Return the best of the settings within a few steps of one weight each."""
        fewest = self._errors(config, self._order)
        for half in range(_REFINEMENTS):
            for index, (name, first_step) in enumerate(_FIRST_STEPS.items()):
                for step in (first_step / 2**half, -first_step / 2**half):
                    value = round(getattr(config, name) + step, 4)
                    if value < 0.0 and name in ("lm_weight", "prior_scale", "unknown_weight"):
                        continue
                    tried = config.replace(**{name: value})
                    errors = self._errors(tried, self._order)
                    if errors < fewest:
                        fewest, config = errors, tried
                        break
                progress((half + (index + 1) / len(_FIRST_STEPS)) / _REFINEMENTS)
        return config.replace(**{name: round(getattr(config, name), 4) for name in _RANGES})

    def _errors(self, config: DecodingConfig, part: Sequence[int]) -> int:
        self.num_tried += 1
        return self._bench.count_errors(config, part)


def _choose(trials: Sequence[Trial], tables: Sequence[CountTable], seed: int) -> tuple[tuple[Trial, ...], Trial, Trial]:
    """Mark the frontier and what is worse than the best; return all trials, the best and the chosen one."""
    best = min(range(len(trials)), key=lambda i: (trials[i].counts.errors, -trials[i].speed))
    limit = trials[best].counts.errors * (1 + _TOLERATED_RISE)
    marked = []
    for trial, table in zip(trials, tables, strict=True):
        rises = np.asarray(table.errors - tables[best].errors, np.int64)[:, None]
        lowest = float(np.quantile(resample(rises, _RESAMPLES, seed), (1 - _CONFIDENCE) / 2))
        beaten = any(
            other.speed >= trial.speed and other.counts.errors <= trial.counts.errors and other is not trial
            for other in trials
        )
        is_worse = lowest > 0 or trial.counts.errors > limit
        marked.append(Trial(trial.config, trial.counts, trial.speed, not beaten, is_worse))
    chosen = max((trial for trial in marked if not trial.is_worse), key=lambda trial: trial.speed)
    return tuple(marked), marked[best], chosen
