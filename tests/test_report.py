"""Views of a score that people and programs read: terminal, Markdown, JSON."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from asrkit.config import ScoringConfig
from asrkit.metrics.comparison import compare
from asrkit.metrics.details import find_details
from asrkit.metrics.ranking import rank
from asrkit.metrics.scoring import score
from asrkit.report.alignment_text import alignment_text
from asrkit.report.markdown import comparison_to_markdown, escape, score_to_markdown
from asrkit.report.score_json import comparison_to_json, ranking_to_json, score_to_json
from asrkit.report.score_terminal import _print_table, print_comparison, print_score
from asrkit.report.tables import ReportTable
from asrkit.report.verdicts import verdict
from asrkit.report.wording import visible

HYPOTHESES = ["the cat sat on the mat", "two *lines*", ""]
REFERENCES = ["The cat sat on a mat.", "two lines | here", "lost"]


def printed(*arguments: object, width: int = 80, comparison: bool = False, **options: object) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, highlight=False, color_system=None)
    (print_comparison if comparison else print_score)(*arguments, console, **options)  # type: ignore[operator]
    return stream.getvalue()


def test_alignments_stay_in_columns_with_wide_and_right_to_left_words() -> None:
    report = score(["日本 b שלום", "a"], ["日本語 b שלומ c", "a"], ScoringConfig(normalizer="none"))
    text = alignment_text(report.align(0)).plain
    assert text.splitlines() == [
        "ref  日本語 b \u2068שלומ\u2069 c",
        "hyp  日本   b \u2068שלום\u2069",
        "     S        S    D",
    ]


def test_long_alignments_are_cut_and_it_is_said() -> None:
    report = score(["x"], [" ".join("word" for _ in range(300))])
    text = alignment_text(report.align(0), width=40, most_rows=2).plain
    assert text.endswith("     ... 286 more words\n")


def test_the_table_of_rates_fits_into_80_columns() -> None:
    texts = ["Ab " * 50] * 3_000  # with CER counts beyond 100,000
    report = score([text.replace("b", "c") for text in texts], texts, ScoringConfig(resamples=10))
    text = printed(report, worst=1)
    assert "…" not in text
    assert max(len(line) for line in text.splitlines() if not line.startswith("wer|")) <= 80


def test_texts_as_written_are_scored_beside_only_where_they_differ() -> None:
    assert "as written" in printed(score(["a"], ["A"]))
    plain = printed(score(["a"], ["b"]))
    assert "as written" not in plain
    assert "standard-2 changed nothing" in plain
    assert "none" in printed(score(["a"], ["A"], ScoringConfig(normalizer="none"))).splitlines()[4]


def test_details_are_shown_when_asked_for() -> None:
    report = score(HYPOTHESES, REFERENCES)
    details = find_details(report, vocabulary={"the", "cat"}, training_counts={"the": 3}, keywords=["cat", "mat"])
    text = printed(report, details=details)
    for title in ("Confusions", "Words missed", "By length", "Out of vocabulary", "Rare words", "Keywords"):
        assert f"\n{title}\n" in text
    assert "By speaker" not in text
    assert "Keywords" not in printed(report)


def test_markdown_is_escaped() -> None:
    assert escape("a|b *c* <d> [e](f) `g`") == r"a\|b \*c\* \<d\> \[e\](f) \`g\`"
    text = score_to_markdown(score(HYPOTHESES, REFERENCES, ScoringConfig(normalizer="none")), worst=3)
    assert "## WER 63.64 %" in text
    assert r"~~lines~~ **\*lines\***" in text
    assert r"~~\|~~" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace(r"\|", "").count("|") for line in tables} == {11}


def test_json_holds_no_number_that_json_cannot() -> None:
    for texts in ([], [""], ["a"]):
        report = score(texts, texts)
        json.dumps(score_to_json(report, details=find_details(report)), allow_nan=False)
    json.dumps(comparison_to_json(compare(["a"], ["b"], ["a"])), allow_nan=False)


def test_the_schema_of_the_json() -> None:
    report = score(HYPOTHESES, REFERENCES)
    values = score_to_json(report, details=find_details(report))
    assert list(values) == [
        "schema",
        "asrkit_version",
        "hypothesis",
        "reference",
        "joined_by",
        "num_utterances",
        "missing",
        "settings",
        "scores",
        "normalizer_effect",
        "worst",
        "details",
        "by",
        "notes",
    ]
    assert list(values["scores"]["raw"]) == ["normalizer", "wer", "cer", "mer", "wil", "wip", "ser"]
    assert list(values["scores"]["raw"]["wer"]) == [
        "rate",
        "errors",
        "num_reference",
        "num_hypothesis",
        "hits",
        "substitutions",
        "deletions",
        "insertions",
        "interval",
        "signature",
    ]
    assert set(values["details"]) == {
        "confusions",
        "words",
        "speakers",
        "lengths",
        "durations",
        "worst_tenth",
        "out_of_vocabulary",
        "keywords",
        "false_alarms_per_hour",
        "bands",
        "oracles",
        "calibration",
        "blame",
    }


def test_a_comparison_says_what_it_shows() -> None:
    a, b, references = ["x b c d"] * 40, ["a b c d"] * 40, ["a b c d"] * 40
    lines = verdict(compare(a, b, references))
    assert lines[0] == "B is better by 25.00 % absolute, 100.0 % relative."
    assert lines[-1] == "The difference is settled: B is better on speech like this."
    assert "B wins 40 utterances, loses 0, ties 0." in lines
    assert verdict(compare(a, a, references))[0] == "Both systems make the same number of errors."
    assert verdict(compare([""], [""], [""])) == ["The references hold no word: nothing can be compared."]
    text = printed(compare(a, b, references), comparison=True, worst=1)
    assert "line 1   B has 1 error fewer" in text
    assert "| A | 25.00 % |" in comparison_to_markdown(compare(a, b, references))


def test_an_open_question_names_its_price() -> None:
    a = ["a b c x"] * 30 + ["a b c d"] * 30
    b = ["a b c d"] * 32 + ["a b c x"] * 28
    line = verdict(compare(a, b, ["a b c d"] * 60))[-1]
    assert line.startswith("The difference is not settled: about ")
    assert "times this set) would be needed if it stays as it is." in line


def test_control_characters_and_overrides_are_visible() -> None:
    assert visible("a\x1b[1m\u202eb") == "a\ufffd[1m\ufffdb"
    assert visible("naïve שלום") == "naïve שלום"


def documented(text: str, heading: str) -> set[str]:
    """The keys in the first column of the tables below a heading."""
    section = text.split(f"\n{heading}")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {key for cell in cells for key in re.findall("`([^`]+)`", cell)}


def test_the_json_is_documented_key_by_key() -> None:
    text = (Path(__file__).resolve().parents[1] / "docs" / "score-json.md").read_text(encoding="utf-8")
    report = score(HYPOTHESES, REFERENCES)
    values = score_to_json(report, details=find_details(report))
    written = {*values, *values["scores"]["raw"]["wer"], *values["details"]}
    assert documented(text, "## asrkit-score-1") == written
    assert documented(text, "## asrkit-comparison-1") == set(comparison_to_json(compare(["a"], ["b"], ["a"])))
    ranking = ranking_to_json(rank([["a"], ["b"], ["a"]], ["a"]))
    assert documented(text, "## asrkit-ranking-1") == {*ranking, *ranking["pairs"][0]} - {"a", "b"}


def test_three_utterances_that_agree_are_told_for_what_they_are() -> None:
    references = ["the cat sat", "a dog ran off", "we all went home"]
    wrong = [f"x {text.split(maxsplit=1)[1]}" for text in references]
    lines = verdict(compare(wrong, references, references))
    assert lines[-1] == (
        "The difference is not settled: the systems differ in 3 utterances, and fewer than 6 may fall the same way by "
        "chance."
    )
    assert not any("of resamples" in line for line in lines)  # of three that agree, all resamples do


NUMBERS = st.integers(0, 10**9).map("{:,}".format)
NAMES = st.text("abcdefghij-_/ 語", max_size=60)


@given(
    st.lists(st.tuples(NAMES, NAMES, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=4),
    st.integers(56, 100),
)
def test_no_table_breaks_a_word_or_number_or_leaves_the_window(rows: list[tuple[str, ...]], width: int) -> None:
    columns = ["said", "recognized", "errors", "N", "hits", "sub", "del", "ins"]
    table = ReportTable("Any", columns, [list(row) for row in rows], frozenset(range(2, 8)))
    console = Console(width=width, record=True, file=io.StringIO())
    _print_table(table, console)
    shown = console.export_text().splitlines()
    assert all(cell_len(line.rstrip()) <= width for line in shown)
    pieces = {piece for line in shown for piece in line.split()}
    assert pieces >= {cell for row in rows for cell in row[2:]}
    words = {word for row in rows for cell in row[:2] for word in cell.split()}
    for piece in pieces - words - {*columns, "Any"} - {cell for row in rows for cell in row[2:]}:
        if not set(piece) <= set("─"):
            head, mark, tail = piece.partition("…")
            assert mark, piece
            assert any(word.startswith(head) and word.endswith(tail) for word in words)


def test_large_counts_leave_names_whole_at_80_columns() -> None:
    table = ReportTable(
        "Error rates",
        ["%", "text", "rate", "95 %", "errors", "N", "hits", "sub", "del", "ins"],
        [["WER", "standard-2", "13.16", "21.77-44.86", *["25600000"] * 6]],
        frozenset(range(2, 10)),
    )
    console = Console(width=80, record=True, file=io.StringIO())
    _print_table(table, console)
    assert console.export_text().count("WER  standard-2") == 2
