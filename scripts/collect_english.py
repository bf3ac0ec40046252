"""Rebuild the training, dev and test lists of english-small, the model in the box, from the public corpora.

    python scripts/collect_english.py OUTPUT_DIR [--mini-librispeech DIR] [--librispeech-train DIR]
        [--librispeech-dev DIR] [--speechocean DIR] [--kathleen DIR] [--cmu-arctic DIR] [--an4 DIR] [--ljspeech DIR]
        [--vctk DIR]

Each DIR is a corpus as its makers publish it, unpacked, or a folder that holds it; nothing is downloaded or copied.
OUTPUT_DIR gets ``train.tsv``,
``dev.tsv`` and ``test.tsv``, which name your files, and AN4 as WAV where it comes as .raw. What to take of each corpus,
and who is in dev and test, stands in ``english_corpora.toml``. A corpus that is not given, or that its makers offer no
more, is left out, with a line that says what it costs. ``prepare_english.py`` makes of these lists what is trained on.
"""

from __future__ import annotations

import argparse
import functools
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from prepare_an4 import read_public_tree

from asrkit.data import Utterance, fit_text, scan_manifest, write_manifest
from asrkit.data.lines import read_lines
from asrkit.data.statistics import measure_durations
from asrkit.errors import AsrkitError, ManifestError
from asrkit.text import Alphabet

TABLE = Path(__file__).with_name("english_corpora.toml")
SETS = ("train", "dev", "test")
NUM_NAMED = 3  # of the problems of a kind
ARCTIC_PROMPT = re.compile(r'^\(\s*(\S+)\s+"(.*)"\s*\)$')


@dataclass(frozen=True)
class Corpus:
    """What to take of a public corpus; the fields are explained in ``english_corpora.toml``."""

    name: str
    title: str
    url: str
    license: str
    utterances: dict[str, int]
    hours: dict[str, float]
    option: str = ""
    known_by: str = ""
    speaker: str = "{}"
    train: list[str] = field(default_factory=list)
    dev: list[str] = field(default_factory=list)
    test: list[str] = field(default_factory=list)
    leave_out: list[str] = field(default_factory=list)
    every: int = 1
    one_take: bool = False

    def set_of(self, utterance_id: str) -> str | None:
        """Return ``train``, ``dev``, ``test`` or, for what is not used, None."""
        places = {None: self.leave_out, "test": self.test, "dev": self.dev, "train": self.train}
        return next((name for name, entries in places.items() if _is_among(utterance_id, entries)), None)

    def thinned(self, utterances: Iterable[Utterance]) -> Iterator[Utterance]:
        """Leave the training utterances out that ``every`` and ``one_take`` do, in the order of the list."""
        texts: set[str | None] = set()
        count: Counter[str | None] = Counter()
        for utterance in utterances:
            if self.set_of(utterance.id) == "train":
                is_repeated = self.one_take and utterance.text in texts
                texts.add(utterance.text)
                count[utterance.speaker] += 1
                if is_repeated or (count[utterance.speaker] - 1) % self.every:
                    continue
            yield utterance


def _is_among(utterance_id: str, entries: Iterable[str]) -> bool:
    return any(
        first <= utterance_id[: len(first)] and utterance_id[: len(last)] <= last
        for first, last in _ranges(tuple(entries))
    )


@functools.cache
def _ranges(entries: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the first and last beginnings that entries of the table stand for."""
    ranges = []
    for entry in entries:
        head, _, tails = entry.rpartition(": ")
        for first, _, last in (tail.partition("..") for tail in tails.split(" ")):
            ranges.append((head + first, head + (last or first)))
    return ranges


def load_corpora(path: Path = TABLE) -> list[Corpus]:
    """Return the table."""
    return [Corpus(name, **entry) for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items()]


def find_corpus(folder: Path, corpus: Corpus) -> Path:
    """Return the folder of a corpus: this one, or one of the corpus's name in it or up to two levels below.

    Raises:
        ManifestError: There is none.
    """
    name, _, within = corpus.known_by.partition("/")
    below = (place for level in ("", "*/", "*/*/") for place in sorted(folder.glob(level + name)))
    for place in (folder, *below):
        if any(place.glob(within)):
            return place
    raise ManifestError(
        f"holds no {within}; unpack {corpus.title} ({corpus.url}) and name its folder with --{corpus.option}",
        path=folder,
    )


def read_layout(folder: Path, _: Corpus, __: Path) -> list[Utterance]:
    """Read a part of LibriSpeech, LJSpeech, or Kathleen's texts beside recordings."""
    return _scan(folder)


def read_speechocean(folder: Path, _: Corpus, __: Path) -> list[Utterance]:
    """Read the Kaldi folders ``train`` and ``test``, whose paths begin at the corpus folder."""
    return [utterance for part in ("train", "test") for utterance in _scan(folder / part, folder)]


def read_an4(folder: Path, _: Corpus, output_dir: Path) -> Iterator[Utterance]:
    """Read the public tree's training list."""
    return read_public_tree(folder, output_dir / "an4_wav")


def read_cmu_arctic(folder: Path, _: Corpus, __: Path) -> Iterator[Utterance]:
    """Read ``etc/txt.done.data`` and ``wav`` of one voice and those beside it; ids begin with the voice."""
    for prompts in sorted(folder.absolute().parent.glob("cmu_us_*_arctic*/etc/txt.done.data")):
        voice_dir = prompts.parents[1]
        voice = voice_dir.name.split("_")[2]
        for match in filter(None, map(ARCTIC_PROMPT.match, read_lines(prompts))):
            audio = voice_dir / "wav" / f"{match[1]}.wav"
            yield Utterance(f"{voice}_{match[1]}", audio, match[2], speaker=voice)


def read_vctk(folder: Path, corpus: Corpus, _: Path) -> Iterator[Utterance]:
    """Read what is used of it alone: version 0.92 (its first microphone, silence trimmed) or 0.80."""
    for text in sorted(text for text in folder.glob("txt/*/*.txt") if corpus.set_of(text.stem)):
        speaker = text.parent.name
        older = folder / "wav48" / speaker / f"{text.stem}.wav"
        newer = folder / "wav48_silence_trimmed" / speaker / f"{text.stem}_mic1.flac"
        audio = older if older.is_file() else newer
        yield Utterance(text.stem, audio, " ".join(read_lines(text)), speaker=speaker)


def _scan(folder: Path, audio_root: Path | None = None) -> list[Utterance]:
    found, problems = scan_manifest(folder, audio_root, require_audio=False)
    warn_of_some(problems)
    return found


READERS: dict[str, Callable[[Path, Corpus, Path], Iterable[Utterance]]] = {
    "mini-librispeech": read_layout,
    "librispeech-train": read_layout,
    "librispeech-dev": read_layout,
    "speechocean": read_speechocean,
    "kathleen": read_layout,
    "cmu-arctic": read_cmu_arctic,
    "an4": read_an4,
    "ljspeech": read_layout,
    "vctk": read_vctk,
}


def collect(corpus: Corpus, folder: Path, output_dir: Path) -> dict[str, list[Utterance]]:
    """Return a corpus's utterances of each set, measured and with texts that the alphabet can write.

    Raises:
        ManifestError: The folder does not hold this corpus.
    """
    folder = find_corpus(folder, corpus)
    wanted = [u for u in READERS[corpus.option](folder, corpus, output_dir) if corpus.set_of(u.id)]
    spelled = fit_text(sorted(wanted, key=_order), Alphabet()).utterances
    measured, errors = measure_durations(list(corpus.thinned(spelled)))
    warn_of_some(errors)
    utterances = [replace(u, speaker=corpus.speaker.format(u.speaker), corpus=corpus.name) for u in measured]
    if not utterances:
        raise ManifestError(f"holds none of the recordings of {corpus.title}; see {corpus.url}", path=folder)
    return {name: [u for u in utterances if corpus.set_of(u.id) == name] for name in SETS}


def _order(utterance: Utterance) -> list[tuple[int, str]]:
    """Sort 19-198 before 163-122947."""
    return [(int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", utterance.id)]


def describe(corpus: Corpus, sets: dict[str, list[Utterance]]) -> str:
    """Return a line on what was found, and warn where it is not what the released model saw."""
    parts = []
    for name, expected in corpus.utterances.items():
        hours = sum(utterance.duration_s or 0.0 for utterance in sets[name]) / 3600
        parts.append(f"{name} {len(sets[name]):,} utterances, {hours:.2f} h (of {corpus.hours[name]:.2f} h)")
        if len(sets[name]) != expected:
            warn(f"{corpus.name}: {len(sets[name]):,} utterances for {name}, {expected:,} expected")
    return f"{corpus.name}: {'; '.join(parts)}"


def warn(message: str) -> None:
    print(f"collect_english: {message}", file=sys.stderr)


def warn_of_some(problems: Sequence[object]) -> None:
    """Name the first few of what cannot be used, and count the rest."""
    for problem in problems[:NUM_NAMED]:
        warn(f"left out: {problem}")
    if len(problems) > NUM_NAMED:
        warn(f"left out: {len(problems) - NUM_NAMED:,} more like these")


def parse_arguments(corpora: list[Corpus]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output_dir", type=Path)
    for option in READERS:
        first = next(corpus for corpus in corpora if corpus.option == option)
        text = f"{first.title} ({first.license}): {first.url}"
        parser.add_argument(f"--{option}", dest=option, type=Path, metavar="DIR", help=text)
    arguments = parser.parse_args()
    if all(getattr(arguments, option) is None for option in READERS):
        parser.error("no corpus given; name at least one, for example --mini-librispeech DIR")
    return arguments


def main() -> None:
    corpora = load_corpora()
    arguments = parse_arguments(corpora)
    lists: dict[str, list[Utterance]] = {name: [] for name in SETS}
    try:
        for corpus in corpora:
            hours = " and ".join(f"{hours:.2f} h of {name}" for name, hours in corpus.hours.items())
            if not corpus.option:
                warn(f"NOT OFFERED ANY MORE: {corpus.title}, {hours} speech")
                continue
            folder = getattr(arguments, corpus.option)
            if folder is None:
                warn(
                    f"NOT GIVEN: {corpus.title}, {hours} speech; unpack {corpus.url} and name it with "
                    f"--{corpus.option} DIR"
                )
                continue
            sets = collect(corpus, folder, arguments.output_dir)
            print(describe(corpus, sets))
            for name, utterances in sets.items():
                lists[name] += utterances
        for name, utterances in lists.items():
            path = arguments.output_dir / f"{name}.tsv"
            path.unlink(missing_ok=True)  # of an earlier run; an empty list is none
            if utterances:
                write_manifest(path, utterances)
            found = sum(utterance.duration_s or 0.0 for utterance in utterances) / 3600
            expected = sum(corpus.hours.get(name, 0.0) for corpus in corpora)
            print(f"{name}.tsv: {len(utterances):,} utterances, {found:.2f} h (of {expected:.2f} h)")
    except (AsrkitError, OSError) as error:
        raise SystemExit(f"collect_english: {error}") from None


if __name__ == "__main__":
    main()
