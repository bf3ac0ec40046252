"""Utterance ids: whether lines begin with them, and which of two files mean the same utterance."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote

from asrkit.errors import ScoringError
from asrkit.metrics.transcripts import Transcripts, with_ids
from asrkit.metrics.transcripts.values import looks_like_id, shorten

# So many first words are enough to see whether they look like ids.
_SAMPLE = 1_000
# So many lines hardly ever begin with different words, all of them recognized.
_MANY = 20
_SUFFIX = re.compile(
    r"\.(?:wav|flac|mp3|ogg|opus|m4a|aac|sph|wma|webm|mp4|aiff|amr|raw|pcm|txt|json|srt|vtt|ctm|lab|trn)\Z"
)
_DECIMAL = re.compile(r"(?<![\d.])(\d+)\.(\d+)(?![\d.])")


def decide_ids(hyp: Transcripts, ref: Transcripts) -> tuple[Transcripts, Transcripts, list[str]]:
    """Tell ``id text`` from plain lines, with the other side as the witness.

    Returns:
        Both sides, and what to say about a guess.

    Raises:
        ScoringError: It could be either, and either could be badly wrong.
    """
    if hyp.document is not None or ref.document is not None:
        return _meet_document(hyp, ref)
    undecided = [side for side in (hyp, ref) if side.format == "lines"]
    if len(undecided) == 1 and (hyp.ids or ref.ids):
        # The other side has ids, so these lines must have them as well, or nothing can be joined.
        return (_with_known_ids(hyp, ref), ref, []) if hyp.format == "lines" else (hyp, _with_known_ids(ref, hyp), [])
    if len(undecided) < 2:
        return hyp, ref, []
    begin_with_ids = [_begin_with_ids(side) for side in (hyp, ref)]
    if all(begin_with_ids):
        return _both_with_ids(hyp, ref)
    if any(begin_with_ids):
        _refuse_ids_on_one_side(*((hyp, ref) if begin_with_ids[0] else (ref, hyp)))
    hyp_words, ref_words = _first_words(hyp.texts), _first_words(ref.texts)
    if len(ref_words) < 2 or len(set(ref_words)) < len(ref_words) or sorted(hyp_words) != sorted(ref_words):
        return hyp, ref, []
    if not any(len(line.split(maxsplit=1)) > 1 for line in ref.texts):
        return hyp, ref, []  # words said alone: as ids they would leave no text
    # The same words begin the lines of both sides, each once. By chance this happens in a few lines only, and never in
    # an order of its own on either side.
    if hyp_words != ref_words and len(ref_words) > 2:
        return _both_with_ids(hyp, ref)
    example = f"the first words of both files, such as {shorten(ref_words[0])}, could be ids"
    if len(ref_words) >= _MANY or _are_numbering(ref_words):
        raise ScoringError(
            f"{hyp.path} and {ref.path}: {example}; say --format ids if they are, --format lines if they are words"
        )
    return hyp, ref, [f"read as plain lines, although {example}; use --format ids if they are, --format lines if not"]


def _meet_document(hyp: Transcripts, ref: Transcripts) -> tuple[Transcripts, Transcripts, list[str]]:
    """Bring what a file says of one recording together with the other side."""
    if hyp.document is not None and ref.document is not None:
        return hyp, ref, []
    one, other = (hyp, ref) if hyp.document is not None else (ref, hyp)
    notes = []
    if other.format == "lines" and _begin_with_ids(other) and one.document in _first_words(other.texts):
        other = with_ids(other)
    if other.ids is not None:
        one = replace(one, ids=[str(one.document)])
    elif len(other) != 1:
        notes.append(
            f"{other.path}: its {len(other)} lines are read as the text of one recording, as {one.path} is one"
        )
        other = replace(other, texts=[" ".join(" ".join(other.texts).split())])
    return (one, other, notes) if hyp.document is not None else (other, one, notes)


def _both_with_ids(hyp: Transcripts, ref: Transcripts) -> tuple[Transcripts, Transcripts, list[str]]:
    hyp, ref = with_ids(hyp), with_ids(ref)
    example = f"id {shorten(ref.ids[0])}, text {shorten(ref.texts[0])}" if ref.ids else ""
    return hyp, ref, [f"the lines of both files are read as `id text`, for instance {example}; --format lines if not"]


def _with_known_ids(lines: Transcripts, other: Transcripts) -> Transcripts:
    """Read lines as ``id text`` because the other side has ids.

    Raises:
        ScoringError: They are plain sentences: no first word is an id of the other side, or looks like one.
    """
    words, ids = set(_first_words(lines.texts)), other.ids or []
    are_apart = words.isdisjoint(ids) and {_fold(word, 1) for word in words}.isdisjoint(_fold(name, 1) for name in ids)
    if words and are_apart and not _begin_with_ids(lines):
        raise ScoringError(
            f"the lines of {lines.path} begin with no ids, but {other.path} has ids such as {shorten(_first(other))}; "
            "use lines of `id text` or a manifest"
        )
    return with_ids(lines)


def _first(transcripts: Transcripts) -> str:
    return transcripts.ids[0] if transcripts.ids else ""


def _begin_with_ids(side: Transcripts) -> bool:
    words = _first_words(side.texts[:_SAMPLE])
    return bool(words) and sum(map(looks_like_id, words)) >= 0.9 * len(words)


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


def _are_numbering(words: Sequence[str]) -> bool:
    start = int(words[0] != "0")
    return len(words) > 2 and list(words) == [str(number) for number in range(start, start + len(words))]


def match_ids(hyp: Sequence[str], ref: Sequence[str]) -> dict[str, str]:
    """Find which hypotheses belong to references whose ids are spelled otherwise.

    Spellings that count as one: upper and lower case, composed and decomposed letters, with and without the suffix of
    a recording, percent signs for spaces, ``1.0`` and ``1.00``; then, with fewer and fewer of their folders.

    Returns:
        The reference's id of each hypothesis that has one, by the id of the hypothesis; equal ids are left out.

    Raises:
        ScoringError: Two ids of one side are the same under these rules.
    """
    known, found = set(ref), {}
    open_hyp = [name for name in hyp if name not in known]
    known = set(hyp)
    open_ref = [name for name in ref if name not in known]
    if not open_hyp or not open_ref:
        return {}
    deepest = max(name.count("/") + name.count("\\") for name in (*open_hyp, *open_ref)) + 1
    for depth in range(deepest, 0, -1):
        sides = [{name: _fold(name, depth) for name in side} for side in (hyp, ref)]
        counts = [Counter(side.values()) for side in sides]
        places = {sides[1][name]: name for name in open_ref}
        for name in open_hyp:
            key = sides[0][name]
            if key in places and counts[0][key] == counts[1][key] == 1:
                found[name] = places[key]
            elif key in places and depth == 1:
                _refuse_fold(key, sides)
        matched = set(found.values())
        open_hyp = [name for name in open_hyp if name not in found]
        open_ref = [name for name in open_ref if name not in matched]
    return found


def _fold(name: str, depth: int) -> str:
    """Bring an id into the form in which different spellings of it are equal."""
    name = "_".join(unicodedata.normalize("NFC", unquote(name).replace("\\", "/")).casefold().split())
    name = _SUFFIX.sub("", "/".join(name.split("/")[-depth:]))
    return _DECIMAL.sub(lambda match: f"{int(match[1])}.{match[2]}".rstrip("0").rstrip("."), name)


def _refuse_fold(key: str, sides: Sequence[dict[str, str]]) -> None:
    for side, folded in zip(("hypotheses", "references"), sides, strict=True):
        names = [name for name, other in folded.items() if other == key]
        if len(names) > 1:
            raise ScoringError(
                f"the ids {', '.join(map(repr, names[:3]))} of the {side} could all be {key!r} of the other side; "
                "spell the ids of both sides alike",
                utterance_ids=names,
            )
