"""What the benchmarks share: interleaved timing, command timing, memory, the machine's description, and tables."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def interleaved(
    functions: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Time functions in turn, so that a busy moment hurts all alike; returns the best seconds of each.

    One round is run before the clock starts. Work of one thread is best timed by ``time.process_time``.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    for round_index in range(rounds + 1):
        for name, function in functions.items():
            start = clock()
            function()
            if round_index:
                times[name].append(clock() - start)
    return {name: min(values) for name, values in times.items()}


def command_seconds(arguments: Sequence[str], rounds: int, cwd: Path) -> float:
    """Return the median seconds that an ``asrkit`` command takes from start to end, warm file cache."""
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "asrkit", *arguments], cwd=cwd, capture_output=True, text=True, check=False
        )
        times.append(time.perf_counter() - start)
        if done.returncode:
            raise SystemExit(f"asrkit {' '.join(arguments)} failed:\n{done.stderr}")
    return statistics.median(times[1:])


def peak_mb() -> float:
    """Peak memory of this process; unlike getrusage it does not count what the parent had."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def machine() -> str:
    """Describe the machine in a few words, for the head of a result."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{name}, {os.cpu_count()} CPUs{load}, Python {platform.python_version()}"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Return the lines of a table and an empty one."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows), ""]
