"""How words are said that no lexicon has, learned from the words that one has."""

from asrkit.pronunciation.alignment import Unit, align
from asrkit.pronunciation.completion import Completed, complete_lexicon
from asrkit.pronunciation.model import PronunciationModel

__all__ = ["Completed", "PronunciationModel", "Unit", "align", "complete_lexicon"]
