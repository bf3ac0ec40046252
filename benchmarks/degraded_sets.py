"""Degrade a test set by generators that training does not use: does augmentation help on what it was not made for?

    python benchmarks/degraded_sets.py SET OUTPUT_DIR [--seed 7]

writes OUTPUT_DIR/noise.tsv, room.tsv and telephone.tsv with their recordings (16 kHz FLAC):

* noise: pink noise, its level swelling and falling in 0.1 to 1 s, and a hum of 100 Hz with overtones, 5 to 20 dB below
  the speech. Training has stationary colored noise and other speakers.
* room: a response of decaying noise whose high octaves die sooner, from 0.3 to 0.8 s, behind a direct sound 0 to 6 dB
  above it all. Training has image sources in boxes.
* telephone: 300 to 3,400 Hz at 8 kHz through GSM 06.10. Training has mu-law and MP3.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from asrkit.audio import load_waveform
from asrkit.data import read_manifest, write_manifest

RATE_HZ = 16_000
Waveform = npt.NDArray[np.float64]


def shaped(noise: Waveform, gain: Callable[[Waveform], Waveform]) -> Waveform:
    """Return noise of unit power with a spectrum times a gain, a function of Hz."""
    hertz = np.fft.rfftfreq(len(noise), 1 / RATE_HZ)
    noise = np.fft.irfft(np.fft.rfft(noise) * gain(hertz), len(noise))
    return noise / noise.std()


def in_noise(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    """Add swelling pink noise or a hum."""
    seconds = np.arange(len(waveform)) / RATE_HZ
    pink = shaped(rng.standard_normal(len(waveform)), lambda hertz: 1 / np.sqrt(np.maximum(hertz, 30.0)))
    swell = 1 + 0.9 * np.sin(2 * np.pi * seconds / rng.uniform(0.1, 1.0) + rng.uniform(0, 6.28))
    hum = np.sum([np.sin(2 * np.pi * 100 * k * seconds + rng.uniform(0, 6.28)) / k for k in range(1, 12)], axis=0)
    noise = pink * swell + rng.choice([0.0, 1.0]) * hum
    level = waveform.std() * 10 ** (-rng.uniform(5, 20) / 20)
    return waveform + noise * level / noise.std()


def _octaves(low_hz: float, hertz: Waveform) -> Waveform:
    return ((hertz >= low_hz) & (hertz < 4 * low_hz)) * 1.0


def in_room(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    """Convolve with an exponential decay, one for each octave."""
    reverberation_s = rng.uniform(0.3, 0.8)
    seconds = np.arange(int(reverberation_s * RATE_HZ)) / RATE_HZ
    tail = np.zeros(len(seconds))
    for octave, low_hz in enumerate((62.5, 250.0, 1000.0, 4000.0)):
        band = shaped(rng.standard_normal(len(seconds)), partial(_octaves, low_hz))
        tail += band * np.exp(-6.9 * seconds / (reverberation_s * (1.2 - 0.2 * octave)))
    tail[: int(rng.uniform(0.002, 0.01) * RATE_HZ)] = 0
    tail *= 10 ** (-rng.uniform(0, 6) / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    size = len(waveform) + len(tail)
    return np.fft.irfft(np.fft.rfft(waveform, size) * np.fft.rfft(tail, size), size)[: len(waveform)]


def on_telephone(waveform: Waveform, rng: np.random.Generator) -> Waveform:
    """Code as GSM 06.10, full rate."""
    narrow = soxr.resample(waveform, RATE_HZ, 8000)
    spectrum = np.fft.rfft(narrow)
    hertz = np.fft.rfftfreq(len(narrow), 1 / 8000)
    narrow = np.fft.irfft(spectrum * ((hertz > 300) & (hertz < 3400)), len(narrow))
    coded = io.BytesIO()
    soundfile.write(coded, narrow / max(1.0, np.abs(narrow).max()), 8000, format="WAV", subtype="GSM610")
    coded.seek(0)
    return soxr.resample(soundfile.read(coded)[0], 8000, RATE_HZ)[: len(waveform)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("set", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    utterances = read_manifest(options.set)
    for name, change in (("noise", in_noise), ("room", in_room), ("telephone", on_telephone)):
        folder = options.output / name
        folder.mkdir(parents=True)
        rows = []
        for number, utterance in enumerate(utterances):
            rng = np.random.default_rng([options.seed, number])
            changed = change(load_waveform(utterance.audio_path, RATE_HZ).astype(np.float64), rng)
            path = folder / f"{number:05}.flac"
            soundfile.write(path, 0.9 * changed / max(0.9, np.abs(changed).max()), RATE_HZ)
            rows.append(replace(utterance, audio_path=path))
        write_manifest(options.output / f"{name}.tsv", rows)


if __name__ == "__main__":
    main()
