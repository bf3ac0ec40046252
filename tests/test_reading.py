from __future__ import annotations

import io
import itertools
import os
import random
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from asrkit.emissions import EmissionsInfo, pack_emissions, read_emissions
from asrkit.emissions.arrays import list_npz
from asrkit.errors import AsrkitError, BundleError
from asrkit.model.folder import read_arrays
from asrkit.model.graph import check_graph
from asrkit.reading import UnreadableError, open_npz, parse_json, read_bounded, while_it_comes
from asrkit.text import Alphabet
from asrkit.training.checkpoint import RunState, load_checkpoint, save_checkpoint
from asrkit.tuning import dev_set


def test_arrays_come_back_as_they_were_and_may_be_written_to(tmp_path: Path) -> None:
    arrays = {
        "a/0": np.arange(6, dtype=np.float32).reshape(2, 3),
        "order": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "number": np.array(3.5),
        "none": np.zeros((0, 4), np.int64),
    }
    np.savez(tmp_path / "x.npz", **arrays)
    with open_npz(tmp_path / "x.npz") as archive:
        assert archive.names == list(arrays)
        for name, array in arrays.items():
            value = archive.read(name)
            np.testing.assert_array_equal(value, array)
            assert value.dtype == array.dtype and value.flags.writeable
            assert archive.header(name) == (array.shape, array.dtype)
        with pytest.raises(UnreadableError, match="there is no array 'b' in it"):
            archive.read("b")


def _npy(header: str, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + data


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}"), "promises 4,000,000,000,000"),
        (_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}"), "promises"),
        (_npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"), "could run code"),
        (_npy("__import__('os')"), "cannot be read"),
        (_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 30 + ", 0)}"), "."),
        (b"\x80\x04N.", "pickle"),
    ],
)
def test_a_member_that_is_no_array_is_one_error(tmp_path: Path, content: bytes, reason: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.npy", content)
    with open_npz(tmp_path / "x.npz") as arrays, pytest.raises(UnreadableError, match=reason):
        arrays.read("a")


def test_a_member_that_unpacks_to_more_than_it_can_hold_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=np.zeros(10**5, np.float32))
    data = buffer.getvalue()
    place = data.rindex(b"PK\x01\x02") + 24  # the size once unpacked, in the directory
    (tmp_path / "x.npz").write_bytes(data[:place] + (3 * 10**9).to_bytes(4, "little") + data[place + 4 :])
    with open_npz(tmp_path / "x.npz") as arrays, pytest.raises(UnreadableError, match="refusing it"):
        arrays.read("a")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_of_endless_files_only_so_many_bytes_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    with pytest.raises(OSError, match="larger"):
        read_bounded(tmp_path / "endless", 10)
    for name in ("pipe", "endless"):
        with pytest.raises(UnreadableError, match="no regular file"), open_npz(tmp_path / name):
            pass
    (tmp_path / "ten").write_bytes(b"0123456789")
    assert read_bounded(tmp_path / "ten", 10) == b"0123456789"
    with pytest.raises(OSError, match="larger"):
        read_bounded(tmp_path / "ten", 9)


def test_a_pointer_of_git_lfs_is_called_what_it_is(tmp_path: Path) -> None:
    """A model's folder is full of them where Git had no LFS when it was cloned."""
    pointer = tmp_path / "model.onnx"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    with pytest.raises(BundleError, match=r"model\.onnx: cannot be read: is a pointer of Git LFS .*: git lfs pull"):
        check_graph(pointer)


def _dev_cache(path: Path) -> object:
    return dev_set._read(path, 2, 3)


INFO = EmissionsInfo("id", Alphabet("ab"), 10.0, 1.0, "a.wav", "1-2", "model", "m")


def _samples(folder: Path, compress: bool) -> list[tuple[Path, Callable[[Path], object]]]:
    """Write one file for each use of ``.npz`` and tell what reads it."""
    folder.mkdir()
    paths = {name: folder / f"{name}.npz" for name in ("emissions", "checkpoint", "weights", "cache")}
    paths["emissions"].write_bytes(pack_emissions(np.zeros((4, 3), np.float16), INFO))
    save_checkpoint(paths["checkpoint"], RunState(), {"network": [np.ones((3, 4), np.float32)]})
    np.savez(paths["weights"], **{"output/kernel": np.ones((3, 4), np.float32)})
    np.savez(paths["cache"], log_probs=np.zeros((5, 3), np.float16), lengths=np.array([2, 3]))
    if compress:
        for path in paths.values():
            with np.load(path) as arrays:
                np.savez_compressed(path, **dict(arrays))
    readers = (read_emissions, load_checkpoint, read_arrays, _dev_cache)
    return [*zip(paths.values(), readers, strict=True), (paths["emissions"], lambda path: list(list_npz(path)))]


@pytest.mark.parametrize("compress", [False, True])
def test_whatever_is_wrong_inside_is_an_error_of_ours(tmp_path: Path, compress: bool) -> None:
    rng = random.Random(1)
    refused = 0
    for path, read in _samples(tmp_path / "made", compress):
        read(path)  # as it is, it can be read
        whole = path.read_bytes()
        damaged = tmp_path / path.name
        for _ in range(150):
            data = bytearray(whole)
            for _ in range(rng.choice([1, 1, 4])):
                data[rng.randrange(len(data))] = rng.randrange(256)
            damaged.write_bytes(data[: rng.randrange(len(data))] if rng.random() < 0.1 else data)
            try:
                read(damaged)
            except AsrkitError as error:
                assert "\n" not in str(error)
                refused += 1
    assert refused > 100


@pytest.mark.parametrize("at", [8, 10])
def test_members_packed_or_locked_as_nobody_can_read_are_one_error(tmp_path: Path, at: int) -> None:
    """Byte 8 of a directory's entry says that it is encrypted, byte 10 how it is packed."""
    for path, read in _samples(tmp_path / "made", compress=False):
        data = bytearray(path.read_bytes())
        entry = -1
        while (entry := data.find(b"PK\x01\x02", entry + 1)) >= 0:
            data[entry + at] = 99
        path.write_bytes(data)
        try:
            answer = read(path)
        except AsrkitError:
            continue
        assert answer is None or all(hasattr(item, "problem") for item in answer)  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["[" * 100_000, b'{"a":' * 100_000, "9" * 5_000, "{", b"\xff", ""])
def test_json_that_cannot_be_read_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError) as refusal:
        parse_json(text)
    assert "\n" not in str(refusal.value)
    assert parse_json('{"a": [1]}', object_pairs_hook=list) == [("a", [1])]


@pytest.mark.parametrize(
    ("sizes", "comes"),
    [
        ([0, 20, 40, 60], True),
        ([50, 3, 20, 40], True),  # it began anew
        ([0, 20, 29], False),
        ([0, 0], False),
    ],
)
def test_an_answer_is_waited_for_while_enough_comes(sizes: list[int], comes: bool) -> None:
    asked, is_over = itertools.chain(sizes, itertools.count(1_000, 100)), threading.Event()

    def num_bytes() -> int:
        now = next(asked)
        if now == sizes[-1] and comes:
            is_over.set()
        return now

    try:
        assert while_it_comes(lambda: is_over.wait(10), num_bytes, 10, 0.05) and comes
    except TimeoutError as error:
        assert not comes and str(error) == "fewer than 10 bytes came in 0.05 s"
    is_over.set()


def test_what_goes_wrong_while_waiting_is_told() -> None:
    with pytest.raises(ZeroDivisionError):
        while_it_comes(lambda: 1 // 0, lambda: 0, 10, 5.0)
