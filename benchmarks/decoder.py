"""The beam search beside other decoders: word error rate, frames per second of CPU time, memory.

All decoders see the same emissions and the same ARPA file, one utterance at a time in one thread. They are timed in
turns, so that a busy moment hurts all alike; the median of the rounds counts. Peers that are not installed are named
and left out; `make bench-decoder` installs them.

    python benchmarks/decoder.py --emissions n10.npz n20.npz --lm 3gram.arpa --markdown results/decoder.md
    python benchmarks/decoder.py --bundle models/best --data dev.tsv --lm lm/3gram.arpa     emissions of a model
    python benchmarks/decoder.py --quick        a minute, to see that it runs

An emissions file has `log_probs` (all steps, symbols) of all utterances in a row, `lengths`, `references` and `labels`,
the blank last. Word error rates with tuned weights are those of simulated emissions of `--sentences`, or of the model.
"""

from __future__ import annotations

import argparse
import importlib
import lzma
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
from decoder_accuracy import NOISE, ErrorTable, accuracy_section, simulate
from decoder_peers import PEERS, Decode, Peer
from decoder_task import Task, emit_task, read_task
from timing import machine, markdown_table, peak_mb

from asrkit.config import DecodingConfig
from asrkit.decoder import BeamSearchDecoder
from asrkit.language_model import NgramModel
from asrkit.metrics import count_errors
from asrkit.text import Alphabet

REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference"
CACHE = Path(__file__).resolve().parents[1] / "build" / "bench-decoder"
LEAST_S = 0.1  # of timing
OWN_ROUNDS = 30  # of threads and hotwords: a round takes a thirtieth of a second, and a thread may start late


@cache
def own_decoder(labels: tuple[str, ...], arpa: Path | None) -> BeamSearchDecoder:
    """Our decoder at its default settings."""
    return BeamSearchDecoder(Alphabet("".join(labels[:-1])), arpa)


def ours(mode: str, *, only_text: bool = False) -> Peer:
    """Our decoder as a peer; ``only_text``: without scores and times of words, as pyctcdecode's ``decode``."""

    def build(
        labels: Sequence[str], arpa: Path | None, beam: int, weights: tuple[float, float], extra: float
    ) -> Decode:
        config = DecodingConfig(
            mode=mode, beam=beam, lm_weight=weights[0], word_bonus=weights[1], unknown_weight=0.6 + extra
        )
        decoder = own_decoder(tuple(labels), arpa).with_config(config)
        if only_text:
            return lambda emissions: decoder.decode_texts([emissions])[0]
        return lambda emissions: decoder.decode(emissions)[0].text

    if only_text:
        return Peer(f"asrkit {mode}, text only", build, stand_in=f"asrkit {mode}")
    return Peer(f"asrkit {mode}", build, extras=(-0.3, 0.0, 0.4))


def race(decoders: dict[str, Decode], task: Task, rounds: int) -> dict[str, tuple[float, float]]:
    """Return WER in percent and frames per CPU second of each decoder."""
    seconds: dict[str, list[float]] = {name: [] for name in decoders}
    rates: dict[str, float] = {}
    for round_index in range(rounds + 1):  # the first warms up
        for name, decode in decoders.items():
            if round_index:
                seconds[name].append(pass_seconds(decode, task))
            else:
                rates[name] = 100 * count_errors([decode(array) for array in task.arrays], task.references).rate
    return {name: (rates[name], task.num_frames / statistics.median(seconds[name])) for name in decoders}


def pass_seconds(decode: Decode, task: Task) -> float:
    """Return the CPU seconds of a pass over the task: the mean of as many as take a tenth of a second.

    The same for all, so that those who need milliseconds are not judged by how they find the caches.
    """
    passes = 0
    start = time.process_time()
    while (passed := time.process_time() - start) < LEAST_S:
        for array in task.arrays:
            decode(array)
        passes += 1
    return passed / passes


def _memory_mb(peer_name: str, labels: Sequence[str], arpa: Path, arrays: list[npt.NDArray[np.float32]]) -> float:
    before = peak_mb()
    decode = all_decoders()[peer_name].build(labels, arpa, 100, (0.7, 1.5), 0.0)
    for array in arrays:
        decode(array)
    return peak_mb() - before


def memory_mb(peer_name: str, arpa: Path, task: Task) -> float:
    """Memory that loading and decoding add to a fresh process."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_memory_mb, (peer_name, task.labels, arpa, task.arrays[:10]))


def all_decoders() -> dict[str, Peer]:
    own = [ours(mode, only_text=only_text) for mode in ("accurate", "fast") for only_text in (False, True)]
    return {peer.name: peer for peer in (*own, *PEERS)}


@contextmanager
def plain_arpa(path: Path) -> Iterator[Path]:
    """The model as a plain file, which every peer can read."""
    if path.suffix != ".xz":
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / path.stem
        plain.write_bytes(lzma.decompress(path.read_bytes()))
        yield plain


def speed_section(peers: Mapping[str, Peer], arpa: Path, task: Task, beams: Sequence[int], rounds: int) -> list[str]:
    lines: list[str] = []
    for with_lm, beam in product((True, False), beams):
        chosen = {name: peer for name, peer in peers.items() if (peer.has_lm or not with_lm) and beam <= peer.max_beam}
        lm_path = arpa if with_lm else None
        decoders = {name: peer.build(task.labels, lm_path, beam, (0.7, 1.5), 0.0) for name, peer in chosen.items()}
        results = race(decoders, task, rounds)
        own = results["asrkit accurate"][1]
        rows = [
            (name, f"{rate:.2f}", f"{speed:,.0f}", f"{speed / task.steps_per_s:,.0f}", f"{own / speed:.1f}")
            for name, (rate, speed) in results.items()
        ]
        title = f"{task.name}, beam {beam}, {'with the language model' if with_lm else 'without a language model'}"
        lines += [f"### {title}", ""]
        lines += markdown_table(("decoder", "WER %", "frames/s", "x real time", "asrkit accurate is faster by"), rows)
        report(lines[-len(rows) - 4 :])
    return lines


def own_section(arpa: Path, task: Task, rounds: int) -> list[str]:
    """What hotwords and threads do to our speed."""
    alphabet, lm = Alphabet("".join(task.labels[:-1])), NgramModel.load(arpa)
    words = [word for word in lm.vocabulary if len(word) > 3 and word.isalpha()][:1000]
    config = DecodingConfig(beam=100)
    plain = BeamSearchDecoder(alphabet, lm, config)
    hot = BeamSearchDecoder(alphabet, lm, config, hotwords=dict.fromkeys(words, 1.0))
    clocks = {"plain": (plain, 1, time.process_time), "hotwords": (hot, 1, time.process_time)}
    clocks |= {f"{n} threads": (plain, n, time.perf_counter) for n in (1, 2, 4)}
    times: dict[str, list[float]] = {name: [] for name in clocks}
    for _ in range(rounds):
        for name, (decoder, threads, clock) in clocks.items():
            start = clock()
            decoder.decode_batch(task.arrays, threads=threads)
            times[name].append(clock() - start)
    best = {name: min(values) for name, values in times.items()}
    return [
        "## Hotwords and threads",
        "",
        f"- {len(words):,} hotwords cost {100 * (best['hotwords'] / best['plain'] - 1):.1f} % CPU time.",
        f"- 2 threads are {best['1 threads'] / best['2 threads']:.2f} times as fast as one, "
        f"4 threads {best['1 threads'] / best['4 threads']:.2f} times (wall clock).",
        "",
    ]


def report(lines: Sequence[str]) -> None:
    print("\n".join(lines), flush=True)


def installed(peers: dict[str, Peer]) -> dict[str, Peer]:
    found = {}
    for name, peer in peers.items():
        try:
            if peer.module:
                importlib.import_module(peer.module)
            found[name] = peer
        except ImportError:
            print(f"{name} is not installed; left out", file=sys.stderr)
    return found


def memory_section(peers: Mapping[str, Peer], arpa: Path, task: Task) -> list[str]:
    if not Path("/proc/self/status").exists():
        return []
    sizes = {name: memory_mb(name, arpa, task) for name, peer in peers.items() if peer.has_lm}
    rows = [(name, f"{size:.0f}") for name, size in sizes.items()]
    title = "## Peak memory that loading the language model and decoding add"
    return [title, "", *markdown_table(("decoder", "MB"), rows)]


def tuned_section(peers: Mapping[str, Peer], arpa: Path, arguments: argparse.Namespace) -> list[str]:
    """Word error rates with weights that were tuned on other sentences."""
    if arguments.bundle:
        task = emit_task(arguments.bundle, arguments.data)
        levels = {task.name: [task]}
        cache = CACHE / "model"
        for path in cache.glob("*.json"):  # the model may be another one
            path.unlink()
    else:
        lines = arguments.sentences.read_text().splitlines()
        sentences = [line.split("\t")[-1] for line in lines if line.strip()]
        cache = arguments.cache
        levels = {
            level: [simulate(arguments.simulator, sentences, level, seed, cache) for seed in arguments.seeds]
            for level in NOISE
        }
    cache.mkdir(parents=True, exist_ok=True)
    labels = next(iter(levels.values()))[0].labels
    title = "## Word error rates in percent, beam 100, weights tuned on the other half of the sentences"
    return [title, "", *accuracy_section(peers, "asrkit accurate", levels, ErrorTable(labels, arpa, 100, cache))]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    decoder = REFERENCE / "decoder"
    defaults = [decoder / f"{name}.npz" for name in NOISE]
    parser.add_argument("--emissions", type=Path, nargs="+", default=defaults)
    parser.add_argument("--bundle", type=Path, help="take the emissions of this model instead")
    parser.add_argument("--data", type=Path, help="recordings with texts for the model")
    parser.add_argument("--lm", type=Path, default=REFERENCE / "lm" / "lmplz.3gram.arpa.xz")
    parser.add_argument("--beams", type=int, nargs="+", default=[16, 50, 100, 500])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--utterances", type=int, default=50, help="for the timing of each set")
    parser.add_argument("--no-tuning", action="store_true", help="leave the tuned word error rates out")
    parser.add_argument("--no-speed", action="store_true", help="only the tuned word error rates")
    parser.add_argument("--sentences", type=Path, default=REFERENCE / "lm" / "heldout.txt", help="last column counts")
    parser.add_argument("--simulator", type=Path, default=decoder / "simulate.py")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--cache", type=Path, default=CACHE, help="simulated emissions and the peers' errors")
    parser.add_argument("--quick", action="store_true", help="few utterances, one beam, no tuning")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.beams, arguments.rounds, arguments.utterances, arguments.no_tuning = [100], 1, 8, True
    if (arguments.bundle is None) != (arguments.data is None):
        parser.error("--bundle and --data go together")
    needed = [arguments.lm, *([arguments.bundle, arguments.data] if arguments.bundle else arguments.emissions)]
    for path in needed:
        if not path.exists():
            parser.error(f"{path} does not exist; name emissions or a model, and a language model")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    peers = installed(all_decoders())
    lines = [
        "# The beam search beside other decoders",
        "",
        f"{machine()}; `python benchmarks/{' '.join([Path(sys.argv[0]).name, *sys.argv[1:]])}`",
        f"CPU time, one thread, one utterance at a time, median of {arguments.rounds} interleaved rounds. Peers at "
        "their default settings unless the name says more; language model weight 0.7 (for natural logarithms) and "
        "word bonus 1.5 for all.",
        "",
    ]
    with plain_arpa(arguments.lm) as arpa:
        if not arguments.no_speed:
            if arguments.bundle:
                tasks = [emit_task(arguments.bundle, arguments.data)]
            else:
                tasks = [read_task(path) for path in arguments.emissions]
            lines += ["## Speed", ""]
            for task in tasks:
                part = task.part(slice(arguments.utterances))
                lines += speed_section(peers, arpa, part, arguments.beams, arguments.rounds)
            own = own_section(arpa, tasks[0], OWN_ROUNDS) + memory_section(peers, arpa, tasks[0])
            report(own)
            lines += own
        if not arguments.no_tuning:
            tuned = tuned_section(peers, arpa, arguments)
            report(tuned)
            lines += tuned
    if arguments.markdown:
        arguments.markdown.parent.mkdir(parents=True, exist_ok=True)
        arguments.markdown.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
