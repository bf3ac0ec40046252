"""Emissions to text: beam search with a language model, greedy, and pyctcdecode for comparison.

Usable without the rest of asrkit, and without Keras.
"""

from asrkit.decoder.adapter import (
    BeamSearchDecoderCTC,
    CtcDecoder,
    LanguageModel,
    LMState,
    MultiLanguageModel,
    build_ctcdecoder,
)
from asrkit.decoder.backends import make_decoder
from asrkit.decoder.beam import BeamSearchDecoder
from asrkit.decoder.greedy import GreedyDecoder, greedy_decode
from asrkit.decoder.hypothesis import Decoder, Hypothesis, Word
from asrkit.decoder.streaming import DecodingStream, Partial

__all__ = [
    "BeamSearchDecoder",
    "BeamSearchDecoderCTC",
    "CtcDecoder",
    "Decoder",
    "DecodingStream",
    "GreedyDecoder",
    "Hypothesis",
    "LMState",
    "LanguageModel",
    "MultiLanguageModel",
    "Partial",
    "Word",
    "build_ctcdecoder",
    "greedy_decode",
    "make_decoder",
]
