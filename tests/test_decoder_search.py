"""The search against exhaustive sums, and the identities its scores must keep."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrkit.config import DecodingConfig
from asrkit.decoder import BeamSearchDecoder, Hypothesis
from asrkit.language_model import NgramModel

LN10 = math.log(10)
# Pruning that cannot bite on small problems.
WIDE = DecodingConfig(beam=100_000, beam_threshold=80.0, symbol_threshold=1e9, recombine=False, n_best=10_000)
ARPA = Path(__file__).parent / "golden" / "ab.arpa"
AB = NgramModel.load(ARPA)


def random_emissions(seed: int, steps: int, symbols: int, peak: float = 1.5) -> npt.NDArray[np.float32]:
    logits = np.random.default_rng(seed).normal(0, peak, (steps, symbols))
    log_probs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return log_probs.astype(np.float32)


def agree_in_pieces_and_threads(decoder: BeamSearchDecoder, emissions: np.ndarray) -> None:
    """A stream, a batch and threads give what the whole gives, and no text twice."""
    whole = decoder.decode(emissions)
    assert len({h.text for h in whole}) == len(whole)
    stream = decoder.stream()
    for piece in np.array_split(emissions, 4):
        stream.push(piece)
        stream.partial()
    assert stream.finish() == whole
    assert decoder.decode_batch([emissions, emissions[:9]], threads=2) == [whole, decoder.decode(emissions[:9])]


def lm_log(ngrams: oracles.Ngrams, text: str, unknown_weight: float, num_symbols: int) -> float:
    """The decoder's lm_score by the oracles: the n-gram model, and the spelling of unknown words."""
    known = [words[0] for words in ngrams if len(words) == 1 and not words[0].startswith("<")]
    spelled = sum(oracles.spelling_log(known, num_symbols, w) for w in text.split() if w not in known)
    return LN10 * oracles.sentence_log10(ngrams, text) + unknown_weight * spelled


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    steps=st.integers(0, 5),
    labels=st.sampled_from([["a", "b", " ", ""], ["", "b", "a"], [" ", "", "x"], ["", "q"], ["a", "b", "", "c"]]),
)
def test_without_lm_every_text_has_its_exhaustive_sum(seed: int, steps: int, labels: list[str]) -> None:
    emissions = random_emissions(seed, steps, len(labels))
    blank = labels.index("")
    found = BeamSearchDecoder.from_labels(labels, blank, config=WIDE).decode(emissions)
    expected = oracles.texts_of_emissions(emissions.tolist(), labels, blank)
    assert {h.text: h.acoustic_score for h in found} == pytest.approx(
        {text: math.log(p) for text, p in expected.items()}, abs=1e-4
    )
    assert [h.score for h in found] == [h.acoustic_score for h in found]
    assert found[0].text == max(expected, key=lambda text: expected[text])


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    steps=st.integers(1, 5),
    lm_weight=st.sampled_from([0.3, 1.0]),
    word_bonus=st.sampled_from([-0.5, 1.5]),
    unknown_weight=st.sampled_from([0.0, 0.7]),
)
def test_with_lm_every_text_has_its_exhaustive_score(
    seed: int, steps: int, lm_weight: float, word_bonus: float, unknown_weight: float
) -> None:
    labels = ["", "a", " ", "b"]
    config = WIDE.replace(lm_weight=lm_weight, word_bonus=word_bonus, unknown_weight=unknown_weight)
    emissions = random_emissions(seed, steps, 4)
    ngrams = oracles.read_arpa(ARPA)
    expected = {
        text: math.log(p)
        + lm_weight * lm_log(ngrams, text, unknown_weight, len(labels))
        + word_bonus * len(text.split())
        for text, p in oracles.texts_of_emissions(emissions.tolist(), labels, 0).items()
    }
    found = BeamSearchDecoder.from_labels(labels, 0, AB, config).decode(emissions)
    assert {h.text: h.score for h in found} == pytest.approx(expected, abs=1e-3)
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), steps=st.integers(1, 5))
def test_a_closed_vocabulary_keeps_exactly_the_known_words(seed: int, steps: int) -> None:
    labels = ["", "a", " ", "b"]
    emissions = random_emissions(seed, steps, 4)
    found = BeamSearchDecoder.from_labels(labels, 0, AB, WIDE.replace(vocabulary="closed")).decode(emissions)
    expected = {
        text: math.log(p)
        for text, p in oracles.texts_of_emissions(emissions.tolist(), labels, 0).items()
        if set(text.split()) <= {"a", "b", "ab", "ba"}
    }
    assert {h.text: h.acoustic_score for h in found} == pytest.approx(expected, abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), steps=st.integers(1, 5))
def test_without_a_space_every_symbol_is_a_word(seed: int, steps: int) -> None:
    labels = ["a", "c", "b", ""]
    emissions = random_emissions(seed, steps, 4)
    ngrams = oracles.read_arpa(ARPA)
    found = BeamSearchDecoder.from_labels(labels, 3, AB, WIDE.replace(lm_weight=0.6, word_bonus=1.0)).decode(emissions)
    expected = {
        text: math.log(p) + 0.6 * LN10 * oracles.sentence_log10(ngrams, " ".join(text)) + len(text)
        for text, p in oracles.texts_of_emissions(emissions.tolist(), labels, 3).items()
    }
    assert {h.text: h.score for h in found} == pytest.approx(expected, abs=1e-3)
    assert [word.text for word in found[0].words] == list(found[0].text)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), steps=st.integers(1, 40), beam=st.integers(1, 30), recombine=st.booleans())
def test_scores_are_the_sum_of_their_parts(seed: int, steps: int, beam: int, recombine: bool) -> None:
    config = DecodingConfig(beam=beam, n_best=10, lm_weight=0.8, word_bonus=0.7, recombine=recombine)
    found = BeamSearchDecoder.from_labels(["", "a", " ", "b"], 0, AB, config).decode(random_emissions(seed, steps, 4))
    ngrams = oracles.read_arpa(ARPA)
    assert 1 <= len(found) <= 10
    assert len({h.text for h in found}) == len(found)
    for h in found:
        assert h.score == pytest.approx(h.acoustic_score + 0.8 * h.lm_score + 0.7 * len(h.words), abs=1e-9)
        assert h.lm_score == pytest.approx(lm_log(ngrams, h.text, config.unknown_weight, 4), abs=1e-3)
        assert h.text == " ".join(word.text for word in h.words)
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)


@given(seed=st.integers(0, 10_000), steps=st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_an_lm_of_weight_zero_changes_nothing(seed: int, steps: int) -> None:
    emissions = random_emissions(seed, steps, 4, peak=2.5)
    labels = ["", "a", " ", "b"]
    config = DecodingConfig(lm_weight=0.0, word_bonus=0.0, beam_threshold=12.0, symbol_threshold=7.0, n_best=5)
    with_lm = BeamSearchDecoder.from_labels(labels, 0, AB, config).decode(emissions)
    without = BeamSearchDecoder.from_labels(labels, 0, None, config).decode(emissions)
    assert [h.text for h in with_lm] == [h.text for h in without]
    assert [h.score for h in with_lm] == pytest.approx([h.score for h in without], abs=1e-9)


@given(seed=st.integers(0, 10_000), order=st.permutations(range(5)))
@settings(max_examples=30, deadline=None)
def test_the_order_of_the_outputs_does_not_matter(seed: int, order: list[int]) -> None:
    labels = ["a", "b", " ", "", "c"]
    emissions = random_emissions(seed, 12, 5)
    # Which of two histories a word start keeps may depend on which comes first, so keep both.
    config = DecodingConfig(n_best=3, recombine=False)
    shuffled = BeamSearchDecoder.from_labels([labels[i] for i in order], order.index(3), AB, config)
    plain = BeamSearchDecoder.from_labels(labels, 3, AB, config)
    assert texts_and_scores(shuffled.decode(emissions[:, order])) == pytest.approx(
        texts_and_scores(plain.decode(emissions)), abs=1e-4
    )


def texts_and_scores(hypotheses: list[Hypothesis]) -> dict[str, float]:
    return {h.text: h.score for h in hypotheses}


@pytest.mark.parametrize("num_symbols", [65, 300, 5_000])
def test_large_alphabets_agree_with_a_small_one(num_symbols: int) -> None:
    """Symbols that are never likely must not change the result."""
    labels = ["", "a", " ", "b", *(chr(0x4E00 + i) for i in range(num_symbols - 4))]
    config = DecodingConfig(n_best=4, unknown_weight=0.0)
    for seed in range(5):
        small = random_emissions(seed, 30, 4, peak=2.0)
        large = np.full((30, num_symbols), -30.0, np.float32)
        large[:, :4] = small
        wide = BeamSearchDecoder.from_labels(labels, 0, AB, config).decode(large)
        assert texts_and_scores(wide) == pytest.approx(
            texts_and_scores(BeamSearchDecoder.from_labels(labels[:4], 0, AB, config).decode(small)), abs=1e-3
        )


def test_many_likely_symbols_at_once_are_all_tried() -> None:
    """More than the 64 symbols that one machine word marks."""
    labels = ["", *(chr(0x4E00 + i) for i in range(80))]
    emissions = np.full((2, 81), -math.log(81), np.float32)
    emissions[1] = random_emissions(0, 1, 81)[0]
    found = BeamSearchDecoder.from_labels(labels, 0, config=WIDE.replace(n_best=50_000)).decode(emissions)
    assert len(found) == 1 + 80 + 80 * 79
    assert sum(math.exp(h.acoustic_score) for h in found) == pytest.approx(1.0, abs=1e-4)


def likely(*steps: dict[str, float]) -> npt.NDArray[np.float32]:
    """Emissions of the labels "h", "t", " " and the blank "", which shares what is left with all that is not named."""
    emissions = np.full((len(steps), 4), 1e-6)
    for row, step in zip(emissions, steps, strict=True):
        for symbol, probability in step.items():
            row["ht ".index(symbol) if symbol else 3] = probability
    return np.log(emissions / emissions.sum(axis=1, keepdims=True)).astype(np.float32)


def test_a_narrow_beam_does_not_fill_with_combinations_of_settled_words() -> None:
    """Sixty-four beginnings are nearly as likely as the best; the last word becomes likely only in its second step."""
    doubtful = [{"h": 0.51, "t": 0.49}, {" ": 1.0}] * 6
    late = [{"": 0.6, "h": 0.4}, {"": 0.6, "h": 0.4}]
    emissions = likely(*doubtful, *late)
    narrow = DecodingConfig(beam=12)
    best = BeamSearchDecoder.from_labels(["h", "t", " ", ""], 3, config=narrow).decode(emissions)[0]
    apart = BeamSearchDecoder.from_labels(["h", "t", " ", ""], 3, config=narrow.replace(recombine=False))
    assert best.text == "h h h h h h h"
    assert apart.decode(emissions)[0].text == "h h h h h h"


def test_a_word_goes_on_from_the_history_it_began_with() -> None:
    """A "t" may also begin anew after a space, while the first one already goes on."""
    spoken = [{"h": 1.0}, {" ": 1.0}, {"t": 1.0}, {"": 0.63, " ": 0.36}, {"h": 0.72, "t": 0.27}, {"": 0.97, "h": 0.02}]
    best = BeamSearchDecoder.from_labels(["h", "t", " ", ""], 3).decode(likely(*spoken))[0]
    assert best.text == "h th"


@pytest.mark.parametrize("mode", ["thorough", "accurate", "fast"])
def test_alternatives_without_a_language_model_are_the_best_there_are(mode: str) -> None:
    doubtful = [{"h": 0.7, "t": 0.3}, {" ": 0.9, "": 0.1}, {"": 1.0}]
    emissions = likely({"": 0.55, "t": 0.45}, {" ": 1.0}, *doubtful * 3)
    labels = ["h", "t", " ", ""]
    found = BeamSearchDecoder.from_labels(labels, 3, config=DecodingConfig(mode=mode, n_best=16)).decode(emissions)
    exact = BeamSearchDecoder.from_labels(labels, 3, config=WIDE).decode(emissions)
    assert texts_and_scores(found) == pytest.approx(texts_and_scores(exact[:16]), abs=1e-4)


def test_the_empty_text_is_an_alternative_too() -> None:
    emissions = likely({"h": 0.6, "": 0.4}, {" ": 1.0}, {"t": 0.1, "": 0.9})
    found = BeamSearchDecoder.from_labels(["h", "t", " ", ""], 3, config=DecodingConfig(n_best=4)).decode(emissions)
    assert [h.text for h in found] == ["h", "", "h t", "t"]


def test_another_setting_spells_no_word_again(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = BeamSearchDecoder.from_labels(["a", "b", " ", ""], 3, AB)
    monkeypatch.setattr(BeamSearchDecoder, "_build", None)
    other = decoder.with_config(DecodingConfig(beam=3), hotwords={"ab": 2.0})
    assert (other.config.beam, other.lm, decoder.config.beam) == (3, decoder.lm, 50)


def test_the_label_that_is_the_space_is_written_as_one() -> None:
    decoder = BeamSearchDecoder.from_labels(["", "a", "|", "b"], 0, space="|")
    emissions = np.log(np.full((3, 4), 0.001, np.float32) + 0.996 * np.eye(4, dtype=np.float32)[1:])
    assert decoder.decode(emissions)[0].text == "a b"
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    assert decoder.decode(emissions.astype(ml_dtypes.bfloat16))[0].text == "a b"
