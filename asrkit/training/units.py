"""The units of a run: made from its settings and training texts once, and kept in its folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from asrkit.config import RunConfig
from asrkit.model.bundle import Bundle
from asrkit.pronunciation import complete_lexicon
from asrkit.text import Alphabet, Lexicon
from asrkit.text.units import LEXICON, PIECES, Characters, Phonemes, Subwords, Units
from asrkit.training.checkpoint import CHECKPOINT
from asrkit.training.observer import TrainingObserver
from asrkit.writing import written_whole

_SHOWN = 8


def units_of_run(config: RunConfig, texts: Sequence[str], output_dir: Path | None, observer: TrainingObserver) -> Units:
    """Return what the network of a run writes.

    A run with such settings that goes on may be in ``output_dir``: its units are kept there. The observer is told of
    words that the lexicon lacks.

    Raises:
        MissingPathError, LexiconError: There is no such lexicon, or it cannot be used.
        MissingPackageError: sentencepiece is not installed.
        ConfigError: The text has not so many pieces, or phonemes have no lexicon.
    """
    config.require_complete()
    kind = config.data.units
    kept = None if output_dir is None or kind == Characters.kind else _kept(kind, output_dir)
    units = (
        kept or (_pieces_of_start(config) if kind == Subwords.kind else None) or _made(kind, config, texts, observer)
    )
    missing = units.missing(texts)
    if missing:
        guesses = config.data.unknown_words == "pronounce"  # what is left has letters that are said in no known word
        observer.note(_describe_missing(missing, texts, guesses=guesses, goes_on=kept is not None))
    return units


def auxiliary_units(config: RunConfig, texts: Sequence[str]) -> Units | None:
    """Return the units of the second loss, if the run has one; arguments and errors are those of ``units_of_run``."""
    kind = config.training.auxiliary_units
    return _made(kind, config, texts, TrainingObserver()) if kind else None


def _made(kind: str, config: RunConfig, texts: Sequence[str], observer: TrainingObserver) -> Units:
    data = config.data
    if kind == Characters.kind:
        return Characters(Alphabet(data.alphabet))
    if kind == Subwords.kind:
        return Subwords.find(texts, data.subwords)
    return _pronounced(Phonemes.of(Lexicon.read(str(data.lexicon))), texts, data.unknown_words, observer)


def keep_units(units: Units, output_dir: Path) -> None:
    """Write down what a run spells with, so that it goes on with just that."""
    for name, content in units.files().items():
        with written_whole(output_dir / name) as file:
            file.write(content)


def _kept(kind: str, output_dir: Path) -> Units | None:
    """Return the units of the run in a folder, or None where there is none."""
    if not (output_dir / CHECKPOINT).exists():
        return None
    if kind == Subwords.kind:
        return Subwords.read((output_dir / PIECES).read_bytes())
    return Phonemes.of(Lexicon.read(output_dir / LEXICON))


def tell_of_changed_lexicon(config: RunConfig, output_dir: Path, observer: TrainingObserver) -> None:
    """Tell the observer where the run in a folder keeps another lexicon than the settings name by now."""
    data, kept = config.data, output_dir / LEXICON
    if data.units != Phonemes.kind or not kept.exists() or not Path(str(data.lexicon)).exists():
        return
    ours = Lexicon.read(kept).pronunciations
    named = Lexicon.read(str(data.lexicon)).plain().pronunciations
    guessed = ours.keys() - named.keys() if data.unknown_words == "pronounce" else set()
    if {word: ways for word, ways in ours.items() if word not in guessed} != named:
        observer.note(
            f"{data.lexicon} is not what this run began with, which keeps its own in {kept}: --fresh, or another "
            "--output, begins with the new one"
        )


def _pieces_of_start(config: RunConfig) -> Units | None:
    """Return the pieces of the bundle that a run begins with, unless it wants another number of them."""
    if config.training.start_from is None:
        return None
    start = Bundle.load(config.training.start_from)
    wanted = config.data.subwords
    return start.units if start.kind == Subwords.kind and wanted in (0, len(start.symbols) - 1) else None


def _pronounced(units: Phonemes, texts: Sequence[str], unknown_words: str, observer: TrainingObserver) -> Phonemes:
    """Add how words are said that the lexicon lacks, where that is wanted."""
    missing = units.missing(texts)
    if unknown_words != "pronounce" or not missing:
        return units
    completed = complete_lexicon(units.lexicon, sorted(missing))
    if completed.guessed:
        observer.note(
            f"{len(completed.guessed)} words are not in the lexicon; how they are said is guessed: "
            f"{', '.join(completed.guessed[:_SHOWN])}{', ...' if len(completed.guessed) > _SHOWN else ''}"
        )
    return Phonemes(units.symbols, completed.lexicon)


def _describe_missing(missing: Counter[str], texts: Sequence[str], *, guesses: bool, goes_on: bool) -> str:
    lost = sum(any(word in missing for word in text.split()) for text in texts)
    named = ", ".join(f"{word} ({count})" for word, count in missing.most_common(_SHOWN))
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    guess = "" if guesses else ", or data.unknown_words = 'pronounce' guesses how they are said"
    return (
        f"{len(missing)} words are not in the lexicon: {named}{more}; {lost} of {len(texts)} utterances are left out "
        f"({'with --fresh, ' if goes_on else ''}a lexicon that has them counts{guess})"
    )
