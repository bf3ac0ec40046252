"""pyctcdecode's labels, and the outputs they stand for."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cached_property
from typing import Self

from asrkit.errors import ConfigError, DecodingError
from asrkit.reading import parse_json
from asrkit.text import Symbols, WordRule
from asrkit.text.symbols import BLANKS

_UNKNOWN = re.compile(r"[<\[]unk[>\]]|▁?⁇▁?", re.IGNORECASE)
_TAG = re.compile(r"<[^<>\s]{2,}>|<s>|\[[^\[\]\s]{2,}\]")
_SKIPPED = (*BLANKS, _UNKNOWN, _TAG)
_PIECE, _CONTINUATION = "▁", "##"


class Alphabet:
    """Labels in pyctcdecode's standard form.

    Args:
        labels: Text of each output: "" is the blank, " " the space or ``▁`` before the start of a word.
        is_bpe: Whether labels are pieces of words.

    Raises:
        DecodingError: The labels are repeated or cannot be read.
    """

    def __init__(self, labels: Sequence[str], is_bpe: bool) -> None:
        self.labels = list(labels)
        self.is_bpe = is_bpe
        _ = self.symbols  # they can be read

    @classmethod
    def build_alphabet(cls, labels: Sequence[str]) -> Self:
        """Bring labels into the standard form.

        The blank is ``""``, ``<blank>``, ``<blk>`` or the like, else ``<pad>``, ``[PAD]`` or ``<eps>``, else ``_`` or a
        first ``-``, or comes after the last label; ``|`` stands for the space when there is none; ``##`` for pieces
        that go on with a word becomes ``▁`` for those that start one.

        Raises:
            DecodingError: A label is repeated.
        """
        is_bpe = any(label.startswith((_PIECE, _CONTINUATION)) for label in labels)
        if len(set(labels)) < len(labels):
            raise DecodingError("labels must not be empty or repeated; one may be '', the blank")
        texts = list(labels)
        if any(label.startswith(_CONTINUATION) for label in labels):
            texts = list(map(_from_wordpiece, texts))
        elif not is_bpe and "|" in texts and " " not in texts:
            texts[texts.index("|")] = " "
        blank = next((text for pattern in BLANKS for text in texts if pattern.fullmatch(text)), None)
        texts = ["" if text == blank else text for text in texts]
        if "" not in texts and "_" in texts and not is_bpe:
            texts[texts.index("_")] = ""
        if "" not in texts and texts[:1] == ["-"]:
            texts[0] = ""
        if "" not in texts:
            texts.append("")
        unknown = f"{_PIECE}⁇{_PIECE}" if is_bpe else "⁇"
        return cls([unknown if _UNKNOWN.fullmatch(text) else text for text in texts], is_bpe)

    @cached_property
    def symbols(self) -> Symbols:
        """The outputs; unknown signs, markers and a second blank are never written."""
        blank = self.labels.index("")
        skipped = frozenset(
            index
            for index, label in enumerate(self.labels)
            if index != blank and any(pattern.fullmatch(label) for pattern in _SKIPPED)
        )
        words = WordRule.PIECE if self.is_bpe else WordRule.SPACE if " " in self.labels else WordRule.NONE
        try:
            return Symbols(tuple(self.labels), blank, words, skipped)
        except ConfigError as error:
            raise DecodingError(str(error)) from None

    def dumps(self) -> str:
        """Return the labels as pyctcdecode's ``alphabet.json`` holds them."""
        return json.dumps({"labels": self.labels, "is_bpe": self.is_bpe})

    @classmethod
    def loads(cls, text: str) -> Self:
        """Read what ``dumps`` wrote, here or in pyctcdecode.

        Raises:
            DecodingError: It is something else.
        """
        try:
            value = parse_json(text)
            labels, is_bpe = value["labels"], value["is_bpe"]
        except (ValueError, TypeError, KeyError):
            raise DecodingError("this is no alphabet.json of pyctcdecode: it has no labels and is_bpe") from None
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels) or "" not in labels:
            raise DecodingError("this is no alphabet.json of pyctcdecode: labels are not texts with a blank among them")
        return cls(labels, bool(is_bpe))


def _from_wordpiece(label: str) -> str:
    if label.startswith(_CONTINUATION):
        return label.removeprefix(_CONTINUATION)
    is_special = label == _PIECE or any(pattern.fullmatch(label) for pattern in _SKIPPED)
    return label if is_special else _PIECE + label
