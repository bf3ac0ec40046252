"""Write sentences of what is counted, dated and spelled, so that a language model tells it from words that sound alike.

    python scripts/spoken_figures.py LEXICON OUTPUT [--sentences 20000] [--seed 1]

Novels have "for" where a telephone number has "four", and "why" where a name is spelled with a y. A random generator
makes the sentences from a few patterns; LEXICON (``word<TAB>phonemes``, or CMUdict) only lends words to spell.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from asrkit.errors import AsrkitError
from asrkit.text import Lexicon
from asrkit.writing import written_whole

# fmt: off
ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]
MONTHS = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
]
# fmt: on
TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
FIRST = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"}
FIRST |= {"twelve": "twelfth"}
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SPELLED = re.compile("[a-z][a-z']{1,9}")


def cardinal(number: int) -> str:
    """Return the words of a number below a million."""
    if number < len(ONES):
        return ONES[number]
    if number < 100:
        return TENS[number // 10] + (f" {ONES[number % 10]}" if number % 10 else "")
    unit, name = (100, "hundred") if number < 1000 else (1000, "thousand")
    rest = number % unit
    return f"{cardinal(number // unit)} {name}" + (f" {cardinal(rest)}" if rest else "")


def ordinal(number: int) -> str:
    """Return the words of a place below a million: ``twenty first``."""
    *before, last = cardinal(number).split()
    return " ".join([*before, FIRST.get(last) or (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")])


def digits(draw: random.Random, count: int) -> str:
    """Return digits one by one, as numbers of telephones and doors are said."""
    zero = draw.choice(("zero", "oh"))
    return " ".join(zero if digit == 0 else ONES[digit] for digit in draw.choices(range(10), k=count))


def year(draw: random.Random) -> str:
    """Return a year as it is said: ``nineteen seventy``, ``two thousand four``."""
    century, rest = draw.choice((17, 18, 19, 19, 19, 20)), draw.randrange(100)
    if century == 20 and rest < 10:
        return cardinal(2000 + rest)
    return f"{cardinal(century)} {'hundred' if rest == 0 else f'oh {ONES[rest]}' if rest < 10 else cardinal(rest)}"


def patterns(draw: random.Random, words: Sequence[str]) -> list[tuple[int, Callable[[], str]]]:
    """Return what can be said, each with how often it is said beside the others."""

    def letters(count: int) -> str:
        return " ".join(draw.choices(LETTERS, k=count))

    def small() -> str:
        return cardinal(draw.randrange(1, 100))

    def day() -> str:
        month, number = draw.choice(MONTHS), draw.randrange(1, 32)
        return draw.choice(
            (f"{month} {ordinal(number)}", f"{month} {cardinal(number)}", f"the {ordinal(number)} of {month}")
        )

    def clock() -> str:
        hour, minute = ONES[draw.randrange(1, 13)], draw.randrange(1, 60)
        past = f"{hour} {'oh ' if minute < 10 else ''}{cardinal(minute)}"
        return draw.choice((past, f"half past {hour}", f"a quarter to {hour}", f"{hour} o'clock"))

    return [
        (5, lambda: digits(draw, draw.randrange(1, 8))),
        (3, lambda: " ".join(small() for _ in range(draw.randrange(1, 4)))),
        (1, lambda: f"{digits(draw, draw.randrange(1, 4))} {small()}"),
        (2, lambda: cardinal(int(10 ** draw.uniform(1.0, 6.0)))),
        (5, lambda: " ".join(draw.choice(words).replace("'", ""))),
        (1, lambda: f"{draw.choice(words)} {letters(1)}"),
        (3, lambda: f"{letters(draw.randrange(1, 5))} {draw.choice((small(), digits(draw, draw.randrange(1, 4))))}"),
        (1, lambda: letters(draw.randrange(1, 6))),
        (4, lambda: draw.choice((day(), f"{day()} {year(draw)}", year(draw)))),
        (1, lambda: draw.choice((clock(), f"at {clock()}"))),
        (1, lambda: f"{small()} {draw.choice(('dollars', 'pounds', 'miles', 'years', 'feet', 'percent', 'cents'))}"),
        (1, lambda: f"{draw.choice(('number', 'page', 'chapter', 'room', 'line'))} {small()}"),
        (
            1,
            lambda: (
                f"{digits(draw, draw.randrange(2, 5))} {draw.choice(words)} {draw.choice(('street', 'avenue', 'road'))}"
            ),
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lexicon", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--sentences", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    try:
        lexicon = Lexicon.read(arguments.lexicon)
        words = [word for word in map(str.lower, lexicon.pronunciations) if SPELLED.fullmatch(word)]
        if not words:
            raise SystemExit(f"spoken_figures: {arguments.lexicon} has no word of 2 to 10 letters to spell")
        shares, ways = zip(*patterns(draw, words), strict=True)
        said = draw.choices(ways, shares, k=arguments.sentences)
        with written_whole(arguments.output) as file:
            file.writelines(f"{say()}\n".encode() for say in said)
    except (AsrkitError, OSError) as error:
        raise SystemExit(f"spoken_figures: {error}") from None


if __name__ == "__main__":
    main()
