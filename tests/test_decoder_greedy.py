from __future__ import annotations

import numpy as np
import pytest

from asrkit.decoder import BeamSearchDecoder, greedy_decode
from asrkit.text import Alphabet, Symbols, WordRule

CASES = {
    "characters": (Alphabet("abc "), [0, 1, 3, 2, 0], "ab ca", ["ab", "ca"]),
    "no spaces": (Alphabet("abc"), [0, 1, 2], "abc", ["a", "b", "c"]),
    "pieces": (Symbols(("<blk>", "▁a", "b", "▁ca", "▁"), 0, WordRule.PIECE), [1, 2, 3, 4, 2, 1], "ab ca b a", None),
    "first without its mark": (Symbols(("<blk>", "▁a", "b"), 0, WordRule.PIECE), [2, 1, 2], "b ab", None),
    "wordpiece": (Symbols(("<blk>", "a", "##b", "c"), 0, WordRule.CONTINUATION), [1, 2, 3, 2, 1], "ab cb a", None),
    "continued": (Symbols(("<blk>", "a@@", "b", "c"), 0, WordRule.CONTINUED), [1, 2, 3, 1, 3], "ab c ac", None),
    "endings": (Symbols(("<blk>", "a", "b</w>", "c"), 0, WordRule.ENDING), [1, 2, 3, 2, 1], "ab cb a", None),
    "bytes": (Symbols(("<blk>", "▁a", "<0xC3>", "<0xA9>"), 0, WordRule.PIECE), [1, 2, 3, 1], "aé a", None),
    "GPT-2": (Symbols(("<blk>", "Ġa", "Ã", "©"), 0, WordRule.BYTE_PIECE), [1, 2, 3, 1], "aé a", None),
    "tokens": (Symbols(("<blk>", "我", "你们"), 0, WordRule.NONE), [1, 2, 1], "我你们我", ["我", "你们", "我"]),
    "skipped": (Symbols(("<blk>", "<unk>", "▁a", "b"), 0, WordRule.PIECE, frozenset({1})), [2, 1, 3, 1], "ab", None),
}


def clear(symbols: Symbols, path: list[int]) -> np.ndarray:
    """Two steps an output, a blank after each."""
    steps = [index for output in path for index in (output, output, symbols.blank_index)]
    values = np.full((len(steps), len(symbols)), 1e-5)
    values[np.arange(len(steps)), steps] = 1.0
    return np.asarray(np.log(values / values.sum(axis=1, keepdims=True)).astype(np.float32))


@pytest.mark.parametrize("case", CASES)
def test_the_most_likely_path_says_what_the_search_finds(case: str) -> None:
    symbols, path, text, words = CASES[case]
    found = greedy_decode(clear(symbols, path), symbols)
    assert (found.text, [word.text for word in found.words]) == (text, words or text.split())
    searched = BeamSearchDecoder(symbols).decode(clear(symbols, path))[0]
    assert searched.text == text
    assert [word[:3] for word in searched.words] == [word[:3] for word in found.words]


def test_bytes_that_make_no_character_are_said_to_be_unknown() -> None:
    symbols = CASES["bytes"][0]
    assert greedy_decode(clear(symbols, [1, 2, 1]), symbols).text == "a\ufffd a"


def test_bytes_of_a_script_without_spaces_make_whole_characters() -> None:
    symbols = Symbols(("<blk>", "我", "<0xE4>", "<0xBD>", "<0xA0>"), 0, WordRule.NONE)
    found = greedy_decode(clear(symbols, [1, 2, 3, 4, 1, 2]), symbols)
    assert [word.text for word in found.words] == ["我", "你", "我", "\ufffd"]
    assert found.text == "我你我\ufffd"
