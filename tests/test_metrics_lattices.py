"""Two texts said in several ways: the pair of ways that fits best, as trying all of them finds it."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrkit.metrics import lattices
from asrkit.metrics.lattices import Prices, choose_ways

PRICES = {"errors, then hits": Prices(-1, 1 << 32, 1 << 32), "sclite": Prices(0, (4 << 32) + 1, (3 << 32) + 1)}

texts = st.lists(st.sampled_from("ab"), max_size=3)
one_way = st.tuples(texts, st.just(0))
choice = st.tuples(texts, st.sampled_from([0, 2 << 32]))
parts = st.lists(
    st.one_of(st.lists(one_way, min_size=1, max_size=1), st.lists(choice, min_size=1, max_size=3)), max_size=4
)


def price_of(reference: list[str], hypothesis: list[str], prices: Prices) -> int:
    """The price of the best alignment of two plain texts, by the full table."""
    row = [j * prices.gap for j in range(len(hypothesis) + 1)]
    for i, word in enumerate(reference, 1):
        last, row = row, [i * prices.gap]
        for j, other in enumerate(hypothesis, 1):
            paired = last[j - 1] + (prices.hit if word == other else prices.substitution)
            row.append(min(paired, last[j] + prices.gap, row[-1] + prices.gap))
    return row[-1]


def price_said(ref: list, hyp: list, prices: Prices) -> int:
    """The price of one way to say both sides, each a list of (words, cost)."""
    words = [[word for said, _ in side for word in said] for side in (ref, hyp)]
    return price_of(words[0], words[1], prices) + sum(cost for side in (ref, hyp) for _, cost in side)


@pytest.mark.parametrize("name", PRICES)
@pytest.mark.parametrize("cells", [8_000_000, 1], ids=["all rows kept", "rows made again"])
@settings(max_examples=60, deadline=None)
@given(ref=parts, hyp=parts)
def test_no_pair_of_ways_fits_better(name: str, cells: int, ref: list, hyp: list) -> None:
    prices = PRICES[name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lattices, "_CELLS", cells)
        fit = choose_ways(ref, hyp, prices)
    chosen = [
        [ways[place] for ways, place in zip(side, places, strict=True)]
        for side, places in ((ref, fit.reference), (hyp, fit.hypothesis))
    ]
    assert fit.cost == price_said(chosen[0], chosen[1], prices)
    every = itertools.product(itertools.product(*ref), itertools.product(*hyp))
    assert fit.cost == min(price_said(list(one), list(other), prices) for one, other in every)


def test_of_ways_that_fit_alike_the_first_is_taken() -> None:
    fit = choose_ways([[(["a"], 0)], [(["x"], 0), (["y"], 0)]], [[(["a", "z"], 0)]], Prices(0, 1, 1))
    assert (fit.reference, fit.hypothesis) == ([0, 0], [0])


def test_nothing_at_all() -> None:
    assert choose_ways([], [], Prices(0, 1, 1)) == ([], [], 0)
    assert choose_ways([], [[(["a"], 0), ([], 0)]], Prices(0, 1, 1)) == ([], [1], 0)
    assert choose_ways([[([], 0)]], [[(["a"], 0)]], Prices(0, 1, 1)).cost == 1


def test_a_long_line_takes_a_moment_and_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lattices, "_CELLS", 100_000)
    reference = [f"w{i % 700}" for i in range(1_500)]
    hypothesis = [word if i % 9 else "x" for i, word in enumerate(reference)]
    ways = [(["um"], 0), (["w0", "w1"], 0), ([], 0)]
    start = time.process_time()
    fit = choose_ways([[(reference[:700], 0)], ways, [(reference[702:], 0)]], [[(hypothesis, 0)]], Prices(0, 1, 1))
    assert time.process_time() - start < 5.0  # a table of Python numbers takes longer
    assert fit.reference == [0, 1, 0]
    assert fit.cost == hypothesis.count("x")
