"""Times warm training steps of one network on several backends, in one run with the steps taking turns.

Each backend runs in a process of its own, under the Python that has it, and waits while another works.

    python benchmarks/backends.py tensorflow=.venv/bin/python jax=.venv-jax/bin/python torch=.venv-torch/bin/python
        [--preset small] [--rows 16] [--frames 800] [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]


def serve(preset: str, rows: int, frames: int) -> None:
    """Take a step, average included, for every line on stdin, and answer with its seconds; the first compiles."""
    from asrkit.presets import run_config
    from asrkit.training.optimizer import WeightAverage, compiled_network

    config = run_config({"preset": preset})
    network = compiled_network(config, 29, 1000)
    average = WeightAverage(network, config.training.ema_momentum)
    rng = np.random.default_rng(1)
    batch = {
        "features": rng.standard_normal((rows, frames, config.features.num_bins)).astype(np.float32),
        "frames": rng.integers(frames * 4 // 5, frames + 1, rows).astype(np.int32),
        "labels": rng.integers(0, 28, (rows, frames // 8)).astype(np.int32),
        "num_labels": np.full(rows, frames // 10, np.int32),
    }
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        network.train_on_batch(batch, return_dict=True)
        average.update()
        print(time.perf_counter() - start, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backends", nargs="*", metavar="BACKEND=PYTHON")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--frames", type=int, default=800)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.serve:
        serve(options.preset, options.rows, options.frames)
        return
    sizes = [f"--{name}={getattr(options, name)}" for name in ("preset", "rows", "frames")]
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
        server.stdout.readline()
    seconds: dict[str, list[float]] = {backend: [] for backend in servers}
    for _ in range(options.rounds + 2):  # two for compilation
        for backend, server in servers.items():
            server.stdin.write("\n")
            server.stdin.flush()
            seconds[backend].append(float(server.stdout.readline()))
    for server in servers.values():
        server.stdin.close()
        server.wait()
    best = {backend: min(values[2:]) for backend, values in seconds.items()}
    base = best[next(iter(best))]
    print(f"preset {options.preset}, {options.rows} x {options.frames} frames, best of {options.rounds}")
    for backend, value in best.items():
        print(f"{backend:<12} {value:8.3f} s a step   {value / base:5.2f}x   first {seconds[backend][0]:.1f} s")


if __name__ == "__main__":
    main()
