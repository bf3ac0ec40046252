"""Joining hypotheses with references: by id where there are ids, else line by line; never a silent loss."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

from asrkit.errors import ConfigError, ScoringError
from asrkit.metrics.transcripts import Transcripts, read_transcripts, with_ids

MISSING_POLICIES = ("error", "deletions")

_HYPOTHESIS_NAME = re.compile(r"(^|[^a-z])(hyps?|hypothes[ie]s|pred|preds|predictions?|results?|output)([^a-z]|$)")
_REFERENCE_NAME = re.compile(r"(^|[^a-z])(refs?|references?|gold|truth|labels?|targets?)([^a-z]|$)")

# So many first words are enough to see whether they look like ids.
_SAMPLE = 1_000


@dataclass(frozen=True)
class Pairs:
    """Each reference with its hypothesis, in the order of the references.

    Args:
        ids: Utterance ids, or line numbers counted from 1.
        hypotheses: Texts as written; empty for a missing hypothesis.
        references: Texts as written.
        joined_by: "id" or "line".
        missing: Ids of references without a hypothesis, scored as deletions.
        columns: What else is known of the utterances, from the references first, then from the hypotheses.
        notation: Whether the references may hold NIST's optional words and alternatives.
    """

    ids: list[str]
    hypotheses: list[str]
    references: list[str]
    joined_by: str = "line"
    missing: tuple[str, ...] = ()
    columns: dict[str, list[Any]] = field(default_factory=dict)
    notation: bool = False

    def __len__(self) -> int:
        """Number of utterances."""
        return len(self.ids)


def read_pair(
    hypotheses: Path | str, references: Path | str, format: str = "auto"
) -> tuple[Transcripts, Transcripts, tuple[str, ...]]:
    """Read both sides; together they tell whether lines begin with ids.

    Returns:
        The hypotheses, the references, and notes a user should see.

    Raises:
        MissingPathError: A path does not exist.
        ScoringError: A file cannot be used.
    """
    ref_format = "auto" if format == "ctm" else format
    ref = read_transcripts(references, "reference", ref_format)
    if ref.format == "stm" and _is_ctm(hypotheses, format):
        from asrkit.metrics.time_marked import read_ctm

        hyp = read_ctm(hypotheses, ref)
    else:
        hyp = read_transcripts(hypotheses, "hypothesis", "auto" if format in ("stm", "ctm") else format)
    notes = [*hyp.notes, *ref.notes]
    if format == "auto":
        hyp, ref, note = _decide_ids(hyp, ref)
        notes += note
    if _look_swapped(str(hypotheses), str(references)):
        notes.append(
            f"the hypothesis is read from {hypotheses} and the reference from {references}; if they are swapped, "
            "give the hypothesis first or use --hyp and --ref"
        )
    return hyp, ref, tuple(notes)


def _is_ctm(path: Path | str, format: str) -> bool:
    return format == "ctm" or (format in ("auto", "stm") and str(path).lower().endswith(".ctm"))


def _look_swapped(hypotheses: str, references: str) -> bool:
    hyp, ref = PurePath(hypotheses).stem.lower(), PurePath(references).stem.lower()
    looks_ref = bool(_REFERENCE_NAME.search(hyp)) and not _HYPOTHESIS_NAME.search(hyp)
    looks_hyp = bool(_HYPOTHESIS_NAME.search(ref)) and not _REFERENCE_NAME.search(ref)
    return looks_ref and looks_hyp


def _decide_ids(hyp: Transcripts, ref: Transcripts) -> tuple[Transcripts, Transcripts, list[str]]:
    """Tell ``id text`` from plain lines, with the other side as the witness."""
    undecided = [side for side in (hyp, ref) if side.format == "lines"]
    if not undecided:
        return hyp, ref, []
    if len(undecided) == 1:
        # The other side has ids, so these lines must have them as well, or nothing can be joined.
        return (with_ids(hyp), ref, []) if hyp.format == "lines" else (hyp, with_ids(ref), [])
    begin_with_ids = [_begin_with_ids(side) for side in (hyp, ref)]
    if all(begin_with_ids):
        return with_ids(hyp), with_ids(ref), []
    if any(begin_with_ids):
        _refuse_ids_on_one_side(*((hyp, ref) if begin_with_ids[0] else (ref, hyp)))
    hyp_words, ref_words = _first_words(hyp.texts), _first_words(ref.texts)
    if _are_ids(hyp_words, ref_words):
        return with_ids(hyp), with_ids(ref), []
    same = len(ref_words) > 1 and sorted(hyp_words) == sorted(ref_words) and len(set(ref_words)) == len(ref_words)
    note = (
        "read as plain lines, although the first words of both files could be ids; "
        "use --format ids if they are, --format lines if not"
    )
    return hyp, ref, [note] if same else []


def _begin_with_ids(side: Transcripts) -> bool:
    words = _first_words(side.texts[:_SAMPLE])
    return bool(words) and sum(map(_looks_like_id, words)) >= 0.9 * len(words)


def _refuse_ids_on_one_side(with_them: Transcripts, without: Transcripts) -> None:
    """Raise where ids would be counted as words; single lines are too few to tell."""
    first = _first_words(with_them.texts)
    if len(first) < 2 or len(set(first)) < len(first):
        return
    raise ScoringError(
        f"the lines of {with_them.path} begin with ids such as {first[0]!r}, those of {without.path} do not; use a "
        "manifest or lines of `id text` on both sides, or --format lines if these are words"
    )


def _first_words(lines: Sequence[str]) -> list[str]:
    return [words[0] for words in (line.split(maxsplit=1) for line in lines) if words]


def _looks_like_id(word: str) -> bool:
    has_digit = any(character.isdigit() for character in word)
    return has_digit and any(character.isalpha() or character in "-_./:" for character in word)


def _are_ids(hyp: Sequence[str], ref: Sequence[str]) -> bool:
    """Decide whether first words that do not look like ids are ids all the same."""
    if not ref or not hyp:
        return False
    if len(set(ref)) < len(ref) or set(hyp) != set(ref):
        return False
    # The same words begin the lines of both sides, each once. By chance this happens in a few lines only, and hardly
    # ever in sorted order or in an order of its own on either side.
    if len(hyp) > len(ref) or list(hyp) != list(ref):
        return len(ref) > 2
    is_sorted = list(ref) == sorted(ref)
    is_numbered = len(ref) > 2 and all(word.isdigit() for word in ref)
    return is_numbered or len(ref) >= 20 or (is_sorted and len(ref) >= 5)


def join(hypotheses: Transcripts, references: Transcripts, missing: str = "error") -> Pairs:
    """Join both sides by id, or by line when neither has ids.

    Args:
        hypotheses: Recognized texts.
        references: True texts.
        missing: "error", or "deletions" to score a reference without a hypothesis as all deleted.

    Raises:
        ScoringError: Ids are missing, extra or disjoint, or the numbers of lines differ.
        ConfigError: The policy is unknown.
    """
    if missing not in MISSING_POLICIES:
        raise ConfigError(f"unknown policy for missing hypotheses {missing!r}; known: {', '.join(MISSING_POLICIES)}")
    if (hypotheses.ids is None) != (references.ids is None):
        raise ScoringError(
            f"{hypotheses.path} is read as {hypotheses.format} and {references.path} as {references.format}, "
            "but only one of them has utterance ids; use the same kind of file on both sides"
        )
    notation = references.format in ("trn", "stm")
    if hypotheses.ids is None or references.ids is None:
        return _join_lines(hypotheses, references)
    return replace(_join_ids(hypotheses, references, missing), notation=notation)


def _join_lines(hypotheses: Transcripts, references: Transcripts) -> Pairs:
    if len(hypotheses) != len(references):
        raise ScoringError(
            f"{hypotheses.path} and {references.path} differ in their number of lines, {len(hypotheses)} against "
            f"{len(references)}; "
            "give as many lines on both sides, or begin each line with an id (--format ids)"
        )
    ids = [str(number) for number in range(1, len(references) + 1)]
    return Pairs(ids, hypotheses.texts, references.texts)


def _join_ids(hypotheses: Transcripts, references: Transcripts, missing: str) -> Pairs:
    assert hypotheses.ids is not None
    assert references.ids is not None
    if hypotheses.ids == references.ids:
        columns = {**hypotheses.columns, **references.columns}
        return Pairs(references.ids, hypotheses.texts, references.texts, "id", (), columns)
    place = {name: index for index, name in enumerate(hypotheses.ids)}
    known = set(references.ids)
    absent = [name for name in references.ids if name not in place]
    extra = [name for name in hypotheses.ids if name not in known]
    if references.ids and len(absent) == len(references.ids):
        raise ScoringError(
            f"{hypotheses.path} and {references.path} have no utterance id in common: "
            f"{_name(hypotheses.ids)} against {_name(references.ids)}",
            utterance_ids=absent,
        )
    if extra:
        raise ScoringError(
            f"{hypotheses.path} has {_count(extra)} that {references.path} lacks: {_name(extra)}; "
            "add the references or remove the hypotheses",
            utterance_ids=extra,
        )
    if absent and missing == "error":
        raise ScoringError(
            f"{hypotheses.path} lacks {_count(absent)} of {references.path}: {_name(absent)}; "
            "add the hypotheses, or count them as deletions with --missing deletions",
            utterance_ids=absent,
        )
    order = [place.get(name) for name in references.ids]
    texts = ["" if index is None else hypotheses.texts[index] for index in order]
    columns = {
        name: [None if index is None else values[index] for index in order]
        for name, values in hypotheses.columns.items()
    }
    for name, values in references.columns.items():
        columns[name] = values
    return Pairs(list(references.ids), texts, references.texts, "id", tuple(absent), columns)


def _count(ids: Sequence[str]) -> str:
    return f"{len(ids)} utterance" + ("" if len(ids) == 1 else "s")


def _name(ids: Sequence[str]) -> str:
    return ", ".join(map(repr, ids[:3])) + (", ..." if len(ids) > 3 else "")
