"""The utterances of a page as data: what the script lists, searches, plays, corrects and saves."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from asrkit.metrics.alignment import trace
from asrkit.metrics.confidence import match_words
from asrkit.metrics.ranking import system_name
from asrkit.metrics.scoring import ScoreReport
from asrkit.report.html.audio import Players
from asrkit.report.queries import group_key

if TYPE_CHECKING:
    from asrkit.metrics.blame import Blame

Groups = Mapping[str, Mapping[str, Sequence[int]]]

_COLUMNS = ("duration_s", "start_s", "channel", "corpus")  # of manifests, beside id, recording, text and speaker
# What would end the script, steer the direction of text, or be no text at all.
_ESCAPED = re.compile("[<\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def list_utterances(
    reports: Sequence[ScoreReport], groups: Groups, players: Players | None, blame: Blame | None = None
) -> str:
    """Return all utterances of the systems as JSON that may stand in a page.

    ``groups`` are, for each column, its groups and of each the places of its utterances; ``blame`` is that of a single
    system.
    """
    first = reports[0]
    pairs = first.pairs
    references = [" ".join(text.split()) for text in first.normalized.references]
    recordings = [None if players is None else players.find(reports, index) for index in range(len(pairs))]
    columns = {name: list(map(_scalar, pairs.columns[name])) for name in _COLUMNS if name in pairs.columns}
    value = {
        "ids": pairs.ids,
        "speakers": first.speakers,
        "references": references,
        "written": _where_other(pairs.references, references),
        "columns": columns,
        "sources": [None if found is None else found.source for found in recordings],
        "paths": {i: found.path for i, found in enumerate(recordings) if found is not None and not found.is_linked},
        "systems": [
            {"name": system_name(place) if len(reports) > 1 else "", **_system(report, references)}
            for place, report in enumerate(reports)
        ],
        "causes": {} if blame is None else _causes(pairs.ids, blame),
        "groups": {group_key(column): some for column, some in groups.items() if some},
        "signature": first.signature(),
    }
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", written)


def _system(report: ScoreReport, references: Sequence[str]) -> dict[str, Any]:
    """Return the texts of a system, how they align, and what it says of its words; only where there is something."""
    view = report.normalized
    own = [" ".join(text.split()) for text in view.references]
    heard = [" ".join(text.split()) for text in view.hypotheses]
    weights = report.config.weights
    return {
        "references": _where_other(own, references),
        "hypotheses": _where_other(heard, own),
        "written": _where_other(report.pairs.hypotheses, heard),
        "alignments": {
            index: trace(hypothesis.split(), reference.split(), weights)
            for index, (hypothesis, reference) in enumerate(zip(heard, own, strict=True))
            if hypothesis != reference
        },
        "errors": view.words.errors.tolist(),
        "sizes": view.words.num_reference.tolist(),
        "characterErrors": view.characters.errors.tolist(),
        "characters": view.characters.num_reference.tolist(),
        "words": {index: ";".join(map(_timing, words)) for index, words in enumerate(match_words(report)) if words},
    }


def _where_other(texts: Sequence[str], known: Sequence[str]) -> dict[int, str]:
    return {i: text for i, (text, other) in enumerate(zip(texts, known, strict=True)) if text != other}


def _timing(word: Mapping[str, Any]) -> str:
    """Write start, end and confidence of a word, empty where they are not known; as text a page opens faster."""
    values = [word.get("start_s", word.get("start")), word.get("end_s", word.get("end")), word.get("confidence")]
    return ",".join(f"{value:.7g}" if value is not None else "" for value in map(_number, values))


def _scalar(value: Any) -> str | float | None:
    """Return what JSON can say of a value."""
    return value if isinstance(value, str) else _number(value)


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def _causes(ids: Sequence[str], blame: Blame) -> dict[int, list[str]]:
    """Return the cause of each stretch of errors, in the order of the utterance."""
    place = {name: index for index, name in enumerate(ids)}
    causes: dict[int, list[str]] = {}
    for error in blame.errors:
        causes.setdefault(place[error.utterance_id], []).append(error.cause)
    return causes
