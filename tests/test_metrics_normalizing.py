"""What a score's texts are compared by: the model's normalizer, the language, replacements, the unit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asrkit.config import ScoringConfig
from asrkit.errors import ConfigError, ScoringError
from asrkit.metrics.comparison import compare_reports
from asrkit.metrics.confidence import match_words, oracle_rates
from asrkit.metrics.normalizing import _normalizer, misreads_numbers, normalizer_of, settle
from asrkit.metrics.ranking import rank
from asrkit.metrics.scoring import score
from asrkit.text.normalizer import Normalizer


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


def test_systems_are_compared_under_one_normalizer_whatever_their_models_had(tmp_path: Path) -> None:
    """Equal texts of two models: one seemed better by what its normalizer makes of a range."""
    systems = []
    for number, name in enumerate(["standard-1", "standard-2", ""]):
        folder = tmp_path / str(number)
        folder.mkdir()
        systems.append(run_beside(folder, {"normalizer": name, "language": "en"}) if name else folder / "hyp.txt")
        systems[-1].write_text("u1 it costs $5-10\nu2 ok\n")
    (tmp_path / "ref.txt").write_text("u1 it costs five to ten dollars\nu2 ok\n")
    ranking = rank(systems, tmp_path / "ref.txt")
    assert {report.normalized.normalizer for report in ranking.reports} == {"standard-2"}
    assert [pair.comparison.difference for pair in ranking.pairs] == [0.0, 0.0, 0.0]
    assert "differ in their normalizer (standard-1, standard-2)" in ranking.reports[0].notes[0]
    old = rank([systems[0], systems[2]], tmp_path / "ref.txt").reports
    assert [report.normalized.normalizer for report in old] == ["standard-1", "standard-1"]
    apart = [score(systems[place], tmp_path / "ref.txt") for place in (0, 1)]
    with pytest.raises(ScoringError, match="under different normalizers, standard-1 and standard-2"):
        compare_reports(*apart)


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


@pytest.mark.parametrize(
    ("text", "settings", "is_told"),
    [
        ("купил 50 рублей", {}, True),
        ("价格 是 50 块", {}, True),
        ("купил хлеба", {}, False),
        ("for 50 euros, naïve café", {}, False),
        ("for 50 euros", {}, False),
        ("купил 50 рублей", {"normalizer": "basic"}, False),
        ("купил 50 рублей", {"normalizer": "standard-1"}, True),
    ],
)
def test_numbers_read_in_the_language_of_another_script_are_told(
    text: str, settings: dict[str, str], is_told: bool
) -> None:
    for pair in ([text], ["x"]), (["x"], [text]):
        report = score(*pair, ScoringConfig(**settings))
        assert any("read in English" in note for note in report.notes) == is_told


@pytest.mark.parametrize(
    ("texts", "column", "is_told", "why"),
    [
        (["das kostet 20 Mark", "für dich", "schön", "über uns", "drüben"], {}, True, "umlauts in most"),
        (["das kostet viel", "für dich", "schön", "über uns", "drüben"], {}, False, "no number to misread"),
        (["a 20 mark note", "for you", "fine", "naïve", "over there"], {}, False, "a loan word"),
        (["dat kost 20 euro", "voor jou"], {"language": ["nl", "nl"]}, True, "the manifest tells it"),
        (["it costs 20 euros", "for you"], {"locale": ["en-GB", "en"]}, False, "the manifest says English"),
    ],
)
def test_numbers_read_in_the_language_of_other_texts_are_told(
    texts: list[str], column: dict[str, list[str]], is_told: bool, why: str
) -> None:
    assert misreads_numbers(settle(ScoringConfig(), texts), [*texts, *texts], column) == is_told, why


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("<s> so it is </s>", "<s>"),
        ("<|en|> so it is", "<|en|>"),
        ("it <unk> is", "<unk>"),
        ("it is [NOISE]", "[NOISE]"),
        ("{w>hlh 3 < 4 > 2", ""),
        ("x[i] [1] is", ""),
    ],
)
def test_marks_that_count_as_words_are_told(text: str, mark: str) -> None:
    for pair in ([text], ["so it is"]), (["so it is"], [text]):
        told = [note for note in score(*pair).notes if "count as words" in note]
        assert bool(told) == bool(mark)
        assert all(repr(mark) in note for note in told)


def test_marks_that_are_replaced_by_nothing_are_no_words(tmp_path: Path) -> None:
    (tmp_path / "map").write_text("[noise] =>\n")
    report = score(["so [NOISE]"], ["so"], ScoringConfig(map=str(tmp_path / "map")))
    assert (report.word_error_rate, report.notes) == (0.0, ())


def write_mixed(folder: Path, languages: list[str | None], column: str = "language") -> tuple[Path, Path]:
    texts = [
        ("Es kostet 21 Euro.", "es kostet einundzwanzig euro"),
        ("It costs 21 dollars.", "it costs twenty one dollars"),
    ]
    rows = [{"id": f"u{i}", column: languages[i], "text": text} for i, (text, _) in enumerate(texts)]
    (folder / "ref.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "hyp.txt").write_text("".join(f"u{i} {heard}\n" for i, (_, heard) in enumerate(texts)))
    return folder / "hyp.txt", folder / "ref.jsonl"


@pytest.mark.parametrize("column", ["language", "lang", "locale"])
def test_each_utterance_has_its_own_language(tmp_path: Path, column: str) -> None:
    pytest.importorskip("num2words", reason="num2words is not installed (extra languages)")
    paths = write_mixed(tmp_path, ["de", "en"], column)
    report = score(*paths, ScoringConfig(language="column"))
    assert report.word_error_rate == 0.0
    assert "norm:standard-2+standard-2-de-num2words-" in report.signature()
    assert [score(*paths, ScoringConfig(language=name)).normalized.words.errors.tolist() for name in ("de", "en")] == [
        [0, 2],
        [2, 0],
    ]


def test_each_language_has_its_own_normalizer_without_any_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that tells its language in the text."""

    def get(name: str, language: str) -> Normalizer:
        return Normalizer(name, language, lambda text: f"{language} {text.lower()}")

    monkeypatch.setattr("asrkit.metrics.normalizing.get_normalizer", get)
    _normalizer.cache_clear()
    paths = write_mixed(tmp_path, ["tr", "en"])
    report = score(*paths, ScoringConfig(normalizer="basic", language="column"))
    _normalizer.cache_clear()
    assert [text.split()[0] for text in report.normalized.references] == ["tr", "en"]
    assert [text.split()[0] for text in report.normalized.hypotheses] == ["tr", "en"]
    assert report.normalized.normalizer == "basic-en+basic-tr"


def test_n_best_lists_and_words_are_read_in_the_language_of_their_utterance(tmp_path: Path) -> None:
    """In that of most, the best of a list of one had errors that the score had not."""
    rows = [{"id": "u1", "language": "en", "text": "IS IT"}, {"id": "u2", "language": "tr", "text": "IŞIK ISI"}]
    heard = [{**row, "nbest": [row["text"]], "words": [{"word": word} for word in row["text"].split()]} for row in rows]
    for name, some in (("ref", rows), ("hyp", heard)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))
    report = score(tmp_path / "hyp.jsonl", tmp_path / "ref.jsonl", ScoringConfig(normalizer="basic", language="column"))
    assert report.normalized.hypotheses == ["is it", "ışık ısı"]
    assert [oracle.errors for oracle in oracle_rates(report)] == [0]
    assert [len(words or ()) for words in match_words(report)] == [2, 2]


@pytest.mark.parametrize("languages", [["de", None], ["de", ""]])
def test_a_language_that_is_not_told_is_an_error(tmp_path: Path, languages: list[str | None]) -> None:
    with pytest.raises(ConfigError, match="columns language, lang, locale"):
        score(*write_mixed(tmp_path, languages), ScoringConfig(language="column"))
    with pytest.raises(ConfigError, match="column"):
        score(["a"], ["a"], ScoringConfig(language="column"))
