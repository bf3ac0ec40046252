"""Split CMU AN4 by speaker into train.tsv, dev.tsv and test.tsv.

    python scripts/prepare_an4.py SOURCE OUTPUT_DIR

SOURCE is either a manifest whose column ``corpus`` says ``an4`` (other corpora in it are left out), or the public
tree from http://www.speech.cs.cmu.edu/databases/an4/ (``an4/etc/an4_train.transcription`` and the audio, .sph or
.raw, under ``an4/wav``). Speakers are sorted by id; the test speakers are the first and every seventh after it
(index 0, 7, 14, ...), the dev speakers those of index 3, 17, 31, ... (every 14th from 3). The same rule on the
same speakers gives the same split, whatever the file names. Of the public tree, only the training list is split.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from asrkit.audio import probe
from asrkit.data import Utterance, read_manifest, write_manifest
from asrkit.data.lines import read_lines
from asrkit.errors import AsrkitError, AudioError, ManifestError
from asrkit.writing import written_whole

TEST_EVERY = 7
DEV_EVERY, DEV_FIRST = 14, 3
RAW_RATE_HZ = 16_000
TRANSCRIPTION = re.compile(r"^(?:<s>)?\s*(.*?)\s*(?:</s>)?\s*\(([^\s-]+-([^\s-]+)(?:-\S*)?)\)$")


def split_speakers(utterances: list[Utterance]) -> dict[str, list[Utterance]]:
    """Return the utterances of ``train``, ``dev`` and ``test``; no speaker is in two of them."""
    speakers = sorted({utterance.speaker or "" for utterance in utterances})
    test = set(speakers[::TEST_EVERY])
    dev = set(speakers[DEV_FIRST::DEV_EVERY]) - test
    sets: dict[str, list[Utterance]] = {"train": [], "dev": [], "test": []}
    for utterance in utterances:
        name = "test" if utterance.speaker in test else "dev" if utterance.speaker in dev else "train"
        sets[name].append(utterance)
    return sets


def read_public_tree(folder: Path, converted_dir: Path) -> Iterator[Utterance]:
    """Read ``etc/an4_train.transcription``; headerless audio is written as WAV under ``converted_dir``.

    Raises:
        ManifestError: A line is malformed, or its recording is not there.
        AudioError: A recording cannot be read.
        OSError: ``converted_dir`` cannot be written to.
    """
    path = folder / "etc" / "an4_train.transcription"
    recordings = {audio.stem: audio for audio in sorted((folder / "wav").rglob("*")) if audio.suffix}
    for line, content in enumerate(read_lines(path), 1):
        match = TRANSCRIPTION.match(content.strip())
        if match is None:
            raise ManifestError("expected '<s> WORDS </s> (an251-fash-b)'", path=path, line=line)
        text, utterance_id, speaker = match[1].lower(), match[2], match[3]
        audio = recordings.get(utterance_id)
        if audio is None:
            raise ManifestError(f"no audio for {utterance_id!r} under {folder / 'wav'}", path=path, line=line)
        if audio.suffix == ".raw":
            audio = convert_raw(audio, converted_dir / f"{utterance_id}.wav")
        yield Utterance(utterance_id, audio, text, probe(audio).duration_s, speaker, "an4")


def convert_raw(source: Path, target: Path) -> Path:
    """Write headerless 16-bit audio as WAV; of the two orders of bytes, the wrong one makes noise of any sound."""
    content = source.read_bytes()
    if not content or len(content) % 2:
        raise AudioError(f"its {len(content):,} bytes are no 16-bit samples; copy it again", path=source)
    samples = min((np.frombuffer(content, order).astype(np.int16) for order in ("<i2", ">i2")), key=_roughness)
    with written_whole(target) as file:
        soundfile.write(file, samples, RAW_RATE_HZ, format="WAV")
    return target


def _roughness(samples: npt.NDArray[np.int16]) -> float:
    return float(np.abs(np.diff(samples.astype(np.int32))).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("output_dir", type=Path)
    arguments = parser.parse_args()
    try:
        if (arguments.source / "etc" / "an4_train.transcription").is_file():
            found = read_public_tree(arguments.source, arguments.output_dir / "wav")
            utterances = sorted(found, key=lambda utterance: utterance.id)
        else:
            utterances = [u for u in read_manifest(arguments.source) if u.corpus == "an4"]
        if not utterances:
            raise ManifestError("lists no utterances of corpus an4", path=arguments.source)
        for name, members in split_speakers(utterances).items():
            write_manifest(arguments.output_dir / f"{name}.tsv", members)
            hours = sum(utterance.duration_s or 0.0 for utterance in members) / 3600
            num_speakers = len({utterance.speaker for utterance in members})
            print(f"{name}: {len(members)} utterances, {num_speakers} speakers, {hours:.2f} h")
    except (AsrkitError, OSError) as error:
        raise SystemExit(f"prepare_an4: {error}") from None


if __name__ == "__main__":
    main()
