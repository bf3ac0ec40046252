"""pyctcdecode's interface over our search: change one import and keep the calls.

    from asrkit.decoder import build_ctcdecoder  # instead of pyctcdecode

What differs stands in the documentation, on the page "Coming from pyctcdecode, flashlight or transformers".
"""

from asrkit.decoder.adapter.calls import HotwordScorer, LMState
from asrkit.decoder.adapter.decoder import BeamSearchDecoderCTC, build_ctcdecoder
from asrkit.decoder.adapter.labels import Alphabet
from asrkit.decoder.adapter.language_model import LanguageModel, MultiLanguageModel

CtcDecoder = BeamSearchDecoderCTC  # its name in earlier versions

__all__ = [
    "Alphabet",
    "BeamSearchDecoderCTC",
    "CtcDecoder",
    "HotwordScorer",
    "LMState",
    "LanguageModel",
    "MultiLanguageModel",
    "build_ctcdecoder",
]
