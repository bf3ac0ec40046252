"""One way to every decoder."""

from __future__ import annotations

import logging
from pathlib import Path

from asrkit.config import DecodingConfig
from asrkit.decoder.beam import BeamSearchDecoder
from asrkit.decoder.greedy import GreedyDecoder
from asrkit.decoder.hypothesis import Decoder
from asrkit.errors import ConfigError
from asrkit.language_model import NgramModel
from asrkit.text import Alphabet, Lexicon, Symbols
from asrkit.text.lexicon import describe_left_out

_log = logging.getLogger("asrkit")


def make_decoder(
    symbols: Symbols,
    config: DecodingConfig | None = None,
    lm: NgramModel | Path | str | None = None,
    lexicon: Lexicon | Path | str | None = None,
) -> Decoder:
    """Build the decoder that ``config.decoder`` names.

    Raises:
        ConfigError: A language model or a lexicon goes with a decoder that cannot use it, or the decoder cannot take
            the symbols.
        MissingPackageError: pyctcdecode is asked for and not installed.
        LanguageModelError: The language model cannot be used, or the symbols cannot spell most of it.
        LexiconError: The lexicon cannot be used.
    """
    config = config or DecodingConfig()
    if lexicon is not None and config.decoder == "pyctcdecode":
        raise ConfigError("the pyctcdecode decoder cannot use a lexicon; set decoder to beam, or leave it out")
    if config.decoder == "greedy":
        if lm is not None:
            raise ConfigError("the greedy decoder cannot use a language model; set decoder to beam, or leave lm out")
        return GreedyDecoder(symbols, Lexicon.read(lexicon) if isinstance(lexicon, Path | str) else lexicon)
    if config.decoder == "pyctcdecode":
        if not isinstance(symbols, Alphabet):
            raise ConfigError(
                "pyctcdecode is here for outputs of a character each, the blank last; set decoder to beam"
            )
        from asrkit.decoder.pyctcdecode import PyctcdecodeDecoder

        return PyctcdecodeDecoder(symbols, lm, config)
    decoder = BeamSearchDecoder(symbols, lm, config, lexicon=lexicon)
    if decoder.words_left_out:
        _log.warning(describe_left_out(list(decoder.words_left_out)))
    return decoder
