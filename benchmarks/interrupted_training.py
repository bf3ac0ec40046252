"""Interrupt a small training at random moments, go on with it, and compare it with a run that was left alone.

    python benchmarks/interrupted_training.py --kills 25 --interrupts 25 --terminations 10

Each run is the command itself (`asrkit train`), in a process forked from one that has loaded TensorFlow, so that a
trial takes seconds; only the learning curve is not drawn. Of the signals, 1 in 8 comes before the first step, half
within or between steps, the rest while an epoch ends; a third of Ctrl-C and SIGTERM comes twice within 50 ms. Prints a
Markdown table, and ends with exit code 1 if anything differs by more than rounding.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

import asrkit.model.onnx_graph
import asrkit.report.html
import asrkit.training.trainer  # noqa: F401  (once, not in each command)
from asrkit.cli import main as asrkit_main
from asrkit.cli.ending import end_at_once
from asrkit.interrupts import replace_handlers
from asrkit.report import learning_curve
from asrkit.report.training_view import TrainingView
from asrkit.training.checkpoint import CHECKPOINT
from asrkit.training.observer import BatchDone

RATE_HZ = 16_000
NUM_UTTERANCES = 24
# Relative differences of losses that are rounding.
AT_RESUMPTION, AT_THE_END = 1e-6, 1e-4
SETTINGS = """
[features]
mel_bins = 20

[model]
conv_layers = [{channels = 4, kernel_frames = 5, kernel_bins = 5, stride_frames = 3, stride_bins = 4}]
rnn_layers = 1
rnn_units = 8
bidirectional = false

[training]
epochs = 2
batch_size = 2
warmup_steps = 2
ema_momentum = 0.5
augmentation.speeds = [1.0]
"""
Losses = dict[str, float]  # of each step, by "epoch batch"


@dataclass(frozen=True)
class Part:
    """What one process did: how it ended, what it said, and the losses and times of its steps."""

    status: int
    said: str
    losses: Losses
    ends_s: list[float]  # since its start: of each step, and of all


@dataclass(frozen=True)
class Trial:
    """One interrupted run."""

    signal: str
    place: str
    lost_steps: int
    first_difference: float  # of the first loss after going on
    last_difference: float  # of the figures of all epochs
    faults: list[str]


def write_corpus(folder: Path) -> None:
    rng = np.random.default_rng(1)
    for name in ("train", "dev"):
        lines = ["utterance_id\tpath\ttext\tspeaker"]
        for index in range(NUM_UTTERANCES):
            text = " ".join(rng.choice(["tin", "rod", "sea", "dot"], 2))  # equal lengths: the network is traced once
            utterance = f"{name}{index:02d}"
            soundfile.write(folder / f"{utterance}.wav", 0.1 * rng.standard_normal(RATE_HZ), RATE_HZ)
            lines.append(f"{utterance}\t{utterance}.wav\t{text}\tvoice{index % 4}")
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n")
    (folder / "run.toml").write_text(SETTINGS)


class Command:
    """`asrkit train` in a process of its own.

    Args:
        folder: Of the corpus.
        output: Of the run.
        name: Of this process, for its notes beside the run.
    """

    def __init__(self, folder: Path, output: Path, name: str) -> None:
        self.steps, self.said = (output.with_name(f"{output.name}.{name}.{kind}") for kind in ("steps", "said"))
        self.began = time.monotonic()
        self.process = os.fork()
        if not self.process:
            self._become(folder, output)

    def _become(self, folder: Path, output: Path) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # the background of a shell ignores it
        replace_handlers(end_at_once)  # as while the command loads
        said = os.open(self.said, os.O_WRONLY | os.O_CREAT)
        os.dup2(said, 1)
        os.dup2(said, 2)
        steps = os.open(self.steps, os.O_WRONLY | os.O_CREAT)

        def note(view: TrainingView, event: BatchDone) -> None:
            row = [f"{event.epoch} {event.batch}", event.loss, time.monotonic() - self.began]
            os.write(steps, (json.dumps(row) + "\n").encode())

        TrainingView.batch_done = note  # type: ignore[method-assign]
        learning_curve.draw_learning_curve = lambda *_: None
        os.environ["ASRKIT_CACHE_DIR"] = str(folder / "cache")
        os.chdir(folder)
        sys.argv = ["asrkit", "train", "train.tsv", "--dev", "dev.tsv", "--config", "run.toml", "-o", str(output)]
        sys.argv.append("--quiet")
        code: object = 1
        try:
            asrkit_main()
        except SystemExit as end:
            code = end.code
        except BaseException:
            sys.excepthook(*sys.exc_info())
        os._exit(code if isinstance(code, int) else 1)

    def finish(self) -> Part:
        """Wait for its end."""
        status = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        rows = [json.loads(line) for line in self.steps.read_text().splitlines()] if self.steps.exists() else []
        said = self.said.read_text(errors="replace") if self.said.exists() else ""
        ends_s = [*(end for _, _, end in rows), time.monotonic() - self.began]
        return Part(status, said, {key: loss for key, loss, _ in rows}, ends_s)

    def wait_for_steps(self, count: int) -> None:
        """Return once so many steps are taken, or the process has ended."""
        while os.waitid(os.P_PID, self.process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if self.steps.exists() and self.steps.read_bytes().count(b"\n") >= count:
                return
            time.sleep(0.002)


def figures(output: Path) -> list[float]:
    """Return the losses of all epochs, training and dev, as the log has them."""
    log = output / "log.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return [row[name] for row in rows for name in ("loss", "dev_loss")]


def difference(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the largest relative difference; infinite where there are more of one than of the other."""
    if len(ours) != len(theirs):
        return float("inf")
    return max((abs(a - b) / abs(b) for a, b in zip(ours, theirs, strict=True)), default=0.0)


def interrupt(folder: Path, output: Path, alone: Part, number: signal.Signals, moments: random.Random) -> Trial:
    """Interrupt a run once, go on with it, and say what came of it."""
    command = Command(folder, output, "first")
    steps = len(alone.losses)
    after = moments.choices([0, moments.randint(1, steps), steps // 2, steps], [1, 4, 2, 1])[0]
    command.wait_for_steps(after)
    time.sleep(moments.uniform(0, alone.ends_s[after] - (alone.ends_s[after - 1] if after else 0)))
    with contextlib.suppress(ProcessLookupError):
        os.kill(command.process, number)
        if number != signal.SIGKILL and moments.random() < 1 / 3:
            time.sleep(moments.uniform(0, 0.05))
            os.kill(command.process, number)
    first = command.finish()
    was_saved = (output / CHECKPOINT).exists()
    second = Command(folder, output, "second").finish()

    keys = list(alone.losses)
    again = [key for key in keys if key in first.losses and key in second.losses]
    resumed = list(second.losses.values())
    theirs = [alone.losses[key] for key in second.losses]
    faults = [f"going on: status {second.status}, {second.said!r}"] if second.status else []
    if {*first.losses, *second.losses} != set(keys) or list(second.losses) != keys[len(keys) - len(resumed) :]:
        faults.append("a step is missing")
    if first.losses != {key: alone.losses[key] for key in first.losses}:
        faults.append("it differed before the signal")
    if number == signal.SIGKILL:
        ended_well = first.status in (0, -number)
    else:
        ended_well = first.status == 0 or (
            first.status == 128 + number
            and first.said.startswith("asrkit: interrupted")
            and first.said.count("\n") == 1
        )
        if again:
            faults.append(f"{len(again)} steps taken twice")
    if not ended_well:
        faults.append(f"status {first.status}, {first.said!r}")
    if not was_saved and resumed != theirs:
        faults.append("begun anew, not bit for bit the same")
    at_first, at_last = difference(resumed[:1], theirs[:1]), difference(figures(output), figures(folder / "alone"))
    if at_first > AT_RESUMPTION or at_last > AT_THE_END:
        faults.append(f"losses differ by {at_first:.1e} at first, {at_last:.1e} at the end")
    return Trial(number.name, _place(first, keys, was_saved), len(again), at_first, at_last, faults)


def _place(first: Part, keys: list[str], was_saved: bool) -> str:
    done = len(first.losses)
    if first.status == 0:
        return "after the end"
    if done == 0:
        return "before the first step" if was_saved else "before training"
    return "at the end of an epoch" if done in (len(keys) // 2, len(keys)) else "between or in steps"


def carry_out(args: argparse.Namespace, folder: Path) -> list[Trial]:
    """Run all trials, some at a time, each in a process of its own."""
    wanted = [signal.SIGKILL] * args.kills + [signal.SIGINT] * args.interrupts + [signal.SIGTERM] * args.terminations
    random.Random(args.seed).shuffle(wanted)
    alone = Command(folder, folder / "alone", "whole").finish()
    if alone.status:
        sys.exit(alone.said)
    running: set[int] = set()
    for index, number in enumerate(wanted):
        while len(running) >= args.jobs:
            running.discard(os.wait()[0])
        process = os.fork()
        if not process:
            trial = interrupt(folder, folder / f"run{index}", alone, number, random.Random(f"{args.seed} {index}"))
            (folder / f"trial{index}.json").write_text(json.dumps(vars(trial)))
            print(index, vars(trial), file=sys.stderr, flush=True)
            os._exit(0)
        running.add(process)
    while running:
        running.discard(os.wait()[0])
    return [Trial(**json.loads((folder / f"trial{index}.json").read_text())) for index in range(len(wanted))]


def report(trials: Sequence[Trial]) -> str:
    lines = [
        "| signal | runs | steps lost, at most | first loss after going on | losses of all epochs | faults |",
        "|---|---|---|---|---|---|",
    ]
    for name in sorted({trial.signal for trial in trials}):
        some = [trial for trial in trials if trial.signal == name]
        lines.append(
            f"| {name} | {len(some)} | {max(trial.lost_steps for trial in some)} "
            f"| {max(trial.first_difference for trial in some):.1e} "
            f"| {max(trial.last_difference for trial in some):.1e} | {sum(bool(trial.faults) for trial in some)} |"
        )
    places = dict.fromkeys(sorted(trial.place for trial in trials), 0)
    for trial in trials:
        places[trial.place] += 1
    return "\n".join([*lines, "", "; ".join(f"{place}: {count}" for place, count in places.items())])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, what in (("kills", "SIGKILL"), ("interrupts", "Ctrl-C"), ("terminations", "SIGTERM")):
        parser.add_argument(f"--{name}", type=int, default=3, help=f"runs ended by {what}")
    parser.add_argument("--jobs", type=int, default=1, help="runs at once")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(Path(folder))
        trials = carry_out(args, Path(folder))
    print(report(trials))
    for trial in trials:
        if trial.faults:
            print(f"{trial.signal}, {trial.place}: {'; '.join(trial.faults)}", file=sys.stderr)
    sys.exit(any(trial.faults for trial in trials))


if __name__ == "__main__":
    main()
