"""Interpolated modified Kneser-Ney by its definition, with dictionaries and recursion."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

Gram = tuple[str, ...]


class KneserNeyOracle:
    """Probabilities of a small text; discounts may be the fixed ones."""

    def __init__(self, sentences: Sequence[str], order: int, prune: Sequence[int] = (), keep: set[str] | None = None):
        self.order = order
        self.raw: Counter[Gram] = Counter()
        left: defaultdict[Gram, set[str]] = defaultdict(set)
        for sentence in sentences:
            words = ["<s>", *sentence.split(), "</s>"]
            for start in range(len(words)):
                for n in range(1, min(order, len(words) - start) + 1):
                    gram = tuple(words[start : start + n])
                    self.raw[gram] += 1
                    if start > 0:
                        left[gram].add(words[start - 1])
        self.count = {g: c if len(g) == order or g[0] == "<s>" else len(left[g]) for g, c in self.raw.items()}
        self.count[("<s>",)] = 0
        self.count[("<unk>",)] = 0
        thresholds = [*prune, *[prune[-1] if prune else 0] * order][:order]
        special = {"<s>", "</s>", "<unk>"}
        self.kept = {
            g
            for g in self.count
            if (len(g) == 1 or self.raw[g] > thresholds[len(g) - 1])
            and (keep is None or all(w in keep | special for w in g))
        }
        self.children: defaultdict[Gram, list[Gram]] = defaultdict(list)
        for gram in self.count:
            self.children[gram[:-1]].append(gram)
        self.discounts = [self._discounts(n) for n in range(1, order + 1)]

    def _discounts(self, n: int) -> tuple[float, float, float]:
        seen = Counter(c for g, c in self.count.items() if len(g) == n)
        if not all(seen[k] for k in (1, 2, 3)):
            return (0.5, 1.0, 1.5)
        y = seen[1] / (seen[1] + 2 * seen[2])
        found = tuple(k - (k + 1) * y * seen[k + 1] / seen[k] for k in (1, 2, 3))
        in_range = all(0 <= d <= k for k, d in enumerate(found, 1))
        return (found[0], found[1], found[2]) if in_range else (0.5, 1.0, 1.5)

    def _discount(self, gram: Gram) -> float:
        return self.discounts[len(gram) - 1][min(self.count[gram], 3) - 1] if self.count[gram] else 0.0

    def _total(self, context: Gram) -> float:
        return sum(self.count[g] for g in self.children[context])

    def backoff(self, context: Gram) -> float:
        if not self.children[context]:
            return 1.0
        left = sum(self._discount(g) if g in self.kept else self.count[g] for g in self.children[context])
        return left / self._total(context)

    def probability(self, gram: Gram) -> float:
        if gram == ("<s>",):
            return 1.0
        num_words = sum(len(g) == 1 for g in self.kept) - 1
        lower = 1.0 / num_words if len(gram) == 1 else self.probability(gram[1:])
        own = (self.count[gram] - self._discount(gram)) / self._total(gram[:-1])
        return own + self.backoff(gram[:-1]) * lower
