from __future__ import annotations

import numpy as np
import pytest
from fake_recognition import FakeDecoder
from hypothesis import given
from hypothesis import strategies as st

from asrkit.text import Alphabet
from asrkit.transcription.pieces import decode_in_pieces, find_cuts

ALPHABET = Alphabet(" ab")
SPACE, A, BLANK = 0, 1, 3


def emissions(path: list[int], symbols: int = 4) -> np.ndarray:
    return np.log(np.eye(symbols, dtype=np.float32)[path] * 0.9 + 0.02)


@pytest.mark.parametrize(
    ("path", "cut"),
    [
        ([A] * 4 + [BLANK, SPACE, BLANK] + [A] * 5, 5),  # the one gap between words
        ([A] * 3 + [SPACE] + [A] * 2 + [BLANK, SPACE, BLANK, BLANK] + [A] * 2, 8),  # the longer gap
        ([A] * 3 + [BLANK] * 4 + [A, BLANK, SPACE] + [A] * 2, 9),  # many blanks inside a word are no gap
        ([SPACE] * 2 + [A] * 10, 12),  # only a gap that comes too early: a cut anywhere is as good
        ([SPACE] * 6 + [A] * 6, 4),  # a gap is cut after the shortest piece
        ([A] * 6 + [BLANK] * 2 + [A] * 4, 7),  # no space at all: the longest blank
    ],
)
def test_cuts_lie_between_words(path: list[int], cut: int) -> None:
    assert find_cuts(emissions([*path, A]), ALPHABET, shortest=3, longest=12) == [cut]


def test_without_a_space_in_the_alphabet_blanks_are_pauses() -> None:
    path = [0] * 5 + [2] * 3 + [1] * 5
    assert find_cuts(emissions(path, 3), Alphabet("ab"), shortest=2, longest=12) == [6]


def test_short_emissions_are_one_piece_with_all_their_hypotheses() -> None:
    class TwoBest(FakeDecoder):
        def decode(self, values):  # type: ignore[no-untyped-def]
            return super().decode(values) * 2

    assert len(decode_in_pieces(TwoBest(ALPHABET), emissions([A] * 90), ALPHABET, step_s=1.0)) == 2
    assert len(decode_in_pieces(TwoBest(ALPHABET), emissions([A] * 91), ALPHABET, step_s=1.0)) == 1


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=60))
def test_pieces_say_what_the_whole_says_at_the_same_times(spans: list[tuple[int, int]]) -> None:
    path = [step for word, gap in spans for step in [A] * word + [BLANK] * (gap // 2) + [SPACE] * (gap - gap // 2)]
    values = emissions(path)
    decoder = FakeDecoder(ALPHABET)
    (whole,) = decoder.decode(values)
    (joined,) = decode_in_pieces(decoder, values, ALPHABET, step_s=1.5)  # pieces of 20 to 60 steps
    assert joined.text == whole.text

    def places(hypothesis):  # type: ignore[no-untyped-def]
        return [(word.text, word.start_step, word.end_step) for word in hypothesis.words]

    assert places(joined) == places(whole)
    assert joined.score == pytest.approx(whole.score, rel=1e-5)
    assert joined.confidence == pytest.approx(0.75)
