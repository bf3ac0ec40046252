"""Scoring: one report for a set of hypotheses and references, with all the settings behind it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from asrkit.config import ScoringConfig
from asrkit.metrics.alignment import Step, align
from asrkit.metrics.counting import CountTable, IntArray, count_pairs
from asrkit.metrics.intervals import Interval, rate_interval
from asrkit.metrics.jiwer_engine import count_pairs_with_jiwer
from asrkit.metrics.joining import Pairs, add_columns, join, read_pair
from asrkit.metrics.normalizing import (
    languages_of,
    misreads_numbers,
    normalize_each,
    normalizer_of,
    raw_normalizer_of,
    settle,
)
from asrkit.metrics.notation import resolve, uses_notation
from asrkit.metrics.transcripts import Transcripts
from asrkit.packages import version_of
from asrkit.text.normalizer import Normalizer


@dataclass(frozen=True)
class View:
    """The texts under one normalizer, and what an alignment of them counts."""

    normalizer: str  # its label, such as "standard-1" or "none"
    folds_case: bool  # whether case is lost
    hypotheses: list[str]  # normalized texts
    references: list[str]  # normalized texts; NIST alternatives are resolved
    words: CountTable  # word counts of each utterance
    characters: CountTable  # character counts of each utterance
    word_interval: Interval | None  # of the WER; made for the chosen normalizer only
    character_interval: Interval | None  # of the CER, likewise

    @property
    def sentence_error_rate(self) -> float | None:
        """Share of utterances with at least one word error."""
        return float((self.words.errors > 0).mean()) if len(self.words) else None


@dataclass(frozen=True)
class NormalizerEffect:
    """What the normalizer changed."""

    hypotheses: int  # how many hypotheses it changed
    references: int  # how many references it changed
    kinds: dict[str, int]  # in how many texts it changed case, punctuation, numbers or other things


@dataclass(frozen=True)
class ScoreReport:
    """All that is known about a set of hypotheses.

    Args:
        config: The settings behind it.
        hypothesis_path: Where the hypotheses come from, "" for values.
        reference_path: Where the references come from, "" for values.
        formats: How both were read.
        pairs: The texts as written, joined.
        raw: Scores of the texts as written, but for Unicode composition and spaces.
        normalized: Scores under the chosen normalizer; ``raw`` itself when that is "none".
        normalizers: That of each utterance, in its language.
        speakers: Who speaks each utterance, where known for all.
        effect: What the normalizer changed, None when there is none.
        notes: What a user should know.
    """

    config: ScoringConfig
    hypothesis_path: str
    reference_path: str
    formats: tuple[str, str]
    pairs: Pairs
    raw: View
    normalized: View
    normalizers: list[Normalizer]
    speakers: list[str] | None = None
    effect: NormalizerEffect | None = None
    notes: tuple[str, ...] = ()

    @property
    def num_utterances(self) -> int:
        """Utterances scored."""
        return len(self.pairs)

    @property
    def hours(self) -> float | None:
        """Hours of audio; None where a duration is unknown."""
        durations = self.pairs.columns.get("duration_s")
        if not durations or any(value is None for value in durations):
            return None
        return float(sum(durations)) / 3600.0

    @property
    def word_error_rate(self) -> float | None:
        """The pooled WER under the chosen normalizer; None when the references hold no word."""
        return self.normalized.words.total().rate

    def signature(self, view: View | None = None, unit: str = "word") -> str:
        """Return the one line that says how a score was made."""
        view = view or self.normalized
        parts = {
            "norm": view.normalizer,
            "unit": self.config.unit if unit == "word" else self.config.characters,
            "case": "fold" if view.folds_case else "kept",
            "weights": self.config.weights,
            "engine": self.config.engine,
            "join": self.pairs.joined_by,
            "missing": self.config.missing,
            "n": str(self.num_utterances),
            "v": version_of(),
        }
        if self.config.engine == "native":
            del parts["engine"]
        if self.config.extra != "error":
            parts["extra"] = self.config.extra
        if any(self.pairs.notation):
            parts["notation"] = "nist"
        return "|".join(["wer" if unit == "word" else "cer", *(f"{key}:{value}" for key, value in parts.items())])

    @cached_property
    def worst(self) -> list[int]:
        """Places of the utterances with errors, most errors first, then the higher rate."""
        errors, sizes = self.normalized.words.errors, self.normalized.words.num_reference
        order = np.lexsort((np.arange(len(errors)), -errors / np.maximum(sizes, 1), -errors))
        return [int(i) for i in order[: int((errors > 0).sum())]]

    def align(self, index: int) -> tuple[Step, ...]:
        """Return the word alignment of one utterance under the chosen normalizer."""
        view = self.normalized
        return align(view.hypotheses[index].split(), view.references[index].split(), self.config.weights)


@dataclass(frozen=True)
class _Scorer:
    """Makes the views of one set of pairs."""

    pairs: Pairs
    config: ScoringConfig
    speakers: Sequence[str] | None

    def view(self, normalizer: Normalizer, own: Sequence[Normalizer], known: View | None = None) -> View:
        """Return the texts under a normalizer and their counts; pairs that a known view shows alike are counted once.

        Each utterance has a normalizer of its own, as languages may differ. Optional words left out rightly are hits.
        """
        hypotheses, references, left_out = self._texts(own)
        words = self._count("word", hypotheses, references, known if left_out is None else None)
        if left_out is not None:
            words = replace(words, hits=words.hits + left_out)
        characters = self._count(self.config.characters, hypotheses, references, known)
        intervals = self._interval(normalizer, words), self._interval(normalizer, characters)
        label = "+".join(sorted({one.label for one in {id(one): one for one in own}.values()})) or normalizer.label
        return View(label, normalizer.folds_case, hypotheses, references, words, characters, *intervals)

    def _count(self, unit: str, hypotheses: list[str], references: list[str], known: View | None) -> CountTable:
        count: Callable[..., CountTable] = partial(count_pairs, weights=self.config.weights)
        if self.config.engine == "jiwer":
            count = count_pairs_with_jiwer
        if known is None:
            return count(hypotheses, references, unit)
        pairs = zip(known.hypotheses, known.references, hypotheses, references, strict=True)
        changed = [i for i, (one, other, hyp, ref) in enumerate(pairs) if one != hyp or other != ref]
        fresh = count([hypotheses[i] for i in changed], [references[i] for i in changed], unit)
        return (known.words if unit == "word" else known.characters).replace_rows(changed, fresh)

    def _texts(self, own: Sequence[Normalizer]) -> tuple[list[str], list[str], IntArray | None]:
        """Return both sides as they are read, and how many optional words are left out where that counts."""
        pairs, weights = self.pairs, self.config.weights
        hypotheses, references = (normalize_each(texts, own) for texts in (pairs.hypotheses, pairs.references))
        if not any(pairs.notation):
            return hypotheses, references, None
        left_out = np.zeros(len(pairs), np.int64)
        ways = pairs.columns.get("alternatives") or [None] * len(pairs)
        for i, (ref, hyp) in enumerate(zip(pairs.references, pairs.hypotheses, strict=True)):
            said = ways[i] or hyp
            if uses_notation(ref, said, weights, pairs.notation):
                reading = resolve(ref, said, own[i], weights, sides=pairs.notation)
                references[i], hypotheses[i], left_out[i] = reading
        return hypotheses, references, left_out if weights == "nist" else None

    def _interval(self, normalizer: Normalizer, table: CountTable) -> Interval | None:
        if normalizer.name == "none" != self.config.normalizer or self.config.resamples == 0:
            return None
        confidence = self.config.confidence
        return rate_interval(table.errors, table.num_reference, confidence=confidence, speakers=self.speakers)


def _normalizer_effect(raw: View, normalized: View) -> NormalizerEffect:
    changed = [
        [one for one, other in zip(before, after, strict=True) if one != other]
        for before, after in (
            (raw.hypotheses, normalized.hypotheses),
            (raw.references, normalized.references),
        )
    ]
    return NormalizerEffect(len(changed[0]), len(changed[1]), _kinds_of_change([*changed[0], *changed[1]]))


_KINDS = ("case", "punctuation", "numbers", "apostrophes", "other")
_MARK = re.compile(r"<(?:\|[^|<>]+\||/?[A-Za-z]+)>|(?<!\S)\[[A-Za-z_-]+\](?!\S)")  # <s>, <|en|>, <unk>, [laughter]
_PUNCTUATION, _NUMBER, _APOSTROPHE = re.compile(r"[^\w\s'’]|_"), re.compile("[0-9]"), re.compile("[’‘ʼ`]")


def _kinds_of_change(texts: list[str]) -> dict[str, int]:
    """Count the texts with capitals, punctuation, digits or curly apostrophes; whatever has none is "other"."""
    from asrkit._native import count_signs

    counts = list(count_signs([text for text in texts if text.isascii()]))
    for text in texts:
        if not text.isascii():
            signs = [text != text.lower(), *(bool(p.search(text)) for p in (_PUNCTUATION, _NUMBER, _APOSTROPHE))]
            for place, found in enumerate([*signs, not any(signs)]):
                counts[place] += found
    named = sorted(zip(_KINDS, counts, strict=True), key=lambda item: -item[1])
    return {kind: number for kind, number in named if number}


def score_pairs(
    pairs: Pairs,
    config: ScoringConfig | None = None,
    *,
    paths: tuple[str, str] = ("", ""),
    formats: tuple[str, str] = ("", ""),
    notes: Sequence[str] = (),
) -> ScoreReport:
    """Score joined texts; see :func:`score`."""
    config = config or ScoringConfig()
    languages = languages_of(pairs.columns) if config.language == "column" else None
    if languages:  # what concerns no single utterance is in the language of most
        config = config.replace(language=max(dict.fromkeys(languages), key=languages.count))
    config = settle(config, pairs.references, paths[0])
    speakers = _known_for_all(pairs, "speaker")
    scorer = _Scorer(pairs, config, speakers)
    unchanging, normalizer = raw_normalizer_of(config), normalizer_of(config)
    by_language = {name: normalizer_of(config.replace(language=name)) for name in dict.fromkeys(languages or ())}
    own = [by_language[name] for name in languages] if languages else [normalizer] * len(pairs)
    raw = scorer.view(unchanging, [unchanging] * len(pairs))
    is_raw = config.normalizer == "none" and config.map is None
    normalized = raw if is_raw else scorer.view(normalizer, own, raw)
    effect = None if normalized is raw else _normalizer_effect(raw, normalized)
    notes = (*notes, *_notes(config, pairs, languages is None, normalizer, normalized))
    return ScoreReport(config, *paths, formats, pairs, raw, normalized, own, speakers, effect, notes)


def _notes(
    config: ScoringConfig, pairs: Pairs, is_one_language: bool, normalizer: Normalizer, normalized: View
) -> Iterator[str]:
    """Say what a user should know about the texts that were compared."""
    texts = [*pairs.references, *pairs.hypotheses]
    if config.unit == "mixed":
        yield (
            "the references put no spaces between words: each character of such a script counts as a word "
            "(--unit word takes what stands between spaces)"
        )
    if is_one_language and misreads_numbers(config, texts, pairs.columns):
        yield (
            "numbers were read in English, in texts of another language it seems: name it (--language de, or column "
            "where a manifest tells it), or leave numbers as they are (--normalizer basic)"
        )
    mark = next(filter(None, map(_MARK.search, (text for text in texts if "<" in text or "[" in text))), None)
    if mark and normalizer(mark[0]):
        yield f"marks such as {mark[0]!r} count as words; take them out of the files unless they are said"
    if normalized.words.inexact:
        yield (
            f"{len(normalized.words.inexact)} of the utterances are so long that the split into substitutions, "
            "deletions and insertions is not canonical; the errors are exact"
        )


def _known_for_all(pairs: Pairs, column: str) -> list[str] | None:
    values = pairs.columns.get(column)
    if not values or any(value in (None, "") for value in values):
        return None
    return [str(value) for value in values]


def score(
    hypotheses: Path | str | Sequence[str],
    references: Path | str | Sequence[str],
    config: ScoringConfig | None = None,
    *,
    format: str = "auto",
    speakers: Path | str | None = None,
) -> ScoreReport:
    """Score hypotheses against references.

    Both WERs, of the texts as written and of the normalized ones, come with all counts, an interval and a signature.
    The alignment is canonical: fewest errors, then most hits.

    Args:
        hypotheses: A file or folder of transcripts, or the texts themselves.
        references: The same for the true texts; texts are joined by their places.
        config: How to score.
        format: One of :data:`asrkit.metrics.transcripts.FORMATS`.
        speakers: A manifest (TSV, JSONL) or a table of ``id speaker`` lines that tells who speaks each utterance.

    Raises:
        MissingPathError: A path does not exist.
        ScoringError: Files cannot be read or joined; the message names lines or ids.
        ConfigError: A setting is unknown.
    """
    config = config or ScoringConfig()
    if isinstance(hypotheses, str | Path) and isinstance(references, str | Path):
        hyp, ref, notes = read_pair(hypotheses, references, format, config)
        pairs = join(hyp, ref, config.missing, config.extra)
        if config.notation == "none":
            pairs = replace(pairs, notation=(False, False))
        paths, formats = (hyp.path, ref.path), (hyp.format, ref.format)
    else:
        hyp = Transcripts("hypotheses", "values", [str(text) for text in _as_texts(hypotheses)])
        ref = Transcripts("references", "values", [str(text) for text in _as_texts(references)])
        pairs, notes, paths, formats = join(hyp, ref), (), ("", ""), ("values", "values")
    if speakers is not None:
        pairs = add_columns(pairs, speakers)
    return score_pairs(pairs, config, paths=paths, formats=formats, notes=(*notes, *pairs.notes))


def _as_texts(texts: Path | str | Sequence[str]) -> Sequence[str]:
    if isinstance(texts, str | Path):
        raise TypeError("give two paths or two sequences of texts, not one of each")
    return texts
