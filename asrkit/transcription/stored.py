"""Stored emissions as the input of a run: those of an earlier one, or the arrays of another toolkit."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from asrkit.config import FeatureConfig
from asrkit.config.settings import one_of
from asrkit.emissions import (
    ARRAY_SUFFIXES,
    EMISSIONS_SUFFIX,
    EmissionsInfo,
    ForeignEmissions,
    KeptEmissions,
    Values,
    list_arrays,
    read_info,
    tell_values_of,
)
from asrkit.emissions.arrays import ArrayFile
from asrkit.errors import ConfigError, DecodingError, MissingPathError, TranscriptionError
from asrkit.text import Symbols, WordRule
from asrkit.text.identifiers import escape_id, escape_rest
from asrkit.text.normalizer import STANDARD_VERSION
from asrkit.text.token_files import read_labels, read_symbols
from asrkit.transcription.naming import EMISSIONS_FOLDER, Wish, absolute
from asrkit.transcription.recordings import Recording, find_recordings, named, reason

_NAMES_OF_NOTHING = frozenset({"", "arr_0", "emissions", "log_probs", "logits", "logprobs", "output", "probs", "x"})


@dataclass(frozen=True)
class StoredModel:
    """What emissions tell about the model that made them."""

    name: str
    fingerprint: str
    symbols: Symbols
    step_ms: float
    values: Values = Values.LOG_PROBABILITIES
    normalizer: str = "standard-1"
    language: str = "en"
    features: FeatureConfig = field(default_factory=FeatureConfig)  # never used: there is no audio
    lexicon: Path | None = None
    longest_s: float | None = None

    def describe(self) -> str:
        """Say in one line what its labels and numbers are taken for."""
        symbols = self.symbols
        parts = [
            f"{len(symbols):,} outputs, the blank is {symbols.blank_index} ({symbols.labels[symbols.blank_index]!r})"
        ]
        parts.append(
            "no marks of words" if symbols.words is WordRule.NONE else f"words marked by {symbols.words.value!r}"
        )
        if symbols.skipped:
            parts.append(f"{len(symbols.skipped)} never written")
        return f"{self.name}: {', '.join(parts)}; the numbers are {self.values.value}"


@dataclass(frozen=True)
class Tokens:
    """What must be said of arrays, which say nothing of the model that made them."""

    path: Path  # file of the labels of its outputs
    blank: int | None = None  # the output that is the blank; None: the labels tell
    words: WordRule | None = None  # how labels show words; None: the labels tell
    step_ms: float = 40.0
    values: Values | None = None  # what the numbers are; None: they tell

    def __post_init__(self) -> None:
        if not 0 < self.step_ms < 10_000:
            raise ConfigError(f"step_ms must be milliseconds, more than 0, not {self.step_ms!r}")

    @classmethod
    def named(
        cls, path: Path | None, blank: int | None, words: str | None, step_ms: float, values: str | None
    ) -> Self | None:
        """Return what a user says of arrays, by names of ``WordRule`` and ``Values``; None without a file of labels.

        Raises:
            ConfigError: A name is unknown, or there is something said and no file of labels.
        """
        if path is None:
            if (blank, words, values) != (None, None, None):
                raise ConfigError("the blank, the mark of words and the kind of values go with labels; name their file")
            return None
        if words is not None:
            one_of("words", words, tuple(WordRule))
        if values is not None:
            one_of("values", values, tuple(Values))
        return cls(
            path, blank, None if words is None else WordRule(words), step_ms, None if values is None else Values(values)
        )


def find_emissions(
    inputs: Path | str | Sequence[Path | str], tokens: Tokens | None = None
) -> tuple[StoredModel, list[Recording]]:
    """List stored emissions.

    Args:
        inputs: Folders of runs that kept their emissions, folders of emissions, and files of either kind.
        tokens: What arrays of another toolkit need; emissions that we kept know it all.

    Returns:
        The model that made them, and the recordings sorted by id; an unreadable file is one with a problem.

    Raises:
        MissingPathError: A named path does not exist.
        TranscriptionError: There are no emissions, or those of several models.
        ManifestError: Two have the same id.
        ConfigError: The labels cannot be used, or there are none where they are needed, or some where they are not.
    """
    paths = _paths(inputs)
    kept = _kept_files(paths)
    if tokens is None and not kept and any(_is_array(path) for path in paths):
        raise ConfigError(
            "these are arrays of another toolkit: asrkit decode takes them and the model's labels (--tokens), and "
            "keeps both for other commands (--keep-emissions)"
        )
    if tokens is not None and kept:
        raise ConfigError(
            f"{kept[0][1]} tells its labels itself; drop --tokens, or name arrays of another toolkit alone"
        )
    return _find_kept(kept, paths) if tokens is None else _find_arrays(paths, tokens)


def stored_model(inputs: Path | str | Sequence[Path | str]) -> StoredModel | None:
    """Return the model that made the emissions kept there, as the first usable file tells; None for arrays.

    Raises:
        MissingPathError: A named path does not exist.
    """
    for _, path in _kept_files(_paths(inputs)):
        with suppress(DecodingError):
            return _model_of(read_info(path))
    return None


def _paths(inputs: Path | str | Sequence[Path | str]) -> list[Path]:
    """Return what is named; the folder of a run stands for the emissions in it."""
    paths = []
    for given in [inputs] if isinstance(inputs, Path | str) else inputs:
        path = absolute(given)
        paths.append(path / EMISSIONS_FOLDER if (path / EMISSIONS_FOLDER).is_dir() else path)
    return paths


def _is_array(path: Path) -> bool:
    if path.is_dir():
        return any(next(path.rglob(f"*{suffix}"), None) for suffix in ARRAY_SUFFIXES)
    return path.is_file()


def _kept_files(paths: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Return the files that a run of ours kept, each with the folder its name counts from."""
    found = []
    for path in paths:
        if path.is_dir():
            found += [(path, file) for file in sorted(path.rglob(f"*{EMISSIONS_SUFFIX}"))]
        elif not path.exists():
            raise MissingPathError("no such folder or file of emissions", path=path)
        elif path.name.endswith(EMISSIONS_SUFFIX):
            found.append((path.parent, path))
    return found


def _find_kept(files: Sequence[tuple[Path, Path]], paths: Sequence[Path]) -> tuple[StoredModel, list[Recording]]:
    model: StoredModel | None = None
    wishes: list[tuple[Wish, Recording]] = []
    for folder, path in files:
        output = path.relative_to(folder).as_posix().removesuffix(EMISSIONS_SUFFIX)
        try:
            info = read_info(path)
        except DecodingError as error:
            bad = Recording("", path, "")
            wishes.append((Wish.of_output(output), replace(bad, problem=reason(error, bad))))
            continue
        found = _model_of(info)
        model = model or found
        if replace(found, name=model.name) != model:
            raise TranscriptionError(
                f"holds emissions of two models, {model.name} and {found.name}; keep them in folders of their own",
                path=folder,
            )
        stored = Recording(
            "",
            Path(info.audio),
            "",
            emissions=KeptEmissions(path),
            duration_s=info.duration_s,
            fingerprint=info.audio_fingerprint,
        )
        wishes.append((Wish.of_output(output, escape_rest(info.utterance_id) or escape_id(output)), stored))
    if model is None:
        raise TranscriptionError("holds no usable emissions; make some with --keep-emissions", path=paths[0])
    return model, named(wishes)


def _model_of(info: EmissionsInfo) -> StoredModel:
    return StoredModel(
        info.model,
        info.model_fingerprint,
        info.symbols,
        info.step_ms,
        normalizer=info.normalizer,
        language=info.language,
    )


def _find_arrays(paths: Sequence[Path], tokens: Tokens) -> tuple[StoredModel, list[Recording]]:
    labels = read_labels(tokens.path)
    files = find_recordings(paths, include=[f"*{suffix}" for suffix in ARRAY_SUFFIXES])
    found = list(_expand(files))
    arrays = [file for _, _, file in found if file is not None]
    if not arrays:
        problems = ", ".join(f"{recording.path}: {recording.problem}" for _, recording, _ in found[:1])
        raise TranscriptionError(f"there are no usable emissions: {problems}")
    widths = Counter(file.shape[1] for file in arrays)
    width = max(widths, key=lambda width: (width in (len(labels), len(labels) + 1), widths[width]))
    symbols = read_symbols(tokens.path, width, tokens.blank, tokens.words)
    usable = [file for file in arrays if file.shape[1] == width]
    values = tokens.values or tell_values_of(usable)
    fingerprint = _fingerprint(symbols, tokens, values)
    normalizer = f"standard-{STANDARD_VERSION}"
    model = StoredModel(tokens.path.name, fingerprint, symbols, tokens.step_ms, values, normalizer)
    return model, named([(wish, bare if file is None else _recording(bare, file, model)) for wish, bare, file in found])


def _recording(recording: Recording, file: ArrayFile, model: StoredModel) -> Recording:
    """Return an utterance, with a problem where the array does not fit the model."""
    steps, outputs = file.shape
    if outputs != len(model.symbols):
        problem = (
            f"has {outputs} outputs a step, but {model.name} {len(model.symbols)}; give it the labels of its own model"
        )
        return replace(recording, problem=problem)
    return replace(
        recording,
        emissions=ForeignEmissions(file, model.values),
        duration_s=steps * model.step_ms / 1000,
        fingerprint=file.fingerprint,
    )


def _expand(files: Sequence[Recording]) -> Iterator[tuple[Wish, Recording, ArrayFile | None]]:
    """Yield the utterances of each file; an archive that a table points into is read through the table."""
    pointed_to: set[Path] = set()
    for recording in sorted(files, key=lambda recording: recording.path.suffix != ".scp"):
        of_file = Wish.of_output(recording.output, recording.utterance_id)
        if recording.problem is not None:
            yield of_file, recording, None
            continue
        if recording.path in pointed_to:
            continue
        arrays = list(list_arrays(recording.path))
        is_alone = len(arrays) == 1 and arrays[0].key in _NAMES_OF_NOTHING
        for array in arrays:
            wish = of_file if is_alone or not array.key else replace(Wish.of_id(escape_id(array.key)), key=array.key)
            problem = None if wish is of_file else _problem_of_key(array.key)
            if not isinstance(array, ArrayFile):
                yield wish, replace(recording, problem=array.problem), None
                continue
            pointed_to.add(absolute(array.path))
            if problem is None:
                yield wish, replace(recording, path=array.path), array
            else:
                yield wish, replace(recording, problem=problem), None


def _problem_of_key(key: str) -> str | None:
    parts = key.replace("\\", "/").split("/")
    if ".." in parts or not parts[0]:
        return f"the id {key!r} leaves the folder of transcripts; rename it"
    return None


def _fingerprint(symbols: Symbols, tokens: Tokens, values: Values) -> str:
    facts = [symbols.labels, symbols.blank_index, symbols.words, sorted(symbols.skipped), tokens.step_ms, values]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
