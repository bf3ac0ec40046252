from __future__ import annotations

import io
import pickle
import re
import struct
import sys
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asrkit.emissions import Values, list_arrays
from asrkit.emissions.arrays import ArrayFile, BadArray
from asrkit.emissions.foreign import ForeignEmissions, tell_values_of
from asrkit.errors import DecodingError

MATRIX = np.random.default_rng(1).normal(size=(7, 5)).astype(np.float32)


def listed(path: Path) -> dict[str, Any]:
    return {item.key: item.read() if isinstance(item, ArrayFile) else item.problem for item in list_arrays(path)}


@pytest.mark.parametrize(
    "array",
    [
        MATRIX,
        MATRIX.astype(np.float16),
        MATRIX.astype(np.float64),
        MATRIX.astype(">f4"),
        np.asfortranarray(MATRIX),
        MATRIX[None],
        MATRIX[:1],
        MATRIX[None, :1],
        MATRIX.astype(np.longdouble),
    ],
)
def test_arrays_of_every_kind_are_read(array: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "u.npy", array)
    np.savez(tmp_path / "u.npz", a=array, b=array)
    np.savez_compressed(tmp_path / "packed.npz", a=array)
    expected = array.reshape(-1, 5).astype(np.float32)
    for name, keys in (("u.npy", [""]), ("u.npz", ["a", "b"]), ("packed.npz", ["a"])):
        found = listed(tmp_path / name)
        assert list(found) == keys
        for values in found.values():
            np.testing.assert_array_equal(values, expected)


def test_a_file_that_is_written_again_is_another(tmp_path: Path) -> None:
    paths = tmp_path / "u.npy", tmp_path / "u.npz"

    def arrays(steps: int) -> list[ArrayFile]:
        np.save(paths[0], MATRIX[:steps])
        np.savez(paths[1], a=MATRIX[:steps], b=MATRIX[:steps])
        return [item for path in paths for item in list_arrays(path) if isinstance(item, ArrayFile)]

    before, after = arrays(7), arrays(6)
    assert len({array.fingerprint for array in (*before, *after)}) == 6
    for array in before:
        with pytest.raises(DecodingError, match=r"its shape has changed to \(6, 5\); start again"):
            array.read()


def test_some_utterances_of_a_run_tell_what_its_numbers_are(tmp_path: Path) -> None:
    files = []
    for place in range(16):  # each second one is looked at, and the one that is gone is no harm
        np.save(tmp_path / f"{place}.npy", np.full((2, 4), 0.25 if place % 2 == 0 else 9.0))
        files += [array for array in list_arrays(tmp_path / f"{place}.npy") if isinstance(array, ArrayFile)]
    (tmp_path / "4.npy").unlink()
    assert tell_values_of(files) is Values.PROBABILITIES
    assert tell_values_of(files[1:2]) is Values.LOGITS
    assert tell_values_of([]) is Values.LOGITS
    np.testing.assert_allclose(ForeignEmissions(files[0], Values.PROBABILITIES).read(), np.log(0.25), rtol=1e-6)


def test_bfloat16_is_read_as_numpy_stores_it(tmp_path: Path) -> None:
    bits = (MATRIX.view(np.uint32) >> 16).astype(np.uint16)
    np.save(tmp_path / "u.npy", bits.view("V2"))
    np.testing.assert_allclose(listed(tmp_path / "u.npy")[""], MATRIX, rtol=1e-2)


def header(shape: str, descr: str = "'<f4'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is not an array that numpy.save wrote"),
        (b"hello, world", "is not an array that numpy.save wrote"),
        (pickle.dumps([1.0]), "is a pickle"),
        (header("(1000000, 25000)") + b"0" * 40, "promises 100,000,000,000 bytes"),
        (header("(3, 4)") + b"0" * 40, "promises 48 bytes of shape \\(3, 4\\), but 40 follow"),
        (header("(-3, -4)") + b"0" * 48, "promises"),
        (header("(0, 4)"), "there is not one step"),
        (header("(4, 0)"), "there is not one step"),
        (header("(4,)") + b"0" * 16, "has the shape \\(4,\\), not \\(steps, outputs\\)"),
        (header("(2, 1, 1)") + b"0" * 8, "give each utterance its own array"),
        (header("(2, 2)", "'<i8'") + b"0" * 32, "holds int64, not floating-point"),
        (header("(2, 2)", "'|O'") + b"0" * 32, "holds Python objects"),
        (header("(2, 2)", "__import__('os').system('true')"), "its header cannot be read"),
        (header("(2, 2)")[:40], "its header cannot be read"),
        (b"\x93NUMPY\x09\x00" + header("(2, 2)")[8:], "has a header of version \\(9, 0\\)"),
    ],
)
def test_a_file_of_a_stranger_is_a_problem_of_its_own(data: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / "u.npy").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "u.npz", "w") as archive:
        archive.writestr("bad.npy", data)
        with archive.open("good.npy", "w") as file:
            np.save(file, MATRIX)
    tracemalloc.start()
    (alone,) = list_arrays(tmp_path / "u.npy")
    bad, good = list_arrays(tmp_path / "u.npz")
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
    assert isinstance(good, ArrayFile)
    for item in (alone, bad):
        assert isinstance(item, BadArray)
        assert "\n" not in item.problem
        assert re.search(problem, item.problem), item.problem


def test_an_archive_that_claims_to_unpack_to_very_much_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", header("(1000, 1000)") + bytes(4_000_000))
    data = buffer.getvalue()
    size = struct.pack("<I", 4_000_000 + len(header("(1000, 1000)")))
    (tmp_path / "lying.npz").write_bytes(data.replace(size, struct.pack("<I", 4_000_000_000)))
    (found,) = list_arrays(tmp_path / "lying.npz")
    assert isinstance(found, BadArray)
    assert "refusing it" in found.problem


def test_a_file_that_is_no_archive_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "u.npz").write_bytes(b"PK\x03\x04 torn")
    assert "is not an archive that numpy.savez wrote" in listed(tmp_path / "u.npz")[""]
    (tmp_path / "u.pt").write_bytes(b"")
    assert "is a pickle, which could run code" in listed(tmp_path / "u.pt")[""]
    (tmp_path / "u.wav").write_bytes(b"")
    assert "is no file of emissions" in listed(tmp_path / "u.wav")[""]
    assert "cannot be read" in listed(tmp_path / "none.npy")[""]


# Kaldi


def kaldi_matrix(values: np.ndarray) -> bytes:
    kind = b"FM " if values.dtype == np.float32 else b"DM "
    return b"\0B" + kind + struct.pack("<bibi", 4, values.shape[0], 4, values.shape[1]) + values.tobytes()


@pytest.fixture
def ark(tmp_path: Path) -> Path:
    path = tmp_path / "out" / "logits.ark"
    path.parent.mkdir()
    path.write_bytes(b"u1 " + kaldi_matrix(MATRIX) + b"u2 " + kaldi_matrix(MATRIX[:3].astype(np.float64)))
    return path


def test_archives_of_kaldi_are_read(ark: Path) -> None:
    found = listed(ark)
    np.testing.assert_array_equal(found["u1"], MATRIX)
    np.testing.assert_array_equal(found["u2"], MATRIX[:3])


def test_what_kaldiio_writes_is_read(ark: Path) -> None:
    kaldiio = pytest.importorskip("kaldiio", reason="the extra corpora is not installed")
    values = {"a": np.log(np.random.default_rng(2).dirichlet(np.ones(4), 9)).astype(np.float32), "b": MATRIX}
    for method in (None, 2, 3, 5):
        kaldiio.save_ark(str(ark), values, scp=str(ark.with_suffix(".scp")), compression_method=method)
        for path in (ark, ark.with_suffix(".scp")):
            found = listed(path)
            assert list(found) == ["a", "b"]
            np.testing.assert_allclose(found["a"], values["a"], atol=0.2 if method else 0)


def test_a_table_points_into_archives_beside_it(ark: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = ark.parent / "logits.scp"
    table.write_text(f"u1 logits.ark:3\nu2 {ark}:{3 + len(kaldi_matrix(MATRIX)) + 3}\n\nu3 out/logits.ark:3\n")
    monkeypatch.chdir(ark.parent.parent)
    found = listed(table)
    np.testing.assert_array_equal(found["u1"], MATRIX)
    np.testing.assert_array_equal(found["u2"], MATRIX[:3])
    np.testing.assert_array_equal(found["u3"], MATRIX)
    table.write_text("u1\tlogits.ark:3\nu2 \t logits.ark:3 \r\n", encoding="utf-8-sig")
    assert list(listed(table)) == ["u1", "u2"]


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("cat logits.ark |", "is a pipe; commands are not run"),
        ("| touch hacked", "is a pipe"),
        ("../secret.ark:3", "lies outside the folder of the table"),
        ("link.ark:3", "lies outside the folder of the table"),
        ("/etc/passwd:0", "lies outside the folder of the table"),
        ("none.ark:3", "no such archive: none.ark"),
        ("logits.ark", "is not archive:offset"),
        ("logits.ark:3[0:1]", "is not archive:offset"),
        ("logits.ark:4", "is not a binary matrix"),
        ("logits.ark:999999", "is not a binary matrix"),
        ("", "is not archive:offset"),
    ],
)
def test_a_row_of_a_table_is_refused_before_kaldiio_sees_it(ark: Path, place: str, problem: str) -> None:
    (ark.parent.parent / "secret.ark").write_bytes(ark.read_bytes())
    (ark.parent / "link.ark").symlink_to("../secret.ark")
    (ark.parent / "x.scp").write_text(f"u1 logits.ark:3\nu2 {place}\n")
    good, bad = list_arrays(ark.parent / "x.scp")
    assert isinstance(good, ArrayFile)
    assert isinstance(bad, BadArray)
    assert problem in bad.problem and "line 2, 'u2'" in bad.problem


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"u PKL" + pickle.dumps(1), "'u': is not a binary matrix"),
        (b"u  [\n 1 2\n 3 4 ]\n", "is written as text"),
        (b"u \0BFM " + struct.pack("<bibi", 4, 100_000, 4, 250_000), "promises 100,000,000,000 bytes"),
        (b"u \0BFM " + struct.pack("<bibi", 4, -1, 4, -1), "promises"),
        (b"u \0BFM " + struct.pack("<bibi", 3, 1, 4, 1), "is damaged"),
        (b"u \0BFM \4", "its end is missing"),
        (b"u \0BFV " + struct.pack("<bi", 4, 0), "of kind 'FV', not a matrix"),
        (b"u " + kaldi_matrix(MATRIX)[:-1], "promises"),
        (b"u", "no key at byte 160"),
        (b"u \0BFM " + struct.pack("<bibi", 4, 0, 4, 3), "there is not one step"),
        (b"\xff " + kaldi_matrix(MATRIX), "utf-8"),
    ],
)
def test_damaged_archives_are_problems(ark: Path, data: bytes, problem: str) -> None:
    ark.write_bytes(b"good " + kaldi_matrix(MATRIX) + data)
    good, bad = list_arrays(ark)
    assert isinstance(good, ArrayFile)
    assert isinstance(bad, BadArray)
    assert problem in bad.problem


def test_only_compressed_matrices_need_kaldiio(ark: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kaldiio", None)
    compressed = b"\0BCM2 " + struct.pack("<ffii", 0.0, 1.0, 2, 3) + bytes(12)
    ark.write_bytes(b"u1 " + kaldi_matrix(MATRIX) + b"u2 " + compressed + b"u3 " + kaldi_matrix(MATRIX))
    found = listed(ark)
    np.testing.assert_array_equal(found["u3"], MATRIX)
    assert found["u2"] == "'u2': is compressed, which needs kaldiio: pip install kaldiio"
