"""Try damaged language models: each is refused, or used in every way, and nothing breaks.

    make bench-robustness                  # 2,000 cases with AddressSanitizer and UndefinedBehaviorSanitizer
    python benchmarks/robustness.py        # the same as built: for time and memory

A case is a number (see ``tests/damaged_models.py``): a binary model, plain or of 8 bits, damaged in one of nine ways,
three times in four with right checksums again. It is loaded as a command would, and as if it had been damaged after it
was checked; whatever loads is decoded with (beams 1 to 100, hotwords, threads, streams) and converted, pruned, mixed
and measured. A process of its own tries the cases, 100 at a time, so that none can take the table with it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from timing import machine, peak_mb

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "tests"))

CASES_PER_PROCESS = 100


def try_cases(begin: int, end: int) -> None:
    """Try some cases; print a line before and after each."""
    import numpy as np
    from damaged_models import damaged, use_in_search, use_in_tools, whole_models

    from asrkit import _native
    from asrkit.errors import LanguageModelError
    from asrkit.language_model import NgramModel

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["ASRKIT_CACHE_DIR"] = str(folder / "cache")
        models = whole_models(folder)
        for case in range(begin, end):
            kind, data = damaged(models, case)
            path = folder / f"{case}.bin"
            path.write_bytes(data)
            before_s = time.process_time()
            print(json.dumps({"case": case, "kind": kind}), flush=True)
            facts: dict[str, Any] = {"case": case, "loaded": False, "changed_later": False}
            try:
                model = NgramModel.load(path)
            except LanguageModelError:
                pass
            else:
                facts["loaded"] = True
                use_in_search(model, case)
                use_in_tools(model, folder)
            try:
                changed = NgramModel(_native.NgramModel.open_binary(np.frombuffer(bytearray(data), np.uint8)))
            except _native.NgramFileError:
                pass
            else:
                facts["changed_later"] = True
                use_in_search(changed, case)
                use_in_tools(changed, folder)
            facts["seconds"] = time.process_time() - before_s
            facts["peak_mb"] = peak_mb()
            print(json.dumps(facts), flush=True)
            path.unlink()


def try_all(cases: int) -> list[dict[str, Any]]:
    """Return the facts of each case; ``ended`` says how its process died, if it did."""
    rows: list[dict[str, Any]] = []
    while len(rows) < cases:
        end = min(len(rows) + CASES_PER_PROCESS, cases)
        command = [sys.executable, __file__, "--try", str(len(rows)), str(end)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        kinds = {line["case"]: line["kind"] for line in lines if "kind" in line}
        finished = [line | {"kind": kinds[line["case"]]} for line in lines if "seconds" in line]
        rows += finished
        if done.returncode != 0:
            last = lines[-1] if lines else {"case": len(rows), "kind": "none"}
            rows.append(last | {"ended": done.returncode, "said": done.stderr[-3000:]})
            print(f"case {last['case']} ended the process: {done.returncode}\n{done.stderr[-3000:]}", file=sys.stderr)
        print(f"\r{len(rows):,} of {cases:,}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return rows


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print a row for each kind of damage, and the worst of all."""
    print("| damage | cases | refused when loaded | loaded and used | changed after the check and used | crashes |")
    print("|---|---|---|---|---|---|")
    kinds = Counter(row["kind"] for row in rows)
    for kind in [*kinds, "all"]:
        some = [row for row in rows if kind in (row["kind"], "all")]
        loaded = sum(row.get("loaded", False) for row in some)
        later = sum(row.get("changed_later", False) for row in some)
        crashes = sum("ended" in row for row in some)
        refused = len(some) - loaded - crashes
        print(f"| {kind} | {len(some):,} | {refused:,} | {loaded:,} | {later:,} | {crashes} |")
    whole = [row for row in rows if "ended" not in row]
    print(f"\n{machine()}. Longest case: {max(row['seconds'] for row in whole):.2f} CPU seconds; ", end="")
    print(f"most memory of a process of {CASES_PER_PROCESS} cases: {max(row['peak_mb'] for row in whole):,.0f} MB.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="?", type=int, default=2_000)
    parser.add_argument("--try", nargs=2, type=int, metavar=("BEGIN", "END"), help=argparse.SUPPRESS, dest="part")
    options = parser.parse_args()
    if options.part:
        try_cases(*options.part)
        return
    rows = try_all(options.cases)
    print_table(rows)
    sys.exit(any("ended" in row for row in rows))


if __name__ == "__main__":
    main()
