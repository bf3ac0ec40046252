"""English number words: cardinals, ordinals, years, digits one by one."""

from __future__ import annotations

_ONES = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
]
_TENS = ["_", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_MOST_DIGITS = 15  # beyond, digits are read one by one; Python itself refuses to convert thousands of them
_IRREGULAR_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def cardinal(number: int) -> str:
    """Spell a whole number, ``0 <= number < 10**15``, the American way: no "and".

    >>> cardinal(1105)
    'one thousand one hundred five'
    """
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return f"{_TENS[tens]} {_ONES[ones]}" if ones else _TENS[tens]
    for size, name in _SCALES:
        if number >= size:
            count, rest = divmod(number, size)
            head = f"{cardinal(count)} {name}"
            return f"{head} {cardinal(rest)}" if rest else head
    raise AssertionError(number)


def ordinal(number: int) -> str:
    """Spell a rank: 21 is "twenty first"."""
    head, _, last = cardinal(number).rpartition(" ")
    last = _IRREGULAR_ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return f"{head} {last}".lstrip()


def year(number: int) -> str:
    """Spell a year, ``1000 <= number <= 9999``: 1905 is "nineteen oh five", 2005 "two thousand five"."""
    century, rest = divmod(number, 100)
    if century % 10 == 0 and rest < 10:
        return cardinal(number)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def digit_by_digit(digits: str) -> str:
    """Spell each digit: "007" is "zero zero seven"."""
    return " ".join(_ONES[int(digit)] for digit in digits)


def whole_number(digits: str) -> str:
    """Spell digits that may be grouped by commas; after a leading zero, or beyond trillions, one by one."""
    plain = digits.replace(",", "")
    if (len(plain) > 1 and plain[0] == "0") or len(plain) > _MOST_DIGITS:
        return digit_by_digit(plain)
    return cardinal(int(plain))


def decimal_number(whole: str, fraction: str | None) -> str:
    """Spell digits before and behind a decimal point; "1", None is "one"."""
    words = whole_number(whole)
    return f"{words} point {digit_by_digit(fraction)}" if fraction else words


def rank(digits: str) -> str:
    """Spell the digits of an ordinal such as 1,000th."""
    plain = digits.replace(",", "")
    return ordinal(int(plain)) if len(plain) <= _MOST_DIGITS else digit_by_digit(plain)


def plural(word: str) -> str:
    """Return the plural of a number word: "nineties", "hundreds"."""
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
