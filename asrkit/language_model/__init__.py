"""N-gram language models: load, query, build, convert."""

from asrkit.language_model.editing import interpolate_models, prune_model, tune_weights, write_arpa, write_binary
from asrkit.language_model.estimation import BuildReport, build_ngram
from asrkit.language_model.files import is_arpa_name
from asrkit.language_model.ngram import NgramModel
from asrkit.language_model.perplexity import Perplexity
from asrkit.language_model.text_source import TextReport, TextSource, read_word_list
from asrkit.language_model.verification import verify_binary

__all__ = [
    "BuildReport",
    "NgramModel",
    "Perplexity",
    "TextReport",
    "TextSource",
    "build_ngram",
    "interpolate_models",
    "is_arpa_name",
    "prune_model",
    "read_word_list",
    "tune_weights",
    "verify_binary",
    "write_arpa",
    "write_binary",
]
