"""KenLM's binaries: the same answers as the ARPA file they were made from, alone and in the decoder."""

from __future__ import annotations

import importlib
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from asrkit.config import DecodingConfig
from asrkit.decoder import BeamSearchDecoder, make_decoder
from asrkit.errors import LanguageModelError
from asrkit.language_model import NgramModel, interpolate_models, prune_model, write_arpa, write_binary
from asrkit.text import Alphabet

pytest.importorskip("kenlm", reason="kenlm is not installed")

TINY = Path(__file__).parents[1] / "lm" / "tiny.arpa"
GOLDEN = Path(__file__).parent / "golden" / "kenlm"
FORMATS = {
    "tiny.probing": "KenLM binary, probing",
    "tiny.trie": "KenLM binary, trie",
    "tiny.qtrie": "KenLM binary, trie, quantized",
    "tiny.rest": "KenLM binary, probing",
    "wide.array": "KenLM binary, trie, array",
    "wide.qarray": "KenLM binary, trie, quantized, array",
}
SENTENCES = ["the cat sat on the mat", "a red zebra ran", "zebra the the", "end", "the dog ran on a mat"]
WIDE_SENTENCES = ["ba ba ba be", "fu fo ba ba be ca", "bi ce du xx fu", "co fa di be bo", "bo ca ca"]


def wide_arpa() -> str:
    """A model of many bigrams with few trigrams, so that KenLM keeps the upper bits of its pointers in lists."""
    words = [f"{a}{b}" for a in "bcdf" for b in "aeiou"]
    pairs = [f"{a} {b}" for a in words for b in words]
    triples = [f"{pair} {words[i]}" for i, pair in enumerate(pairs[::30])]
    unigrams = ["-1.5\t<unk>\t0", "-99\t<s>\t-0.25", "-1\t</s>"]
    unigrams += [f"-1.{i:02}\t{word}\t-0.5" for i, word in enumerate(words)]
    bigrams = [f"-0.{i:03}\t{pair}\t-0.125" for i, pair in enumerate(pairs)]
    trigrams = [f"-0.{5 * i:03}\t{triple}" for i, triple in enumerate(triples)]
    parts = [unigrams, bigrams, trigrams]
    counts = "".join(f"ngram {n}={len(part)}\n" for n, part in enumerate(parts, 1))
    sections = "".join(f"\n\\{n}-grams:\n" + "\n".join(part) + "\n" for n, part in enumerate(parts, 1))
    return f"\\data\\\n{counts}{sections}\n\\end\\\n"


@pytest.mark.parametrize("name", FORMATS)
def test_a_binary_answers_as_its_arpa_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "wide.arpa").write_text(wide_arpa())
    arpa = NgramModel.load(TINY if name.startswith("tiny") else tmp_path / "wide.arpa")
    binary = NgramModel.load(GOLDEN / name)
    assert (binary.order, binary.counts) == (arpa.order, arpa.counts)
    assert set(binary.vocabulary) == set(arpa.vocabulary)
    assert binary.format == FORMATS[name]
    tolerance = 0.01 if binary.is_quantized else 1e-4
    sentences = SENTENCES if name.startswith("tiny") else WIDE_SENTENCES
    for sentence in sentences:
        for bos, eos in ((True, True), (False, True), (True, False)):
            ours = arpa.score_words(sentence, bos=bos, eos=eos)
            theirs = binary.score_words(sentence, bos=bos, eos=eos)
            assert [known for _, known in theirs] == [known for _, known in ours]
            assert [p for p, _ in theirs] == pytest.approx([p for p, _ in ours], abs=tolerance)
    one, other = arpa.perplexity(["\n".join(sentences)]), binary.perplexity(sentences)
    assert (other.words, other.unknown_words, other.sentences) == (one.words, one.unknown_words, one.sentences)
    assert other.with_unknown == pytest.approx(one.with_unknown, rel=0.02)
    assert other.without_unknown == pytest.approx(one.without_unknown, rel=0.02)


def emissions(count: int) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    alphabet = Alphabet()
    batch = []
    for i in range(count):
        logits = random.normal(0, 1.5, (3 * len(SENTENCES[i % 5]), len(alphabet)))
        for step, symbol in enumerate(SENTENCES[i % 5]):
            logits[3 * step, alphabet.symbols.index(symbol)] += 3
            logits[3 * step + 1 : 3 * step + 3, alphabet.blank_index] += 5
        batch.append((logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32))
    return batch


@pytest.mark.parametrize("name", ["tiny.probing", "tiny.trie"])
def test_the_decoder_takes_a_binary(name: str) -> None:
    config = DecodingConfig(beam=20, n_best=3)
    batch = emissions(12)
    expected = BeamSearchDecoder(Alphabet(), TINY, config).decode_batch(batch)
    decoder = BeamSearchDecoder(Alphabet(), GOLDEN / name, config)
    for threads in (1, 3):
        found = decoder.decode_batch(batch, threads=threads)
        assert [[h.text for h in hypotheses] for hypotheses in found] == [[h.text for h in e] for e in expected]
        scores = [h.score for hypotheses in found for h in hypotheses]
        assert scores == pytest.approx([h.score for hypotheses in expected for h in hypotheses], abs=1e-2)


def test_pyctcdecode_takes_a_binary() -> None:
    pytest.importorskip("pyctcdecode", reason="pyctcdecode is not installed")
    config = DecodingConfig(decoder="pyctcdecode", beam=20)
    texts = [
        [h[0].text for h in make_decoder(Alphabet(), config, path).decode_batch(emissions(5))]
        for path in (TINY, GOLDEN / "tiny.probing")
    ]
    assert texts[0] == texts[1]


def test_words_may_lie_beside_the_binary(tmp_path: Path) -> None:
    data = (GOLDEN / "tiny.probing").read_bytes()
    path = tmp_path / "tiny.probing"
    words = data[data.rfind(b"<unk>\0") :]
    path.write_bytes(data[: -len(words)])  # as `build_binary` writes it without its word list
    with pytest.raises(LanguageModelError, match=r"carries no words; .* tiny\.probing\.words"):
        NgramModel.load(path)
    for name in ("tiny.probing.words", "tiny.words", "unigrams.txt"):
        (tmp_path / name).write_bytes(b"\n".join(words.split(b"\0")[:-1]))
        header = bytearray(path.read_bytes())
        header[100] = 0  # no words inside
        path.write_bytes(header)
        assert set(NgramModel.load(path).vocabulary) == set(NgramModel.load(TINY).vocabulary)
        (tmp_path / name).unlink()


def test_damaged_binaries_are_refused(tmp_path: Path) -> None:
    for size in (60, 100, 120, 300):
        (tmp_path / "cut").write_bytes((GOLDEN / "tiny.trie").read_bytes()[:size])
        with pytest.raises(LanguageModelError, match="cut: "):
            NgramModel.load(tmp_path / "cut")


# Where a number stands, what it becomes, and what is said of it. Two numbers in a row are two of those that rise.
DAMAGES = {
    "no n-grams": ("tiny.trie", 88, "B", 1, "its header says what no model is"),
    "an order for no reader": ("tiny.trie", 88, "B", 17, "its header says what no model is"),
    "a kind there is not": ("tiny.trie", 96, "I", 6, "its header says what no model is"),
    "no multiplier": ("tiny.probing", 92, "f", float("nan"), "its header says what no model is"),
    "a small multiplier": ("tiny.probing", 92, "f", 0.5, "its header says what no model is"),
    "too many words": ("tiny.trie", 108, "Q", 1 << 40, "it is shorter than its header says"),
    "too many trigrams": ("tiny.probing", 124, "Q", 1 << 63, "it is shorter than its header says"),
    "so many that 64 bits run over": ("tiny.probing", 124, "Q", -1, "it is shorter than its header says"),
    "a word beyond all": ("tiny.probing", 152, "I", 16, "a word has a number that is too large"),
    "more hashes than words": ("tiny.trie", 136, "Q", 16, "it has more words than its header says"),
    "bigrams beyond all": ("tiny.trie", 264 + 16 * 15 + 8, "Q", 21, "its n-grams lie outside of it or in no order"),
    "bigrams that end before they begin": (
        "tiny.trie",
        264 + 16 * 2 + 8,
        "Q",
        9,
        "its n-grams lie outside of it or in",
    ),
    "trigrams beyond all": (
        "tiny.trie",
        536 + 71 * 21 // 8 - 1,
        "B",
        255,
        "its n-grams lie outside of it or in no order",
    ),
    "no bits": ("tiny.qtrie", 264 + 1, "B", 0, "its numbers cannot have so many bits"),
    "too many bits": ("tiny.qtrie", 264 + 2, "B", 26, "its numbers cannot have so many bits"),
    "a list that begins late": ("wide.array", 736, "Q", 1, "a list in it does not begin with 0"),
    "a list in no order": ("wide.array", 752, "Q", 1, "its n-grams lie outside of it or in no order"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_binary_that_would_lead_kenlm_astray_is_refused(name: str, tmp_path: Path) -> None:
    """KenLM looks at none of these: it reads outside of the file, or searches without end."""
    file, at, form, value, said = DAMAGES[name]
    data = bytearray((GOLDEN / file).read_bytes())
    struct.pack_into(form, data, at, value % (1 << 64) if isinstance(value, int) else value)
    (tmp_path / "m").write_bytes(data)
    with pytest.raises(
        LanguageModelError, match=rf"m: this KenLM binary is damaged \({said}.*make it anew with build_b"
    ):
        NgramModel.load(tmp_path / "m")


def test_a_table_without_an_empty_place_is_refused(tmp_path: Path) -> None:
    """A search for what is not in it would not end."""
    data = bytearray((GOLDEN / "tiny.probing").read_bytes())
    for place in range(int(1.5 * 15)):
        data[144 + 12 * place] |= 1
    (tmp_path / "m").write_bytes(data)
    with pytest.raises(LanguageModelError, match="a table of it has no empty place"):
        NgramModel.load(tmp_path / "m")


@pytest.mark.parametrize("word", [b"c t", b"\0at", b"\x0bat"])
def test_words_that_are_none_are_refused(tmp_path: Path, word: bytes) -> None:
    """KenLM would take them for several words, or none."""
    data = (GOLDEN / "tiny.trie").read_bytes()
    assert data.count(b"\0cat\0") == 1
    (tmp_path / "m").write_bytes(data.replace(b"\0cat\0", b"\0" + word + b"\0"))
    with pytest.raises(LanguageModelError, match=r"m: its list of words is damaged"):
        NgramModel.load(tmp_path / "m")


@pytest.mark.parametrize("answer", [float("nan"), float("-inf"), -1e30])
def test_answers_that_are_no_probabilities_are_refused(monkeypatch: pytest.MonkeyPatch, answer: float) -> None:
    """KenLM checks nothing that it maps, so a damaged binary may answer anything."""
    kenlm = importlib.import_module("kenlm")

    damaged: list[bool] = []

    class Damaged(kenlm.Model):  # type: ignore[misc, name-defined]
        def BaseScore(self, *arguments: object) -> float:  # noqa: N802
            real: float = super().BaseScore(*arguments)
            return answer if damaged else real

        def full_scores(self, sentence: str, **options: bool) -> Iterator[tuple[float, int, bool]]:
            for real, length, is_unknown in super().full_scores(sentence, **options):
                yield answer if damaged else real, length, is_unknown

    monkeypatch.setattr(kenlm, "Model", Damaged)
    model = NgramModel.load(GOLDEN / "tiny.probing")
    decoder = BeamSearchDecoder(Alphabet(), model, DecodingConfig(beam=4))
    damaged.append(True)
    for work in (
        lambda: model.score("the cat"),
        lambda: model.perplexity(["the cat"]),
        lambda: decoder.decode(emissions(1)[0]),
        lambda: decoder.decode_batch(emissions(6), threads=3),
    ):
        with pytest.raises(
            LanguageModelError, match=r"tiny\.probing: KenLM answers .* where a log10 probability is due"
        ):
            work()


def test_what_a_binary_cannot_do_is_refused(tmp_path: Path) -> None:
    shutil.copy(GOLDEN / "tiny.trie", tmp_path / "m")
    model = NgramModel.load(tmp_path / "m")
    other = NgramModel.load(TINY)
    for work in (
        lambda: write_arpa(model, tmp_path / "x.arpa"),
        lambda: write_binary(model, tmp_path / "x.bin"),
        lambda: prune_model(model, tmp_path / "x.arpa", 0.1),
        lambda: interpolate_models([model, other], tmp_path / "x.arpa", [1, 1]),
    ):
        with pytest.raises(LanguageModelError, match="start from its ARPA file"):
            work()
    assert not (tmp_path / "x.arpa").exists()
