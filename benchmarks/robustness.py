"""Damage files for everything that reads bytes of strangers: each is refused in our words or used, nothing breaks.

    make bench-robustness                          # 2,000 cases a reader; those of the extension with sanitizers, too
    python benchmarks/robustness.py 100 WAV MP3    # some of it, as built

Readers and the whole files that are damaged stand in ``tests/foreign_readers.py``; a case is a number. A process of its
own tries the cases, so that none can take the table with it; one that takes two minutes ends
it, too. Ends with exit code 1 if a process ended, an exception was not the reader's own, or a case took too much.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from timing import machine, peak_mb

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from foreign_readers import READERS, Reader

CASES_PER_PROCESS = 2_000
MOST_MB, MOST_CPU_S, MOST_S = 500, 10, 120  # of a case; seconds by the clock end the process
MOST_ADDRESSES = 8 << 30  # of a process, so that no case takes the machine
Row = dict[str, Any]


def try_cases(reader: Reader, begin: int, end: int) -> None:
    """Try some cases; print a line before and after each."""
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(sys.stderr):
        os.chdir(name)
        os.environ["ASRKIT_CACHE_DIR"] = str(Path(name) / "cache")
        (Path(name) / "made").mkdir()
        whole = reader.make(Path(name) / "made")
        for files in whole:
            reader.read(written(files, Path(name) / "whole"), begin)
        limit_memory()
        for case in range(begin, end):
            kind, files = reader.damage(whole, case)
            row: Row = {"case": case, "reader": reader.name, "kind": kind}
            print(json.dumps(row), file=sys.__stdout__, flush=True)
            path = written(files, Path(name) / "damaged")
            faulthandler.dump_traceback_later(MOST_S, exit=True)
            with contextlib.suppress(OSError):
                Path("/proc/self/clear_refs").write_text("5")  # the peak is what is held now
            before_s, before_mb = time.process_time(), peak_mb()
            try:
                reader.read(path, case)
                row["outcome"] = "used"
            except reader.refusals as error:
                row["outcome"] = "refused" if "\n" not in str(error) else f"refused in several lines: {error}"
            except Exception:
                row["outcome"] = traceback.format_exc()
            faulthandler.cancel_dump_traceback_later()
            row |= {"seconds": time.process_time() - before_s, "mb": peak_mb() - before_mb}
            print(json.dumps(row), file=sys.__stdout__, flush=True)


def limit_memory() -> None:
    """Let a case fail that would take the machine; the sanitizers need all addresses there are."""
    if "asan" not in os.environ.get("LD_PRELOAD", ""):
        resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def written(files: dict[str, bytes], folder: Path) -> Path:
    """Write files into a folder of nothing else; return the first one."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder / next(iter(files))


def try_all(reader: Reader, cases: int) -> list[Row]:
    """Return what became of each case."""
    rows: list[Row] = []
    while len(rows) < cases:
        end = min(len(rows) + CASES_PER_PROCESS, cases)
        command = [sys.executable, __file__, "0", reader.name, "--try", str(len(rows)), str(end)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        rows += [line for line in lines if "outcome" in line]
        if done.returncode != 0:
            if not lines:
                raise SystemExit(f"{reader.name}: whole files are not used\n{done.stderr[-3000:]}")
            rows.append(lines[-1] | {"outcome": "ended", "said": f"{done.returncode}\n{done.stderr[-3000:]}"})
        print(f"\r{reader.name}: {len(rows):,} of {cases:,}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return rows


def fault(row: Row) -> str | None:
    """Say what is wrong with what became of a case."""
    if row["outcome"] == "ended":
        return f"ended the process: {row['said']}"
    if row["outcome"] not in ("used", "refused"):
        return str(row["outcome"])
    if row["mb"] > MOST_MB or row["seconds"] > MOST_CPU_S:
        return f"took {row['mb']:,.0f} MB and {row['seconds']:.1f} CPU seconds"
    return None


def print_line(name: str, rows: list[Row]) -> None:
    """Print a line of the table."""
    refused, used, ended = (sum(row["outcome"] == outcome for row in rows) for outcome in ("refused", "used", "ended"))
    others = len(rows) - refused - used - ended
    mb, seconds = (max(row.get(unit, 0.0) for row in rows) for unit in ("mb", "seconds"))
    counts = f"{len(rows):,} | {refused:,} | {used:,} | {others} | {ended}"
    print(f"| {name} | {counts} | {mb:,.0f} | {seconds:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="?", type=int, default=2_000, help="of each reader")
    parser.add_argument("readers", nargs="*", help="default: all")
    parser.add_argument("--native", action="store_true", help="only readers whose bytes get to the extension")
    parser.add_argument("--kinds", action="store_true", help="a line for each kind of damage, too")
    parser.add_argument("--try", nargs=2, type=int, metavar=("BEGIN", "END"), help=argparse.SUPPRESS, dest="part")
    options = parser.parse_args()
    known = {reader.name: reader for reader in READERS}
    if unknown := [name for name in options.readers if name not in known]:
        parser.error(f"there is no reader of {unknown[0]!r}; there are: {', '.join(known)}")
    readers = [known[name] for name in options.readers or known if known[name].is_native or not options.native]
    if options.part:
        try_cases(readers[0], *options.part)
        return
    print(f"{machine()}\n")
    print("| reader | cases | refused | used | other exceptions | crashes | most memory, MB | longest, CPU s |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    num_faults = 0
    for reader in readers:
        rows = try_all(reader, options.cases)
        print_line(reader.name, rows)
        for kind in dict.fromkeys(row["kind"] for row in rows) if options.kinds else ():
            print_line(f"{reader.name}: {kind}", [row for row in rows if row["kind"] == kind])
        for row in rows:
            if said := fault(row):
                num_faults += 1
                print(f"{reader.name}, case {row['case']}, {row['kind']}: {said}", file=sys.stderr, flush=True)
    sys.exit(num_faults > 0)


if __name__ == "__main__":
    main()
