"""Joining hypotheses with references: by id where there are ids, else line by line; never a silent loss."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

from asrkit.config import ScoringConfig
from asrkit.config.settings import one_of
from asrkit.errors import ScoringError
from asrkit.metrics.ids import decide_ids, match_ids
from asrkit.metrics.notation import Sides
from asrkit.metrics.transcripts import Transcripts, read_columns, read_text, read_transcripts, with_ids
from asrkit.metrics.transcripts.formats import detect_format
from asrkit.metrics.transcripts.time_marked import read_ctm

MISSING_POLICIES = ("error", "deletions")
EXTRA_POLICIES = ("error", "ignore")

_HYPOTHESIS_NAME = re.compile(r"(^|[^a-z])(hyps?|hypothes[ie]s|pred|preds|predictions?|results?|output)([^a-z]|$)")
_REFERENCE_NAME = re.compile(r"(^|[^a-z])(refs?|references?|gold|truth|labels?|targets?)([^a-z]|$)")

_NOTATED = ("trn", "stm", "ctm")


@dataclass(frozen=True)
class Pairs:
    """Each reference with its hypothesis, in the order of the references."""

    ids: list[str]  # utterance ids, or line numbers counted from 1
    hypotheses: list[str]  # texts as written; empty for a missing hypothesis
    references: list[str]  # texts as written
    joined_by: str = "line"  # "id" or "line"
    missing: tuple[str, ...] = ()  # ids of references without a hypothesis, scored as deletions
    # What else is known of the utterances, from the references first, then from the hypotheses.
    columns: dict[str, list[Any]] = field(default_factory=dict)
    # Whether references and hypotheses may hold NIST's optional words and alternatives.
    notation: Sides = (False, False)
    notes: tuple[str, ...] = ()  # what a user should know about the joining

    def __len__(self) -> int:
        return len(self.ids)


def read_pair(
    hypotheses: Path | str, references: Path | str, format: str = "auto", config: ScoringConfig | None = None
) -> tuple[Transcripts, Transcripts, tuple[str, ...]]:
    """Read both sides; together they tell whether lines begin with ids.

    The format is that of both sides, unless the settings name one for a side.

    Returns:
        The hypotheses, the references, and notes a user should see.

    Raises:
        MissingPathError: A path does not exist.
        ScoringError: A file cannot be used, or would be scored against itself.
    """
    config = config or ScoringConfig()
    told = [side if side != "auto" else format for side in (config.hyp_format, config.ref_format)]
    ref_format = "stm" if told[1] == "ctm" else told[1]  # one word for both sides means the pair
    ref = read_transcripts(references, "reference", ref_format, config.ref_field)
    if ref.format == "stm" and _is_ctm(hypotheses, told[0], config):
        between = "next" if config.weights == "nist" else "nearest"
        hyp = read_ctm(hypotheses, ref, between=between, extra=config.extra)
    else:
        hyp = read_transcripts(hypotheses, "hypothesis", told[0], config.hyp_field)
    _refuse_same_field(hyp, ref)
    if told[0] == "auto" and hyp.format == "lines" and _lies_beside_results(hyp.path):
        hyp = with_ids(hyp)
    notes = [*hyp.notes, *ref.notes]
    if "lines" not in told:
        hyp, ref, note = decide_ids(hyp, ref)
        notes += note
    if _is_same_file(hyp.path, ref.path) and not hyp.text_field:
        notes.append(f"{hyp.path} is scored against itself")
    if _look_swapped(str(hypotheses), str(references)):
        notes.append(
            f"the hypothesis is read from {hypotheses} and the reference from {references}; if they are swapped, "
            "give the hypothesis first or use --hyp and --ref"
        )
    return hyp, ref, tuple(dict.fromkeys(notes))


def _is_ctm(path: Path | str, told: str, config: ScoringConfig) -> bool:
    """Tell whether the hypotheses of an stm file are the words of a ctm file."""
    if config.hyp_format == "auto" and told == "stm":  # one word for both sides means the pair
        told = "auto"
    if told != "auto" or str(path) == "-" or not Path(path).is_file():
        return told == "ctm"
    return detect_format(str(path), read_text(path)) == "ctm"


def _lies_beside_results(path: str) -> bool:
    """Tell whether this is the ``hyp.txt`` of an output folder of ``asrkit transcribe``, whose lines begin with ids."""
    return PurePath(path).name == "hyp.txt" and Path(path).with_name("results.jsonl").is_file()


def _refuse_same_field(hyp: Transcripts, ref: Transcripts) -> None:
    """Raise where hypotheses and references are the very same texts."""
    if hyp.text_field and hyp.text_field == ref.text_field and _is_same_file(hyp.path, ref.path):
        raise ScoringError(
            f"its field {hyp.text_field!r} would be scored against itself; name the other one with --hyp-field or "
            "--ref-field",
            path=hyp.path,
        )


def _is_same_file(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except OSError:
        return False


def _look_swapped(hypotheses: str, references: str) -> bool:
    """Tell whether one side is named as the other should be, and that one is not."""
    hyp, ref = (_side_named(PurePath(path).stem.lower()) for path in (hypotheses, references))
    return hyp == "reference" != ref or ref == "hypothesis" != hyp


def _side_named(stem: str) -> str:
    is_hyp, is_ref = bool(_HYPOTHESIS_NAME.search(stem)), bool(_REFERENCE_NAME.search(stem))
    return "" if is_hyp == is_ref else "hypothesis" if is_hyp else "reference"


def join(hypotheses: Transcripts, references: Transcripts, missing: str = "error", extra: str = "error") -> Pairs:
    """Join both sides by id, or by line when neither has ids.

    A missing hypothesis may be scored as all "deletions", an extra one ignored ("ignore"), instead of an "error".

    Raises:
        ScoringError: Ids are missing, extra or disjoint, or the numbers of lines differ.
        ConfigError: A policy is unknown.
    """
    one_of("missing", missing, MISSING_POLICIES)
    one_of("extra", extra, EXTRA_POLICIES)
    if (hypotheses.ids is None) != (references.ids is None):
        raise ScoringError(
            f"{hypotheses.path} is read as {hypotheses.format} and {references.path} as {references.format}, "
            "but only one of them has utterance ids; use the same kind of file on both sides"
        )
    notation = references.format in _NOTATED, hypotheses.format in _NOTATED
    if hypotheses.ids is None or references.ids is None:
        return _join_lines(hypotheses, references)
    pairs = _join_ids(hypotheses, references, missing, extra)
    copies = _name_copies(hypotheses) if pairs.hypotheses == pairs.references else ()
    return replace(pairs, notation=notation, notes=(*pairs.notes, *copies))


def _name_copies(hypotheses: Transcripts) -> Iterator[str]:
    """Say that a table may hold the references beside what was recognized, under a name that is not known."""
    for name, values in hypotheses.columns.items():
        is_text = any(isinstance(value, str) and len(value.split()) > 1 for value in values)
        if is_text and name not in ("audio", "speaker") and values != hypotheses.texts:
            yield (
                f"every hypothesis is its reference, letter for letter; if {name!r} of {hypotheses.path} is what was "
                f"recognized, and not {hypotheses.text_field!r}, use --hyp-field"
            )


def _join_lines(hypotheses: Transcripts, references: Transcripts) -> Pairs:
    if len(hypotheses) != len(references):
        raise ScoringError(
            f"{hypotheses.path} and {references.path} differ in their number of lines, {len(hypotheses)} against "
            f"{len(references)}; "
            "give as many lines on both sides, or begin each line with an id (--format ids)"
        )
    ids = [str(number) for number in range(1, len(references) + 1)]
    return Pairs(ids, hypotheses.texts, references.texts)


def _join_ids(hypotheses: Transcripts, references: Transcripts, missing: str, extra: str) -> Pairs:
    assert hypotheses.ids is not None
    assert references.ids is not None
    if hypotheses.ids == references.ids:
        columns = {**hypotheses.columns, **references.columns}
        return Pairs(references.ids, hypotheses.texts, references.texts, "id", (), columns)
    spelled = match_ids(hypotheses.ids, references.ids)
    names = [spelled.get(name, name) for name in hypotheses.ids]
    place = {name: index for index, name in enumerate(names)}
    known = set(references.ids)
    absent = [name for name in references.ids if name not in place]
    beyond = [name for name in names if name not in known]
    _check_ids(hypotheses, references, absent, beyond, missing, extra)
    order = [place.get(name) for name in references.ids]
    texts = ["" if index is None else hypotheses.texts[index] for index in order]
    columns = {
        name: [None if index is None else values[index] for index in order]
        for name, values in hypotheses.columns.items()
    }
    for name, values in references.columns.items():
        columns[name] = values
    notes = []
    if spelled:
        one, other = next(iter(spelled.items()))
        notes.append(
            f"{_count(list(spelled))} joined although the ids differ in spelling, such as {one!r} and {other!r}"
        )
    if beyond:
        notes.append(f"{_count(beyond)} of {hypotheses.path} without a reference passed over: {_name(beyond)}")
    return Pairs(list(references.ids), texts, references.texts, "id", tuple(absent), columns, notes=tuple(notes))


def _check_ids(
    hypotheses: Transcripts,
    references: Transcripts,
    absent: Sequence[str],
    beyond: Sequence[str],
    missing: str,
    extra: str,
) -> None:
    """Raise where ids have no counterpart and that is not wanted."""
    if hypotheses.ids and references.ids and len(absent) == len(references.ids):
        raise ScoringError(
            f"{hypotheses.path} and {references.path} have no utterance id in common: "
            f"{_name(hypotheses.ids or [])} against {_name(references.ids)}",
            utterance_ids=absent,
        )
    if beyond and extra == "error":
        raise ScoringError(
            f"{hypotheses.path} has {_count(beyond)} that {references.path} lacks: {_name(beyond)}; "
            "add the references, remove the hypotheses, or pass over them with --extra ignore",
            utterance_ids=beyond,
        )
    if absent and missing == "error":
        field = f" under {hypotheses.text_field!r}" if hypotheses.text_field else ""
        raise ScoringError(
            f"{hypotheses.path} lacks {_count(absent)} of {references.path}{field}: {_name(absent)}; "
            "add the hypotheses, or count them as deletions with --missing deletions",
            utterance_ids=absent,
        )


def _count(ids: Sequence[str]) -> str:
    return f"{len(ids)} utterance" + ("" if len(ids) == 1 else "s")


def _name(ids: Sequence[str]) -> str:
    return ", ".join(map(repr, ids[:3])) + (", ..." if len(ids) > 3 else "")


def add_columns(pairs: Pairs, path: Path | str) -> Pairs:
    """Add what a manifest, or a table of ``id speaker`` lines, says about the utterances.

    Raises:
        ScoringError: The pairs are joined by line, or the manifest lacks some of the utterances.
    """
    if pairs.joined_by != "id":
        raise ScoringError("speakers are looked up by utterance id, but these files have none", path=path)
    ids, columns = read_columns(path)
    place = {name: index for index, name in enumerate(ids)}
    absent = [name for name in pairs.ids if name not in place]
    if absent:
        raise ScoringError(
            f"lacks {len(absent)} of {len(pairs)} utterances: {', '.join(map(repr, absent[:3]))}",
            path=path,
            utterance_ids=absent,
        )
    added: dict[str, list[Any]] = {
        name: [values[place[utterance]] for utterance in pairs.ids] for name, values in columns.items()
    }
    return replace(pairs, columns={**pairs.columns, **added})
