"""Texts that a trained model does not believe: mostly wrong labels.

The text of an utterance is aligned to the emissions by force, and the score of that alignment compared with what the
model would rather have written. A wrong text costs several nats a character, a right one that the model finds hard
costs little.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from asrkit.alignment import Aligner
from asrkit.config import FeatureConfig
from asrkit.data import Utterance
from asrkit.decoder import greedy_decode
from asrkit.features import extract_features
from asrkit.text.units import Units
from asrkit.transcription.recognizer import Network

LEAST_DOUBT = 1.0  # nats a character; below, even a weak model gives no reason to suspect the text
OUTLIER = 6.0  # robust standard deviations above the median of all utterances
_SMALLEST_SPREAD = 0.05
_BATCH = 16


@dataclass(frozen=True)
class LabelJudgement:
    """What a model thinks of one text."""

    utterance: Utterance  # with its text
    heard: str  # what the model would have written
    doubt: float  # how much worse its text is aligned, in nats a character
    is_suspicious: bool  # whether that is far from what is usual


def judge_labels(
    utterances: Sequence[Utterance], network: Network, units: Units, config: FeatureConfig
) -> list[LabelJudgement]:
    """Judge the texts of utterances, most doubtful first.

    The texts must be such that the units can spell them.

    Raises:
        AudioError: A recording cannot be read.
    """
    judged = list(_judge(utterances, network, units, config))
    finite = np.array([doubt for *_, doubt in judged if np.isfinite(doubt)])
    limit = LEAST_DOUBT
    if len(finite):
        median = np.median(finite)
        spread = max(_SMALLEST_SPREAD, 1.4826 * float(np.median(np.abs(finite - median))))
        limit = max(limit, float(median) + OUTLIER * spread)
    marked = [LabelJudgement(utterance, heard, doubt, doubt > limit) for utterance, heard, doubt in judged]
    return sorted(marked, key=lambda judgement: -judgement.doubt)


def _judge(
    utterances: Sequence[Utterance], network: Network, units: Units, config: FeatureConfig
) -> Iterator[tuple[Utterance, str, float]]:
    aligner = Aligner(units.symbols, units.lexicon)
    by_length = sorted(utterances, key=lambda utterance: utterance.duration_s or 0.0)
    for first in range(0, len(by_length), _BATCH):
        batch = by_length[first : first + _BATCH]
        features = [extract_features(u.waveform(config.sample_rate_hz), config) for u in batch]
        for utterance, emissions in zip(batch, network.emissions(features), strict=True):
            heard = greedy_decode(emissions, units.symbols, units.lexicon).text
            # a model of capitals says the same as its text in small letters
            text = " ".join(map(aligner.speller.fold, (utterance.text or "").split()))
            yield utterance, heard, aligner.doubt(emissions, text)
