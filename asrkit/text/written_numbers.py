"""Written numbers of English text as words: years, ranks, decimals, money, times, dates, ranges.

Only ASCII digits are spelled; digits of other scripts are left to their own languages. Rules come in versions, as the
standard normalizer does: a version never changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from asrkit.text.number_words import (
    cardinal,
    decimal_number,
    digit_by_digit,
    ordinal,
    plural,
    rank,
    whole_number,
    year,
)

Rule = tuple[str, Callable[[re.Match[str]], str]]

_PARTS = {2: ("half", "halves"), 4: ("quarter", "quarters")}
# sign -> one unit, many, one of the smaller units, many of them; "" where decimals are read as such
_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¢": ("cent", "cents", "", ""),
    "¥": ("yen", "yen", "", ""),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₩": ("won", "won", "", ""),
    "₽": ("ruble", "rubles", "kopeck", "kopecks"),
    "₺": ("lira", "lira", "", ""),
    "₴": ("hryvnia", "hryvnias", "", ""),
    "₪": ("shekel", "shekels", "", ""),
    "₦": ("naira", "naira", "", ""),
    "₱": ("peso", "pesos", "", ""),
    "₫": ("dong", "dong", "", ""),
    "₿": ("bitcoin", "bitcoins", "", ""),
}
_SHORT_SCALES = {
    "k": "thousand",
    **dict.fromkeys(("m", "mn"), "million"),
    **dict.fromkeys(("b", "bn"), "billion"),
    **dict.fromkeys(("t", "tn"), "trillion"),
}
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september", "october"),
    *("november", "december"),
)


def _money(match: re.Match[str]) -> str:
    groups = match.groupdict()
    one, many, one_cent, many_cents = _CURRENCIES[match["sign"] or groups["apart"]]
    if groups.get("article") is not None:  # a twenty dollar note
        many, many_cents = one, one_cent
    whole, fraction = match["whole"] or "0", match["fraction"]
    scale = match["scale"] or _SHORT_SCALES.get(groups.get("short") or "", "")
    if scale:
        return f" {decimal_number(whole, fraction)} {scale} {many} "
    if fraction is None or len(fraction) != 2 or not one_cent:
        amount = decimal_number(whole, fraction)
        return f" {amount} {one if amount == 'one' else many} "
    units, cents = whole_number(whole), int(fraction)
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


def _short_time(match: re.Match[str]) -> str:
    """Read a time of day as version 1 does, but for am and pm, which are words."""
    return re.sub("([ap]) m $", r"\1m ", _time(match))


def _decade(match: re.Match[str]) -> str:
    number = int(match["decade"])
    return f" {plural(year(number) if number >= 1000 else cardinal(number))} "


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
    words = [whole_number(whole)] if whole else []
    words += [f"point {digit_by_digit(part)}" for part in fraction.split(".")] if fraction else []
    return f" {' '.join(words)} "


def _range(match: re.Match[str]) -> str:
    """A dash between a smaller and a greater number is read "to"; scores, dates and the like are left as they are."""
    sign, low, unit, high = match["sign"] or "", match["low"], match["unit"] or "", match["high"]
    is_time = ":" in low or ":" in high or "m" in unit
    is_span = len(low) == 4 and len(high) == 2 and low[2:] < high  # 1914-18
    leads_with_zero = any(len(number) > 1 and number[0] == "0" and number[1] != "." for number in (low, high))
    if not (is_time or is_span or (not leads_with_zero and _value(low) < _value(high))):
        return f"{sign}{low}{unit} {match['other'] or ''}{high}"
    # the sign is said once, at the end: five to ten dollars
    return f"{low}{unit} to {sign}{high}" if sign and not match["other"] else f"{sign}{low}{unit} to {sign}{high}"


def _value(number: str) -> float:
    return float(number.replace(",", ""))


def _date(match: re.Match[str]) -> str:
    month = next(name for name in _MONTHS if name.startswith(match["month"][:3]))
    return f" {month} {ordinal(int(match['day']))} "


def _phone(match: re.Match[str]) -> str:
    return " ".join(digit_by_digit(part) for part in re.findall("[0-9]+", match[0]))


_WHOLE = r"(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)"
_TIME: Rule = (
    r"(?<![0-9:.,])(?P<hour>[01]?[0-9]|2[0-4]):(?P<minute>[0-5][0-9])(?![0-9:])(?:\s?(?P<half>[ap])\.?m\b\.?)?",
    _time,
)
_HOUR: Rule = (r"(?<![0-9:.,])(?P<hour>[01]?[0-9])(?P<minute>)\s?(?P<half>[ap])\.?m\b\.?", _time)
_RANK: Rule = (rf"{_WHOLE}(?:st|nd|rd|th)\b", lambda match: f" {rank(match['whole'])} ")
_DECADE: Rule = (r"(?<![0-9.,])(?P<decade>1[0-9][0-9]0|20[0-9]0|[2-9]0)'?s\b", _decade)
# Only the fraction slash of Unicode (½ is 1⁄2) means a fraction; 9/11 is read as two numbers.
_FRACTION: Rule = (
    r"(?:(?P<whole>[0-9]+)\s)?(?<![0-9])(?P<upper>[0-9])\u2044(?P<lower>[0-9]{1,3})",
    _fraction,
)
_NUMBER: Rule = (
    rf"(?:{_WHOLE}|(?<![\w.])(?=\.))(?:\.(?P<fraction>[0-9]+(?:\.[0-9]+)*))?",
    _number,
)

_SIGN = f"[{re.escape(''.join(_CURRENCIES))}]"
# a comma begins cents where it cannot group thousands: 1,50 €
_AMOUNT = rf"{_WHOLE}?(?:(?:\.|(?<=[0-9]),(?=[0-9]{{1,2}}(?!,?[0-9])))(?P<fraction>[0-9]+))?"
_SCALE = (
    r"(?:[\s-]?(?P<scale>hundred|thousand|million|billion|trillion)s?\b|\s?(?P<short>mn|bn|tn|(?<=[0-9])[kmbt])\b)?"
)
_MONTH = "|".join(month for month in _MONTHS if month not in ("march", "may"))
_DAY = r"(?P<day>[12][0-9]|3[01]|[1-9])"

_VALUE = r"[0-9]{1,2}:[0-5][0-9]|[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,12}(?:\.[0-9]+)?"

# 1 000 000, 1 234,56, 12 345 € and 10,00,000; two numbers side by side, such as 12 345, stay two
GROUPED: Rule = (
    r"(?<![\w.,])(?:[1-9][0-9]{0,2}(?: [0-9]{3})*(?: 000| [0-9]{3}(?=[.,][0-9]{1,2}(?![0-9])|\s?"
    rf"{_SIGN}(?![0-9])))|[1-9][0-9]?(?:,[0-9]{{2}})+,[0-9]{{3}})(?!\w|[.,][0-9]{{3}})",
    lambda match: re.sub("[ ,]", "", match[0]),
)
# Where a sign may begin a number: behind nothing, a space, what opens or what compares; a quote must open, too.
BEFORE_SIGN = r"(?:(?<![^\s(\[{=<>≤≥≈~×±])|(?<=(?<!\w)[\"'“„«]))"
CURRENCY = rf"(?:\br)?{_SIGN}"
_PHONE: Rule = (
    r"(?<![\w.,/-])(?:\+?1[ -])?(?:\([0-9]{3}\) ?|[0-9]{3}-)?[0-9]{3}-[0-9]{4}(?![\w/-]|\.[0-9])",
    _phone,
)
# a sign stands before a number and behind none: 20 -30 is a range; $-5 is -$5
MINUS = (
    rf"{BEFORE_SIGN}(?<![0-9%°] )(?<!{_SIGN} )(?<![ap]m )(?<!m\. )"
    rf"(?P<sign>{CURRENCY})?-(?=(?:{CURRENCY}\s?)?\.?[0-9])"
)
_RANGE: Rule = (
    (
        rf"(?<![\w.,:/-])(?P<sign>{_SIGN})?\s?(?P<low>{_VALUE})(?P<unit>\s?[ap]\.?m\b\.?|[%°¢€])?\s?-\s?"
        rf"(?P<other>{_SIGN})?(?P<high>{_VALUE})(?![\w]*-|[.,:/]?[0-9])"
    ),
    _range,
)
# a sign with space around it belongs to the number before it: 20 € 30
_SIGN_FIRST: Rule = (
    r"(?P<article>(?<=\ba\s)|(?<=\ban\s))?"
    rf"(?:(?<![0-9])(?P<sign>{_SIGN})|(?<![0-9])(?<![0-9] )(?P<apart>{_SIGN})\s)(?=\.?[0-9]){_AMOUNT}{_SCALE}",
    _money,
)
_SIGN_LAST: Rule = (
    rf"(?<![\w.,])(?=\.?[0-9]){_AMOUNT}{_SCALE}\s?(?P<sign>{_SIGN})(?!\.?[0-9])",
    _money,
)
# "may" and "march" are months where the date ends the phrase or a year follows
_MONTH_FIRST: Rule = (
    (
        rf"\b(?P<month>{_MONTH}|(?:jan|feb|apr|jun|jul|aug|sept?|oct|nov|dec)\.?|"
        r"(?:may|march)(?=\s[0-9]{1,2}(?:st|nd|rd|th)?\s*(?:$|[,.;:!?)]|(?:1[0-9]|20)[0-9]{2}\b)))"
        rf"\s{_DAY}(?:st|nd|rd|th)?(?![\w%°/-]|[.,:][0-9]|\s?(?:percent|degrees)\b)"
    ),
    _date,
)
_DAY_FIRST: Rule = (
    (
        rf"(?<![\w.,:/-]){_DAY}(?:(?:st|nd|rd|th)?\s(?:of\s)?(?P<month>{_MONTH})|"
        r"(?:(?:st|nd|rd|th)\s(?:of\s)?|\sof\s)(?P<other>march|may))\b"
    ),
    lambda match: f" {ordinal(int(match['day']))} of {match['month'] or match['other']} ",
)
# 1500s are years
_HUNDREDS: Rule = (
    r"(?<![0-9.,])(?!1[1-9]00'?s)(?P<whole>[1-9][0-9]{0,9}00|[1-9][0-9]{0,2}(?:,[0-9]{3}){0,3},000)'?s\b",
    lambda match: f" {re.sub(r'^one (?=[a-z]+$)', '', plural(whole_number(match['whole'])))} ",
)
_NUMBER_SIGN: Rule = (r"(?:#|\bno\.)\s?(?=[0-9])", lambda match: " number ")
# the fractions that are no dates; a greater number before them has them as its part: 2 1/2
_SLASHED: Rule = (
    r"(?<![\w.,/-])(1/[2-5]|2/[35]|3/[45])(?![\w/-]|[.,][0-9])",
    lambda match: match[0].replace("/", "\u2044"),
)
_SHARP: Rule = (r"\b(?P<note>[a-g])#(?!\w)", lambda match: f" {match['note']} sharp ")
_DEGREES: Rule = (
    r"°\s?(?P<scale>[cf])\b",
    lambda match: f" degrees {'celsius' if match['scale'] == 'c' else 'fahrenheit'} ",
)

# Of each version, tried in this order; each rule leaves words behind, so that a later one cannot read them again.
_RULES: dict[str, Sequence[Rule]] = {
    "1": (
        (
            (
                rf"(?P<sign>[$£€])\s?{_WHOLE}(?:\.(?P<fraction>[0-9]+))?"
                r"(?:\s?(?P<scale>hundred|thousand|million|billion|trillion)\b)?"
            ),
            _money,
        ),
        _TIME,
        _HOUR,
        _RANK,
        _DECADE,
        _FRACTION,
        (r"(?<![\w.,%)-])-(?=\.?[0-9])", lambda match: " minus "),
        _NUMBER,
    ),
    "2": (
        *(
            GROUPED,
            _PHONE,
            (MINUS, lambda match: f" minus {match['sign'] or ''}"),
            _RANGE,
            _SIGN_FIRST,
            _SIGN_LAST,
            (_TIME[0], _short_time),
            (_HOUR[0], _short_time),
        ),
        *(_MONTH_FIRST, _DAY_FIRST, _RANK, _HUNDREDS, _DECADE, _NUMBER_SIGN, _SHARP, _DEGREES, _SLASHED),
        (_FRACTION[0].replace(r"\s", r"\s+"), lambda match: _fraction(match).replace(" and one ", " and a ")),
        _NUMBER,
    ),
}


def spell_numbers(text: str, version: str) -> str:
    """Spell every number of a case-folded text; what is not a number stays as it is.

    Four digits without a comma are read as a year from 1100 to 1999 and from 2010 to 2099, a leading zero makes
    digits be read one by one, "1.2.3" reads its points, "$5.20" is "five dollars and twenty cents", "10:00" is
    "ten o'clock". Spaces around the words may double. Version 2 knows more of money, dates, ranges and signs.

    >>> spell_numbers("in 1984 the 2nd of 1,200 cost $3.50", "1")
    'in  nineteen eighty four  the  second  of  one thousand two hundred  cost  three dollars and fifty cents '
    >>> " ".join(spell_numbers("july 4: $1.5m for 10-15 of 20 €", "2").split())
    'july fourth : one point five million dollars for ten to fifteen of twenty euros'
    """
    for pattern, spell in _RULES[version]:
        text = re.sub(pattern, spell, text)  # compiled once, when first needed: at import it costs a tenth of a start
    return text
