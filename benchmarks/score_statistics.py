"""Do intervals and verdicts keep their promises? ``python benchmarks/score_statistics.py`` (about ten minutes).

Systems are simulated on the very path that ``asrkit compare`` takes: each speaker has an error rate of their own,
common to both systems, and a difference of their own between the systems; words are then wrong by chance. Reported are
how often equal systems are called different, how often a real difference is found, and how often an interval holds the
truth.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from asrkit.config import ScoringConfig
from asrkit.metrics.comparison import Comparison, compare_reports
from asrkit.metrics.intervals import rate_interval
from asrkit.metrics.joining import Pairs
from asrkit.metrics.scoring import score_pairs

CONFIG = ScoringConfig(normalizer="none")
WER = 0.20
BETWEEN_SPEAKERS = 0.06  # standard deviation of the speakers' WER, common to both systems
IN_DIFFERENCE = 0.015  # standard deviation between speakers of the difference of the systems


def compare_simulated(
    draw: np.random.Generator, words: np.ndarray, better_by: float, speaker_effects: bool
) -> Comparison:
    """Compare two systems on units of so many words, one unit a speaker or an utterance."""
    number = len(words)
    common = WER + (BETWEEN_SPEAKERS * draw.normal(size=number) if speaker_effects else 0.0)
    own = better_by + (IN_DIFFERENCE * draw.normal(size=number) if speaker_effects else 0.0)
    references = [" ".join(["a"] * size) for size in words]
    names = [f"s{i}" for i in range(number)]
    reports = []
    for rates in (common + own / 2, common - own / 2):
        wrong = draw.binomial(words, np.clip(rates, 0.0, 1.0))
        texts = [" ".join(["b"] * bad + ["a"] * (size - bad)) for size, bad in zip(words, wrong, strict=True)]
        columns = {"speaker": names} if speaker_effects else {}
        reports.append(score_pairs(Pairs(names, texts, references, "id", columns=columns), CONFIG))
    return compare_reports(*reports)


def share_settled(trials: int, number: int, words_each: int, *, better_by: float = 0.0, speakers: bool = True) -> float:
    draw = np.random.default_rng(number)
    settled = 0
    for _ in range(trials):
        words = np.full(number, words_each) if speakers else 1 + draw.poisson(words_each - 1, number)
        settled += compare_simulated(draw, words, better_by, speakers).is_settled
    return settled / trials


def share_covered(trials: int, number: int, shape: str, sizes: str) -> float:
    """Return how often the interval over so many speakers holds the true rate."""
    draw = np.random.default_rng(number)
    shape_parameter = (WER / BETWEEN_SPEAKERS) ** 2
    covered = 0
    for _ in range(trials):
        rates = {
            "normal": lambda: draw.normal(WER, BETWEEN_SPEAKERS, number),
            "gamma": lambda: draw.gamma(shape_parameter, WER / shape_parameter, number),
            "none": lambda: np.full(number, WER),
        }[shape]()
        spread = draw.lognormal(-0.32, 0.8, number) if sizes == "uneven" else np.ones(number)
        words = np.maximum(1, 300 * spread).astype(np.int64)
        errors = draw.binomial(words, np.clip(rates, 0.0, 1.0))
        interval = rate_interval(errors, words, confidence=0.95, speakers=[f"s{i}" for i in range(number)])
        covered += interval is not None and interval.low <= WER <= interval.high
    return covered / trials


def rows(trials: int) -> Iterator[str]:
    yield "equal systems called different (goal: at most 6 %)"
    for number in (5, 8, 12, 20):
        yield f"  {number:>3} speakers of 300 words     {100 * share_settled(trials, number, 300):5.1f} %"
    for number in (2, 3, 4, 5, 6, 8, 12, 40):
        share = share_settled(trials, number, 12, speakers=False)
        yield f"  {number:>3} utterances of 12 words     {100 * share:5.1f} %"
    yield "a difference of 3 points found (goal at 20 speakers: at least 80 %)"
    for number in (8, 12, 20):
        share = share_settled(trials, number, 300, better_by=0.03)
        yield f"  {number:>3} speakers of 300 words     {100 * share:5.1f} %"
    yield "the interval holds the truth (goal: 91 to 98 % at 5 speakers, 93 to 97 % from 12)"
    for shape in ("normal", "gamma", "none"):
        for sizes in ("even", "uneven"):
            shares = (f"{n}: {100 * share_covered(trials, n, shape, sizes):.1f} %" for n in (5, 8, 12, 20, 50))
            yield f"  speakers' rates {shape:<6}, {sizes:<6} sizes   {', '.join(shares)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2_000)
    for row in rows(parser.parse_args().trials):
        print(row, flush=True)


if __name__ == "__main__":
    main()
