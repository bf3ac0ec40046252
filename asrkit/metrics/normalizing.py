"""The form in which a score's texts are compared: normalizer, language, replacements, unit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from asrkit.config import ScoringConfig
from asrkit.errors import ConfigError
from asrkit.reading import parse_json
from asrkit.text.languages import primary_language
from asrkit.text.normalizer import Normalizer, get_normalizer
from asrkit.text.replacements import read_replacements
from asrkit.text.scripts import is_unspaced, separate

# Runs and models of the time before they recorded their normalizer.
_UNRECORDED = "standard-1"
_STANDARD = {"normalizer": "standard", "language": "en"}
_DIGIT, _OTHER_LETTER, _LAST_LATIN = re.compile("[0-9]"), re.compile(r"[^\W\d_A-Za-z]"), "\u024f"
_LANGUAGE_COLUMNS = ("language", "lang", "locale")


def settle(config: ScoringConfig, references: Sequence[str], hypothesis_path: str = "") -> ScoringConfig:
    """Decide what a configuration leaves open.

    Normalizer and language are those of :func:`agree`; the unit is "mixed" where the references are in scripts without
    spaces. The hypotheses have no path, "", where they are values.
    """
    config, _ = agree(config, [hypothesis_path] if hypothesis_path else [])
    unit = config.unit
    if unit == "auto":
        unit = "mixed" if is_unspaced(references) else "word"
    characters = "char-nospace" if unit == "mixed" and config.characters == "char" else config.characters
    return config.replace(unit=unit, characters=characters)


def agree(config: ScoringConfig, hypothesis_paths: Sequence[str]) -> tuple[ScoringConfig, list[str]]:
    """Decide on one normalizer and language for all hypotheses where a configuration leaves them open.

    They are those of the models behind hypotheses that lie beside a ``run.json``, where these agree, else the standard
    normalizer and English.

    Returns:
        The configuration, and what to say where the models do not agree.
    """
    models = [model for path in hypothesis_paths if (model := _recorded(Path(path)))]
    notes = []
    for setting, standard in _STANDARD.items():
        if getattr(config, setting) != "auto":
            continue
        told = sorted({model[setting] for model in models})
        chosen = told[0] if len(told) == 1 else standard
        config = config.replace(**{setting: chosen})
        if len(told) > 1:
            notes.append(
                f"the models behind the hypotheses differ in their {setting} ({', '.join(told)}): all are compared "
                f"with {chosen!r}; --{setting} chooses"
            )
    return config, notes


def misreads_numbers(config: ScoringConfig, texts: Sequence[str], columns: Mapping[str, Sequence[object]]) -> bool:
    """Tell whether a settled configuration reads numbers in English in what looks, or is told, to be something else."""
    if not config.normalizer.startswith("standard") or primary_language(config.language) != "en":
        return False
    told = next((columns[name] for name in _LANGUAGE_COLUMNS if name in columns), ())
    other = [text for text in texts if not text.isascii() and _OTHER_LETTER.search(text)]
    is_told = any(isinstance(value, str) and value and not value.lower().startswith("en") for value in told)
    if is_told or len(other) > max(5, len(texts) / 5):  # naïve cafés are rarer in English
        return any(map(_DIGIT.search, texts))
    return any(
        sum(letter > _LAST_LATIN for letter in text if letter.isalpha()) > len(text) / 4 and _DIGIT.search(text)
        for text in other
    )


def languages_of(columns: Mapping[str, Sequence[object]]) -> list[str]:
    """Return the language of each utterance, as a manifest tells it.

    Raises:
        ConfigError: No column tells one for each.
    """
    for values in (columns[name] for name in _LANGUAGE_COLUMNS if name in columns):
        if all(isinstance(value, str) and value for value in values):
            return [str(value) for value in values]
    raise ConfigError(
        f"--language column needs one of the columns {', '.join(_LANGUAGE_COLUMNS)}, filled for each utterance; "
        "fill it, or name one language for all"
    )


def _recorded(path: Path) -> dict[str, str] | None:
    """Return normalizer and language of the model behind a run's texts; None where they are unknown."""
    description = (path if path.is_dir() else path.parent) / "run.json"
    try:
        with description.open(encoding="utf-8") as file:
            provenance = parse_json(file.read(1 << 24))["provenance"]
        name, language = str(provenance.get("normalizer", _UNRECORDED)), str(provenance.get("language", "en"))
        get_normalizer(name, language)
        return {"normalizer": name, "language": language}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def normalizer_of(config: ScoringConfig) -> Normalizer:
    """Return what brings texts into the form in which a settled configuration compares them.

    Raises:
        ConfigError: The normalizer, the language or the file of replacements cannot be used.
        MissingPathError: There is no such file of replacements.
    """
    return _normalizer(config.normalizer, config.language, config.map, config.unit)


def raw_normalizer_of(config: ScoringConfig) -> Normalizer:
    """Return what leaves texts as they were written, but for the unit."""
    return _normalizer("none", config.language, None, config.unit)


def normalize_each(texts: Sequence[str], normalizers: Sequence[Normalizer]) -> list[str]:
    """Bring each text into the form of its own normalizer."""
    normalized = list(texts)
    for normalizer in {id(one): one for one in normalizers}.values():
        places = [i for i, one in enumerate(normalizers) if one is normalizer]
        for i, text in zip(places, normalizer.normalize_all([texts[i] for i in places]), strict=True):
            normalized[i] = text
    return normalized


@cache
def _normalizer(name: str, language: str, map_path: str | None, unit: str) -> Normalizer:
    normalizer = get_normalizer(name, language)
    if map_path is not None:
        replacements = read_replacements(Path(map_path), normalizer)
        label = f"{normalizer.version}+{replacements.label}" if normalizer.version else replacements.label
        normalizer = _then(replace(normalizer, version=label), replacements.apply)
    return _then(normalizer, separate) if unit == "mixed" else normalizer


def _then(normalizer: Normalizer, change: Callable[[str], str]) -> Normalizer:
    """Return a normalizer that does one thing more."""
    fold, quick = normalizer.fold, normalizer.quick
    return replace(
        normalizer,
        fold=lambda text: change(fold(text)),
        quick=quick and (lambda texts: [None if text is None else change(text) for text in quick(texts)]),
    )
