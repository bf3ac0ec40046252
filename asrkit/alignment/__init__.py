"""Known text and emissions: how likely it is, when each word is said, and what is missing."""

from asrkit.alignment.aligner import AlignedWord, Aligner, Alignment
from asrkit.alignment.surface import Token, read_tokens

__all__ = ["AlignedWord", "Aligner", "Alignment", "Token", "read_tokens"]
