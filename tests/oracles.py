"""Slow, obvious versions of what the library does fast. Tests compare the two."""

from __future__ import annotations

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
