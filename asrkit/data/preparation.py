"""From a corpus as its makers publish it to manifests that training reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from asrkit.data.alphabets import fit_corpus
from asrkit.data.manifest import is_own_manifest, scan_manifest
from asrkit.data.split import SPLITS
from asrkit.data.statistics import measure_durations
from asrkit.data.text_fit import TextFit, fit_text
from asrkit.data.utterance import Utterance
from asrkit.errors import ManifestError
from asrkit.text import Alphabet
from asrkit.text.normalizer import Normalizer, get_normalizer


@dataclass(frozen=True)
class Preparation:
    """A corpus made ready."""

    utterances: list[Utterance]  # the usable ones, with lengths and fitted texts
    problems: list[str] = field(default_factory=list)  # what is wrong with the others, one line each
    text_fit: TextFit = field(default_factory=lambda: TextFit([]))  # what became of the texts


def prepare_corpus(
    source: Path | str,
    alphabet: Alphabet,
    audio_root: Path | str | None = None,
    keep_text: bool = False,
    normalizer: Normalizer | None = None,
) -> Preparation:
    """Read a corpus, measure all lengths and fit the texts; never stop at a bad entry.

    ``keep_text`` leaves the texts as they are, still counting what would not fit. The default normalizer is the
    standard one.

    Raises:
        MissingPathError: There is no such file or folder.
        ManifestError: The format is unknown, nothing in it is usable, or the alphabet is for another script.
    """
    found, problems = scan_manifest(source, audio_root)
    measured, errors = measure_durations(found, believe=False)
    normalizer = normalizer or get_normalizer("standard")
    text_fit = (
        fit_text(measured, alphabet, normalizer) if keep_text else fit_corpus(source, measured, alphabet, normalizer)
    )
    messages = [*map(str, problems), *map(str, errors)]
    utterances = measured if keep_text else text_fit.utterances
    if not utterances:
        raise ManifestError(f"no usable utterance; {messages[0] if messages else 'it lists none'}", path=source)
    return Preparation(utterances, messages, text_fit)


def join_corpora(prepared: Mapping[str, Preparation]) -> Preparation:
    """Return corpora, by their names, as one; an id that two of them have gets the name of its source before it.

    A recording, or a part of one, that an earlier corpus has is a problem.
    """
    first: dict[tuple[object, ...], str] = {}
    for name, one in prepared.items():
        for utterance in one.utterances:
            first.setdefault(_heard(utterance), name)
    kept = {name: [u for u in one.utterances if first[_heard(u)] == name] for name, one in prepared.items()}
    counts = Counter(utterance.id for utterances in kept.values() for utterance in utterances)
    fit = TextFit([])
    joined, problems = list[Utterance](), list[str]()
    for name, one in prepared.items():
        mark = "_".join(name.split())
        joined += [replace(u, id=f"{mark}-{u.id}") if counts[u.id] > 1 else u for u in kept[name]]
        problems += one.problems
        again = [u for u in one.utterances if first[_heard(u)] != name]
        problems += [f"{name}: the recording of {u.id!r} is taken from {first[_heard(u)]} already" for u in again]
        fit = fit.joined(one.text_fit)
    return Preparation(joined, problems, fit)


def _heard(utterance: Utterance) -> tuple[object, ...]:
    """Return what two utterances share that are the same part of a recording."""
    return utterance.audio_path.resolve(), utterance.start_s, utterance.end_s, utterance.channel


def set_paths(folder: Path, split: str) -> list[Path]:
    """Return the manifests that a split of ``asrkit.data.split.SPLITS`` makes in a folder.

    Raises:
        ManifestError: The folder has another set, whose utterances could then be in two.
    """
    made = SPLITS[split]
    for name in (name for names in SPLITS.values() for name in names if name not in made):
        if (path := folder / f"{name}.tsv").exists():
            raise ManifestError(
                f"is no set of the split {split}, which may train on its utterances; remove it, or name another folder",
                path=path,
            )
    return [folder / f"{name}.tsv" for name in made]


def keep_sources(sources: Sequence[Path], paths: Iterable[Path]) -> None:
    """Refuse to write over what is read: a source, or what may belong to one.

    That is what lies in its folder, such as the other tables of Common Voice, unless it is a manifest of ours.

    Raises:
        ManifestError: One of ``paths`` is such a file.
    """
    for path in (path for path in paths if path.exists()):
        for source in (source for source in sources if source.exists()):
            may_belong = path.is_file() and _is_near(source.resolve(), path.resolve()) and not is_own_manifest(path)
            if path.samefile(source) or may_belong:
                raise ManifestError(
                    f"is kept: it is the source {source}, or may belong to it; name another output", path=path
                )


def keep_others(paths: Iterable[Path], own: Path) -> None:
    """Refuse to write over files that are no earlier run's, which would have left ``own`` beside them.

    Raises:
        ManifestError: One of ``paths`` is there.
    """
    others = [] if own.exists() else [path for path in paths if path.exists()]
    if others:
        raise ManifestError("is kept: no earlier run like this one wrote it; name another output", path=others[0])


def _is_near(source: Path, path: Path) -> bool:
    return path.is_relative_to(source) if source.is_dir() else path.parent == source.parent
