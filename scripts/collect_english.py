"""Rebuild the training and dev lists of english-small, the model in the box, from the public corpora.

    python scripts/collect_english.py OUTPUT_DIR [--mini-librispeech DIR] [--speechocean DIR] [--kathleen DIR]
        [--an4 DIR] [--ljspeech DIR] [--vctk DIR]

Each DIR is a corpus as its makers publish it, unpacked; nothing is downloaded or copied. OUTPUT_DIR gets ``train.tsv``
and ``dev.tsv``, which name your files, and AN4 as WAV where it comes as .raw. What to take of each corpus, and who is
in dev, stands in ``english_corpora.toml``. A corpus that is not given is left out, with a line that says what it costs.
``prepare_english.py`` makes of these lists what is trained on.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from prepare_an4 import read_public_tree

from asrkit.audio import SOUNDFILE_SUFFIXES
from asrkit.data import Utterance, fit_text, scan_manifest, write_manifest
from asrkit.data.lines import read_lines
from asrkit.data.statistics import measure_durations
from asrkit.errors import AsrkitError, ManifestError, MissingPathError
from asrkit.text import Alphabet

TABLE = Path(__file__).with_name("english_corpora.toml")
SETS = ("train", "dev")
NUM_NAMED = 3  # of the problems of a kind


@dataclass(frozen=True)
class Corpus:
    """What to take of a public corpus; the fields are explained in ``english_corpora.toml``."""

    name: str
    option: str
    title: str
    url: str
    license: str
    speaker: str
    utterances: dict[str, int]
    hours: dict[str, float]
    train: list[str]
    dev: list[str] = field(default_factory=list)
    leave_out: list[str] = field(default_factory=list)

    def set_of(self, utterance_id: str) -> str | None:
        """Return ``train``, ``dev`` or, for what is not used, None."""
        if _is_among(utterance_id, self.leave_out):
            return None
        if _is_among(utterance_id, self.dev):
            return "dev"
        return "train" if _is_among(utterance_id, self.train) else None


def _is_among(utterance_id: str, beginnings: Iterable[str]) -> bool:
    for beginning in beginnings:
        first, _, last = beginning.partition("..")
        if first <= utterance_id[: len(first)] and utterance_id[: len(last or first)] <= (last or first):
            return True
    return False


def load_corpora(path: Path = TABLE) -> list[Corpus]:
    """Return the table."""
    return [Corpus(name, **entry) for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items()]


def read_mini_librispeech(folder: Path, _: argparse.Namespace) -> list[Utterance]:
    """Read the tree of LibriSpeech, from whatever level of it."""
    return _scan(folder)


def read_ljspeech(folder: Path, _: argparse.Namespace) -> list[Utterance]:
    """Read ``metadata.csv`` and ``wavs``; clips that are not used need not be there."""
    return _scan(folder)


def read_speechocean(folder: Path, _: argparse.Namespace) -> list[Utterance]:
    """Read the Kaldi folders ``train`` and ``test``, whose paths begin at the corpus folder."""
    return [utterance for part in ("train", "test") for utterance in _scan(folder / part, folder)]


def read_an4(folder: Path, arguments: argparse.Namespace) -> list[Utterance]:
    """Read the public tree's training list."""
    if not (folder / "etc" / "an4_train.transcription").is_file():
        raise ManifestError("holds no etc/an4_train.transcription; name the folder 'an4' of the archive", path=folder)
    return list(read_public_tree(folder, arguments.output_dir / "an4_wav", arguments.an4_raw_endian))


def read_kathleen(folder: Path, _: argparse.Namespace) -> list[Utterance]:
    """Read ``data/arctic_a0001_1592748574.wav`` and so on, each with its text beside it in .txt."""
    recordings = {audio.with_suffix(""): audio for audio in folder.rglob("arctic_*") if _is_audio(audio)}
    return list(_paired(sorted(folder.rglob("arctic_*.txt")), lambda text: recordings.get(text.with_suffix(""))))


def read_vctk(folder: Path, _: argparse.Namespace) -> list[Utterance]:
    """Read speaker p239: version 0.92 (its first microphone, silence trimmed) or 0.80."""
    places = (("wav48_silence_trimmed", "_mic1"), ("wav48", ""))
    recordings: dict[str, Path] = {}
    for place, ending in places:
        for audio in filter(_is_audio, sorted((folder / place / "p239").glob(f"p239_*{ending}.*"))):
            recordings.setdefault(audio.stem.removesuffix(ending), audio)
    texts = sorted((folder / "txt" / "p239").glob("p239_*.txt"))
    return [replace(u, speaker="p239") for u in _paired(texts, lambda text: recordings.get(text.stem))]


def _scan(folder: Path, audio_root: Path | None = None) -> list[Utterance]:
    found, problems = scan_manifest(folder, audio_root, require_audio=False)
    warn_of_some(problems)
    return found


def _paired(texts: Iterable[Path], find: Callable[[Path], Path | None]) -> Iterator[Utterance]:
    for path in texts:
        yield Utterance(path.stem, find(path) or path.with_suffix(".wav"), " ".join(read_lines(path)).strip())


def _is_audio(path: Path) -> bool:
    return path.suffix.lower() in SOUNDFILE_SUFFIXES


READERS: dict[str, Callable[[Path, argparse.Namespace], list[Utterance]]] = {
    "mini_librispeech_train_clean_5": read_mini_librispeech,
    "speechocean762": read_speechocean,
    "kathleen": read_kathleen,
    "an4": read_an4,
    "ljspeech": read_ljspeech,
    "vctk": read_vctk,
}


def collect(corpus: Corpus, folder: Path, arguments: argparse.Namespace) -> dict[str, list[Utterance]]:
    """Return a corpus's utterances of each set, measured and with texts that the alphabet can write.

    Raises:
        MissingPathError: The folder is not there.
        ManifestError: It is not this corpus.
    """
    if not folder.is_dir():
        raise MissingPathError(f"no such folder (--{corpus.option})", path=folder)
    wanted = [u for u in READERS[corpus.name](folder, arguments) if corpus.set_of(u.id)]
    measured, errors = measure_durations(sorted(wanted, key=_order))
    warn_of_some(errors)
    utterances = [
        replace(u, speaker=corpus.speaker.format(u.speaker), corpus=corpus.name)
        for u in fit_text(measured, Alphabet()).utterances
    ]
    if not utterances:
        raise ManifestError(f"holds none of the recordings of {corpus.title}; see {corpus.url}", path=folder)
    return {name: [u for u in utterances if corpus.set_of(u.id) == name] for name in SETS}


def _order(utterance: Utterance) -> list[tuple[int, str]]:
    """Sort 19-198 before 163-122947."""
    return [(int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", utterance.id)]


def describe(corpus: Corpus, sets: dict[str, list[Utterance]]) -> str:
    """Return a line on what was found, and warn where it is not what the released model saw."""
    parts = []
    for name, utterances in sets.items():
        hours = sum(utterance.duration_s or 0.0 for utterance in utterances) / 3600
        parts.append(f"{name} {len(utterances):,} utterances, {hours:.2f} h (of {corpus.hours[name]:.2f} h)")
        if len(utterances) != corpus.utterances[name]:
            warn(f"{corpus.name}: {len(utterances):,} utterances for {name}, {corpus.utterances[name]:,} expected")
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
    for corpus in corpora:
        text = f"{corpus.title} ({corpus.license}): {corpus.url}"
        parser.add_argument(f"--{corpus.option}", dest=corpus.name, type=Path, metavar="DIR", help=text)
    parser.add_argument("--an4-raw-endian", choices=("little", "big"), default="little", help="of AN4's .raw audio")
    arguments = parser.parse_args()
    if all(getattr(arguments, corpus.name) is None for corpus in corpora):
        parser.error("no corpus given; name at least one, for example --mini-librispeech DIR")
    return arguments


def main() -> None:
    corpora = load_corpora()
    arguments = parse_arguments(corpora)
    lists: dict[str, list[Utterance]] = {name: [] for name in SETS}
    try:
        for corpus in corpora:
            folder = getattr(arguments, corpus.name)
            if folder is None:
                hours = f"{corpus.hours['train']:.2f} h of training and {corpus.hours['dev']:.2f} h of dev speech"
                warn(f"NOT GIVEN: {corpus.title}, {hours}; unpack {corpus.url} and name it with --{corpus.option} DIR")
                continue
            sets = collect(corpus, folder, arguments)
            print(describe(corpus, sets))
            for name, utterances in sets.items():
                lists[name] += utterances
        for name, utterances in lists.items():
            write_manifest(arguments.output_dir / f"{name}.tsv", utterances)
            hours = sum(utterance.duration_s or 0.0 for utterance in utterances) / 3600
            expected = sum(corpus.hours[name] for corpus in corpora)
            print(f"{name}.tsv: {len(utterances):,} utterances, {hours:.2f} h (of {expected:.2f} h)")
    except AsrkitError as error:
        raise SystemExit(f"collect_english: {error}") from None


if __name__ == "__main__":
    main()
