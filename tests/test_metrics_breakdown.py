"""Where errors lie: tables by hand, and totals that must agree with the score."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from asrkit.metrics.breakdown import break_down
from asrkit.metrics.confidence import calibrate, normalized_cross_entropy, oracle_rates
from asrkit.metrics.details import find_details
from asrkit.metrics.joining import Pairs
from asrkit.metrics.keywords import count_training_words, find_keywords, read_phrases
from asrkit.metrics.scoring import ScoreReport, score, score_pairs

HYPOTHESES = ["the cat sat", "a dog ran by", "the cap", "so new yolk it is new york", ""]
REFERENCES = ["the cat sat", "the dog ran", "the cat", "so new york it is", "gone home"]


@pytest.fixture(scope="module")
def report() -> ScoreReport:
    return score(HYPOTHESES, REFERENCES)


def test_words_by_hand(report: ScoreReport) -> None:
    breakdown = break_down(report)
    pairs = {(c.reference, c.hypothesis): (c.count, c.utterance_ids) for c in breakdown.confusions}
    assert pairs == {("the", "a"): (1, ("2",)), ("cat", "cap"): (1, ("3",)), ("york", "yolk"): (1, ("4",))}
    words = {w.word: (w.occurrences, w.substituted, w.deleted, w.inserted) for w in breakdown.words}
    assert words["the"] == (3, 1, 0, 0)
    assert words["cat"] == (2, 1, 0, 0)
    assert words["new"] == (1, 0, 0, 1)
    assert words["gone"] == (1, 0, 1, 0)
    assert [w.word for w in breakdown.deleted] == ["gone", "home"]
    assert [w.word for w in breakdown.inserted] == ["by", "new", "york"]
    assert next(w for w in breakdown.words if w.word == "by").miss_rate is None


def test_tables_add_up_to_the_score(report: ScoreReport) -> None:
    breakdown = break_down(report)
    total = report.normalized.words.total()
    assert sum(w.substituted + w.deleted + w.inserted for w in breakdown.words) == total.errors
    assert sum(c.count for c in breakdown.confusions) == total.substitutions
    assert sum(group.counts.errors for group in breakdown.lengths) == total.errors
    assert [group.name for group in breakdown.lengths] == ["1 to 5 words"]
    assert breakdown.worst_tenth == pytest.approx(3 / 8)


def test_tables_begin_with_what_weighs_most() -> None:
    references = [*["w b"] * 4, *["c z"] * 2, "e", "g", "h b"]
    hypotheses = [*["x b"] * 4, *["c"] * 2, "e k k f", "y", "b"]
    breakdown = break_down(score(hypotheses, references), vocabulary=["b", "b", "c"])
    assert [(c.reference, c.hypothesis, c.count, c.utterance_ids) for c in breakdown.confusions] == [
        ("w", "x", 4, ("1", "2", "3")),
        ("g", "y", 1, ("8",)),
    ]
    assert [(w.word, w.miss_rate) for w in breakdown.words] == [
        *(("w", 1.0), ("k", None), ("z", 1.0), ("f", None), ("g", 1.0), ("h", 1.0))
    ]
    assert [(w.word, w.deleted) for w in breakdown.deleted] == [("z", 2), ("h", 1)]
    assert [(w.word, w.inserted) for w in breakdown.inserted] == [("k", 2), ("f", 1)]
    oov = breakdown.out_of_vocabulary
    assert oov is not None
    assert (oov.num_words, oov.occurrences, oov.num_reference, oov.misses, oov.errors) == (2, 9, 16, 8, 11)
    assert oov.examples == ("w", "z", "e", "g", "h")
    many = break_down(score(["x"], [" ".join("abcdefghijkl")]), vocabulary=[]).out_of_vocabulary
    assert many is not None and many.examples == tuple("abcdefghij")


def test_nothing_has_no_shares() -> None:
    breakdown = break_down(score([""], [""]), vocabulary=["a"], training_counts={"a": 1})
    assert breakdown.out_of_vocabulary is not None
    assert (breakdown.out_of_vocabulary.rate, breakdown.out_of_vocabulary.share_of_errors) == (None, None)
    assert {band.recall for band in breakdown.bands} == {None}
    assert breakdown.worst_tenth is None


def test_the_worst_tenth_is_of_the_utterances_with_the_most_errors() -> None:
    hypotheses = ["x b c", "x x x", "x x c", "a b c", *["a b x"] * 4, *["a b c"] * 17]
    assert break_down(score(hypotheses, ["a b c"] * 25)).worst_tenth == pytest.approx((3 + 2) / 10)


def test_the_worst_speaker_comes_first() -> None:
    columns = {"speaker": ["s2", "s1", "s0", "s3", "s1"], "duration_s": [1.0, None, 1.0, 1.0, 1.0]}
    texts = ["a x", "x x", "a x", "a", "x a"], ["a b", "a b", "a b", "", "a a"]
    breakdown = break_down(score_pairs(Pairs([*"12345"], *texts, "id", columns=columns)))
    assert [(g.name, g.members, g.counts.errors) for g in breakdown.speakers] == [
        *(("s1", [1, 4], 3), ("s0", [2], 1), ("s2", [0], 1), ("s3", [3], 1))
    ]
    assert breakdown.durations == []  # one is not known


def test_lengths_and_durations_fall_into_ranges(tmp_path: Path) -> None:
    texts = ["", "a", "a b c d e", "a b c d e f", " ".join("a" * 41)]
    rows = [
        json.dumps({"id": f"u{i}", "text": text, "duration": seconds, "speaker": f"s{i % 2}"})
        for i, (text, seconds) in enumerate(zip(texts, (0.5, 2.0, 4.99, 5.0, 60.0), strict=True))
    ]
    for name in ("hyp.jsonl", "ref.jsonl"):
        (tmp_path / name).write_text("\n".join(rows))
    breakdown = break_down(score(tmp_path / "hyp.jsonl", tmp_path / "ref.jsonl"))
    assert [(g.name, g.num_utterances) for g in breakdown.lengths] == [
        ("0 words", 1),
        ("1 to 5 words", 2),
        ("6 to 10 words", 1),
        ("41 words and more", 1),
    ]
    assert [(g.name, g.num_utterances) for g in breakdown.durations] == [
        ("0 to 2 s", 1),
        ("2 to 5 s", 2),
        ("5 to 10 s", 1),
        ("20 s and more", 1),
    ]
    assert [(g.name, g.num_utterances) for g in breakdown.speakers] == [("s0", 3), ("s1", 2)]


def test_words_outside_the_vocabulary(report: ScoreReport) -> None:
    oov = break_down(report, vocabulary=["the", "cat", "sat", "dog", "ran", "so", "new", "it", "is", "home"])
    assert oov.out_of_vocabulary is not None
    assert oov.out_of_vocabulary.examples == ("gone", "york")
    assert (oov.out_of_vocabulary.occurrences, oov.out_of_vocabulary.misses) == (2, 2)
    assert oov.out_of_vocabulary.rate == pytest.approx(2 / 15)
    assert oov.out_of_vocabulary.share_of_errors == pytest.approx(2 / 8)


def test_rare_words(report: ScoreReport) -> None:
    bands = break_down(report, training_counts={"the": 500, "cat": 1, "dog": 5, "ran": 10, "sat": 11}).bands
    assert [(b.name, b.occurrences, b.hits) for b in bands] == [
        ("0 times", 7, 4),
        ("1 times", 2, 1),
        ("2 to 10 times", 2, 2),
        ("11 to 100 times", 1, 1),
        ("101 times and more", 3, 2),
    ]


def test_words_of_a_kind_lead_to_the_utterances_that_hold_them(report: ScoreReport) -> None:
    references = [set(text.split()) for text in report.normalized.references]
    breakdown = break_down(report, vocabulary=["the", "cat"], training_counts={"the": 500, "cat": 1})
    [outside] = breakdown.kinds["vocabulary"]
    assert outside.members == [i for i, words in enumerate(references) if words - {"the", "cat"}]
    bands = {group.name: group.members for group in breakdown.kinds["training"]}
    assert bands["1 times"] == [i for i, words in enumerate(references) if "cat" in words]
    assert bands["101 times and more"] == [i for i, words in enumerate(references) if "the" in words]
    assert bands["2 to 10 times"] == []
    assert break_down(report).kinds == {"vocabulary": [], "training": []}


def test_keywords_count_where_they_are_said(report: ScoreReport) -> None:
    found, alarms = find_keywords(report, ["New York", "cat", "unicorn", "cat"])
    by_name = {k.phrase: (k.num_reference, k.num_hypothesis, k.hits) for k in found}
    assert by_name == {"new york": (1, 1, 0), "cat": (2, 1, 1), "unicorn": (0, 0, 0), "all keywords": (3, 2, 1)}
    assert found[1].recall == 0.5
    assert found[1].precision == 1.0
    assert found[1].f1 == pytest.approx(2 / 3)
    assert found[2].recall is None
    assert found[2].f1 is None
    assert alarms is None
    assert find_keywords(report, []) == ([], None)


def test_lists_are_read(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("# comment\nnew york\n\n cat \n")
    assert read_phrases(tmp_path / "words") == ["new york", "cat"]
    (tmp_path / "text").write_text("The cat.\nThe dog\n")
    counts = count_training_words(tmp_path / "text", lambda lines: [line.lower().strip(".") for line in lines])
    assert counts == {"the": 2, "cat": 1, "dog": 1}


def results(folder: Path, entries: list[dict[str, object]]) -> ScoreReport:
    (folder / "results.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    references = [f"{entry['utterance_id']} {entry.pop('reference')}\n" for entry in entries]
    (folder / "results.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    (folder / "ref.txt").write_text("".join(references))
    return score(folder / "results.jsonl", folder / "ref.txt")


def test_the_oracle_chooses_the_best_of_the_first_hypotheses(tmp_path: Path) -> None:
    report = results(
        tmp_path,
        [
            {
                "utterance_id": "u1",
                "text": "a x",
                "reference": "a b",
                "nbest": [{"text": "a x"}, {"text": "y y"}, {"text": "a b"}],
            },
            {"utterance_id": "u2", "text": "c x", "reference": "c d", "nbest": [{"text": "c x"}, {"text": "c d"}]},
        ],
    )
    oracles = [(o.depth, o.errors, o.rate) for o in oracle_rates(report)]
    assert oracles == [(1, 2, 0.5), (2, 1, 0.25), (3, 0, 0.0)]
    assert [o.better for o in oracle_rates(report)] == [[], [1], [0, 1]]
    assert oracles[0][1] == report.normalized.words.total().errors
    assert oracle_rates(score(["a"], ["a"])) == []


@pytest.mark.parametrize(
    ("nbest", "errors"),
    [
        ([{"transcript": "a x"}, {"transcript": "a b"}], [1, 0]),  # of Google
        ([{"hypothesis": "a x", "score": -1.0}, {"hypothesis": "a b", "score": -2.0}], [1, 0]),
        ([["a x", -1.0], ["a b", -2.0]], [1, 0]),
        ([[-1.0, "a x"], [-2.0, "a b"]], [1, 0]),
        (["a x", "a b"], [1, 0]),
        ([{"score": -1.0}], [1]),  # without a text: no hypotheses
        (5, [1]),
    ],
)
def test_lists_of_the_best_come_in_many_forms(nbest: object, errors: list[int], tmp_path: Path) -> None:
    report = results(tmp_path, [{"utterance_id": "u1", "text": "a x", "reference": "a b", "nbest": nbest}])
    assert [oracle.errors for oracle in oracle_rates(report)] == errors


def test_calibration_by_hand(tmp_path: Path) -> None:
    words = [("a", 0.9), ("x", 0.4), ("c", 0.8), ("d", 0.8)]
    report = results(
        tmp_path,
        [
            {
                "utterance_id": "u1",
                "text": "a x c d",
                "reference": "a b c d",
                "words": [{"word": word, "confidence": value} for word, value in words],
            },
            {"utterance_id": "u2", "text": "other", "reference": "other", "words": [{"word": "no", "confidence": 1}]},
        ],
    )
    found = calibrate(report)
    assert found is not None
    assert (found.num_words, found.num_skipped, found.share_right) == (4, 1, 0.75)
    entropy = -(np.log2(0.9) + np.log2(0.6) + 2 * np.log2(0.8))
    most = -4 * (0.75 * np.log2(0.75) + 0.25 * np.log2(0.25))
    assert found.normalized_cross_entropy == pytest.approx((most - entropy) / most)
    assert found.expected_calibration_error == pytest.approx((0.1 + 0.4 + 2 * 0.2) / 4)
    assert found.brier_score == pytest.approx((0.01 + 0.16 + 2 * 0.04) / 4)
    assert found.area_under_curve == 1.0
    assert [(b.count, b.share_right) for b in found.bins] == [(1, 0.0), (2, 1.0), (1, 1.0)]
    assert calibrate(score(["a"], ["a"])) is None


@pytest.mark.parametrize("value", ["high", None, float("nan"), [0.5], 87.5, -0.3])
def test_confidences_that_are_no_probabilities_are_left_out(tmp_path: Path, value: object) -> None:
    words = [{"word": "a", "confidence": value}]
    good = {"utterance_id": "u2", "text": "b", "reference": "b", "words": [{"word": "b", "confidence": 1}]}
    bad = {"utterance_id": "u1", "text": "a", "reference": "a", "words": words}
    found = calibrate(results(tmp_path, [bad, good]))
    assert found is not None
    assert (found.num_words, found.num_skipped) == (1, 1)


def test_confidences_that_tell_nothing_have_no_entropy_to_spare() -> None:
    right = np.array([1.0, 1.0, 1.0, 0.0])
    assert normalized_cross_entropy(np.full(4, 0.75), right) == pytest.approx(0.0)
    assert normalized_cross_entropy(np.array([1.0, 1.0, 1.0, 0.0]), right) == pytest.approx(1.0, abs=1e-4)
    assert normalized_cross_entropy(np.full(4, 0.9), np.ones(4)) is None


def test_details_take_what_is_at_hand(report: ScoreReport) -> None:
    details = find_details(report)
    assert details.breakdown.out_of_vocabulary is None
    assert details.breakdown.speakers == []
    assert details.oracles == []
    assert details.calibration is None
