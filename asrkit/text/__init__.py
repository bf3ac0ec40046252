"""Text: the alphabet a model can spell, and the one normalizer for targets, language models and scoring."""

from asrkit.text.alphabet import Alphabet
from asrkit.text.normalizer import Normalizer, get_normalizer, normalize

__all__ = ["Alphabet", "Normalizer", "get_normalizer", "normalize"]
