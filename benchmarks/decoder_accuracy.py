"""Word error rates of decoders with weights tuned on other sentences, and how sure the differences are.

Every decoder gets the same grid of weights, times three settings for unknown words where it has one. The best setting
on the even sentences decodes the odd ones and the other way round, so all utterances count and none was tuned on.
Intervals come from resampling sentences, all seeds of a sentence together.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
from decoder_peers import Peer
from decoder_task import Task, read_task
from timing import markdown_table

from asrkit.metrics import count_errors

Setting = tuple[float, float, float]  # language model weight, word bonus, setting for unknown words
Counts = npt.NDArray[np.int64]  # of each sentence, summed over the seeds
NOISE = {"n10": 0.351, "n20": 0.595, "n40": 1.098}  # of the simulator, for about that greedy WER
LM_WEIGHTS = (0.3, 0.5, 0.75, 1.0)  # for natural logarithms
WORD_BONUSES = (0.5, 1.5, 2.5, 3.5)
NUM_RESAMPLES = 10_000


@dataclass(frozen=True)
class Fold:
    """What a decoder achieves on sentences it was not tuned on."""

    errors: Counts
    chosen: tuple[Setting, Setting]


def settings_of(peer: Peer) -> list[Setting]:
    """The grid that a decoder is tuned on."""
    return list(product(LM_WEIGHTS, WORD_BONUSES, peer.extras))


def simulate(simulator: Path, sentences: Sequence[str], level: str, seed: int, folder: Path) -> Task:
    """Return emissions for the sentences, made once and kept in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{level}-{seed}.npz"
    if not path.exists():
        text = folder / "sentences.txt"
        text.write_text("\n".join(sentences) + "\n")
        noise = str(NOISE[level])
        arguments = [sys.executable, str(simulator), str(text), str(path), "--noise", noise, "--seed", str(seed)]
        subprocess.run(arguments, check=True)
    return read_task(path)


class ErrorTable:
    """Errors of each utterance by decoder, beam and setting; those of peers are kept in a folder."""

    def __init__(self, labels: Sequence[str], arpa: Path, beam: int, folder: Path) -> None:
        self._labels, self._arpa, self._beam, self._folder = labels, arpa, beam, folder

    def errors(self, peer: Peer, task: Task) -> dict[Setting, list[int]]:
        """Return the errors of each utterance for each setting of the decoder's grid."""
        grid = settings_of(peer)
        name = f"{peer.name} {task.name} {self._beam} {hashlib.sha256(repr(grid).encode()).hexdigest()[:12]}.json"
        path = self._folder / name.replace(" ", "_").replace(",", "")
        if peer.module and path.exists():
            rows = json.loads(path.read_text())
            return dict(zip(grid, rows, strict=True))
        table = {setting: self._decode(peer, task, setting) for setting in grid}
        if peer.module:
            path.write_text(json.dumps(list(table.values())))
        return table

    def _decode(self, peer: Peer, task: Task, setting: Setting) -> list[int]:
        decode = peer.build(self._labels, self._arpa, self._beam, setting[:2], setting[2])
        return [
            count_errors([decode(array)], [reference]).errors
            for array, reference in zip(task.arrays, task.references, strict=True)
        ]


def two_fold(peer: Peer, tasks: Sequence[Task], table: ErrorTable) -> Fold:
    """Decode each half of the sentences with what is best on the other; tasks differ in the seed only."""
    grid = settings_of(peer)
    tables = [table.errors(peer, task) for task in tasks]
    sums = {setting: np.sum([errors[setting] for errors in tables], axis=0) for setting in grid}
    is_even = np.arange(len(tasks[0].references)) % 2 == 0
    on_even = min(grid, key=lambda setting: sums[setting][is_even].sum())
    on_odd = min(grid, key=lambda setting: sums[setting][~is_even].sum())
    return Fold(np.where(is_even, sums[on_odd], sums[on_even]), (on_even, on_odd))


def mean_rates(
    errors: Sequence[Counts], words: Sequence[Counts], picks: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return the mean over the levels of the WER in percent, for each row of picked sentences."""
    return np.mean(
        [100 * e[picks].sum(axis=1) / w[picks].sum(axis=1) for e, w in zip(errors, words, strict=True)], axis=0
    )


def interval(values: npt.NDArray[np.float64]) -> str:
    low, high = np.percentile(values, [2.5, 97.5])
    return f"{low:+.2f} to {high:+.2f}"


def accuracy_section(
    peers: Mapping[str, Peer], own: str, levels: Mapping[str, Sequence[Task]], table: ErrorTable
) -> list[str]:
    """Return tables of two-fold WERs, and of the differences between our decoder and each peer."""
    words = [np.array([len(text.split()) for text in tasks[0].references]) * len(tasks) for tasks in levels.values()]
    folds: dict[str, list[Fold]] = {}
    for name, peer in peers.items():
        if peer.has_lm and not peer.stand_in:
            folds[name] = [two_fold(peer, tasks, table) for tasks in levels.values()]
            print(f"  {name}: {[fold.chosen for fold in folds[name]]}", file=sys.stderr, flush=True)
    num_sentences = len(words[0])
    picks = np.random.default_rng(0).integers(0, num_sentences, (NUM_RESAMPLES, num_sentences))
    rows, differences = [], []
    ours = [fold.errors for fold in folds[own]]
    for name, results in folds.items():
        errors = [fold.errors for fold in results]
        rates = [100 * e.sum() / w.sum() for e, w in zip(errors, words, strict=True)]
        rows.append((name, *(f"{rate:.2f}" for rate in rates), f"{np.mean(rates):.2f}"))
        if name == own:
            continue
        cells = []
        for mine, theirs, counts in zip(ours, errors, words, strict=True):
            cells.append(interval(mean_rates([mine - theirs], [counts], picks)))
        relative = 100 * (mean_rates(ours, words, picks) / mean_rates(errors, words, picks) - 1)
        differences.append((name, *cells, interval(relative) + " %"))
    num_seeds = len(next(iter(levels.values())))
    lines = [
        f"{num_sentences} sentences, {words[0].sum() // num_seeds} words, {num_seeds} times each. "
        f"Grid: language model weight {LM_WEIGHTS}, word bonus {WORD_BONUSES}, and three settings for unknown words "
        "for the decoders that have one (flashlight has none). Tuned on the even sentences for the odd ones and the "
        "other way round; intervals by resampling sentences.",
        "",
    ]
    lines += markdown_table(("decoder", *levels, "mean"), rows)
    lines += [f"WER of {own} less that of the others, in points, and relative on the mean (95 % intervals):", ""]
    return lines + markdown_table(("decoder", *levels, "mean, relative"), differences)
