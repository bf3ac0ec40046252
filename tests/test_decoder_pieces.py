"""Outputs that spell pieces of words: every way to write a text counts, whatever marks the words."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_decoder_fuzz import configs
from test_decoder_search import AB, ARPA, WIDE, random_emissions

from asrkit.config import DecodingConfig
from asrkit.decoder import BeamSearchDecoder
from asrkit.emissions import as_stored
from asrkit.errors import DecodingError, LanguageModelError
from asrkit.language_model import NgramModel
from asrkit.text.symbols import Symbols, WordRule

TINY = NgramModel.load(Path(__file__).parents[1] / "lm" / "tiny.arpa")

# The blank comes first; each set spells some texts in several ways.
PIECES = {
    "sentencepiece": Symbols(("", "▁", "a", "▁a", "ab", "▁ab"), 0, WordRule.PIECE),
    "no lone mark": Symbols(("", "▁a", "▁b", "b", "ab"), 0, WordRule.PIECE),
    "wordpiece": Symbols(("", "a", "##a", "ab", "##b"), 0, WordRule.CONTINUATION),
    "subword-nmt": Symbols(("", "a", "a@@", "b", "ab@@"), 0, WordRule.CONTINUED),
    "ending": Symbols(("", "a", "b</w>", "ab</w>", "</w>"), 0, WordRule.ENDING),
    "space": Symbols(("", "a", "b", "ab", " "), 0, WordRule.SPACE),
    "bar and tag": Symbols(("", "a", "b", "ab", "|", "<unk>"), 0, WordRule.BAR, frozenset([5])),
    "none": Symbols(("", "a", "b", "ab", "ba"), 0, WordRule.NONE),
    "bytes": Symbols(("", "▁a", "a", "<0x61>", "▁"), 0, WordRule.PIECE),
}


def heard(emissions: np.ndarray, symbols: Symbols) -> list[list[float]]:
    """What is never written is as good as a blank."""
    joined = emissions.copy()
    joined[:, symbols.blank_index] = np.logaddexp.reduce(emissions[:, symbols.silent], axis=1)
    joined[:, sorted(symbols.skipped)] = -np.inf
    values: list[list[float]] = joined.tolist()
    return values


def spelled(symbols: Symbols) -> list[oracles.Spelled]:
    return [s and (s.text.decode(), s.opens, s.closes) for s in symbols.spellings]


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 100_000), steps=st.integers(0, 5), name=st.sampled_from(sorted(PIECES)))
def test_every_text_has_its_sum_over_all_ways_to_write_it(seed: int, steps: int, name: str) -> None:
    symbols = PIECES[name]
    emissions = random_emissions(seed, steps, len(symbols), peak=2.5)
    expected = oracles.texts_of_pieces(heard(emissions, symbols), spelled(symbols), symbols.blank_index)
    found = BeamSearchDecoder(symbols, config=WIDE).decode(emissions)
    assert {h.text: h.acoustic_score for h in found} == pytest.approx(
        {text: math.log(p) for text, p in expected.items()}, abs=1e-4
    )
    assert found[0].text == max(expected, key=lambda text: expected[text])


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 100_000),
    steps=st.integers(1, 5),
    name=st.sampled_from([name for name in sorted(PIECES) if name != "none"]),
    is_closed=st.booleans(),
    hotwords=st.dictionaries(st.sampled_from(["a", "ab", "a ab", "ba"]), st.sampled_from([-1.0, 2.0]), max_size=2),
)
def test_with_a_word_model_every_text_has_its_exhaustive_score(
    seed: int, steps: int, name: str, is_closed: bool, hotwords: dict[str, float]
) -> None:
    symbols = PIECES[name]
    config = WIDE.replace(lm_weight=0.7, word_bonus=0.4, unknown_weight=0.5, max_unspelled=1.0)
    if is_closed:
        config = config.replace(vocabulary="closed")
    emissions = random_emissions(seed, steps, len(symbols), peak=2.5)
    ngrams = oracles.read_arpa(ARPA)
    units = {character for piece in spelled(symbols) if piece for character in piece[0]}
    if "b" not in units:
        hotwords = {words: weight for words, weight in hotwords.items() if "b" not in words}
    known = {"a", "b", "ab", "ba"} if "b" in units else {"a"}
    expected = {}
    for text, p in oracles.texts_of_pieces(heard(emissions, symbols), spelled(symbols), symbols.blank_index).items():
        if is_closed and not set(text.split()) <= known:
            continue
        padded = f" {text} "
        hot = sum(
            w * sum(padded.startswith(f" {words} ", i) for i in range(len(padded))) for words, w in hotwords.items()
        )
        spelling = sum(
            oracles.spelling_log(sorted(known), len(units) + 1, word) for word in text.split() if word not in known
        )
        lm_score = math.log(10) * oracles.sentence_log10(ngrams, text) + 0.5 * spelling
        expected[text] = math.log(p) + 0.7 * lm_score + 0.4 * len(text.split()) + hot
    found = BeamSearchDecoder(symbols, AB, config, hotwords=hotwords).decode(emissions)
    assert {h.text: h.score for h in found} == pytest.approx(expected, abs=1e-3)


def planted(symbols: Symbols, labels: list[str], *, seed: int = 0, noise: float = 1.0) -> npt.NDArray[np.float32]:
    """Emissions that write labels: each for two steps, then a blank."""
    rng = np.random.default_rng(seed)
    indices = [symbols.blank_index]
    for label in labels:
        indices += [symbols.labels.index(label)] * 2 + [symbols.blank_index]
    logits = rng.normal(0, noise, (len(indices), len(symbols)))
    logits[np.arange(len(indices)), indices] += 9.0
    return (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("labels", [["##a", "##b", ""], ["a@@", "b@@", ""]])
def test_labels_of_which_none_can_part_words_write_one(labels: list[str]) -> None:
    """They have the numbers of their letters, and were taken for letters; then the space was looked for."""
    decoder = BeamSearchDecoder.from_labels(labels, 2)
    assert decoder.decode(np.log(np.array([[0.8, 0.1, 0.1]], np.float32)))[0].text == "a"
    spoken = np.log(np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.2, 0.7, 0.1]], np.float32))
    assert decoder.decode(spoken)[0].text == decoder.decode_texts([spoken])[0] == "ab"


CAT = Symbols.recognize(["<blank>", "▁", "▁the", "▁ca", "t", "s", "▁sat", "▁on", "▁m", "at", "▁c", "a", "e", "<unk>"])
SENTENCE = ["▁the", "▁ca", "t", "▁sat", "▁on", "▁the", "▁m", "at"]


def test_words_have_the_times_of_their_first_and_last_piece() -> None:
    for lm in (None, TINY):
        best = BeamSearchDecoder(CAT, lm).decode(planted(CAT, SENTENCE, noise=0.3))[0]
        assert best.text == "the cat sat on the mat"
        times = [(word.text, word.start_step, word.end_step) for word in best.words]
        assert times[:3] == [("the", 1, 3), ("cat", 4, 9), ("sat", 10, 12)]
        assert all(word.confidence > 0.9 for word in best.words)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 25), max_size=6), st.booleans())
def test_any_pieces_of_a_stream_and_threads_give_what_the_whole_gives(
    seed: int, sizes: list[int], has_lm: bool
) -> None:
    decoder = BeamSearchDecoder(CAT, TINY if has_lm else None, DecodingConfig(n_best=4, beam=20))
    emissions = planted(CAT, SENTENCE, seed=seed, noise=3.5)
    whole = decoder.decode(emissions)
    assert len({h.text for h in whole}) == len(whole)
    stream = decoder.stream()
    stable = ""
    for piece in np.split(emissions, np.minimum(np.cumsum(sizes), len(emissions)).astype(int)):
        stream.push(piece)
        partial = stream.partial()
        assert partial.stable.startswith(stable)
        stable = partial.stable
    assert stream.finish() == whole
    assert decoder.decode_batch([emissions, emissions[:9]], threads=2) == [whole, decoder.decode(emissions[:9])]
    assert decoder.decode_texts([emissions]) == [whole[0].text]


def test_a_long_utterance_forgets_dead_prefixes_and_keeps_its_text() -> None:
    symbols = PIECES["sentencepiece"]
    decoder = BeamSearchDecoder(symbols, config=DecodingConfig(beam=30))
    emissions = random_emissions(1, 6000, len(symbols), peak=2.0)
    stream = decoder.stream()
    for piece in np.array_split(emissions, 7):
        stream.push(piece)
    assert stream.finish() == decoder.decode(emissions)
    assert len(decoder.decode(emissions)[0].words) > 500


UPPER = Symbols.recognize(["<blank>", *"ABCDEHIMNORST'", "|"])


def test_a_lower_case_model_scores_capitals_and_the_text_keeps_them() -> None:
    """Sound alone hears HAT; the model of lower-case words prefers the mat."""
    emissions = np.logaddexp(
        planted(UPPER, list("THE|CAT|SAT|ON|THE|MAT")) + math.log(0.4),
        planted(UPPER, list("THE|CAT|SAT|ON|THE|HAT")) + math.log(0.6),
    ).astype(np.float32)
    assert BeamSearchDecoder(UPPER).decode(emissions)[0].text == "THE CAT SAT ON THE HAT"
    best = BeamSearchDecoder(UPPER, TINY).decode(emissions)[0]
    assert best.text == "THE CAT SAT ON THE MAT"
    lower = BeamSearchDecoder(Symbols.recognize([label.lower() for label in UPPER.labels]), TINY)
    assert best.score == pytest.approx(lower.decode(emissions)[0].score)
    hot = DecodingConfig(hotwords=("hat=9",))
    assert BeamSearchDecoder(UPPER, TINY, hot).decode(emissions)[0].text == "THE CAT SAT ON THE HAT"
    with pytest.raises(LanguageModelError, match="none of the language model's words"):
        BeamSearchDecoder(UPPER, TINY, DecodingConfig(lm_case="exact"))


def test_both_cases_of_a_word_are_two_texts_and_one_word_of_the_model() -> None:
    mixed = Symbols(("", "t", "T", "h", "e", "H", " "), 0, WordRule.SPACE)
    both = np.logaddexp(planted(mixed, list("the")), planted(mixed, list("The"))) - math.log(2)
    emissions = both.astype(np.float32)
    found = BeamSearchDecoder(mixed, TINY, DecodingConfig(n_best=2, max_unspelled=1.0)).decode(emissions)
    assert {h.text for h in found} == {"the", "The"}
    assert found[0].lm_score == found[1].lm_score


def test_bytes_become_text_and_broken_ones_a_sign() -> None:
    symbols = Symbols.recognize(["<blank>", "▁", "▁a", "<0xC3>", "<0xA9>", "b"])
    assert BeamSearchDecoder(symbols).decode(planted(symbols, ["▁a", "<0xC3>", "<0xA9>"]))[0].text == "aé"
    assert BeamSearchDecoder(symbols).decode(planted(symbols, ["▁a", "<0xC3>", "b"]))[0].text == "a�b"


def token_arpa(words: list[str]) -> str:
    lines = "".join(f"-1.0\t{word}\n" for word in words)
    return f"\\data\\\nngram 1={len(words) + 3}\n\n\\1-grams:\n-99\t<s>\n-1.5\t</s>\n-3\t<unk>\n{lines}\n\\end\\\n"


@pytest.mark.parametrize("units", ["tokens", "token-ids"])
def test_models_of_tokens_are_told_from_models_of_words(units: str, tmp_path: Path) -> None:
    names = [chr(i + 100) if units == "token-ids" else label for i, label in enumerate(CAT.labels)]
    path = tmp_path / "tokens.arpa"
    path.write_text(token_arpa([name for name, spelling in zip(names, CAT.spellings, strict=True) if spelling]))
    emissions = planted(CAT, SENTENCE, noise=0.3)
    best = BeamSearchDecoder(CAT, path, DecodingConfig(lm_weight=0.5)).decode(emissions)[0]
    assert best == BeamSearchDecoder(CAT, path, DecodingConfig(lm_weight=0.5, lm_units=units)).decode(emissions)[0]
    assert best.text == "the cat sat on the mat"
    assert [word.text for word in best.words] == best.text.split()
    assert (best.words[1].start_step, best.words[1].end_step) == (4, 9)
    assert best.lm_score == pytest.approx(-math.log(10) * (1.0 * len(SENTENCE) + 1.5), abs=1e-4)
    with pytest.raises(DecodingError, match="hotwords need a language model of words or characters"):
        BeamSearchDecoder(CAT, path, hotwords={"cat": 6.0})


def test_a_text_that_tokens_write_in_two_ways_is_listed_once(tmp_path: Path) -> None:
    path = tmp_path / "tokens.arpa"
    path.write_text(token_arpa(["▁", "▁a", "a", "ab", "▁ab"]))
    symbols = PIECES["sentencepiece"]
    config = DecodingConfig(n_best=30, beam=50)
    for seed in range(5):
        found = BeamSearchDecoder(symbols, path, config).decode(random_emissions(seed, 6, len(symbols)))
        assert len({h.text for h in found}) == len(found) > 3


def test_characters_of_a_script_without_spaces_are_words_of_its_model(tmp_path: Path) -> None:
    symbols = Symbols(("", "天", "气", "天气", "好", "号"), 0, WordRule.NONE)
    path = tmp_path / "characters.arpa"
    path.write_text(token_arpa(["天", "气", "好"]))
    emissions = np.logaddexp(
        planted(symbols, ["天气", "好"]) + math.log(0.4), planted(symbols, ["天气", "号"]) + math.log(0.6)
    ).astype(np.float32)
    assert BeamSearchDecoder(symbols).decode(emissions)[0].text == "天气号"
    best = BeamSearchDecoder(symbols, path).decode(emissions)[0]
    assert best.text == "天气好"
    assert [(word.text, word.start_step) for word in best.words] == [("天气", 1), ("好", 4)]
    assert best.lm_score == pytest.approx(-math.log(10) * 4.5, abs=1e-4)


def test_a_model_of_words_does_not_fit_outputs_without_words(tmp_path: Path) -> None:
    with pytest.raises(LanguageModelError, match="nothing divides the words"):
        BeamSearchDecoder(PIECES["none"], TINY, DecodingConfig(lm_units="words"))


@pytest.mark.parametrize("mode", ["fast", "accurate", "thorough"])
@pytest.mark.parametrize("lm", [None, TINY])
def test_what_a_large_vocabulary_leaves_out_when_it_is_stored_changes_no_text(mode: str, lm: NgramModel | None) -> None:
    words = sorted({word for word in TINY.vocabulary if word.isascii() and word.isalpha()})[:60]
    extra = [f"▁{first}{second}" for first in "bcdfghjk" for second in "aeioubcdfghjklmnprst"]
    pieces = dict.fromkeys([*(f"▁{word}" for word in words), *extra, *"abcdefghijklmnopqrstuvwxyz"])
    symbols = Symbols(("", *pieces, *(f"{a}{b}" for a in "xyzqwv" for b in "xyzqwvabcdefg")), 0, WordRule.PIECE)
    assert len(symbols) > 256
    decoder = BeamSearchDecoder(symbols, lm, DecodingConfig(mode=mode))
    for seed in range(8):
        rng = np.random.default_rng(seed)
        logits = rng.normal(0, 4, (25, len(symbols)))
        logits[:, 0] += 6
        exact = (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)
        stored = as_stored(exact)
        dense = exact.astype(np.float16).astype(np.float32)
        assert (stored != dense).mean() > 0.1
        assert decoder.decode(stored)[0].text == decoder.decode(dense)[0].text


def test_labels_alone_show_their_marks() -> None:
    labels = ["▁the", "▁man", "▁went", "▁in", "to", "▁house", "he", "a", ""]
    decoder = BeamSearchDecoder.from_labels(labels, 8, TINY)
    emissions = planted(decoder.symbols, ["▁the", "▁man", "▁went", "▁in", "to", "▁the", "▁house"])
    assert decoder.decode(emissions)[0].text == "the man went into the house"


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    steps=st.integers(0, 25),
    name=st.sampled_from(sorted(PIECES)),
    config=configs,
    has_lm=st.booleans(),
    silenced=st.sampled_from([0.0, 0.3, 0.9]),
)
def test_nothing_crashes(
    seed: int, steps: int, name: str, config: DecodingConfig, has_lm: bool, silenced: float
) -> None:
    symbols = PIECES[name]
    emissions = random_emissions(seed, steps, len(symbols), peak=4.0)
    rng = np.random.default_rng(seed)
    emissions[rng.random(emissions.shape) < silenced] = -np.inf
    emissions[:, -1] = np.where(np.isinf(emissions).all(axis=1), -1.0, emissions[:, -1])
    decoder = BeamSearchDecoder(symbols, TINY if has_lm else None, config.replace(max_unspelled=1.0))
    found = decoder.decode(emissions)
    assert 1 <= len(found) <= config.n_best
    assert len({h.text for h in found}) == len(found)
    assert not any(math.isnan(h.score) for h in found)
    stream = decoder.stream()
    for piece in np.array_split(emissions, 3):
        stream.push(piece)
        stream.partial()
    assert stream.finish() == found
