"""Text for language models: files, manifests, corpora and standard input, as blocks of normalized sentences."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from asrkit.errors import LanguageModelError, MissingPathError
from asrkit.language_model.files import decompressed, open_raw
from asrkit.reading import UNPACKING_ERRORS
from asrkit.text.normalizer import Normalizer

STANDARD_INPUT = "-"
# Words that mean something else in a model. Normalization would make words such as "s" of them, wherever they stand:
# IRSTLM and SRILM write them into texts.
_SPECIAL_WORD = re.compile(r"<(?<!\S<)(?:/?s|unk)>(?!\S)")  # as fast as a search for "<"
_MARKER = re.compile("</?s>|<unk>", re.IGNORECASE)
_BLOCK_BYTES = 1 << 22
_MOST_LINE_BYTES = 1 << 28
_MAX_EXAMPLES = 3
_MAX_LINES_PROFILED = 100_000
_MANIFEST_SUFFIXES = (".tsv", ".jsonl", ".csv")


@dataclass
class TextReport:
    """What normalization did to a text."""

    lines: int = 0
    changed: int = 0
    emptied: int = 0  # had characters, but no word
    lost: Counter[str] = field(default_factory=Counter)  # characters that went, of the first lines that changed
    examples: list[tuple[str, str]] = field(default_factory=list)  # before and after


class TextSource:
    """Sentences of several inputs, one a line, as blocks of text.

    Args:
        inputs: Text files (plain, .gz, .xz, .bz2, .zst), manifests (.tsv, .jsonl), corpus folders, ``-``.
        normalizer: Gives the words that were said, line by line; None to take the text as it is.
        alphabet: The characters that words may have, or None for any.
        progress: Called with the bytes read so far and in all (0 when unknown).
        allow_markers: Take ``<s>``, ``</s>`` and ``<unk>`` for words, as word lists hold them.
    """

    def __init__(
        self,
        inputs: Sequence[Path | str],
        *,
        normalizer: Normalizer | None,
        alphabet: str | None = None,
        progress: Callable[[int, int], None] | None = None,
        allow_markers: bool = False,
    ) -> None:
        self.inputs = [str(item) for item in inputs]
        self.report = TextReport()
        self._normalizer = normalizer
        self._alphabet = None if alphabet is None else frozenset(alphabet) | {" ", "\t", "\n", "\r"}
        self._allow_markers = allow_markers
        self._progress = progress or (lambda done, total: None)
        self._done_bytes = 0
        self._total_bytes = self._check_inputs()

    def _check_inputs(self) -> int:
        paths = [Path(item) for item in self.inputs if item != STANDARD_INPUT]
        for path in paths:
            if not path.exists():
                raise MissingPathError("no such file or folder", path=path)
        return 0 if len(paths) < len(self.inputs) else sum(p.stat().st_size for p in paths if p.is_file())

    def __iter__(self) -> Iterator[str]:
        """Yield blocks of whole lines.

        Raises:
            LanguageModelError: An input is not UTF-8 text, or holds what a model cannot; the error names the line.
        """
        for item in self.inputs:
            path = Path(item)
            if item == STANDARD_INPUT:
                yield from self._clean_file(sys.stdin.buffer, sys.stdin.buffer, Path("<stdin>"))
            elif path.is_dir() or path.suffix in _MANIFEST_SUFFIXES:
                yield from self._clean_manifest(path)
            else:
                with open_raw(path) as raw:
                    yield from self._clean_file(raw, decompressed(raw, path), path)
                    self._done_bytes += raw.tell()

    def _clean_manifest(self, path: Path) -> Iterator[str]:
        from asrkit.data import read_manifest

        texts = [(utterance.text or "").replace("\n", " ") for utterance in read_manifest(path, require_audio=False)]
        yield self._clean("\n".join(texts), path, 1)

    def _clean_file(self, raw: IO[bytes], file: IO[bytes], path: Path) -> Iterator[str]:
        line = 1
        for block in _whole_lines(file, path):
            text = _decode(block.removeprefix(b"\xef\xbb\xbf") if line == 1 else block, path, line)
            yield self._clean(text, path, line)
            line += text.count("\n")
            if self._total_bytes:
                self._progress(self._done_bytes + raw.tell(), self._total_bytes)

    def _clean(self, text: str, path: Path, first_line: int) -> str:
        lines = text.removesuffix("\n").split("\n") if text else []
        self.report.lines += len(lines)
        if not self._allow_markers:
            _refuse(_SPECIAL_WORD if self._normalizer is None else _MARKER, text, path, first_line)
        if self._normalizer is not None:
            lines = self._normalized(lines)
            text = "\n".join(lines)
        if self._alphabet is not None and not self._alphabet.issuperset(text):
            self._refuse_misfits(lines, path, first_line)
        return text

    def _normalized(self, lines: list[str]) -> list[str]:
        assert self._normalizer is not None
        after = self._normalizer.said_all(lines)
        if after == lines:
            return after
        report = self.report
        is_profiled = report.changed < _MAX_LINES_PROFILED
        for old, new in zip(lines, after, strict=True):
            if old == new:
                continue
            report.changed += 1
            report.emptied += not new and bool(old.strip())
            if len(report.examples) < _MAX_EXAMPLES and new:
                report.examples.append((old.strip(), new))
            if is_profiled:
                report.lost += Counter(old) - Counter(new)
        return after

    def _refuse_misfits(self, lines: list[str], path: Path, first_line: int) -> None:
        assert self._alphabet is not None
        for number, line in enumerate(lines, first_line):
            for word in line.split():
                if not self._alphabet.issuperset(word):
                    raise LanguageModelError(
                        f"the alphabet cannot spell {word!r}; remove the word or leave --alphabet out",
                        path=path,
                        line=number,
                    )


def _whole_lines(file: IO[bytes], path: Path) -> Iterator[bytes]:
    """Read a file in blocks that end where a line ends."""
    rest = bytearray()
    while True:
        try:
            block = file.read(_BLOCK_BYTES)
        except UNPACKING_ERRORS as error:
            reason = getattr(error, "strerror", None) or error  # which names the file once more
            raise LanguageModelError(f"cannot be read: {reason}", path=path) from error
        if not block:
            break
        end = block.rfind(b"\n") + 1
        if end == 0:
            rest += block
            if b"\0" in block:  # no text, and there may be gigabytes of it
                break
            if len(rest) > _MOST_LINE_BYTES:
                raise LanguageModelError(f"a line is longer than {_MOST_LINE_BYTES >> 20} MB", path=path)
            continue
        yield bytes(rest) + block[:end]
        rest = bytearray(block[end:])
    if rest:
        yield bytes(rest)


def _decode(block: bytes, path: Path, first_line: int) -> str:
    """Decode UTF-8 strictly; a NUL byte means that this is no text."""
    nul = block.find(b"\0")
    if nul >= 0:
        raise LanguageModelError(
            "there is a NUL byte; convert the file to UTF-8 text",
            path=path,
            line=first_line + block.count(b"\n", 0, nul),
        )
    try:
        return block.decode("utf-8")
    except UnicodeDecodeError as error:
        raise LanguageModelError(
            f"not valid UTF-8 (byte 0x{block[error.start]:02x}); convert the file to UTF-8",
            path=path,
            line=first_line + block.count(b"\n", 0, error.start),
        ) from None


def _refuse(marker: re.Pattern[str], text: str, path: Path, first_line: int) -> None:
    if found := marker.search(text):
        raise LanguageModelError(
            f"{found[0]} marks something else in a model; remove it from the text",
            path=path,
            line=first_line + text.count("\n", 0, found.start()),
        )


def read_word_list(path: Path) -> list[str]:
    """Read the words of a text file, between spaces or line ends.

    Raises:
        MissingPathError: There is no such file.
        LanguageModelError: It is not UTF-8 text, or has no word.
    """
    blocks = TextSource([path], normalizer=None, allow_markers=True)
    words = [word for block in blocks for word in block.split()]
    if not words:
        raise LanguageModelError("there is no word in it", path=path)
    return words
