"""Priors: divided out when a language model is there, and only then; the rest of the search does not notice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_decoder import ALPHABET, planted

from asrkit.config import DecodingConfig
from asrkit.decoder import BeamSearchDecoder, make_decoder
from asrkit.decoder.emissions import PriorDivision
from asrkit.errors import ConfigError, DecodingError
from asrkit.language_model import NgramModel

TINY = Path(__file__).parents[1] / "lm" / "tiny.arpa"
PRIORS = tuple(float(p) for p in np.log(np.arange(1, len(ALPHABET) + 1) / sum(range(1, len(ALPHABET) + 1))))
WITH_PRIORS = DecodingConfig(prior_scale=0.5, log_priors=PRIORS, n_best=3)
WITHOUT = WITH_PRIORS.replace(prior_scale=0.0)


@pytest.fixture(scope="module")
def tiny() -> NgramModel:
    return NgramModel.load(TINY)


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (1.0, [0.4, 0.6, 0.0]),  # 0.5 / 0.75 and 0.25 / 0.25 are as 2 to 3
        (0.5, [0.5359, 0.4641, 0.0]),  # 0.5 / 0.866 and 0.25 / 0.5
        (0.0, [0.667, 0.333, 0.0]),
    ],
)
def test_division_by_hand(scale: float, expected: list[float]) -> None:
    config = DecodingConfig(prior_scale=scale, log_priors=(np.log(0.75), np.log(0.25), np.log(1e-6)))
    with np.errstate(divide="ignore"):
        emissions = np.log(np.array([[2 / 3, 1 / 3, 0.0]], np.float32))
    divided = PriorDivision(config, 3, has_lm=True)(emissions)
    assert np.allclose(np.exp(divided), [expected], atol=1e-3)


def test_decoding_divides_first(tiny: NgramModel) -> None:
    emissions = planted("the cat sat on the mat", noise=3.0, hold=1)
    by_hand = PriorDivision(WITH_PRIORS, len(ALPHABET), has_lm=True)(emissions)
    assert not np.allclose(by_hand, emissions, atol=0.1)
    found = BeamSearchDecoder(ALPHABET, tiny, WITH_PRIORS).decode(emissions)
    assert found == BeamSearchDecoder(ALPHABET, tiny, WITHOUT).decode(by_hand)
    assert found == BeamSearchDecoder(ALPHABET, tiny).with_config(WITH_PRIORS).decode(emissions)


@pytest.mark.parametrize("lm_weight", [None, 0.0])
def test_without_a_language_model_priors_stay(tiny: NgramModel, lm_weight: float | None) -> None:
    emissions = planted("the cat sat on the mat", noise=3.0, hold=1)
    lm = None if lm_weight is None else tiny
    changes = {} if lm_weight is None else {"lm_weight": lm_weight}
    with_priors = BeamSearchDecoder(ALPHABET, lm, WITH_PRIORS.replace(**changes)).decode(emissions)
    assert with_priors == BeamSearchDecoder(ALPHABET, lm, WITHOUT.replace(**changes)).decode(emissions)


def test_a_rare_symbol_gains(tiny: NgramModel) -> None:
    """Where the sound leaves ``cat`` and ``mat`` open, the rarer letter wins."""
    emissions = np.logaddexp(planted("cat", noise=0.1), planted("mat", noise=0.1)) - np.log(2).astype(np.float32)
    texts = []
    for rare in "cm":
        probabilities = np.full(len(ALPHABET), 0.03)
        probabilities[ALPHABET.symbols.index(rare)] = 1e-4
        priors = tuple(float(p) for p in np.log(probabilities / probabilities.sum()))
        config = DecodingConfig(prior_scale=1.0, log_priors=priors)
        texts.append(BeamSearchDecoder(ALPHABET, tiny, config).decode(emissions)[0].text)
    assert texts == ["cat", "mat"]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 25), max_size=8))
def test_streams_divide_the_same(tiny: NgramModel, seed: int, sizes: list[int]) -> None:
    emissions = planted("the cat sat on a red mat", seed=seed, noise=2.5, hold=1)
    decoder = BeamSearchDecoder(ALPHABET, tiny, WITH_PRIORS)
    stream = decoder.stream()
    for piece in np.split(emissions, np.minimum(np.cumsum(sizes), len(emissions)).astype(int)):
        stream.push(piece)
    assert stream.finish() == decoder.decode(emissions)


def test_pyctcdecode_hears_the_same(tiny: NgramModel) -> None:
    pytest.importorskip("pyctcdecode", reason="pyctcdecode is not installed")
    emissions = planted("the cat sat on the mat", noise=3.0, hold=1)
    by_hand = PriorDivision(WITH_PRIORS, len(ALPHABET), has_lm=True)(emissions)
    one = make_decoder(ALPHABET, WITH_PRIORS.replace(decoder="pyctcdecode"), tiny).decode(emissions)
    assert one == make_decoder(ALPHABET, WITHOUT.replace(decoder="pyctcdecode"), tiny).decode(by_hand)


def test_priors_of_another_alphabet_are_refused(tiny: NgramModel) -> None:
    for priors in (PRIORS[1:], ()):
        with pytest.raises(DecodingError, match=f"log_priors has {len(priors)} values, the alphabet with its blank 29"):
            BeamSearchDecoder(ALPHABET, tiny, WITH_PRIORS.replace(log_priors=priors))


def test_priors_come_in_the_order_of_the_outputs(tiny: NgramModel) -> None:
    emissions = planted("the cat sat on the mat", noise=3.0, hold=1)
    found = BeamSearchDecoder(ALPHABET, tiny, WITH_PRIORS).decode(emissions)
    rolled = WITH_PRIORS.replace(log_priors=(PRIORS[-1], *PRIORS[:-1]))
    decoder = BeamSearchDecoder.from_labels(["", *ALPHABET.symbols], 0, tiny, rolled)
    assert [h.text for h in decoder.decode(np.roll(emissions, 1, axis=1))] == [h.text for h in found]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prior_scale": 1e39}, "prior_scale must lie within"),
        ({"log_priors": [-1e39]}, "log_priors must lie within"),
        ({"prior_scale": -0.5}, "prior_scale must lie between 0 and 10"),
        ({"log_priors": [0.5, -1.0]}, "log_priors must be natural logarithms"),
        ({"log_priors": ["a"]}, "must be of type float"),
    ],
)
def test_impossible_priors_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DecodingConfig.from_dict(values)
