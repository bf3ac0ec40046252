"""Times an imported model's network beside onnxruntime called by hand on the same batches, in turns, by CPU time.

Ours is ``Emitter.emissions``, and the rounding of its answers to what is decoded and kept; by hand the same features
are padded into the same batches and given to a session, and nothing else is done. Features are computed before the
clock starts. What ours takes outside of the session is measured too: turns on a busy machine differ by more.

    OMP_NUM_THREADS=1 python benchmarks/foreign.py models/hama models/other --audio wavs
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from timing import interleaved, machine, markdown_table

from asrkit.audio import AUDIO_SUFFIXES, load_waveform
from asrkit.emissions import to_half
from asrkit.features import extract_features
from asrkit.model.bundle import Bundle
from asrkit.model.folder import GRAPH
from asrkit.model.inference import Emitter, batches, feed, numpy_type, open_session

FloatArray = npt.NDArray[np.float32]
RATE_HZ = 16_000
BATCH = 16
MOST_PERCENT = 2.0


class Timed:
    """A session that counts the CPU seconds inside of it."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.seconds = 0.0

    def run(self, *arguments: Any) -> Any:
        """Run it."""
        start = time.process_time()
        answer = self._session.run(*arguments)
        self.seconds += time.process_time() - start
        return answer


def measure(path: Path, sounds: Sequence[FloatArray], rounds: int) -> list[str]:
    """Return a line of the table for a bundle."""
    bundle = Bundle.load(path)
    features = [extract_features(sound, bundle.features) for sound in sounds]
    groups = [features[start : start + BATCH] for start in range(0, len(features), BATCH)]
    emitter, graph = Emitter(bundle, threads=1), bundle.graph
    session = open_session(bundle.path / GRAPH, threads=1, device="cpu")
    types = {value.name: numpy_type(value) for value in session.get_inputs()}
    names = [name for name in (graph.output, graph.output_lengths) if name]

    def ours() -> None:
        for group in groups:
            for emissions in emitter.emissions(group):
                to_half(emissions)

    def by_hand() -> None:
        for group in groups:
            for places in batches([len(values) for values in group], graph.batching):
                session.run(names, feed(graph, types, [group[place] for place in places]))

    seconds = interleaved({"ours": ours, "by hand": by_hand}, rounds, time.process_time)
    timed = Timed(emitter._session)
    emitter._session = timed
    start = time.process_time()
    for _ in range(rounds):
        ours()
    outside = time.process_time() - start - timed.seconds
    total_s = sum(map(len, sounds)) / RATE_HZ
    percent = 100 * outside / timed.seconds
    return [
        f"{bundle.name} ({(bundle.path / GRAPH).stat().st_size / 1e6:.1f} MB)",
        f"{len(bundle.symbols):,}",
        graph.batching,
        f"{seconds['by hand']:.2f}",
        f"{total_s / seconds['by hand']:.0f}",
        f"{100 * (seconds['ours'] / seconds['by hand'] - 1):+.1f} %",
        f"{percent:.2f} %" + (" (too much)" if percent > MOST_PERCENT else ""),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bundles", type=Path, nargs="+")
    parser.add_argument("--audio", type=Path, required=True, help="Folder of recordings.")
    parser.add_argument("--seconds", type=float, default=300.0, help="Of audio.")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    sounds: list[FloatArray] = []
    for path in sorted(path for path in options.audio.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES):
        sounds.append(load_waveform(path, RATE_HZ))
        if sum(map(len, sounds)) >= RATE_HZ * options.seconds:
            break
    print(f"{machine()}; {len(sounds)} recordings, {sum(map(len, sounds)) / RATE_HZ:.0f} s, best of {options.rounds}\n")
    head = ("model", "outputs", "batches", "by hand, CPU s", "x real time", "ours, in turns", "outside of the session")
    print("\n".join(markdown_table(head, [measure(path, sounds, options.rounds) for path in options.bundles])))


if __name__ == "__main__":
    main()
