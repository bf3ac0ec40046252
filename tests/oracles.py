"""Slow, obvious versions of what the library does fast. Tests compare the two."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

Ngrams = dict[tuple[str, ...], tuple[float, float]]


def read_arpa(path: Path) -> Ngrams:
    """Read a small ARPA file into {words: (log10 probability, log10 back-off)}."""
    ngrams: Ngrams = {}
    order = 0
    for line in path.read_text().splitlines():
        if line.endswith("-grams:"):
            order = int(line[1])
        elif order and line and not line.startswith("\\"):
            fields = line.split()
            backoff = float(fields[order + 1]) if len(fields) > order + 1 else 0.0
            ngrams[tuple(fields[1 : order + 1])] = (float(fields[0]), backoff)
    return ngrams


def ngram_log10(ngrams: Ngrams, history: tuple[str, ...], word: str) -> float:
    """log10 p(word | history) by the definition of a back-off model."""
    known = {words[0] for words in ngrams if len(words) == 1}
    history = tuple(w if w in known else "<unk>" for w in history)
    return _backed_off(ngrams, history, word if word in known else "<unk>")


def _backed_off(ngrams: Ngrams, history: tuple[str, ...], word: str) -> float:
    if (*history, word) in ngrams:
        return ngrams[(*history, word)][0]
    return ngrams.get(history, (0.0, 0.0))[1] + _backed_off(ngrams, history[1:], word)


def sentence_log10(ngrams: Ngrams, sentence: str) -> float:
    """log10 probability of a sentence with its begin and end."""
    words = ["<s>", *sentence.split(), "</s>"]
    return sum(ngram_log10(ngrams, tuple(words[:i]), words[i]) for i in range(1, len(words)))


def texts_of_emissions(log_probs: Sequence[Sequence[float]], labels: Sequence[str], blank: int) -> dict[str, float]:
    """Probability of every text, by listing all alignments; repeated and outer spaces do not change a text."""
    totals: dict[str, float] = defaultdict(float)
    for path in itertools.product(range(len(labels)), repeat=len(log_probs)):
        symbols = [s for s, _ in itertools.groupby(path) if s != blank]
        text = " ".join("".join(labels[s] for s in symbols).split())
        totals[text] += math.exp(sum(row[s] for row, s in zip(log_probs, path, strict=True)))
    return dict(totals)


Spelled = tuple[str, bool, bool] | None  # what an output adds; whether a word starts before it, or ends after it


def texts_of_pieces(log_probs: Sequence[Sequence[float]], pieces: Sequence[Spelled], blank: int) -> dict[str, float]:
    """Probability of every text by listing all alignments; outputs that are None (but the blank) are never written."""
    written = [i for i, piece in enumerate(pieces) if piece is not None or i == blank]
    totals: dict[str, float] = defaultdict(float)
    for path in itertools.product(written, repeat=len(log_probs)):
        text = ""
        for symbol, _ in itertools.groupby(path):
            if symbol != blank:
                piece = pieces[symbol]
                assert piece is not None
                text += " " * piece[1] + piece[0] + " " * piece[2]
        totals[" ".join(text.split())] += math.exp(sum(row[s] for row, s in zip(log_probs, path, strict=True)))
    return dict(totals)


def texts_of_lexicon(
    log_probs: Sequence[Sequence[float]], lines: Sequence[tuple[str, tuple[int, ...]]], blank: int, space: int | None
) -> dict[str, float]:
    """Probability of every text, summed over the ways to say its words; without a space, words follow each other."""
    totals: dict[str, float] = defaultdict(float)
    for path in itertools.product(range(len(log_probs[0]) if log_probs else 0), repeat=len(log_probs)):
        said = tuple(s for s, _ in itertools.groupby(path) if s != blank)
        p = math.exp(sum(row[s] for row, s in zip(log_probs, path, strict=True)))
        for text in _readings(said, dict.fromkeys(lines), space):
            totals[" ".join(text)] += p
    return dict(totals)


def _readings(
    said: tuple[int, ...], lines: Iterable[tuple[str, tuple[int, ...]]], space: int | None
) -> Iterator[tuple[str, ...]]:
    """Yield the texts that outputs may say, once for each way to cut them into words of the lexicon."""
    if space is not None and said[:1] == (space,):
        yield from _readings(said[1:], lines, space)
    elif not said:
        yield ()
    else:
        for word, spelling in lines:
            rest = said[len(spelling) :]
            if said[: len(spelling)] == spelling and (space is None or rest[:1] in ((), (space,))):
                yield from ((word, *text) for text in _readings(rest, lines, space))


def spelling_log(words: Sequence[str], num_symbols: int, spelling: str, order: int = 4) -> float:
    """ln P(spelling) by a Witten-Bell character n-gram of the words, recounted for every query."""
    sequences = [["<", *word, ">"] for word in words]

    def probability(history: tuple[str, ...], symbol: str) -> float:
        continuations = [
            s[i]
            for s in sequences
            for i in range(max(1, len(history)), len(s))
            if tuple(s[i - len(history) : i]) == history
        ]
        lower = probability(history[1:], symbol) if history else 1 / (num_symbols + 1)
        types = len(set(continuations))
        total = len(continuations) + types
        return (continuations.count(symbol) + types * lower) / total if total else lower

    marked = ["<", *spelling, ">"]
    return sum(
        math.log(probability(tuple(marked[max(0, i - order + 1) : i]), marked[i])) for i in range(1, len(marked))
    )
