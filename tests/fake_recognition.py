"""A model small enough to check by hand: a fixed local function of the features, read off greedily."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from asrkit.config import FeatureConfig
from asrkit.decoder import Hypothesis, Word
from asrkit.features import extract_features
from asrkit.text import Alphabet
from asrkit.transcription import Observer, TranscriptionSummary, transcribe
from asrkit.transcription.transcript import Transcript

FloatArray = npt.NDArray[np.float32]
STRIDE = 4


@dataclass(frozen=True)
class FakeModel:
    name: str = "fake"
    fingerprint: str = "f1"
    alphabet: Alphabet = field(default_factory=lambda: Alphabet(" abcde"))
    normalizer: str = "standard-1"
    language: str = "en"
    features: FeatureConfig = field(
        default_factory=lambda: FeatureConfig(sample_rate_hz=8_000, mel_bins=8, high_hz=3_800.0)
    )
    step_ms: float = 40.0
    lexicon: None = None
    longest_s: None = None

    @property
    def symbols(self) -> Alphabet:
        return self.alphabet


class FakeNetwork:
    """Each step depends on its own four frames only, so windows and batches cannot matter."""

    def __init__(self) -> None:
        self.weights = np.random.default_rng(3).normal(size=(8, 7)).astype(np.float32) * 2
        self.batches: list[int] = []

    def emissions(self, features: Sequence[FloatArray]) -> list[FloatArray]:
        self.batches.append(len(features))
        return [self._one(values) for values in features]

    def _one(self, values: FloatArray) -> FloatArray:
        steps = -(-len(values) // STRIDE)
        padded = np.zeros((steps * STRIDE, values.shape[1]), np.float32)
        padded[: len(values)] = values
        logits = padded.reshape(steps, STRIDE, -1).mean(axis=1) @ self.weights
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return logits.astype(np.float32)


class FakeDecoder:
    """Best symbol of each step, repeats and blanks removed; words carry their steps."""

    def __init__(self, alphabet: Alphabet) -> None:
        self.alphabet = alphabet

    def decode(self, emissions: FloatArray) -> list[Hypothesis]:
        best = emissions.argmax(axis=1)
        runs = [(int(index), [step for step, _ in steps]) for index, steps in groupby(enumerate(best), lambda p: p[1])]
        letters = [(self.alphabet.symbols[i], steps) for i, steps in runs if i != self.alphabet.blank_index]
        words = []
        for is_space, group in groupby(letters, lambda letter: letter[0] == " "):
            part = list(group)
            if not is_space:
                text = "".join(letter for letter, _ in part)
                words.append(Word(text, part[0][1][0], part[-1][1][-1] + 1, 0.5))
        score = float(emissions.max(axis=1).sum())
        text = " ".join(word.text for word in words)
        return [Hypothesis(text, score, score, 0.0, tuple(words), 0.75)]


def write_speech(path: Path, seconds: float, seed: int = 0, rate_hz: int = 8_000, channels: int = 1) -> Path:
    """Write noise whose color changes ten times a second, so that the fake model has something to say."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    num_samples = round(seconds * rate_hz)
    time_s = np.arange(num_samples)[:, None] / rate_hz
    pitch_hz = np.repeat(random.uniform(200, 3_500, size=(num_samples // 800 + 1, channels)), 800, axis=0)[:num_samples]
    samples = 0.3 * np.sin(2 * np.pi * pitch_hz * time_s) + 0.05 * random.normal(size=(num_samples, channels))
    soundfile.write(path, samples, rate_hz)
    return path


def expected_text(path: Path, channel: int | None = None) -> str:
    """The plain route: read, compute, decode, one file at a time."""
    from asrkit.audio import load_waveform

    model = FakeModel()
    waveform = load_waveform(path, model.features.sample_rate_hz, channel)
    emissions = FakeNetwork().emissions([extract_features(waveform, model.features)])[0]
    text: str = FakeDecoder(model.alphabet).decode(emissions)[0].text
    return text


LENGTHS_S = (0.3, 1.0, 2.2, 0.7, 1.3, 5.0)


def write_recordings(folder: Path) -> Path:
    """Write six short recordings of two speakers."""
    for index, seconds in enumerate(LENGTHS_S):
        write_speech(folder / f"speaker{index % 2}" / f"clip {index}.wav", seconds, seed=index)
    return folder


def run(inputs: Any, output_dir: Path | None, **options: Any) -> TranscriptionSummary:
    model = options.pop("model", FakeModel())
    options.setdefault("network", FakeNetwork())
    return transcribe(
        inputs if isinstance(inputs, list) else [inputs],
        model,
        output_dir=output_dir,
        make_decoder=lambda: FakeDecoder(model.alphabet),
        **options,
    )


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def contents(folder: Path) -> dict[str, bytes]:
    """Everything but the run's own diary, which holds times."""
    files = (
        path
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("run.json", ".asrkit.lock", ".asrkit.files")
    )
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


class Watcher(Observer):
    def __init__(self) -> None:
        self.ids: list[str] = []
        self.remarks: list[str] = []

    def transcribed(self, transcript: Transcript) -> None:
        self.ids.append(transcript.utterance_id)

    def remark(self, text: str) -> None:
        self.remarks.append(text)


def everything(done: tuple[Path, Path]) -> list[str]:
    return [line.split()[0] for line in (done[1] / "hyp.txt").read_text().splitlines()]
