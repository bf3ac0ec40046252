"""Scores by a column of the manifest: the right groups, and a gap that is no luck of a few speakers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asrkit.config import ScoringConfig
from asrkit.errors import ScoringError
from asrkit.metrics.groups import UNKNOWN, score_by
from asrkit.metrics.joining import Pairs
from asrkit.metrics.scoring import ScoreReport, score, score_pairs

QUICK = ScoringConfig(normalizer="none", resamples=400)
WORDS = 20


def report_of(wrong: list[int], config: ScoringConfig = QUICK, **columns: list[Any]) -> ScoreReport:
    """Utterances of 20 words, so many of them wrong."""
    ids = [f"u{i}" for i in range(len(wrong))]
    texts = [" ".join(["b"] * bad + ["a"] * (WORDS - bad)) for bad in wrong]
    references = [" ".join(["a"] * WORDS)] * len(wrong)
    return score_pairs(Pairs(ids, texts, references, "id", columns=dict(columns)), config)


def corpus(draw: np.random.Generator, rates: list[float], utterances: int = 10) -> tuple[list[int], list[str]]:
    """Speakers of so many errors a word, with as many utterances each."""
    wrong = [int(draw.binomial(WORDS, rate)) for rate in rates for _ in range(utterances)]
    return wrong, [f"s{i}" for i in range(len(rates)) for _ in range(utterances)]


def test_groups_add_up_and_the_worst_comes_first() -> None:
    report = report_of([1, 2, 3, 10], accent=["us", "us", None, "uk"])
    field = score_by(report, "accent")
    assert [(group.name, group.num_utterances, group.counts.errors) for group in field.groups] == [
        ("uk", 1, 10),
        (UNKNOWN, 1, 3),
        ("us", 2, 3),
    ]
    assert sum(group.counts.errors for group in field.groups) == report.normalized.words.total().errors
    assert [group.interval is None for group in field.groups] == [True, True, False]  # one utterance tells no spread


def test_a_gap_between_accents_is_found_over_speakers() -> None:
    draw = np.random.default_rng(1)
    wrong, speakers = corpus(draw, [0.1] * 8 + [0.3] * 8)
    field = score_by(report_of(wrong, speaker=speakers, accent=["us"] * 80 + ["uk"] * 80), "accent")
    assert field.shuffled == "speakers"
    assert field.p is not None
    assert field.p <= 0.01
    assert [group.name for group in field.groups] == ["uk", "us"]
    assert field.groups[0].interval is not None
    assert (field.groups[0].interval.unit, field.groups[0].interval.num_units) == ("speaker", 8)


def test_two_speakers_an_accent_settle_nothing_however_many_utterances() -> None:
    draw = np.random.default_rng(2)
    wrong, speakers = corpus(draw, [0.05, 0.05, 0.3, 0.3], utterances=100)
    field = score_by(report_of(wrong, speaker=speakers, accent=["us"] * 200 + ["uk"] * 200), "accent")
    assert field.p is not None
    assert field.p > 0.25  # one way in three of dealing four speakers into two pairs


def test_equal_groups_are_seldom_told_apart() -> None:
    draw = np.random.default_rng(3)
    told, trials = 0, 60
    config = ScoringConfig(normalizer="none", resamples=99)
    for _ in range(trials):
        wrong, speakers = corpus(draw, list(draw.uniform(0.05, 0.35, 10)), utterances=4)
        field = score_by(report_of(wrong, config, speaker=speakers, accent=["us"] * 20 + ["uk"] * 20), "accent")
        told += field.p is not None and field.p <= 0.05
    assert told <= 0.15 * trials  # utterances shuffled instead of speakers: more than half


def test_noise_is_shuffled_within_each_speaker() -> None:
    draw = np.random.default_rng(4)
    rates = list(draw.uniform(0.05, 0.4, 6))
    wrong, speakers = corpus(draw, rates)
    noisy = [bool(i % 2) for i in range(len(wrong))]
    harder = [bad + (3 if noise else 0) for bad, noise in zip(wrong, noisy, strict=True)]
    column = ["noisy" if noise else "clean" for noise in noisy]
    field = score_by(report_of([min(bad, WORDS) for bad in harder], speaker=speakers, noise=column), "noise")
    assert field.shuffled == "utterances of each speaker"
    assert field.p is not None
    assert field.p <= 0.01
    assert score_by(report_of(wrong, speaker=speakers, noise=column), "noise").p > 0.05


def test_speakers_themselves_are_groups_of_utterances() -> None:
    draw = np.random.default_rng(5)
    wrong, speakers = corpus(draw, [0.02, 0.3, 0.1])
    field = score_by(report_of(wrong, speaker=speakers), "speaker")
    assert [group.name for group in field.groups] == ["s1", "s2", "s0"]
    assert field.shuffled == "utterances"
    assert field.p is not None
    assert field.p <= 0.01


def test_many_numbers_become_ranges_in_their_order() -> None:
    snr = [f"{value}" for value in range(40)]
    field = score_by(report_of([i % 3 for i in range(40)], snr=[*snr]), "snr")
    assert [group.name for group in field.groups] == ["0 to 9", "10 to 19", "20 to 29", "30 to 39"]
    assert [group.num_utterances for group in field.groups] == [10, 10, 10, 10]
    with_gap = score_by(report_of([0] * 40, snr=[None, *snr[1:]]), "snr")
    assert [group.name for group in with_gap.groups][-1] == UNKNOWN
    assert sum(group.num_utterances for group in with_gap.groups) == 40
    few = score_by(report_of([0, 1, 2, 3], snr=[5, 10, 5, 10]), "snr")
    assert sorted(group.name for group in few.groups) == ["10", "5"]


def test_one_group_or_no_draws_have_no_test() -> None:
    assert score_by(report_of([1, 2], accent=["us", "us"]), "accent").p is None
    silent = score_by(report_of([1, 2], ScoringConfig(resamples=0), accent=["us", "uk"]), "accent")
    assert (silent.p, [group.interval for group in silent.groups]) == (None, [None, None])


def test_a_column_that_is_not_there_is_named_with_those_that_are() -> None:
    report = report_of([1, 2], accent=["us", "uk"], words=[[{"word": "a"}], []])
    with pytest.raises(ScoringError, match="column 'snr' is in no manifest given; there are: accent"):
        score_by(report, "snr")
    with pytest.raises(ScoringError, match="column 'words' holds more than one value an utterance"):
        score_by(report, "words")
    with pytest.raises(ScoringError, match="give a manifest"):
        score_by(report_of([1]), "accent")


def test_columns_come_from_manifests(tmp_path: Path) -> None:
    (tmp_path / "hyp.txt").write_text("u1 a b\nu2 a x\n")
    (tmp_path / "ref.tsv").write_text("id\ttext\taccent\talternatives\nu1\ta b\tus\t1\nu2\ta b\tuk\t2\n")
    (tmp_path / "more.jsonl").write_text(
        '{"id": "u1", "text": "a b", "snr": 5, "tags": ["x"]}\n{"id": "u2", "text": "a b", "snr": 20}\n'
    )
    report = score(tmp_path / "hyp.txt", tmp_path / "ref.tsv", speakers=tmp_path / "more.jsonl")
    assert [group.name for group in score_by(report, "accent").groups] == ["uk", "us"]
    assert [group.name for group in score_by(report, "snr").groups] == ["20", "5"]
    with pytest.raises(ScoringError, match=r"there are: accent, snr$"):
        score_by(report, "tags")
