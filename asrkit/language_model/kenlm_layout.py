"""How KenLM's binary files are laid out, and whether one is whole.

KenLM maps its files and follows the numbers in them, out of the file if they lead there. So the sizes of all tables
are held against the file, and each number that leads into a table against that table, before KenLM sees the file; what
is left are values, which are looked at when KenLM answers.

The layout is that of version 5: lm/binary_format.cc, vocab.cc, search_hashed.hh, trie.cc, quantize.hh and bhiksha.cc.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

# After 88 bytes of checks: order, probing multiplier, model type, whether the words follow, version; then the counts.
_PARAMETERS = struct.Struct("<88x B 3x f I B 3x I")
_TYPES = ("probing", "probing", "trie", "trie, quantized", "trie, array", "trie, quantized, array")
_PROBING, _REST_PROBING = range(2)
_MAX_ORDER = 16
_MOST_MULTIPLIER = 1e3
_MOST_BITS = 25  # of a quantized number
_BLOCK = 1 << 20  # entries looked at at once, a multiple of 8


class KenlmLayout(NamedTuple):
    """What a KenLM binary is: its kind, numbers of n-grams by order, where its words begin (None: it has none)."""

    type: str
    counts: list[int]
    words_at: int | None


def read_layout(data: npt.NDArray[np.uint8]) -> KenlmLayout:
    """Read the header of a KenLM binary, and make sure that KenLM can use the file without leaving it.

    Raises:
        ValueError: It is damaged; the message says how.
    """
    try:
        order, multiplier, kind, has_words, _ = _PARAMETERS.unpack(data[: _PARAMETERS.size].tobytes())
        cursor = _Cursor(data, _PARAMETERS.size)
        if not 2 <= order <= _MAX_ORDER or kind >= len(_TYPES) or not 1 <= multiplier <= _MOST_MULTIPLIER:
            raise ValueError
        counts = [int(count) for count in cursor.take("<u8", order)]
    except (struct.error, ValueError):
        raise ValueError("its header says what no model is") from None
    cursor.at += -cursor.at % 8
    if kind in (_PROBING, _REST_PROBING):
        _check_probing(cursor, counts, multiplier, has_rest=kind == _REST_PROBING)
    else:
        _check_trie(cursor, counts, "quantized" in _TYPES[kind], "array" in _TYPES[kind])
    return KenlmLayout(_TYPES[kind], counts, cursor.at if has_words else None)


class _Cursor:
    """Takes one table after the other from a file."""

    def __init__(self, data: npt.NDArray[np.uint8], at: int) -> None:
        self._data = data
        self.at = at

    def take(self, dtype: Any, count: int) -> npt.NDArray[Any]:
        begin = self.at
        self.at += count * np.dtype(dtype).itemsize
        if self.at > self._data.size:
            raise ValueError("it is shorter than its header says")
        return np.ndarray(count, dtype, self._data, begin)


def _check_probing(cursor: _Cursor, counts: Sequence[int], multiplier: float, *, has_rest: bool) -> None:
    """Look at hash tables. A search in one goes on until it meets an empty place."""
    weights = "V12" if has_rest else "V8"

    def table(value: str, entries: int) -> npt.NDArray[Any]:
        places = cursor.take(
            [("key", "<u8"), ("value", value)], max(entries + 1, int(np.float32(multiplier) * np.float32(entries)))
        )
        if all(block["key"].all() for block in _blocks(places)):
            raise ValueError("a table of it has no empty place")
        return places

    cursor.take("V8", 1)
    words = table("<u4", counts[0])
    if any(block["value"].max() > counts[0] for block in _blocks(words)):
        raise ValueError("a word has a number that is too large")
    cursor.take(weights, counts[0] + 1)
    for entries in counts[1:-1]:
        table(weights, entries)
    table("V4", counts[-1])


def _check_trie(cursor: _Cursor, counts: Sequence[int], is_quantized: bool, is_array: bool) -> None:
    """Look at a trie: where the successors of each n-gram begin, those of the one after it begin or come later."""
    num_words = int(cursor.take("<u8", 1)[0])
    cursor.take("<u8", counts[0])
    if num_words > counts[0]:
        raise ValueError("it has more words than its header says")
    value_bits, longest_bits = 63, 31
    if is_quantized:
        _, longest_bits, backoff_bits = (int(byte) for byte in cursor.take("u1", 8)[:3])
        if not 1 <= longest_bits <= _MOST_BITS or not 1 <= backoff_bits <= _MOST_BITS:
            raise ValueError("its numbers cannot have so many bits")
        value_bits = longest_bits + backoff_bits
        cursor.take("<f4", (len(counts) - 2) * (2**longest_bits + 2**backoff_bits) + 2**longest_bits)
    unigrams = cursor.take([("weights", "V8"), ("next", "<u8")], counts[0] + 2)
    _check_rising((block["next"] for block in _blocks(unigrams[: num_words + 2])), counts[1])
    word_bits = counts[0].bit_length()
    chop: int | None = None
    for entries, followers in pairwise(counts[1:]):
        low_bits, high = followers.bit_length(), np.zeros(1, np.uint64)
        if is_array:
            begin = cursor.at
            head = cursor.take("u1", 2)
            chop = int(head[1]) if chop is None else chop  # the first one tells for all
            low_bits -= _chopped_bits(entries + 1, followers, chop)
            cursor.at = begin + -begin % 8 + 8
            high = cursor.take("<u8", (followers >> low_bits) + 1)
            if high[0] != 0:
                raise ValueError("a list in it does not begin with 0")
            _check_rising(_blocks(high), entries + 1)
            cursor.at += 7 - -begin % 8
        stride = word_bits + value_bits + low_bits
        packed = cursor.take("u1", ((entries + 1) * stride + 7) // 8 + 8)
        _check_rising(_pointers(packed, stride, low_bits, entries + 1, high), followers)
    cursor.take("u1", ((counts[-1] + 1) * (word_bits + longest_bits) + 7) // 8 + 8)


def _chopped_bits(entries: int, followers: int, most: int) -> int:
    """Return how many bits of a pointer stand in a list of their own: as many as makes both shortest."""
    bits = followers.bit_length()
    return min(range(min(bits, most) + 1), key=lambda chop: (followers >> (bits - chop)) * 64 - entries * chop)


def _pointers(
    packed: npt.NDArray[np.uint8], stride: int, bits: int, count: int, high: npt.NDArray[np.uint64]
) -> Iterator[npt.NDArray[Any]]:
    """Unpack the last ``bits`` of each ``stride``, with the bits above them: ``high`` holds where each value begins."""
    for begin in range(0, count, _BLOCK):
        size = min(_BLOCK, count - begin)
        block = np.empty(size, np.uint64)
        for lane in range(min(8, size)):  # every eighth entry begins at the same bit of a byte
            byte, bit = divmod((lane + 1) * stride - bits, 8)
            at, num_here = begin // 8 * stride + byte, (size - lane + 7) // 8
            block[lane::8] = np.ndarray(num_here, "<u8", packed, at, (stride,)) >> bit & ((1 << bits) - 1)
        if len(high) > 1:
            places = np.searchsorted(high, np.arange(begin, begin + size, dtype=np.uint64), "right") - 1
            block |= places.astype(np.uint64) << np.uint64(bits)
        yield block


def _blocks(array: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    return (array[begin : begin + _BLOCK] for begin in range(0, len(array), _BLOCK))


def _check_rising(blocks: Iterator[npt.NDArray[Any]], most: int) -> None:
    last = 0
    for block in blocks:
        if block[0] < last or (block[1:] < block[:-1]).any() or block[-1] > most:
            raise ValueError("its n-grams lie outside of it or in no order")
        last = block[-1]
