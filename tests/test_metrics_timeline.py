"""The stretch of time that holds a moment, or the nearest: as asking every stretch finds it."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from asrkit.metrics.timeline import Timeline

moments = st.integers(0, 20).map(float)
stretches = st.lists(st.tuples(moments, st.integers(0, 6).map(float)), min_size=1, max_size=8)


@given(stretches, st.floats(-3.0, 30.0) | moments)
def test_it_finds_what_asking_all_of_them_finds(pairs: list[tuple[float, float]], moment: float) -> None:
    times = [(start, start + length) for start, length in pairs]
    distances = [max(start - moment, moment - end, 0.0) for start, end in times]
    assert Timeline(times).find(moment) == distances.index(min(distances))


def test_of_two_the_first_in_order_not_in_time() -> None:
    assert Timeline([(4.0, 6.0), (0.0, 2.0)]).find(3.0) == 0  # as far from both
    assert Timeline([(0.0, 9.0), (4.0, 5.0)]).find(4.5) == 0  # both hold it
    assert Timeline([(1.0, 2.0), (2.0, 3.0)]).find(2.0) == 0  # both ends belong to it


def test_ten_thousand_stretches_are_no_burden() -> None:
    times = [(float(i), i + 1.5) for i in range(10_000)]
    start = time.process_time()
    timeline = Timeline(times)
    assert [timeline.find(i + 0.25) for i in range(1, 10_000)] == list(range(9_999))
    assert time.process_time() - start < 3.0  # asking all of them takes a minute
