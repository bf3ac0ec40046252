"""Damaged binary language models: the format once more, what can go wrong in it, and all that one does with a model.

A case is a number: the same number is always the same damage. Most damage is sealed, that is, given right checksums
again, as whoever makes such a file on purpose would do.
"""

from __future__ import annotations

import contextlib
import random
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asrkit.config import DecodingConfig
from asrkit.decoder import BeamSearchDecoder
from asrkit.errors import DecodingError, LanguageModelError
from asrkit.language_model import (
    NgramModel,
    build_ngram,
    interpolate_models,
    prune_model,
    write_arpa,
    write_binary,
)
from asrkit.text import Alphabet

TINY = Path(__file__).parents[1] / "lm" / "tiny.arpa"
_MASK = (1 << 64) - 1
_HEADER = struct.Struct("<16s2I2Q16Q5Q3Q2Q")
_WORDS = ("the", "cat", "sat", "on", "a", "mat", "red", "dog", "ran", "is", "big", "end", "cats", "the's", "o")


class BinaryModel:
    """The bytes of a binary model, and where everything stands in them."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        fields = _HEADER.unpack_from(data)
        self.is_quantized = bool(fields[4])
        num_words, text_bytes, word_slots, slots, contexts = fields[21:26]
        self.num_words, self.num_contexts = num_words, contexts
        table = 1024 * self.is_quantized
        sizes = (
            text_bytes,
            8 * (num_words + 1),
            4 * word_slots,
            8 * num_words,
            (12 if self.is_quantized else 16) * slots,
            (4 if self.is_quantized else 8) * contexts,
            table,
            table,
        )
        self.sections = []
        at = 256
        for size in sizes:
            self.sections.append((at, size))
            at += -(-size // 64) * 64
        self.text, self.offsets, self.word_slots, self.unigrams, self.entries, self.contexts, *_ = self.sections

    def seal(self) -> None:
        """Make both checksums right."""
        total = 0
        for at, size in self.sections:
            total = _mix(total ^ _checksum(self.data[at : at + size]))
        struct.pack_into("<Q", self.data, 232, total)
        struct.pack_into("<Q", self.data, 240, _checksum(self.data[:240]))

    def log10_places(self) -> list[int]:
        """Where a probability or a back-off stands."""
        places = _every(self.unigrams, 8, 0)
        if not self.is_quantized:
            return places + _every(self.entries, 16, 8) + _every(self.contexts, 8, 0)
        return places + _every(self.sections[6], 4, 0) + _every(self.sections[7], 4, 0)

    def number_places(self) -> list[int]:
        """Where 32 bits that number a word, a context or a letter stand."""
        places = _every(self.offsets, 8, 0) + _every(self.word_slots, 4, 0) + _every(self.unigrams, 8, 4)
        if self.is_quantized:
            return places + _every(self.entries, 4, 0) + _every(self.contexts, 4, 0)
        entries = [at for column in (0, 4, 12) for at in _every(self.entries, 16, column)]
        return places + entries + _every(self.contexts, 8, 4)

    def word_place(self, word: int) -> tuple[int, int]:
        """Where a word begins and ends."""
        begin, end = struct.unpack_from("<2Q", self.data, self.offsets[0] + 8 * word)
        return self.text[0] + begin, self.text[0] + end


def _every(section: tuple[int, int], stride: int, column: int) -> list[int]:
    return list(range(section[0] + column, section[0] + section[1], stride))


def _mix(value: int) -> int:
    value ^= value >> 33
    value = value * 0xFF51AFD7ED558CCD & _MASK
    value ^= value >> 33
    value = value * 0xC4CEB9FE1A85EC53 & _MASK
    return value ^ (value >> 33)


def _checksum(data: bytes | bytearray) -> int:
    lanes = [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, len(data)]
    whole = len(data) // 32 * 32
    for block in struct.iter_unpack("<4Q", data[:whole]):
        for i, part in enumerate(block):
            lane = (lanes[i] ^ part) * 0x9DDFEA08EB382D69 & _MASK
            lanes[i] = lane ^ (lane >> 32)
    total = 0
    for lane, part in zip(lanes, struct.unpack("<4Q", data[whole:].ljust(32, b"\0")), strict=True):
        total = _mix(total ^ _mix(lane ^ part))
    return total


Damage = Callable[[BinaryModel, random.Random], None]
_WRONG_LOG10 = (float("nan"), float("inf"), -float("inf"), 3e38, -3e38, 1e-45, 1.0, -10001.0, 21.0)
_WRONG_NUMBERS = (0, 1, 0xFFFFFFFF, 0xFFFFFFFE, 0x80000000, 0x7FFFFFFF, 0x10000)


def _wrong_values(model: BinaryModel, draw: random.Random) -> None:
    places = model.log10_places()
    wrong = draw.choice(_WRONG_LOG10)
    for at in places if draw.random() < 0.2 else draw.sample(places, draw.randint(1, 5)):
        struct.pack_into("<f", model.data, at, wrong)


def _strange_values(model: BinaryModel, draw: random.Random) -> None:
    """Values that a model may have."""
    for at in draw.sample(model.log10_places(), draw.randint(1, 20)):
        struct.pack_into("<f", model.data, at, draw.choice([0.0, -0.0, -1e4, -99.0, -draw.expovariate(1)]))
    if not model.is_quantized:
        for at in draw.sample(_every(model.contexts, 8, 0), 3):
            struct.pack_into("<f", model.data, at, draw.choice([20.0, 3.0, -1e4]))


def _wrong_numbers(model: BinaryModel, draw: random.Random) -> None:
    for at in draw.sample(model.number_places(), draw.randint(1, 5)):
        near = draw.randrange(2 * model.num_contexts)
        number = draw.choice([near, near, near << 8, draw.choice(_WRONG_NUMBERS), draw.getrandbits(32)])
        struct.pack_into("<I", model.data, at, number)


def _strange_contexts(model: BinaryModel, draw: random.Random) -> None:
    """Contexts that exist, but are others."""
    for at in draw.sample(_every(model.unigrams, 8, 4), draw.randint(1, 5)):
        struct.pack_into("<I", model.data, at, draw.randrange(model.num_contexts))
    if not model.is_quantized:
        for at in draw.sample(_every(model.entries, 16, 12), draw.randint(1, 20)):
            struct.pack_into("<I", model.data, at, draw.randrange(model.num_contexts))


def _wrong_words(model: BinaryModel, draw: random.Random) -> None:
    for _ in range(draw.randint(1, 4)):
        begin, end = model.word_place(draw.randrange(model.num_words))
        if draw.random() < 0.5:
            other, other_end = model.word_place(draw.randrange(model.num_words))
            model.data[begin:end] = (model.data[other:other_end] * 20)[: end - begin]
        else:
            model.data[begin : begin + 1] = draw.choice([b" ", b"\0", b"\n", b"\xff", b"a", b"c", b"t"])


def _wrong_bits(model: BinaryModel, draw: random.Random) -> None:
    for _ in range(draw.choice([1, 1, 1, 8, 64])):
        model.data[draw.randrange(256, len(model.data))] ^= 1 << draw.randrange(8)


def _wrong_tables(model: BinaryModel, draw: random.Random) -> None:
    """A stretch of one table becomes another one, or all the same."""
    begin = draw.randrange(256, len(model.data))
    size = min(draw.choice([4, 16, 64, 1000]), len(model.data) - begin)
    source = draw.randrange(256, len(model.data) - size + 1)
    model.data[begin : begin + size] = draw.choice([bytes(size), b"\xff" * size, model.data[source : source + size]])


def _wrong_header(model: BinaryModel, draw: random.Random) -> None:
    number = draw.choice([0, 1, 3, 17, 255, 1 << 16, 1 << 32, 1 << 40, _MASK, _MASK // 8])
    struct.pack_into("<Q", model.data, draw.randrange(16, 240, 8), number)


def _cut(model: BinaryModel, draw: random.Random) -> None:
    if draw.random() < 0.3:
        model.data += bytes(draw.choice([1, 64, 5000]))
    else:
        del model.data[draw.randrange(len(model.data)) :]


KINDS: dict[str, Damage] = {
    "values": _wrong_values,
    "values in range": _strange_values,
    "numbers": _wrong_numbers,
    "numbers in range": _strange_contexts,
    "words": _wrong_words,
    "bits": _wrong_bits,
    "tables": _wrong_tables,
    "header": _wrong_header,
    "cuts": _cut,
}


def whole_models(folder: Path) -> list[bytes]:
    """Write two models, plain and with 8 bits, and return their bytes."""
    draw = random.Random(1)
    sentences = [" ".join(draw.choices(_WORDS, k=draw.randint(1, 9))) for _ in range(120)]
    build_ngram(["\n".join(sentences)], folder / "random.arpa", order=4, discount_fallback=True)
    return [
        write_binary(NgramModel.load(source), folder / "whole.bin", quantize=quantize).read_bytes()
        for source in (TINY, folder / "random.arpa")
        for quantize in (False, True)
    ]


def damaged(models: list[bytes], case: int) -> tuple[str, bytes]:
    """Return the kind of damage of a case, and the file."""
    draw = random.Random(case)
    model = BinaryModel(draw.choice(models))
    kind = list(KINDS)[case % len(KINDS)]
    KINDS[kind](model, draw)
    if kind != "cuts" and (kind.endswith("in range") or draw.random() < 0.75):
        model.seal()
    return kind, bytes(model.data)


def utterances(draw: random.Random) -> list[npt.NDArray[np.float32]]:
    """Return emissions of a few sentences, none of them clear."""
    alphabet = Alphabet()
    noise = np.random.default_rng(draw.getrandbits(32))
    batch = []
    for _ in range(3):
        text = " ".join(draw.choices(_WORDS, k=draw.randint(1, 4)))
        logits = noise.normal(0, 2, (2 * len(text) + 2, len(alphabet.symbols) + 1))
        for step, symbol in enumerate(text):
            logits[2 * step, alphabet.symbols.index(symbol)] += 6
            logits[2 * step + 1, alphabet.blank_index] += 5
        log_probs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        batch.append(log_probs.astype(np.float32))
    return batch


def use_in_search(model: NgramModel, case: int) -> list[float]:
    """Decode with a model in several ways; return all scores."""
    draw = random.Random(case)
    config = DecodingConfig(
        beam=draw.choice([1, 2, 4, 7, 30, 100]),
        beam_threshold=draw.choice([None, 3.0, 80.0]),
        lm_weight=draw.choice([0.7, 0.7, 5.0]),
        word_bonus=draw.choice([1.5, -20.0, 20.0]),
        vocabulary=draw.choice(["open", "open", "closed"]),
        recombine=draw.random() < 0.8,
        n_best=draw.choice([1, 5]),
        hotwords=draw.choice([(), ("cat", "red dog=9", "a=-3")]),
    )
    batch = utterances(draw)
    try:
        decoder = BeamSearchDecoder(Alphabet(), model, config)
    except (LanguageModelError, DecodingError):  # no word can be spelled, or no hotword in a closed vocabulary
        return []
    found = decoder.decode_batch(batch, threads=draw.randint(1, 3))
    texts = decoder.decode_texts(batch, threads=2)
    assert texts == [hypotheses[0].text for hypotheses in found]
    stream = decoder.stream()
    for piece in np.array_split(batch[0], 3):
        stream.push(piece)
        stream.partial()
    stream.finish()
    return [h.score for hypotheses in found for h in hypotheses]


def use_in_tools(model: NgramModel, folder: Path) -> None:
    """Do all else that one does with a model; what cannot be done is refused."""
    assert all(isinstance(word, str) for word in model.vocabulary)
    sentences = ["the cat sat on the mat", "a red dog zebra", "the the the the"]
    assert all(isinstance(model.score(sentence), float) for sentence in sentences)
    model.perplexity(["\n".join(sentences)])
    other = NgramModel.load(TINY)
    arpa, binary = folder / "x.arpa", folder / "x.bin"
    for work in (
        lambda: model.sample_ngrams(50),
        lambda: NgramModel.load(write_arpa(model, arpa)),
        lambda: prune_model(model, arpa, 1e-3) and NgramModel.load(arpa),
        lambda: interpolate_models([model, other], arpa, [1.0, 2.0]) and NgramModel.load(arpa),
        lambda: NgramModel.load(write_binary(model, binary, quantize=True)),
    ):
        with contextlib.suppress(LanguageModelError):
            work()
