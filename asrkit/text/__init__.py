"""Text: the symbols a model can write, and the one normalizer for targets, language models and scoring."""

from asrkit.text.alphabet import Alphabet
from asrkit.text.lexicon import Lexicon
from asrkit.text.normalizer import Normalizer, get_normalizer, normalize
from asrkit.text.symbols import Spelling, Symbols, WordRule

__all__ = ["Alphabet", "Lexicon", "Normalizer", "Spelling", "Symbols", "WordRule", "get_normalizer", "normalize"]
