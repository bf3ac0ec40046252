"""Any alphabet, setting and input either decodes to something sane or raises a DecodingError; nothing crashes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrkit.config import DecodingConfig
from asrkit.decoder import BeamSearchDecoder
from asrkit.errors import DecodingError
from asrkit.language_model import NgramModel

TINY = Path(__file__).parents[1] / "lm" / "tiny.arpa"
LETTERS = " abcdefghijklmnopqrstuvwxyz'" + "äß語" + "".join(chr(0x4E00 + i) for i in range(100))

configs = st.builds(
    DecodingConfig,
    beam=st.sampled_from([1, 2, 7, 100]),
    beam_threshold=st.sampled_from([0.01, 3.0, 14.0, 80.0]),
    symbol_threshold=st.sampled_from([0.01, 5.0, 1e9]),
    lm_weight=st.sampled_from([0.0, 0.7, 5.0]),
    word_bonus=st.sampled_from([-20.0, 0.0, 1.5, 20.0]),
    vocabulary=st.sampled_from(["open", "closed"]),
    unknown_weight=st.sampled_from([0.0, 0.6, 2.0]),
    unknown_bonus=st.sampled_from([-10.0, 0.0, 10.0]),
    recombine=st.booleans(),
    n_best=st.sampled_from([1, 3, 50]),
)


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[str], int, npt.NDArray[np.floating]]:
    labels = draw(st.lists(st.sampled_from(LETTERS), unique=True, min_size=1, max_size=80))
    blank = draw(st.integers(0, len(labels)))
    labels.insert(blank, "")
    steps = draw(st.integers(0, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = rng.normal(0, draw(st.sampled_from([0.0, 1.0, 5.0, 50.0])), (steps, len(labels)))
    log_probs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    log_probs[rng.random(log_probs.shape) < draw(st.sampled_from([0.0, 0.0, 0.3]))] = -np.inf
    if steps and draw(st.booleans()):
        log_probs[rng.integers(steps), rng.integers(len(labels))] = draw(
            st.sampled_from([math.nan, math.inf, 1.0, -math.inf, -1e30, -0.0])
        )
    return labels, blank, log_probs.astype(draw(st.sampled_from([np.float16, np.float32, np.float64])))


@pytest.fixture(scope="module")
def tiny() -> NgramModel:
    return NgramModel.load(TINY)


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
@settings(max_examples=250, deadline=None)
@given(
    problem=problems(), config=configs, has_lm=st.booleans(), hotwords=st.lists(st.sampled_from(LETTERS), max_size=3)
)
def test_nothing_crashes(
    tiny: NgramModel,
    problem: tuple[list[str], int, npt.NDArray[np.floating]],
    config: DecodingConfig,
    has_lm: bool,
    hotwords: list[str],
) -> None:
    labels, blank, emissions = problem
    try:
        decoder = BeamSearchDecoder.from_labels(
            labels, blank, tiny if has_lm else None, config, hotwords={word: 3.0 for word in hotwords if word.strip()}
        )
        found = decoder.decode(emissions)
    except DecodingError:
        return
    assert 1 <= len(found) <= config.n_best
    assert len({h.text for h in found}) == len(found)
    scores = [h.score for h in found]
    assert scores == sorted(scores, reverse=True) and not any(map(math.isnan, scores))
    for h in found:
        assert set(h.text) <= set(labels) | {" "}
        assert 0.0 <= h.confidence <= 1.0 and all(0.0 <= word.confidence <= 1.0 for word in h.words)
        edges = [edge for word in h.words for edge in (word.start_step, word.end_step)]
        assert edges == sorted(edges) and all(0 <= edge <= len(emissions) for edge in edges)
    assert decoder.decode_texts([emissions]) == [found[0].text]
    sums = np.exp(emissions.astype(np.float64)).sum(axis=1)
    if ((sums > 1.5) | (sums < 1e-3)).any():
        return  # a piece may be refused for it: of the whole, other steps were looked at
    stream = decoder.stream()
    for piece in np.array_split(emissions, 3):
        stream.push(piece)
        stream.partial()
    assert stream.finish() == found
