"""How to build the same recognizer anywhere: on this machine's threads or on the workers of a cluster."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from asrkit.config import Calibration, DecodingConfig, TranscriptionConfig
from asrkit.errors import ConfigError
from asrkit.packages import require_installed
from asrkit.text import Lexicon
from asrkit.transcription.local import num_cores
from asrkit.transcription.pieces import Decoder
from asrkit.transcription.provenance import describe
from asrkit.transcription.recognizer import Model, Network, Recognizer
from asrkit.tuning.confidence import WordJudge


@dataclass(frozen=True)
class Recipe:
    """What a recognizer is made of; small enough to be sent to another machine."""

    model: Model  # a ``Bundle``, or what stands in for one
    lm: Path | None  # an n-gram model to decode with
    decoding: DecodingConfig  # settings of the decoder
    config: TranscriptionConfig  # settings of the run
    provenance: Mapping[str, Any]  # written into every transcript
    keep_emissions: bool = False  # whether outcomes carry the emissions
    reads_audio: bool = True  # False decodes stored emissions
    network: Network | None = None  # stands in for the model's graph
    make_decoder: Callable[[], Decoder] | None = None  # stands in for the decoder of ``decoding``
    lexicon: Path | None = None  # how words are spelled with outputs that are no letters; default: the model's own
    calibration: Calibration | None = None  # what turns what is heard of a word into a probability, where that is known

    @classmethod
    def make(
        cls,
        model: Model,
        lm: Path | None = None,
        decoding: DecodingConfig | None = None,
        config: TranscriptionConfig | None = None,
        network: Network | None = None,
        make_decoder: Callable[[], Decoder] | None = None,
        *,
        keep_emissions: bool = False,
        reads_audio: bool = True,
        lexicon: Path | None = None,
        deciding: Mapping[str, Any] | None = None,
        calibration: Iterable[Calibration] = (),
    ) -> Recipe:
        """Settle what a caller may leave open: the defaults, the number of jobs, the provenance.

        Raises:
            ConfigError: The settings contradict each other.
            MissingPathError: There is no such language model or lexicon.
        """
        decoding, config = decoding or DecodingConfig(), config or TranscriptionConfig()
        lexicon = lexicon or model.lexicon
        check_search(decoding, lm, lexicon)
        if is_greedy(decoding):
            decoding = decoding.replace(decoder="greedy")
        if model.longest_s is not None and model.longest_s < config.window_s:
            overlap_s = min(config.overlap_s, model.longest_s / 2)
            config = config.replace(window_s=model.longest_s, overlap_s=overlap_s)
        provenance, held = describe(
            model=model.name,
            model_fingerprint=model.fingerprint,
            language_model=lm,
            calibration=calibration,
            lexicon=lexicon,
            decoding=decoding,
            config=config,
            normalizer=model.normalizer,
            language=model.language,
            others=deciding or {},
        )
        config = config.replace(jobs=config.jobs or num_cores())
        how = (keep_emissions, reads_audio, network, make_decoder)
        return cls(model, lm, decoding, config, provenance, *how, lexicon, held)

    def build(self) -> Recognizer:
        """Load the model and the language model.

        Raises:
            BundleError, LanguageModelError, LexiconError: One of them cannot be used.
        """
        network = self.network
        if network is None and self.reads_audio:
            network = _network_of(self.model, self.config)
        lexicon = None if self.lexicon is None else Lexicon.read(self.lexicon)
        make_decoder = self.make_decoder or _decoder_factory(self, lexicon)
        make_decoder()  # an unusable language model fails here, before any work
        return Recognizer(
            self.model,
            network,
            make_decoder,
            self.config,
            self.provenance,
            keep_emissions=self.keep_emissions,
            judge=None if self.calibration is None else WordJudge(self.model.symbols, self.calibration, lexicon),
        )

    def portable(self) -> Recipe:
        """Return the recipe with absolute paths, for workers that run in other folders."""
        from asrkit.model.bundle import Bundle

        model = self.model
        if isinstance(model, Bundle):
            model = replace(model, path=model.path.resolve())
        lm, lexicon = (None if path is None else path.resolve() for path in (self.lm, self.lexicon))
        return replace(self, model=model, lm=lm, lexicon=lexicon)


def check_search(decoding: DecodingConfig, lm: Path | None, lexicon: Path | None = None) -> None:
    """Refuse a language model, a lexicon, hotwords or a vocabulary that would be ignored or cannot be read.

    Raises:
        ConfigError: The decoding is greedy, pyctcdecode is asked for what only our decoder can do, or a closed
            vocabulary has no words.
        MissingPackageError: pyctcdecode is asked for and not installed.
    """
    if lexicon is not None and decoding.decoder == "pyctcdecode":
        raise ConfigError("pyctcdecode cannot use a lexicon; choose --decoder beam")
    if decoding.decoder == "pyctcdecode":
        if decoding.hotwords:
            raise ConfigError("hotwords work with the beam decoder only; drop them or choose --decoder beam")
        modules = ["pyctcdecode"] if lm is None else ["pyctcdecode", "kenlm"]
        require_installed("the decoder 'pyctcdecode'", *modules, instead="use the decoder 'beam'")
        if lm is not None and _is_own_binary(lm):
            raise ConfigError(f"pyctcdecode cannot read {lm.name}: name an ARPA or KenLM file with --lm, or --lm none")
    if decoding.vocabulary == "spelled" and (lexicon is None or is_greedy(decoding)):
        why = (
            "there is none; name one with --lexicon"
            if lexicon is None
            else "a greedy decode has no others; widen the beam"
        )
        raise ConfigError(f"vocabulary 'spelled' is for words outside a lexicon, and {why}, or leave it out")
    if not is_greedy(decoding):
        if decoding.vocabulary == "closed" and lm is None:
            raise ConfigError("a closed vocabulary is that of a language model; name one with --lm")
        return
    setting = "decoder greedy" if decoding.decoder == "greedy" else "beam 1"
    if lm is not None:
        raise ConfigError(f"a language model does nothing in a greedy decode ({setting}); widen the beam, or --lm none")
    if decoding.hotwords:
        raise ConfigError(f"hotwords do nothing in a greedy decode ({setting}); widen the beam or drop them")


def _is_own_binary(lm: Path) -> bool:
    from asrkit.language_model.files import BINARY_MAGIC

    if not lm.is_file():
        return False
    with lm.open("rb") as file:
        return file.read(len(BINARY_MAGIC)) == BINARY_MAGIC


def is_greedy(decoding: DecodingConfig) -> bool:
    """Whether no search happens: the greedy decoder, or a beam of one."""
    return decoding.decoder == "greedy" or decoding.beam == 1


def _network_of(model: Model, config: TranscriptionConfig) -> Network:
    from asrkit.model.bundle import Bundle
    from asrkit.model.inference import Emitter

    if not isinstance(model, Bundle):
        raise TypeError("pass a Bundle, or a network beside another kind of model")
    return Emitter(model, threads=config.threads, device=config.device)


def _decoder_factory(recipe: Recipe, lexicon: Lexicon | None) -> Callable[[], Decoder]:
    """Return what gives each thread its decoder: our own ones serve all threads, pyctcdecode's keep a state."""
    lock = threading.Lock()
    shared: list[Decoder] = []

    def make() -> Decoder:
        from asrkit.decoder import make_decoder

        arguments = (recipe.model.symbols, recipe.decoding, recipe.lm, lexicon)
        if recipe.decoding.decoder == "pyctcdecode":
            return make_decoder(*arguments)
        with lock:
            if not shared:
                shared.append(make_decoder(*arguments))
        return shared[0]

    return make
