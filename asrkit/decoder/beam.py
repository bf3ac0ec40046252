"""Beam search in C++; this is its Python face."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Self

from asrkit.config import DecodingConfig
from asrkit.config.recognition import MOST_BONUS, MOST_HOTWORD_PAY
from asrkit.decoder.coverage import check_coverage, check_lexicon, unknown_floor
from asrkit.decoder.emissions import Emissions, FloatArray, Lengths, PriorDivision, listed
from asrkit.decoder.hypothesis import Decoder, Hypothesis, hypothesis_of
from asrkit.decoder.streaming import DecodingStream
from asrkit.decoder.units import (
    LexiconLines,
    find_lm_units,
    folds_case,
    lexicon_lines,
    lexicon_symbols,
    native_symbols,
    spelled_lexicon,
    symbols_of,
)
from asrkit.errors import ConfigError, DecodingError, LanguageModelError
from asrkit.language_model import NgramModel
from asrkit.memory import collection_paused
from asrkit.text import Alphabet, Lexicon, Symbols, WordRule

if TYPE_CHECKING:
    from asrkit import _native


class BeamSearchDecoder(Decoder):
    """CTC prefix beam search, with or without an n-gram model.

    Without a language model it finds the word sequence with the highest acoustic score, summed over all alignments and
    over all ways in which the outputs can write it. With one it adds ``lm_weight * lm_score + word_bonus *
    len(words)``; words outside the model's vocabulary are scored by ``<unk>`` and a character n-gram of the known
    words' spellings.

    Where nothing divides words, every character is a word of the language model. A model of tokens scores outputs as
    they are; then a hypothesis is one way to write a text, and ``word_bonus`` is per token.

    Args:
        symbols: Outputs of the model, or its alphabet.
        lm: A language model, or the path of one.
        config: Search settings; ``decoder`` is not looked at.
        hotwords: Words and phrases with weights of their own, in nats per occurrence, beside ``config.hotwords``.
            Only whole words match; a phrase's weight is paid out while it is spelled and taken back if it fails.
        lexicon: How words are spelled with outputs that are no letters, or the path of such a file. Its words are the
            only ones then, unless ``config.vocabulary`` is "spelled": others are scored by their spelling, even without
            a language model. Words spelled alike are told apart by the language model, and all ways to say a text are
            one hypothesis. ``words_left_out`` are those that the outputs cannot spell.

    Raises:
        LanguageModelError: The language model cannot be read, does not fit the outputs, or most of its words, by
            probability, cannot be spelled.
        LexiconError: The lexicon cannot be read, none of its words can be spelled, or they are the only ones that the
            outputs can write and others are asked for.
        ConfigError: Words outside a lexicon are asked for, and there is none.
        DecodingError: A hotword is empty, cannot be spelled, is not in the lexicon or goes with a language model of
            tokens, or the priors do not fit the outputs.
    """

    def __init__(
        self,
        symbols: Symbols | Alphabet,
        lm: NgramModel | Path | str | None = None,
        config: DecodingConfig | None = None,
        *,
        hotwords: Mapping[str, float] | None = None,
        lexicon: Lexicon | Path | str | None = None,
    ) -> None:
        self.symbols = symbols_of(symbols) if isinstance(symbols, Alphabet) else symbols
        self.num_symbols = len(self.symbols)
        self.lm = NgramModel.load(lm) if isinstance(lm, Path | str) else lm
        self._extra_hotwords = dict(hotwords or {})
        self._said: tuple[str, ...] = ()
        self.lexicon = Lexicon.read(lexicon) if isinstance(lexicon, Path | str) else lexicon
        self._build(config or DecodingConfig())

    @classmethod
    def from_labels(
        cls,
        labels: Sequence[str],
        blank_index: int,
        lm: NgramModel | Path | str | None = None,
        config: DecodingConfig | None = None,
        *,
        space: str = " ",
        hotwords: Mapping[str, float] | None = None,
    ) -> Self:
        """Build a decoder for outputs in any order.

        Args:
            labels: Text of each output; the blank's is not looked at. Where no label is the space, marks of words and
                outputs that are never written are told from the labels, as ``Symbols.recognize`` does.
            blank_index: Which output is the blank.
            lm: A language model, or the path of one.
            config: Search settings.
            space: The label that separates words; there may be none.
            hotwords: Words and phrases with weights of their own.

        Raises:
            DecodingError: The blank index does not lie among the labels, or a label is empty or repeated.
        """
        if not 0 <= blank_index < len(labels):
            raise DecodingError(f"blank_index {blank_index} does not lie among {len(labels)} labels")
        texts = [label for i, label in enumerate(labels) if i != blank_index]
        if "" in texts or len(set(texts)) < len(texts):
            raise DecodingError("labels must not be empty or repeated")
        try:
            if space in texts:
                plain = tuple(" " if label == space and i != blank_index else label for i, label in enumerate(labels))
                symbols = Symbols(plain, blank_index, WordRule.SPACE)
            else:
                symbols = Symbols.recognize(labels, blank_index)
        except ConfigError as error:
            raise DecodingError(str(error)) from None
        return cls(symbols, lm, config, hotwords=hotwords)

    @collection_paused()  # the lists of a large lexicon would be gone through many times
    def _build(self, config: DecodingConfig) -> None:
        """Make the search's lexicon, and what else does not change with most settings."""
        from asrkit import _native

        may_spell = config.vocabulary == "spelled"
        if may_spell and self.lexicon is None:
            raise ConfigError("vocabulary 'spelled' is for words outside a lexicon; name one, or leave it out")
        lines: LexiconLines = []
        left_out: list[str] = []
        spells_words, folds = True, folds_case(self.symbols, self.lm, config.lm_case)
        if self.lexicon is None:
            lm_units = find_lm_units(self.symbols, self.lm, config.lm_units)
            native = native_symbols(self.symbols, lm_units, folds=folds)
            spells_words = lm_units in ("words", "characters")
        elif may_spell:
            hot = self._hot_words(config)
            native, lines, left_out = spelled_lexicon(self.symbols, self.lexicon, self.lm, hot, config.lm_case)
        else:
            spelled, left_out = self.lexicon.spell(self.symbols)
            native, lines = lexicon_symbols(self.symbols), lexicon_lines(spelled, config.lm_case)
            spells_words = False
        self.words_left_out = tuple(left_out)
        self._has_words = spells_words or self.lexicon is not None  # and no tokens
        self._unknown_floor = 0.0
        self._native = _native.Decoder.make(
            native, self._options(config, is_guided=True), None if self.lm is None else self.lm.native, lines
        )
        if self.lm is not None:
            if self._native.num_spelled_words == 0:
                fault = "is in the lexicon; make one of them (asrkit lm lexicon)"
                if self.lexicon is None:
                    fault = "can be spelled with the alphabet; build it from text normalized for this alphabet"
                raise LanguageModelError(f"none of the language model's words {fault}", path=self.lm.path)
            if self._has_words:
                self._unknown_floor = unknown_floor(self.lm)
            if spells_words:
                check_coverage(self.lm, self.symbols, config.max_unspelled, folds_case=folds)
            elif self.lexicon is not None:
                check_lexicon(self.lm, chain.from_iterable(forms for _, forms, _ in lines))
        self._built_for = self._key(config)
        self._configure(config)

    def _decode_all(self, emissions: Sequence[FloatArray], threads: int) -> list[list[Hypothesis]]:
        arrays = [self._divide(array) for array in emissions]
        return [[hypothesis_of(d) for d in decoded] for decoded in self._native.decode_batch(arrays, threads)]

    def decode_texts(
        self,
        emissions: Sequence[Emissions] | Emissions,
        lengths: Lengths | None = None,
        *,
        threads: int = 1,
        names: Sequence[str] | None = None,
    ) -> list[str]:
        """Decode many utterances to nothing but their best texts.

        Faster than ``decode_batch``, most of all with an ``n_best`` of 1: only texts too close to call are aligned,
        and times and confidences are not worked out. The arguments are the same.

        Returns:
            The text of the first hypothesis that ``decode_batch`` gives, for each utterance; "" where it gives none.

        Raises:
            DecodingError: Emissions have the wrong shape or impossible values; the utterance is named.
        """
        arrays = [self._divide(array) for array in self._checked(emissions, lengths, threads, names)]
        return self._native.decode_texts(arrays, threads)

    def with_config(self, config: DecodingConfig, *, hotwords: Mapping[str, float] | None = None) -> Self:
        """Return a decoder with other settings and hotwords that shares the language model and its lexicon.

        Hotwords take the place of the words and phrases with weights of their own; None keeps them.

        Raises:
            DecodingError: A hotword is empty or cannot be spelled, or the priors do not fit the alphabet.
        """
        decoder = self._copy()
        if hotwords is not None:
            decoder._extra_hotwords = dict(hotwords)
        if decoder._key(config) == self._built_for:
            decoder._configure(config)
        else:
            decoder._build(config)
        return decoder

    def after(self, words: Sequence[str]) -> Self:
        """Return a decoder of what follows words, one that shares all else.

        Its utterances begin with a new word, and the language model knows the words before as it knows those that were
        decoded. Their scores are of what follows alone, and so are hotwords.

        Raises:
            DecodingError: They are one text, and no list of words.
        """
        decoder = self._copy()
        decoder._said = listed(words, "the words said before")
        decoder._configure(self.config)
        return decoder

    def _copy(self) -> Self:
        decoder = object.__new__(type(self))  # copy.copy would pickle it, and spell all words again
        decoder.__dict__ |= self.__dict__
        return decoder

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle as settings and the file of the language model, which a process reads once."""
        arguments = (type(self), self.symbols, self.lm, self.config, self._extra_hotwords, self.lexicon, self._said)
        return _rebuild, arguments

    def _key(self, config: DecodingConfig) -> tuple[object, ...]:
        """What the search's lexicon depends on: nothing else asks for another one."""
        return config.lm_units, config.lm_case, config.vocabulary == "spelled" and self._hot_words(config)

    def _hot_words(self, config: DecodingConfig) -> tuple[str, ...]:
        return tuple(sorted(set(" ".join(config.hotword_weights | self._extra_hotwords).split())))

    def _configure(self, config: DecodingConfig) -> None:
        self.config = config
        hotwords = config.hotword_weights | self._extra_hotwords
        self._divide = PriorDivision(config, self.num_symbols, has_lm=self.lm is not None, silent=self.symbols.silent)
        has_lm = self.lm is not None and config.lm_weight > 0
        self._native = self._derive(self._options(config, is_guided=has_lm or bool(hotwords)), hotwords)

    def _options(self, config: DecodingConfig, *, is_guided: bool) -> _native.SearchOptions:
        """Return the settings of the C++ search; whether a language model of some weight, or hotwords, guide it."""
        from asrkit import _native

        options = _native.SearchOptions()
        options.beam = config.beam
        is_closed = self.lexicon is not None and config.vocabulary != "spelled"
        options.beam_threshold, options.symbol_threshold = config.thresholds(
            is_guided=is_guided or self.lexicon is not None, has_lexicon=is_closed
        )
        options.lm_weight = config.lm_weight
        options.word_bonus = 0.0 if self.lm is None else config.word_bonus
        options.unknown_weight = config.unknown_weight
        options.unknown_bonus = config.unknown_bonus + self._unknown_floor
        options.is_closed_vocabulary = config.vocabulary == "closed" or is_closed
        options.recombine = config.recombine
        options.n_best = config.n_best
        return options

    def _derive(self, options: _native.SearchOptions, hotwords: Mapping[str, float]) -> _native.Decoder:
        """Return the search with other settings and hotwords, after the words said before.

        Raises:
            DecodingError: A hotword is empty, cannot be spelled, or its weight is no number; or the language model is
                one of tokens, which hotwords are not made of.
        """
        if hotwords and not self._has_words:
            raise DecodingError("hotwords need a language model of words or characters; this one is of tokens")
        phrases = []
        for phrase, weight in hotwords.items():
            words = phrase.split()
            if not words or not math.isfinite(weight):
                raise DecodingError(f"hotword {phrase!r} with weight {weight!r}: give words and a finite number")
            # paid letter by letter and at the end; words of a lexicon at once
            num_payments = len(" ".join(words)) + 1 if self.lexicon is None else len(words)
            most = min(MOST_BONUS, MOST_HOTWORD_PAY * num_payments)
            phrases.append((words, max(-most, min(weight, most))))
        try:
            return self._native.derive(options, phrases, self._said)
        except ValueError as error:
            problem = "has characters outside the alphabet; normalize it first"
            if self.lexicon is not None:
                problem = "is not in the lexicon, or cannot be spelled"
            elif options.is_closed_vocabulary:
                problem = "is no word of the language model, and a closed vocabulary has no others"
            raise DecodingError(f"hotword {str(error)!r} {problem}") from None

    def stream(self, *, name: str = "utterance") -> DecodingStream:
        """Begin an utterance whose emissions arrive in pieces; an error calls it by the name."""
        separator = "" if self.symbols.words is WordRule.NONE and self.lexicon is None else " "
        return DecodingStream(self._native.stream(), self.num_symbols, self._divide, separator, name)


def _rebuild(
    kind: type[BeamSearchDecoder],
    symbols: Symbols,
    lm: NgramModel | None,
    config: DecodingConfig,
    hotwords: dict[str, float],
    lexicon: Lexicon | None,
    said: tuple[str, ...],
) -> BeamSearchDecoder:
    decoder = kind(symbols, lm, config, hotwords=hotwords, lexicon=lexicon)
    return decoder.after(said) if said else decoder
