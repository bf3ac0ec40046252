"""Containers whose header tells how many bytes of samples follow: WAV, RF64, W64, AIFF, CAF, AU and SPHERE.

What the header tells is compared with the bytes that are there: where fewer are, the recording is cut; where another
recording follows, the file is joined; where sound goes on, the number is mended in what libraries see of the file.
"""

from __future__ import annotations

import mmap
import re
import struct
from dataclasses import dataclass, replace
from pathlib import Path

from asrkit.audio.parts import Part

MAGICS = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"riff\x2e\x91\xcf\x11", b"FORM", b"caff", b".snd", b"dns.", b"NIST_1A\n")

_SLACK_BYTES = 8
_TAG_BYTES = 64  # fewer bytes behind the samples are no sound
_TAGS = (b"ID3", b"TAG", b"APETAG")
_NOT_ZERO = re.compile(rb"[^\0]")
_PRINTABLE = re.compile(rb"[ -~]{4}")
_EXTENSIBLE = b"\xfe\xff"  # the coding stands behind; of W64 libsndfile does not read it, and takes floats for integers
_IN_DS64 = 0xFFFF_FFFF  # RF64 has the size of such a chunk elsewhere
# Writers to a pipe put the largest number into the size field: in 32 bits about this, in 64 bits far more.
_UNKNOWN_SIZES = {"I": 0x7FFF_0000, "Q": 1 << 62, "q": 1 << 62}


@dataclass(frozen=True)
class _Kind:
    """A container of chunks."""

    magic: bytes
    form: bytes  # what it holds
    form_at: int
    first: int  # place of the first chunk
    chunk: str  # format of a chunk's name and size
    alignment: int
    samples: bytes = b"data"  # name of the chunk of the samples
    ahead: int = 0  # bytes of that chunk ahead of the samples
    counts_head: bool = False  # whether the size of a chunk counts its name and size

    def after(self, data: mmap.mmap, start: int, place: int) -> int:
        """Return the end of the chunk at a place of a file that begins at ``start``, past the end of what is cut."""
        head = struct.calcsize(self.chunk)
        size = struct.unpack(self.chunk, data[place : place + head])[1]
        end = int(place + max(head, size if self.counts_head else head + size))
        return end + -(end - start) % self.alignment

    def has_chunk(self, data: mmap.mmap, start: int, place: int) -> bool:
        """Tell whether a chunk begins here: a printable name, and a size that the file holds."""
        is_there = place + struct.calcsize(self.chunk) <= len(data) and _PRINTABLE.match(data, place) is not None
        return is_there and self.after(data, start, place) <= len(data) + self.alignment - 1


_KINDS = (
    *(_Kind(magic, b"WAVE", 8, 12, "<4sI", 2) for magic in (b"RIFF", b"RF64", b"BW64")),
    _Kind(b"RIFX", b"WAVE", 8, 12, ">4sI", 2),
    *(_Kind(b"FORM", form, 8, 12, ">4sI", 2, b"SSND", 8) for form in (b"AIFF", b"AIFC")),
    _Kind(b"caff", b"\0\1", 4, 8, ">4sq", 1, b"data", 4),
    _Kind(b"riff\x2e\x91\xcf\x11", b"wave", 24, 40, "<16sQ", 8, counts_head=True),
)


@dataclass(frozen=True)
class _Claim:
    """What a header tells of the samples behind it."""

    body: int  # their first byte
    size: int | None  # their bytes; None where nobody knows
    number: tuple[int, str, int] | None = None  # where it is told, in which format, and how much more it counts
    kind: _Kind | None = None  # how chunks behind the samples look
    patches: tuple[tuple[int, bytes], ...] = ()  # of how the samples are coded, where libsndfile takes them for others


def find_sample_parts(path: Path, data: mmap.mmap) -> list[Part]:
    """Return the recordings of a file that begins with one of ``MAGICS``, none where it is none of these containers."""
    parts: list[Part] = []
    place = 0
    while (claim := _claim_at(data, place)) is not None:
        part = _part(path, data, place, claim)
        if claim.patches:
            patches = (*part.patches, *((at - place, patch) for at, patch in claim.patches))
            part = replace(part, patches=patches, is_whole_file=False)
        parts.append(part)
        place += part.size
    return parts


def _part(path: Path, data: mmap.mmap, start: int, claim: _Claim) -> Part:
    """Return a recording to its end, its header mended where the bytes contradict it."""
    end, size, is_whole = len(data), claim.size, start == 0
    if size is None:
        return Part(path, start, end - start, is_whole_file=is_whole)
    samples = end - claim.body
    if samples < size:
        cut = f"{samples:,} of {size:,} bytes are there" if samples + _SLACK_BYTES < size else None
        return Part(path, start, end - start, is_whole_file=is_whole, cut=cut)
    behind = _behind(data, start, claim.body + size, claim.kind)
    if _claim_at(data, behind) is not None:
        return Part(path, start, behind - start)
    if end - behind < _TAG_BYTES or data[behind : behind + _TAG_BYTES].startswith(_TAGS):
        return Part(path, start, end - start, is_whole_file=is_whole)
    patches: tuple[tuple[int, bytes], ...] = ()
    if claim.number is not None:
        place, form, more = claim.number
        number = min(samples + more, (1 << 8 * struct.calcsize(form)) - 1)
        patches = ((place - start, struct.pack(form, number)),)
    remark = f"its header tells {size:,} bytes of samples, {samples:,} are there; all are read"
    return Part(path, start, end - start, patches, is_whole_file=is_whole and not patches, remark=remark)


def _behind(data: mmap.mmap, start: int, end: int, kind: _Kind | None) -> int:
    """Return the first byte behind the samples, the chunks that editors write there, and zeros."""
    if kind is not None and _claim_at(data, end) is None:  # not all who join files or write them pad
        end += -(end - start) % kind.alignment
        while _claim_at(data, end) is None and kind.has_chunk(data, start, end):
            end = kind.after(data, start, end)
    found = _NOT_ZERO.search(data, min(end, len(data)))
    return len(data) if found is None else found.start()


def _claim_at(data: mmap.mmap, start: int) -> _Claim | None:
    """Return what the header at a place tells, None where no container begins or it has no samples."""
    for kind in _KINDS:
        form = data[start + kind.form_at : start + kind.form_at + len(kind.form)]
        if data[start : start + len(kind.magic)] == kind.magic and form == kind.form:
            return _chunk_claim(data, start, kind)
    magic = data[start : start + 8]
    if magic[:4] in (b".snd", b"dns."):
        return _au_claim(data, start)
    return _sphere_claim(data, start) if magic == b"NIST_1A\n" else None


def _chunk_claim(data: mmap.mmap, start: int, kind: _Kind) -> _Claim | None:
    head = struct.calcsize(kind.chunk)
    ds64: int | None = None
    patches: tuple[tuple[int, bytes], ...] = ()
    place = start + kind.first
    while place + head <= len(data):
        name, size = struct.unpack(kind.chunk, data[place : place + head])
        if name == b"ds64":
            ds64 = place + head
        if kind.form == b"wave" and name[:4] == b"fmt " and data[place + head : place + head + 2] == _EXTENSIBLE:
            patches = ((place + head, data[place + head + 24 : place + head + 26]),)
        if name[:4] == kind.samples:
            more = kind.ahead + (head if kind.counts_head else 0)
            number = place + struct.calcsize(kind.chunk[:-1]), kind.chunk[0] + kind.chunk[-1], more
            if size == _IN_DS64 and ds64 is not None and ds64 + 16 <= len(data):
                number = ds64 + 8, "<Q", more
            return replace(_counted(data, place + head + kind.ahead, number, kind), patches=patches)
        place = kind.after(data, start, place)
    return None


def _au_claim(data: mmap.mmap, start: int) -> _Claim | None:
    order = ">" if data[start : start + 1] == b"." else "<"
    if start + 24 > len(data):
        return None
    offset = struct.unpack(f"{order}I", data[start + 4 : start + 8])[0]
    return _counted(data, start + offset, (start + 8, f"{order}I", 0)) if offset >= 24 else None


def _counted(data: mmap.mmap, body: int, number: tuple[int, str, int], kind: _Kind | None = None) -> _Claim:
    place, form, more = number
    told = struct.unpack(form, data[place : place + struct.calcsize(form)])[0]
    size = max(0, told - more)
    is_unknown = told < 0 or (told >= _UNKNOWN_SIZES[form[1]] and body + size > len(data))
    return _Claim(body, None if is_unknown else size, number, kind)


def _sphere_claim(data: mmap.mmap, start: int) -> _Claim | None:
    """Read the header of NIST SPHERE: lines of text; libsndfile reads to the end of the file, whatever they tell."""
    length = data[start + 8 : start + 16].strip()
    if not length.isdigit():
        return None
    header = data[start : start + int(length)]
    fields = dict(re.findall(rb"^(\w+) -\w+ (\S+)", header, re.MULTILINE))
    counts = [fields.get(name, b"") for name in (b"sample_count", b"channel_count", b"sample_n_bytes")]
    is_packed = b"," in fields.get(b"sample_coding", b"")  # "pcm,embedded-shorten"
    if is_packed or not all(count.isdigit() for count in counts):
        return _Claim(start + len(header), None)
    samples, channels, width = map(int, counts)
    return _Claim(start + len(header), samples * channels * width)
