"""Streams: equal to decoding at once, whatever the pieces; what is called stable stays; memory stays bounded."""

from __future__ import annotations

import math
import pickle
import resource
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_decoder import ALPHABET, planted
from test_decoder_search import ARPA, random_emissions

from asrkit.config import DecodingConfig
from asrkit.decoder import BeamSearchDecoder
from asrkit.errors import DecodingError
from asrkit.language_model import NgramModel
from asrkit.text import Lexicon, Symbols, WordRule

TINY = Path(__file__).parents[1] / "lm" / "tiny.arpa"
REFERENCE = Path(__file__).parents[2] / "shared" / "reference"


@pytest.fixture(scope="module")
def decoder() -> BeamSearchDecoder:
    return BeamSearchDecoder(ALPHABET, NgramModel.load(TINY), DecodingConfig(n_best=4))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 25), max_size=8), st.booleans())
def test_any_pieces_give_what_the_whole_gives(
    decoder: BeamSearchDecoder, seed: int, sizes: list[int], has_lm: bool
) -> None:
    emissions = planted("the cat sat on a red mat", seed=seed, noise=2.5, hold=1)
    chosen = decoder if has_lm else BeamSearchDecoder(ALPHABET)
    stream = chosen.stream()
    stable = ""
    for piece in np.split(emissions, np.minimum(np.cumsum(sizes), len(emissions)).astype(int)):
        stream.push(piece)
        partial = stream.partial()
        assert partial.stable.startswith(stable)
        stable = partial.stable
    assert stream.finish() == chosen.decode(emissions)
    assert stream.finish()[0].text.startswith(stable)


def test_partial_texts_grow_with_the_speech(decoder: BeamSearchDecoder) -> None:
    stream = decoder.stream()
    seen = []
    for piece in np.array_split(planted("the cat sat on the mat"), 8):
        stream.push(piece)
        seen.append(stream.partial())
    assert seen[-1].text == "the cat sat on the mat"
    assert all("the cat sat on the mat".startswith(partial.stable) for partial in seen)
    assert len(seen[-1].stable.split()) >= 3, "words become certain before the end"


TOKENS = Symbols(("", "▁a", "▁b", "b", "a"), 0, WordRule.PIECE)


@pytest.mark.parametrize(
    ("symbols", "lexicon", "said", "known"),
    [
        (Symbols(("", "a", "b", " "), 0, WordRule.SPACE), None, "b a", "b a"),
        (Symbols(("", "A", "B", " "), 0, WordRule.SPACE), None, "B A", "b a"),
        (Symbols(("", "p", "q", "|"), 0, WordRule.BAR), Lexicon((("a", ("p",)), ("b", ("p",)))), "b a", "b a"),
        (Symbols(("", "a", "b"), 0, WordRule.NONE), None, "b a", "b a"),
        (TOKENS, None, "bba a", "▁b b a ▁a"),
        (TOKENS, None, "zz a", "zz ▁a"),
    ],
)
def test_after_words_the_language_model_goes_on_from_them(
    symbols: Symbols, lexicon: Lexicon | None, said: str, known: str, tmp_path: Path
) -> None:
    arpa = ARPA.read_text()
    if symbols is TOKENS:
        arpa = arpa.replace("ba", "▁b").replace("ab", "▁a")
    (tmp_path / "m.arpa").write_text(arpa)
    lm = NgramModel.load(tmp_path / "m.arpa")
    plain = BeamSearchDecoder(symbols, lm, DecodingConfig(word_bonus=0.0), lexicon=lexicon)
    decoder = pickle.loads(pickle.dumps(plain.after(said.split())))
    emissions = np.log(np.array([[0.01, 0.97, *[0.02 / (len(symbols) - 2)] * (len(symbols) - 2)]], np.float32))
    best = decoder.decode(emissions)[0]
    heard = "▁a" if symbols is TOKENS else best.text.lower()
    log10 = [p for p, _ in lm.score_words(f"{known} {heard}")][len(known.split()) :]
    assert best.lm_score == pytest.approx(math.log(10) * sum(log10), abs=1e-4)
    stream = decoder.with_config(decoder.config).stream()
    stream.push(emissions)
    assert stream.finish()[0] == best
    assert decoder.after(()).decode(emissions) == plain.decode(emissions)


def test_finishing_early_and_going_on(decoder: BeamSearchDecoder) -> None:
    emissions = planted("a dog ran on", noise=2.0)
    stream = decoder.stream()
    stream.push(emissions[:30])
    assert stream.finish() == decoder.decode(emissions[:30])
    stream.push(emissions[30:])
    assert stream.finish()[0].text == decoder.decode(emissions)[0].text


def test_a_bad_piece_is_refused_and_forgotten(decoder: BeamSearchDecoder) -> None:
    emissions = planted("the cat")
    stream = decoder.stream(name="call 5")
    stream.push(emissions[:10])
    with pytest.raises(DecodingError, match="call 5: NaN at step 0"):
        stream.push(np.full((3, 29), np.nan, np.float32))
    stream.push(emissions[10:])
    assert stream.finish() == decoder.decode(emissions)


def test_nothing_pushed(decoder: BeamSearchDecoder) -> None:
    stream = decoder.stream()
    assert (stream.partial().text, stream.partial().stable) == ("", "")
    assert stream.finish()[0].text == ""


def test_forgetting_dead_prefixes_keeps_the_text() -> None:
    """Noise makes many prefixes; thousands of steps of it make the pool collect its garbage."""
    emissions = random_emissions(1, 4000, 4, peak=2.0)
    labels = ["", "a", " ", "b"]
    decoder = BeamSearchDecoder.from_labels(labels, 0, config=DecodingConfig(beam=30))
    whole = decoder.decode(emissions)[0]
    stream = decoder.stream()
    for piece in np.split(emissions, 40):
        stream.push(piece)
    assert stream.finish()[0] == whole
    assert len(whole.text) > 1000


@pytest.mark.slow
@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference emissions are not here")
def test_an_hour_stays_small() -> None:
    lm = NgramModel.load(REFERENCE / "lm" / "lmplz.3gram.arpa.xz")
    decoder = BeamSearchDecoder(ALPHABET, lm, DecodingConfig(beam=100))
    with np.load(REFERENCE / "decoder" / "n20.npz", allow_pickle=False) as data:
        minutes = data["log_probs"]
        references = " ".join(str(text) for text in data["references"])
    repeats = -(-180_000 // len(minutes))
    stream = decoder.stream()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(repeats):
        stream.push(minutes)
    found = stream.finish()[0]
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    # No silence joins the utterances, so some of their first and last words run into one.
    assert abs(len(found.words) - repeats * len(references.split())) < 0.1 * len(found.words)
    assert grown_mb < 100


@pytest.mark.slow
@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference emissions are not here")
def test_hours_in_one_piece_take_time_and_memory_by_the_step() -> None:
    lm = NgramModel.load(REFERENCE / "lm" / "lmplz.3gram.arpa.xz")
    decoder = BeamSearchDecoder(ALPHABET, lm, DecodingConfig(beam=100))
    with np.load(REFERENCE / "decoder" / "n20.npz", allow_pickle=False) as data:
        minutes = data["log_probs"]
    hours = np.concatenate([minutes] * 8)
    seconds = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for emissions in (minutes, hours):
        start = time.process_time()
        decoder.decode(emissions)
        seconds.append(time.process_time() - start)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 60
    assert seconds[1] < 3 * 8 * seconds[0]
