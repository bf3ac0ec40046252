"""Times warm training steps of one network on several backends, in one run with the steps taking turns.

Each backend runs in a process of its own, under the Python that has it, and waits while another works.

    python benchmarks/backends.py tensorflow=.venv/bin/python jax=.venv-jax/bin/python torch=.venv-torch/bin/python
        [--preset small] [--rows 16] [--frames 800] [--rounds 5]

With ``--data MANIFEST [--utterances 64]`` the steps are those of an epoch: its batches, in the shapes that the backend
gets to see, each timed once it has been met.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from timing import machine

from asrkit.config import RunConfig
from asrkit.data import read_manifest
from asrkit.features import num_frames
from asrkit.presets import run_config
from asrkit.text import Alphabet
from asrkit.text.units import Characters
from asrkit.training.batches import Batch, BatchMaker, plan_batches
from asrkit.training.examples import load_examples
from asrkit.training.shapes import shapes_here

REPOSITORY = Path(__file__).resolve().parents[1]


def random_batch(config: RunConfig, rows: int, frames: int) -> Batch:
    rng = np.random.default_rng(1)
    return {
        "features": rng.standard_normal((rows, frames, config.features.num_bins)).astype(np.float32),
        "frames": rng.integers(frames * 4 // 5, frames + 1, rows).astype(np.int32),
        "labels": rng.integers(0, 28, (rows, frames // 8)).astype(np.int32),
        "num_labels": np.full(rows, frames // 10, np.int32),
    }


def batches_of_epoch(config: RunConfig, manifest: Path, count: int) -> list[Batch]:
    """Return the batches of the second epoch, which is the first one that is not sorted."""
    utterances = read_manifest(manifest)
    utterances = utterances[:: max(1, len(utterances) // count)][:count]
    with tempfile.TemporaryDirectory() as cache:
        examples, _ = load_examples(utterances, Characters(Alphabet()), config, cache_dir=Path(cache))
        frames = [num_frames(len(example.samples), config.features) for example in examples]
        maker = BatchMaker(examples, config.features, config.training, shapes_here(frames, config))
        return [maker.batch(indices, 1) for indices in plan_batches(frames, config.training, 1)]


def serve(options: argparse.Namespace) -> None:
    """Say how many batches there are, then take a step for every line on stdin, average included, one batch a line.

    Each is answered with the seconds, by the clock and of the processor.
    """
    from asrkit.training.optimizer import WeightAverage, compiled_network

    config = run_config({"preset": options.preset})
    if options.data:
        batches = batches_of_epoch(config, options.data, options.utterances)
    else:
        batches = [random_batch(config, options.rows, options.frames)]
    network = compiled_network(config, 29, 1000)
    average = WeightAverage(network, config.training.ema_momentum)
    print(len(batches), flush=True)
    for batch, _ in zip(itertools.cycle(batches), sys.stdin, strict=False):
        start, spent = time.perf_counter(), time.process_time()
        network.train_on_batch(batch, return_dict=True)
        average.update()
        print(time.perf_counter() - start, time.process_time() - spent, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backends", nargs="*", metavar="BACKEND=PYTHON")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--frames", type=int, default=800)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--utterances", type=int, default=64)
    options = parser.parse_args()
    if options.serve:
        serve(options)
        return
    names = ("preset", "rows", "frames", "utterances", *(["data"] if options.data else []))
    sizes = [f"--{name}={getattr(options, name)}" for name in names]
    servers = {}
    for backend, python in (text.split("=", 1) for text in options.backends):
        environment = {
            **os.environ,
            "KERAS_BACKEND": backend,
            "PYTHONPATH": str(REPOSITORY),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        servers[backend] = server = subprocess.Popen(
            [python, __file__, "--serve", *sizes],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        num_batches = int(server.stdout.readline())
    warm_up = 1 if options.data else 2  # rounds, for compilation
    times = {backend: np.zeros((options.rounds + warm_up, num_batches, 2)) for backend in servers}
    for place in np.ndindex(options.rounds + warm_up, num_batches):
        for backend, server in servers.items():
            server.stdin.write("\n")
            server.stdin.flush()
            times[backend][place] = list(map(float, server.stdout.readline().split()))
    for server in servers.values():
        server.stdin.close()
        server.wait()
    best = {backend: values[warm_up:].min(axis=0).sum(axis=0) for backend, values in times.items()}
    base = best[next(iter(best))]
    size = f"{num_batches} batches of an epoch" if options.data else f"{options.rows} x {options.frames} frames"
    print(f"{machine()}; load {os.getloadavg()[0]:.1f}; preset {options.preset}, {size}, best of {options.rounds}")
    for backend, value in best.items():
        (clock, spent), (slower, more) = value, value / base
        first = times[backend][0, :, 0].sum()
        print(f"{backend:<12} {clock:8.3f} s {slower:5.2f}x   {spent:8.3f} CPU s {more:5.2f}x   first {first:.1f} s")


if __name__ == "__main__":
    main()
