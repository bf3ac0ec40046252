"""N-gram language models: load, query, build."""

from asrkit.language_model.ngram import NgramModel

__all__ = ["NgramModel"]
