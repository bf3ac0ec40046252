"""Words and phrases that matter: how often they are found where they are said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asrkit.metrics.normalizing import normalizer_of
from asrkit.metrics.scoring import ScoreReport
from asrkit.metrics.transcripts import read_text


@dataclass(frozen=True)
class KeywordScore:
    """How well a word or phrase is found."""

    phrase: str  # normalized
    num_reference: int  # how often it was said
    num_hypothesis: int  # how often it was recognized
    hits: int  # how often it was recognized where it was said

    @property
    def recall(self) -> float | None:
        """Share of what was said that was found."""
        return self.hits / self.num_reference if self.num_reference else None

    @property
    def precision(self) -> float | None:
        """Share of what was found that was said."""
        return self.hits / self.num_hypothesis if self.num_hypothesis else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of both; None when either side lacks the phrase."""
        if not self.num_reference or not self.num_hypothesis:
            return None
        return 2 * self.hits / (self.num_reference + self.num_hypothesis)


def _spans(words: Sequence[str | None], phrase: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield where a phrase stands among words; None is a gap that may lie inside it."""
    places = [i for i, word in enumerate(words) if word is not None]
    for k in range(len(places) - len(phrase) + 1):
        if all(words[places[k + n]] == part for n, part in enumerate(phrase)):
            yield places[k], places[k + len(phrase) - 1]


def find_keywords(report: ScoreReport, keywords: Sequence[str]) -> tuple[list[KeywordScore], float | None]:
    """Count keywords said, recognized, and recognized where they were said.

    A phrase counts as found when its words are recognized on the same aligned span.

    Returns:
        A score for each keyword and, when there are several, one for all of them; false alarms per hour.
    """
    normalizer = normalizer_of(report.config)
    phrases = [phrase for phrase in dict.fromkeys(normalizer.normalize_all(list(keywords))) if phrase]
    if not phrases:
        return [], None
    totals = {phrase: [0, 0, 0] for phrase in phrases}
    for steps in map(report.align, range(report.num_utterances)):
        sides = [step.reference for step in steps], [step.hypothesis for step in steps]
        for phrase, total in totals.items():
            said, heard = (set(_spans(side, phrase.split())) for side in sides)
            total[0] += len(said)
            total[1] += len(heard)
            total[2] += len(said & heard)
    scores = [KeywordScore(phrase, *total) for phrase, total in totals.items()]
    false_alarms = sum(score.num_hypothesis - score.hits for score in scores)
    if len(scores) > 1:
        scores.append(KeywordScore("all keywords", *(sum(total[k] for total in totals.values()) for k in range(3))))
    return scores, false_alarms / report.hours if report.hours else None


def read_phrases(path: Path | str) -> list[str]:
    """Read words or phrases, one a line; empty lines and lines that begin with # are left out."""
    lines = (line.strip() for line in read_text(path).split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


def count_training_words(path: Path | str, normalize_all: Callable[[Sequence[str]], list[str]]) -> Counter[str]:
    """Count the words of a training text, normalized like the references."""
    return Counter(word for line in normalize_all(read_text(path).split("\n")) for word in line.split())
