"""N-gram language models: load, query, build."""

from asrkit.language_model.estimation import BuildReport, build_ngram
from asrkit.language_model.ngram import NgramModel
from asrkit.language_model.text_source import TextReport, TextSource, read_word_list

__all__ = ["BuildReport", "NgramModel", "TextReport", "TextSource", "build_ngram", "read_word_list"]
