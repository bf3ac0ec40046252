"""Tuning: decoding settings that fit a model, a language model and a dev set."""

from asrkit.tuning.dev_set import DevSet, emit_dev_set
from asrkit.tuning.search import Trial, TuningResult, tune_decoding

__all__ = ["DevSet", "Trial", "TuningResult", "emit_dev_set", "tune_decoding"]
