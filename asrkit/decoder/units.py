"""What the C++ search spells texts with: characters, bytes, or a model's outputs as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from asrkit.errors import LanguageModelError, LexiconError
from asrkit.language_model import NgramModel
from asrkit.text import Alphabet, Lexicon
from asrkit.text.symbols import Spelling, Symbols, WordRule

if TYPE_CHECKING:
    from asrkit import _native

NEMO_OFFSET = 100  # NeMo's language models write output n as the character of number n + 100
_SAMPLE = 1_000  # words of a language model looked at to tell its case


def symbols_of(alphabet: Alphabet) -> Symbols:
    """Return the outputs of a model with an alphabet: a character each, the blank last."""
    rule = WordRule.NONE if alphabet.space_index is None else WordRule.SPACE
    return Symbols((*alphabet.symbols, ""), alphabet.blank_index, rule)


def find_lm_units(symbols: Symbols, lm: NgramModel | None, wanted: str) -> str:
    """Return what the words of a language model are: "words", "characters", "tokens" or "token-ids".

    Args:
        symbols: The outputs.
        lm: The model; None is taken for one of words, or of characters where words are not divided.
        wanted: One of these, or "auto": most of the labels that no word model would have are the model's words.
    """
    plain = "characters" if symbols.words is WordRule.NONE else "words"
    if lm is None or wanted != "auto":
        return plain if lm is None else wanted
    from asrkit import _native

    written = [(i, symbols.labels[i], spelling.text) for i, spelling in enumerate(symbols.spellings) if spelling]
    telling = [label for _, label, text in written if _is_telling(symbols.words, label, text)]
    if 2 * _native.count_known(lm.native, telling) > len(telling):
        return "tokens"
    ids = [chr(i + NEMO_OFFSET) for i, _, _ in written]
    if len(telling) > 0 and 2 * _native.count_known(lm.native, ids) > len(ids):
        return "token-ids"
    return plain


def _is_telling(rule: WordRule, label: str, text: bytes) -> bool:
    """Whether a word of this name shows that a language model is of tokens."""
    return len(label) > 1 if rule is WordRule.NONE else len(text) > 0 and label.encode() != text


def find_case(texts: Sequence[str]) -> frozenset[str]:
    """Return which of "lower" and "upper" there is in texts."""
    lower, upper = any(text != text.upper() for text in texts), any(text != text.lower() for text in texts)
    return frozenset(name for name, found in (("lower", lower), ("upper", upper)) if found)


def folds_case(symbols: Symbols, lm: NgramModel | None, wanted: str) -> bool:
    """Whether a language model is asked without regard to case.

    Where "auto" is wanted, and not "exact" or "fold": if the outputs and the model's words are not of the same case.
    """
    if wanted != "auto" or lm is None:
        return wanted == "fold"
    from asrkit import _native

    written = find_case([spelling.text.decode("utf-8", "ignore") for spelling in symbols.spellings if spelling])
    words = [word.decode("utf-8", "ignore") for word in _native.sample_words(lm.native, _SAMPLE)]
    return bool(written) and written != find_case([word for word in words if not word.startswith("<")])


def native_symbols(symbols: Symbols, lm_units: str, *, folds: bool) -> _native.SymbolSet:
    """Return the outputs as the search takes them.

    ``lm_units`` are those of ``find_lm_units``; ``folds``: the language model does not tell upper from lower case.

    Raises:
        LanguageModelError: Words cannot be asked for where nothing divides them.
    """
    if lm_units in ("tokens", "token-ids"):
        return _tokens(symbols, lm_units)
    has_words = symbols.words is not WordRule.NONE
    if has_words != (lm_units == "words"):
        problem = "its outputs divide words" if has_words else "nothing divides the words of its outputs"
        raise LanguageModelError(f"a language model of {lm_units} does not fit the decoder: {problem}")
    return _spelled(symbols, folds=folds)


LexiconLines = list[tuple[str, list[str], list[int]]]  # word, its names in a language model, outputs


def lexicon_symbols(symbols: Symbols) -> _native.SymbolSet:
    """Return the outputs as a lexicon spells words with them: as they are, those without text between words.

    Where there are none such, or labels have marks of words, any output may begin a word.
    """
    from asrkit import _native

    spaces = symbols.spaces
    may_open = not spaces or symbols.words not in (WordRule.SPACE, WordRule.BAR)
    pieces, units = [], []
    for i, spelling in enumerate(symbols.spellings):
        is_spelled = spelling is not None and i not in spaces
        pieces.append(_native.Piece([i] if is_spelled else [], is_spelled and may_open, is_spelled, False, i in spaces))
        units.append(_native.UnitText(spelling.text if spelling else b"", [], i, False, False))
    if len(spaces) != 1:
        units.append(_native.UnitText(b"", [], len(units), False, False))
    return _native.SymbolSet(pieces, units, symbols.blank_index, spaces[0] if len(spaces) == 1 else len(pieces), False)


def lexicon_lines(spelled: list[tuple[str, list[int]]], lm_case: str) -> LexiconLines:
    """Return the words of a lexicon as the search takes them."""
    if lm_case == "exact":
        return [(word, [word], outputs) for word, outputs in spelled]
    return [(word, [word, word.lower(), word.upper()], outputs) for word, outputs in spelled]


def spelled_lexicon(
    symbols: Symbols, lexicon: Lexicon, lm: NgramModel | None, hotwords: Iterable[str], lm_case: str
) -> tuple[_native.SymbolSet, LexiconLines, list[str]]:
    """Return what the search needs to write the words of a lexicon, and any other word as the outputs spell it.

    The texts of a line's labels are one way to spell its word, and the word as it is written is another. Words of the
    language model and hotwords are known, too.

    Returns:
        The outputs, the known words, and the words of the lexicon that cannot be spelled in any way.

    Raises:
        LexiconError: The outputs do not spell words as they are written.
    """
    ways, left_out = lexicon.spell(symbols)
    spelled = [(word, _written(symbols, outputs)) for word, outputs in ways]
    _check_spelled(symbols, lexicon, spelled)
    native = native_symbols(symbols, "words", folds=False)
    own = {word: _cases(word) for word in (*lexicon.pronunciations, *hotwords)}
    folds = folds_case(symbols, lm, lm_case)
    known = [] if lm is None else lm.words
    forms = {word: _cases(word) if folds else [word] for word in known}
    texts = dict.fromkeys(chain((text for _, text in spelled), *own.values(), *forms.values()))
    found = native.spell([text.encode("utf-8", "surrogateescape") for text in texts])
    units = {text: spelling for text, spelling in zip(texts, found, strict=True) if spelling}

    spelled += [(word, next(filter(units.__contains__, cases), "")) for word, cases in own.items()]
    listed = [(word, units[text]) for word, text in spelled if text]
    written = {(word.casefold(), text) for word, text in spelled}
    others = [
        (form, [form, word], units[form])
        for word, cases in forms.items()
        for form in cases
        if form in units and (word.casefold(), form) not in written
    ]
    can_spell = {word for word, _ in listed}
    return native, lexicon_lines(listed, lm_case) + others, [word for word in left_out if word not in can_spell]


def _written(symbols: Symbols, outputs: Iterable[int]) -> str:
    spellings = [symbols.spellings[i] for i in outputs]
    return b"".join(spelling.text for spelling in spellings if spelling).decode("utf-8", "surrogateescape")


def _check_spelled(symbols: Symbols, lexicon: Lexicon, spelled: Iterable[tuple[str, str]]) -> None:
    num_words = len(lexicon.pronunciations)
    num_own = len({word for word, text in spelled if word.casefold() == text.casefold()})
    problem = None
    if symbols.words is WordRule.NONE:
        problem = "nothing divides the words of the outputs"
    elif 2 * num_own < num_words:
        problem = f"the outputs spell {num_own:,} of its {num_words:,} words as they are written"
    if problem:
        raise LexiconError(
            f"no words but its own can be written, as {problem}; leave vocabulary 'spelled' out, or make a larger "
            "lexicon (asrkit lm lexicon)",
            path=lexicon.path,
        )


def _cases(word: str) -> list[str]:
    return list(dict.fromkeys((word, word.lower(), word[:1].upper() + word[1:], word.upper())))


def _tokens(symbols: Symbols, lm_units: str) -> _native.SymbolSet:
    from asrkit import _native

    pieces, units = [], []
    for i, spelling in enumerate(symbols.spellings):
        name = chr(i + NEMO_OFFSET) if lm_units == "token-ids" else symbols.labels[i]
        text, opens, closes = spelling or Spelling(b"", False, False)
        units.append(_native.UnitText(text, [name.encode()] if spelling else [], i, opens, closes))
        pieces.append(_native.Piece([i] if spelling else [], False, spelling is not None, False, False))
    return _native.SymbolSet(pieces, units, symbols.blank_index, None, symbols.is_bytewise)


def _spelled(symbols: Symbols, *, folds: bool) -> _native.SymbolSet:
    """Units are characters or bytes; where each output is one, or is a space, they have the outputs' numbers."""
    from asrkit import _native

    has_words = symbols.words is not WordRule.NONE
    parts = [_parts(spelling.text, symbols) if spelling else [] for spelling in symbols.spellings]
    spaces = [i for i, spelling in enumerate(symbols.spellings) if spelling and not spelling.text and has_words]
    are_letters = (
        len(spaces) <= 1
        and all(len(part) <= 1 for part in parts)
        and len({part[0] for part in parts if part}) == sum(map(len, parts))
        and not any(spelling.text and (spelling.opens or spelling.closes) for spelling in symbols.spellings if spelling)
        and bool(spaces) == has_words
    )
    texts: list[bytes] = [part[0] if part else b"" for part in parts] if are_letters else []
    number = {text: i for i, text in enumerate(texts) if text}
    for part in parts:
        for text in part:
            if number.setdefault(text, len(texts)) == len(texts):
                texts.append(text)
    space = (spaces[0] if are_letters else len(texts)) if has_words else None
    if space == len(texts):
        texts.append(b"")
    pieces = [
        _native.Piece(
            [number[text] for text in part],
            bool(part) and has_words and spelling is not None and spelling.opens,
            bool(part) and not (has_words and spelling is not None and spelling.opens),
            bool(part) and has_words and spelling is not None and spelling.closes,
            i in spaces,
        )
        for i, (part, spelling) in enumerate(zip(parts, symbols.spellings, strict=True))
    ]
    units, first = [], dict[str, int]()
    for i, text in enumerate(texts):
        names = _names(text, folds=folds)
        alike = first.setdefault(text.decode().casefold(), i) if folds and names and _is_character(text) else i
        units.append(_native.UnitText(text, names, alike, False, False))
    return _native.SymbolSet(pieces, units, symbols.blank_index, space, symbols.is_bytewise)


def _parts(text: bytes, symbols: Symbols) -> list[bytes]:
    if symbols.is_bytewise:
        return [text[i : i + 1] for i in range(len(text))]
    return [character.encode() for character in text.decode()]


def _is_character(text: bytes) -> bool:
    return len(text) > 1 or text.isascii()


def _names(text: bytes, *, folds: bool) -> list[bytes]:
    if not text or not folds or not _is_character(text):
        return [text] if text else []
    character = text.decode()
    cases = dict.fromkeys([character, character.lower(), character.upper(), character.casefold()])
    return [name.encode() for name in cases if len(name) == 1]
