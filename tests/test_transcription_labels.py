"""Wrong labels stand out: the forced alignment against an oracle, and planted swaps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asrkit.config import FeatureConfig
from asrkit.data import Utterance
from asrkit.data.check import CheckReport, Finding, add_findings
from asrkit.text import Alphabet
from asrkit.text.units import Characters
from asrkit.transcription.labels import judge_labels

ALPHABET = Alphabet(" abcdefgh")
BLANK = ALPHABET.blank_index


class Speller:
    """A network that hears what is planted in the first feature frame of each recording, never quite sure."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = iter(texts)
        self._rng = np.random.default_rng(3)

    def emissions(self, features: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [self._spell(next(self._texts)) for _ in features]

    def _spell(self, text: str) -> np.ndarray:
        steps = [step for symbol in ALPHABET.encode(text) for step in (symbol, BLANK)]
        probabilities = self._rng.uniform(0.005, 0.02, (len(steps), len(ALPHABET)))
        probabilities[np.arange(len(steps)), steps] = 0.8
        return np.log(probabilities / probabilities.sum(axis=1, keepdims=True)).astype(np.float32)


def test_planted_wrong_texts_are_suspicious_and_right_ones_are_not(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).uniform(-0.1, 0.1, 16_000), 16_000)
    rng = np.random.default_rng(1)
    spoken = [" ".join("".join(rng.choice(list("abcdefgh"), 4)) for _ in range(2)) for _ in range(40)]
    written = list(spoken)
    written[5], written[20] = "hhhhgggg", spoken[20][:-1]  # a wrong text, and one that lacks only a letter
    utterances = [Utterance(f"u{i}", tmp_path / "a.wav", text, 1.0) for i, text in enumerate(written)]
    judged = judge_labels(utterances, Speller(spoken), Characters(ALPHABET), FeatureConfig())
    assert [judgement.utterance.id for judgement in judged if judgement.is_suspicious] == ["u5"]
    assert judged[0].heard == spoken[5]
    assert judged[1].utterance.id == "u20"


INF = float("inf")


@pytest.mark.parametrize(
    ("doubts", "suspicious"),
    [
        ([0.2, 0.2, 0.2, 0.2, 0.98], []),  # unusual, and yet no reason to doubt it
        ([0.2, 0.2, 0.2, 0.2, 1.02], [1.02]),
        ([1.0, 1.0, 1.0, 1.28, 1.32], [1.32]),  # a model that is as sure of all: 6 of the smallest spread above
        ([1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 10.8], []),  # median 2, spread 1.4826
        ([1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 11.0], [11.0]),
        ([INF, INF, INF, 0.2, 0.9], [INF, INF, INF]),  # what cannot be said is no measure of the rest
        ([INF, INF], [INF, INF]),
        ([], []),
    ],
)
def test_what_is_far_above_the_usual_doubt_is_suspicious(
    doubts: list[float], suspicious: list[float], tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(1_600), 16_000)
    symbols = Alphabet("abcdefgh")

    class Doubter:
        def emissions(self, features: Sequence[np.ndarray]) -> list[np.ndarray]:
            outputs = np.full((len(doubts), 1, len(symbols)), -20.0, np.float32)
            outputs[:, 0, 1] = 0.0
            outputs[:, 0, 0] = [-doubt if doubt < INF else 0.0 for doubt in doubts]
            return list(outputs - np.logaddexp.reduce(outputs, axis=2, keepdims=True))

    utterances = [Utterance("u", tmp_path / "a.wav", "a" if doubt < INF else "ab", 1.0) for doubt in doubts]
    judged = judge_labels(utterances, Doubter(), Characters(symbols), FeatureConfig())
    assert [judgement.doubt for judgement in judged] == pytest.approx(sorted(doubts, reverse=True))
    assert [judgement.doubt for judgement in judged if judgement.is_suspicious] == pytest.approx(suspicious)


def test_a_text_is_judged_by_the_channel_it_is_of(tmp_path: Path) -> None:
    """All channels were mixed, so that both texts of a call were doubted."""
    samples = np.random.default_rng(0).uniform(-0.1, 0.1, (16_000, 2))
    soundfile.write(tmp_path / "call.wav", samples, 16_000)
    soundfile.write(tmp_path / "right.wav", samples[:, 1], 16_000)
    heard: list[np.ndarray] = []

    class Listener(Speller):
        def emissions(self, features: Sequence[np.ndarray]) -> list[np.ndarray]:
            heard.extend(features)
            return super().emissions(features)

    utterances = [
        Utterance("a", tmp_path / "call.wav", "abc", 1.0, channel=1),
        Utterance("b", tmp_path / "right.wav", "abc", 1.0),
    ]
    judge_labels(utterances, Listener(["abc", "abc"]), Characters(ALPHABET), FeatureConfig())
    assert heard[0] == pytest.approx(heard[1], abs=1e-3)


def test_quarantined_labels_leave_the_clean_set() -> None:
    utterances = [Utterance(name, Path("a.wav"), "a") for name in ("a", "b")]
    report = CheckReport({"train": utterances}, {"train": []}, [])
    more = add_findings(report, [Finding("train", "b", "label", "wrong", "listen")])
    assert [u.id for u in more.clean["train"]] == ["a"]
    assert [u.id for u in more.quarantined["train"]] == ["b"]
    assert not more.is_clean
    assert report.is_clean
