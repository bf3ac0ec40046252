"""English that is said in several ways and means one thing, brought to one of them before texts are compared.

Only for scoring: training targets and language models keep the words that were said.
"""

from __future__ import annotations

import re

from asrkit.text.number_words import cardinal, ordinal

_ONES = "|".join(cardinal(number) for number in range(1, 10))
_TEENS = "|".join(cardinal(number) for number in range(10, 20))
_TENS = "|".join(cardinal(number) for number in range(20, 100, 10))
_RANKS = "|".join(ordinal(number) for number in (*range(1, 20), *range(20, 100, 10)))
_SCALES = "thousand|million|billion|trillion"
# one to ninety nine, also as a rank; possessive, so that "twenty" is not taken out of "twenty five hundred"
_BELOW_100 = rf"(?:(?:{_TENS})(?: (?:{_ONES}|{_RANKS}))?+|{_TEENS}|{_ONES}|{_RANKS})\b"
_COUNT_BELOW_100 = rf"(?:(?:{_TENS})(?: (?:{_ONES}))?+|{_TEENS}|{_ONES})\b"

_FOLDS: tuple[tuple[str, str], ...] = (
    (r"\bper cent\b", "percent"),
    (r"\bok\b", "okay"),
    (rf"(?<!half )(?<!of )\ba (?=(?:hundred|{_SCALES})\b)", "one "),
    # one hundred and one, two thousand and five; but not "one hundred and two hundred"
    (rf"\bhundred and (?={_BELOW_100}(?! hundred\b))", "hundred "),
    (rf"\b({_SCALES}) and (?={_BELOW_100}(?! (?:hundred|{_SCALES})\b))", r"\1 "),
    (rf"\b(dollars?|pounds?|euros?) and (?={_COUNT_BELOW_100} (?:cents?|pence|penny)\b)", r"\1 "),
    # years: nineteen hundred five is nineteen oh five, two thousand ten is twenty ten
    (rf"(?<!ty )\b({_TEENS}) hundred (?=(?:{_ONES})\b(?! (?:hundred|{_SCALES})\b))", r"\1 oh "),
    (rf"(?<!ty )\b({_TEENS}) hundred (?={_COUNT_BELOW_100}(?! (?:hundred|{_SCALES})\b))", r"\1 "),
    (
        (
            rf"(?<!ty )(?<!hundred )\btwo thousand (?=(?:(?:{_TENS})(?: (?:{_ONES}))?+|{_TEENS})\b"
            rf"(?! (?:hundred|{_SCALES})\b))"
        ),
        "twenty ",
    ),
    # five p m is five pm
    (rf"\b({_ONES}|{_TEENS}|{_TENS}|o'clock) ([ap]) m\b", r"\1 \2m"),
)
# What the extension's fast path knows too: a text without any of these is left as it is.
_TRIGGER = re.compile(rf"(?<![^ ])(?:ok|per|hundred|{_SCALES}|dollars?|pounds?|euros?|[ap] m)(?![^ ])")


def fold_variants(text: str) -> str:
    """Bring ways of saying one thing together in a normalized text.

    "and" inside numbers goes, years have one form, "a hundred" is "one hundred", "per cent" one word, "ok" is "okay",
    "five p m" is "five pm". Folding twice changes nothing.

    >>> fold_variants("at five p m two thousand and ten people said ok")
    'at five pm twenty ten people said okay'
    """
    if _TRIGGER.search(text) is None:
        return text
    for pattern, replacement in _FOLDS:
        text = re.sub(pattern, replacement, text)  # compiled once, when first needed
    return text
