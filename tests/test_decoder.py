"""The decoders as their users meet them: planted answers, batches, threads, bad input."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrkit.config import DecodingConfig
from asrkit.decoder import BeamSearchDecoder, GreedyDecoder, Hypothesis, greedy_decode, make_decoder
from asrkit.errors import ConfigError, DecodingError, LanguageModelError
from asrkit.language_model import NgramModel
from asrkit.metrics import count_errors
from asrkit.text import Alphabet

ROOT = Path(__file__).parents[1]
TINY = ROOT / "lm" / "tiny.arpa"
REFERENCE = ROOT.parent / "shared" / "reference"
ALPHABET = Alphabet()

FloatArray = npt.NDArray[np.float32]


def planted(text: str, *, seed: int = 0, noise: float = 1.0, hold: int = 2, gap: int = 2) -> FloatArray:
    """Emissions that spell a text: each symbol for `hold` steps, then `gap` blanks."""
    rng = np.random.default_rng(seed)
    symbols = [ALPHABET.blank_index] * gap
    for symbol in ALPHABET.encode(text):
        symbols += [int(symbol)] * hold + [ALPHABET.blank_index] * gap
    logits = rng.normal(0, noise, (len(symbols), len(ALPHABET)))
    logits[np.arange(len(symbols)), symbols] += 9.0
    return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)


@pytest.fixture(scope="module")
def tiny() -> NgramModel:
    return NgramModel.load(TINY)


@pytest.fixture(scope="module")
def decoder(tiny: NgramModel) -> BeamSearchDecoder:
    return BeamSearchDecoder(ALPHABET, tiny, DecodingConfig(n_best=3))


@pytest.mark.parametrize("text", ["the cat sat on the mat", "a zebra ran", "cat", "committee", ""])
@pytest.mark.parametrize("name", ["beam", "greedy", "pyctcdecode"])
def test_planted_texts_are_read_off(name: str, text: str) -> None:
    if name == "pyctcdecode":
        pytest.importorskip("pyctcdecode", reason="pyctcdecode is not installed")
    found = make_decoder(ALPHABET, DecodingConfig(decoder=name)).decode(planted(text))
    assert found[0].text == text


def test_the_language_model_decides_what_the_sound_leaves_open(tiny: NgramModel) -> None:
    emissions = planted("the cat sat on the mat")
    sound_alike = planted("the cat sat on the hat")
    mixed = np.logaddexp(emissions + np.log(0.4), sound_alike + np.log(0.6)).astype(np.float32)
    assert BeamSearchDecoder(ALPHABET).decode(mixed)[0].text == "the cat sat on the hat"
    assert BeamSearchDecoder(ALPHABET, tiny).decode(mixed)[0].text == "the cat sat on the mat"


@pytest.mark.parametrize("unknown_weight", [1.0, 8.0, 40.0])
@pytest.mark.parametrize("text", ["committeeqxj", "catatatatatat", "zebrazebra the zebraqq"])
def test_there_is_always_a_hypothesis(tiny: NgramModel, text: str, unknown_weight: float) -> None:
    """However dearly an unknown word is paid for, in the end something is heard, with a finite score."""
    config = DecodingConfig(lm_weight=3.0, unknown_weight=unknown_weight, unknown_bonus=-20.0)
    found = BeamSearchDecoder(ALPHABET, tiny, config).decode(planted(text, noise=0.1))
    assert found
    assert np.isfinite(found[0].score)


def test_a_closed_vocabulary_cut_off_inside_a_word_keeps_the_words_before(tiny: NgramModel) -> None:
    decoder = BeamSearchDecoder(ALPHABET, tiny, DecodingConfig(vocabulary="closed", beam=1))
    assert decoder.decode(planted("the ca", noise=0.1))[0].text == "the"
    assert decoder.decode(planted("ma", noise=0.1))[0].text == ""


def test_words_know_when_they_were_spoken(decoder: BeamSearchDecoder) -> None:
    words = decoder.decode(planted("the zebra ran", hold=3, gap=1))[0].words
    # The first blank, then three steps and a blank for each symbol.
    begins = {"the": 0, "zebra": 4, "ran": 10}
    for word in words:
        begin = 1 + 4 * begins[word.text]
        assert (word.start_step, word.end_step) == (begin, begin + 4 * len(word.text) - 1)
        assert 0.9 < word.confidence <= 1.0


def test_confidence_is_low_where_two_words_compete() -> None:
    emissions = np.logaddexp(planted("a cat sat", hold=1), planted("a mat sat", hold=1) - 0.1).astype(np.float32)
    emissions -= np.log(np.exp(emissions).sum(axis=1, keepdims=True))
    best = BeamSearchDecoder(ALPHABET).decode(emissions)[0]
    confidences = {word.text: word.confidence for word in best.words}
    assert confidences["a"] > 0.9 and confidences["sat"] > 0.9
    assert 0.3 < confidences[best.words[1].text] < 0.75
    assert best.confidence <= min(confidences.values()) + 1e-9


def test_words_lie_in_order_within_the_utterance(decoder: BeamSearchDecoder) -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        logits = rng.normal(0, 2, (40, len(ALPHABET)))
        emissions = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)
        for h in decoder.decode(emissions):
            edges = [edge for word in h.words for edge in (word.start_step, word.end_step)]
            assert edges == sorted(edges) and edges[0] >= 0 and edges[-1] <= 40
            assert all(word.start_step < word.end_step for word in h.words)


def test_batches_threads_and_padding_change_nothing(decoder: BeamSearchDecoder) -> None:
    texts = ["the cat sat", "a dog ran", "", "the red mat is big", "on a mat"]
    arrays = [planted(text, seed=i, noise=2.5) for i, text in enumerate(texts)]
    alone = [decoder.decode(array) for array in arrays]
    assert decoder.decode_batch(arrays) == alone
    assert decoder.decode_batch(arrays, threads=4) == alone
    padded = np.full((len(arrays), max(map(len, arrays)) + 5, len(ALPHABET)), np.nan, np.float32)
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    assert decoder.decode_batch(padded, [len(array) for array in arrays], threads=2) == alone


@pytest.mark.parametrize("n_best", [1, 3])
@pytest.mark.parametrize("beam", [2, 30])
def test_texts_alone_are_those_of_the_best_hypotheses(decoder: BeamSearchDecoder, n_best: int, beam: int) -> None:
    decoder = decoder.with_config(DecodingConfig(beam=beam, n_best=n_best))
    rng = np.random.default_rng(5)
    logits = rng.normal(0, 2, (300, 30, len(ALPHABET)))  # near ties, which exact scores decide
    arrays = (logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))).astype(np.float32)
    lengths = rng.integers(0, 31, len(arrays))
    expected = [found[0].text for found in decoder.decode_batch(arrays, lengths)]
    assert decoder.decode_texts(arrays, lengths) == expected
    assert decoder.decode_texts(arrays, lengths, threads=3) == expected
    with pytest.raises(DecodingError, match="last: NaN"):
        decoder.decode_texts([broken(s0=np.nan)], names=["last"])


def test_no_utterances_and_no_steps(decoder: BeamSearchDecoder) -> None:
    assert decoder.decode_batch([], threads=3) == []
    empty = np.zeros((0, len(ALPHABET)), np.float32)
    for d in (decoder, GreedyDecoder(ALPHABET)):
        assert d.decode(empty)[0].text == ""
        assert d.decode(empty)[0].words == ()


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_float_types_are_taken(decoder: BeamSearchDecoder, dtype: type) -> None:
    assert decoder.decode(planted("the cat sat").astype(dtype))[0].text == "the cat sat"


def test_memory_layout_does_not_matter(decoder: BeamSearchDecoder) -> None:
    emissions = planted("the cat sat", noise=2.0)
    assert decoder.decode(np.asfortranarray(emissions)) == decoder.decode(emissions)
    assert decoder.decode(np.repeat(emissions, 2, axis=0)[::2]) == decoder.decode(emissions)


def broken(**changes: float) -> FloatArray:
    emissions = planted("cat")
    for key, value in changes.items():
        emissions[int(key[1:])] = value
    return emissions


@pytest.mark.parametrize(
    ("emissions", "message"),
    [
        (broken(s5=np.nan), r"clip7: NaN at step 5, symbol 0"),
        (broken(s3=0.5), r"clip7: a positive log-probability, 0.5, at step 3.*log_softmax"),
        (broken(s4=np.inf), r"clip7: a positive log-probability, inf, at step 4"),
        (broken(s2=-np.inf), r"clip7: step 2 gives every symbol the probability 0"),
        (planted("cat")[:, 1:], r"clip7: emissions have 28 symbols per step.*has 29"),
        (planted("cat")[0], r"clip7: emissions must be .*\(steps, symbols\), not float32 of shape \(29,\)"),
        (np.zeros((3, 29), np.int64), r"clip7: emissions must be floating-point"),
        (planted("cat") * 0.3, r"clip7: the probabilities of step \d+ sum to [2-9].*log_softmax"),
        (-np.exp(planted("cat")), r"clip7: the probabilities of step \d+ sum to 2\d.*log_softmax"),
        (
            np.pad(planted("cat"), ((0, 9), (0, 0))),
            r"clip7: the probabilities of step \d+ sum to 29.*cut off what pads",
        ),
        (planted("cat") - 12, r"clip7: the probabilities of every step looked at sum to 6\.1\de-06"),
    ],
)
def test_bad_emissions_are_named(decoder: BeamSearchDecoder, emissions: FloatArray, message: str) -> None:
    for d in (decoder, GreedyDecoder(ALPHABET)):
        with pytest.raises(DecodingError, match=message):
            d.decode(emissions, name="clip7")


def test_probabilities_that_lack_something_are_taken(decoder: BeamSearchDecoder) -> None:
    """Rounded, without unlikely or even likely outputs, sharpened, or one step of a stream: all of it is in use."""
    emissions = planted("cat", noise=1.0)
    cut, unlikely = emissions.copy(), emissions.copy()
    cut[::2, emissions[::2].argmax(axis=1)] = -np.inf
    unlikely[emissions < -7] = -np.inf
    rounded = np.log(np.exp(emissions).round(2).clip(1e-15))
    for values in (emissions.astype(np.float16), rounded, unlikely, cut, emissions * 3, emissions[:1] - 12):
        assert decoder.decode(values)
        assert GreedyDecoder(ALPHABET).decode(values)
    stream = decoder.stream()
    with pytest.raises(DecodingError, match="sum to"):
        stream.push(emissions * 0.3)
    stream.push(emissions)
    assert stream.finish() == decoder.decode(emissions)


def test_a_bad_utterance_in_a_batch_is_named(decoder: BeamSearchDecoder) -> None:
    good = planted("cat")
    with pytest.raises(DecodingError, match="utterance 1: NaN"):
        decoder.decode_batch([good, broken(s0=np.nan)])
    for length in (1000, -1, 2.7, math.nan, math.inf):
        with pytest.raises(DecodingError, match=f"b: length {length} is no whole number of steps from 0 to"):
            decoder.decode_batch([good, good], [3, length], names=["a", "b"])
    assert decoder.decode_batch([good, good], np.array([3.0, 3.0])) == [decoder.decode(good[:3])] * 2
    with pytest.raises(DecodingError, match="2 utterances but 1 lengths; give one length each"):
        decoder.decode_batch([good, good], [3])
    with pytest.raises(DecodingError, match="2 utterances but 1 names; give one name each"):
        decoder.decode_batch([good, good], names=["q"])
    with pytest.raises(DecodingError, match="threads"):
        decoder.decode_batch([good], threads=0)


def test_labels_are_checked() -> None:
    with pytest.raises(DecodingError, match="blank_index 4"):
        BeamSearchDecoder.from_labels(["a", "b"], 4)
    with pytest.raises(DecodingError, match="empty or repeated"):
        BeamSearchDecoder.from_labels(["a", "", "a"], 1)


def test_a_language_model_that_the_alphabet_cannot_spell_is_refused(tiny: NgramModel) -> None:
    with pytest.raises(LanguageModelError, match="none of the language model's words"):
        BeamSearchDecoder(Alphabet("xyz "), tiny)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beam": 0}, "beam"),
        ({"mode": "slow"}, "mode"),
        ({"vocabulary": "half"}, "vocabulary"),
        ({"lm_weight": -1.0}, "lm_weight"),
        ({"word_bonus": float("nan")}, "word_bonus"),
        ({"beam_threshold": 81.0}, "beam_threshold"),
        ({"symbol_threshold": 0.0}, "symbol_threshold"),
        ({"n_best": 0}, "n_best"),
        ({"beam": 2.0}, "beam must be a whole number, not 2.0"),
        ({"n_best": 1.5}, "n_best must be a whole number, not 1.5"),
    ],
)
def test_settings_are_checked(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DecodingConfig(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "is_guided", "expected"),
    [
        ({}, True, (12.0, 7.0)),
        ({"mode": "fast"}, True, (10.0, 4.5)),
        ({"mode": "thorough"}, True, (16.0, 10.0)),
        ({}, False, (4.0, 4.0)),
        ({"mode": "fast"}, False, (3.0, 3.0)),
        ({"mode": "thorough"}, False, (10.0, 5.0)),
        ({"symbol_threshold": 9.0}, False, (4.0, 9.0)),
        ({"beam_threshold": 3.0}, True, (3.0, 7.0)),
    ],
)
def test_the_search_is_as_wide_as_its_guide_asks(
    settings: dict[str, object], is_guided: bool, expected: tuple[float, float]
) -> None:
    config = DecodingConfig.from_dict(settings)
    assert config.thresholds(is_guided=is_guided) == expected
    beam, symbol = expected
    if is_guided:
        margin = 0.0 if "symbol_threshold" in settings else 3.0
        assert config.thresholds(is_guided=False, has_lexicon=True) == (beam, symbol + margin)


def test_hotwords_widen_a_search_without_a_language_model() -> None:
    """The letters of the hotword are 6 nats less likely than those around them."""
    emissions = np.full((3, 4), np.log(1e-6), np.float32)  # a, b, space, blank
    emissions[[0, 1, 2], [0, 3, 0]] = np.log(0.997)
    emissions[0, 1] = -6.0
    alphabet = Alphabet("ab ")
    plain = BeamSearchDecoder(alphabet)
    assert plain.decode(emissions)[0].text == "aa"
    assert plain.with_config(DecodingConfig(hotwords=("ba=9",))).decode(emissions)[0].text == "ba"


def test_every_search_option_has_a_setting() -> None:
    from asrkit import _native

    names = {name for name in dir(_native.SearchOptions) if not name.startswith("_")}
    renamed = {"is_closed_vocabulary": "vocabulary"}
    assert {renamed.get(name, name) for name in names} == set(DecodingConfig().to_dict()) - {
        "decoder",
        "mode",
        "lm_units",
        "lm_case",
        "max_unspelled",
        "hotwords",
        "hotword_weight",
        "prior_scale",
        "log_priors",
    }


def test_greedy_with_a_language_model_is_refused(tiny: NgramModel) -> None:
    with pytest.raises(ConfigError, match="greedy decoder cannot use a language model"):
        make_decoder(ALPHABET, DecodingConfig(decoder="greedy"), tiny)


def test_greedy_words_have_times() -> None:
    h = greedy_decode(planted("the cat", hold=3, gap=1), ALPHABET)
    assert [(w.text, w.start_step, w.end_step) for w in h.words] == [("the", 1, 12), ("cat", 17, 28)]
    assert h.score == h.acoustic_score < 0
    assert all(0.9 < w.confidence <= 1 for w in h.words)


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet="ab '", max_size=12), st.integers(1, 3), st.integers(1, 3))
def test_beam_and_greedy_agree_on_clear_speech(text: str, hold: int, gap: int) -> None:
    emissions = planted(text, hold=hold, gap=gap, noise=0.3)
    expected = " ".join(text.split())
    assert greedy_decode(emissions, ALPHABET).text == expected
    assert BeamSearchDecoder(ALPHABET).decode(emissions)[0].text == expected


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference emissions are not here")
@pytest.mark.parametrize(("name", "limit"), [("n10", 2.5), ("n20", 4.5), ("n40", 12.0)])
def test_word_errors_are_not_above_those_of_pyctcdecode(name: str, limit: float) -> None:
    pytest.importorskip("pyctcdecode", reason="pyctcdecode is not installed")
    with np.load(REFERENCE / "decoder" / f"{name}.npz", allow_pickle=False) as data:
        ends = np.cumsum(data["lengths"])[:30]
        arrays = np.split(data["log_probs"][: ends[-1]], ends[:-1])
        references = [str(text) for text in data["references"][:30]]
    lm = _reference_lm()

    def errors(config: DecodingConfig) -> float:
        decoded: list[list[Hypothesis]] = make_decoder(ALPHABET, config, lm).decode_batch(arrays)
        return 100 * count_errors([h[0].text for h in decoded], references).rate

    ours = errors(DecodingConfig(beam=100))
    assert ours <= errors(DecodingConfig(decoder="pyctcdecode", mode="fast", beam=100))
    assert ours <= limit


def _reference_lm() -> NgramModel:
    if not _LOADED:
        _LOADED.append(NgramModel.load(REFERENCE / "lm" / "lmplz.3gram.arpa.xz"))
    return _LOADED[0]


_LOADED: list[NgramModel] = []
