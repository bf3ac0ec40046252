"""Other decoders behind one function each; imported only when they run."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Decode = Callable[[npt.NDArray[np.float32]], str]
Weights = tuple[float, float]  # of the language model, bonus per word
# labels, ARPA file or None, beam, weights, setting for unknown words
Build = Callable[[Sequence[str], Path | None, int, Weights, float], Decode]


@dataclass(frozen=True)
class Peer:
    """A decoder to compare with.

    Args:
        name: As the tables call it.
        build: Makes its decoding function.
        module: What must be importable.
        has_lm: It can use a word n-gram model.
        extras: Values of its setting for unknown words that tuning tries; the default is what 0 stands for.
        max_beam: Wider beams take too long.
        stand_in: The peer that stands for it in the tuning: one with the same texts, or with less of a search.
    """

    name: str
    build: Build
    module: str | None = None
    has_lm: bool = True
    extras: tuple[float, ...] = (0.0,)
    max_beam: int = 1_000_000
    stand_in: str | None = None


def words_of(arpa: Path) -> list[str]:
    """The unigrams of an ARPA file without its markers."""
    words = []
    with arpa.open() as file:
        for line in file:
            if line.startswith("\\2-grams:"):
                break
            fields = line.split()
            if len(fields) >= 2 and fields[0].lstrip("-").replace(".", "", 1).isdigit():
                words.append(fields[1])
    return [word for word in words if word not in ("<s>", "</s>", "<unk>")]


def _pyctcdecode_like(module_name: str) -> Build:
    def build(
        labels: Sequence[str], arpa: Path | None, beam: int, weights: tuple[float, float], extra: float
    ) -> Decode:
        module: Any = __import__(module_name)
        logging.getLogger("pyctcdecode").setLevel(logging.ERROR)
        arguments: dict[str, Any] = {}
        if arpa is not None:
            arguments = {
                "kenlm_model_path": str(arpa),
                "unigrams": words_of(arpa),
                "alpha": weights[0],
                "beta": weights[1],
                "unk_score_offset": -10.0 + extra,
            }
        decoder = module.build_ctcdecoder(list(labels), **arguments)
        return lambda emissions: str(decoder.decode(emissions, beam_width=beam))

    return build


@cache
def _flashlight_lexicon(tokens: tuple[str, ...], separator: int, arpa: Path) -> tuple[Any, Any, Any]:
    """The language model, the trie of its words, and their dictionary."""
    from flashlight.lib.text import decoder as fl
    from flashlight.lib.text.dictionary import Dictionary

    words = words_of(arpa)
    word_dictionary = Dictionary()
    for word in [*words, "<unk>"]:
        word_dictionary.add_entry(word)
    lm = fl.KenLM(str(arpa), word_dictionary)
    trie = fl.Trie(len(tokens), separator)
    start = lm.start(False)
    place = {token: i for i, token in enumerate(tokens)}
    for word in words:
        if all(letter in place for letter in word):
            index = word_dictionary.get_index(word)
            trie.insert([*(place[letter] for letter in word), separator], index, lm.score(start, index)[1])
    trie.smear(fl.SmearingMode.MAX)
    return lm, trie, word_dictionary


def _flashlight(tokens_tried: int | None, threshold: float) -> Build:
    def build(
        labels: Sequence[str], arpa: Path | None, beam: int, weights: tuple[float, float], extra: float
    ) -> Decode:
        from flashlight.lib.text import decoder as fl

        tokens = ["|" if label == " " else label or "<blank>" for label in labels]
        separator, blank = tokens.index("|"), tokens.index("<blank>")
        if arpa is None:
            free = fl.LexiconFreeDecoderOptions(
                beam_size=beam,
                beam_size_token=tokens_tried or len(tokens),
                beam_threshold=threshold,
                lm_weight=0.0,
                sil_score=0.0,
                log_add=True,
                criterion_type=fl.CriterionType.CTC,
            )
            search = fl.LexiconFreeDecoder(free, fl.ZeroLM(), separator, blank, [])

            def spell(emissions: npt.NDArray[np.float32]) -> str:
                best = search.decode(emissions.ctypes.data, *emissions.shape)[0]
                collapsed = [t for i, t in enumerate(best.tokens) if i == 0 or t != best.tokens[i - 1]]
                text = "".join(tokens[t] for t in collapsed if 0 <= t != blank)
                return " ".join(text.replace("|", " ").split())

            return spell
        lm, trie, word_dictionary = _flashlight_lexicon(tuple(tokens), separator, arpa)
        options = fl.LexiconDecoderOptions(
            beam_size=beam,
            beam_size_token=tokens_tried or len(tokens),
            beam_threshold=threshold,
            lm_weight=weights[0] * math.log(10),  # its scores are log10
            word_score=weights[1],
            unk_score=-math.inf,
            sil_score=0.0,
            log_add=False,
            criterion_type=fl.CriterionType.CTC,
        )
        unknown = word_dictionary.get_index("<unk>")
        decoder = fl.LexiconDecoder(options, trie, lm, separator, blank, unknown, [], False)

        def decode(emissions: npt.NDArray[np.float32]) -> str:
            best = decoder.decode(emissions.ctypes.data, *emissions.shape)[0]
            return " ".join(word_dictionary.get_entry(word) for word in best.words if word >= 0)

        return decode

    return build


def _fast_ctc_decode(threshold: float) -> Build:
    def build(
        labels: Sequence[str], arpa: Path | None, beam: int, weights: tuple[float, float], extra: float
    ) -> Decode:
        import fast_ctc_decode

        # It wants probabilities with the blank first, and the blank's name as a letter.
        order = [len(labels) - 1, *range(len(labels) - 1)]
        alphabet = "".join(["-", *labels[:-1]])

        def decode(emissions: npt.NDArray[np.float32]) -> str:
            probabilities = np.ascontiguousarray(np.exp(emissions)[:, order])
            text, _ = fast_ctc_decode.beam_search(probabilities, alphabet, beam_size=beam, beam_cut_threshold=threshold)
            return " ".join(text.split())

        return decode

    return build


os.environ.setdefault("KENLM_VERBOSE", "0")
PEERS = (
    Peer("ctc-beam-decoder", _pyctcdecode_like("ctc_beam_decoder"), "ctc_beam_decoder", extras=(0.0, 3.0, 6.0)),
    Peer(
        "pyctcdecode",
        _pyctcdecode_like("pyctcdecode"),
        "pyctcdecode",
        max_beam=100,
        stand_in="ctc-beam-decoder",
    ),
    Peer(
        "flashlight",
        _flashlight(None, 50.0),
        "flashlight.lib.text.decoder",
        max_beam=100,
        stand_in="flashlight, matched pruning",
    ),
    Peer("flashlight, matched pruning", _flashlight(6, 14.0), "flashlight.lib.text.decoder"),
    Peer("fast-ctc-decode", _fast_ctc_decode(0.0), "fast_ctc_decode", has_lm=False, max_beam=100),
    Peer("fast-ctc-decode, matched pruning", _fast_ctc_decode(math.exp(-5)), "fast_ctc_decode", has_lm=False),
)
