"""Toy speech: every letter is a tone of its own, so a tiny network learns to read it in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from asrkit.data import Utterance, write_manifest

RATE_HZ = 16_000
LETTER_S = 0.12
LETTERS = "adeinorst"
WORDS = ("tin", "rod", "sea", "notes", "dart", "iron")
# Recordings of one length: TensorFlow traces a network once, where it does twice for batches of several shapes.
EVEN = WORDS[:3]


def speak(text: str, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return the waveform of a text, ``(samples,)``, with a little noise and a random voice."""
    pitch = rng.uniform(0.97, 1.03)
    pieces = []
    for character in text:
        time_s = np.arange(round(RATE_HZ * LETTER_S)) / RATE_HZ
        tone = np.zeros_like(time_s)
        if character != " ":
            hz = 300 * 1.32 ** LETTERS.index(character) * pitch
            tone = 0.4 * np.sin(2 * np.pi * hz * time_s) * np.hanning(len(time_s))
        pieces.append(tone)
    silence = np.zeros(round(0.1 * RATE_HZ))
    waveform = np.concatenate([silence, *pieces, silence])
    return (waveform + 0.002 * rng.standard_normal(len(waveform))).astype(np.float32)


def sentence(rng: np.random.Generator, num_words: int = 2, words: tuple[str, ...] = WORDS) -> str:
    return " ".join(rng.choice(words, num_words))


def write_corpus(folder: Path, size: int, seed: int = 0, prefix: str = "u", words: tuple[str, ...] = WORDS) -> Path:
    """Write recordings under ``folder/wavs`` and a manifest beside them; return the manifest."""
    rng = np.random.default_rng(seed)
    (folder / "wavs").mkdir(parents=True, exist_ok=True)
    utterances = []
    for index in range(size):
        text = sentence(rng, words=words)
        path = folder / "wavs" / f"{prefix}{index:03d}.wav"
        soundfile.write(path, speak(text, rng), RATE_HZ)
        utterances.append(Utterance(path.stem, path, text, soundfile.info(path).duration, f"voice{index % 5}"))
    manifest = folder / f"{folder.name}.tsv"
    write_manifest(manifest, utterances)
    return manifest
