"""`asrkit lm lexicon`: words of a language model and how they are said, whatever their case."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_language_model_cli import refused, run

from asrkit.text import Lexicon

CMUDICT = """;;; a comment
hello  HH AH0 L OW1
hello(2)  HH EH0 L OW1
world  W ER1 L D
low  L OW1
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_lm(*words: str) -> None:
    entries = "".join(f"-1\t{word}\n" for word in ("<unk>", "<s>", "</s>", *words))
    Path("m.arpa").write_text(f"\\data\\\nngram 1={len(words) + 3}\n\n\\1-grams:\n{entries}\n\\end\\\n")


def completed(lines: str) -> tuple[dict[str, list[str]], dict[str, object]]:
    """Return what is written, and what is said of it."""
    Path("known").write_text(lines)
    counts = json.loads(run("lexicon", "m.arpa", "--lexicon", "known", "-o", "new", "--json").stdout)
    return {word: [*map(" ".join, ways)] for word, ways in Lexicon.read("new").pronunciations.items()}, counts


def test_words_in_capitals_are_those_of_the_lexicon() -> None:
    write_lm("HELLO", "WORLD", "Low", "WOE", "ZZZ")
    written, counts = completed(CMUDICT)
    assert written.pop("WOE")
    assert written == {"HELLO": ["hh ah l ow", "hh eh l ow"], "WORLD": ["w er l d"], "Low": ["l ow"]}
    assert (counts["words"], counts["guessed"], counts["left_out"]) == (4, 1, 1)
    shown = run("lexicon", "m.arpa", "--lexicon", "known", "-o", "new").stderr
    assert "1 words are not in the lexicon; how they are said is guessed: WOE" in shown
    assert "left out: ZZZ" in shown


def test_a_word_as_it_is_written_goes_before_those_of_other_case() -> None:
    write_lm("Polish", "polish", "POLISH")
    written, _ = completed("Polish\tP OW1 L\npolish\tP AA1 L\n")
    assert written == {"Polish": ["p ow l"], "polish": ["p aa l"], "POLISH": ["p ow l", "p aa l"]}


def test_labels_that_differ_by_case_are_different_sounds() -> None:
    write_lm("she", "see", "sea")
    written, _ = completed("she\tS i:\nsee\ts i:\nsea\ts i:\n")
    assert written == {"she": ["S i:"], "see": ["s i:"], "sea": ["s i:"]}


def test_a_lexicon_without_words_is_not_written() -> None:
    write_lm("\u0434\u0430")
    Path("known").write_text(CMUDICT)
    message = refused("lexicon", "m.arpa", "--lexicon", "known", "-o", "new")
    assert (
        message
        == "known: none of the words of m.arpa can be said, such as '\u0434\u0430': give a lexicon of its language"
    )
    write_lm()
    assert "can be said, as it has none" in refused("lexicon", "m.arpa", "--lexicon", "known", "-o", "new")
    assert not Path("new").exists()
