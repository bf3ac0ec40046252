"""How words are spelled with the outputs of a model that writes no letters: phonemes, most often."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

from asrkit.errors import LexiconError, MissingPathError
from asrkit.memory import collection_paused
from asrkit.reading import read_bounded
from asrkit.text.symbols import Symbols

_MAX_BYTES = 256 << 20  # ten million words
_BEGINNING = 1 << 12  # characters that tell how a lexicon is written
_SHOWN = 5  # words named in a message
_ARPABET = re.compile(r"^([A-Z]{1,3})[012]?$")  # a vowel may have a stress, and Kaldi has SIL and SPN
_VARIANT = re.compile(r"^(.+)\(\d+\)$")
_CHANCES = re.compile(r"^(\S+[ \t]+)(?:[0-9]+\.[0-9]+(?:e-?[0-9]+)?[ \t]+)+", re.MULTILINE)  # of a way to say a word
_COMMENT = re.compile(r"^;;;.*|\s#.*$")


@dataclass(frozen=True)
class Lexicon:
    """Words and how they are said; a word may be said in several ways, and several words in one.

    Args:
        lines: Each word with the labels it is spelled with, once for each way to say it.
        path: The file it came from.
    """

    lines: tuple[tuple[str, tuple[str, ...]], ...]
    path: Path | None = None

    @classmethod
    @collection_paused()
    def read(cls, path: Path | str) -> Self:
        """Read a file of lines ``word<TAB>labels``, the labels between spaces; empty lines do not count.

        A file without tabs is read as CMUdict is written: the word and its labels between spaces, ``word(2)`` for
        another way to say it, comments after ``;;;`` or `` # ``. Probabilities behind the word, as Kaldi and Montreal's
        aligner write them, are passed over.

        Raises:
            MissingPathError: There is no such file.
            LexiconError: A line cannot be read; file and line are named.
        """
        path = Path(path)
        try:
            text = read_bounded(path, _MAX_BYTES).decode("utf-8-sig").replace("\r\n", "\n")
        except FileNotFoundError:
            raise MissingPathError("there is no such lexicon", path=path) from None
        except OSError as error:
            raise LexiconError(f"cannot be read: {error.strerror or error}", path=path) from None
        except UnicodeDecodeError as error:
            raise LexiconError(f"cannot be read as UTF-8 text: {error}", path=path) from None
        if _CHANCES.search(text, 0, _BEGINNING):  # all lines have them, or none
            text = _CHANCES.sub(r"\1", text)
        lines = tuple(_parse(text, path) if "\t" in text else _parse_cmudict(text, path))
        if not lines:
            raise LexiconError("holds no words; give lines of a word, a tab and its symbols", path=path)
        return cls(lines, path)

    @cached_property
    def pronunciations(self) -> dict[str, tuple[tuple[str, ...], ...]]:
        """All ways to say each word, as they are listed."""
        found: dict[str, dict[tuple[str, ...], None]] = {}
        for word, labels in self.lines:
            found.setdefault(word, {})[labels] = None
        return {word: tuple(ways) for word, ways in found.items()}

    def plain(self) -> Self:
        """Return the lexicon with words in lower case and labels as ``plain_labels`` has them."""
        lines = ((word.lower(), labels) for word, labels in self.plain_labels().lines)
        return replace(self, lines=tuple(dict.fromkeys(lines)))

    def plain_labels(self) -> Self:
        """Return the lexicon with ARPAbet in lower case and without stress: ``AH0`` becomes ``ah``.

        Labels stay as they are where not all are ARPAbet: elsewhere, ``S`` and ``s`` are different sounds.
        """
        found = {label: _ARPABET.match(label) for _, labels in self.lines for label in labels}
        plain = {label: match[1].lower() for label, match in found.items() if match}
        if len(plain) < len(found):
            return self
        lines = ((word, tuple([plain[label] for label in labels])) for word, labels in self.lines)
        return replace(self, lines=tuple(dict.fromkeys(lines)))

    def written(self) -> str:
        """Return the text of a file that ``read`` reads."""
        return "".join(f"{word}\t{' '.join(labels)}\n" for word, labels in self.lines)

    def spell(self, symbols: Symbols) -> tuple[list[tuple[str, list[int]]], list[str]]:
        """Return the words with their outputs, and those of which no way to say them can be spelled.

        Outputs between words that begin or end a line (``h i |``) are left out: they are not part of the word.

        Raises:
            LexiconError: Not one word can be spelled.
        """
        if symbols not in self._spelled:  # decoder, aligner and judge of one model ask for the same
            self._spelled[symbols] = self._spell(symbols)
        return self._spelled[symbols]

    @cached_property
    def _spelled(self) -> dict[Symbols, tuple[list[tuple[str, list[int]]], list[str]]]:
        return {}

    @collection_paused()
    def _spell(self, symbols: Symbols) -> tuple[list[tuple[str, list[int]]], list[str]]:
        place = {
            label: i
            for i, (label, spelling) in enumerate(zip(symbols.labels, symbols.spellings, strict=True))
            if spelling and spelling.text
        }
        spaces = {symbols.labels[i] for i in symbols.spaces}
        can_spell, output_of = frozenset(place).issuperset, place.__getitem__
        spelled = [
            (word, [*map(output_of, bare)])
            for word, labels in self.lines
            if (bare := _strip(labels, spaces)) and can_spell(bare)
        ]
        known = {word for word, _ in spelled}
        left_out = list(dict.fromkeys(word for word, _ in self.lines if word not in known))
        if not spelled:
            word, labels = self.lines[0]
            strange = next((label for label in _strip(labels, spaces) if label not in place), " ".join(labels))
            raise LexiconError(
                f"none of its words can be spelled with the model's outputs: {word!r} has {strange!r}", path=self.path
            )
        return spelled, left_out


def describe_left_out(words: list[str]) -> str:
    """Say how many words cannot be spelled, and name the first."""
    named = ", ".join(words[:_SHOWN]) + (", ..." if len(words) > _SHOWN else "")
    return f"{len(words)} words of the lexicon cannot be spelled with the model's outputs and are left out: {named}"


def _strip(labels: tuple[str, ...], spaces: set[str]) -> tuple[str, ...]:
    """Return the labels without those between words at both ends."""
    if labels[0] not in spaces and labels[-1] not in spaces:
        return labels
    inside = [i for i, label in enumerate(labels) if label not in spaces]
    return labels[inside[0] : inside[-1] + 1] if inside else ()


def _parse(text: str, path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    for number, line in enumerate(text.split("\n"), 1):
        word, tab, labels = line.partition("\t")
        symbols = tuple(labels.split())
        if symbols and word.split() == [word]:  # as nearly all are
            yield word, symbols
        elif not line.strip():
            continue
        elif not tab:
            raise LexiconError(f"{line.strip()!r} has no tab between the word and its symbols", path=path, line=number)
        elif word.split() != [word]:
            raise LexiconError(f"{word!r} is no word; give one without spaces", path=path, line=number)
        else:
            raise LexiconError(f"{word!r} has no symbols after the tab", path=path, line=number)


def _parse_cmudict(text: str, path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    for number, line in enumerate(text.split("\n"), 1):
        fields = _COMMENT.sub("", line).split()
        if not fields:
            continue
        word, *labels = fields
        if not labels:
            raise LexiconError(f"{word!r} has no symbols; give a word, a tab and its symbols", path=path, line=number)
        variant = _VARIANT.match(word)
        yield variant[1] if variant else word, tuple(labels)
