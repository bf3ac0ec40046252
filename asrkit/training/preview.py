"""Utterances as the network will hear them, to judge the augmentation by ear and eye."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from asrkit.audio import FloatArray, write_waveform
from asrkit.config import RunConfig
from asrkit.data import Utterance, read_manifest
from asrkit.data.alphabets import fit_corpus
from asrkit.errors import TrainingError
from asrkit.text import Alphabet
from asrkit.text.normalizer import get_normalizer
from asrkit.text.units import Characters
from asrkit.training.batches import BatchMaker
from asrkit.training.examples import Example, read_examples
from asrkit.training.run import settle


@dataclass(frozen=True)
class Take:
    """One way in which an utterance is heard."""

    name: str  # ``as recorded``, or the epoch
    audio_path: Path  # what it sounds like, written
    features: FloatArray  # ``(frames, bins)`` for the network; 0 where they are masked
    seconds: float  # length of the audio
    done: Mapping[str, str]  # what was done to it: names and values


@dataclass(frozen=True)
class Preview:
    """An utterance in all its takes, the unchanged one first."""

    id: str
    text: str
    takes: tuple[Take, ...]


def preview_augmentation(
    config: RunConfig, output_dir: Path | str, *, count: int = 4, epochs: int = 3
) -> list[Preview]:
    """Write a few utterances as they are and as the network will hear them in some epochs.

    Everything is drawn from ``training.seed``, the epoch and the place in the manifest: the same settings give the same
    files.

    ``count`` utterances are spread over the manifest ``data.train``; each gets so many ``epochs`` and WAV files.

    Raises:
        ManifestError: The manifest cannot be used.
        TrainingError: No recording of those drawn can be read.
    """
    output_dir = Path(output_dir)
    config = settle(config)
    alphabet = Alphabet(config.data.alphabet)  # the texts are shown, not learned
    normalizer = get_normalizer(config.data.normalizer, config.data.language)
    found = read_manifest(str(config.data.train), audio_root=config.data.audio_root)
    utterances = fit_corpus(str(config.data.train), found, alphabet, normalizer).utterances
    places = [number * len(utterances) // count for number in range(min(count, len(utterances)))]
    maker = BatchMaker(_Readable(utterances, alphabet, config), config.features, config.training)
    output_dir.mkdir(parents=True, exist_ok=True)
    previews = []
    for number, place in enumerate(places, 1):
        with suppress(_UnreadableError):
            takes = _takes(maker, place, output_dir / f"{number:02}", epochs)
            previews.append(Preview(utterances[place].id, utterances[place].text or "", takes))
    if not previews:
        raise TrainingError("none of the recordings drawn can be read; see asrkit data check", path=config.data.train)
    return previews


def _takes(maker: BatchMaker, place: int, stem: Path, epochs: int) -> tuple[Take, ...]:
    """Write one utterance as recorded and as heard; its place in the manifest seeds what is drawn, as in a run."""
    rate_hz = maker.features.sample_rate_hz
    takes = []
    for epoch in (None, *range(1, epochs + 1)):
        heard, features = maker.heard(place, epoch)
        path = stem.with_name(f"{stem.name}-{'original' if epoch is None else f'epoch{epoch + 1}'}.wav")
        loudest = float(np.abs(heard.waveform).max(initial=0.0))
        write_waveform(path, heard.waveform / max(1.0, loudest), rate_hz)
        name = "as recorded" if epoch is None else f"epoch {epoch + 1}"
        takes.append(Take(name, path, features, len(heard.waveform) / rate_hz, heard.cells))
    return tuple(takes)


class _UnreadableError(TrainingError):
    """A recording cannot be read."""


class _Readable(Sequence[Example]):
    """The examples of a manifest, read when they are asked for: babble may ask for any."""

    def __init__(self, utterances: Sequence[Utterance], alphabet: Alphabet, config: RunConfig) -> None:
        self._utterances = utterances
        self._read = cache(lambda place: read_examples([utterances[place]], Characters(alphabet), config))

    def __len__(self) -> int:
        return len(self._utterances)

    def __getitem__(self, place: Any) -> Any:
        examples = self._read(place)
        if not examples:
            raise _UnreadableError("cannot be read", path=self._utterances[place].audio_path)
        return examples[0]
