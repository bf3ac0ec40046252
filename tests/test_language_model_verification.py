"""A binary model is read in full once, remembered by what changes with it, and always where it comes with a bundle."""

from __future__ import annotations

import json
import logging
import os
import shutil
from pathlib import Path

import pytest
from damaged_models import TINY

from asrkit import _native
from asrkit.errors import LanguageModelError
from asrkit.language_model import NgramModel, verification, verify_binary, write_binary


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("ASRKIT_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def model(tmp_path: Path, cache: Path) -> Path:
    return write_binary(NgramModel.load(TINY), tmp_path / "m.bin")


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by the bytes of each model that is read in full."""
    sizes: list[int] = []
    real = _native.NgramModel

    class Spy:
        @staticmethod
        def check_binary(data: object) -> None:
            sizes.append(len(data))  # type: ignore[arg-type]
            real.check_binary(data)

        open_binary = staticmethod(real.open_binary)
        read_arpa = staticmethod(real.read_arpa)

    monkeypatch.setattr(_native, "NgramModel", Spy)
    return sizes


def damage(path: Path) -> None:
    """Change one byte of a word in place: the size and the inode stay."""
    with path.open("r+b") as file:
        file.seek(260)
        file.write(b"z")


def test_a_file_is_read_in_full_once(model: Path, readings: list[int]) -> None:
    for _ in range(3):
        NgramModel.load(model)
    assert readings == [model.stat().st_size]


def test_another_name_for_the_same_file_is_the_same(
    model: Path, readings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    NgramModel.load(model)
    monkeypatch.chdir(model.parent)
    NgramModel.load("m.bin")
    (model.parent / "link.bin").symlink_to(model)
    NgramModel.load("link.bin")
    assert len(readings) == 1


@pytest.mark.parametrize(
    "what", ["touched", "copied over", "replaced", "moved", "other checks", "no record", "bad record"]
)
def test_what_changed_is_read_again(
    model: Path, cache: Path, readings: list[int], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    os.utime(model, ns=(1, 1))
    NgramModel.load(model)
    status = model.stat()
    (record,) = (cache / "language_models").iterdir()
    if what == "touched":
        os.utime(model, ns=(1, 2))
    elif what == "copied over":  # another time of change
        shutil.copyfile(model, model.parent / "other.bin")
        shutil.copyfile(model.parent / "other.bin", model)
    elif what == "replaced":  # all but the inode as before
        shutil.copyfile(model, model.parent / "other.bin")
        (model.parent / "other.bin").replace(model)
        os.utime(model, ns=(1, 1))
        assert (model.stat().st_size, model.stat().st_mtime_ns) == (status.st_size, 1)
    elif what == "moved":
        model = model.rename(model.parent / "elsewhere.bin")
    elif what == "other checks":
        monkeypatch.setattr(verification, "_CHECKS", 2)
    elif what == "no record":
        record.unlink()
    else:
        record.write_text(record.read_text()[:-5])
    NgramModel.load(model)
    assert len(readings) == 2


def test_a_damaged_file_is_refused_each_time(model: Path, cache: Path, readings: list[int]) -> None:
    damage(model)
    for _ in range(2):
        with pytest.raises(LanguageModelError, match=r"m\.bin: the checksum is wrong"):
            NgramModel.load(model)
    assert len(readings) == 2 and not cache.exists()


def test_verifying_believes_no_record(model: Path) -> None:
    os.utime(model, ns=(1, 1))
    NgramModel.load(model)
    damage(model)
    os.utime(model, ns=(1, 1))
    NgramModel.load(model)  # as far as anybody can tell, it is what was read before
    with pytest.raises(LanguageModelError, match="checksum is wrong"):
        verify_binary(model)


def test_a_model_of_a_bundle_is_read_each_time(model: Path, cache: Path, readings: list[int]) -> None:
    (model.parent / "bundle.json").write_text("{}")
    for _ in range(2):
        NgramModel.load(model)
    assert len(readings) == 2 and not cache.exists()


def test_a_compressed_model_is_read_each_time(model: Path, cache: Path, readings: list[int]) -> None:
    import gzip

    packed = model.with_suffix(".bin.gz")
    packed.write_bytes(gzip.compress(model.read_bytes()))
    for _ in range(2):
        assert NgramModel.load(packed).format == "binary"
    assert len(readings) == 2 and not cache.exists()


@pytest.mark.parametrize("large", [False, True])
def test_without_a_cache_folder_each_start_reads_and_says_so_of_large_models(
    model: Path,
    cache: Path,
    readings: list[int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    large: bool,
) -> None:
    cache.write_text("a file is in the way")
    if large:
        monkeypatch.setattr(verification, "_LARGE_BYTES", 1000)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            NgramModel.load(model)
    assert len(readings) == 2
    assert len(caplog.messages) == (2 if large else 0)
    for message in caplog.messages:
        assert str(model) in message and "ASRKIT_CACHE_DIR" in message and "\n" not in message


def test_a_record_names_its_file(model: Path, cache: Path) -> None:
    NgramModel.load(model)
    (record,) = (cache / "language_models").iterdir()
    facts = json.loads(record.read_text())
    assert (facts["path"], facts["bytes"]) == (str(model.resolve()), model.stat().st_size)
