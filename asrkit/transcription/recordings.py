"""From what a user names to the list of recordings: files, folders, globs, lists and manifests."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from asrkit.audio import AUDIO_SUFFIXES
from asrkit.config import TranscriptionConfig
from asrkit.emissions import ForeignEmissions, KeptEmissions
from asrkit.errors import AsrkitError, ManifestError, MissingPathError, TranscriptionError
from asrkit.transcription.listing import Listing, Wanted, by_suffix, is_own, is_true, list_input, say_left_out
from asrkit.transcription.naming import Wish, absolute, common_folder, settle

MANIFEST_SUFFIXES = frozenset({".csv", ".json", ".jsonl", ".tsv"})


@dataclass(frozen=True)
class Recording:
    """One thing to transcribe.

    Args:
        utterance_id: Unique in its run, without whitespace.
        path: The audio, an absolute path.
        output: Where its transcript goes, as ``asrkit.transcription.naming`` settles it: a path without suffix.
        channel: Channel to take, from 0; None mixes all.
        channels: Ids of all channels, of one of a recording that is split.
        start_s: First second, of a segment.
        end_s: Second to stop before, of a segment; None is the end.
        problem: Why it cannot be transcribed, when that is known already.
        emissions: What was stored of it, when that is decoded instead of the audio.
        duration_s: Seconds of audio, once it is scanned.
        version: What else than its audio decides its transcript, such as the text it is aligned with.
        fingerprint: What tells all this from another version of it, once it is scanned.
    """

    utterance_id: str
    path: Path
    output: str
    channel: int | None = None
    channels: tuple[str, ...] = ()
    start_s: float | None = None
    end_s: float | None = None
    problem: str | None = None
    emissions: KeptEmissions | ForeignEmissions | None = None
    duration_s: float = 0.0
    version: str = ""
    fingerprint: str = ""

    @property
    def is_segment(self) -> bool:
        """Whether it is a part of its file."""
        return self.start_s is not None or self.end_s is not None


Batch = tuple[Recording, ...]  # what goes through the network together


def find_recordings(
    inputs: Sequence[Path | str | Listing],
    listed: Sequence[Path | str | Listing] = (),
    *,
    recursive: bool = True,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    audio_root: Path | None = None,
    suffixes: Collection[str] = AUDIO_SUFFIXES,
    split_channels: bool = False,
    in_place: bool = False,
    left_out: set[Path] | None = None,
) -> list[Recording]:
    """List what there is to transcribe, sorted by id.

    A file is taken whatever its suffix, but ``.tsv``, ``.jsonl``, ``.json`` and ``.csv`` are manifests, and so is the
    ``wav.scp`` of Kaldi. A folder gives its audio files, unless it is one of Kaldi's; hidden ones are left out, a
    folder met twice through links is read once. A pattern such as ``wavs/**/*.flac`` is expanded where the shell did
    not. What a run wrote is no input.

    Args:
        inputs: Files, folders, patterns and manifests, and what is listed already.
        listed: More of them, from a list: one that is missing is a problem of its own.
        recursive: Whether to enter the folders below a folder.
        include: Patterns of names or relative paths to take from folders; default: every audio suffix.
        exclude: Patterns of names or relative paths to leave out.
        audio_root: Base of relative paths in manifests; default: the manifest's folder.
        suffixes: What counts as audio in a folder.
        split_channels: Whether each channel gets a transcript of its own.
        in_place: Whether transcripts go beside the recordings.
        left_out: The files that were passed over for their names are added to it.

    Raises:
        MissingPathError: A named path does not exist or a pattern matches nothing.
        ManifestError: A manifest is broken.
        TranscriptionError: There is nothing to transcribe.
    """
    wanted = Wanted(include, exclude, suffixes)
    left_out = set() if left_out is None else left_out
    found: dict[Path, str | None] = {}
    roots: list[Path] = []
    wishes: list[tuple[Wish, Recording]] = []
    missing: list[str] = []
    empty: list[Path] = []
    for index, given in enumerate([*inputs, *listed]):
        if not isinstance(given, Listing):
            if is_own(absolute(given)):
                continue
            if (table := _table(absolute(given))) is not None:
                wishes += _from_manifest(table, audio_root)
                continue
        listing = given if isinstance(given, Listing) else list_input(given, recursive, wanted)
        if listing is None and index < len(inputs):
            missing.append(str(given))
            continue
        if listing is None:
            path = absolute(str(given))
            listing = Listing(path.parent, {path: "no such file or folder"})
        roots.append(listing.root)
        found |= listing.files
        left_out.update(listing.left_out)
        if not listing.files and not include and not exclude:
            empty.append(listing.root)
    if missing:
        raise MissingPathError(f"no such file or folder: {', '.join(missing[:5])}{_and_more(missing)}")
    if found or wishes:  # one of several folders, as where a mount is gone; nothing at all is an error
        holding = {parent for path in found for parent in path.parents}
        lost = [folder for folder in empty if folder not in holding]
        found |= dict.fromkeys(lost, "the folder holds no recordings")
        roots += [folder.parent for folder in lost]
    left_out.difference_update(found)
    wishes += _from_folders(found, roots)
    if not wishes:
        raise TranscriptionError(_nothing_found([*inputs, *listed], include, left_out))
    if in_place:
        wishes = [(replace(wish, folder=one.path.parent.as_posix()), one) for wish, one in wishes]
    return named(wishes, split_channels=split_channels)


def named(wishes: Sequence[tuple[Wish, Recording]], *, split_channels: bool = False) -> list[Recording]:
    """Give recordings their ids and outputs, and sort them by id.

    Raises:
        ManifestError: Two bring the same id.
    """
    settled = settle([wish for wish, _ in wishes], split_channels=split_channels)
    recordings: dict[str, Recording] = {}
    for (utterance_id, output), (_, recording) in zip(settled, wishes, strict=True):
        if utterance_id in recordings:
            where = " and ".join(dict.fromkeys(str(one.path) for one in (recordings[utterance_id], recording)))
            raise ManifestError(
                f"two utterances of {where} have the id {utterance_id!r}; rename one, or keep them in different folders"
            )
        recordings[utterance_id] = replace(recording, utterance_id=utterance_id, output=output)
    return [recordings[utterance_id] for utterance_id in sorted(recordings)]


def is_manifest(path: Path) -> bool:
    """Whether a name is that of a manifest."""
    return path.suffix.lower() in MANIFEST_SUFFIXES


def _table(path: Path) -> Path | None:
    """Return a manifest or a Kaldi folder, which ``asrkit.data`` reads; None for anything else."""
    kaldi = path.parent if path.name == "wav.scp" else path
    if is_true((kaldi / "wav.scp").is_file) and (kaldi == path.parent or is_true((kaldi / "text").is_file)):
        return kaldi
    return path if is_manifest(path) and is_true(path.is_file) else None


def _from_folders(found: Mapping[Path, str | None], roots: list[Path]) -> list[tuple[Wish, Recording]]:
    if not found:
        return []
    base = common_folder(roots)
    return [(Wish.of_file(_below(path, base)), Recording("", path, "", problem=found[path])) for path in found]


def _below(path: Path, base: Path) -> str:
    return path.relative_to(base if path.is_relative_to(base) else path.anchor).as_posix()


def _from_manifest(path: Path, audio_root: Path | None) -> list[tuple[Wish, Recording]]:
    """Return the recordings of a manifest; a missing one is a problem of its own, a broken table is an error."""
    from asrkit.data import scan_manifest

    utterances, problems = scan_manifest(path, audio_root=audio_root, require_text=False)
    for problem in problems:
        if not problem.is_missing_audio:
            raise ManifestError(problem.message, path=problem.path, line=problem.line)
    absent = [
        (Wish.of_line(path, problem.line), Recording("", path, "", problem=problem.message)) for problem in problems
    ]
    return absent + [
        (
            Wish.of_id(utterance.id),
            Recording(
                "",
                absolute(utterance.audio_path),
                "",
                start_s=utterance.start_s,
                end_s=utterance.end_s,
                channel=utterance.channel,
            ),
        )
        for utterance in utterances
    ]


def _nothing_found(inputs: Sequence[Path | str | Listing], include: Sequence[str], left_out: Collection[Path]) -> str:
    places = (str(given.root if isinstance(given, Listing) else given) for given in inputs)
    wanted = ", ".join(include) if include else ", ".join(sorted(suffix[1:] for suffix in AUDIO_SUFFIXES))
    others = f"; {say_left_out(by_suffix(left_out))}" if left_out else ""
    return f"nothing to transcribe in {', '.join(places)}; looked for {wanted}{others}"


def _and_more(names: list[str]) -> str:
    return f" and {len(names) - 5} more" if len(names) > 5 else ""


def reason(error: Exception, recording: Recording) -> str:
    """Return why a recording failed, in one line without its path."""
    if isinstance(error, OSError) and error.strerror and error.filename == str(recording.path):
        return f"cannot be read: {error.strerror.lower()}"
    text = " ".join(str(error).split()) or type(error).__name__
    text = text.removeprefix(f"{' '.join(str(recording.path).split())}: ")
    return text if isinstance(error, AsrkitError) else f"{type(error).__name__}: {text}"


def plan_batches(recordings: Sequence[Recording], config: TranscriptionConfig) -> Iterator[Batch]:
    """Group recordings of similar length, the longest first, so that little is padded and no long one comes last.

    A batch holds at most ``batch_size`` recordings and ``batch_seconds`` of padded audio; a recording longer than a
    window is a batch by itself. How recordings are grouped never changes a transcript.
    """
    batch: list[Recording] = []
    longest_s = 0.0
    for recording in sorted(recordings, key=lambda r: (-r.duration_s, r.utterance_id)):
        if batch and (
            longest_s > config.window_s
            or len(batch) == config.batch_size
            or longest_s * (len(batch) + 1) > config.batch_seconds
        ):
            yield tuple(batch)
            batch = []
        if not batch:
            longest_s = recording.duration_s
        batch.append(recording)
    if batch:
        yield tuple(batch)
