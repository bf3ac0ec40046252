"""How well are words said that a lexicon lacks? ``python benchmarks/pronunciation.py cmudict.tsv`` (minutes).

Every twentieth word, drawn with a seed, is left out with all its ways to say it; a model learns from the rest and says
it. A word counts as right where one of its ways is met; its symbol errors are those of the nearest way.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import defaultdict
from pathlib import Path

from rapidfuzz.distance import Levenshtein
from timing import machine, markdown_table, peak_mb

from asrkit.pronunciation import PronunciationModel
from asrkit.text import Lexicon

HELD_OUT = 20  # one word of so many


def measure(lexicon: Lexicon, order: int, seed: int) -> list[str]:
    """Return a line of the table for an order."""
    words = sorted({word for word, _ in lexicon.lines})
    random.Random(seed).shuffle(words)
    held_out = words[: len(words) // HELD_OUT]
    ways = defaultdict(list)
    for word, labels in lexicon.lines:
        ways[word].append(labels)
    start = time.process_time()
    model = PronunciationModel.estimate(
        Lexicon(tuple((word, labels) for word in words[len(held_out) :] for labels in ways[word])), order=order
    )
    learned = time.process_time()
    said = dict(model.pronounce_all(held_out)[0])
    end = time.process_time()
    nearest = [
        min((Levenshtein.distance(said.get(word, ()), way), -len(way)) for way in ways[word]) for word in held_out
    ]
    errors, symbols = sum(distance for distance, _ in nearest), -sum(length for _, length in nearest)
    wrong = sum(distance > 0 for distance, _ in nearest)
    return [
        str(order),
        f"{100 * errors / symbols:.2f} %",
        f"{100 * wrong / len(held_out):.2f} %",
        f"{learned - start:.0f}",
        f"{1000 * (end - learned) / len(held_out):.1f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("lexicon", type=Path)
    parser.add_argument("--orders", type=int, nargs="+", default=[6, 5, 4])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    lexicon = Lexicon.read(options.lexicon)
    rows = [measure(lexicon, order, options.seed) for order in options.orders]
    print(f"{machine()}; {len(lexicon.lines)} lines, 1 word of {HELD_OUT} left out")
    head = ["order", "symbol errors", "words wrong", "s of CPU to learn", "ms of CPU a word"]
    print("\n".join(markdown_table(head, rows)))
    print(f"peak memory {peak_mb():.0f} MB")


if __name__ == "__main__":
    main()
