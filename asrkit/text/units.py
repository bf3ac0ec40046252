"""What a network of ours writes: characters, pieces of words, or the phonemes of words that a lexicon knows."""

from __future__ import annotations

import io
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from asrkit.errors import ConfigError, LexiconError
from asrkit.packages import needed
from asrkit.reading import read_bounded
from asrkit.text.alphabet import Alphabet
from asrkit.text.lexicon import Lexicon
from asrkit.text.symbols import Symbols, WordRule

Labels = npt.NDArray[np.int32]

_MAX_PIECES_BYTES = 64 << 20
LEXICON, PIECES = "lexicon.txt", "pieces.model"
# Pieces of words that are seen less often in the training text, on average, are not learned.
_SIGHTINGS = 100
_SIZES = (100, 150, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000)


class Units(ABC):
    """The outputs of a network and how texts are spelled with them; texts are words with single spaces between."""

    kind: ClassVar[str]
    symbols: Symbols  # the outputs, the blank last
    lexicon: Lexicon | None = None  # what turns outputs into words, where they are no letters

    @abstractmethod
    def encode(self, text: str, rng: np.random.Generator | None = None) -> Labels:
        """Return the outputs that spell a text, ``(labels,)``.

        Args:
            text: With no word of ``missing``.
            rng: Draws one of several ways to say a word; without one it is the first.

        Raises:
            ConfigError: A word or character cannot be spelled.
        """

    def longest(self, text: str) -> Labels:
        """Return the most outputs that may spell a text, ``(labels,)``."""
        return self.encode(text)

    def missing(self, texts: Iterable[str]) -> Counter[str]:
        """Return the words of texts that cannot be spelled, with how often they occur."""
        return Counter()

    def files(self) -> dict[str, bytes]:
        """Return what a bundle keeps to spell with, by file name."""
        return {}


@dataclass(frozen=True)
class Characters(Units):
    """Each character is an output; texts are fitted to the alphabet, which a bundle keeps anyway."""

    kind: ClassVar[str] = "characters"
    symbols: Alphabet

    def encode(self, text: str, rng: np.random.Generator | None = None) -> Labels:
        """See ``Units``."""
        return self.symbols.encode(text)


@dataclass(frozen=True)
class Phonemes(Units):
    """Each label of a lexicon is an output, and a space between two words.

    Args:
        symbols: The outputs.
        lexicon: As ``Lexicon.plain`` gives it.
    """

    kind: ClassVar[str] = "phonemes"
    symbols: Symbols
    lexicon: Lexicon

    @classmethod
    def of(cls, lexicon: Lexicon) -> Self:
        """Take all labels of a lexicon for outputs, in the order of their names.

        Raises:
            LexiconError: A label cannot be an output.
        """
        lexicon = lexicon.plain()
        labels = sorted({label for _, labels in lexicon.lines for label in labels})
        try:
            symbols = Symbols((*labels, " ", ""), len(labels) + 1, WordRule.SPACE)
        except ConfigError as error:
            raise LexiconError(str(error), path=lexicon.path) from None
        if symbols.space_index != len(labels):
            odd = labels[symbols.space_index or 0]
            raise LexiconError(f"{odd!r} stands for the space between words; rename it", path=lexicon.path)
        return cls(symbols, lexicon)

    @cached_property
    def _spelled(self) -> dict[str, list[Labels]]:
        place = {label: index for index, label in enumerate(self.symbols.labels)}
        return {
            word: [np.array([place[label] for label in way], np.int32) for way in ways]
            for word, ways in self.lexicon.pronunciations.items()
        }

    def encode(self, text: str, rng: np.random.Generator | None = None) -> Labels:
        """See ``Units``."""
        return self._joined(
            text, lambda ways: ways[0] if rng is None or len(ways) == 1 else ways[int(rng.integers(len(ways)))]
        )

    def longest(self, text: str) -> Labels:
        """See ``Units``."""
        return self._joined(text, lambda ways: max(ways, key=len))

    def _joined(self, text: str, choose: Callable[[list[Labels]], Labels]) -> Labels:
        parts: list[Any] = []
        for word in text.split():
            ways = self._spelled.get(word)
            if ways is None:
                raise ConfigError(f"{word!r} is not in the lexicon")
            parts += [[self.symbols.space_index], choose(ways)] if parts else [choose(ways)]
        return np.concatenate(parts).astype(np.int32) if parts else np.zeros(0, np.int32)

    def missing(self, texts: Iterable[str]) -> Counter[str]:
        """See ``Units``."""
        known = self.lexicon.pronunciations
        return Counter(word for text in texts for word in text.split() if word not in known)

    def files(self) -> dict[str, bytes]:
        """See ``Units``."""
        return {LEXICON: self.lexicon.written().encode()}


@dataclass(frozen=True)
class Subwords(Units):
    """Pieces of words that occur often, as sentencepiece finds them.

    Args:
        symbols: The pieces; those that sentencepiece keeps for itself are skipped.
        model: Sentencepiece's own file.

    Source:
        Kudo and Richardson 2018, arXiv 1808.06226; the pieces are those of the unigram model.
    """

    kind: ClassVar[str] = "subwords"
    symbols: Symbols
    model: bytes

    @classmethod
    def find(cls, texts: Sequence[str], size: int = 0) -> Self:
        """Find the pieces of texts.

        Args:
            texts: To learn from; those of training alone.
            size: How many pieces; 0: as many as are seen 100 times each on average.

        Raises:
            MissingPackageError: sentencepiece is not installed.
            ConfigError: There are not so many pieces in these texts.
        """
        with needed("subwords", "sentencepiece"):
            import sentencepiece
        written = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(texts),
                model_writer=written,
                vocab_size=size or _size_for(texts),
                hard_vocab_limit=bool(size),
                character_coverage=1.0,
                normalization_rule_name="identity",
                unk_id=0,
                bos_id=-1,
                eos_id=-1,
                num_threads=1,  # more would make other pieces
                minloglevel=2,
            )
        except (RuntimeError, OSError) as error:
            most = re.search(r"value <= (\d+)", str(error))
            limit = f": it has {most[1]} at most" if most else ""
            raise ConfigError(
                f"data.subwords = {size} pieces cannot be made of the training text{limit}; 0 has the number found"
            ) from None
        return cls.read(written.getvalue())

    @classmethod
    def read(cls, model: bytes) -> Self:
        """Take the pieces of a sentencepiece model.

        Raises:
            MissingPackageError: sentencepiece is not installed.
        """
        processor = _load(model)
        labels = [processor.id_to_piece(i) for i in range(processor.get_piece_size())]
        skipped = frozenset(i for i in range(len(labels)) if processor.is_unknown(i) or processor.is_control(i))
        return cls(Symbols((*labels, ""), len(labels), WordRule.PIECE, skipped), model)

    @cached_property
    def _processor(self) -> Any:
        processor = _load(self.model)
        if Subwords.read(self.model).symbols != self.symbols:
            raise ConfigError(f"{PIECES} has other pieces than the network")
        return processor

    def encode(self, text: str, rng: np.random.Generator | None = None) -> Labels:
        """See ``Units``."""
        return np.array(self._processor.encode(text), np.int32)

    def missing(self, texts: Iterable[str]) -> Counter[str]:
        """See ``Units``."""
        words = Counter(word for text in texts for word in text.split())
        return Counter({w: n for w, n in words.items() if self.symbols.skipped & set(self._processor.encode(w))})

    def files(self) -> dict[str, bytes]:
        """See ``Units``."""
        return {PIECES: self.model}


@dataclass(frozen=True)
class Spelled(Units):
    """Whatever the outputs of a model from elsewhere are; what of a text they cannot spell, whoever aligns it finds."""

    kind: ClassVar[str] = "symbols"
    symbols: Symbols

    def encode(self, text: str, rng: np.random.Generator | None = None) -> Labels:
        """Refuse: there is more than one way, and training alone would ask.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError("a model that was made elsewhere is not trained; no text is spelled with its outputs")


def _load(model: bytes) -> Any:
    with needed("subwords", "sentencepiece"):
        import sentencepiece
    try:
        return sentencepiece.SentencePieceProcessor(model_proto=model)
    except RuntimeError:
        raise ConfigError("this is no model of sentencepiece") from None


def _size_for(texts: Sequence[str]) -> int:
    """Return how many pieces a text can teach, to a round number."""
    characters = sum(map(len, texts))
    # A text of n characters has about n / (1 + log10(size)) pieces of such a size.
    fitting = [size for size in _SIZES if characters / (1 + np.log10(size)) >= _SIGHTINGS * size]
    return max(fitting, default=_SIZES[0])


def read_units(kind: str, alphabet: Alphabet, symbols: Symbols, folder: Path) -> Units:
    """Return the units of a bundle.

    Args:
        kind: Which they are.
        alphabet: Of its texts.
        symbols: The outputs of its network.
        folder: Where its files are.

    Raises:
        ConfigError: The kind is unknown, or a file is missing.
        LexiconError: The lexicon cannot be read.
    """
    if kind == Characters.kind:
        return Characters(alphabet)
    if kind == Spelled.kind:
        return Spelled(symbols)
    if kind == Phonemes.kind:
        return Phonemes(symbols, Lexicon.read(folder / LEXICON))
    if kind != Subwords.kind:
        raise ConfigError(f"units {kind!r} are not known; upgrade asrkit")
    try:
        return Subwords(symbols, read_bounded(folder / PIECES, _MAX_PIECES_BYTES))
    except FileNotFoundError:
        raise ConfigError(f"{PIECES} is missing") from None
    except OSError as error:
        raise ConfigError(f"{PIECES} cannot be read: {error.strerror or error}") from None
