"""Lexicons that know all words of a text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from asrkit.pronunciation.model import PronunciationModel
from asrkit.text import Lexicon


class Completed(NamedTuple):
    """A lexicon with words that it lacked."""

    lexicon: Lexicon  # all its lines, then one for each word that was guessed
    guessed: tuple[str, ...]  # these words
    left_out: tuple[str, ...]  # words with letters that the lexicon never uses


def complete_lexicon(lexicon: Lexicon, words: Iterable[str]) -> Completed:
    """Add words that a lexicon lacks, said as its own words are said.

    Args:
        lexicon: What it says is kept.
        words: In the lexicon's letters; those that it knows are passed over.

    Raises:
        LexiconError: There are words to guess and nothing to learn from.
    """
    missing = [word for word in dict.fromkeys(words) if word not in lexicon.pronunciations]
    if not missing:
        return Completed(lexicon, (), ())
    lines, left_out = PronunciationModel.estimate(lexicon).pronounce_all(missing)
    completed = replace(lexicon, lines=(*lexicon.lines, *lines))
    return Completed(completed, tuple(word for word, _ in lines), tuple(left_out))
