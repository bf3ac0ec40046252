"""What a word is where nothing has been normalized."""

from __future__ import annotations


def split_words(sentence: str) -> list[str]:
    """Split at ASCII white space only, as n-gram models do: other spaces may be words, or stand in them."""
    if sentence.isascii() and sentence.isprintable():  # nearly always, and several times as fast
        return sentence.split()
    return [word.decode("utf-8", "surrogatepass") for word in sentence.encode("utf-8", "surrogatepass").split()]
