"""Emissions of large vocabularies, which the extension converts and rounds, beside what NumPy makes of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from asrkit.emissions import Values, as_stored, to_log_probabilities

FloatArray = npt.NDArray[np.float32]
SIZES = [257, 272, 511, 513, 1031, 12_000]  # whole vectors and blocks, and others


def written(kind: Values, steps: int, outputs: int, seed: int = 1) -> FloatArray:
    """Return steps of a network that is sure, in doubt, or knows nothing."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(steps, outputs)) * rng.choice([0, 1, 8, 40], (steps, 1)) + rng.normal(0, 30, (steps, 1))
    logs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    given = {Values.LOGITS: logits, Values.LOG_PROBABILITIES: logs, Values.PROBABILITIES: np.exp(logs)}
    return given[kind].astype(np.float32)


def rounded(emissions: npt.NDArray[np.floating]) -> FloatArray:
    """Round as files do."""
    return np.where(emissions < -14, -17, emissions).astype(np.float16).astype(np.float32)


@pytest.mark.parametrize("outputs", SIZES)
@pytest.mark.parametrize("kind", Values)
def test_many_outputs_are_what_double_precision_makes_of_them(kind: Values, outputs: int) -> None:
    array = written(kind, 60, outputs)
    exact = to_log_probabilities(array.astype(np.float64), kind)
    found = to_log_probabilities(array, kind)
    np.testing.assert_allclose(found, exact, rtol=3e-7, atol=3e-7 * max(1, np.abs(array).max()))
    given = array.copy()
    assert to_log_probabilities(given, kind, out=given) is given
    np.testing.assert_array_equal(given, found)
    np.testing.assert_array_equal(to_log_probabilities(np.asfortranarray(array), kind), found)
    for step in (0, 31, 59):
        alone = to_log_probabilities(array[step : step + 1], kind)
        np.testing.assert_array_equal(alone[0], found[step], err_msg="alone as in company")
    stored = as_stored(found)
    np.testing.assert_array_equal(stored, rounded(found))
    np.testing.assert_array_equal(as_stored(stored), stored)
    is_near = np.abs(exact + 14) < 1e-4
    np.testing.assert_allclose(stored[~is_near], rounded(exact)[~is_near], rtol=1e-3, atol=1e-4)


def test_impossible_outputs_and_steps_stay_what_they_are() -> None:
    logits = written(Values.LOGITS, 3, 300)
    logits[0, 1:] = -np.inf
    logits[1, ::2] = -np.inf
    logits[2] = -1e30
    found = to_log_probabilities(logits, Values.LOGITS)
    assert found[0, 0] == 0
    np.testing.assert_array_equal(np.isneginf(found), np.isneginf(logits))
    np.testing.assert_allclose(np.exp(found[1].astype(np.float64)).sum(), 1, atol=1e-5)
    np.testing.assert_allclose(found[2], 0, atol=6), "all the same, as far as so large numbers tell"
    shares = np.zeros((2, 300), np.float32)
    shares[0, 7], shares[1, :2] = 1.0, 1e-9
    found = to_log_probabilities(shares, Values.PROBABILITIES)
    np.testing.assert_allclose(found[0, 6:8], [np.log(1e-15), 0], atol=1e-5)
    np.testing.assert_allclose(found[1, 1:3], [np.log(0.5), np.log(1e-6 / 2)], atol=1e-3)


def test_every_number_of_16_bits_and_what_lies_between_is_rounded_as_numpy_does() -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
    halves = halves[~np.isnan(halves)]
    middles = np.sort(halves)[:-1] / 2 + np.sort(halves)[1:] / 2  # ties
    likely = np.concatenate([halves, middles, np.nextafter(middles, -np.inf), np.nextafter(middles, np.inf)])
    likely = likely[likely >= -14]
    likely = np.append(likely, np.float32([65519, 65520, 1e30, np.inf, np.nan, -1e-40]))
    with np.errstate(over="ignore"):
        expected = likely.astype(np.float16).astype(np.float32)
    found = as_stored(likely[None])[0]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


@pytest.mark.parametrize("outputs", range(257, 291))
def test_what_is_rare_is_told_at_every_place(outputs: int) -> None:
    for place in range(outputs):
        row = np.full((1, outputs), np.nextafter(np.float32(-14), np.float32(-20)))
        row[0, place] = -14
        stored = as_stored(row, out=row)
        assert stored[0, place] == -14
        assert (np.delete(stored[0], place) == -17).all()


def test_emissions_of_any_type_and_none_at_all_are_rounded() -> None:
    exact = written(Values.LOG_PROBABILITIES, 9, 300)
    for emissions in (exact.astype(np.float64), exact.astype(np.float16)):
        stored = as_stored(emissions, out=emissions)
        assert stored.dtype == np.float32
        np.testing.assert_array_equal(stored, rounded(emissions.astype(np.float32)))
    assert as_stored(exact[:0]).shape == (0, 300)


@pytest.mark.parametrize("kind", Values)
def test_few_outputs_are_converted_by_numpy(kind: Values, monkeypatch: pytest.MonkeyPatch) -> None:
    """So their bytes stay what they were."""
    calls = []
    for name in ("normalize_logits", "normalize_shares", "keep_likely"):
        monkeypatch.setattr(f"asrkit._native.{name}", lambda *_, name=name: calls.append(name))
    as_stored(to_log_probabilities(written(kind, 9, 256), kind))
    assert not calls
    as_stored(to_log_probabilities(written(kind, 9, 257), kind))
    assert len(calls) == (1 if kind is Values.LOG_PROBABILITIES else 2)
