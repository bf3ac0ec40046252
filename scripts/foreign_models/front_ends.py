"""Make tests/golden/front_ends.npz: what the libraries that define a front end make of one sound.

Run it in the environment of requirements.txt: python scripts/foreign_models/front_ends.py
"""

from __future__ import annotations

from pathlib import Path

import kaldi_native_fbank
import numpy as np
from transformers import ParakeetFeatureExtractor, SeamlessM4TFeatureExtractor, Wav2Vec2FeatureExtractor

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden" / "front_ends.npz"


def sound(seconds: float = 0.73) -> np.ndarray:
    """Return 16-bit samples at 16 kHz: a gliding tone with overtones, noise that swells, and a pause."""
    time_s = np.arange(round(16_000 * seconds)) / 16_000
    phase = 2 * np.pi * (110 * time_s + 60 * time_s**2)
    voice = sum(np.sin(k * phase) / k for k in range(1, 24))
    noise = np.random.default_rng(1).standard_normal(len(time_s))
    loudness = np.abs(np.sin(7 * time_s)) * (np.abs(time_s - 0.4) > 0.06)
    return np.round(8_000 * loudness * (voice + 0.3 * time_s * noise) / 3 + 10 * noise).astype(np.int16)


def parakeet(waveform: np.ndarray, bins: int) -> np.ndarray:
    extractor = ParakeetFeatureExtractor(feature_size=bins)
    made = extractor(waveform, sampling_rate=16_000, return_tensors="np")
    return made["input_features"][0][: int(made["attention_mask"][0].sum())]


def kaldi(waveform: np.ndarray, *, high_hz: float, snip_edges: bool, window: str = "povey") -> np.ndarray:
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.snip_edges = snip_edges
    options.frame_opts.window_type = window
    options.mel_opts.num_bins = 80
    options.mel_opts.high_freq = high_hz
    fbank = kaldi_native_fbank.OnlineFbank(options)
    fbank.accept_waveform(16_000, waveform.tolist())
    fbank.input_finished()
    return np.stack([fbank.get_frame(i) for i in range(fbank.num_frames_ready)])


def wav2vec2(waveform: np.ndarray) -> np.ndarray:
    return Wav2Vec2FeatureExtractor(do_normalize=True)(waveform, sampling_rate=16_000)["input_values"][0]


def wav2vec2_bert(waveform: np.ndarray) -> np.ndarray:
    made = SeamlessM4TFeatureExtractor()(waveform, sampling_rate=16_000, return_tensors="np")
    return made["input_features"][0][: int(made["attention_mask"][0].sum())]


def main() -> None:
    samples = sound()
    waveform = (samples / 32_768).astype(np.float32)
    made = {
        "wav2vec2": wav2vec2(waveform),
        "nemo80": parakeet(waveform, 80),
        "nemo128": parakeet(waveform, 128),
        "kaldi": kaldi(waveform, high_hz=-400, snip_edges=False),
        "wenet": kaldi(samples.astype(np.float32), high_hz=0, snip_edges=True),
        "funasr, not stacked": kaldi(samples.astype(np.float32), high_hz=0, snip_edges=True, window="hamming"),
        "wav2vec2-bert": wav2vec2_bert(waveform),
    }
    np.savez_compressed(GOLDEN, samples=samples, **{name: value.astype(np.float32) for name, value in made.items()})


if __name__ == "__main__":
    main()
