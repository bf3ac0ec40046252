"""Times the language model tools beside the kenlm package, turn by turn: reading ARPA, opening binaries, queries.

    python benchmarks/language_model.py [TEXT ...] [--order 3] [--heldout FILE]

TEXT is what the model is built from, else what `make lm` finds; queries are made for HELDOUT, or for the beginning of
TEXT. Build time and memory are those of a process of its own. All seconds are CPU seconds, but for opening a binary.
Compare them with `lmplz -o 3 < TEXT` on the same machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import kenlm
from timing import interleaved, machine

from asrkit.language_model import NgramModel, TextSource, write_binary

BUILD = """
import json, resource, sys
from asrkit.language_model import TextSource, build_ngram
output, order, *texts = sys.argv[1:]
report = build_ngram(TextSource(texts, normalizer=None), output, order=int(order), discount_fallback=True)
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"ngrams": report.ngrams, "words": report.words, "cpu_s": usage.ru_utime + usage.ru_stime,
                  "memory_mb": usage.ru_maxrss / 1024}))
"""
MAX_QUERY_BYTES = 2_000_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", nargs="*")
    parser.add_argument("--order", type=int, default=3)
    parser.add_argument("--heldout", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        arpa = Path(folder) / "m.arpa"
        texts = find_texts(options.text, Path(folder))
        arguments = [sys.executable, "-c", BUILD, str(arpa), str(options.order), *texts]
        built = json.loads(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout)
        print(f"build: {built['words']:,} words, {built['cpu_s']:.1f} s CPU, {built['memory_mb']:,.0f} MB, ", end="")
        print(" / ".join(f"{count:,}" for count in built["ngrams"]) + " n-grams")
        compare(arpa, options.heldout or Path(texts[0]), options.rounds)
    return 0


def find_texts(named: list[str], folder: Path) -> list[str]:
    """Return the files to build from; sentences without a file of their own are written into a folder."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
    import make_lm

    name, texts, are_files = make_lm.find_text(named, make_lm.LJSPEECH)
    print(f"text: {name}")
    if are_files:
        return texts
    path = folder / "text.txt"
    path.write_text("\n".join(texts), encoding="utf-8")
    return [str(path)]


def compare(arpa: Path, text: Path, rounds: int) -> None:
    ours, theirs = NgramModel.load(arpa), kenlm.Model(str(arpa))
    loads = interleaved(
        {"asrkit": lambda: NgramModel.load(arpa), "kenlm": lambda: kenlm.Model(str(arpa))},
        min(rounds, 2),
        time.process_time,
    )
    print(f"read {arpa.stat().st_size / 1e6:,.0f} MB of ARPA: " + show(loads, 1, "s"))
    sentences = "".join(TextSource([text], normalizer=None))[:MAX_QUERY_BYTES]
    lines = [line for line in sentences.split("\n") if line.strip()]
    num_queries = sum(len(line.split()) + 1 for line in lines)
    for quantize in (False, True):
        binary = write_binary(ours, arpa.with_suffix(f".{quantize}.bin"), quantize=quantize)
        start = time.perf_counter()
        mapped = NgramModel.load(binary)
        load_ms = 1000 * (time.perf_counter() - start)
        times = interleaved(
            {
                "asrkit": lambda mapped=mapped: mapped.perplexity([sentences]),
                "kenlm, a call a sentence": lambda: sum(map(theirs.score, lines)),
            },
            rounds,
            time.process_time,
        )
        kind = "8 bits" if quantize else "plain"
        print(f"binary, {kind}: {binary.stat().st_size / 1e6:,.0f} MB, opened in {load_ms:.2f} ms")
        print(f"  {num_queries:,} queries: " + show({k: v / num_queries * 1e9 for k, v in times.items()}, 0, "ns each"))


def show(values: dict[str, float], digits: int, unit: str) -> str:
    return ", ".join(f"{name} {value:,.{digits}f} {unit}" for name, value in values.items())


if __name__ == "__main__":
    sys.exit(main())
