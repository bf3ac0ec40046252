"""Scores that people have published stay what they are: the counts of 60 utterances in every old format, frozen."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from asrkit.config import ScoringConfig
from asrkit.metrics.scoring import score

SPOKEN = (
    "the The cat's it's well-known 25 $5 3.5 10:30 café naïve (uh) Dr. Smith said, \"yes\" & no um going to gonna "
    "wh- a b/c 50% I'm U.S. don't 1,000 twenty five e-mail x@y.org"
)
WORDS = SPOKEN.split()
IDS = [f"spk{i % 7}_{i:03d}" for i in range(60)]


def sentences() -> tuple[list[list[str]], list[list[str]]]:
    """Return references, and hypotheses with errors in a fifth of the words."""
    draw = np.random.default_rng(3)
    references = [[WORDS[n] for n in draw.integers(0, len(WORDS), draw.integers(1, 15))] for _ in IDS]
    hypotheses = []
    for words in references:
        said: list[str] = []
        for word in words:
            way, other = draw.random(), WORDS[draw.integers(len(WORDS))]
            said += [word.lower()] if way < 0.8 else [other] if way < 0.9 else [] if way < 0.95 else [word, other]
        hypotheses.append(said)
    hypotheses[7] = []
    return references, hypotheses


def plain(words: list[str]) -> str:
    return " ".join(words)


def clean(words: list[str]) -> list[str]:
    """Leave out what NIST's formats give a meaning; their own tests are elsewhere."""
    return [word for word in words if not set(word) & set("(){}/@;%")] or ["x"]


def write_lines(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def write_sides(folder: Path, kind: str) -> tuple[Path, Path]:
    references, hypotheses = sentences()
    ref, hyp = list(map(plain, references)), list(map(plain, hypotheses))
    rows = list(zip(IDS, hyp, ref, strict=True))
    if kind == "lines":
        return write_lines(folder / "h", hyp), write_lines(folder / "r", ref)
    if kind == "ids":
        shuffled = [rows[n] for n in np.random.default_rng(4).permutation(len(rows))]
        return (
            write_lines(folder / "h", [f"{name} {text}" for name, text, _ in shuffled]),
            write_lines(folder / "r", [f"{name} {text}" for name, _, text in rows]),
        )
    if kind == "trn":
        marked = [plain([*clean(words), "(uh)", "{gonna / going to / @}"]) for words in references]
        said = [plain([*clean(words), *(["going", "to"] if i % 3 else [])]) for i, words in enumerate(hypotheses)]
        return (
            write_lines(folder / "h.trn", [f"{text} ({name})" for name, text in zip(IDS, said, strict=True)]),
            write_lines(folder / "r.trn", [f"{text} ({name})" for name, text in zip(IDS, marked, strict=True)]),
        )
    if kind == "stm":
        stm, ctm = [";; comment"], []
        for i, words in enumerate(references):
            text = plain([*clean(words), "{um / uh}"])
            stm.append(f"rec{i % 3} 1 spk{i % 7} {i * 10}.00 {i * 10 + 8}.00 <o,f0> {text}")
            for j, word in enumerate(clean(hypotheses[i])):
                ctm.append(f"rec{i % 3} 1 {i * 10 + 0.6 * j:.2f} 0.50 {word} 0.9")
        return write_lines(folder / "h.ctm", ctm), write_lines(folder / "r.stm", stm)
    if kind == "jsonl":
        return tuple(  # type: ignore[return-value]
            write_lines(folder / name, [json.dumps({"id": row[0], "text": row[place]}) for row in rows])
            for place, name in ((1, "h.jsonl"), (2, "r.jsonl"))
        )
    if kind == "results":
        lines = [json.dumps({"utterance_id": name, "text": text, "confidence": 0.5}) for name, text, _ in rows]
        write_lines(folder / "results.jsonl", lines)
        write_lines(folder / "hyp.txt", [f"{name} {text}" for name, text, _ in sorted(rows)])
        return folder, write_lines(folder / "r.tsv", ["id\ttext", *(f"{name}\t{text}" for name, _, text in rows)])
    if kind == "hyp.txt":
        return write_sides(folder, "results")[0] / "hyp.txt", folder / "r.tsv"
    if kind == "manifest":
        entries = [
            {"audio_filepath": f"wavs/{name}.wav", "duration": 1.5, "text": text, "pred_text": said}
            for name, said, text in rows
        ]
        path = write_lines(folder / "m.jsonl", [json.dumps(entry) for entry in entries])
        return path, path
    assert kind == "folder"
    for side, place in (("h", 1), ("r", 2)):
        (folder / side).mkdir()
        for row in rows:
            write_lines(folder / side / f"{row[0]}.txt", [row[place]])
    return folder / "h", folder / "r"


# (hits, substitutions, deletions, insertions): as written, then under standard-1
FROZEN: dict[str, tuple[str, tuple[int, ...], tuple[int, ...]]] = {
    "lines": ("line", (315, 81, 25, 16), (489, 49, 39, 28)),
    "trn": ("id", (358, 83, 18, 14), (499, 52, 25, 24)),
    "stm": ("id", (279, 82, 78, 14), (420, 51, 83, 24)),
}


@pytest.mark.parametrize("kind", ["lines", "ids", "trn", "stm", "jsonl", "results", "hyp.txt", "manifest", "folder"])
def test_old_formats_keep_their_counts(kind: str, tmp_path: Path) -> None:
    report = score(*write_sides(tmp_path, kind), ScoringConfig(normalizer="standard-1"))
    counts = [
        (total.hits, total.substitutions, total.deletions, total.insertions)
        for total in (report.raw.words.total(), report.normalized.words.total())
    ]
    assert (report.pairs.joined_by, *counts) == FROZEN.get(kind, ("id", (315, 81, 25, 16), (489, 49, 39, 28)))
