"""Ends ``asrkit transcribe`` at random moments, runs the same command again, and compares with a run left alone.

Each time a folder of its own, a signal, one more run. After the signal each id has one line at most; after the second
run, which ends well, no recording with a line was transcribed again, and every file is equal to the byte.

    python benchmarks/interruptions.py --kill 25 --int 25 --term 10
    python benchmarks/interruptions.py --kill 0 --int 0 --term 0 --sync 15    # what it costs to wait for the disk
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from timing import machine

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from random_bundle import random_bundle

OWN_FILES = ("run.json", ".asrkit.lock", ".asrkit.files")  # hold times
FOLDERS = ("plain", "with space", "ünï", "100%/deep", "a.txt")
# The command with its waits for the disk counted, or left out.
COUNTED = """
import json, os, sys, time
is_waiting, wait, waits_s = sys.argv.pop(1) == "waiting", os.fsync, []

def fsync(number):
    began = time.monotonic()
    if is_waiting:
        wait(number)
    waits_s.append(time.monotonic() - began)

os.fsync, began = fsync, time.monotonic()
try:
    from asrkit.cli import main
    main()
finally:
    print(json.dumps([time.monotonic() - began, time.process_time(), len(waits_s), sum(waits_s)]), file=sys.stderr)
"""
WAYS = {"kill": signal.SIGKILL, "int": signal.SIGINT, "term": signal.SIGTERM}


@dataclass(frozen=True)
class Interruption:
    """What one signal did: where the run was, how it ended, and what the next run had to do."""

    code: int
    had_begun: bool
    num_done: int
    num_again: int
    faults: tuple[str, ...]


@dataclass(frozen=True)
class Trial:
    """A folder of recordings, a model, and what a run left alone makes of them."""

    folder: Path
    num_recordings: int

    def prepare(self, seconds: float) -> float:
        """Write the recordings and run once; return how long the work of a run lasts."""
        random_bundle(self.folder / "model")
        noise = np.random.default_rng(1)
        for index in range(self.num_recordings):
            path = self.folder / "in" / FOLDERS[index % len(FOLDERS)] / f"rec {index}é.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, noise.normal(0, 0.1, round(8_000 * seconds)), 8_000)
        soundfile.write(self.folder / "in/a.wav", noise.normal(0, 0.1, 4_000), 8_000)  # beside the folder a.txt
        process = self.start("whole")
        began = wait_for(self.folder / "whole/run.json", process)
        said, _ = process.communicate()
        if process.returncode or json.loads(said)["transcribed"] != self.num_recordings + 1:
            raise SystemExit(f"the run that is left alone ended with {process.returncode}: {said.decode()}")
        return time.monotonic() - began

    def start(self, name: str, *program: str) -> subprocess.Popen[bytes]:
        """Start a run into a folder."""
        command = [sys.executable, *(program or ("-m", "asrkit")), "transcribe", "in", "-m", "model", "-o", name]
        command += [
            "--keep-emissions",
            "-f",
            "txt",
            "-f",
            "srt",
            "--jobs",
            "2",
            "--batch-size",
            "4",
            "--quiet",
            "--json",
        ]
        return subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def cost_of_waiting(self, rounds: int) -> str:
        """Run with and without waiting for the disk, in turn, and say what it costs."""
        runs: dict[str, list[list[float]]] = {"waiting": [], "not": []}
        for _ in range(rounds):
            for way, done in runs.items():
                shutil.rmtree(self.folder / "out", ignore_errors=True)
                _, err = self.start("out", "-c", COUNTED, way).communicate()
                done.append(json.loads(err.splitlines()[-1]))
        took_s, cpu_s, calls, waited_s = (statistics.median(column) for column in zip(*runs["waiting"], strict=True))
        without_s = statistics.median(run[0] for run in runs["not"])
        said = f"{calls:.0f} calls of fsync wait {1000 * waited_s:.0f} ms of {took_s:.2f} s ({waited_s / took_s:.2%})"
        ratio = f"ratio {took_s / without_s:.3f} (medians of {rounds} runs each, in turn)"
        return f"{said}, {cpu_s:.2f} CPU s; without waiting a run takes {without_s:.2f} s, {ratio}"

    def interrupt(self, way: signal.Signals, moment_s: float, *, from_start: bool) -> Interruption:
        """End a run at a moment of its life, or of its work, and complete it with another one."""
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        process = self.start("out")
        if not from_start:
            wait_for(out / "run.json", process)
        time.sleep(moment_s)
        process.send_signal(way)
        process.communicate()
        code = process.returncode
        had_begun = (out / "run.json").exists()
        results = out / "results.jsonl"
        lines = results.read_bytes().splitlines(keepends=True) if results.exists() else []
        ids = Counter(json.loads(line)["utterance_id"] for line in lines if line.endswith(b"\n"))
        faults = [f"{name} stands {count} times" for name, count in ids.items() if count > 1]
        process = self.start("out")
        said, err = process.communicate()
        num_again = json.loads(said)["transcribed"] if process.returncode == 0 else -1
        if process.returncode:
            faults.append(f"the next run ended with {process.returncode}: {err.decode().strip()}")
        elif num_again != self.num_recordings + 1 - len(ids):
            faults.append(f"{num_again} transcribed again, {len(ids)} were done")
        if contents(out) != contents(self.folder / "whole"):
            faults.append("the folder differs from that of the run left alone")
        return Interruption(code, had_begun, len(ids), num_again, tuple(faults))


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> float:
    """Wait until a file is there or the process has ended; return the time."""
    while not path.exists() and process.poll() is None:
        time.sleep(0.001)
    return time.monotonic()


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in OWN_FILES)
    return {os.fsencode(path.relative_to(folder)).decode("utf-8", "replace"): path.read_bytes() for path in files}


def report(name: str, done: list[Interruption], num_files: int) -> str:
    """Return a line of the table."""
    in_work = [one.num_done for one in done if one.had_begun and 0 < one.num_done < num_files]
    codes = ", ".join(f"{count} x {code}" for code, count in sorted(Counter(one.code for one in done).items()))
    before = sum(one.num_done == 0 for one in done)
    middle = f"{min(in_work)} to {max(in_work)}, median {statistics.median(in_work):.0f}" if in_work else "-"
    good = sum(not one.faults for one in done)
    late = sum(one.num_done == num_files for one in done)
    return f"| {name} | {len(done)} | {before} | {len(in_work)} | {late} | {middle} | {codes} | {good} of {len(done)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, number in (("kill", 25), ("int", 25), ("term", 10)):
        parser.add_argument(f"--{name}", type=int, default=number, help=f"so many SIG{name.upper()}")
    parser.add_argument("--sync", type=int, default=0, metavar="RUNS", help="with and without waiting for the disk")
    parser.add_argument("--recordings", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=0.5, help="length of each recording")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the background of a shell ignores it, and so would runs
    moments = random.Random(arguments.seed)
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(Path(folder), arguments.recordings)
        work_s = trial.prepare(arguments.seconds)
        what = f"{arguments.recordings + 1} recordings of {arguments.seconds:g} s"
        print(f"{machine()}; {what}, a run's work: {work_s:.1f} s")
        if arguments.sync:
            print(trial.cost_of_waiting(arguments.sync))
        lines = []
        for name, way in WAYS.items():
            done = []
            for number in range(getattr(arguments, name)):
                from_start = number % 5 == 4  # some while Python still loads
                one = trial.interrupt(way, moments.uniform(0, work_s), from_start=from_start)
                done.append(one)
                print(f"SIG{name.upper()} {number + 1}: {one}", file=sys.stderr, flush=True)
            bad += sum(bool(one.faults) for one in done)
            if done:
                lines.append(report(f"SIG{name.upper()}", done, arguments.recordings + 1))
        print(
            "| signal | runs | before a line | in the work | after all | lines then | exit codes | as if left alone |"
        )
        print("|---|---|---|---|---|---|---|---|")
        print("\n".join(lines))
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
