"""Times an imported model's network beside onnxruntime called by hand on the same batches, in turns, by CPU time.

Ours is ``Emitter.emissions``, and the rounding of its answers to what is decoded and kept; by hand the same features
are padded into the same batches and given to a session, and nothing else is done. Features are computed before the
clock starts. What ours takes outside of the session is measured too: turns on a busy machine differ by more. Beside
it stands what the decoders take then.

``--outputs N`` makes three models of so many outputs, with 38 million weights below the last layer.

    OMP_NUM_THREADS=1 python benchmarks/foreign.py models/hama models/other --audio wavs --outputs 12000
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper
from timing import interleaved, machine, markdown_table

from asrkit.audio import AUDIO_SUFFIXES, load_waveform
from asrkit.config import DecodingConfig, front_end_named
from asrkit.decoder import BeamSearchDecoder, GreedyDecoder
from asrkit.emissions import as_stored
from asrkit.features import extract_features
from asrkit.model.bundle import Bundle
from asrkit.model.folder import GRAPH
from asrkit.model.importing import Wishes, import_model
from asrkit.model.inference import Emitter, batches, feed, numpy_type, open_session

FloatArray = npt.NDArray[np.float32]
RATE_HZ = 16_000
BATCH = 16
MOST_PERCENT = 2.0
LAYERS, WIDTH, STEP_FRAMES = 8, 768, 4
ANSWERS = {"logits": "Identity", "log-probabilities": "LogSoftmax", "probabilities": "Softmax"}
HEAD = ("model", "answers", "outputs", "batches", "by hand, CPU s", "x real time", "ours, in turns")
HEAD += ("outside of the session", "greedy", "beam 50")

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from foreign_graphs import model_of, tensor, value  # noqa: E402


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
                as_stored(emissions, out=emissions)

    def by_hand() -> None:
        for group in groups:
            for places in batches([len(values) for values in group], graph.batching):
                session.run(names, feed(graph, types, [group[place] for place in places]))

    seconds = interleaved({"ours": ours, "by hand": by_hand}, rounds, time.process_time)
    emitter._session = timed = Timed(emitter._session)
    start = time.process_time()
    for _ in range(rounds):
        ours()
    outside = time.process_time() - start - timed.seconds
    total_s = sum(map(len, sounds)) / RATE_HZ
    percent = 100 * outside / timed.seconds
    decoders = (GreedyDecoder(bundle.symbols), BeamSearchDecoder(bundle.symbols, config=DecodingConfig(beam=50)))
    stored = [as_stored(emissions) for emissions in emitter.emissions(features[:BATCH])]
    alone = interleaved(
        {str(place): partial(decoder.decode_batch, stored) for place, decoder in enumerate(decoders)},
        rounds,
        time.process_time,
    )
    share = sum(map(len, sounds[:BATCH])) / sum(map(len, sounds)) * timed.seconds / rounds
    return [
        f"{bundle.name} ({(bundle.path / GRAPH).stat().st_size / 1e6:.1f} MB)",
        graph.values,
        f"{len(bundle.symbols):,}",
        graph.batching,
        f"{seconds['by hand']:.2f}",
        f"{total_s / seconds['by hand']:.0f}",
        f"{100 * (seconds['ours'] / seconds['by hand'] - 1):+.1f} %",
        f"{percent:.2f} %" + (" (too much)" if percent > MOST_PERCENT else ""),
        *(f"{100 * seconds / share:.1f} %" for seconds in alone.values()),
    ]


def made_graph(num_outputs: int, values: str, num_layers: int) -> onnx.ModelProto:
    """Return a network of Kaldi's features that is as wide as a transformer and sure of its answers."""
    rng = np.random.default_rng(1)

    def weights(name: str, *shape: int, scale: float = 1.0) -> Any:
        return tensor(name, rng.standard_normal(shape) * scale / np.sqrt(np.prod(shape[:-1])))

    node = helper.make_node
    nodes = [
        node("Transpose", ["speech"], ["bins"], perm=[0, 2, 1]),
        node("Conv", ["bins", "kernel"], ["steps"], strides=[STEP_FRAMES]),
        node("Transpose", ["steps"], ["x0"], perm=[0, 2, 1]),
    ]
    kernel = tensor("kernel", rng.standard_normal((WIDTH, 80, STEP_FRAMES)) / 20)
    constants = [kernel, tensor("ones", np.ones(WIDTH)), tensor("zeros", np.zeros(WIDTH))]
    for i in range(num_layers):
        constants += [weights(f"in{i}", WIDTH, 4 * WIDTH), weights(f"out{i}", 4 * WIDTH, WIDTH)]
        nodes += [
            node("LayerNormalization", [f"x{i}", "ones", "zeros"], [f"n{i}"], axis=-1),
            node("MatMul", [f"n{i}", f"in{i}"], [f"u{i}"]),
            node("Relu", [f"u{i}"], [f"r{i}"]),
            node("MatMul", [f"r{i}", f"out{i}"], [f"d{i}"]),
            node("Add", [f"x{i}", f"d{i}"], [f"x{i + 1}"]),
        ]
    constants.append(weights("last", WIDTH, num_outputs, scale=8.0))
    options = {} if values == "logits" else {"axis": -1}
    nodes += [
        node("LayerNormalization", [f"x{num_layers}", "ones", "zeros"], ["n"], axis=-1),
        node("MatMul", ["n", "last"], ["y"]),
        node(ANSWERS[values], ["y"], ["answers"], **options),
    ]
    inputs, outputs = [value("speech", ["b", "t", 80])], [value("answers", ["b", "u", num_outputs])]
    return model_of(nodes, inputs, outputs, constants)


def made_model(folder: Path, num_outputs: int, values: str) -> Path:
    """Import a network without its layers, which is soon examined, and give it its layers then."""
    folder.mkdir()
    onnx.save(made_graph(num_outputs, values, 0), str(folder / "model.onnx"))
    labels = ["<blank>", *(chr(0x3400 + i) for i in range(num_outputs - 2)), "<unk>"]
    (folder / "tokens.txt").write_text("".join(f"{label} {i}\n" for i, label in enumerate(labels)), encoding="utf-8")
    wishes = Wishes(front_end=front_end_named("kaldi", {}), name="made", longest_s=5.0)
    path = import_model(folder / "model.onnx", folder / "bundle", wishes).path
    onnx.save(made_graph(num_outputs, values, LAYERS), str(path / GRAPH))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bundles", type=Path, nargs="*")
    parser.add_argument("--outputs", type=int, help="Make models of so many.")
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
    with tempfile.TemporaryDirectory() as folder:
        made = [made_model(Path(folder) / kind, options.outputs, kind) for kind in ANSWERS if options.outputs]
        rows = [measure(path, sounds, options.rounds) for path in (*options.bundles, *made)]
    print("\n".join(markdown_table(HEAD, rows)))


if __name__ == "__main__":
    main()
