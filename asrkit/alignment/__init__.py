"""Known text and emissions: how likely it is, when each word is said, and what is missing."""

from asrkit.alignment.aligner import AlignedWord, Aligner, Alignment
from asrkit.alignment.surface import GLUE, Token, read_tokens

__all__ = ["GLUE", "AlignedWord", "Aligner", "Alignment", "Token", "read_tokens"]
