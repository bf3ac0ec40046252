"""What promises to be complete is complete after a power cut at any moment: the old or the new, never half."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fake_recognition import run, write_speech
from power_cut import forgetful_disk
from random_bundle import random_bundle

from asrkit.errors import BundleError, MissingPathError
from asrkit.model.bundle import Bundle
from asrkit.training.checkpoint import RunState, load_checkpoint, save_checkpoint
from asrkit.transcription.results import ResultsLog
from asrkit.writing import write_whole


@pytest.mark.parametrize("old", [b"", b"old"])
def test_a_file_that_is_to_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bytes) -> None:
    if old:
        (tmp_path / "a.txt").write_bytes(old)
    with forgetful_disk(tmp_path, monkeypatch) as disk:
        write_whole(tmp_path / "a.txt", "new", lasting=True)
    seen = [files.get("a.txt", b"") for files in disk.left]
    assert set(seen) == {old, b"new"} and seen[0] == old
    assert disk.left[-2:] == [disk.now, disk.now]  # however late the names came


def test_the_disk_forgets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the tests here could not fail."""
    (tmp_path / "a.txt").write_bytes(b"old")
    with forgetful_disk(tmp_path, monkeypatch) as disk:
        write_whole(tmp_path / "a.txt", "new")
    assert [files["a.txt"] for files in disk.left[-2:]] == [b"old", b""]


def test_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run" / "checkpoint.npz"
    path.parent.mkdir()
    save_checkpoint(path, RunState(epoch=1), {"network": [np.full(3, 1.0)]})
    with forgetful_disk(path.parent, monkeypatch) as disk:
        for epoch in (2, 3):
            save_checkpoint(path, dataclasses.replace(RunState(), epoch=epoch), {"network": [np.full(3, epoch)]})
    found = []
    for files in disk.left:
        state, arrays = load_checkpoint(disk.restore(files, tmp_path / "after") / path.name)
        assert (arrays["network"][0] == state.epoch).all()
        found.append(state.epoch)
    assert sorted(set(found)) == [1, 2, 3] and found[-2:] == [3, 3]


def _tune(path: Path) -> None:
    Bundle.load(path).with_decoding({"beam": 7})


@pytest.mark.parametrize(
    ("change", "is_new"),
    [(lambda path: random_bundle(path), True), (lambda path: random_bundle(path, seed=5), False), (_tune, False)],
    ids=["new", "over another", "tuned"],
)
def test_a_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object], is_new: bool
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    if not is_new:
        random_bundle(folder / "one")
    with forgetful_disk(folder, monkeypatch) as disk:
        change(folder / "one")
    num_missing = 0
    for files in disk.left:
        after = disk.restore(files, tmp_path / "after") / "one"
        try:
            Bundle.load(after)
        except (BundleError, MissingPathError):
            assert is_new and not (after / "bundle.json").exists()
            num_missing += 1
        assert all(content for name, content in files.items() if name.startswith("one/"))
    assert num_missing > 0 if is_new else num_missing == 0
    assert disk.left[-2:] == [disk.now, disk.now]


def test_the_tables_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those of a run that finished before, nothing is lost either."""
    write_speech(tmp_path / "in/a.wav", 0.5)
    run(tmp_path / "in", tmp_path / "out")
    tables = ("results.jsonl", "hyp.txt")
    old = {name: (tmp_path / "out" / name).read_bytes() for name in tables}
    write_speech(tmp_path / "in/b.wav", 0.6, seed=2)
    with forgetful_disk(tmp_path / "out", monkeypatch) as disk:
        run(tmp_path / "in", tmp_path / "out")
    for files in disk.left:
        for name in tables:
            assert files[name] in (old[name], disk.now[name])
        log = ResultsLog(disk.restore(files, tmp_path / "after"))
        assert {*log} >= {"a"} and log.num_foreign == 0
        log.close()
    assert all(files[name] == disk.now[name] != old[name] for files in disk.left[-2:] for name in tables)
