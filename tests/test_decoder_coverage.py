from __future__ import annotations

import logging
import math
from pathlib import Path

import numpy as np
import pytest

from asrkit.config import DecodingConfig
from asrkit.decoder import BeamSearchDecoder, make_decoder
from asrkit.decoder.coverage import unknown_floor, unspelled_mass
from asrkit.errors import ConfigError, LanguageModelError
from asrkit.language_model import NgramModel
from asrkit.text import Alphabet, Lexicon, Symbols, WordRule

ALPHABET = Alphabet("abcdefghijklmnopqrstuvwxyz' ")


def arpa(path: Path, words: dict[str, float]) -> NgramModel:
    entries = "".join(f"{log10}\t{word}\n" for word, log10 in words.items())
    path.write_text(f"\\data\\\nngram 1={len(words)}\n\n\\1-grams:\n{entries}\n\\end\\\n", encoding="utf-8")
    return NgramModel.load(path)


def clear(text: str, share: float = 1e-4) -> np.ndarray:
    """A step for each character and a blank after it."""
    indices = [i for symbol in text for i in (ALPHABET.symbols.index(symbol), ALPHABET.blank_index)]
    values = np.full((len(indices), len(ALPHABET)), share)
    values[np.arange(len(indices)), indices] = 1.0
    return np.asarray(np.log(values / values.sum(axis=1, keepdims=True)).astype(np.float32))


MARKERS = {"<s>": -99.0, "</s>": -1.0, "<unk>": -3.0}


@pytest.mark.parametrize(
    ("words", "symbols", "share"),
    [
        ({"cat": -1.0, "dog": -1.0}, ALPHABET, 0.0),
        ({"cat": -1.0, "DOG": -1.0}, ALPHABET, 0.5),
        ({"cat": -1.0, "DOG": -2.0}, ALPHABET, 1 / 11),
        ({"CAT": -1.0, "'": -4.0}, ALPHABET, 0.1 / 0.1001),
        ({"a": -1.0, "sunk": -1.0, "nun": -1.0, "ba": -1.0}, Alphabet("ab "), 0.5),  # the letters of <s> and <unk>
        ({"e\u0301t\u00e9": -1.0, "a": -1.0}, Alphabet("at\u00e9 "), 0.5),
        ({"我": -1.0, "你们": -1.0}, Symbols(("<blk>", "我", "你"), 0, WordRule.NONE), 0.5),
        ({"cat": -1.0, "act": -1.0, "dot": -1.0}, Symbols(("<blk>", "▁ca", "t", "▁"), 0, WordRule.PIECE), 1 / 3),
        ({"\v": -1.0, "\f": -1.0, "cat": -1.0}, ALPHABET, 2 / 3),  # white space elsewhere, words of an ARPA file
        ({"é": -1.0, "è": -1.0}, Symbols(("<blk>", "▁", "<0xC3>", "<0xA9>"), 0, WordRule.PIECE), 0.5),
    ],
)
def test_the_share_of_a_language_model_beyond_the_symbols(
    tmp_path: Path, words: dict[str, float], symbols: Symbols, share: float
) -> None:
    assert unspelled_mass(arpa(tmp_path / "m.arpa", MARKERS | words), symbols) == pytest.approx(share)


def test_case_may_be_left_out_of_account(tmp_path: Path) -> None:
    lm = arpa(tmp_path / "m.arpa", MARKERS | {"CAT": -1.0, "Dog": -1.0, "ÉTÉ": -1.0})
    assert unspelled_mass(lm, ALPHABET, folds_case=True) == pytest.approx(1 / 3)


def test_words_that_a_lexicon_lacks_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "lexicon").write_text("cat\tc a t\nact\ta c t\n")
    for words, said in (
        ({"cat": -1.0, "ACT": -1.0}, ""),
        ({"cat": -1.0, "dog": -4.0}, "m.arpa: 1 of its words (0.1 % by probability) are not in the lexicon"),
        (
            {"cat": -1.0, "dog": -1.0, "eel": -9.0},
            "m.arpa: 2 of its words (50 % by probability) are not in the lexicon",
        ),
    ):
        caplog.clear()
        lm = arpa(tmp_path / "m.arpa", MARKERS | words)
        assert make_decoder(ALPHABET, lm=lm, lexicon=tmp_path / "lexicon").decode(clear("cat"))[0].text == "cat"
        assert said in caplog.text and bool(said) == bool(caplog.text), words
    assert "such as dog, eel; `asrkit lm lexicon`" in caplog.text


def test_a_language_model_that_is_mostly_beyond_the_symbols_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lm = arpa(tmp_path / "m.arpa", MARKERS | {"我": -0.5, "cat": -1.0})
    with pytest.raises(LanguageModelError, match=r"m\.arpa: 76\.0% of its words, by probability, cannot be spelled"):
        make_decoder(ALPHABET, DecodingConfig(), lm)
    with caplog.at_level(logging.WARNING, "asrkit"):
        decoder = make_decoder(ALPHABET, DecodingConfig(max_unspelled=1.0), lm)
    assert "m.arpa: 76.0 % of its words, by probability, cannot be spelled" in caplog.text
    assert decoder.decode(clear("cat"))[0].text == "cat"
    with pytest.raises(ConfigError, match="max_unspelled"):
        DecodingConfig(max_unspelled=1.5)


def test_a_language_model_that_is_spelled_is_not_talked_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    words = {"cat": -0.5, "ÉTÉ": -4.0}
    make_decoder(ALPHABET, DecodingConfig(), arpa(tmp_path / "m.arpa", MARKERS | words))
    (tmp_path / "lexicon").write_text("cat\tc a t\n")
    lm = arpa(tmp_path / "capitals.arpa", {"<s>": -99.0, "</s>": -1.0, "<UNK>": -0.3, "cat": -0.5})
    make_decoder(ALPHABET, DecodingConfig(), lm)
    make_decoder(ALPHABET, DecodingConfig(), lm, tmp_path / "lexicon")
    assert caplog.text == ""


def test_a_model_without_unk_does_not_bend_the_neighbors_of_an_unknown_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = {"<s>": -99.0, "</s>": -1.0, "the": -0.7, "man": -1.0, "into": -1.2, "house": -2.0, "zo": -2.5, "of": -1.5}
    lm = arpa(tmp_path / "closed.arpa", words)
    said = "the man zyxqof into the house"
    for unknown_weight in (0.6, 1.0):
        config = DecodingConfig(unknown_weight=unknown_weight)
        found = BeamSearchDecoder(ALPHABET, lm, config).decode(clear(said))[0]
        assert found.text == said
        assert found.lm_score > -150
    assert "closed.arpa: has no <unk>; unknown words count as its rarest word does" in caplog.text
    assert unknown_floor(lm) == pytest.approx(math.log(10) * (100 - 2.5), abs=1e-3)
    assert unknown_floor(arpa(tmp_path / "open.arpa", words | {"<unk>": -3.0})) == 0.0


@pytest.mark.parametrize("vocabulary", ["open", "spelled"])
def test_a_model_without_unk_does_not_bend_the_neighbors_of_a_word_of_a_lexicon(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, vocabulary: str
) -> None:
    lm = arpa(tmp_path / "closed.arpa", {"<s>": -99.0, "</s>": -1.0, "the": -0.7, "man": -1.0, "hose": -1.2})
    lexicon = Lexicon(tuple((word, tuple(word)) for word in ("the", "man", "than", "house", "hose", "went")))
    config = DecodingConfig(vocabulary=vocabulary)
    decoder = BeamSearchDecoder(ALPHABET, lm, config, lexicon=lexicon)
    assert decoder.decode(clear("the man went the house"))[0].text == "the man went the house"
    assert "closed.arpa: has no <unk>; unknown words count as its rarest word does" in caplog.text


@pytest.mark.parametrize("weight", [300.0, 1_000.0, 9_999_999.0, 1e300])
@pytest.mark.parametrize(
    ("said", "hotword"),
    [
        ("ab", "ac"),
        ("hello world", "hello"),
        ("this will be discussed with industry", "discussed"),
        ("we all passed the gates", "zebra"),
        ("we all passed the gates", "the"),
        ("we all passed the gates", "the gates"),
    ],
)
def test_a_hotword_of_any_weight_leaves_clear_speech_whole(said: str, hotword: str, weight: float) -> None:
    assert BeamSearchDecoder(ALPHABET, hotwords={hotword: weight}).decode(clear(said))[0].text == said
    named = BeamSearchDecoder(ALPHABET, config=DecodingConfig(hotwords=(f"{hotword}={min(weight, 1_000.0)}",)))
    assert named.decode(clear(said))[0].text == said
    avoided = BeamSearchDecoder(ALPHABET, hotwords={hotword: -weight}).decode(clear(said))[0].text
    assert avoided.replace(" ", "") == said.replace(" ", "")


@pytest.mark.parametrize(
    "settings",
    [{"word_bonus": 51.0}, {"word_bonus": -1e9}, {"unknown_bonus": 100.0}, {"lm_weight": 20.0, "unknown_bonus": 5.0}],
)
def test_a_bonus_that_the_search_cannot_pay_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"must lie in \[-1000, 50\] nats"):
        DecodingConfig(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "said",
    [["a", "b", " ", "a", "b"], ["▁a", "b"] * 2, ["a", "##b"] * 2, ["a@@", "b"] * 2, ["a", "b</w>"] * 2],
    ids=" ".join,
)
@pytest.mark.parametrize(
    "settings",
    [
        {"word_bonus": -100.0},
        {"unknown_bonus": -200.0},
        {"lm_weight": 20.0, "unknown_bonus": -20.0},
        {"lm_weight": 1000.0, "unknown_bonus": -1.0, "word_bonus": -1000.0},
    ],
)
def test_the_only_possible_text_is_found_whatever_it_costs(
    said: list[str], settings: dict[str, float], tmp_path: Path
) -> None:
    """Costs beyond what a 32-bit mass holds left nothing, and then a text that was impossible."""
    lm = arpa(tmp_path / "m.arpa", MARKERS | {"a": -0.7, "b": -0.9})
    symbols = Symbols.recognize(["", *dict.fromkeys([*said, "c"])], 0)
    emissions = np.full((2 * len(said), len(symbols)), -np.inf, np.float32)
    emissions[1::2, 0] = 0.0
    emissions[np.arange(0, len(emissions), 2), [symbols.labels.index(label) for label in said]] = 0.0
    best = BeamSearchDecoder(symbols, lm, DecodingConfig(**settings)).decode(emissions)[0]  # type: ignore[arg-type]
    assert best.text == "ab ab"
    assert best.acoustic_score == 0.0 and math.isfinite(best.score)


@pytest.mark.parametrize("bonus", [-50.0, 50.0])
def test_a_bonus_at_its_limit_leaves_clear_speech_whole(bonus: float, tmp_path: Path) -> None:
    lm = arpa(tmp_path / "m.arpa", MARKERS | {"this": -0.7, "is": -0.9, "end": -1.2})
    found = BeamSearchDecoder(ALPHABET, lm, DecodingConfig(word_bonus=bonus), hotwords={"this": 1e9})
    assert found.decode(clear("this is the end"))[0].text == "this is the end"
