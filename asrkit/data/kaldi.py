"""Kaldi data folders, read and written: wav.scp, text, utt2spk, segments.

An entry of wav.scp may be a shell pipeline. Nothing is ever run; of the two that only unpack a format, ``flac`` and
``sph2pipe``, the file itself is read.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from asrkit.audio import AUDIO_SUFFIXES
from asrkit.data.lines import read_lines
from asrkit.data.rows import Problem, Row
from asrkit.data.utterance import Utterance
from asrkit.errors import ManifestError
from asrkit.writing import write_whole

_UNPACKERS = ("flac", "sph2pipe")
_TO_THE_END = re.compile(r"-1(?:\.0*)?")
_SPH2PIPE_CHANNELS = {"1": "0", "2": "1"}  # it counts from 1


def is_kaldi(folder: Path) -> bool:
    """Tell whether this is a Kaldi data folder."""
    return (folder / "wav.scp").is_file() and (folder / "text").is_file()


def read_kaldi(folder: Path) -> Iterator[Row | Problem]:
    """Read a Kaldi data folder; relative paths in ``wav.scp`` resolve as in any manifest."""
    recordings = dict(_pairs(folder / "wav.scp"))
    speakers = {key: value for key, (_, value) in _pairs(folder / "utt2spk")}
    segments = dict(_pairs(folder / "segments"))
    path = folder / "text"
    for utterance_id, (line, text) in _pairs(path):
        start_s = end_s = segment_channel = None
        recording_id = utterance_id
        if segments:
            fields = segments.get(utterance_id, (0, ""))[1].split()
            if len(fields) not in (3, 4):
                yield Problem(path, line, f"segments has no 'RECORDING START END [CHANNEL]' for {utterance_id!r}")
                continue
            recording_id, start_s, end_s = fields[:3]
            end_s = None if _TO_THE_END.fullmatch(end_s) else end_s
            segment_channel = fields[3] if len(fields) > 3 and fields[3] != "-1" else None
        entry = recordings.get(recording_id, (0, ""))[1]
        audio, channel = _audio_file(entry)
        if audio is None:
            why = f"is a pipeline that asrkit does not run: {entry[:60]!r}" if entry else "is missing"
            yield Problem(path, line, f"the recording {recording_id!r} in wav.scp {why}")
            continue
        speaker, channel = speakers.get(utterance_id), channel or segment_channel
        yield Row(path, line, audio, utterance_id, text, None, speaker, None, start_s, end_s, channel)


def write_kaldi(folder: Path | str, utterances: Sequence[Utterance]) -> None:
    """Write a Kaldi data folder, sorted as Kaldi wants it; of one written before, no table stays.

    Raises:
        ManifestError: The folder cannot be written, or an utterance is a part without an end.
    """
    folder = Path(folder)
    has_parts = any(utterance.start_s is not None or utterance.channel is not None for utterance in utterances)
    tables: dict[str, list[str]] = {name: [] for name in ("wav.scp", "text", "utt2spk", "utt2dur", "segments")}
    speakers: dict[str, list[str]] = {}
    for utterance in sorted(utterances, key=lambda utterance: utterance.id.encode()):
        recording_id = f"{utterance.id}-rec" if has_parts else utterance.id
        tables["wav.scp"].append(f"{recording_id} {utterance.audio_path.absolute()}")
        tables["text"].append(f"{utterance.id} {utterance.text or ''}".rstrip())
        speaker = "_".join((utterance.speaker or utterance.id).split())
        tables["utt2spk"].append(f"{utterance.id} {speaker}")
        speakers.setdefault(speaker, []).append(utterance.id)
        if utterance.duration_s is not None:
            tables["utt2dur"].append(f"{utterance.id} {utterance.duration_s:.3f}")
        if has_parts:
            start_s = utterance.start_s or 0.0
            end_s = utterance.end_s or (None if utterance.duration_s is None else start_s + utterance.duration_s)
            if end_s is None:
                raise ManifestError(f"{utterance.id!r} has neither an end nor a duration", path=folder)
            channel = "" if utterance.channel is None else f" {utterance.channel}"
            tables["segments"].append(f"{utterance.id} {recording_id} {start_s:.3f} {end_s:.3f}{channel}")
    tables["spk2utt"] = [f"{speaker} {' '.join(ids)}" for speaker, ids in sorted(speakers.items())]
    try:
        for name, lines in tables.items():
            if lines:
                write_whole(folder / name, "".join(f"{line}\n" for line in lines))
            else:
                (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise ManifestError(f"cannot be written: {error.strerror}", path=folder) from None


def _pairs(path: Path) -> Iterator[tuple[str, tuple[int, str]]]:
    """Yield key, line number and the rest of each line; nothing where there is no file."""
    if path.is_file():
        for line, content in enumerate(read_lines(path), 1):
            key, *rest = content.split(maxsplit=1)[:2] or [""]
            if key:
                yield key, (line, rest[0].strip() if rest else "")


def _audio_file(entry: str) -> tuple[str | None, str | None]:
    """Return the file that an entry of wav.scp names, None when it is not to be had without running something.

    With it comes the channel, where the entry takes one.
    """
    if not entry.endswith("|"):
        return entry or None, None
    try:
        words = shlex.split(entry.removesuffix("|"))
    except ValueError:
        return None, None
    files = [word for word in words[1:] if Path(word).suffix.lower() in AUDIO_SUFFIXES]
    if not words or Path(words[0]).name not in _UNPACKERS or "|" in words or len(files) != 1:
        return None, None
    if Path(words[0]).name == "flac":
        return files[0], None
    if any(word[:2] in ("-s", "-t") for word in words):  # takes a part
        return None, None
    wanted = [after if word == "-c" else word[2:] for word, after in pairwise([*words, ""]) if word[:2] == "-c"]
    channel = _SPH2PIPE_CHANNELS.get(wanted[-1]) if wanted else None
    return (None if wanted and channel is None else files[0]), channel
