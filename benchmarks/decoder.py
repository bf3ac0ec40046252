"""The beam search beside other decoders: word error rate, frames per second of CPU time, memory.

All decoders see the same emissions and the same ARPA file, one utterance at a time in one thread. They are timed in
turns, so that a busy moment hurts all alike; the median of the rounds counts. Peers that are not installed are named
and left out; `make bench-decoder` installs them.

    python benchmarks/decoder.py --emissions n10.npz n20.npz --lm 3gram.arpa --markdown results/decoder.md
    python benchmarks/decoder.py --quick        a minute, to see that it runs

An emissions file has `log_probs` (all steps, symbols) of all utterances in a row, `lengths`, `references` and `labels`,
the blank last and the space first.
"""

from __future__ import annotations

import argparse
import importlib
import lzma
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
from decoder_peers import PEERS, Decode, Peer
from timing import machine

from asrkit.config import DecodingConfig
from asrkit.decoder import BeamSearchDecoder
from asrkit.language_model import NgramModel
from asrkit.metrics import count_errors
from asrkit.text import Alphabet

REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference"
FRAMES_PER_S = 50


@dataclass(frozen=True)
class Task:
    """Emissions with their texts."""

    name: str
    arrays: list[npt.NDArray[np.float32]]
    references: list[str]

    @property
    def num_frames(self) -> int:
        """Frames of all utterances."""
        return sum(len(array) for array in self.arrays)

    def part(self, select: slice) -> Task:
        """Some of the utterances."""
        return replace(self, arrays=self.arrays[select], references=self.references[select])


def read_task(path: Path) -> Task:
    with np.load(path, allow_pickle=False) as data:
        ends = np.cumsum(data["lengths"])
        arrays = [np.ascontiguousarray(array) for array in np.split(data["log_probs"], ends[:-1])]
        return Task(path.stem, arrays, [str(text) for text in data["references"]])


def ours(mode: str) -> Peer:
    """Our decoder as one of the peers."""

    def build(
        labels: Sequence[str], arpa: Path | None, beam: int, weights: tuple[float, float], extra: float
    ) -> Decode:
        config = DecodingConfig(mode=mode, beam=beam, lm_weight=weights[0], word_bonus=weights[1], unknown_bonus=extra)
        decoder = BeamSearchDecoder(Alphabet("".join(labels[:-1])), arpa, config)
        return lambda emissions: decoder.decode(emissions)[0].text

    return Peer(f"asrkit {mode}", build, has_lm=True, extras=(0.0, 3.0))


def error_rate(decode: Decode, task: Task) -> float:
    return 100 * count_errors([decode(array) for array in task.arrays], task.references).rate


def race(decoders: dict[str, Decode], task: Task, rounds: int) -> dict[str, tuple[float, float]]:
    """Return WER in percent and frames per CPU second of each decoder."""
    seconds: dict[str, list[float]] = {name: [] for name in decoders}
    rates: dict[str, float] = {}
    for round_index in range(rounds + 1):  # the first warms up
        for name, decode in decoders.items():
            start = time.process_time()
            texts = [decode(array) for array in task.arrays]
            if round_index:
                seconds[name].append(time.process_time() - start)
            else:
                rates[name] = 100 * count_errors(texts, task.references).rate
    return {name: (rates[name], task.num_frames / statistics.median(seconds[name])) for name in decoders}


def two_fold(peer: Peer, labels: Sequence[str], arpa: Path, task: Task, beam: int) -> float:
    """WER of all utterances, each half decoded with the weights that were best on the other half."""
    grid = list(product((0.4, 0.7, 1.0), (0.5, 1.5, 2.5), peer.extras))
    halves = [task.part(slice(0, None, 2)), task.part(slice(1, None, 2))]
    texts: list[list[str]] = [[], []]
    rates: list[dict[tuple[float, float, float], float]] = [{}, {}]
    outputs: list[dict[tuple[float, float, float], list[str]]] = [{}, {}]
    for setting in grid:
        decode = peer.build(labels, arpa, beam, setting[:2], setting[2])
        for half, rate, output in zip(halves, rates, outputs, strict=True):
            output[setting] = [decode(array) for array in half.arrays]
            rate[setting] = count_errors(output[setting], half.references).rate
    for i in (0, 1):
        best = min(grid, key=lambda setting: rates[1 - i][setting])
        texts[i] = outputs[i][best]
    references = halves[0].references + halves[1].references
    return 100 * count_errors(texts[0] + texts[1], references).rate


def _peak_mb() -> float:
    """Peak memory of this process; unlike getrusage it does not count what the parent had."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def _memory_mb(peer_name: str, labels: Sequence[str], arpa: Path, arrays: list[npt.NDArray[np.float32]]) -> float:
    before = _peak_mb()
    decode = all_decoders()[peer_name].build(labels, arpa, 100, (0.7, 1.5), 0.0)
    for array in arrays:
        decode(array)
    return _peak_mb() - before


def memory_mb(peer_name: str, labels: Sequence[str], arpa: Path, task: Task) -> float:
    """Memory that loading and decoding add to a fresh process."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_memory_mb, (peer_name, labels, arpa, task.arrays[:10]))


def all_decoders() -> dict[str, Peer]:
    return {peer.name: peer for peer in (ours("accurate"), ours("fast"), *PEERS)}


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


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows), ""]


def speed_section(
    peers: dict[str, Peer], labels: Sequence[str], arpa: Path, task: Task, beams: Sequence[int], rounds: int
) -> list[str]:
    lines: list[str] = []
    for with_lm, beam in product((True, False), beams):
        chosen = {name: peer for name, peer in peers.items() if (peer.has_lm or not with_lm) and beam <= peer.max_beam}
        lm_path = arpa if with_lm else None
        decoders = {name: peer.build(labels, lm_path, beam, (0.7, 1.5), 0.0) for name, peer in chosen.items()}
        results = race(decoders, task, rounds)
        own = results["asrkit accurate"][1]
        rows = [
            (name, f"{rate:.2f}", f"{speed:,.0f}", f"{speed / FRAMES_PER_S:,.0f}", f"{own / speed:.1f}")
            for name, (rate, speed) in results.items()
        ]
        title = f"{task.name}, beam {beam}, {'with the 3-gram' if with_lm else 'without a language model'}"
        lines += [f"### {title}", ""]
        lines += table(("decoder", "WER %", "frames/s", "x real time", "asrkit accurate is faster by"), rows)
        report(lines[-len(rows) - 4 :])
    return lines


def accuracy_section(peers: dict[str, Peer], labels: Sequence[str], arpa: Path, tasks: Sequence[Task]) -> list[str]:
    rows = []
    for name, peer in peers.items():
        if not peer.has_lm or peer.same_texts_as:
            continue
        rates = [two_fold(peer, labels, arpa, task, 100) for task in tasks]
        rows.append((name, *(f"{rate:.2f}" for rate in rates), f"{statistics.mean(rates):.2f}"))
        print(f"  {name}: {rows[-1][1:]}", file=sys.stderr)
    lines = [
        "## Word error rates, beam 100, weights tuned on the other half",
        "",
        "The same nine pairs of weights for every decoder, times two settings for unknown words where it has one "
        "(flashlight has none). Our default thresholds and `unknown_weight` were chosen on these same sets, so our "
        "rows are a little too good.",
        "",
    ]
    return lines + table(("decoder", *(task.name for task in tasks), "mean"), rows)


def own_section(labels: Sequence[str], arpa: Path, task: Task, rounds: int) -> list[str]:
    """What hotwords and threads do to our speed."""
    alphabet, lm = Alphabet("".join(labels[:-1])), NgramModel.load(arpa)
    words = [word for word in lm.vocabulary if len(word) > 5 and word.isalpha()][:1000]
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
        f"- 1,000 hotwords cost {100 * (best['hotwords'] / best['plain'] - 1):.1f} % CPU time.",
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


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    defaults = [REFERENCE / "decoder" / f"{name}.npz" for name in ("n10", "n20", "n40")]
    parser.add_argument("--emissions", type=Path, nargs="+", default=defaults)
    parser.add_argument("--lm", type=Path, default=REFERENCE / "lm" / "lmplz.3gram.arpa.xz")
    parser.add_argument("--beams", type=int, nargs="+", default=[16, 50, 100, 500])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--utterances", type=int, default=50, help="for the timing of each set")
    parser.add_argument("--no-tuning", action="store_true", help="leave the two-fold word error rates out")
    parser.add_argument("--quick", action="store_true", help="few utterances, one beam, no tuning")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    for path in (*arguments.emissions, arguments.lm):
        if not path.exists():
            raise SystemExit(f"{path} does not exist; name emissions and a language model, see --help")
    if arguments.quick:
        arguments.beams, arguments.rounds, arguments.utterances, arguments.no_tuning = [100], 1, 8, True
    tasks = [read_task(path) for path in arguments.emissions]
    with np.load(arguments.emissions[0], allow_pickle=False) as data:
        labels = [str(label) for label in data["labels"]]
    peers = installed(all_decoders())
    lines = [
        "# The beam search beside other decoders",
        "",
        f"{machine()}; `python benchmarks/{' '.join([Path(sys.argv[0]).name, *sys.argv[1:]])}`",
        f"CPU time, one thread, one utterance at a time, median of {arguments.rounds} interleaved rounds; "
        f"50 frames are a second of audio. Peers at their default settings unless the name says more; "
        "language model weight 0.7 and word bonus 1.5 for all.",
        "",
        "## Speed",
        "",
    ]
    with plain_arpa(arguments.lm) as arpa:
        for task in tasks:
            part = task.part(slice(arguments.utterances))
            lines += speed_section(peers, labels, arpa, part, arguments.beams, arguments.rounds)
        if not arguments.no_tuning:
            lines += accuracy_section(peers, labels, arpa, tasks)
        own = own_section(labels, arpa, tasks[0].part(slice(None)), max(3, arguments.rounds))
        report(own)
        lines += own
        if Path("/proc/self/status").exists():
            sizes = {name: memory_mb(name, labels, arpa, tasks[0]) for name, peer in peers.items() if peer.has_lm}
            rows = [(name, f"{size:.0f}") for name, size in sizes.items()]
            own = ["## Peak memory that loading the 3-gram and decoding add", "", *table(("decoder", "MB"), rows)]
            report(own)
            lines += own
    if arguments.markdown:
        arguments.markdown.parent.mkdir(parents=True, exist_ok=True)
        arguments.markdown.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
