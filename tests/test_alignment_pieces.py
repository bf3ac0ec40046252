"""How long texts are cut into pieces that can be searched, and how many of their words count as found."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_alignment import LETTERS, PHONES, emissions_of, outputs_of, said_at, words_of

from asrkit.alignment.aligner import AlignedWord, Alignment, _batches, _bounded, _cut, _Heard, _Piece
from asrkit.alignment.anchors import Block, Match

SURE, UNSURE = 1.2, 1.21  # nats a unit: a confidence of 0.301 and of 0.298


@pytest.mark.parametrize(
    ("doubts", "num_heard", "num_sure", "agreement"),
    [
        ([], 0.0, 0, 0.0),
        ([SURE], 1.0, 1, 1.0),
        ([SURE], 0.4, 1, 1.0),
        ([UNSURE], 1.0, 0, 0.0),
        ([SURE, SURE], 1.6, 2, 1.25),
        ([SURE, UNSURE, SURE], 9.0, 0, 0.0),  # single ones are found by chance
        ([SURE, UNSURE], 9.0, 0, 0.0),
        ([SURE, SURE, UNSURE, SURE], 9.0, 2, 0.5),
        ([UNSURE, SURE, SURE, SURE], 2.0, 3, 1.5),
    ],
)
def test_words_are_found_for_sure_beside_each_other(
    doubts: list[float], num_heard: float, num_sure: int, agreement: float
) -> None:
    found = Alignment([AlignedWord(0, 1, doubt) for doubt in doubts], [], [], num_heard)
    assert (found.num_sure, found.agreement) == (num_sure, agreement)


def test_what_is_heard_is_read_as_units_of_text() -> None:
    emissions = emissions_of([1, 0, 4, 2, 1], PHONES, random.Random(1))
    heard = _Heard.of(emissions, PHONES, by_output=True)
    assert heard.units.tolist() == [1, 0, 2, 1]
    assert (heard.first.tolist(), heard.end.tolist()) == ([0, 2, 6, 8], [1, 3, 7, 9])
    assert np.flatnonzero(~heard.is_pause).tolist() == [0, 2, 6, 8]
    heard = _Heard.of(np.repeat(emissions, 2, axis=0), PHONES, by_output=False)
    assert bytes(heard.units.tolist()) == b"AYHHBAY"
    assert (heard.first.tolist(), heard.end.tolist()) == ([0, 0, 4, 4, 12, 16, 16], [2, 2, 6, 6, 14, 18, 18])
    assert not len(_Heard.of(emissions[:0], PHONES, by_output=True).units)


@pytest.mark.parametrize(
    ("pauses", "at", "expected"),
    [
        ([(10, 20)], 14, 15),
        ([(10, 20), (30, 60)], 14, 45),  # a long one further away: 30 - 3.1 steps against 10 - 0.1
        ([(10, 20), (30, 42)], 14, 15),  # 12 - 2.2
        ([(10, 20), (115, 399)], 14, 15),  # beyond a hundred steps nothing is looked for
        ([(0, 120)], 150, 85),  # nor before: of this one, 70 steps are seen
        ([], 14, 14),
        ([(390, 400)], 400, 395),  # the end, behind all units
    ],
)
def test_a_cut_goes_into_a_long_pause_nearby(pauses: list[tuple[int, int]], at: int, expected: int) -> None:
    is_pause = np.zeros(400, bool)
    for begin, end in pauses:
        is_pause[begin:end] = True
    units = np.arange(at, 400)
    assert _Heard(units, units, units + 1, is_pause).pause_near(0) == expected


@given(st.integers(0, 1_200), st.integers(0, 3))
def test_pieces_are_cut_between_words_that_are_heard_as_they_are_written(end: int, seed: int) -> None:
    words = words_of(120, seed)
    starts = np.cumsum([0, *map(len, words)])
    heard = _Heard.of(
        emissions_of(outputs_of(" ".join(words), LETTERS), LETTERS, random.Random(2)), LETTERS, by_output=False
    )
    block = Block((0, len(heard.units)), (0, int(starts[-1])), (Match(0, 0, len(heard.units)),))
    pieces = list(_cut(_Piece(0, end, 0, 120), block, heard, starts))
    assert (pieces[0].first, pieces[0].low, pieces[-1].end, pieces[-1].high) == (0, 0, end, 120)
    for before, after in pairwise(pieces):
        assert (before.end, before.high) == (after.first, after.low)
        assert before.high > before.low
        assert 100 <= before.end - before.first <= 100 + 2 * 9  # the first place that is far enough
        assert said_at(words)[after.low] - 2 == after.first < end
    assert len(pieces) >= end // 118


@pytest.mark.parametrize(
    ("piece", "expected", "extra"),
    [
        (_Piece(7, 7, 0, 20), [], []),
        (_Piece(0, 3_000, 0, 400), [_Piece(0, 3_000, 0, 400)], []),
        (_Piece(0, 2_000, 0, 9_000), [_Piece(0, 2_000, 0, 9_000, 150)], []),
        (_Piece(500, 2_500, 0, 9_000), [_Piece(500, 2_500, 0, 9_000, 150)], []),
        (_Piece(9, 2_011, 5, 9_005), [_Piece(9, 1_009, 5, 155), _Piece(1_011, 2_011, 8_855, 9_005)], [(1_009, 1_011)]),
        (_Piece(0, 9_000, 5, 206), [_Piece(0, 1_000, 5, 105), _Piece(8_000, 9_000, 106, 206)], [(1_000, 8_000)]),
    ],
)
def test_of_what_is_too_long_the_ends_are_searched(
    piece: _Piece, expected: list[_Piece], extra: list[tuple[int, int]]
) -> None:
    found = Alignment([], [], [], 0.0)
    assert list(_bounded(piece, np.full(9_005, 5), found)) == expected
    assert found.extra == extra


def test_a_piece_of_a_long_text_has_its_first_and_last_words() -> None:
    assert _Piece(0, 9, 10, 16, most_words=2).words.tolist() == [10, 11, 14, 15]
    assert _Piece(0, 9, 10, 14, most_words=2).words.tolist() == [10, 11, 12, 13]
    assert _Piece(0, 9, 10, 13, most_words=2).words.tolist() == [10, 11, 12]
    assert _Piece(3, 13, 2, 4).num_cells(np.array([1, 2, 3, 4])) == 10 * (2 * 7 + 5 * 2 + 4)


def test_pieces_of_about_the_same_length_are_searched_together() -> None:
    pieces = [_Piece(9, 9 + steps, 0, 1_000) for steps in (400, 100, 900, 300, 50, 500)]  # 571 fill a batch
    batches = list(_batches(pieces, np.ones(1_000, np.intp)))
    assert [[piece.end - 9 for piece in batch] for batch in batches] == [[50, 100, 300], [400], [500], [900]]
    assert list(_batches([], np.ones(9, np.intp))) == []
