"""What promises to be complete is complete after a power cut at any moment: the old or the new, never half.

And whatever a cut leaves of a run, the same command makes of it what a run left alone would have made.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fake_recognition import contents, write_speech
from power_cut import SOURCE, Disk, Names, restored, watched
from random_bundle import random_bundle
from tone_speech import EVEN, write_corpus

from asrkit.cli import main
from asrkit.errors import BundleError, MissingPathError
from asrkit.model.bundle import Bundle
from asrkit.training.checkpoint import load_checkpoint
from asrkit.transcription.results import ResultsLog


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that watches, compiled."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if not sys.platform.startswith("linux") or compiler is None:
        pytest.skip("what watches a program's files needs Linux and a C compiler")
    library = tmp_path_factory.mktemp("power_cut") / "power_cut.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    return library


WRITE = """
import sys
from pathlib import Path
from asrkit.writing import write_whole
write_whole(Path(sys.argv[1]) / "a.txt", "new", lasting=sys.argv[2] == "lasting")
"""


def what_is_left(disk: Disk, name: str) -> list[bytes]:
    """Return what a file holds after each of many cuts; one that is not there holds nothing."""
    return [left[name].contents[-1][1] if name in left else b"" for _, left in disk.every_cut()]


@pytest.mark.parametrize("old", [b"", b"old"])
def test_a_file_that_is_to_last(tmp_path: Path, shim: Path, old: bytes) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    if old:
        (folder / "a.txt").write_bytes(old)
    disk = watched(shim, folder, ["-c", WRITE, str(folder), "lasting"])
    seen = what_is_left(disk, "a.txt")
    assert set(seen) == {old, b"new"} and seen[0] == old
    assert set(seen[-5:]) == {b"new"}  # however late the names came


def test_the_disk_forgets(tmp_path: Path, shim: Path) -> None:
    """Else the tests here could not fail: a file that nobody waited for is new, old, or has its name and no more."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/a.txt").write_bytes(b"old")
    disk = watched(shim, tmp_path / "disk", ["-c", WRITE, str(tmp_path / "disk"), "not"])
    last = [disk.left_at(disk.num_moments - 1, random.Random(seed)) for seed in range(50)]
    assert {left["a.txt"].contents[-1][1] for left in last} == {b"old", b"new", b""}


def test_what_a_program_does_to_files_is_seen(tmp_path: Path, shim: Path) -> None:
    """``watched`` compares at the end; here is what commands do not do today."""
    program = """
import os, sys, numpy
os.chdir(sys.argv[1])
os.makedirs("a/b")
with open("a/b/c", "wb") as file:
    file.write(b"0123456789")
    file.seek(2)
    file.write(b"xy")
    file.truncate(7)
    os.pwrite(file.fileno(), b"!", 9)
    os.fdatasync(file.fileno())
os.rename("a", "d")
os.symlink("d/b/c", "e")
with open("e", "ab") as file:
    file.write(b"+")
with open("f", "w") as file:
    file.write("gone")
os.unlink("f")
number = os.open("d", os.O_RDONLY)
os.writev(os.open("g", os.O_CREAT | os.O_WRONLY, dir_fd=number), [b"ab", b"cd"])
os.replace("d/g", "h")
open("h", "r+").close()
with open("i", "wb") as file:
    file.write(b"once")
with open("i", "wb") as file:
    file.write(b"1")
with open("k", "wb") as file:
    file.write(b"12")
    numpy.arange(3, dtype=numpy.uint8).tofile(file)
os.mkdir("j")
os.rmdir("j")
"""
    disk = watched(shim, tmp_path / "disk", ["-c", program, str(tmp_path / "disk")])
    assert disk.now() == {"d/b/c": b"01xy456\0\0!+", "h": b"abcd", "i": b"1", "k": b"12\0\1\2"}
    assert disk.names[-1][1]["e"].leads_to == "d/b/c" and disk.names[-1][1]["d/b"].is_folder
    assert {name for _, names in disk.names for name in names} >= {"a/b/c", "f", "d/g", "j"}


CHECKPOINTS = """
import sys
from pathlib import Path
import numpy as np
from asrkit.training.checkpoint import RunState, save_checkpoint
for epoch in range(int(sys.argv[2]), int(sys.argv[3])):
    save_checkpoint(Path(sys.argv[1]) / "checkpoint.npz", RunState(epoch=epoch), {"network": [np.full(3, epoch)]})
"""


def test_a_checkpoint(tmp_path: Path, shim: Path) -> None:
    run = tmp_path / "run"
    watched(shim, run, ["-c", CHECKPOINTS, str(run), "1", "2"])
    (tmp_path / "run.journal").unlink()
    disk = watched(shim, run, ["-c", CHECKPOINTS, str(run), "2", "4"])
    found = []
    for _, left in disk.every_cut():
        state, arrays = load_checkpoint(restored(left, tmp_path / "after") / "checkpoint.npz")
        assert (arrays["network"][0] == state.epoch).all()
        found.append(state.epoch)
    assert set(found) == {1, 2, 3} and set(found[-5:]) == {3}


NEW = "from pathlib import Path; from random_bundle import random_bundle; random_bundle(Path({path!r}), seed=5)"
TUNED = "from asrkit.model.bundle import Bundle; Bundle.load({path!r}).with_decoding({{'beam': 7}})"


@pytest.mark.parametrize(
    ("program", "is_new"), [(NEW, True), (NEW, False), (TUNED, False)], ids=["new", "over another", "tuned"]
)
def test_a_bundle(tmp_path: Path, shim: Path, program: str, is_new: bool) -> None:
    folder = tmp_path / "models"
    if not is_new:
        random_bundle(folder / "one")
    disk = watched(shim, folder, ["-c", program.format(path=str(folder / "one"))])
    num_missing = 0
    for _, left in disk.every_cut(3):
        after = restored(left, tmp_path / "after") / "one"
        try:
            Bundle.load(after).weights()
        except (BundleError, MissingPathError):
            assert is_new and not (after / "bundle.json").exists()
            num_missing += 1
    assert num_missing > 0 if is_new else num_missing == 0
    last = disk.left_at(disk.num_moments - 1, random.Random(1))
    assert {name: node.contents[-1][1] for name, node in last.items() if node.contents} == disk.now()


def transcribe(folder: Path) -> list[str]:
    inputs = [str(folder / "in"), "-m", str(folder / "model"), "--keep-emissions", "-f", "txt", "-f", "srt"]
    return ["transcribe", *inputs, "--jobs", "2", "--batch-size", "2", "--quiet", "-o"]


def run_again(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["asrkit", *command])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code


def watched_transcription(folder: Path, shim: Path, num_recordings: int) -> tuple[Disk, list[str]]:
    """Return a run watched in an empty folder, and its command but for the folder that it writes to."""
    random_bundle(folder / "model")
    for index in range(num_recordings):
        write_speech(folder / f"in/{index % 3}/a {index}.wav", 0.3, seed=index)
    command = transcribe(folder)
    return watched(shim, folder / "out", ["-m", "asrkit", *command, str(folder / "out")]), command


def check_run(left: Names, whole: Path, command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Go on with what is left of a run; in the end all files are as if it had been left alone."""
    after = restored(left, whole.with_name("after"))
    run_again([*command, str(after)], monkeypatch)
    assert contents(after) == contents(whole)


@pytest.mark.parametrize(
    ("num_recordings", "cuts"), [(8, 12), pytest.param(80, 150, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_the_same_command_goes_on_with_what_a_cut_leaves_of_a_transcription(
    tmp_path: Path, shim: Path, monkeypatch: pytest.MonkeyPatch, num_recordings: int, cuts: int
) -> None:
    disk, command = watched_transcription(tmp_path, shim, num_recordings)
    draw = random.Random(1)
    for _ in range(cuts):
        left = disk.left_at(draw.randrange(disk.num_moments), draw)
        check_run(left, tmp_path / "out", command, monkeypatch)
    for seed in range(4):  # after the end
        left = disk.left_at(disk.num_moments - 1, random.Random(seed))
        for name in ("results.jsonl", "hyp.txt"):
            assert left[name].contents[-1][1] == disk.now()[name]
        check_run(left, tmp_path / "out", command, monkeypatch)


def test_nothing_of_a_finished_run_is_lost_by_a_later_one(
    tmp_path: Path, shim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random_bundle(tmp_path / "model")
    out, command = tmp_path / "out", transcribe(tmp_path)
    write_speech(tmp_path / "in/a.wav", 0.5)
    run_again([*command, str(out)], monkeypatch)
    old = {name: (out / name).read_bytes() for name in ("results.jsonl", "hyp.txt")}
    write_speech(tmp_path / "in/b.wav", 0.6, seed=2)
    disk = watched(shim, out, ["-m", "asrkit", *command, str(out)])
    for _, left in disk.every_cut(2):
        assert left["hyp.txt"].contents[-1][1] in (old["hyp.txt"], disk.now()["hyp.txt"])
        log = ResultsLog(restored(left, tmp_path / "after"))
        assert {*log} >= {"a"} and log.num_foreign == 0
        log.close()


@pytest.mark.slow
def test_the_same_command_goes_on_with_what_a_cut_leaves_of_a_training(
    tmp_path: Path, shim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache of decoded audio lies on the disk that fails, too."""
    pytest.importorskip("keras")
    monkeypatch.chdir(tmp_path)
    corpus = write_corpus(tmp_path / "tones", 12, words=EVEN)
    (tmp_path / "run.toml").write_text(
        "[features]\nmel_bins = 20\n[model]\nrnn_layers = 1\nrnn_units = 8\nbidirectional = false\n"
        "conv_layers = [{channels = 4, kernel_frames = 5, kernel_bins = 5, stride_frames = 3, stride_bins = 4}]\n"
        "[training]\nepochs = 3\nbatch_size = 4\nwarmup_steps = 2\nema_momentum = 0.5\naugmentation.speeds = [1.0]\n"
    )
    command = ["train", str(corpus), "--dev", str(corpus), "--config", "run.toml", "--quiet", "-o"]
    whole = tmp_path / "disk/run"
    cache = str(tmp_path / "disk/cache")
    disk = watched(shim, tmp_path / "disk", ["-m", "asrkit", *command, str(whole)], ASRKIT_CACHE_DIR=cache)
    draw = random.Random(1)
    for moment in sorted(draw.sample(range(disk.num_moments), 8)):
        after = restored(disk.left_at(moment, draw), tmp_path / "after")
        monkeypatch.setenv("ASRKIT_CACHE_DIR", str(after / "cache"))
        run_again([*command, str(after / "run")], monkeypatch)
        assert figures(after / "run") == pytest.approx(figures(whole), rel=1e-4)
        assert Bundle.load(after / "run").describe() is not None


def figures(run: Path) -> list[float]:
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [row[name] for row in rows for name in ("epoch", "loss", "dev_loss", "dev_wer")]
