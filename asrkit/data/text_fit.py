"""Texts as a model can spell them, with a report of everything that had to change."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from asrkit.data.utterance import Utterance
from asrkit.text import Alphabet
from asrkit.text.normalizer import Normalizer, get_normalizer

_NUM_EXAMPLES = 3
# Letters that Unicode does not decompose, and how English writes them.
_BASE_LETTERS = {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ß": "ss", "ı": "i"}


@dataclass(frozen=True)
class TextFit:
    """Utterances whose texts a model can spell, and what it took.

    Args:
        utterances: The utterances with fitted texts, without those of which nothing was left.
        folded: How often each character was written with base letters (é as e).
        removed: How often each character was removed, for want of anything like it in the alphabet.
        examples: A few ids of utterances where each of these characters stood.
        emptied_ids: Utterances left out because no character of their text was in the alphabet.
        unread_ids: Utterances left out because digits or signs, which are spoken, could not be written.
    """

    utterances: list[Utterance]
    folded: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    examples: dict[str, tuple[str, ...]] = field(default_factory=dict)
    emptied_ids: tuple[str, ...] = ()
    unread_ids: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Whether nothing was folded, removed or left out."""
        return not (self.folded or self.removed or self.emptied_ids or self.unread_ids)

    def joined(self, other: TextFit) -> TextFit:
        """Return what became of the texts of two sets."""
        return TextFit(
            [*self.utterances, *other.utterances],
            self.folded + other.folded,
            self.removed + other.removed,
            {**other.examples, **self.examples},
            (*self.emptied_ids, *other.emptied_ids),
            (*self.unread_ids, *other.unread_ids),
        )

    def describe(self) -> list[str]:
        """Return one line for each kind of character that did not fit, most frequent first."""
        lines = []
        if self.unread_ids:
            examples = ", ".join(self.unread_ids[:_NUM_EXAMPLES])
            lines.append(
                f"{len(self.unread_ids):,} left out, their digits or signs cannot be spelled (data.language says in "
                f"which language they are read, 'de' for one; data.normalizer = 'standard' reads English): {examples}"
            )
        for counts, what in ((self.folded, "folded to base letters"), (self.removed, "removed")):
            for character, count in counts.most_common():
                name = unicodedata.name(character, "unnamed")
                examples = ", ".join(self.examples[character])
                lines.append(f"{character!r} (U+{ord(character):04X} {name}): {count:,} {what}, as in {examples}")
        if self.emptied_ids:
            examples = ", ".join(self.emptied_ids[:_NUM_EXAMPLES])
            lines.append(f"{len(self.emptied_ids):,} left out, nothing of their text can be spelled: {examples}")
        return lines


def fit_text(utterances: Iterable[Utterance], alphabet: Alphabet, normalizer: Normalizer | None = None) -> TextFit:
    """Normalize texts and write them with the symbols of an alphabet.

    Texts pass a normalizer, which leaves the words that were said; punctuation that the alphabet can write is kept. A
    character outside the alphabet is folded to its base letters (or the other case) where the alphabet has those, else
    removed. Both are counted. A digit or sign that would be removed was spoken: its utterance is left out.

    Utterances without text count as empty; the default normalizer is the standard one.
    """
    said = (normalizer or get_normalizer("standard")).said
    fitted: list[Utterance] = []
    folded: Counter[str] = Counter()
    removed: Counter[str] = Counter()
    examples: defaultdict[str, list[str]] = defaultdict(list)
    emptied: list[str] = []
    unread: list[str] = []
    known = set(alphabet.symbols)
    kept_signs = _sign_splitter(alphabet, said)
    for utterance in utterances:
        text = _normalize_between(utterance.text or "", kept_signs, said)
        is_unread = False
        odd = sorted(set(text) - known - {" "})
        for character in odd:
            replacement = _replacement(character, known)
            count = text.count(character)
            if replacement.lower() != character:
                (folded if replacement else removed)[character] += count
                if len(examples[character]) < _NUM_EXAMPLES:
                    examples[character].append(utterance.id)
            is_unread |= not replacement and _is_spoken(character)
            text = text.replace(character, replacement)
        if odd:  # an apostrophe between letters may end a word now
            text = _normalize_between(text, kept_signs, said)
            text = "".join(c if c in known or c == " " else _replacement(c, known) for c in text)
        text = " ".join(text.split()) if " " in known else "".join(text.split())
        if is_unread:
            unread.append(utterance.id)
        elif text:
            fitted.append(replace(utterance, text=text))
        else:
            emptied.append(utterance.id)
    shown = {key: tuple(ids) for key, ids in examples.items()}
    return TextFit(fitted, folded, removed, shown, tuple(emptied), tuple(unread))


def _is_spoken(character: str) -> bool:
    """Tell whether a character that is no letter has a name that is read aloud: a digit, money, ``%``."""
    category = unicodedata.category(character)
    return category[0] == "N" or category == "Sc" or character in "%&@#+="


def _sign_splitter(alphabet: Alphabet, said: Callable[[str], str]) -> re.Pattern[str] | None:
    """Return a pattern of the alphabet's punctuation, which the normalizer would take for spaces."""
    signs = [symbol for symbol in alphabet.symbols if said(f"a{symbol}b") == "a b" and symbol != " "]
    return re.compile(f"([{re.escape(''.join(signs))}])") if signs else None


def _normalize_between(text: str, signs: re.Pattern[str] | None, said: Callable[[str], str]) -> str:
    """Normalize a text but keep these signs where they stand."""
    if signs is None:
        return said(text)
    pieces = signs.split(text)  # text, sign, text, ...
    return "".join(piece if index % 2 else _normalize_inside(piece, said) for index, piece in enumerate(pieces))


def _normalize_inside(piece: str, said: Callable[[str], str]) -> str:
    """Normalize a piece of a text, keeping the space at its ends."""
    before = " " if piece[:1].isspace() else ""
    after = " " if piece[-1:].isspace() else ""
    return f"{before}{said(piece)}{after}"


def _replacement(character: str, known: set[str]) -> str:
    """Return how the alphabet writes a character it lacks; empty when it cannot."""
    decomposed = unicodedata.normalize("NFKD", character)
    base = "".join(part for part in decomposed if not unicodedata.combining(part))
    for candidate in (base, _BASE_LETTERS.get(character, ""), _BASE_LETTERS.get(base, "")):
        for cased in (candidate, candidate.upper(), candidate.lower()):
            if cased and set(cased) <= known:
                return cased
    return ""
