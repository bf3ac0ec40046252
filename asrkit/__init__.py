"""Train a DeepSpeech2, transcribe folders of audio with it, and know exactly how good it is.

The package reads in the order of the data:

    audio -> features -> model -> decoder -> transcription -> metrics -> report

with ``text`` (alphabet, normalizer), ``data`` (manifests) and ``language_model`` (n-grams) beside them.
Names are loaded on first use, so that ``import asrkit`` stays cheap.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # as in typing, which takes longer to import than all the rest here
if TYPE_CHECKING:
    from asrkit.audio import load_waveform as load_waveform
    from asrkit.config import DecodingConfig as DecodingConfig
    from asrkit.config import FeatureConfig as FeatureConfig
    from asrkit.config import ModelConfig as ModelConfig
    from asrkit.config import RunConfig as RunConfig
    from asrkit.config import ScoringConfig as ScoringConfig
    from asrkit.config import TrainingConfig as TrainingConfig
    from asrkit.config import TranscriptionConfig as TranscriptionConfig
    from asrkit.data import Utterance as Utterance
    from asrkit.data import read_manifest as read_manifest
    from asrkit.decoder import BeamSearchDecoder as BeamSearchDecoder
    from asrkit.decoder import Hypothesis as Hypothesis
    from asrkit.decoder import greedy_decode as greedy_decode
    from asrkit.decoder import make_decoder as make_decoder
    from asrkit.errors import AsrkitError as AsrkitError
    from asrkit.features import extract_features as extract_features
    from asrkit.language_model import NgramModel as NgramModel
    from asrkit.metrics import Comparison as Comparison
    from asrkit.metrics import ErrorCounts as ErrorCounts
    from asrkit.metrics import ScoreReport as ScoreReport
    from asrkit.metrics import align as align
    from asrkit.metrics import compare as compare
    from asrkit.metrics import count_errors as count_errors
    from asrkit.metrics import score as score
    from asrkit.model.bundle import Bundle as Bundle
    from asrkit.model.inference import Emitter as Emitter
    from asrkit.text import Alphabet as Alphabet
    from asrkit.text import normalize as normalize
    from asrkit.training.run import train as train
    from asrkit.transcription import Transcript as Transcript
    from asrkit.transcription import transcribe as transcribe

# module -> its public names; what type checkers see stands above
_NAMES = {
    "asrkit.audio": "load_waveform",
    "asrkit.config": "DecodingConfig FeatureConfig ModelConfig RunConfig ScoringConfig TrainingConfig "
    "TranscriptionConfig",
    "asrkit.data": "Utterance read_manifest",
    "asrkit.decoder": "BeamSearchDecoder Hypothesis greedy_decode make_decoder",
    "asrkit.errors": "AsrkitError",
    "asrkit.features": "extract_features",
    "asrkit.language_model": "NgramModel",
    "asrkit.metrics": "Comparison ErrorCounts ScoreReport align compare count_errors score",
    "asrkit.model.bundle": "Bundle",
    "asrkit.model.inference": "Emitter",
    "asrkit.text": "Alphabet normalize",
    "asrkit.training.run": "train",
    "asrkit.transcription": "Transcript transcribe",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'asrkit' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
