"""What a score's texts are compared by: the model's normalizer, the language, replacements, the unit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asrkit.config import ScoringConfig
from asrkit.errors import ConfigError
from asrkit.metrics.normalizing import normalizer_of, settle
from asrkit.metrics.scoring import score


def run_beside(folder: Path, provenance: object) -> Path:
    (folder / "run.json").write_text(json.dumps({"provenance": provenance}))
    hypotheses = folder / "hyp.txt"
    hypotheses.write_text("u1 one hundred one\n")
    return hypotheses


@pytest.mark.parametrize(
    ("provenance", "expected", "why"),
    [
        ({}, "standard-1", "a run of the time before normalizers were recorded"),
        ({"normalizer": "standard-2"}, "standard-2", "what the model says"),
        ({"normalizer": "none"}, "none", "texts as they are"),
        ({"normalizer": "of a later asrkit"}, "standard", "unknown"),
        ([1], "standard", "no description of ours"),
    ],
)
def test_a_run_is_scored_as_its_model_was_trained(tmp_path: Path, provenance: object, expected: str, why: str) -> None:
    assert settle(ScoringConfig(), ["a"], str(run_beside(tmp_path, provenance))).normalizer == expected, why


def test_the_user_has_the_last_word(tmp_path: Path) -> None:
    path = str(run_beside(tmp_path, {}))
    assert settle(ScoringConfig(normalizer="standard"), ["a"], path).normalizer == "standard"
    assert settle(ScoringConfig(), ["a"]).normalizer == "standard"


def test_the_signature_says_what_was_used(tmp_path: Path) -> None:
    (tmp_path / "ref.txt").write_text("u1 101\n")
    report = score(run_beside(tmp_path, {}), tmp_path / "ref.txt")
    assert "norm:standard-1|unit:word" in report.signature()
    assert report.word_error_rate == 0.0


def test_replacements_apply_to_both_sides_and_stand_in_the_signature(tmp_path: Path) -> None:
    (tmp_path / "map").write_text("colour => color\nuh =>\n")
    config = ScoringConfig(map=str(tmp_path / "map"))
    report = score(["uh the color"], ["The colour, uh, uh"], config)
    assert report.word_error_rate == 0.0
    assert "norm:standard-2+map@" in report.signature()
    assert report.raw.words.total().rate != 0.0
    assert score(["uh a"], ["a"], config.replace(normalizer="none")).word_error_rate == 0.0


def test_text_without_spaces_counts_characters_and_says_so() -> None:
    report = score(["我爱你 love"], ["我爱他, love"])
    assert report.config.unit == "mixed"
    assert report.normalized.words.total().num_reference == 4
    assert report.word_error_rate == 0.25
    assert "unit:mixed" in report.signature()
    assert any("put no spaces between words" in note for note in report.notes)
    assert report.normalized.characters.total().num_reference == 7
    assert score(["我爱你"], ["我爱他"], ScoringConfig(unit="word")).word_error_rate == 1.0


def test_the_language_reaches_the_texts() -> None:
    config = ScoringConfig(normalizer="basic", language="tr")
    assert score(["ışık"], ["IŞIK"], config).word_error_rate == 0.0
    with pytest.raises(ConfigError, match="is no language"):
        normalizer_of(ScoringConfig(normalizer="basic", language="turkish"))
