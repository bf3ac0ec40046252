"""Damage to files of any kind: bits, cuts, values, repeats, insertions, and words that no writer would write.

A case is a number: the same number is always the same damage to the same files. What lies in an archive or an array is
damaged inside a whole one three times in four, as whoever makes such a file on purpose would do.
"""

from __future__ import annotations

import gzip
import io
import random
import re
import struct
import zipfile
from collections.abc import Callable, Sequence

import numpy as np

Files = dict[str, bytes]  # of a folder, by name
Damage = Callable[[bytes, random.Random], bytes]

_MOST_GROWN = 300_000  # bytes that a repeat adds
_PACKED_AGAIN = 0.75
_TOKEN = re.compile(rb'-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|"(?:[^"\\\n]|\\.)*"|\w+|[^\w\s]+|\s+')
_NUMBERS = b"-1 0 1 2 1e999 -1e999 NaN nan inf -Infinity 1e308 1e-320 2147483648 4294967295 0x7f 1_000 \xd9\xa3".split()
_NUMBERS += [b"9" * 20, b"9" * 400, b"9" * 5_000, b"-9223372036854775808"]
_VALUES = rb"""true null [] {} "" "\ud800" "\u0000" [["a",1]] {"a":{}} ../../x /dev/zero %s%n <a>""".split()
_VALUES += [b"a b", b"1\t2", b"[" * 3_000, b'{"a":' * 3_000, b"(" * 300, b"x" * 70_000]
_SIGNS = b"\0,\xff\xfe,\xef\xbb\xbf,\xed\xa0\x80,\x1b]0;x\x07,\xe2\x80\xa8,\xcc\x81,\xe2\x80\xae,|,(,-->".split(b",")
_SIGNS += [b":", b"\\", b"", b"\n", b"\r", b"\t", b" ", b'"', b",", b"\f"]
_FIELDS = [struct.pack(f"<{kind}", value) for kind in "fd" for value in (float("nan"), float("inf"), 3e38, -1.0)]
_FIELDS += [fill * size for fill in (b"\0", b"\xff", b"\x7f") for size in (1, 2, 4, 8, 32)]
_FIELDS += [b"\0" * (size - 1) + b"\x80" for size in (1, 2, 4, 8)]


def _bits(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice([1, 1, 1, 8, 64])):
        changed[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _cuts(data: bytes, draw: random.Random) -> bytes:
    begin, end = sorted(draw.choices(range(len(data)), k=2))
    longer = data + bytes(draw.choice([1, 64, 5_000]))
    return draw.choice([data[:begin], data[begin:], data[:begin] + data[end:], longer])


def _values(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        field = draw.choice(_FIELDS)
        unit = draw.choice([1, len(field)])
        at = draw.randrange(len(data)) // unit * unit
        changed[at : at + len(field)] = field
    return bytes(changed[: len(data)])


def _repeats(data: bytes, draw: random.Random) -> bytes:
    begin, size = draw.randrange(len(data)), draw.choice([1, 4, 30, 300])
    part = data[begin : begin + size]
    times = min(draw.choice([1, 2, 10, 1_000]), _MOST_GROWN // len(part))
    return data[:begin] + part * times + data[begin:]


def _insertions(data: bytes, draw: random.Random) -> bytes:
    at, other, size = draw.randrange(len(data)), draw.randrange(len(data)), draw.choice([1, 4, 16, 300])
    part = draw.choice([draw.randbytes(size), data[other : other + size]])
    return data[:at] + part + data[at + draw.choice([0, len(part)]) :]


def _words(data: bytes, draw: random.Random) -> bytes:
    tokens = list(_TOKEN.finditer(data))
    for token in sorted(draw.choices(tokens, k=draw.choice([1, 1, 1, 3])), key=lambda t: -t.start()):
        others = draw.choice([_NUMBERS, _VALUES, _SIGNS])
        data = data[: token.start()] + draw.choice([*others, draw.choice(tokens)[0]]) + data[token.end() :]
    return data


def _lines(data: bytes, draw: random.Random) -> bytes:
    lines = data.split(b"\n")
    one, other = draw.choices(range(len(lines)), k=2)
    change = draw.randrange(4)
    if change == 0:
        lines[one], lines[other] = lines[other], lines[one]
    elif change == 1:
        lines[one] = lines[other]
    else:
        lines[one : one + 1] = [] if change == 2 else [lines[one], lines[other]]
    return b"\n".join(lines)


_ALL = (_bits, _cuts, _values, _repeats, _insertions, _words, _lines)
KINDS: dict[str, Damage] = {damage.__name__[1:]: damage for damage in _ALL}


def damage_files(folders: Sequence[Files], case: int) -> tuple[str, Files]:
    """Return the kind of damage of a case, and the files of a folder, one of which has it."""
    draw = random.Random(case)
    kind = list(KINDS)[case % len(KINDS)]
    files = dict(draw.choice(folders))
    name = draw.choice(list(files))
    files[name] = _damaged(files[name], KINDS[kind], draw)
    return kind, files


def _damaged(data: bytes, damage: Damage, draw: random.Random) -> bytes:
    is_packed_again = draw.random() < _PACKED_AGAIN
    if data.startswith(b"\x1f\x8b") and is_packed_again:
        return gzip.compress(_damaged(gzip.decompress(data), damage, draw))
    if data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        if is_packed_again:
            name = draw.choice(list(members))
            return _zipped(members | {name: _damaged(members[name], damage, draw)}, draw)
        data = _zipped(members, draw)
    elif data.startswith(b"\x93NUMPY") and is_packed_again:
        array = np.load(io.BytesIO(data))
        if array.dtype == np.uint8:  # a text
            buffer = io.BytesIO()
            np.save(buffer, np.frombuffer(_damaged(array.tobytes(), damage, draw), np.uint8))
            return buffer.getvalue()
    return damage(data or b" ", draw)


def _zipped(members: Files, draw: random.Random) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, archive.compression)
    return buffer.getvalue()
