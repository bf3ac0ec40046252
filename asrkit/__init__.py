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
    from asrkit.audio import load_waveform
    from asrkit.config import (
        DecodingConfig,
        FeatureConfig,
        ModelConfig,
        RunConfig,
        ScoringConfig,
        TrainingConfig,
        TranscriptionConfig,
    )
    from asrkit.data import Utterance, read_manifest
    from asrkit.decoder import BeamSearchDecoder, Hypothesis, greedy_decode, make_decoder
    from asrkit.errors import AsrkitError
    from asrkit.features import extract_features
    from asrkit.language_model import NgramModel
    from asrkit.metrics import Comparison, ErrorCounts, ScoreReport, align, compare, count_errors, score
    from asrkit.model.bundle import Bundle
    from asrkit.model.inference import Emitter
    from asrkit.text import Alphabet, normalize
    from asrkit.training.run import train
    from asrkit.transcription import Transcript, transcribe

# public name -> its module; what type checkers see stands above
_HOMES = {
    "Alphabet": "asrkit.text",
    "AsrkitError": "asrkit.errors",
    "BeamSearchDecoder": "asrkit.decoder",
    "Bundle": "asrkit.model.bundle",
    "Comparison": "asrkit.metrics",
    "DecodingConfig": "asrkit.config",
    "Emitter": "asrkit.model.inference",
    "ErrorCounts": "asrkit.metrics",
    "FeatureConfig": "asrkit.config",
    "Hypothesis": "asrkit.decoder",
    "ModelConfig": "asrkit.config",
    "NgramModel": "asrkit.language_model",
    "RunConfig": "asrkit.config",
    "ScoreReport": "asrkit.metrics",
    "ScoringConfig": "asrkit.config",
    "TrainingConfig": "asrkit.config",
    "Transcript": "asrkit.transcription",
    "TranscriptionConfig": "asrkit.config",
    "Utterance": "asrkit.data",
    "align": "asrkit.metrics",
    "compare": "asrkit.metrics",
    "count_errors": "asrkit.metrics",
    "extract_features": "asrkit.features",
    "greedy_decode": "asrkit.decoder",
    "load_waveform": "asrkit.audio",
    "make_decoder": "asrkit.decoder",
    "normalize": "asrkit.text",
    "read_manifest": "asrkit.data",
    "score": "asrkit.metrics",
    "train": "asrkit.training.run",
    "transcribe": "asrkit.transcription",
}

__all__ = [
    "Alphabet",
    "AsrkitError",
    "BeamSearchDecoder",
    "Bundle",
    "Comparison",
    "DecodingConfig",
    "Emitter",
    "ErrorCounts",
    "FeatureConfig",
    "Hypothesis",
    "ModelConfig",
    "NgramModel",
    "RunConfig",
    "ScoreReport",
    "ScoringConfig",
    "TrainingConfig",
    "Transcript",
    "TranscriptionConfig",
    "Utterance",
    "align",
    "compare",
    "count_errors",
    "extract_features",
    "greedy_decode",
    "load_waveform",
    "make_decoder",
    "normalize",
    "read_manifest",
    "score",
    "train",
    "transcribe",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'asrkit' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
