"""Files that others may read meanwhile: the old one or the new one, never half of one."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from random_bundle import random_bundle

from asrkit.audio import write_waveform
from asrkit.decoder.adapter.language_model import LanguageModel
from asrkit.model.export import export_bundle
from asrkit.report.learning_curve import draw_learning_curve
from asrkit.training.checkpoint import RunState, save_checkpoint
from asrkit.writing import copy_whole, write_arrays, write_whole, written_whole

MODEL = Path(__file__).parent / "golden/ab.arpa"


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / ("long" * 60 + ".txt")
    with written_whole(path) as file:
        file.write(b"all of it")
        assert not path.exists()
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == b"all of it"


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_whole(path, "old")
    with pytest.raises(KeyboardInterrupt), written_whole(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert [found.name for found in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "old"


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_others_may_read_it_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "a.txt", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640


def test_what_is_to_last_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    synced: list[tuple[bool, bool, bytes]] = []
    real = os.fsync

    def fsync(number: int) -> None:
        status = os.fstat(number)
        is_folder = stat.S_ISDIR(status.st_mode)
        content = b"" if is_folder else b"".join(found.read_bytes() for found in tmp_path.iterdir())
        synced.append((is_folder, path.exists(), content))
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    write_whole(path, "text", lasting=True)
    assert synced == [(False, False, b"text"), (True, True, b"")]
    synced.clear()
    write_whole(path, "text")
    assert synced == []


def copy(path: Path) -> None:
    (path.parent / "original").write_text("new")
    copy_whole(path.parent / "original", path)


def draw(path: Path) -> None:
    row = {"epoch": 0, "loss": 2.0, "dev_loss": 2.0, "dev_wer": 50.0, "dev_cer": 20.0}
    draw_learning_curve([row], path)


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX's")
@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.txt", lambda path: write_whole(path, "new")),
        ("a.txt", copy),
        ("a.wav", lambda path: write_waveform(path, np.zeros(100, np.float32))),
        ("learning_curve.png", draw),
        ("checkpoint.npz", lambda path: save_checkpoint(path, RunState(), {})),
        (".checkpoint.npz.tmp", lambda path: save_checkpoint(path.with_name("checkpoint.npz"), RunState(), {})),
        ("attrs.json", lambda path: LanguageModel(MODEL, ["a"]).save_to_dir(path.parent)),
        ("unigrams.txt", lambda path: LanguageModel(MODEL, ["a"]).save_to_dir(path.parent)),
        (MODEL.name, lambda path: LanguageModel(MODEL, ["a"]).save_to_dir(path.parent)),
    ],
)
@pytest.mark.parametrize("is_there", [True, False])
def test_what_a_link_leads_to_stays_as_it_is(
    name: str, write: Callable[[Path], object], is_there: bool, tmp_path: Path
) -> None:
    victim, path = tmp_path / "victim", tmp_path / "out" / name
    if is_there:
        victim.write_text("precious")
    path.parent.mkdir()
    path.symlink_to(victim)
    write(path)
    assert not path.is_symlink()
    assert victim.exists() == is_there
    assert not is_there or victim.read_text() == "precious"


@pytest.mark.skipif(os.name != "posix", reason="pipes are POSIX's")
def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(OSError, match="nobody reads from it"):  # and nobody waits
        write_whole(path, "text")
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(path, "text", lasting=True)
    assert os.read(reader, 100) == b"text"
    os.close(reader)
    assert path.is_fifo() and [found.name for found in tmp_path.iterdir()] == ["pipe"]


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="this system has no names of what is open")
def test_what_the_system_names_is_no_link_to_replace() -> None:
    """``-o /dev/stdout``, and ``-o >(gzip > file)``, which a shell spells ``/dev/fd/63``."""
    ends = os.pipe()
    path = Path(f"/dev/fd/{ends[1]}")
    write_whole(path, "text")
    os.close(ends[1])
    assert os.read(ends[0], 100) == b"text"
    os.close(ends[0])


@pytest.mark.skipif(not hasattr(os, "mknod"), reason="this system makes no devices")
def test_a_device_stays_a_device(tmp_path: Path) -> None:
    """Who may write everywhere would put a file in the place of ``/dev/null``, for every program."""
    path = tmp_path / "null"  # never the machine's own: a test that fails would break it
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, Path("/dev/null").stat().st_rdev)
        path.write_bytes(b"")
    except OSError:
        pytest.skip("devices can be made, and used here, by root alone")
    write_whole(path, "text", lasting=True)
    assert path.is_char_device() and [found.name for found in tmp_path.iterdir()] == ["null"]


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX's")
def test_a_graph_is_not_exported_where_a_link_leads(tmp_path: Path) -> None:
    bundle = random_bundle(tmp_path / "model")
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "graph.onnx").symlink_to(tmp_path / "victim")
    export_bundle(bundle, tmp_path / "graph.onnx")
    assert (tmp_path / "graph.onnx").read_bytes() == (bundle.path / "model.onnx").read_bytes()
    assert (tmp_path / "victim").read_text() == "precious"


def test_the_folder_of_a_bundle_may_be_another_disk(tmp_path: Path) -> None:
    """Its parts are staged where they can be renamed from: in a container the folder is often mounted."""
    disk = Path("/dev/shm")
    if not disk.is_dir() or disk.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is one disk only")
    with tempfile.TemporaryDirectory(dir=disk) as other:
        (tmp_path / "model").symlink_to(other)
        bundle = random_bundle(tmp_path / "model")
        parts = sorted(path.name for path in Path(other).iterdir())
        export_bundle(bundle, tmp_path / "copy")
        export_bundle(bundle, tmp_path / "model", half=True)
        assert sorted(path.name for path in Path(other).iterdir()) == parts
        assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "model"]


def test_arrays_are_written_as_numpy_writes_them(tmp_path: Path) -> None:
    arrays = {"a/0": np.arange(6.0).reshape(2, 3), "number": np.int64(4), "order": np.asfortranarray(np.eye(2, 3))}
    for compress, save in ((False, np.savez), (True, np.savez_compressed)):
        save(tmp_path / "theirs.npz", **arrays)
        with written_whole(tmp_path / "ours.npz") as file:
            write_arrays(file, arrays, compress=compress)
        assert (tmp_path / "ours.npz").read_bytes() == (tmp_path / "theirs.npz").read_bytes()


FULL_DISK = """
import resource
import sys
from pathlib import Path

import numpy as np
from random_bundle import random_bundle

from asrkit.cli import doctor, main
from asrkit.model.bundle import Bundle
from asrkit.model.export import export_bundle
from asrkit.training.checkpoint import RunState, save_checkpoint
from asrkit.writing import write_whole

kind, most_bytes = sys.argv[1:]

def work():
    if kind == "checkpoint":
        save_checkpoint(Path("c.npz"), RunState(), {"network": [np.random.default_rng(0).random(100_000)] * 4})
    elif kind == "bundle":
        random_bundle(Path("model"))
    elif kind == "export":
        export_bundle(Bundle.load("../made"), Path("copy"))
    else:
        write_whole(Path("page.html"), "text" * 1_000)

resource.setrlimit(resource.RLIMIT_FSIZE, (int(most_bytes), int(most_bytes)))
doctor.diagnose = work
sys.argv = ["asrkit", "doctor"]
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of a file's size are POSIX's")
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("checkpoint", "c.npz: cannot write the checkpoint"),
        ("bundle", "model"),
        ("export", "copy"),
        ("page", "page.html"),
    ],
)
@pytest.mark.parametrize("most_bytes", [0, 100, 2_000])
def test_a_full_disk_is_one_line(kind: str, name: str, most_bytes: int, tmp_path: Path) -> None:
    """Not also what an archive that Python throws away later says of itself."""
    random_bundle(tmp_path / "made")
    work = tmp_path / "work"
    work.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, kind, str(most_bytes)],
        capture_output=True,
        text=True,
        cwd=work,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )
    kept = "; the last good one is kept" if kind == "checkpoint" else ""
    assert (done.returncode, done.stderr) == (1, f"asrkit: {name}: File too large{kept}\n")
    assert list(work.iterdir()) == []
