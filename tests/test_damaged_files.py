"""Damaged files of every kind are refused in our own words or used; here it is made sure that such a test can fail."""

from __future__ import annotations

import contextlib
import gzip
import importlib
import io
import json
import subprocess
import sys
import zipfile
import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from damaged_files import KINDS, damage_files

PROGRAM = Path(__file__).parents[1] / "benchmarks" / "robustness.py"
sys.path.insert(0, str(PROGRAM.parent))
robustness = importlib.import_module("robustness")

TEXT = b'{"id": 7, "text": "a b"}\n' * 20


def archive() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, values=np.arange(64, dtype=np.float32), text=np.frombuffer(TEXT, np.uint8))
    return buffer.getvalue()


def test_a_case_is_always_the_same_damage() -> None:
    whole = [{"a.json": TEXT, "b.npz": archive()}, {"c": b"x"}]
    found = [damage_files(whole, case) for case in range(210)]
    assert found == [damage_files(whole, case) for case in range(210)]
    assert Counter(kind for kind, _ in found) == dict.fromkeys(KINDS, 30)
    num_changed = sum(files not in whole for _, files in found)
    assert num_changed > 180
    assert all(files.keys() in (whole[0].keys(), whole[1].keys()) for _, files in found)


def test_what_is_packed_is_damaged_and_packed_again() -> None:
    packed = [damage_files([{"a.gz": gzip.compress(TEXT)}], case)[1]["a.gz"] for case in range(100)]
    num_inside = 0
    for data in packed:
        with contextlib.suppress(OSError, EOFError, zlib.error):
            num_inside += gzip.decompress(data) != TEXT
    assert num_inside > 50


def test_what_lies_in_an_archive_is_damaged_inside_a_whole_one() -> None:
    num_texts = num_values = num_unreadable = 0
    for case in range(200):
        data = damage_files([{"b.npz": archive()}], case)[1]["b.npz"]
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as file:
                text = np.load(io.BytesIO(file.read("text.npy")))
                num_texts += text.tobytes() != TEXT
                num_values += file.read("values.npy") != zipfile.ZipFile(io.BytesIO(archive())).read("values.npy")
        except Exception:  # of any kind, and then in the file itself
            num_unreadable += 1
    assert num_texts > 30 and num_values > 30 and num_unreadable > 20


def use(path: Path, case: int) -> None:
    if case == 3 and path.parent.name == "damaged":
        raise KeyError("not ours")
    if case == 4 and path.parent.name == "damaged":
        raise ValueError("two\nlines")
    if case == 5:
        np.ones(200 << 20, np.uint8)
    if case % 2:
        raise ValueError("ours")


def test_what_a_reader_may_not_raise_is_told(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robustness.limit_memory", lambda: None)
    monkeypatch.chdir(".")  # and back
    reader = replace(robustness.READERS[0], make=lambda folder: [{"m": TEXT}], read=use, refusals=(ValueError,))
    monkeypatch.setattr(sys, "__stdout__", sys.stdout)
    robustness.try_cases(reader, 2, 6)
    rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    rows = [row for row in rows if "outcome" in row]
    assert [row["case"] for row in rows] == [2, 3, 4, 5]
    assert [row["outcome"] for row in rows if not robustness.fault(row)] == ["used", "refused"]
    assert "KeyError: 'not ours'" in (robustness.fault(rows[1]) or "")
    assert robustness.fault(rows[2]) == "refused in several lines: two\nlines"
    assert rows[3]["mb"] > 190 > rows[0]["mb"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"outcome": "ended", "said": "-11"}, "ended the process: -11"),
        ({"outcome": "used", "mb": 900.0, "seconds": 0.1}, "took 900 MB and 0.1 CPU seconds"),
        ({"outcome": "refused", "mb": 0.0, "seconds": 11.0}, "took 0 MB and 11.0 CPU seconds"),
        ({"outcome": "refused", "mb": 400.0, "seconds": 9.0}, None),
    ],
)
def test_what_a_case_may_not_do(row: dict[str, object], said: str | None) -> None:
    assert robustness.fault(row) == said


@pytest.mark.slow
@pytest.mark.parametrize("name", [reader.name for reader in robustness.READERS])
def test_no_damage_does_harm(name: str) -> None:
    done = subprocess.run([sys.executable, PROGRAM, "100", name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
