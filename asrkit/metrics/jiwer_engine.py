"""Counts by jiwer itself, for those who must show its numbers: right in the total, arbitrary in the split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asrkit.metrics.counting import CountTable, splitter


def count_pairs_with_jiwer(hypotheses: Sequence[str], references: Sequence[str], unit: str = "word") -> CountTable:
    """Count errors with ``jiwer.process_words``; pairs with an empty reference, which it refuses, are insertions.

    Units are those of :func:`asrkit.metrics.counting.count_pairs`; characters are given to jiwer as words.
    """
    import jiwer

    split = splitter(unit)
    # A space between characters would vanish among jiwer's separators, so it gets a sign of its own.
    texts = [
        [" ".join(part if part != " " else "\u2423" for part in split(text)) for text in side]
        for side in (hypotheses, references)
    ]
    counts = np.zeros((len(references), 4), np.int64)
    kept = [i for i, text in enumerate(texts[1]) if text]
    for i in set(range(len(references))) - set(kept):
        counts[i, 3] = len(texts[0][i].split())
    if kept:
        keep_as_is = jiwer.Compose([jiwer.ReduceToListOfListOfWords()])
        output = jiwer.process_words([texts[1][i] for i in kept], [texts[0][i] for i in kept], keep_as_is, keep_as_is)
        column = {"equal": 0, "substitute": 1, "delete": 2, "insert": 3}
        for i, chunks in zip(kept, output.alignments, strict=True):
            for chunk in chunks:
                size = max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx)
                counts[i, column[chunk.type]] += size
    hits, substitutions, deletions, insertions = counts.T.copy()
    return CountTable(hits, substitutions, deletions, insertions)
