"""Student's t: tabled values, symmetry, and the normal distribution as its limit."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrkit.metrics.student import two_sided_limit, two_sided_p


@pytest.mark.parametrize(
    ("confidence", "freedom", "limit"),
    [
        (0.95, 1, 12.7062),
        (0.95, 2, 4.3027),
        (0.95, 4, 2.7764),
        (0.95, 11, 2.2010),
        (0.99, 9, 3.2498),
        (0.999, 29, 3.6594),
        (0.95, 100_000, 1.95999),
    ],
)
def test_limits_of_printed_tables(confidence: float, freedom: float, limit: float) -> None:
    assert two_sided_limit(confidence, freedom) == pytest.approx(limit, abs=1e-4)


def test_one_and_two_degrees_of_freedom_have_closed_forms() -> None:
    for t in (0.1, 1.0, 2.0, 30.0):
        assert two_sided_p(t, 1) == pytest.approx(1 - 2 / math.pi * math.atan(t), rel=1e-9)
        assert two_sided_p(t, 2) == pytest.approx(1 - t / math.sqrt(2 + t * t), rel=1e-9)


@given(st.floats(0.0, 8.0), st.floats(1.0, 1e5))
def test_it_is_even_and_has_heavier_tails_than_the_normal(t: float, freedom: float) -> None:
    p = two_sided_p(t, freedom)
    assert p == two_sided_p(-t, freedom)
    assert 2 * NormalDist().cdf(-t) <= p + 1e-9
    assert p <= 1.0


@given(st.floats(0.5, 0.999), st.floats(1.0, 500.0))
def test_limit_and_probability_are_inverse(confidence: float, freedom: float) -> None:
    assert two_sided_p(two_sided_limit(confidence, freedom), freedom) == pytest.approx(1 - confidence, abs=1e-9)
