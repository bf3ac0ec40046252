"""The score report: two views side by side, settings with every score, and the rules of the corners."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrkit.config import ScoringConfig
from asrkit.errors import ConfigError, MissingPathError, ScoringError
from asrkit.metrics.joining import Pairs
from asrkit.metrics.scoring import score, score_pairs
from asrkit.packages import version_of

TEXTS = st.lists(st.tuples(st.text("ab C.'1é ", max_size=12), st.text("ab C.'1é ", max_size=12)), max_size=6)


def test_changes_are_told_apart() -> None:
    effect = score(["É o’clock", "a  b", "x", "a_b"], ["`a 1", "A.", "é", "a_b"]).effect
    assert effect is not None
    assert (effect.hypotheses, effect.references) == (2, 3)
    assert effect.kinds == {"punctuation": 4, "case": 2, "apostrophes": 2, "numbers": 1}


def test_both_views_by_hand() -> None:
    report = score(["the cat sat", "no"], ["The cat sat on 2 mats.", "No!"])
    assert report.raw.words.total().errors == 5  # The, on, 2, mats., No! against no
    assert report.normalized.words.total().errors == 3
    assert report.normalized.references[0] == "the cat sat on two mats"
    assert report.effect is not None
    assert (report.effect.hypotheses, report.effect.references) == (0, 2)
    assert report.effect.kinds == {"case": 2, "punctuation": 2, "numbers": 1}
    assert report.normalized.sentence_error_rate == 0.5
    assert report.worst == [0]
    assert [step.kind for step in report.align(0)] == ["hit"] * 3 + ["deletion"] * 3


@settings(max_examples=60)
@given(TEXTS)
def test_totals_are_the_sums_of_utterances_and_engines_agree(pairs: list[tuple[str, str]]) -> None:
    hyp, ref = [one for one, _ in pairs], [other for _, other in pairs]
    ours = score(hyp, ref, ScoringConfig(resamples=20))
    theirs = score(hyp, ref, ScoringConfig(engine="jiwer", resamples=20))
    for one, other in ((ours.raw, theirs.raw), (ours.normalized, theirs.normalized)):
        for ours_table, theirs_table in ((one.words, other.words), (one.characters, other.characters)):
            assert ours_table.errors.tolist() == theirs_table.errors.tolist()
            assert ours_table.num_reference.tolist() == theirs_table.num_reference.tolist()
            assert ours_table.total().hits >= theirs_table.total().hits
    assert ours.word_error_rate == theirs.word_error_rate


@pytest.mark.parametrize(
    ("hyp", "ref", "errors", "rate", "sentences"),
    [
        ([""], ["a b"], 2, 1.0, 1.0),
        (["a b"], [""], 2, None, 1.0),
        (["", "a"], ["", "a"], 0, 0.0, 0.0),
        ([], [], 0, None, None),
        (["x", "a b c d"], ["", "a b c d"], 1, 0.25, 0.5),
        (["e\u0301"], ["\u00e9"], 0, 0.0, 0.0),
        (["it's"], ["it\u2019s"], 0, 0.0, 0.0),
    ],
)
def test_corners(hyp: list[str], ref: list[str], errors: int, rate: float | None, sentences: float | None) -> None:
    report = score(hyp, ref)
    assert report.normalized.words.total().errors == errors
    assert (report.word_error_rate, report.normalized.sentence_error_rate) == (rate, sentences)
    assert report.normalized.normalizer == "standard-2"


def test_characters_of_texts_that_normalizing_leaves_alone() -> None:
    characters = score(["abc", "no"], ["abd", "No!"]).normalized.characters.total()
    assert (characters.errors, characters.num_reference) == (1, 5)


def test_optional_words_that_were_left_out_are_hits_once() -> None:
    pairs = Pairs(["u1", "u2"], ["a c", "b"], ["a (b) c", "B!"], notation=(True, False))
    report = score_pairs(pairs, ScoringConfig(weights="nist"))
    assert (report.raw.words.total().hits, report.normalized.words.total().hits) == (3, 4)
    assert report.signature().endswith("|notation:nist")


def test_the_worst_have_the_most_errors_then_the_higher_rate() -> None:
    ref = ["a b c d", "a b c d e f g h", "a b c d", "a", "a", "a b c d"]
    hyp = ["x b c d", "x y c d e f g h", "x y c d", "a", "x", "x b c d"]
    assert score(hyp, ref).worst == [2, 1, 4, 0, 5]


def test_intervals_are_of_the_chosen_normalizer() -> None:
    hyp, ref = ["a b"] * 4, ["A b", "a c"] * 2
    report = score(hyp, ref)
    assert (report.raw.word_interval, report.raw.character_interval) == (None, None)
    assert report.normalized.word_interval is not None
    assert report.normalized.character_interval is not None
    plain = score(hyp, ref, ScoringConfig(normalizer="none"))
    assert plain.raw is plain.normalized
    assert plain.raw.word_interval is not None
    assert score(hyp, ref, ScoringConfig(resamples=0)).normalized.word_interval is None
    assert score(hyp, ref, ScoringConfig(resamples=1)).normalized.word_interval is not None


@pytest.mark.parametrize(
    ("columns", "hours"),
    [({}, None), ({"duration_s": [900.0, 1800.0]}, 0.75), ({"duration_s": [900.0, None]}, None)],
)
def test_hours_are_known_where_all_durations_are(columns: dict[str, list[Any]], hours: float | None) -> None:
    assert score_pairs(Pairs(["u1", "u2"], ["a", "b"], ["a", "b"], columns=columns)).hours == hours


@pytest.mark.parametrize(
    ("told", "expected"),
    [(["s1", 2], ["s1", "2"]), (["s1", None], None), (["s1", ""], None), ([None, None], None), ([], None)],
)
def test_speakers_are_known_where_all_are(told: list[Any], expected: list[str] | None) -> None:
    assert score_pairs(Pairs(["u1", "u2"], ["a", "b"], ["a", "b"], columns={"speaker": told})).speakers == expected


def test_the_signature_names_every_setting_that_moves_the_score(tmp_path: Path) -> None:
    end = f"n:1|v:{version_of()}"
    plain = score(["a"], ["a"])
    assert plain.signature() == f"wer|norm:standard-2|unit:word|case:fold|weights:unit|join:line|missing:error|{end}"
    assert plain.signature(plain.raw).startswith("wer|norm:none|unit:word|case:kept|")
    changed = score(["a"], ["a"], ScoringConfig(normalizer="none", weights="nist", characters="grapheme"))
    assert "cer|norm:none|unit:grapheme|case:kept|weights:nist" in changed.signature(unit="char")
    assert "engine:jiwer" in score(["a"], ["a"], ScoringConfig(engine="jiwer")).signature()
    (tmp_path / "h.tsv").write_text("id\ttext\nu1\ta\nu2\tb\n")
    (tmp_path / "r.tsv").write_text("id\ttext\nu1\ta\n")
    lenient = score(tmp_path / "h.tsv", tmp_path / "r.tsv", ScoringConfig(missing="deletions", extra="ignore"))
    assert lenient.signature().endswith(f"|join:id|missing:deletions|{end}|extra:ignore")


def test_weights_and_engine_decide_what_an_error_is_called() -> None:
    def counts(hyp: str, ref: str, **config: Any) -> tuple[int, int, int, int]:
        total = score([hyp], [ref], ScoringConfig(**config)).normalized.words.total()
        return total.hits, total.substitutions, total.deletions, total.insertions

    assert counts("a c e g b d f", "b d f h a c e") == (0, 7, 0, 0)
    assert counts("a c e g b d f", "b d f h a c e", weights="nist") == (3, 0, 4, 4)  # more errors for more hits
    assert counts("d b d d", "c c b") == (1, 1, 1, 2)
    assert counts("d b d d", "c c b", engine="jiwer") == (0, 3, 0, 1)


def test_speakers_come_from_a_manifest(tmp_path: Path) -> None:
    lines = [f"u{i} a b c" for i in range(12)]
    (tmp_path / "hyp.txt").write_text("\n".join(lines))
    (tmp_path / "ref.txt").write_text("\n".join(line.replace("c", "d") for line in lines))
    (tmp_path / "speakers").write_text("\n".join(f"u{i} s{i % 6}" for i in range(12)))
    report = score(tmp_path / "hyp.txt", tmp_path / "ref.txt", speakers=tmp_path / "speakers")
    assert report.normalized.word_interval is not None
    assert (report.normalized.word_interval.unit, report.normalized.word_interval.num_units) == ("speaker", 6)
    (tmp_path / "speakers").write_text("u0 s0\n")
    with pytest.raises(ScoringError, match="lacks 11 of 12 utterances: 'u1'"):
        score(tmp_path / "hyp.txt", tmp_path / "ref.txt", speakers=tmp_path / "speakers")


def test_wrong_use() -> None:
    with pytest.raises(TypeError, match="two paths or two sequences"):
        score("hyp.txt", ["a"])
    with pytest.raises(MissingPathError):
        score("no.txt", "no.txt")
    with pytest.raises(ConfigError, match="jiwer has weights of its own"):
        ScoringConfig(engine="jiwer", weights="nist")
