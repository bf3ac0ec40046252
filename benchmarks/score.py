"""Scoring beside jiwer, kaldialign and sclite: ``make bench-score``.

Texts are made here, with a Zipfian vocabulary and near-spelling errors, so that nothing needs to be downloaded. Ratios
are taken inside one run, from CPU seconds, so that a busy machine hurts all alike.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from timing import machine

from asrkit.metrics.counting import count_pairs
from asrkit.metrics.intervals import resample
from asrkit.metrics.scoring import score

WORDS_EACH = 17
ERROR_RATE = 0.08


def make_pairs(number: int, words_each: int = WORDS_EACH, seed: int = 1) -> tuple[list[str], list[str]]:
    """Return hypotheses and references: a third of the errors are deletions, a third insertions."""
    draw = np.random.default_rng(seed)
    letters = np.array(list("etaoinshrdlu"))
    vocabulary = ["".join(draw.choice(letters, draw.integers(1, 11))) for _ in range(20_000)]
    hypotheses, references = [], []
    for _ in range(number):
        size = max(1, int(draw.poisson(words_each))) if words_each < 1_000 else words_each
        reference = [vocabulary[n % 20_000] for n in draw.zipf(1.2, size)]
        hypothesis = []
        for word, kind in zip(reference, draw.random(size) / ERROR_RATE, strict=True):
            if kind < 1 / 3:
                hypothesis.append(word[:-1] + "e" if draw.random() < 0.5 else vocabulary[draw.integers(20_000)])
            elif kind < 2 / 3:
                hypothesis += [word, vocabulary[draw.integers(200)]]
            elif kind >= 1:
                hypothesis.append(word)
        hypotheses.append(" ".join(hypothesis))
        references.append(" ".join(reference))
    return hypotheses, references


def write(folder: Path, name: str, texts: list[str]) -> Path:
    path = folder / name
    path.write_text("".join(f"utt{i:06d} {text}\n" for i, text in enumerate(texts)), encoding="utf-8")
    return path


def cpu_seconds(function: Callable[[], object], rounds: int = 2) -> float:
    """Return the best CPU seconds of a few rounds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        function()
        best = min(best, time.process_time() - start)
    return best


def command(arguments: list[str], folder: Path) -> str:
    """Run ``asrkit score`` once to warm up and once for its times."""
    for _ in range(2):
        wall, before = time.perf_counter(), os.times()
        subprocess.run(
            [sys.executable, "-m", "asrkit", "score", *arguments], cwd=folder, capture_output=True, check=True
        )
        wall, after = time.perf_counter() - wall, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return f"{wall:.2f} s, {cpu:.2f} CPU seconds"


def default_report(hypotheses: Path, references: Path) -> None:
    from rich.console import Console

    from asrkit.report.score_terminal import print_score

    print_score(score(hypotheses, references), Console(file=io.StringIO(), width=80))


def peak_megabytes(code: str) -> float:
    """Return the peak memory of Python code above that of an interpreter that only imports the same."""
    program = f"""
import re, asrkit.metrics.scoring, rich.console, rapidfuzz.distance, asrkit._native
def peak():
    return int(re.search("VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])
before = peak()
{code}
print((peak() - before) / 1024)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)


def peers(hypotheses: list[str], references: list[str]) -> dict[str, float]:
    """Return CPU seconds of the peers that are installed."""
    import jiwer

    times = {"jiwer.process_words": cpu_seconds(lambda: jiwer.process_words(references, hypotheses))}
    try:
        from kaldialign import edit_distance
    except ImportError:
        return times

    def with_kaldialign() -> None:
        for hypothesis, reference in zip(hypotheses, references, strict=True):
            edit_distance(reference.split(), hypothesis.split())

    times["kaldialign, words only"] = cpu_seconds(with_kaldialign)
    return times


def sclite_seconds(folder: Path, hypotheses: list[str], references: list[str]) -> float | None:
    program = shutil.which("sclite") or "/usr/lib/sctk/bin/sclite"
    if not Path(program).exists():
        return None
    for name, texts in (("hyp.trn", hypotheses), ("ref.trn", references)):
        lines = (f"{text} (s{i % 50}_{i})\n" for i, text in enumerate(texts))
        (folder / name).write_text("".join(lines), encoding="utf-8")
    before = os.times()
    command = [program, "-r", "ref.trn", "trn", "-h", "hyp.trn", "trn", "-i", "rm", "-o", "sum", "stdout"]
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def bench_corpora(folder: Path) -> None:
    hypotheses, references = make_pairs(100_000)
    written = [f"{text.capitalize()}." for text in references]
    hyp, ref = write(folder, "hyp100k.txt", hypotheses), write(folder, "ref100k.txt", references)
    ref_written = write(folder, "written100k.txt", written)
    jiwer_seconds = 0.0
    print("100,000 utterances, CPU seconds")
    for name, seconds in peers(hypotheses, references).items():
        jiwer_seconds = jiwer_seconds or seconds
        print(f"  {name:<48}{seconds:8.2f}")
    for name, path in (("plain text", ref), ("references as written: two views", ref_written)):
        seconds = cpu_seconds(lambda path=path: default_report(hyp, path))
        ratio = jiwer_seconds / seconds
        print(f"  {'asrkit, whole report, ' + name:<48}{seconds:8.2f}   {ratio:.1f} x jiwer (goal 3)")
    seconds = cpu_seconds(lambda: count_pairs(hypotheses, references))
    print(f"  {'asrkit, words only':<48}{seconds:8.2f}   {jiwer_seconds / seconds:.0f} x jiwer")
    code = f"import score; score.default_report({str(hyp)!r}, {str(ref_written)!r})"
    print(f"  asrkit, whole report: {peak_megabytes(code):.0f} MB above the start (goal 400)")
    small = hypotheses[:10_000], references[:10_000]
    write(folder, "hyp10k.txt", small[0]), write(folder, "ref10k.txt", small[1])
    write(folder, "hyp100.txt", hypotheses[:100]), write(folder, "ref100.txt", references[:100])
    print("commands, from start to end")
    for lines, goal in (("100", 0.7), ("10k", 1.5)):
        print(
            f"  asrkit score, {lines:>4} lines  {command([f'hyp{lines}.txt', f'ref{lines}.txt'], folder)} (goal {goal})"
        )
    seconds_of_sclite = sclite_seconds(folder, *small)
    if seconds_of_sclite is not None:
        print(f"  sclite,        10k lines  {seconds_of_sclite:.2f} CPU seconds")
    table = count_pairs(*small)
    values = np.stack([table.errors, table.num_reference], axis=1)
    seconds = cpu_seconds(lambda: resample(values, 1_000, 1))
    print(f"1,000 resamples of 10,000 utterances: {seconds:.3f} CPU seconds (goal 1)")


def bench_long_pairs(folder: Path) -> None:
    import jiwer

    print("one pair of texts, whole report, from start to end")
    for words, goal in ((20_000, 3), (100_000, 30)):
        hypotheses, references = make_pairs(1, words, seed=words)
        (folder / "hyp.txt").write_text(hypotheses[0] + "\n", encoding="utf-8")
        (folder / "ref.txt").write_text(references[0] + "\n", encoding="utf-8")
        code = f"import score; score.default_report({str(folder / 'hyp.txt')!r}, {str(folder / 'ref.txt')!r})"
        theirs = cpu_seconds(lambda pair=(references, hypotheses): jiwer.process_words(*pair), 1)
        times = command(["hyp.txt", "ref.txt"], folder)
        print(
            f"  {words:>7,} words: {times} (goal {goal}), {peak_megabytes(code):.0f} MB; "
            f"jiwer, words only and its own split: {theirs:.2f}"
        )


def write_marked(folder: Path, segments: int, *, alternatives: bool) -> None:
    """Write one long recording as stm and ctm, ten words a segment."""
    draw = np.random.default_rng(segments)
    letters = [*"etaoinshrdlucmfw"]
    with (folder / "ref.stm").open("w") as stm, (folder / "hyp.ctm").open("w") as ctm:
        for i in range(segments):
            said = ["".join(draw.choice(letters, 4)) for _ in range(10)]
            marked = [*said[:5], "{ um / uh / @ }", *said[5:]] if alternatives and i % 2 else said
            stm.write(f"rec 1 spk {4 * i:.2f} {4 * i + 3.9:.2f} {' '.join(marked)}\n")
            for place, (word, kind) in enumerate(zip(said, draw.random(10), strict=True)):
                if kind > 0.05:
                    ctm.write(f"rec 1 {4 * i + 0.1 + 0.3 * place:.2f} 0.20 {word if kind > 0.1 else 'x'}\n")


def write_line(folder: Path, words: int) -> None:
    """Write one line with a single place that can be said in two ways."""
    hypotheses, references = make_pairs(1, words, seed=words)
    said = references[0].split()
    marked = [*said[: words // 2], "{um / uh}", *said[words // 2 :]]
    (folder / "ref.trn").write_text(f"{' '.join(marked)} (s-1)\n")
    (folder / "hyp.trn").write_text(f"{hypotheses[0]} (s-1)\n")


def bench_notation(folder: Path) -> None:
    """Time what only NIST's tools score, beside them."""
    program = shutil.which("sclite") or "/usr/lib/sctk/bin/sclite"
    if not Path(program).exists():
        print("sclite is not installed: no comparison of stm, ctm and alternatives")
        return
    print("commands on NIST's formats, CPU seconds of the second run: asrkit, sclite (goal: within 5 times)")

    def seconds(arguments: list[str]) -> float:
        before = os.times()
        subprocess.run(arguments, cwd=folder, capture_output=True, check=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    def beside(what: str, hyp: str, ref: str) -> None:
        sides = ["-r", ref, ref[-3:], "-h", hyp, hyp[-3:], *(["-i", "rm"] if ref.endswith("trn") else [])]
        both = [sys.executable, "-m", "asrkit", "score", hyp, ref], [program, "-D", "-F", *sides, "-o", "sum", "stdout"]
        ours, theirs = (min(seconds(command) for _ in range(2)) for command in both)
        print(f"  {what:<48}{ours:8.2f}{theirs:8.2f}   {ours / theirs:.1f} times")

    for number in (1_000, 4_000):
        for alternatives in (False, True):
            write_marked(folder, number, alternatives=alternatives)
            name = f"stm and ctm, {number:,} segments{', alternatives' if alternatives else ''}"
            beside(name, "hyp.ctm", "ref.stm")
    for number in (1_000, 2_000):
        write_line(folder, number)
        beside(f"trn, one line of {number:,} words, alternatives", "hyp.trn", "ref.trn")


def main() -> None:
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        bench_corpora(Path(name))
        bench_long_pairs(Path(name))
        bench_notation(Path(name))


if __name__ == "__main__":
    main()
