"""Damaged and hostile binary models are refused, or harmless: nothing in them reaches an index or a size unchecked."""

from __future__ import annotations

import math
import os
import random
import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from damaged_models import KINDS, TINY, BinaryModel, damaged, use_in_search, use_in_tools, utterances, whole_models
from fake_recognition import write_speech
from random_bundle import random_bundle

from asrkit import _native
from asrkit.cli import main
from asrkit.config import DecodingConfig
from asrkit.decoder import BeamSearchDecoder
from asrkit.errors import LanguageModelError
from asrkit.language_model import NgramModel, write_binary
from asrkit.text import Alphabet

CASES = 72  # make sanitize and make bench-robustness try more


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return whole_models(tmp_path_factory.mktemp("whole"))


def unchecked(data: bytes) -> NgramModel:
    """Return a model as if its file had been changed after it was checked."""
    return NgramModel(_native.NgramModel.open_binary(np.frombuffer(bytearray(data), np.uint8)))


def test_the_format_is_known_here_too(models: list[bytes]) -> None:
    for data in models:
        model = BinaryModel(data)
        model.seal()
        assert bytes(model.data) == data
        log10 = [struct.unpack_from("<f", data, at)[0] for at in model.log10_places()]
        assert min(log10) < -1.0 and all(-100.0 <= value <= 0.5 for value in log10)


@pytest.mark.parametrize("part", range(8))
def test_no_damage_does_harm(models: list[bytes], tmp_path: Path, part: int) -> None:
    """Refused in one line, or used in every way; the bytes that are refused are then used as they are all the same."""
    outcomes = set()
    for case in range(part, CASES, 8):
        kind, data = damaged(models, case)
        path = tmp_path / f"{case}.bin"
        path.write_bytes(data)
        try:
            model = NgramModel.load(path)
        except LanguageModelError as error:
            assert "\n" not in str(error) and str(path) in str(error)
            outcomes.add((kind, "refused"))
        else:
            outcomes.add((kind, "used"))
            assert not any(map(math.isnan, use_in_search(model, case))), case
            use_in_tools(model, tmp_path)
        try:
            model = unchecked(data)
        except _native.NgramFileError:
            continue
        use_in_search(model, case)
        use_in_tools(model, tmp_path)
    assert {outcome for _, outcome in outcomes} == {"refused", "used"}
    assert all(kind in KINDS for kind, _ in outcomes)


def sealed(change: Callable[[BinaryModel], None], *, quantize: bool = False, folder: Path) -> Path:
    """Write the tiny model with a change and right checksums."""
    model = BinaryModel(write_binary(NgramModel.load(TINY), folder / "whole.bin", quantize=quantize).read_bytes())
    change(model)
    model.seal()
    path = folder / "changed.bin"
    path.write_bytes(model.data)
    return path


def put(kind: str, value: float, place: str | int, column: int = 0) -> Callable[[BinaryModel], None]:
    """Return a change: one number of a section becomes another."""

    def change(model: BinaryModel) -> None:
        at = getattr(model, place)[0] if isinstance(place, str) else model.sections[place][0]
        struct.pack_into(f"<{kind}", model.data, at + column, value)

    return change


def rename(word: int, text: bytes) -> Callable[[BinaryModel], None]:
    """Return a change: a word gets another text of the same length."""

    def change(model: BinaryModel) -> None:
        begin, end = model.word_place(word)
        assert end - begin == len(text)
        model.data[begin:end] = text

    return change


def fill_table(model: BinaryModel) -> None:
    """Leave no slot of the n-grams empty, so that a search for a missing one would go all around."""
    at, size = model.entries
    for slot in range(at, at + size, 16):
        if struct.unpack_from("<I", model.data, slot + 4)[0] == 0xFFFFFFFF:
            struct.pack_into("<2IfI", model.data, slot, 1, 3, -1.0, 0)


@pytest.mark.parametrize(
    ("change", "quantize", "message"),
    [
        pytest.param(put("f", math.nan, "unigrams"), False, "probability", id="p(<unk>) is no number"),
        pytest.param(put("f", 0.5, "unigrams"), False, "probability", id="p(<unk>) above 1"),
        pytest.param(put("f", -1.1e4, "unigrams"), True, "probability", id="p(<unk>) too small for a float"),
        pytest.param(put("f", math.inf, "contexts"), False, "back-off", id="an infinite back-off"),
        pytest.param(put("f", 21.0, "contexts", 24), False, "back-off", id="a back-off of 10^21"),
        pytest.param(put("f", math.nan, 6, 1020), True, "probability", id="a code of a probability"),
        pytest.param(put("f", math.nan, 7, 0), True, "back-off", id="a code of a back-off"),
        pytest.param(put("I", 10**6, "unigrams", 4), False, "context", id="a context that does not exist"),
        pytest.param(put("I", 5, "contexts", 8 * 5 + 4), False, "context", id="a context that shortens to itself"),
        pytest.param(put("I", 5 << 8, "contexts", 4 * 5), True, "context", id="the same in 8 bits"),
        pytest.param(put("Q", 10**9, "offsets", 8), False, "word", id="a word beyond the list"),
        pytest.param(put("Q", 0, "offsets", 8), False, "word", id="an empty word"),
        pytest.param(rename(4, b" "), False, "UTF-8 text without spaces", id="a space for a word"),
        pytest.param(rename(5, b"c\xfft"), False, "UTF-8", id="bytes that are no text"),
        pytest.param(rename(7, b"cat"), False, "listed twice or cannot be found", id="two words are one"),
        pytest.param(put("I", 0xFFFFFFFF, "word_slots"), False, "cannot be found", id="a word without its slot"),
        pytest.param(rename(1, b"<a>"), False, "found", id="no <s>"),
        pytest.param(fill_table, False, "n-grams", id="more n-grams than counted"),
        pytest.param(lambda m: struct.pack_into("<Q", m.data, 48, 21), False, "n-grams", id="a wrong count"),
        pytest.param(lambda m: struct.pack_into("<Q", m.data, 48, 2**63), False, "header", id="an impossible count"),
        pytest.param(lambda m: struct.pack_into("<Q", m.data, 208, 5), False, "another word", id="cat for <s>"),
    ],
)
def test_what_a_right_checksum_hides_is_found(
    tmp_path: Path, change: Callable[[BinaryModel], None], quantize: bool, message: str
) -> None:
    path = sealed(change, quantize=quantize, folder=tmp_path)
    with pytest.raises(
        LanguageModelError, match=rf"changed\.bin: the .*{message}.*; convert the model again$"
    ) as refusal:
        NgramModel.load(path)
    assert "damaged" in str(refusal.value) and "the checksum is wrong" not in str(refusal.value)


def test_an_unchanged_model_is_whole_whatever_sealed_it(tmp_path: Path) -> None:
    for quantize in (False, True):
        path = sealed(lambda model: None, quantize=quantize, folder=tmp_path)
        assert NgramModel.load(path).score("the cat") == NgramModel.load(tmp_path / "whole.bin").score("the cat")


@pytest.mark.parametrize("beam", [2, 4, 100])
@pytest.mark.parametrize("places", ["p(<unk>)", "all"])
def test_no_number_reaches_no_index_of_the_search(tmp_path: Path, beam: int, places: str) -> None:
    """The search counts masses by their bits; a mass that is no number once counted in foreign memory."""

    def change(model: BinaryModel) -> None:
        for at in model.log10_places()[: 1 if places == "p(<unk>)" else None]:
            struct.pack_into("<f", model.data, at, math.nan)

    model = unchecked(sealed(change, folder=tmp_path).read_bytes())
    decoder = BeamSearchDecoder(Alphabet(), model, DecodingConfig(beam=beam))
    for batch in (utterances(random.Random(seed)) for seed in range(5)):
        assert all(len(hypotheses) == 1 for hypotheses in decoder.decode_batch(batch))


@pytest.mark.parametrize(
    "settings",
    [
        {"word_bonus": 50.0},
        {"hotwords": ("cat=1000", "the cat=1000"), "hotword_weight": 1000.0},
        {"hotwords": ("cat=-1000",)},
        {"lm_weight": 1000.0, "unknown_bonus": 0.05},
        {"beam_threshold": 80.0, "symbol_threshold": 1e9, "word_bonus": -1000.0},
        {"beam_threshold": 1e-30},
    ],
    ids=str,
)
@pytest.mark.parametrize("beam", [1, 2, 13, 100])
def test_absurd_settings_give_some_text(settings: dict[str, object], beam: int) -> None:
    """Factors that leave the range of a float are no mass, and somebody always stays in the beam."""
    decoder = BeamSearchDecoder(Alphabet(), TINY, DecodingConfig(beam=beam, n_best=3).replace(**settings))
    for batch in (utterances(random.Random(seed)) for seed in range(3)):
        assert all(hypotheses for hypotheses in decoder.decode_batch(batch, threads=2))


def test_equal_words_are_one_in_the_search(tmp_path: Path) -> None:
    """A lexicon of equal words once read past their ends, level after level, to gigabytes."""
    words = [f"{first}{second}at" for first in "bcdfghjklm" for second in "abcdefghij"]
    (tmp_path / "m.arpa").write_text(
        f"\\data\\\nngram 1={len(words) + 4}\n\n\\1-grams:\n-1\t<unk>\n-99\t<s>\n-1\t</s>\n-1\tsat\n"
        + "".join(f"-1\t{word}\n" for word in words)
        + "\n\\end\\\n"
    )
    model = BinaryModel(write_binary(NgramModel.load(tmp_path / "m.arpa"), tmp_path / "m.bin").read_bytes())
    for word in range(4, 4 + len(words)):
        rename(word, b"caat")(model)
    model.seal()
    (tmp_path / "m.bin").write_bytes(model.data)
    with pytest.raises(LanguageModelError, match="listed twice"):
        NgramModel.load(tmp_path / "m.bin")
    decoder = BeamSearchDecoder(Alphabet(), unchecked(bytes(model.data)), DecodingConfig(beam=20))
    assert decoder._native.num_spelled_words == 2
    assert all(decoder.decode_texts(utterances(random.Random(1))))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with recordings beside it; never written to."""
    folder = tmp_path_factory.mktemp("bundle")
    random_bundle(folder / "model", decoding={"beam": 2})
    write_speech(folder / "wavs" / "a.wav", 0.6)
    return folder


def no_number(model: BinaryModel) -> None:
    struct.pack_into("<f", model.data, model.unigrams[0], math.nan)


def no_numbers(model: BinaryModel) -> None:
    for at in model.log10_places():
        struct.pack_into("<f", model.data, at, math.nan)


def one_bit(model: BinaryModel) -> None:
    """The letter b of one word becomes a c, as in the other."""
    model.data[model.word_place(4)[0]] ^= 1


@pytest.mark.parametrize("is_sealed", [False, True], ids=["as it fell", "with a right checksum"])
@pytest.mark.parametrize("change", [no_number, no_numbers, one_bit])
@pytest.mark.parametrize("place", ["--lm", "bundle"])
def test_a_run_with_a_damaged_model_ends_in_one_line(
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    place: str,
    change: Callable[[BinaryModel], None],
    is_sealed: bool,
) -> None:
    """Each of these once ended in a signal; the model of a bundle needs no option to be used."""
    shutil.copytree(bundle, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.arpa").write_text(BAT_AND_CAT)
    path = Path("m.bin" if place == "--lm" else "model/language_model.bin")
    whole = write_binary(NgramModel.load("m.arpa"), path).read_bytes()

    def transcribe(output: str) -> tuple[int, str]:
        options = ["--beam", "2", "--lm", str(path)] if place == "--lm" else []
        monkeypatch.setattr(sys, "argv", ["asrkit", "transcribe", "wavs", "-m", "model", "-o", output, *options])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), capsys.readouterr().err

    assert transcribe("before")[0] == 0
    model = BinaryModel(whole)
    change(model)
    if is_sealed:
        model.seal()
    stamp = path.stat()
    path.write_bytes(model.data)
    if place == "bundle":  # as an archive unpacked over it may do: nothing but the contents tells
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    code, said = transcribe("after")
    assert code == 1 and "Traceback" not in said
    assert said.splitlines()[-1].startswith(f"asrkit: {path}: ")
    assert "damaged" in said and said.endswith("; convert the model again\n")


BAT_AND_CAT = """\\data\\
ngram 1=6
ngram 2=2

\\1-grams:
-1.0\t<unk>
-99\t<s>\t-0.3
-0.7\t</s>
-0.9\tcab\t-0.2
-1.2\tbab\t-0.1
-0.8\ta

\\2-grams:
-0.4\tcab a
-0.5\tbab a

\\end\\
"""
