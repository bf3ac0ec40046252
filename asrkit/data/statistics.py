"""What a corpus holds: hours, speakers, lengths, words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from asrkit.audio import measure_duration_s, probe, require_channel
from asrkit.data.utterance import Utterance
from asrkit.errors import AudioError


@dataclass(frozen=True)
class CorpusStatistics:
    """What one corpus holds."""

    name: str  # its name; ``all`` for several together
    num_utterances: int
    num_speakers: int  # how many speakers the manifest names
    hours: float  # sum of the known lengths
    num_unknown_lengths: int  # utterances whose length nobody knows
    shortest_s: float  # shortest known length, in seconds; so are the others
    median_s: float  # median length
    longest_s: float  # longest length
    num_words: int  # running words
    num_distinct_words: int  # vocabulary
    characters_per_second: float  # of utterances with text and length
    characters: dict[str, int]  # how often each character stands in the texts

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain values that JSON can hold."""
        return asdict(self)


def measure_durations(
    utterances: Iterable[Utterance], *, believe: bool = True
) -> tuple[list[Utterance], list[AudioError]]:
    """Fill in lengths from the headers of the recordings.

    Unless the lengths that the manifest names are believed, all are measured, and a part ends where its recording does.

    Returns:
        The utterances with lengths, and the recordings that cannot be read; their utterances are left out.
    """
    measured: list[Utterance] = []
    errors: list[AudioError] = []
    for utterance in utterances:
        if utterance.duration_s is None or not believe:
            try:
                if utterance.channel:  # the first one is always there
                    require_channel(utterance.audio_path, utterance.channel, probe(utterance.audio_path).num_channels)
                whole_s = measure_duration_s(utterance.audio_path)
            except AudioError as error:
                errors.append(error)
                continue
            end_s = None if utterance.end_s is None else min(utterance.end_s, whole_s)
            start_s = utterance.start_s or 0.0
            duration_s = (whole_s if end_s is None else end_s) - start_s
            if duration_s <= 0:
                reason = f"lasts {whole_s:.2f} s, but {utterance.id!r} begins at {start_s:.2f} s; mend its start"
                errors.append(AudioError(reason, path=utterance.audio_path))
                continue
            utterance = replace(utterance, duration_s=duration_s, end_s=end_s)
        measured.append(utterance)
    return measured, errors


def corpus_statistics(utterances: Sequence[Utterance]) -> list[CorpusStatistics]:
    """Count what each corpus holds, in the order of their names, and all of them together last."""
    by_corpus: defaultdict[str, list[Utterance]] = defaultdict(list)
    for utterance in utterances:
        by_corpus[utterance.corpus or "unnamed"].append(utterance)
    parts = [_statistics(name, members) for name, members in sorted(by_corpus.items())]
    return parts if len(parts) == 1 else [*parts, _statistics("all", utterances)]


def _statistics(name: str, utterances: Sequence[Utterance]) -> CorpusStatistics:
    lengths = np.array([u.duration_s for u in utterances if u.duration_s is not None], np.float64)
    words = Counter(word for utterance in utterances for word in (utterance.text or "").split())
    timed = [(len(u.text), u.duration_s) for u in utterances if u.text and u.duration_s]
    characters = Counter(character for utterance in utterances for character in utterance.text or "")
    spoken_s = sum(seconds for _, seconds in timed)
    return CorpusStatistics(
        name=name,
        num_utterances=len(utterances),
        num_speakers=len({(u.corpus, u.speaker) for u in utterances if u.speaker}),
        hours=float(lengths.sum() / 3600),
        num_unknown_lengths=len(utterances) - len(lengths),
        shortest_s=float(lengths.min(initial=np.inf)) if len(lengths) else 0.0,
        median_s=float(np.median(lengths)) if len(lengths) else 0.0,
        longest_s=float(lengths.max(initial=0.0)),
        num_words=words.total(),
        num_distinct_words=len(words),
        characters_per_second=sum(length for length, _ in timed) / spoken_s if spoken_s else 0.0,
        characters=dict(sorted(characters.items())),
    )
