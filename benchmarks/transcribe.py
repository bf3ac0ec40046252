"""Times ``asrkit transcribe`` on a folder beside the two loops people write by hand, in the same run.

The first loop takes one file after the other through Keras' ``predict`` and pyctcdecode; the second sorts by length
and predicts batches of 32. All use the same model, features, language model and a beam of 50. Every route runs in a
process of its own; importing and loading are not counted.

    python benchmarks/transcribe.py --bundle models/latest --lm lm/3gram.arpa --audio wavs
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import soundfile
from foundation import keras_network, random_bundle
from timing import machine, peak_mb

from asrkit.audio import AUDIO_SUFFIXES, load_waveform
from asrkit.config import DecodingConfig, TranscriptionConfig
from asrkit.features import extract_features
from asrkit.model.bundle import Bundle

REPOSITORY = Path(__file__).resolve().parents[1]
RATE_HZ = 16_000
BEAM = 50
BATCH = 32
ROUTES = ("asrkit", "file by file", "batches of 32")


def prepare(source: Path | None, folder: Path, seconds: float, suffix: str) -> None:
    """Write recordings of a folder, or noise, as 16 kHz files of one kind until there are enough seconds."""
    folder.mkdir()
    written_s = 0.0
    for number, waveform in enumerate(waveforms(source)):
        soundfile.write(folder / f"{number:05d}{suffix}", waveform, RATE_HZ)
        written_s += len(waveform) / RATE_HZ
        if written_s >= seconds:
            return


def waveforms(source: Path | None) -> Any:
    if source is not None:
        paths = sorted(path for path in source.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
        yield from (load_waveform(path, RATE_HZ) for path in paths)
        return
    random = np.random.default_rng(1)
    while True:
        yield random.normal(0, 0.1, int(RATE_HZ * random.uniform(2, 12))).astype(np.float32)


def run_ours(bundle: Bundle, lm: Path, wavs: Path, jobs: int) -> Callable[[], dict[str, float]]:
    from asrkit.transcription import transcribe

    decoding = DecodingConfig.from_dict({**bundle.decoding, "beam": BEAM, "decoder": "beam"})

    def work() -> dict[str, float]:
        with tempfile.TemporaryDirectory() as out:
            config = TranscriptionConfig(jobs=jobs)
            summary = transcribe([wavs], bundle, output_dir=out, lm=lm, decoding=decoding, config=config)
        assert not summary.failures, summary.failures
        return summary.stage_cpu_s

    return work


def run_plain(bundle: Bundle, lm: Path, wavs: Path, batch: int) -> Callable[[], dict[str, float]]:
    from asrkit.decoder import make_decoder
    from asrkit.model.lengths import output_lengths

    network = keras_network(bundle)
    settings = DecodingConfig.from_dict({**bundle.decoding, "beam": BEAM, "decoder": "pyctcdecode"})
    decoder = make_decoder(bundle.alphabet, settings, lm)

    def predict(features: list[np.ndarray]) -> list[np.ndarray]:
        lengths = np.array([len(values) for values in features], np.int32)
        padded = np.zeros((len(features), lengths.max(), bundle.features.num_bins), np.float32)
        for row, values in zip(padded, features, strict=True):
            row[: len(values)] = values
        logits = np.asarray(network.predict_on_batch({"features": padded, "frames": lengths}))
        log_probs = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
        return [rows[: output_lengths(int(n), bundle.model)] for rows, n in zip(log_probs, lengths, strict=True)]

    def work() -> dict[str, float]:
        paths = sorted(wavs.iterdir(), key=lambda path: soundfile.info(path).frames if batch > 1 else path.name)
        for start in range(0, len(paths), batch):
            features = [
                extract_features(load_waveform(path, RATE_HZ), bundle.features) for path in paths[start : start + batch]
            ]
            for emissions in predict(features):
                decoder.decode(emissions)
        return {}

    predict([np.zeros((200, bundle.features.num_bins), np.float32)])  # tracing is not counted
    return work


def child(arguments: argparse.Namespace) -> None:
    """Run one route and print its measurements as JSON."""
    bundle = Bundle.load(arguments.bundle)
    if arguments.child == "asrkit":
        work = run_ours(bundle, arguments.lm, arguments.audio, arguments.jobs)
    else:
        work = run_plain(bundle, arguments.lm, arguments.audio, 1 if arguments.child == "file by file" else BATCH)
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    stages = work()
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    print(json.dumps({"wall_s": wall_s, "cpu_s": cpu_s, "peak_mb": peak_mb(), "stages": stages}))


def measure(route: str, bundle: Path, lm: Path, audio: Path, jobs: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", route, "--bundle", bundle, "--lm", lm, "--audio", audio]
    done = subprocess.run([*map(str, command), "--jobs", str(jobs)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{route} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(bundle: Path, lm: Path, audio: Path, rounds: int, jobs: int) -> None:
    """Measure all routes turn by turn and print the best of each."""
    audio_s = sum(soundfile.info(path).duration for path in audio.iterdir())
    best: dict[str, dict[str, Any]] = {}
    for _ in range(rounds):
        for route in ROUTES:
            result = measure(route, bundle, lm, audio, jobs)
            best[route] = min(best.get(route, result), result, key=lambda one: one["cpu_s"])
    print(f"\n{len(list(audio.iterdir()))} WAV files, {audio_s:.0f} s of audio, beam {BEAM}; best of {rounds}")
    print("\n| route | wall s | x real time | CPU s | cores busy | peak MB | asrkit: faster | less CPU |")
    print("|---|---|---|---|---|---|---|---|")
    ours = best["asrkit"]
    for route, one in best.items():
        print(
            f"| {route} | {one['wall_s']:.1f} | {audio_s / one['wall_s']:.0f} | {one['cpu_s']:.1f} "
            f"| {one['cpu_s'] / one['wall_s']:.2f} | {one['peak_mb']:.0f} "
            f"| {one['wall_s'] / ours['wall_s']:.1f}x | {one['cpu_s'] / ours['cpu_s']:.1f}x |"
        )
    counted = sum(ours["stages"].values())
    print("\n| stage of asrkit | CPU s | share of all CPU |\n|---|---|---|")
    for stage, seconds in {**ours["stages"], "all else": ours["cpu_s"] - counted}.items():
        print(f"| {stage.removesuffix('_s')} | {seconds:.2f} | {seconds / ours['cpu_s']:.0%} |")


def compare_formats(bundle: Path, lm: Path, source: Path | None, folder: Path, seconds: float, jobs: int) -> None:
    print("\n| format | x real time | CPU s | audio stage, CPU s |\n|---|---|---|---|")
    for suffix in (".wav", ".flac", ".ogg", ".mp3"):
        audio = folder / f"as{suffix[1:]}"
        prepare(source, audio, seconds, suffix)
        one = measure("asrkit", bundle, lm, audio, jobs)
        audio_s = sum(soundfile.info(path).duration for path in audio.iterdir())
        print(f"| {suffix[1:]} | {audio_s / one['wall_s']:.0f} | {one['cpu_s']:.1f} | {one['stages']['audio_s']:.2f} |")


def measure_long(bundle: Path, lm: Path, source: Path | None, folder: Path, hours: float, jobs: int) -> None:
    """Transcribe one recording of many hours: the others one after the other, again and again."""
    folder.mkdir()
    left = int(hours * 3600 * RATE_HZ)
    with soundfile.SoundFile(folder / "long.wav", "w", RATE_HZ, 1) as file:
        while left > 0:
            for waveform in waveforms(source):
                file.write(waveform[:left])
                left -= len(waveform)
                if left <= 0:
                    break
    one = measure("asrkit", bundle, lm, folder, jobs)
    speed = hours * 3600 / one["wall_s"]
    print(f"\none recording of {hours:g} h: {speed:.0f} x real time, peak {one['peak_mb']:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, help="default: models/latest, else weights nobody trained")
    parser.add_argument("--lm", type=Path, help="default: lm/3gram.arpa, else lm/tiny.arpa")
    parser.add_argument("--audio", type=Path, help="a folder of recordings; default: noise")
    parser.add_argument("--seconds", type=float, default=600.0, help="how much of it")
    parser.add_argument("--long", type=float, default=0.0, help="also a recording of this many hours")
    parser.add_argument("--preset", help="random weights of this preset in place of a bundle")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=0, help="of asrkit; default: one per core")
    parser.add_argument("--child", choices=ROUTES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments)
        return
    latest, built = REPOSITORY / "models/latest", REPOSITORY / "lm/3gram.arpa"
    lm = (arguments.lm or (built if built.exists() else REPOSITORY / "lm/tiny.arpa")).resolve()
    print(machine())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        preset = arguments.preset or ("" if arguments.bundle or latest.exists() else "small")
        if preset:
            bundle = random_bundle(folder / "random", preset)
            print(f"model: preset {preset}, random weights: the search is not typical")
        else:
            bundle = Bundle.load((arguments.bundle or latest).resolve())
            print(f"model: {bundle.name}")
        prepare(arguments.audio, folder / "wav", arguments.seconds, ".wav")
        compare(bundle.path, lm, folder / "wav", arguments.rounds, arguments.jobs)
        compare_formats(bundle.path, lm, arguments.audio, folder, arguments.seconds / 4, arguments.jobs)
        if arguments.long:
            measure_long(bundle.path, lm, arguments.audio, folder / "long", arguments.long, arguments.jobs)


if __name__ == "__main__":
    main()
