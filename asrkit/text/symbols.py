"""The outputs of a CTC model and how they spell text: characters, pieces of words, bytes or phonemes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple, Self

from asrkit.errors import ConfigError


class WordRule(StrEnum):
    """How labels show where words begin and end; each is named by its mark."""

    SPACE = "space"  # an output that is a space
    BAR = "|"  # an output that is a bar: wav2vec2 and its kin
    PIECE = "▁"  # before the first piece of a word: sentencepiece
    CONTINUATION = "##"  # before every piece but the first: wordpiece
    BYTE_PIECE = "Ġ"  # before the first piece, which is written in GPT-2's alphabet of bytes
    CONTINUED = "@@"  # after every piece but the last: subword-nmt
    ENDING = "</w>"  # after the last piece
    NONE = "none"  # nowhere: every output is a token of its own, nothing stands between two


class Spelling(NamedTuple):
    """What an output adds to the text."""

    # Its characters in UTF-8; bytes that may be part of a character where ``Symbols.is_bytewise``. Empty for what only
    # separates words.
    text: bytes
    opens: bool  # whether a word starts before it
    closes: bool  # whether a word ends after it


@dataclass(frozen=True)
class Symbols:
    """The outputs of a CTC model, in their order.

    Args:
        labels: Name of each output, as its token file has it; the blank's and the skipped ones' may be anything.
        blank_index: The output that is the CTC blank.
        words: How labels show words.
        skipped: Outputs that are never written: sentence markers, unknown signs, tags.

    Raises:
        ConfigError: The labels cannot be those of a model; the output is named.
    """

    labels: tuple[str, ...]
    blank_index: int
    words: WordRule
    skipped: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        count = len(self.labels)
        if not 0 <= self.blank_index < count:
            raise ConfigError(f"the blank cannot be output {self.blank_index} of {count}; they count from 0")
        if strange := [index for index in self.skipped if not 0 <= index < count or index == self.blank_index]:
            raise ConfigError(f"output {min(strange)} cannot be skipped: it is the blank, or there is none")
        first: dict[str, int] = {}
        for index, label in enumerate(self.labels):
            if index == self.blank_index or index in self.skipped:
                continue
            if not label:
                raise ConfigError(f"output {index} has no label; only the blank's may be empty")
            if label in first:
                raise ConfigError(f"outputs {first[label]} and {index} are both {label!r}; each label may stand once")
            first[label] = index
        if not first:
            raise ConfigError("no output writes anything; give the labels of a model")
        written = [spelling for spelling in self.spellings if spelling]
        if self.words not in _MARKS_OPTIONAL and not any(s.opens or s.closes for s in written):
            raise ConfigError(f"no label has the mark of words {self.words.value!r}; name the one they have, or none")

    def __len__(self) -> int:
        """Number of outputs of the model, with the blank and the skipped ones."""
        return len(self.labels)

    @cached_property
    def spellings(self) -> tuple[Spelling | None, ...]:
        """What each output adds to the text; None for the blank and the skipped ones."""
        return tuple(
            None if index == self.blank_index or index in self.skipped else self._spell(index, label)
            for index, label in enumerate(self.labels)
        )

    @cached_property
    def is_bytewise(self) -> bool:
        """Whether outputs may spell parts of characters, so that bytes are the units of a text and not characters."""
        return self.words is WordRule.BYTE_PIECE or any(
            _BYTE.fullmatch(label) for label, spelling in zip(self.labels, self.spellings, strict=True) if spelling
        )

    @property
    def spaces(self) -> tuple[int, ...]:
        """The outputs that separate words and add nothing else."""
        return tuple(index for index, spelling in enumerate(self.spellings) if spelling and not spelling.text)

    @property
    def space_index(self) -> int | None:
        """The first of these, or None."""
        return next(iter(self.spaces), None)

    @property
    def silent(self) -> tuple[int, ...]:
        """The outputs that write nothing: the blank, then those that are skipped."""
        return (self.blank_index, *sorted(self.skipped))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that ``from_dict`` takes."""
        return {
            "labels": self.labels,
            "blank_index": self.blank_index,
            "words": self.words.value,
            "skipped": sorted(self.skipped),
        }

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Symbols:
        """Take the outputs of a model out of plain values.

        Raises:
            KeyError, TypeError, ValueError: They are not what ``to_dict`` returns.
            ConfigError: They cannot be those of a model.
        """
        labels, skipped, blank = tuple(values["labels"]), frozenset(values["skipped"]), values["blank_index"]
        if not all(isinstance(label, str) for label in labels) or any(type(i) is not int for i in (*skipped, blank)):
            raise TypeError("labels are not texts, or the blank and skipped ones no whole numbers")
        return Symbols(labels, blank, WordRule(values["words"]), skipped)

    def _spell(self, index: int, label: str) -> Spelling:
        try:
            text = _bytes_of(label, self.words)
        except UnicodeEncodeError:
            raise ConfigError(f"output {index}, {label!r}, is not valid Unicode") from None
        except KeyError as error:
            raise ConfigError(
                f"output {index}, {label!r}, has {error.args[0]!r}, which is no byte of GPT-2's alphabet; "
                "name another mark of words than 'Ġ'"
            ) from None
        if self.words is WordRule.NONE:
            return Spelling(text, opens=False, closes=False)
        bare = text.strip(b" ")
        if len(label) > 1 and len(bare.split()) > 1:
            raise ConfigError(f"output {index}, {label!r}, is more than one word; each must be a word or a part of one")
        return Spelling(bare, opens=text.startswith(b" "), closes=bool(bare) and text.endswith(b" "))

    @classmethod
    def recognize(cls, labels: Sequence[str], blank: int | None = None, words: WordRule | None = None) -> Self:
        """Tell the blank, the mark of words and the outputs that are never written from the labels alone.

        Args:
            labels: Name of each output.
            blank: The output that is the blank, where it is known; ``len(labels)``: it comes after the last label.
            words: How labels show words, where it is known.

        Raises:
            ConfigError: The labels leave it open, or cannot be those of a model.
        """
        labels = tuple(labels)
        if blank is None:
            blank = _find_blank(labels)
        elif blank == len(labels):
            labels = (*labels, "<blank>")
        skipped = frozenset(i for i, label in enumerate(labels) if i != blank and _is_skipped(label))
        if words is None:
            words = _find_words([s for i, s in enumerate(labels) if i != blank and i not in skipped])
        return cls(labels, blank, words, skipped)


# Where no label has one of these marks, each is a word by itself.
_MARKS_OPTIONAL = (WordRule.CONTINUATION, WordRule.CONTINUED, WordRule.NONE)

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SPACE = re.compile(r" |<space>|<wb>|\[space\]", re.IGNORECASE)
_TAG = re.compile(r"<[^<>\s]{2,}>|</?s>|\[[^\[\]\s]{2,}\]|⁇", re.IGNORECASE)
# From the surest to those that are the blank only where nothing surer is, and then only at an end.
BLANKS = (
    re.compile(r"|<blank>|<blk>|<b>|\[blank\]|<ctc[_-]?blank>", re.IGNORECASE),
    re.compile(r"<pad>|\[pad\]|<eps>", re.IGNORECASE),
)
_BLANKS_AT_AN_END = ("_", "-")

# Marks that are part of a label; a chance piece such as "###" is none.
_MARKS = {
    WordRule.PIECE: re.compile("▁"),
    WordRule.CONTINUATION: re.compile("##[^#]"),
    WordRule.BYTE_PIECE: re.compile("Ġ."),
    WordRule.CONTINUED: re.compile(".*[^@]@@$"),
    WordRule.ENDING: re.compile(".*</w>$"),
}
_LEAST_SHARE = 0.05  # of the labels have the mark of a model that also has a space or a bar


def _gpt2_bytes() -> dict[str, int]:
    """Return the byte that each character of GPT-2's alphabet stands for: printable ones for themselves."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + i): byte for i, byte in enumerate(others)}


_GPT2_BYTES = _gpt2_bytes()
_WHITE_SPACE = bytes.maketrans(b"\t\n\v\f\r", b"     ")


def _bytes_of(label: str, words: WordRule) -> bytes:
    """Return what an output writes, with a space where a word begins or ends."""
    if byte := _BYTE.fullmatch(label):
        return bytes([int(byte[1], 16)]).translate(_WHITE_SPACE)
    has_mark = words in _MARKS and _MARKS[words].match(label)
    match words:
        case WordRule.SPACE if _SPACE.fullmatch(label):
            label = " "
        case WordRule.BAR if label == "|":
            label = " "
        case WordRule.PIECE:
            label = label.replace("▁", " ")
        case WordRule.CONTINUATION:
            label = label[2:] if has_mark else f" {label}"
        case WordRule.BYTE_PIECE:
            return bytes(_GPT2_BYTES[character] for character in label).translate(_WHITE_SPACE)
        case WordRule.CONTINUED:
            label = label[:-2] if has_mark else f"{label} "
        case WordRule.ENDING if has_mark:
            label = label.removesuffix("</w>") + " "
    return label.encode()


def _is_skipped(label: str) -> bool:
    """Tell whether a label is a marker or a tag: ``</s>``, ``[UNK]``, ``<|en|>``, ``<sos/eos>``, ``<noise>``."""
    if label in ("", WordRule.ENDING) or _BYTE.fullmatch(label) or _SPACE.fullmatch(label):
        return False
    return any(pattern.fullmatch(label) for pattern in (_TAG, *BLANKS))


def _find_blank(labels: tuple[str, ...]) -> int:
    for pattern in BLANKS:
        found = [index for index, label in enumerate(labels) if pattern.fullmatch(label)]
        if len(found) > 1:
            raise ConfigError(
                f"outputs {found[0]} and {found[1]}, {labels[found[0]]!r} and {labels[found[1]]!r}, both look like the "
                "blank; say which is"
            )
        if found:
            return found[0]
    ends = [index for index in sorted({0, len(labels) - 1}) if labels[index] in _BLANKS_AT_AN_END] if labels else []
    if len(ends) == 1:
        return ends[0]
    raise ConfigError(
        "no label looks like the blank ('<blank>', '<blk>', '<pad>', '', '_'); say which output it is (--blank), "
        f"0 to {len(labels)} (after the last label)"
    )


def _find_words(labels: list[str]) -> WordRule:
    """Return the rule whose mark the labels have; a space or a bar is one where few have any other."""
    counts = {rule: sum(bool(mark.match(label)) for label in labels) for rule, mark in _MARKS.items()}
    if not all(character in _GPT2_BYTES for label in labels for character in label if not _BYTE.fullmatch(label)):
        counts[WordRule.BYTE_PIECE] = 0
    found = [rule for rule, count in counts.items() if count and count >= _LEAST_SHARE * len(labels)]
    if not found and any(_SPACE.fullmatch(label) for label in labels):
        return WordRule.SPACE
    if not found and "|" in labels:
        return WordRule.BAR
    found = found or [rule for rule, count in counts.items() if count]
    if len(found) > 1:
        names = " and ".join(repr(rule.value) for rule in found)
        raise ConfigError(f"the labels have several marks of words, {names}; say which it is")
    return found[0] if found else WordRule.NONE
