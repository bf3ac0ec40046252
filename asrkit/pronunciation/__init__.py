"""How words are said that no lexicon has, learned from the words that one has."""

from asrkit.pronunciation.alignment import Unit, align
from asrkit.pronunciation.model import Completed, PronunciationModel, complete_lexicon

__all__ = ["Completed", "PronunciationModel", "Unit", "align", "complete_lexicon"]
