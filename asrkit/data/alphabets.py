"""Which letters texts are written in: found where nobody named them, and compared with what a model can write."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asrkit.config import AUTO_ALPHABET, DataConfig
from asrkit.data.manifest import scan_manifest
from asrkit.data.text_fit import TextFit, fit_text
from asrkit.data.utterance import Utterance
from asrkit.errors import ConfigError, ManifestError
from asrkit.text import Alphabet
from asrkit.text.normalizer import Normalizer, get_normalizer
from asrkit.text.scripts import is_unspaced

_ENGLISH = "en"
_STRAY_SHARE = 0.01  # of all letters: a script with fewer is that of quoted names
_RARE_SHARE = 1 / 20_000  # of all letters: what is rarer cannot be learned
_BORROWED_SHARE = 0.001  # of all letters: English has as many é and ï
_WRONG_SCRIPT_SHARE = 0.5
_MOST_SHOWN = 200


@dataclass(frozen=True)
class FoundAlphabet:
    """The letters of some texts."""

    symbols: str  # an alphabet that writes them
    counts: Counter[str] = field(default_factory=Counter)  # how often each of its letters was seen
    left_out: Counter[str] = field(default_factory=Counter)  # how often what is foreign or too rare to learn was seen

    @property
    def setting(self) -> str:
        """The line of ``asrkit.toml`` that names it, or where it is too long to read the one that finds it again."""
        is_short = len(self.symbols) <= _MOST_SHOWN
        return f"data.alphabet = {json.dumps(self.symbols if is_short else AUTO_ALPHABET, ensure_ascii=False)}"

    def describe(self) -> list[str]:
        """Return the setting, and the letters with their counts."""
        return [
            f"{len(self.symbols)} symbols are found in the texts: {self.setting}",
            f"letters: {_listed(self.counts)}",
            *([f"too rare or of another script, left out: {_listed(self.left_out)}"] if self.left_out else []),
        ]


def find_alphabet(texts: Iterable[str], normalizer: Normalizer | None = None) -> FoundAlphabet:
    """Find the letters in which texts are written, whatever the script.

    Letters of a script with less than a hundredth of all letters, and letters rarer than one in 20,000, are left out.
    Texts in English letters, with no more others than English borrows, get the default alphabet, which spells numbers.

    The normalizer, which the texts will pass, is by default the basic one: it reads nothing in English.

    Raises:
        ConfigError: There is no letter in them.
    """
    said = (normalizer or get_normalizer("basic")).said_all([*texts])
    seen = Counter(character for text in said for character in text)
    letters = Counter({c: n for c, n in seen.items() if unicodedata.category(c)[0] in "LM"})
    if not letters:
        raise ConfigError("there is no letter in the texts; name the alphabet")
    total = letters.total()
    default = DataConfig.alphabet
    if sum(count for letter, count in letters.items() if letter not in default) < _BORROWED_SHARE * total:
        return _found(default, letters)
    scripts: Counter[str] = Counter()
    for letter, count in letters.items():
        scripts[_script(letter)] += count
    has_few = len(letters) <= _MOST_SHOWN  # each sign of Chinese is rare
    kept = sorted(
        letter
        for letter, count in letters.items()
        if scripts[_script(letter)] >= _STRAY_SHARE * total and not (has_few and count < _RARE_SHARE * total)
    )
    space = "" if is_unspaced(said) or not seen[" "] else " "
    return _found(space + "".join(kept) + ("'" if seen["'"] else ""), letters)


def settle_texts(
    data: DataConfig, sources: Sequence[Path | str], tell: Callable[[str], None] = lambda line: None
) -> DataConfig:
    """Settle how texts are written and normalized, where the settings leave that open.

    An alphabet with letters that English lacks is that of another language: unless the language or the normalizer is
    named, nothing is then read in English, and the letters of the alphabet are kept.

    An alphabet that is open is found in the texts of ``sources``.

    Returns:
        The settings with the letters of the alphabet, and a normalizer with its version.

    Raises:
        MissingPathError, ManifestError: The texts are needed and cannot be read.
        ConfigError: There are none, or the language is unknown.
        MissingPackageError: Numbers in this language need a package that is not installed.
    """
    is_open = data.normalizer == "auto"
    if data.alphabet == AUTO_ALPHABET:
        found_by = ("basic" if data.language == _ENGLISH else "standard") if is_open else data.normalizer
        utterances = [u for source in sources for u in scan_manifest(source, data.audio_root, require_audio=False)[0]]
        texts = (utterance.text or "" for utterance in utterances)
        found = find_alphabet(texts, get_normalizer(found_by, data.language))
        for line in found.describe():
            tell(line)
        data = data.replace(alphabet=found.symbols)
    if is_open and data.language == _ENGLISH and _is_foreign(data.alphabet):
        # only the case of I depends on the language, and only these alphabets have two of them
        data = data.replace(normalizer="basic", language="tr" if {"ı", "i"} <= set(data.alphabet) else data.language)
    return data.replace(
        normalizer=get_normalizer("standard" if data.normalizer == "auto" else data.normalizer, data.language).recorded
    )


def fit_corpus(
    source: Path | str, utterances: Sequence[Utterance], alphabet: Alphabet, normalizer: Normalizer
) -> TextFit:
    """Write the texts of a corpus with the symbols of an alphabet, unless it is for another script.

    Raises:
        ManifestError: The alphabet lacks most of the letters; the error names an alphabet that has them.
    """
    fit = fit_text(utterances, alphabet, normalizer)
    lost = sum(count for character, count in fit.removed.items() if character.isalpha())
    written = sum(len(utterance.text or "") for utterance in fit.utterances)
    if lost > _WRONG_SCRIPT_SHARE * (lost + written):
        found = find_alphabet(utterance.text or "" for utterance in utterances)
        raise ManifestError(
            f"the alphabet lacks {lost / (lost + written):.0%} of the letters in these texts; set the one found in "
            f"them, {found.setting}, in asrkit.toml, or give --alphabet",
            path=source,
        )
    return fit


def _found(symbols: str, letters: Counter[str]) -> FoundAlphabet:
    known = set(symbols)
    inside = Counter({letter: count for letter, count in letters.items() if letter in known})
    return FoundAlphabet(symbols, inside, letters - inside)


def _is_foreign(alphabet: str) -> bool:
    return any(c.isalpha() and c.lower() not in DataConfig.alphabet for c in alphabet)


def _script(letter: str) -> str:
    """Return the script that Unicode's name of a letter begins with; marks of no script count as Latin."""
    name = unicodedata.name(letter, "UNNAMED").split()[0]
    return "LATIN" if name == "COMBINING" else name


def _listed(counts: Counter[str]) -> str:
    shown = ", ".join(f"{character} {count:,}" for character, count in counts.most_common(_MOST_SHOWN))
    return f"{shown}, and {len(counts) - _MOST_SHOWN:,} more" if len(counts) > _MOST_SHOWN else shown
