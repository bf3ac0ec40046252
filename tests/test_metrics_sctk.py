"""Against NIST's own tools, where Debian's sctk is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from asrkit.config import ScoringConfig
from asrkit.metrics.comparison import compare
from asrkit.metrics.scoring import score

BIN = Path("/usr/lib/sctk/bin")
SCLITE = shutil.which("sclite") or (str(BIN / "sclite") if (BIN / "sclite").exists() else None)

pytestmark = pytest.mark.skipif(SCLITE is None, reason="sclite is not installed (Debian: apt-get install sctk)")

NIST = ScoringConfig(normalizer="none", weights="nist")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two systems of different quality on 400 utterances, as sclite wants them."""
    path = tmp_path_factory.mktemp("sctk")
    draw = np.random.default_rng(5)
    words = [f"w{n}" for n in range(40)]
    references = [[words[n] for n in draw.integers(0, 40, draw.integers(3, 25))] for _ in range(400)]

    def corrupt(text: list[str], rate: float) -> list[str]:
        said: list[str] = []
        for word, kind in zip(text, draw.random(len(text)) / rate, strict=True):
            other = words[draw.integers(0, 40)]
            said += [other] if kind < 0.5 else [] if kind < 0.75 else [word, other] if kind < 1 else [word]
        return said

    sides = {"a": [corrupt(t, 0.12) for t in references], "b": [corrupt(t, 0.2) for t in references], "ref": references}
    for name, texts in sides.items():
        lines = (f"{' '.join(text)} (s{i % 6}_{i})\n" for i, text in enumerate(texts))
        (path / f"{name}.trn").write_text("".join(lines))
    return path


def sclite(folder: Path, system: str, output: str) -> str:
    where = [] if output == "sgml" else ["stdout"]
    command = [str(SCLITE), "-r", "ref.trn", "trn", "-h", f"{system}.trn", "trn", "-i", "rm", "-o", output, *where]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("system", ["a", "b"])
def test_nist_weights_give_the_counts_of_sclite(folder: Path, system: str) -> None:
    total = re.search(r"\| Sum +\|([^|]*)\|([^|]*)\|", sclite(folder, system, "rsum"))
    assert total is not None
    _, num_reference = map(int, total[1].split())
    hits, substitutions, deletions, insertions, errors, _ = map(int, total[2].split())
    ours = score(folder / f"{system}.trn", folder / "ref.trn", NIST).normalized.words.total()
    assert (ours.num_reference, ours.errors) == (num_reference, errors)
    assert (ours.hits, ours.substitutions, ours.deletions, ours.insertions) == (
        hits,
        substitutions,
        deletions,
        insertions,
    )


def test_nist_weights_give_the_counts_of_sclite_for_each_utterance(folder: Path) -> None:
    found = {
        name: tuple(map(int, scores.split()))
        for name, scores in re.findall(r"id: \((\S+)\)\nScores: \(#C #S #D #I\) (.*)", sclite(folder, "b", "pralign"))
    }
    report = score(folder / "b.trn", folder / "ref.trn", NIST)
    table = report.normalized.words
    unlike = [
        name
        for i, name in enumerate(report.pairs.ids)
        if found[name] != (table[i].hits, table[i].substitutions, table[i].deletions, table[i].insertions)
    ]
    assert len(found) == 400
    assert len(unlike) <= 2  # ties that sclite breaks by where it looks first


def test_optional_words_alternatives_and_fragments_count_as_in_sclite(folder: Path) -> None:
    draw = np.random.default_rng(7)
    words = ["hat", "what", "where", "when", "cat", "uh", "going", "to", "gonna"]

    def pick() -> str:
        return words[draw.integers(len(words))]

    with (folder / "o.trn").open("w") as ref, (folder / "g.trn").open("w") as hyp:
        for i in range(400):
            marked, said = [], []
            for _ in range(draw.integers(1, 9)):
                way = draw.integers(8)
                word = pick()
                marks = {0: f"({word})", 1: f"{word[:2]}-", 2: f"-{word[-2:]}", 3: f"{{{word} / going to / @}}"}
                marked.append(marks.get(int(way), word))
                if draw.random() < 0.6:
                    said.append(word)
                elif draw.random() < 0.6:
                    said.append(pick())
            ref.write(f"{' '.join(marked)} (s_{i})\n")
            hyp.write(f"{' '.join(said)} (s_{i})\n")
    command = f"{SCLITE} -D -F -r o.trn trn -h g.trn trn -i rm -o pralign stdout".split()
    output = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=60).stdout
    scores = re.findall(r"id: \((\S+)\)\nScores: \(#C #S #D #I\) (.*)", output)
    theirs = {name: tuple(map(int, counts.split())) for name, counts in scores}
    report = score(folder / "g.trn", folder / "o.trn", NIST)
    table = report.normalized.words
    ours = {
        name: (table[i].hits, table[i].substitutions, table[i].deletions, table[i].insertions)
        for i, name in enumerate(report.pairs.ids)
    }
    assert len(theirs) == 400
    unlike = {name: (theirs[name], ours[name]) for name in theirs if theirs[name] != ours[name]}
    assert len(unlike) <= 2, unlike  # ties


def test_alternatives_of_ctm_and_stm_count_as_in_sclite(folder: Path) -> None:
    draw = np.random.default_rng(11)
    words = ["hat", "what", "cat", "uh", "going", "to", "gonna"]

    def pick(number: int = 1) -> str:
        return " ".join(words[draw.integers(len(words))] for _ in range(number))

    with (folder / "alt.stm").open("w") as stm, (folder / "alt.ctm").open("w") as ctm:
        for i in range(150):
            place, said = 10.0 * i, []
            for _ in range(draw.integers(1, 8)):
                said.append(f"{{ {pick()} / {pick(2)} }}" if draw.random() < 0.2 else pick())
                place += 0.5
                if draw.random() < 0.3:
                    ways = [pick(), pick(2), "@"][: draw.integers(2, 4)]
                    ctm.write("rec 1 * * <ALT_BEGIN>\n")
                    for k, way in enumerate(ways):
                        ctm.write("rec 1 * * <ALT>\n" if k else "")
                        for j, word in enumerate(way.split()):
                            ctm.write(f"rec 1 {place + 0.1 * j:.2f} 0.1 {word}\n")
                    ctm.write("rec 1 * * <ALT_END>\n")
                else:
                    ctm.write(f"rec 1 {place:.2f} 0.1 {said[-1] if '{' not in said[-1] else pick()}\n")
            stm.write(f"rec 1 A {10 * i}.00 {10 * i + 9}.00 {' '.join(said)}\n")
    command = f"{SCLITE} -D -F -r alt.stm stm -h alt.ctm ctm -o rsum stdout".split()
    output = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=60).stdout
    total = re.search(r"\| Sum +\|([^|]*)\|([^|]*)\|", output)
    assert total is not None
    ours = score(folder / "alt.ctm", folder / "alt.stm", NIST).normalized.words.total()
    assert int(total[1].split()[0]) == 150
    theirs = list(map(int, total[2].split()[:4]))
    assert (ours.errors, ours.substitutions) == (sum(theirs[1:]), theirs[1])
    assert ours.hits == pytest.approx(theirs[0], abs=3)  # readings of the same price may differ in their length


def test_matched_pairs_equal_sc_stats(folder: Path) -> None:
    for system in ("a", "b"):
        sclite(folder, system, "sgml")
    sgml = "".join((folder / f"{system}.trn.sgml").read_text() for system in ("a", "b"))
    subprocess.run(
        [str(Path(str(SCLITE)).with_name("sc_stats")), "-p", "-t", "mapsswe", "-v", "-n", "st", "-O", "."],
        cwd=folder,
        input=sgml,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    written = (folder / "st.stats.mapsswe").read_text()
    theirs = re.search(r"# segs: (\d+).*mean: (-?[\d.]+)\) \(std dev: ([\d.]+)\) \(Z Stat: (-?[\d.]+)\)", written)
    assert theirs is not None
    ours = compare(folder / "a.trn", folder / "b.trn", folder / "ref.trn", NIST).matched_pairs
    # Where several best alignments exist, an error may stand elsewhere and join or part two segments.
    assert abs(ours.num_segments - int(theirs[1])) <= 3
    assert ours.mean == pytest.approx(float(theirs[2]), abs=0.005)
    assert ours.z == pytest.approx(float(theirs[4]), abs=0.05)
