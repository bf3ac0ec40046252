"""Where the errors lie: words, speakers, lengths, vocabulary and keywords."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from asrkit.errors import ScoringError
from asrkit.metrics.joining import Pairs
from asrkit.metrics.transcripts import read_table_columns


def add_columns(pairs: Pairs, path: Path | str) -> Pairs:
    """Add what a manifest, or a table of ``id speaker`` lines, says about the utterances.

    Raises:
        ScoringError: The pairs are joined by line, or the manifest knows none or only some of the utterances.
    """
    if pairs.joined_by != "id":
        raise ScoringError("speakers are looked up by utterance id, but these files have none", path=path)
    ids, columns = read_table_columns(path)
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
