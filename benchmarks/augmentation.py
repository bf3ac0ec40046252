"""What augmentation costs: seconds of audio that one thread works through in a second of processor time.

    python benchmarks/augmentation.py dev.tsv --noises musan/noise

Each change alone, then the recipe of docs/training.md; the folder of recordings is decoded before it counts.

Numbers are those of the thread's own processor time, so that a busy machine hurts little. At last whole batches are
made ahead by one thread and by several in turn, by the clock: that wants a machine with as many idle cores.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from timing import interleaved, machine, markdown_table

from asrkit.config import AugmentationConfig, FeatureConfig
from asrkit.data import read_manifest
from asrkit.degrading import Degrader, draw_other
from asrkit.features import extract_features
from asrkit.presets import run_config
from asrkit.training.augmentation import augment_waveform
from asrkit.training.batches import BatchMaker, prefetch
from asrkit.training.examples import Example

FloatArray = npt.NDArray[np.float32]

RATE_HZ = 16_000
CODECS = ("telephone", "mp3-16k", "mp3-32k", "opus-8k", "opus-16k")
RECIPE = {
    "noise_probability": 0.6,
    "noise_snr_db": (5.0, 30.0),
    "noises": ("colored", "babble"),
    "room_probability": 0.4,
    "clip_probability": 0.1,
    "codec_probability": 0.2,
    "codecs": ("telephone", "telephone", "mp3-16k", "opus-8k"),
}


def cases(folder: str | None) -> dict[str, dict[str, Any]]:
    """Return what is measured: a name, and the settings that differ from no augmentation at all."""
    noises = ("colored", "white", "babble", *([folder] if folder else []))
    return {
        "speed": {"speeds": (0.9,)},
        "gain": {"gain_db": 6.0},
        "room": {"room_probability": 1.0},
        **{f"noise: {name}": {"noise_probability": 1.0, "noises": (name,)} for name in noises},
        "clipping": {"clip_probability": 1.0},
        **{f"codec: {name}": {"codec_probability": 1.0, "codecs": (name,)} for name in CODECS},
        "recipe": {**AugmentationConfig().to_dict(), **RECIPE, "noises": (*RECIPE["noises"], *noises[3:])},
    }


def speed(waveforms: list[FloatArray], work: Callable[[int, int], object], least_s: float) -> float:
    """Return the seconds of audio that are worked through in a second of processor time.

    Args:
        waveforms: What is worked on.
        work: Works on the waveform of a place, in an epoch; the first epoch does not count.
        least_s: Processor time to measure.
    """
    spent_s = audio_s = 0.0
    epoch = 0
    while spent_s < least_s:
        started = time.thread_time()
        for place in range(len(waveforms)):
            work(place, epoch)
        if epoch:
            spent_s += time.thread_time() - started
            audio_s += sum(map(len, waveforms)) / RATE_HZ
        epoch += 1
    return audio_s / spent_s


def augmenting(waveforms: list[FloatArray], settings: dict[str, Any]) -> Callable[[int, int], object]:
    """Return the work of augmenting under some settings."""
    config = AugmentationConfig(**{"speeds": (1.0,), "gain_db": 0.0, **settings})
    degrader = Degrader(config, RATE_HZ, seed=1)

    def work(place: int, epoch: int) -> object:
        def another(rng: np.random.Generator) -> FloatArray:
            return waveforms[draw_other(place, len(waveforms), rng)]

        return augment_waveform(waveforms[place], degrader, np.random.default_rng([epoch, place]), another)

    return work


def batches_made(waveforms: list[FloatArray], workers: int) -> Callable[[], None]:
    """Return the work of making the batches of an epoch as the recipe says, ahead of a network that takes no time."""
    config = run_config({"preset": "small", "training": {"augmentation": RECIPE}})
    label = np.zeros(1, np.int32)
    samples = [np.rint(waveform * 32767).astype(np.int16) for waveform in waveforms]
    examples = [Example(str(place), "a", sound, label) for place, sound in enumerate(samples)]
    maker = BatchMaker(examples, config.features, config.training)
    plan = [list(range(first, min(first + 4, len(examples)))) for first in range(0, len(examples), 4)]

    def work() -> None:
        for _ in prefetch(lambda indices: maker.batch(indices, 1), plan, workers):
            pass

    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a manifest")
    parser.add_argument("--noises", help="a folder of recordings")
    parser.add_argument("--utterances", type=int, default=30, help="of the table")
    parser.add_argument("--batched", type=int, default=200, help="utterances that make the batches")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of processor time for each")
    options = parser.parse_args()
    utterances = read_manifest(options.data)
    waveforms = [u.waveform(RATE_HZ) for u in utterances[: options.utterances]]
    rows = []
    for name, settings in cases(options.noises).items():
        rows.append([name, f"{speed(waveforms, augmenting(waveforms, settings), options.seconds):,.0f}"])
    features = FeatureConfig()
    rate = speed(waveforms, lambda place, epoch: extract_features(waveforms[place], features), options.seconds)
    rows.append(["features", f"{rate:,.0f}"])
    print(f"{machine()}\n", *markdown_table(["what", "audio a second"], rows), sep="\n")
    waveforms = [u.waveform(RATE_HZ) for u in utterances[: options.batched]]
    made = {str(workers): batches_made(waveforms, workers) for workers in (1, options.workers)}
    one, several = interleaved(made, options.rounds).values()
    audio_s = sum(map(len, waveforms)) / RATE_HZ
    print(
        f"\nbatches: {audio_s / one:,.0f} s of audio a second by the clock with 1 thread, {audio_s / several:,.0f} "
        f"with {options.workers}: {one / several:.2f}x; load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
