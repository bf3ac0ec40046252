"""Words spelled with phonemes: the file, and the search that writes words of it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from test_decoder_pieces import planted

from asrkit.config import DecodingConfig
from asrkit.decoder import BeamSearchDecoder
from asrkit.errors import LexiconError, MissingPathError
from asrkit.text import Lexicon, Symbols, WordRule

WORDS = {"see": ["s i"], "sea": ["s i"], "a": ["ə", "e i"], "seaside": ["s i s ai d"], "side": ["s ai d"]}
BOUNDED = Symbols(("", "s", "i", "ə", "e", "ai", "d", "|"), 0, WordRule.BAR)
UNBOUNDED = Symbols(("", "s", "i", "ə", "e", "ai", "d"), 0, WordRule.NONE)
ARPA = """\\data\\
ngram 1=7
ngram 2=3

\\1-grams:
-1.5\t<unk>
-99\t<s>\t0
-1\t</s>
-1\tsee\t0
-1\tsea\t0
-0.7\ta\t0
-1.2\tside\t0

\\2-grams:
-0.1\ta sea
-0.2\tsee a
-0.2\tsea side

\\end\\
"""


@pytest.fixture
def lexicon(tmp_path: Path) -> Path:
    path = tmp_path / "lexicon.tsv"
    path.write_text("".join(f"{word}\t{spelling}\n" for word, ways in WORDS.items() for spelling in ways))
    return path


@pytest.fixture
def lm(tmp_path: Path) -> Path:
    path = tmp_path / "lm.arpa"
    path.write_text(ARPA)
    return path


@pytest.mark.parametrize("line", ["see\t0.99\t0.1\t1.0\t2.5e-05\ts i\n", "see 1.0 s i\n", "see\ts i\n"])
def test_probabilities_of_a_pronunciation_are_no_part_of_it(tmp_path: Path, line: str) -> None:
    """Kaldi's lexiconp.txt and dictionaries of the Montreal Forced Aligner have them."""
    path = tmp_path / "lexicon"
    path.write_text(line)
    assert Lexicon.read(path).lines == (("see", ("s", "i")),)


def test_what_stands_between_words_is_no_part_of_one(tmp_path: Path) -> None:
    """Flashlight's lexicons end each word with it; in the middle it would make two."""
    spelled, left_out = Lexicon((("see", ("s", "i", "|")), ("a", ("|", "ə")), ("seed", ("s", "|", "d")))).spell(BOUNDED)
    assert (spelled, left_out) == ([("see", [1, 2]), ("a", [3])], ["seed"])
    with pytest.raises(LexiconError, match=r"'x' has '\|'"):
        Lexicon((("x", ("|",)),)).spell(BOUNDED)


def test_only_arpabet_loses_case_and_stress() -> None:
    lexicon = Lexicon((("The", ("DH", "AH0")), ("The", ("DH", "AH1")), ("um", ("SPN",))))
    assert lexicon.plain_labels().lines == (("The", ("dh", "ah")), ("um", ("spn",)))
    assert lexicon.plain().lines == (("the", ("dh", "ah")), ("um", ("spn",)))
    sampa = Lexicon((("She", ("S", "i:")), ("sea", ("s", "i:")), ("ma", ("m", "a1"))))
    assert sampa.plain_labels() is sampa
    assert sampa.plain().lines[0] == ("she", ("S", "i:"))


def test_pieces_that_start_words_need_nothing_between_two() -> None:
    """Where a lone mark is an output, too, another word may still follow at once."""
    pieces = Symbols.recognize(["<blank>", "▁", "▁see", "▁a", "s"])
    words = Lexicon((("see", ("▁see",)), ("a", ("▁a",)), ("sees", ("▁see", "s"))))
    best = BeamSearchDecoder(pieces, lexicon=words).decode(planted(pieces, ["▁a", "▁see", "s", "▁", "▁see"]))[0]
    assert best.text == "a sees see"
    assert best.acoustic_score > -2.0


def test_a_file_is_read_and_what_cannot_be_spelled_is_named(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.tsv"
    path.write_bytes("\ufeffsee\ts i\r\n\nsee\ts i\nzoo\tz u\nzoos\tz u z\n".encode())
    read = Lexicon.read(path)
    assert read.lines[0] == ("see", ("s", "i")) and len(read.lines) == 4
    spelled, left_out = read.spell(BOUNDED)
    assert spelled == [("see", [1, 2])] * 2 and left_out == ["zoo", "zoos"]
    assert BeamSearchDecoder(BOUNDED, lexicon=path).words_left_out == ("zoo", "zoos")
    with pytest.raises(LexiconError, match=r"lexicon\.tsv: none of its words.*'see' has 's'"):
        read.spell(Symbols(("", "x", "|"), 0, WordRule.BAR))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("see s i\nsea\n", r"lex:2: 'sea' has no symbols"),
        ("see\ts i\nsea s i\n", r"lex:2: 'sea s i' has no tab"),
        ("see\ts i\nsea\t \n", r"lex:2: 'sea' has no symbols"),
        ("see\ts i\nthe sea\ts i\n", r"lex:2: 'the sea' is no word"),
        ("\ts i\n", r"lex:1: '' is no word"),
        ("\n \n", r"lex: holds no words"),
        (b"\xff\xfe", r"lex: cannot be read as UTF-8"),
    ],
)
def test_lines_that_cannot_be_read_are_named(content: str | bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "lex"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LexiconError, match=message):
        Lexicon.read(path)
    with pytest.raises(MissingPathError):
        Lexicon.read(tmp_path / "none")


@pytest.mark.parametrize("symbols", [BOUNDED, UNBOUNDED])
def test_the_language_model_tells_words_that_sound_alike(symbols: Symbols, lexicon: Path, lm: Path) -> None:
    gap = ["|"] if symbols is BOUNDED else []
    decoder = BeamSearchDecoder(symbols, lm, DecodingConfig(n_best=3), lexicon=lexicon)
    emissions = planted(symbols, ["s", "i", *gap, "e", "i", *gap, "s", "i"], noise=0.3)
    found = decoder.decode(emissions)
    assert found[0].text == "see a sea"
    assert len({h.text for h in found}) == len(found) == 3
    assert (found[0].words[0].text, found[0].words[0].start_step) == ("see", 1)
    assert found[0].lm_score == pytest.approx(-math.log(10) * (1.0 + 0.2 + 0.1 + 1.0), abs=1e-4)
    assert decoder.decode_texts([emissions]) == ["see a sea"]
    stream = decoder.stream()
    for piece in np.array_split(emissions, 4):
        stream.push(piece)
        stream.partial()
    assert stream.finish() == found


def test_a_lexicon_needs_no_language_model(lexicon: Path) -> None:
    emissions = planted(BOUNDED, ["s", "i", "s", "ai", "d", "|", "s", "ai", "d"], noise=0.3)
    assert BeamSearchDecoder(BOUNDED, lexicon=lexicon).decode(emissions)[0].text == "seaside side"


def test_a_narrow_beam_keeps_the_words_that_the_language_model_expects(tmp_path: Path) -> None:
    """ "sai ..." sounds likelier than "si ..." until the end, but only "side" is ever said so."""
    (tmp_path / "lexicon").write_text("see\ts i d\nside\ts ai d\n")
    (tmp_path / "lm.arpa").write_text(
        "\\data\\\nngram 1=5\n\n\\1-grams:\n-1\t<unk>\n-99\t<s>\n-1\t</s>\n-0.2\tsee\n-4\tside\n\n\\end\\\n"
    )
    emissions = np.full((3, len(UNBOUNDED)), np.log(1e-6), np.float32)
    for step, shares in enumerate([{"s": 1.0}, {"ai": 0.6, "i": 0.4}, {"d": 1.0}]):
        for label, share in shares.items():
            emissions[step, UNBOUNDED.labels.index(label)] = np.log(share)
    for beam in (1, 2, 100):
        config = DecodingConfig(lm_weight=1.0, beam=beam)
        decoder = BeamSearchDecoder(UNBOUNDED, tmp_path / "lm.arpa", config, lexicon=tmp_path / "lexicon")
        (found,) = decoder.decode(emissions)
        assert found.text == "see"
        assert found.lm_score == pytest.approx(-math.log(10) * 1.2, abs=1e-4)
