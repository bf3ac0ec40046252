"""Names of all transcripts of a run: distinct on every file system, and the same every time."""

from __future__ import annotations

import os
import random
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles_naming import folded, former_file, former_name_of_files, former_name_of_id

from asrkit.emissions import EMISSIONS_SUFFIX
from asrkit.text.identifiers import escape_id, is_id
from asrkit.transcription.formats import FORMATS
from asrkit.transcription.naming import OWN_NAMES, Wish, file_in, safe_path, settle

OUT = Path("/out")
HASH = r"~[0-9a-f]{32}"


def names_of(wishes: Sequence[Wish], **options: bool) -> list[str]:
    return [name for _, name in settle(wishes, **options)]


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["x.wav", "y.wav"], ["x", "y"]),
        (["x.wav", "x.mp3", "y.wav"], ["x.wav", "x.mp3", "y"]),
        (["a/x.wav", "b/x.wav"], ["a/x", "b/x"]),
        (["x.wav", "x.mp3", "x.wav.ogg"], ["x.wav", "x.mp3", "x.wav.ogg"]),  # the stem of the third is taken
        (["X.wav", "x.mp3"], ["X.wav", "x.mp3"]),  # one name where the file system ignores case
        (["hyp.wav", "results.ogg", "a/hyp.wav"], ["hyp.wav", "results.ogg", "a/hyp"]),  # names the run itself needs
        (["no_suffix", "v1.2/x"], ["no_suffix", "v1.2/x"]),
        (["a.wav", "a.txt/b.wav"], ["a.wav", "a.txt/b"]),  # a.txt cannot be a file and a folder
        (["a.wav", "a.JSONL/b.wav"], ["a.wav", "a.JSONL/b"]),  # nor in any other format, wanted now or later
        (["x.wav", "x.emissions.npz/y.wav"], ["x.wav", "x.emissions.npz/y"]),
        (["a.wav", "a.wav.txt/b.wav", "a.txt/c.wav"], [rf"a.wav{HASH}", "a.wav.txt/b", "a.txt/c"]),
        (["hyp"], [rf"hyp{HASH}"]),  # no suffix to keep
        (["hyp.txt/a.wav", "b/hyp.txt/a.wav"], ["%68yp.txt/a", "b/hyp.txt/a"]),
        (["Results.jsonl/a.wav"], ["%52esults.jsonl/a"]),
        ([".asrkit.lock/a.wav", "d/.asrkit-1.part/a.wav"], ["%2Easrkit.lock/a", "d/%2Easrkit-1.part/a"]),
        (["con.wav", "NUL.x.wav", "aux/b.wav", "com1.wav"], ["%63on", "%4EUL.x", "%61ux/b", "%63om1"]),
        (["console.wav", "com10.wav", "a.con.wav"], ["console", "com10", "a.con"]),
        (["end./a.wav", "end /a.wav", "end/a.wav"], ["end%2E/a", "end%20/a", "end/a"]),  # one folder on Windows
        (["é.wav", "e\u0301.wav"], [r"é.wav" + HASH, "e\u0301.wav" + HASH]),  # one name on a Mac
        (["..wav", "...wav"], ["%2E", "%2E%2E"]),
        (["emissions/a.wav", "a.txt/b.wav"], ["emissions/a.wav", "a.txt/b"]),  # emissions/a.txt/b.emissions.npz
    ],
)
def test_clashing_files_keep_their_suffix(paths: list[str], names: list[str]) -> None:
    settled = settle([Wish.of_file(path) for path in paths])
    for (utterance_id, name), expected in zip(settled, names, strict=True):
        assert re.fullmatch(expected.replace(".", r"\.") if HASH not in expected else expected, name)
        assert is_id(utterance_id)
    assert len({utterance_id for utterance_id, _ in settled}) == len(paths)


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        (["a/b"], ["a/b"]),
        (["/etc/passwd"], ["etc/passwd"]),
        (["../../x"], ["%2E%2E/%2E%2E/x"]),
        (["..\\x"], ["%2E%2E/x"]),
        ([".."], ["%2E%2E"]),
        (["hyp"], ["hyp%"]),
        (["C:/x"], ["C%3A/x"]),
        (["/"], ["%"]),
        (["a//b"], ["a/b"]),
        (["a//b", "a/b"], [f"a/b%{HASH}"] * 2),
        (["a\\b", "a/b"], [f"a/b%{HASH}"] * 2),
        (["/a", "a", "a/"], [f"a%{HASH}"] * 3),
        (["A", "a"], ["A%" + HASH, "a%" + HASH]),
        (["a", "a.txt/b"], ["a%", "a.txt/b"]),
        (["hyp", "hyp%"], ["hyp%", "hyp%25"]),
        (["con", "x./y"], ["%63on", "x%2E/y"]),
    ],
)
def test_ids_stay_and_get_names_of_their_own(ids: list[str], names: list[str]) -> None:
    settled = settle([Wish.of_id(utterance_id) for utterance_id in ids])
    assert [utterance_id for utterance_id, _ in settled] == ids
    for (_, name), expected in zip(settled, names, strict=True):
        assert re.fullmatch(expected, name)
    assert len({name for _, name in settled}) == len(ids)


def test_long_parts_are_shortened_and_stay_apart() -> None:
    first, second = ("é" * 120 + end for end in ("a" * 14, "a" * 13 + "b"))
    files = [file_in(OUT, name, ".TextGrid").name for name in (first, second)]
    assert files[0] != files[1]
    assert all(len(name.encode()) <= 255 and name.endswith(".TextGrid") for name in files)
    assert file_in(OUT, "a/short", ".txt") == OUT / "a/short.txt"
    (folder,) = names_of([Wish.of_id("x" * 300 + "/y")])
    assert len(folder.split("/")[0]) == 255 and folder.endswith("/y")
    assert len({safe_path("x" * 300 + end) for end in ("1/y", "2/y")}) == 2


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ([Wish.of_file("a.wav"), Wish.of_file("a.ch1.wav")], [("a.wav", "a.wav"), ("a.ch1.wav", "a.ch1.wav")]),
        ([Wish.of_id("a"), Wish.of_id("a.ch1")], [("a", "a%"), ("a.ch1", "a.ch1%")]),
        ([Wish.of_file("a.wav"), Wish.of_file("a.ch0.wav")], [("a", "a"), ("a.ch0", "a.ch0")]),  # no channel's
        ([Wish.of_file("a.wav"), Wish.of_file("a.ch1.txt/b.wav")], [("a.wav", "a.wav"), ("a.ch1.txt/b",) * 2]),
    ],
)
def test_channels_have_room(wishes: list[Wish], expected: list[tuple[str, str]]) -> None:
    assert settle(wishes, split_channels=True) == expected


def test_what_has_an_id_keeps_it_and_files_give_way() -> None:
    wishes = [Wish.of_id("x"), Wish.of_id("y.wav"), Wish.of_file("x.wav"), Wish.of_file("y.wav"), Wish.of_file("y.mp3")]
    ids, names = zip(*settle(wishes), strict=True)
    assert ids[:3] == ("x", "y.wav", "x.wav") and ids[4] == "y.mp3"
    assert re.fullmatch(f"y.wav{HASH}", ids[3])
    assert len(set(ids)) == len({name.casefold() for name in names}) == 5


def test_lines_without_a_recording_have_ids_of_their_own() -> None:
    wishes = [Wish.of_line(Path(f"/{name}/list.tsv"), 2) for name in "ab"] + [Wish.of_id("list.tsv:3")]
    assert [utterance_id for utterance_id, _ in settle(wishes)] == ["/a/list.tsv:2", "/b/list.tsv:2", "list.tsv:3"]


def test_in_place_it_is_the_folder_of_the_audio_that_counts() -> None:
    def beside(utterance_id: str, folder: str) -> Wish:
        wish = Wish.of_id(utterance_id)
        return Wish(wish.key, wish.names, wish.utterance_id, folder)

    assert names_of([beside("s1/a", "/w"), beside("s2/b", "/w")]) == ["s1/a", "s2/b"]
    assert names_of([beside("s1/a", "/w"), beside("s2/a", "/v")]) == ["s1/a", "s2/a"]
    same = names_of([beside("s1/a", "/w"), beside("s2/a", "/w")])
    assert len({name.rpartition("/")[2] for name in same}) == 2
    stored = names_of([beside("s//a", "/w"), beside("s/a", "/v")])  # one place below emissions/
    assert len(set(stored)) == 2
    assert names_of([beside("a", "/w"), beside("b", "/w/a.txt")]) == ["a%", "b"]


PARTS = (
    "a", "A", "b", "é", "e\u0301", "ß", "ss", "SS", "K", "\u212a", "ﬁ", "fi", "İ", "i\u0307", "\u0345", "ι",
    "x" * 242, "x" * 300, "é" * 130, "É" * 130, "~", " ", "?", "a:b", "\udcff", "\u200d", "a%", "%61", "a~",
    ".", "..", "...", "a.", "a ", "con", "CON.a", "nul ", "lpt1", ".asrkit.lock", ".asrkit-1.part",
    "a.txt", "a.TXT", "a.json", "a.wav", "a.wav.txt", "a.emissions.npz", "a.ch1", "a.ch1.txt",
    "hyp", "HYP", "hyp.txt", "results.jsonl", "run", "emissions",
)  # fmt: skip
PATHS = st.lists(st.sampled_from(PARTS), min_size=1, max_size=3).map("/".join)
FILES = st.tuples(PATHS, st.sampled_from(["", ".wav", ".mp3", ".WAV", ".txt"])).map("".join)
FILES = FILES.filter(lambda path: not set(path.split("/")) & {".", ".."})
IDS = st.lists(st.sampled_from(PARTS), min_size=1, max_size=3).flatmap(
    lambda parts: st.sampled_from(["/", "\\", "//"]).map(lambda sign: sign.join(parts))
)
IDS = st.one_of(IDS, IDS.map("/{}".format), IDS.map("{}/".format)).map(escape_id)
WISHES = st.one_of(FILES.map(Wish.of_file), IDS.map(Wish.of_id))
FOLDINGS = (
    lambda name: unicodedata.normalize("NFC", name).casefold(),
    lambda name: unicodedata.normalize("NFC", name.casefold()),
    lambda name: unicodedata.normalize("NFD", name),
    str.lower,
    str.casefold,
)


def files_of(name: str, *, split_channels: bool) -> list[Path]:
    """Every file that any run may write for a recording."""
    files = []
    for stem in (name, f"{name}.ch1", f"{name}.ch12") if split_channels else (name,):
        files += [file_in(OUT, stem, form.suffix) for form in FORMATS.values()]
        files.append(file_in(OUT / "emissions", stem, EMISSIONS_SUFFIX))
    return files


@settings(max_examples=120)
@given(st.lists(WISHES, max_size=9, unique_by=lambda wish: (wish.key, wish.utterance_id is None)), st.booleans())
def test_names_are_good_on_every_file_system(wishes: list[Wish], split_channels: bool) -> None:
    settled = settle(wishes, split_channels=split_channels)
    files = [path for _, name in settled for path in files_of(name, split_channels=split_channels)]
    files += [OUT / name for name in OWN_NAMES]
    for fold in FOLDINGS:
        seen = [fold(str(path)) for path in files]
        assert len(set(seen)) == len(seen)
        folders = {fold(str(parent)) for path in files for parent in path.parents}
        assert folders.isdisjoint(seen)
    for path in files[: -len(OWN_NAMES)]:
        for part in path.relative_to(OUT).parts:
            assert 0 < len(os.fsencode(part)) <= 255
            assert part not in (".", "..") and not part.startswith(".asrkit") and part[-1] not in ". "
            assert not re.match(r"(?i)(con|prn|aux|nul|com\d|lpt\d) *(\.|$)", part)
    ids = [utterance_id for utterance_id, _ in settled]
    assert all(map(is_id, ids)) and len(set(ids)) == len(ids)
    assert [utterance_id for wish, utterance_id in zip(wishes, ids, strict=True) if wish.utterance_id is not None] == [
        wish.utterance_id for wish in wishes if wish.utterance_id is not None
    ]


@given(st.lists(WISHES, max_size=9, unique_by=lambda wish: (wish.key, wish.utterance_id is None)), st.randoms())
def test_the_order_of_inputs_does_not_matter(wishes: list[Wish], shuffler: random.Random) -> None:
    shuffled = wishes[:]
    shuffler.shuffle(shuffled)
    assert dict(zip(shuffled, settle(shuffled), strict=True)) == dict(zip(wishes, settle(wishes), strict=True))


CALM = ("x.wav", "x.mp3", "x.wav.mp3", "X.wav", "é.wav", "É.mp3", "y", "hyp.wav", "y .flac", "%.wav", "a~.wav", "x")
CALM_FILES = st.tuples(st.sampled_from(["", "a/", "a b/", "A/c/"]), st.sampled_from(CALM)).map("".join)


@given(st.lists(CALM_FILES, unique=True, max_size=12))
def test_files_are_called_what_they_always_were(paths: list[str]) -> None:
    former = former_name_of_files(paths)
    if len(set(map(folded, former))) == len(former):
        assert settle([Wish.of_file(path) for path in paths]) == [(escape_id(name), name) for name in former]
        for name in former:
            assert file_in(OUT, name, ".txt").name == former_file(PurePosixPath(name).name, ".txt")


@given(st.lists(CALM_FILES.map(escape_id), unique=True, max_size=12))
def test_ids_lead_where_they_always_led(ids: list[str]) -> None:
    former = [former_name_of_id(utterance_id) for utterance_id in ids]
    if len(set(map(folded, former))) == len(former):
        assert names_of([Wish.of_id(utterance_id) for utterance_id in ids]) == former


@pytest.mark.parametrize("length", [240, 241, 242, 246, 247, 250, 251, 252, 300])
@pytest.mark.parametrize("letter", ["x", "é"])
def test_long_files_are_called_what_they_always_were(letter: str, length: int) -> None:
    name = "x" * (length % 2) + letter * (length // len(letter.encode()))
    for suffix in [*(form.suffix for form in FORMATS.values()), EMISSIONS_SUFFIX]:
        (output,) = names_of([Wish.of_file(f"a/{name}.wav")])
        assert file_in(OUT, output, suffix) == OUT / "a" / former_file(name, suffix)
