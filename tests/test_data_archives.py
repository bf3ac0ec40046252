"""Archives with the audio inside, unpacked into recordings and a manifest."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from asrkit.cli.whole import app
from asrkit.data import archives, read_manifest, scan_manifest
from asrkit.data.archives import unpack
from asrkit.errors import ManifestError


def tar_of(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def problem_of(work: Callable[..., object], *arguments: Path) -> str:
    with pytest.raises(ManifestError) as caught:
        work(*arguments)
    return str(caught.value)


def wav() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(1600), 16_000, format="WAV")
    return file.getvalue()


def test_tar_shards_are_unpacked(tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    tar_of(
        shards / "0.tar",
        {
            "x/a.wav": wav(),
            "x/a.json": b'{"text": "one", "speaker": "s", "n": [1]}',
            "../../b.wav": wav(),
            "../../._b.txt": b"\0\5\x16\7\xff",  # as macOS packs it
            "../../b.txt": b"two\n",
            "c.wav": wav(),
        },
    )
    tar_of(shards / "1.tar", {"d.wav": wav()})
    (shards / "tarred_audio_manifest.json").write_text('{"audio_filepath": "d.wav", "text": "four", "duration": 0.1}\n')
    assert "unpack it first" in problem_of(read_manifest, shards / "0.tar")
    result = CliRunner().invoke(app, ["data", "import", str(shards), "-o", str(tmp_path / "m.tsv")])
    assert result.exit_code == 3, result.stderr
    assert "the text of 'c' is empty" in result.stderr
    found = read_manifest(tmp_path / "m.tsv")
    assert [(u.text, u.speaker) for u in found] == [("one", "s"), ("two", None), ("four", None)]
    assert all(u.audio_path.is_relative_to(tmp_path / "m-audio") for u in found)
    before = found[0].audio_path.stat().st_mtime_ns
    CliRunner().invoke(app, ["data", "import", str(shards), "-o", str(tmp_path / "m.tsv")])
    assert found[0].audio_path.stat().st_mtime_ns == before


def test_archives_with_the_same_name_are_not_taken_for_each_other(tmp_path: Path) -> None:
    for name, size in (("x", 1), ("y", 2)):
        (tmp_path / name).mkdir()
        tar_of(
            tmp_path / name / "a.tar",
            {f"{name}{n}{end}": said for n in range(size) for end, said in ((".wav", wav()), (".txt", name.encode()))},
        )
    command = ["data", "import", "-o", str(tmp_path / "m.tsv")]
    result = CliRunner().invoke(app, [*command, *(str(tmp_path / name / "a.tar") for name in "xy")])
    assert result.exit_code == 0, result.stderr
    assert [u.id for u in read_manifest(tmp_path / "m.tsv")] == ["x0", "y0", "y1"]
    for name, ids in (("x", ["x0"]), ("y", ["y0", "y1"])):
        assert CliRunner().invoke(app, [*command, str(tmp_path / name / "a.tar")]).exit_code == 0
        assert [u.id for u in read_manifest(tmp_path / "m.tsv")] == ids


def test_archives_that_others_test_with_are_left_out_of_a_folder(tmp_path: Path) -> None:
    for name in ("train-0.tar", "test-00000-of-00002.tar", "test-00001-of-00002.tar"):
        tar_of(tmp_path / name, {f"{name[:-4]}.wav": wav(), f"{name[:-4]}.txt": b"one"})
    result = CliRunner().invoke(app, ["data", "import", str(tmp_path), "-o", str(tmp_path / "m.tsv")])
    assert "left out: test-00000-of-00002.tar and 1 more; name them" in " ".join(result.stderr.split())
    assert [u.id for u in read_manifest(tmp_path / "m.tsv")] == ["train-0"]
    (tmp_path / "train-0.tar").unlink()
    assert len(read_manifest(unpack(tmp_path, tmp_path / "out"))) == 2


def test_parts_of_recordings_in_shards_of_nemo(tmp_path: Path) -> None:
    """A whole recording got the text of its first part, of whichever shard; further parts were left out in silence."""
    lines = []
    for shard in range(2):
        tar_of(tmp_path / f"audio_{shard}.tar", {"long.wav": wav(), f"x{shard}.wav": wav()})
        for name, *span in (("long", 0.0, 0.05), ("long-sub1", 0.06, 0.03), (f"x{shard}",)):
            line = {"audio_filepath": f"{name}.wav", "text": f"{name} {'ab'[shard]}", "shard_id": shard}
            lines.append(line | dict(zip(("offset", "duration"), span, strict=False)))
    (tmp_path / "tarred_audio_manifest.json").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    found = read_manifest(unpack(tmp_path, tmp_path / "out"))
    assert [(u.text, u.audio_path.stem, u.start_s, u.end_s) for u in found] == [
        (f"{name} {'ab'[shard]}", f"{2 * shard + number:07}", start_s, pytest.approx(end_s))
        for shard in range(2)
        for name, number, start_s, end_s in (
            ("long", 1, 0.0, 0.05),
            ("long-sub1", 1, 0.06, 0.09),
            (f"x{shard}", 2, None, None),
        )
    ]


def test_shards_that_each_count_from_0_lose_nothing(tmp_path: Path) -> None:
    for shard in range(2):
        tar_of(tmp_path / f"{shard}.tar", {"000.wav": wav(), "000.txt": f"text {shard}".encode()})
    found = read_manifest(unpack(tmp_path, tmp_path / "out"))
    assert [(u.id, u.text) for u in found] == [("000", "text 0"), ("000-0000002-1", "text 1")]


def test_a_broken_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"no tar" * 200)
    assert str(tmp_path / "a.tar") in problem_of(unpack, tmp_path / "a.tar", tmp_path / "out")
    tar_of(tmp_path / "b.tar", {"a.txt": b"no audio"})
    assert "holds no audio" in problem_of(unpack, tmp_path / "b.tar", tmp_path / "out")
    for name, content in (("a.txt", b"caf\xe9"), ("a.json", b"{")):
        tar_of(tmp_path / "c.tar", {name: content, "a.wav": wav()})
        assert f"c.tar: its member '{name}' cannot be read" in problem_of(unpack, tmp_path / "c.tar", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_parquet_with_the_audio_inside(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="reads parquet (pip install pyarrow)")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [
        {"audio": {"bytes": wav(), "path": path}, "sentence": "one", "client_id": "x", "up_votes": 2}
        for path in ("a.wav", None, None)
    ]
    rows.append({"audio": None, "sentence": "lost"})
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "train-00000.parquet")
    manifest = unpack(tmp_path / "train-00000.parquet", tmp_path / "out")
    (utterance, *nameless), problems = scan_manifest(manifest)
    assert [problem.is_missing_audio for problem in problems] == [True]
    assert [one.id for one in nameless] == ["train-00000", "train-00000-0000003-1"]
    assert (utterance.id, utterance.text, utterance.speaker) == ("a", "one", "x")
    assert len(utterance.waveform(16_000)) == 1600


@pytest.mark.parametrize("kind", ["many", "one", "parquet"])
def test_what_unpacks_to_many_times_its_size_fills_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(archives, "_FREE_BYTES", 100_000)
    silence, path = wav()[:44] + bytes(60_000), tmp_path / "a.tar.gz"
    if kind == "parquet":
        pyarrow = pytest.importorskip("pyarrow", reason="reads parquet (pip install pyarrow)")
        parquet, path = pytest.importorskip("pyarrow.parquet"), tmp_path / "a.parquet"
        rows = [{"audio": {"bytes": silence + bytes([place]), "path": "a.wav"}, "text": "one"} for place in range(2)]
        parquet.write_table(pyarrow.Table.from_pylist(rows), path, compression="zstd")
    else:
        with tarfile.open(path, "w:gz") as file:
            for name in ("a", "b"):
                for suffix, content in ((".wav", silence * (1 + (kind == "one"))), (".txt", b"one")):
                    member = tarfile.TarInfo(name + suffix)
                    member.size = len(content)
                    file.addfile(member, io.BytesIO(content))
    said = problem_of(unpack, path, tmp_path / "out")
    assert ("is too large" if kind == "one" else "unpacks to over 50 times its size") in said
    assert sum(made.stat().st_size for made in tmp_path.glob("out/*")) < 100_000


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX's")
def test_recordings_are_not_unpacked_through_a_link(tmp_path: Path) -> None:
    tar_of(tmp_path / "a.tar", {"a.wav": wav(), "a.txt": b"one"})
    (tmp_path / "out").mkdir()
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "out" / "0000001.wav").symlink_to(tmp_path / "victim")
    (found,) = read_manifest(unpack(tmp_path / "a.tar", tmp_path / "out"))
    assert len(found.waveform(16_000)) == 1600
    assert (tmp_path / "victim").read_text() == "precious"


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000], ids=["cut", "no text", "deep"])
def test_what_is_broken_inside_a_shard_is_one_line(tmp_path: Path, content: bytes) -> None:
    shard = tar_of(tmp_path / "shard.tar", {"a.json": content})
    assert "cannot be read" in problem_of(unpack, shard, tmp_path / "unpacked")
    assert not (tmp_path / "unpacked").exists()
