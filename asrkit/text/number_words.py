"""English numbers as words: cardinals, ordinals, years, decimals, money and times of day.

Only ASCII digits are spelled; digits of other scripts are left to their own languages.
"""

from __future__ import annotations

import re

_ONES = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
]
_TENS = ["_", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_LARGEST = 10**15 - 1
_IRREGULAR_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_PARTS = {2: ("half", "halves"), 4: ("quarter", "quarters")}
_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
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


def _spell_whole(digits: str) -> str:
    """Spell a string of digits and grouping commas."""
    plain = digits.replace(",", "")
    if (len(plain) > 1 and plain[0] == "0") or int(plain) > _LARGEST:
        return digit_by_digit(plain)
    return cardinal(int(plain))


def _spell_decimal(whole: str, fraction: str | None) -> str:
    words = _spell_whole(whole)
    return f"{words} point {digit_by_digit(fraction)}" if fraction else words


def _plural(word: str) -> str:
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def _money(match: re.Match[str]) -> str:
    one, many, one_cent, many_cents = _CURRENCIES[match["sign"]]
    whole, fraction, scale = match["whole"], match["fraction"], match["scale"]
    if scale:
        return f" {_spell_decimal(whole, fraction)} {scale} {many} "
    if fraction is None or len(fraction) != 2:
        amount = _spell_decimal(whole, fraction)
        return f" {amount} {one if amount == 'one' else many} "
    units, cents = _spell_whole(whole), int(fraction)
    parts = []
    if units != "zero" or cents == 0:
        parts.append(f"{units} {one if units == 'one' else many}")
    if cents:
        parts.append(f"{cardinal(cents)} {one_cent if cents == 1 else many_cents}")
    return f" {' and '.join(parts)} "


def _time(match: re.Match[str]) -> str:
    hour, minute, half = int(match["hour"]), match["minute"], match["half"]
    words = cardinal(hour)
    if minute and minute != "00":
        words += (" oh " if minute[0] == "0" else " ") + cardinal(int(minute))
    elif not half:
        words += " o'clock"
    return f" {words} {half} m " if half else f" {words} "


def _decade(match: re.Match[str]) -> str:
    number = int(match["decade"])
    return f" {_plural(year(number) if number >= 1000 else cardinal(number))} "


def _rank(match: re.Match[str]) -> str:
    digits = match["whole"].replace(",", "")
    return f" {ordinal(int(digits)) if int(digits) <= _LARGEST else digit_by_digit(digits)} "


def _fraction(match: re.Match[str]) -> str:
    upper, lower = int(match["upper"]), int(match["lower"])
    if lower < 2:
        words = f"{cardinal(upper)} over {cardinal(lower)}"
    else:
        one, many = _PARTS.get(lower) or (ordinal(lower), f"{ordinal(lower)}s")
        words = f"{cardinal(upper)} {one if upper == 1 else many}"
    return f" {match['whole']} and {words} " if match["whole"] else f" {words} "


def _number(match: re.Match[str]) -> str:
    whole, fraction = match["whole"] or "", match["fraction"]
    if not fraction and len(whole) == 4 and ("1100" <= whole <= "1999" or "2010" <= whole <= "2099"):
        return f" {year(int(whole))} "
    words = [_spell_whole(whole)] if whole else []
    words += [f"point {digit_by_digit(part)}" for part in fraction.split(".")] if fraction else []
    return f" {' '.join(words)} "


_WHOLE = r"(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)"

# Tried in this order; each rule leaves words behind, so that a later one cannot read them again.
_RULES = (
    (
        re.compile(
            rf"(?P<sign>[$£€])\s?{_WHOLE}(?:\.(?P<fraction>[0-9]+))?"
            r"(?:\s?(?P<scale>hundred|thousand|million|billion|trillion)\b)?"
        ),
        _money,
    ),
    (
        re.compile(
            r"(?<![0-9:.,])(?P<hour>[01]?[0-9]|2[0-4]):(?P<minute>[0-5][0-9])(?![0-9:])"
            r"(?:\s?(?P<half>[ap])\.?m\b\.?)?"
        ),
        _time,
    ),
    (re.compile(r"(?<![0-9:.,])(?P<hour>[01]?[0-9])(?P<minute>)\s?(?P<half>[ap])\.?m\b\.?"), _time),
    (re.compile(rf"{_WHOLE}(?:st|nd|rd|th)\b"), _rank),
    (re.compile(r"(?<![0-9.,])(?P<decade>1[0-9][0-9]0|20[0-9]0|[2-9]0)'?s\b"), _decade),
    # Only the fraction slash of Unicode (½ is 1⁄2) means a fraction; 9/11 is read as two numbers.
    (re.compile(r"(?:(?P<whole>[0-9]+)\s)?(?<![0-9])(?P<upper>[0-9])\u2044(?P<lower>[0-9]{1,3})"), _fraction),
    (re.compile(r"(?<![\w.,%)-])-(?=\.?[0-9])"), lambda match: " minus "),
    (re.compile(rf"(?:{_WHOLE}|(?<![\w.])(?=\.))(?:\.(?P<fraction>[0-9]+(?:\.[0-9]+)*))?"), _number),
)


def spell_numbers(text: str) -> str:
    """Spell every number of a case-folded text; what is not a number stays as it is.

    Four digits without a comma are read as a year from 1100 to 1999 and from 2010 to 2099, a leading zero makes
    digits be read one by one, "1.2.3" reads its points, "$5.20" is "five dollars and twenty cents", "10:00" is
    "ten o'clock". Spaces around the words may double.

    >>> spell_numbers("in 1984 the 2nd of 1,200 cost $3.50")
    'in  nineteen eighty four  the  second  of  one thousand two hundred  cost  three dollars and fifty cents '
    """
    for pattern, spell in _RULES:
        text = pattern.sub(spell, text)
    return text
