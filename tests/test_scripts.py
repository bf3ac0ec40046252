"""Scripts without spaces between words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrkit.text.scripts import is_unspaced, separate


@pytest.mark.parametrize(
    ("text", "expected", "why"),
    [
        ("我 love 你们", "我 love 你 们", "Han one by one, Latin words whole"),
        ("iPhone手机2台", "iPhone 手 机 2 台", "digits stay together"),
        ("カメラがすき", "カ メ ラ が す き", "Kana"),
        ("か\u3099", "か\u3099", "a voicing mark stays on its letter"),
        ("ที่นี่", "ที่ นี่", "Thai letters with their marks"),
        ("မြန်မာ", "မြ န် မာ", "Myanmar"),
        ("한국어 문장", "한국어 문장", "Korean has spaces"),
        ("naïve café", "naïve café", "Latin"),
        ("", "", "nothing"),
    ],
)
def test_characters_are_words_where_there_are_no_spaces(text: str, expected: str, why: str) -> None:
    assert separate(text) == expected, why


@given(st.text())
def test_separating_moves_spaces_only(text: str) -> None:
    assert separate(text).replace(" ", "") == "".join(text.split()) or separate(text) == text
    assert separate(separate(text)) == separate(text)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["今天天气很好", "ok"], True),
        (["我爱他 love"], True),
        (["hello there 你好"], False),
        (["สวัสดีครับผมชื่อสมชาย"], True),
        (["สวัสดี ครับ ผม ชื่อ สมชาย"], False),
        (["今天 天气 很 好", "我们 去 公园"], False),
        (["привет", "hello"], False),
        ([], False),
        (["123", "!?"], False),
    ],
)
def test_the_greater_part_decides(texts: list[str], expected: bool) -> None:
    assert is_unspaced(texts) is expected
