"""Where the errors lie: words, speakers, lengths, vocabulary and keywords."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from asrkit.metrics.counts import ErrorCounts
from asrkit.metrics.intervals import Interval
from asrkit.metrics.keywords import KeywordScore, find_keywords
from asrkit.metrics.scoring import ScoreReport

_LENGTHS = (1, 6, 11, 21, 41)  # words; each group reaches up to the next
_DURATIONS_S = (0.0, 2.0, 5.0, 10.0, 20.0)
_BANDS = (0, 1, 2, 11, 101)  # occurrences in the training text
_EXAMPLES = 3


@dataclass(frozen=True)
class Confusion:
    """A word taken for another."""

    reference: str  # what was said
    hypothesis: str  # what was recognized
    count: int  # how often
    utterance_ids: tuple[str, ...]  # some of the places


@dataclass(frozen=True)
class WordErrors:
    """What became of one word."""

    word: str
    occurrences: int  # in the references
    substituted: int  # taken for another word
    deleted: int  # left out
    inserted: int  # recognized where nothing stood

    @property
    def miss_rate(self) -> float | None:
        """Share of its occurrences that were not recognized; None when it does not occur."""
        return (self.substituted + self.deleted) / self.occurrences if self.occurrences else None


@dataclass(frozen=True)
class GroupScore:
    """The score of the utterances that have something in common, such as their speaker."""

    name: str  # what it is: a value, or a range of numbers
    members: list[int] = field(repr=False)  # places of the utterances
    counts: ErrorCounts  # their errors
    interval: Interval | None = None  # of their WER, where one is made

    @property
    def num_utterances(self) -> int:
        """How many there are."""
        return len(self.members)


@dataclass(frozen=True)
class BandRecall:
    """How well words of some kind are recognized."""

    name: str  # what they have in common
    occurrences: int  # in the references
    hits: int  # of these, recognized

    @property
    def recall(self) -> float | None:
        """Share recognized; None when there is nothing to recognize."""
        return self.hits / self.occurrences if self.occurrences else None


@dataclass(frozen=True)
class OutOfVocabulary:
    """Words of the references that the recognizer's vocabulary lacks."""

    num_words: int  # size of the vocabulary
    occurrences: int  # reference words outside it
    num_reference: int  # all reference words
    misses: int  # of the words outside, not recognized
    errors: int  # all errors
    examples: tuple[str, ...]  # the most frequent ones

    @property
    def rate(self) -> float | None:
        """Share of the reference words that lie outside."""
        return self.occurrences / self.num_reference if self.num_reference else None

    @property
    def share_of_errors(self) -> float | None:
        """Share of all errors that are such words missed."""
        return self.misses / self.errors if self.errors else None


@dataclass(frozen=True)
class Breakdown:
    """Tables of one report; those that need what is not at hand are empty or None."""

    confusions: list[Confusion]  # most frequent first
    words: list[WordErrors]  # words with errors, most errors first
    speakers: list[GroupScore]  # worst first
    lengths: list[GroupScore]  # by number of reference words
    durations: list[GroupScore]  # by seconds
    worst_tenth: float | None  # share of all errors held by the worst tenth of the utterances
    out_of_vocabulary: OutOfVocabulary | None = None  # where a vocabulary is given
    # Where keywords are given, in their order; the last is all of them.
    keywords: list[KeywordScore] = field(default_factory=list)
    # Keywords recognized where they were not said, where durations are known.
    false_alarms_per_hour: float | None = None
    bands: list[BandRecall] = field(default_factory=list)  # recall by frequency in a training text, rarest first
    # The utterances that hold words of a kind: of "vocabulary" those "outside" it, of "training" each band.
    kinds: dict[str, list[GroupScore]] = field(default_factory=dict)

    @property
    def deleted(self) -> list[WordErrors]:
        """The words deleted most often."""
        return sorted((w for w in self.words if w.deleted), key=lambda w: (-w.deleted, w.word))

    @property
    def inserted(self) -> list[WordErrors]:
        """The words inserted most often."""
        return sorted((w for w in self.words if w.inserted), key=lambda w: (-w.inserted, w.word))


def break_down(
    report: ScoreReport,
    *,
    vocabulary: Collection[str] | None = None,
    training_counts: Mapping[str, int] | None = None,
    keywords: Sequence[str] = (),
) -> Breakdown:
    """Find out where the errors of a report lie.

    The vocabulary, and the words counted in the training text, are normalized as the references are; keywords are
    normalized here.
    """
    collector = _WordCollector(report)
    oov, outside = None, {}
    if vocabulary is not None:
        outside = {"outside": collector.said().difference(vocabulary)}
        oov = collector.out_of_vocabulary(outside["outside"], len(frozenset(vocabulary)))
    bands = {} if training_counts is None else collector.words_of_bands(training_counts)
    found, false_alarms = find_keywords(report, keywords)
    return Breakdown(
        collector.confusions(),
        collector.words(),
        score_speakers(report),
        _score_ranges(report, [len(text.split()) for text in report.normalized.references], _LENGTHS, "words"),
        _score_ranges(report, report.pairs.columns.get("duration_s"), _DURATIONS_S, "s"),
        _worst_tenth(report),
        oov,
        found,
        false_alarms,
        [collector.recall(name, words) for name, words in bands.items()],
        {"vocabulary": collector.holders(outside), "training": collector.holders(bands)},
    )


class _WordCollector:
    """Counts what happened to each word, in one pass over the alignments."""

    def __init__(self, report: ScoreReport) -> None:
        self.report = report
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.places: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.hits: Counter[str] = Counter()
        self.substituted: Counter[str] = Counter()
        self.deleted: Counter[str] = Counter()
        self.inserted: Counter[str] = Counter()
        view = report.normalized
        for index, (hypothesis, reference) in enumerate(zip(view.hypotheses, view.references, strict=True)):
            if hypothesis == reference:
                self.hits.update(reference.split())
            else:
                self._add(index)

    def _add(self, index: int) -> None:
        for step in self.report.align(index):
            if step.reference is None:
                self.inserted[step.hypothesis or ""] += 1
            elif step.kind == "hit":
                self.hits[step.reference] += 1
            elif step.hypothesis is None:
                self.deleted[step.reference] += 1
            else:
                self.substituted[step.reference] += 1
                pair = step.reference, step.hypothesis
                self.pairs[pair] += 1
                if len(self.places[pair]) < _EXAMPLES:
                    self.places[pair].append(self.report.pairs.ids[index])

    def occurrences(self, word: str) -> int:
        return self.hits[word] + self.substituted[word] + self.deleted[word]

    def confusions(self) -> list[Confusion]:
        ordered = sorted(self.pairs.items(), key=lambda item: (-item[1], item[0]))
        return [Confusion(*pair, count, tuple(self.places[pair])) for pair, count in ordered]

    def words(self) -> list[WordErrors]:
        names = {*self.substituted, *self.deleted, *self.inserted}
        rows = [
            WordErrors(name, self.occurrences(name), self.substituted[name], self.deleted[name], self.inserted[name])
            for name in names
        ]
        return sorted(rows, key=lambda row: (-row.substituted - row.deleted - row.inserted, row.word))

    def said(self) -> set[str]:
        """Return the words of the references."""
        return {*self.hits, *self.substituted, *self.deleted}

    def out_of_vocabulary(self, outside: set[str], num_words: int) -> OutOfVocabulary:
        examples = sorted(outside, key=lambda word: (-self.occurrences(word), word))[:10]
        totals = self.report.normalized.words.total()
        return OutOfVocabulary(
            num_words,
            sum(map(self.occurrences, outside)),
            totals.num_reference,
            sum(self.substituted[word] + self.deleted[word] for word in outside),
            totals.errors,
            tuple(examples),
        )

    def words_of_bands(self, training_counts: Mapping[str, int]) -> dict[str, set[str]]:
        """Return the words said, by how often they stand in the training text."""
        bands = {}
        for start, name in zip(_BANDS, _range_names(_BANDS, "times"), strict=True):
            stop = next((bound for bound in _BANDS if bound > start), float("inf"))
            bands[name] = {word for word in self.said() if start <= training_counts.get(word, 0) < stop}
        return bands

    def recall(self, name: str, words: set[str]) -> BandRecall:
        return BandRecall(name, sum(map(self.occurrences, words)), sum(self.hits[word] for word in words))

    def holders(self, kinds: Mapping[str, set[str]]) -> list[GroupScore]:
        """Return for each kind of words the utterances in which some of them were said."""
        texts = [text.split() for text in self.report.normalized.references] if kinds else []
        table = self.report.normalized.words
        members = {
            name: [i for i, text in enumerate(texts) if not words.isdisjoint(text)] for name, words in kinds.items()
        }
        return [GroupScore(name, some, table.total(np.array(some, int))) for name, some in members.items()]


def _range_names(starts: Sequence[float], unit: str) -> list[str]:
    names = []
    for start, stop in zip(starts, [*starts[1:], None], strict=True):
        if stop is None:
            names.append(f"{start:g} {unit} and more")
        elif unit != "s" and stop == start + 1:
            names.append(f"{start:g} {unit}")
        else:
            names.append(f"{start:g} to {stop - (0 if unit == 's' else 1):g} {unit}")
    return names


def _score_groups(report: ScoreReport, names: Sequence[str]) -> list[GroupScore]:
    indices: dict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(names):
        indices[name].append(index)
    table = report.normalized.words
    return [GroupScore(name, group, table.total(np.array(group))) for name, group in indices.items()]


def score_speakers(report: ScoreReport) -> list[GroupScore]:
    """Return the score of each speaker, the worst first; empty where speakers are not known."""
    if report.speakers is None:
        return []
    groups = _score_groups(report, report.speakers)
    return sorted(groups, key=lambda group: (-(group.counts.rate or 0.0), group.name))


def _score_ranges(
    report: ScoreReport, values: Sequence[float | None] | None, starts: Sequence[float], unit: str
) -> list[GroupScore]:
    if values is None or any(value is None for value in values):
        return []
    names = ["0 words", *_range_names(starts, unit)] if unit == "words" else _range_names(starts, unit)
    first = 0 if unit == "words" else 1
    places = np.searchsorted(starts, np.array(values, float), side="right") - first
    groups = {group.name: group for group in _score_groups(report, [names[place] for place in places])}
    return [groups[name] for name in names if name in groups]


def _worst_tenth(report: ScoreReport) -> float | None:
    errors = np.sort(report.normalized.words.errors)[::-1]
    if errors.sum() == 0:
        return None
    return float(errors[: max(1, len(errors) // 10)].sum() / errors.sum())
