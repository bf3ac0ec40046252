"""Files of replacements: what a line means, what is refused, and how phrases are replaced."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrkit.errors import ConfigError, MissingPathError
from asrkit.text.normalizer import normalize
from asrkit.text.replacements import Replacements, read_replacements

FILE = """\
;; a comment of NIST's
* name "a header"
# spellings
Colour => color
e-mail => email
uh =>
set up => setup
set => put

[can't] => [{cannot / can not}]
[gonna] => [going to] / [ ] __ [ ]
"""


def replacements(tmp_path: Path, text: str) -> Replacements:
    path = tmp_path / "map.txt"
    path.write_text(text, encoding="utf-8")
    return read_replacements(path, normalize)


@pytest.mark.parametrize(
    ("text", "expected", "why"),
    [
        ("the colour of an e mail", "the color of an email", "both sides are normalized as the texts are"),
        ("uh i uh said", "i said", "fillers go"),
        ("i set up a set", "i setup a put", "the longest phrase wins"),
        ("i can't", "i cannot", "of alternatives the first"),
        ("gonna go", "going to go", "NIST's brackets"),
        ("colours", "colours", "whole words only"),
        ("", "", "nothing"),
    ],
)
def test_phrases_are_replaced(tmp_path: Path, text: str, expected: str, why: str) -> None:
    assert replacements(tmp_path, FILE).apply(text) == expected, why


def test_what_was_put_in_is_not_looked_at_again(tmp_path: Path) -> None:
    assert replacements(tmp_path, "a => b\nb => a").apply("a b a") == "b a b"


def test_what_follows_a_mark_of_comments_is_one(tmp_path: Path) -> None:
    text = "a => b # why\n[c] => [d] / [ ] __ [ ] ;; nist\nuh => #\nC# => c sharp\n  # all\n"
    assert replacements(tmp_path, text).apply("a c uh c sharp") == "b d c sharp"


@given(st.lists(st.sampled_from(["a", "b", "c", "d"])))
def test_words_without_a_rule_stay(words: list[str]) -> None:
    rules = Replacements("m", "0", {("a",): (), ("b", "c"): ("x",)})
    kept = [word for word in rules.apply(" ".join(words)).split() if word != "x"]
    assert kept.count("d") == words.count("d")
    assert "a" not in kept
    assert len(kept) <= len(words) - words.count("a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a => b => c", "map.txt:1: is no replacement; write old => new"),
        ("colour color", "map.txt:1: is no replacement; write old => new"),
        ("a => b\n\n?! => x", "map.txt:3: nothing is left of what is to be replaced"),
        ("a => b\nA => c", "map.txt:2: 'a' becomes something else on line 1"),
        ("; nothing", "there is no replacement in it"),
        ("[a] => [b] / [x] __ [ ]", "map.txt:1: rules with a context are not known"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        replacements(tmp_path, text)
    assert message in str(caught.value)


def test_a_missing_or_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingPathError, match="no such file of replacements"):
        read_replacements(tmp_path / "none", normalize)
    (tmp_path / "b").write_bytes(b"\xff\xfea")
    with pytest.raises(ConfigError, match="no text of replacements"):
        read_replacements(tmp_path / "b", normalize)


def test_the_label_changes_with_the_content(tmp_path: Path) -> None:
    first = replacements(tmp_path, "a => b").label
    assert first != replacements(tmp_path, "a => c").label
    assert first == replacements(tmp_path, "a => b").label
    assert first.startswith("map.txt@")
