"""Text: the alphabet a model can spell, and the one normalizer for targets, language models and scoring."""

from asrkit.text.alphabet import Alphabet

__all__ = ["Alphabet"]
