"""The beam search over pieces of words beside other decoders: word error rate and frames per second of CPU time.

Emissions are simulated for the pieces of sentencepiece models: a spike for each, among blanks; competitors are the
pieces that share most letters. Weights are tuned two-fold, as in `decoder.py`, on one grid for all.

    python benchmarks/decoder_pieces.py --text train.txt --sentences heldout.txt --lm 3gram.arpa --keep measured

Each figure is kept as soon as it is there, so that a run can be stopped and goes on with what is missing, and parts
(`--sizes`, `--levels`) can be measured one by one. Wants sentencepiece; peers that are not installed are left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from decoder_accuracy import interval, mean_rates
from decoder_peers import words_of
from timing import machine, markdown_table

from asrkit.config import DecodingConfig
from asrkit.decoder import BeamSearchDecoder
from asrkit.language_model import NgramModel
from asrkit.metrics import count_errors
from asrkit.text.symbols import Symbols, WordRule

FloatArray = npt.NDArray[np.float32]
Decode = Callable[[FloatArray], str]
Build = Callable[[Sequence[str], Any, "Path | None", float, float], Decode]  # labels, pieces, ARPA, weight, bonus
BEAM = 100
NOISE = {"low": 0.35, "high": 0.6}


@dataclass(frozen=True)
class Pieces:
    """A sentencepiece model and which of its pieces sound alike."""

    model: Any
    labels: tuple[str, ...]  # the blank, empty, comes last
    alike: npt.NDArray[np.float64]


def train_pieces(text: Path, size: int, folder: Path) -> Pieces:
    """Train BPE pieces on a text; lines are sentences."""
    import sentencepiece

    prefix = folder / f"bpe{size}"
    sentencepiece.SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(prefix),
        vocab_size=size,
        model_type="bpe",
        character_coverage=1.0,
        bos_id=-1,
        eos_id=-1,
        minloglevel=2,
    )
    model = sentencepiece.SentencePieceProcessor(model_file=f"{prefix}.model")
    labels = tuple(model.id_to_piece(i) for i in range(model.get_piece_size()))
    bags = np.zeros((len(labels), 27 * 2))
    for row, label in zip(bags, labels, strict=True):
        for i, character in enumerate(label.strip("▁")):
            row[(ord(character) - 96) % 27] += 1.0
            row[27 + (ord(character) - 96) % 27] += 1.0 / (1 + i)
    bags /= np.maximum(np.linalg.norm(bags, axis=1, keepdims=True), 1e-9)
    return Pieces(model, (*labels, ""), bags @ bags.T)


def simulate(pieces: Pieces, text: str, noise: float, rng: np.random.Generator) -> FloatArray:
    """Return emissions of a text: ``(steps, labels)``."""
    size, blank = len(pieces.labels), len(pieces.labels) - 1
    rows = []

    def blanks(count: int) -> None:
        for _ in range(count):
            row = rng.normal(-7.0, 1.5, size)
            row[blank] = rng.normal(5.5, 1.2)
            rows.append(row)

    blanks(int(rng.integers(3, 10)))
    for piece in pieces.model.encode(text):
        difficulty = noise * math.exp(rng.normal(-0.1, 0.5))
        row = rng.normal(-7.0, 1.5, size)
        row[piece] = 5.0
        likeness = pieces.alike[piece] + rng.normal(0, 0.15, size - 1)
        likeness[piece] = -1.0
        for rank, other in enumerate(np.argsort(-likeness)[: int(rng.integers(3, 9))]):
            row[other] = max(row[other], 5.0 - rng.normal(6.5 - 3.0 * difficulty + 0.4 * rank, 2.3))
        row[blank] = max(row[blank], 5.0 - rng.normal(7.0 - 2.0 * difficulty, 2.3))
        rows.append(row)
        if rng.random() < 0.4:
            rows.append(row + rng.normal(0, 0.3, size))
        blanks(1 + int(rng.poisson(1.5)))
    blanks(int(rng.integers(3, 10)))
    logits = np.stack(rows)
    return (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)


def read_off(emissions: FloatArray, labels: Sequence[str]) -> str:
    """The most likely label of each step, repeats joined."""
    best = [int(label) for label, _ in groupby(emissions.argmax(axis=1))]
    return " ".join("".join(labels[label] for label in best).replace("▁", " ").split())


def build_ours(mode: str) -> Build:
    """Our decoder, giving text only."""
    made: dict[Any, BeamSearchDecoder] = {}

    def build(labels: Sequence[str], pieces: Any, arpa: Path | None, weight: float, bonus: float) -> Decode:
        key = (tuple(labels), arpa)
        if key not in made:
            made[key] = BeamSearchDecoder(
                Symbols.recognize(labels, len(labels) - 1, WordRule.PIECE),
                None if arpa is None else NgramModel.load(arpa),
            )
        config = DecodingConfig(mode=mode, beam=BEAM, lm_weight=weight, word_bonus=bonus)
        decoder = made[key].with_config(config)
        return lambda emissions: decoder.decode_texts([emissions])[0]

    return build


def build_like_pyctcdecode(module_name: str) -> Build:
    """Pyctcdecode or ctc-beam-decoder at their defaults."""

    def build(labels: Sequence[str], pieces: Any, arpa: Path | None, weight: float, bonus: float) -> Decode:
        module: Any = __import__(module_name)
        logging.getLogger("pyctcdecode").setLevel(logging.ERROR)
        options = {} if arpa is None else {"kenlm_model_path": str(arpa), "unigrams": words_of(arpa)}
        if arpa is not None:
            options |= {"alpha": weight, "beta": bonus}
        decoder = module.build_ctcdecoder(list(labels), **options)
        return lambda emissions: " ".join(str(decoder.decode(emissions, beam_width=BEAM)).split())

    return build


def build_flashlight(labels: Sequence[str], pieces: Any, arpa: Path | None, weight: float, bonus: float) -> Decode:
    """Flashlight's lexicon decoder; words are spelled as sentencepiece spells them. Pruning as ours."""
    from flashlight.lib.text import decoder as fl
    from flashlight.lib.text.dictionary import Dictionary

    assert arpa is not None
    words, dictionary = words_of(arpa), Dictionary()
    for word in [*words, "<unk>"]:
        dictionary.add_entry(word)
    lm = fl.KenLM(str(arpa), dictionary)
    blank = len(labels) - 1
    trie, start = fl.Trie(len(labels), blank), lm.start(False)
    for word in words:
        index = dictionary.get_index(word)
        trie.insert(pieces.model.encode(word), index, lm.score(start, index)[1])
    trie.smear(fl.SmearingMode.MAX)
    options = fl.LexiconDecoderOptions(
        beam_size=BEAM,
        beam_size_token=12,
        beam_threshold=14.0,
        lm_weight=weight * math.log(10),
        word_score=bonus,
        unk_score=-math.inf,
        sil_score=0.0,
        log_add=False,
        criterion_type=fl.CriterionType.CTC,
    )
    decoder = fl.LexiconDecoder(options, trie, lm, blank, blank, dictionary.get_index("<unk>"), [], False)
    kept = (lm, trie)

    def decode(emissions: FloatArray) -> str:
        assert kept
        best = decoder.decode(emissions.ctypes.data, *emissions.shape)[0]
        return " ".join(dictionary.get_entry(word) for word in best.words if word >= 0)

    return decode


DECODERS: dict[str, tuple[str | None, Build]] = {
    "asrkit accurate": (None, build_ours("accurate")),
    "asrkit fast": (None, build_ours("fast")),
    "pyctcdecode": ("pyctcdecode", build_like_pyctcdecode("pyctcdecode")),
    "ctc-beam-decoder": ("ctc_beam_decoder", build_like_pyctcdecode("ctc_beam_decoder")),
    "flashlight, matched pruning": ("flashlight", build_flashlight),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True, help="sentences to train pieces on")
    parser.add_argument("--sentences", type=Path, required=True, help="sentences to decode, maybe after a tab")
    parser.add_argument("--lm", type=Path, required=True, help="ARPA file of words")
    parser.add_argument("--keep", type=Path, required=True, help="folder of what is measured; the next run goes on")
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 512, 1024])
    parser.add_argument("--levels", nargs="+", choices=list(NOISE), default=list(NOISE))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--count", type=int, default=100, help="sentences")
    parser.add_argument("--weights", type=float, nargs="+", default=[0.3, 0.5, 0.75, 1.0])
    parser.add_argument("--bonuses", type=float, nargs="+", default=[0.5, 1.5, 2.5])
    parser.add_argument("--rounds", type=int, default=5, help="of timing")
    parser.add_argument("--timed", type=int, default=20, help="sentences of timing")
    arguments = parser.parse_args()
    sentences = [line.rpartition("\t")[2] for line in arguments.sentences.read_text().splitlines()][: arguments.count]
    chosen = {
        name: build for name, (module, build) in DECODERS.items() if module is None or importlib.util.find_spec(module)
    }
    arguments.keep.mkdir(parents=True, exist_ok=True)
    records = {}
    for size, level in product(arguments.sizes, arguments.levels):
        record = Record(arguments.keep / f"{size}-{level}.json", describe(arguments))
        if not record.is_complete(chosen):
            measure(record, size, level, sentences, chosen, arguments)
        records[f"{size} {level}"] = record.values
    report(records, sentences, list(chosen), arguments)


def describe(arguments: argparse.Namespace) -> dict[str, Any]:
    """What a kept figure depends on."""
    return {name: getattr(arguments, name) for name in ("seeds", "count", "weights", "bonuses", "rounds", "timed")}


class Record:
    """The figures of one set, each written to a file as soon as it is there."""

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self._path = path
        self.values: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        if self.values.get("settings") != settings:
            self.values = {"settings": settings, "errors": {}, "speeds": {}}

    def is_complete(self, names: Iterable[str]) -> bool:
        """Tell whether nothing of these decoders is left to measure."""
        return set(names) <= set(self.values["errors"]) and len(self.values["speeds"]) == 2

    def save(self) -> None:
        """Write what there is, whole or not at all."""
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps(self.values))
        part.replace(self._path)


def measure(
    record: Record,
    size: int,
    level: str,
    sentences: Sequence[str],
    chosen: dict[str, Build],
    arguments: argparse.Namespace,
) -> None:
    """Fill in what a record lacks."""
    pieces = train_pieces(arguments.text, size, arguments.keep)
    tasks = [
        [simulate(pieces, text, NOISE[level], np.random.default_rng([seed, i])) for i, text in enumerate(sentences)]
        for seed in range(arguments.seeds)
    ]
    greedy = [read_off(array, pieces.labels) for task in tasks for array in task]
    record.values["greedy"] = 100 * count_errors(greedy, list(sentences) * len(tasks)).rate
    grid = list(product(arguments.weights, arguments.bonuses))
    is_even = np.arange(len(sentences)) % 2 == 0
    for name, build in chosen.items():
        if name in record.values["errors"]:
            continue
        tables = []
        for weight, bonus in grid:
            decode = build(pieces.labels, pieces, arguments.lm, weight, bonus)
            found = [[decode(array) for array in task] for task in tasks]
            tables.append(
                [sum(count_errors([texts[i]], [sentences[i]]).errors for texts in found) for i in range(len(sentences))]
            )
        table = np.array(tables)
        on_even, on_odd = (int(table[:, half].sum(axis=1).argmin()) for half in (is_even, ~is_even))
        record.values["errors"][name] = np.where(is_even, table[on_odd], table[on_even]).tolist()
        record.save()
        print(size, level, name, sum(record.values["errors"][name]), grid[on_even], grid[on_odd], flush=True)
    for kind in ("with", "without"):
        if kind not in record.values["speeds"]:
            record.values["speeds"][kind] = time_all(chosen, pieces, arguments, tasks[0][: arguments.timed], kind)
            record.save()
            print(size, level, kind, record.values["speeds"][kind], flush=True)


def report(
    records: dict[str, dict[str, Any]], sentences: Sequence[str], names: Sequence[str], arguments: argparse.Namespace
) -> None:
    """Print tables of all sets."""
    headers, own = list(records), "asrkit accurate"
    counts = np.array([len(text.split()) for text in sentences])
    known = set(words_of(arguments.lm))
    is_known = np.array([set(text.split()) <= known for text in sentences])
    errors = {name: [np.array(record["errors"][name]) for record in records.values()] for name in names}
    total = counts.sum() * arguments.seeds
    rates = {"greedy": [record["greedy"] for record in records.values()]}
    rates |= {name: [100 * values.sum() / total for values in errors[name]] for name in names}
    print(
        f"{len(sentences)} sentences, {counts.sum()} words, {arguments.seeds} times each; beam {BEAM}; language model "
        f"weights {arguments.weights}, word bonuses {arguments.bonuses}.\n"
    )
    rows = [(name, *(f"{rate:.2f}" for rate in cells), f"{np.mean(cells):.2f}") for name, cells in rates.items()]
    print("\n".join(markdown_table(("decoder, WER %", *headers, "mean"), rows)))
    for kind, chosen in (("all sentences", np.full(len(counts), True)), ("sentences of known words", is_known)):
        words = [counts[chosen] * arguments.seeds] * len(headers)
        picks = np.random.default_rng(0).integers(0, chosen.sum(), (10_000, chosen.sum()))
        rows = []
        for name in names:
            if name == own:
                continue
            mine, theirs = ([values[chosen] for values in errors[which]] for which in (own, name))
            relative = 100 * (mean_rates(mine, words, picks) / mean_rates(theirs, words, picks) - 1)
            mean = 100 * (sum(map(np.sum, mine)) / max(sum(map(np.sum, theirs)), 1) - 1)
            cells = [
                interval(mean_rates([a - b], [count], picks)) for a, b, count in zip(mine, theirs, words, strict=True)
            ]
            rows.append((name, *cells, f"{mean:+.1f} % ({interval(relative)})"))
        print(
            f"WER of {own} less that of the others, in points, and relative on the mean (95 % intervals), "
            f"{kind} ({chosen.sum()}):\n"
        )
        print("\n".join(markdown_table(("decoder", *headers, "mean, relative"), rows)))
    rows = []
    for kind, name in product(("with", "without"), names):
        speeds = [record["speeds"][kind] for record in records.values()]
        if name in speeds[0]:
            cells = [f"{speed[name]:,.0f}" for speed in speeds]
            for mine in (own, "asrkit fast"):
                ratios = [speed[mine] / speed[name] for speed in speeds]
                cells.append(f"{min(ratios):.1f} to {max(ratios):.1f}")
            rows.append((name, kind, *cells))
    head = ("decoder, frames/s", "language model", *headers, f"{own} is faster by", "asrkit fast by")
    print("\n".join([*markdown_table(head, rows), machine()]))


def time_all(
    chosen: dict[str, Build], pieces: Pieces, arguments: argparse.Namespace, arrays: Sequence[FloatArray], kind: str
) -> dict[str, float]:
    """Return the frames per CPU second of each decoder, timed in turns; the median of all rounds."""
    decoders = {
        name: build(pieces.labels, pieces, arguments.lm if kind == "with" else None, 0.5, 1.5)
        for name, build in chosen.items()
        if kind == "with" or build is not build_flashlight
    }
    seconds: dict[str, list[float]] = {name: [] for name in decoders}
    for _ in range(arguments.rounds):
        for name, decode in decoders.items():
            start = time.process_time()
            for array in arrays:
                decode(array)
            seconds[name].append(time.process_time() - start)
    return {name: sum(map(len, arrays)) / statistics.median(values) for name, values in seconds.items()}


if __name__ == "__main__":
    main()
