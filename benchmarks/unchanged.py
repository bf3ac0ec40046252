"""Is this build as fast as another? Runs the same work with both, in turns, and prints ratios of medians of CPU time.

    git worktree add ../before COMMIT && (cd ../before && make setup)
    python benchmarks/unchanged.py ../before/.venv/bin/python
    python benchmarks/unchanged.py ../before/.venv/bin/python --only decode --rounds 20
    python benchmarks/unchanged.py ../before/.venv/bin/python --only transcribe --speech WAVS --model BUNDLE

Decoding and language models are timed inside a process, commands from start to end; every round starts processes
anew, so that the luck of where memory lies is shared. `DATA` is a folder with the emissions of `decoder.py`
(`decoder/n10.npz`, ...) and an ARPA file (`lm/*.3gram.arpa.xz`); `SPEECH` is a folder of WAV files
to transcribe, with a bundle that both builds load.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from inspect import signature
from pathlib import Path

from timing import machine, markdown_table

REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference"
DECODES = {"no LM": ("fast", False), "3-gram": ("fast", True), "3-gram, accurate": ("accurate", True)}
TEXT = "score me against what was said in the end of it all\n"


def in_process(arpa: Path, emissions: Path, folder: Path) -> dict[str, Callable[[], object]]:
    """Return the jobs that a worker times in its own process; only names that both builds have are used."""
    from decoder_task import read_task

    from asrkit.config import DecodingConfig
    from asrkit.decoder import BeamSearchDecoder
    from asrkit.language_model import NgramModel, TextSource, build_ngram, write_binary
    from asrkit.text import Alphabet

    task = read_task(emissions)
    model = NgramModel.load(arpa)
    alphabet = Alphabet("".join(task.labels[:-1]))
    plain, with_model = BeamSearchDecoder(alphabet, None), BeamSearchDecoder(alphabet, arpa)
    sentences = (folder / "text.txt").read_text().splitlines()[:2000]

    def decode(mode: str, decoder: BeamSearchDecoder) -> Callable[[], object]:
        searching = decoder.with_config(DecodingConfig(mode=mode, beam=100))
        return lambda: [searching.decode(array) for array in task.arrays * 20]

    jobs: dict[str, Callable[[], object]] = {
        f"decode, {name}": decode(mode, with_model if uses_model else plain)
        for name, (mode, uses_model) in DECODES.items()
    }
    jobs["lm, read ARPA"] = lambda: [NgramModel.load(arpa) for _ in range(5)]
    jobs["lm, score sentences"] = lambda: [model.score(sentence) for sentence in sentences * 50]
    text = folder / "text.txt"
    as_it_is = {name: None for name in signature(TextSource).parameters if name.startswith("normalize")}
    jobs["lm, build in process"] = lambda: build_ngram(TextSource([text], **as_it_is), folder / "own.arpa", order=3)
    jobs["lm, write binary"] = lambda: [write_binary(model, folder / "model.bin") for _ in range(50)]
    return jobs


def work(names: list[str], arpa: Path, emissions: Path, folder: Path) -> None:
    """The worker: run each job once to warm up and once by the clock, print CPU seconds."""
    seconds = {}
    for name, job in in_process(arpa, emissions, folder).items():
        if any(name.startswith(start) for start in names):
            job()
            began = time.process_time()
            job()
            seconds[name] = time.process_time() - began
    print(json.dumps(seconds))


def commands(folder: Path, speech: Path | None, model: Path | None) -> dict[str, list[str]]:
    """Return the commands that are timed from start to end."""
    found = {
        "start, --help": ["--help"],
        "start, score --help": ["score", "--help"],
        "start, score of a line": ["score", "hyp.txt", "ref.txt"],
        "score, 20,000 lines": ["score", "many.hyp.txt", "many.ref.txt"],
        "lm, build": ["lm", "build", "text.txt", "-o", "built.arpa", "--order", "3"],
    }
    for name in ("hyp.txt", "ref.txt"):
        (folder / name).write_text(TEXT)
        lines = (folder / "text.txt").read_text().splitlines()
        lines = (lines * (20_000 // len(lines) + 1))[:20_000]
        if name == "hyp.txt":
            lines = [line.replace(" the ", " a ") for line in lines]
        (folder / f"many.{name}").write_text("".join(f"{line}\n" for line in lines))
    if speech is not None:
        output = ["-o", "transcripts", "--overwrite", "--beam", "1", "--jobs", "1"]
        output += ["--model", str(model.resolve())] if model else []
        found["transcribe, WAV"] = ["transcribe", str(speech.resolve()), *output]
    return found


def cpu_seconds(python: str, arguments: list[str], folder: Path) -> float:
    """Return the CPU seconds, those of children included, of a command."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONSAFEPATH": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # else modules are compiled anew each time, as for no user
    before = os.times()
    done = subprocess.run([python, "-m", "asrkit", *arguments], cwd=folder, env=environment, capture_output=True)
    after = os.times()
    if done.returncode:
        raise SystemExit(f"asrkit {' '.join(arguments)} failed with {python}:\n{done.stderr.decode()}")
    return after.children_user + after.children_system - before.children_user - before.children_system


def measure(options: argparse.Namespace, folder: Path) -> dict[str, dict[str, list[float]]]:
    """Return CPU seconds by job and Python, one number a round."""
    arpa = folder / "model.arpa"
    packed = sorted((options.data / "lm").glob("*.3gram.arpa.xz"))[0]
    arpa.write_bytes(lzma.decompress(packed.read_bytes()))
    text = lzma.decompress((options.data / "lm" / "train.txt.xz").read_bytes()).decode().splitlines()
    (folder / "text.txt").write_text("".join(f"{line}\n" for line in text[:20_000]))
    timed = {
        name: arguments
        for name, arguments in commands(folder, options.speech, options.model).items()
        if any(name.startswith(start) for start in options.only)
    }
    seconds: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for round_index in range(options.rounds + 1):  # the first warms up
        pythons = {"this": sys.executable, "other": options.other}
        for side in random.sample(sorted(pythons), 2):
            worker = [pythons[side], __file__, options.other, "--work", str(folder), "--only", *options.only]
            done = subprocess.run([*worker, "--data", str(options.data)], capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(done.stderr)
            found = json.loads(done.stdout)
            found |= {name: cpu_seconds(pythons[side], arguments, folder) for name, arguments in timed.items()}
            for name, value in found.items() if round_index else ():
                seconds[name][side].append(value)
        print(f"round {round_index} of {options.rounds}", file=sys.stderr)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", help="the Python of the other build")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--only", nargs="*", default=["decode", "lm", "start", "score", "transcribe"])
    parser.add_argument("--data", type=Path, default=REFERENCE)
    parser.add_argument("--speech", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.only, options.work / "model.arpa", options.data / "decoder" / "n20.npz", options.work)
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            [
                name,
                *(f"{statistics.median(sides[side]):.3f}" for side in ("other", "this")),
                f"{statistics.median(sides['this']) / statistics.median(sides['other']):.3f}",
            ]
            for name, sides in measure(options, Path(folder)).items()
        ]
    print(machine())
    print("\n".join(markdown_table(["CPU seconds, medians", "other", "this", "ratio"], rows)))


if __name__ == "__main__":
    main()
