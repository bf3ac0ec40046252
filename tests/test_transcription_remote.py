"""Inputs on other machines: a file system in memory and a web server on this one."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import threading
import time
import types
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fake_recognition import expected_text, run, write_speech

from asrkit.config import TranscriptionConfig
from asrkit.errors import ConfigError, MissingPackageError, TranscriptionError
from asrkit.transcription.listing import Wanted
from asrkit.transcription.remote import _local, fetch, is_url


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASRKIT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Any]:
    """``memory://corpus`` with two recordings and a text."""
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed (pip install fsspec)")
    system = fsspec.filesystem("memory")
    for name, seconds in (("a/one.wav", 0.8), ("b/two.wav", 1.1)):
        system.pipe(f"/corpus/{name}", write_speech(tmp_path / "local" / name, seconds).read_bytes())
    system.pipe("/corpus/readme.txt", b"no audio")
    yield system
    system.rm("/corpus", recursive=True)


def test_a_remote_folder_gives_the_transcripts_of_a_local_one(memory: Any, tmp_path: Path) -> None:
    assert run(["memory://corpus"], tmp_path / "remote").num_transcribed == 2
    run([tmp_path / "local"], tmp_path / "here")
    for name in ("a/one.txt", "b/two.txt", "hyp.txt"):
        assert (tmp_path / "remote" / name).read_text() == (tmp_path / "here" / name).read_text()
    again = run(["memory://corpus"], tmp_path / "remote")
    assert (again.num_transcribed, again.num_reused) == (0, 2)


def test_only_what_changed_is_copied_again(memory: Any, tmp_path: Path) -> None:
    run(["memory://corpus/"], tmp_path / "out")
    memory.pipe("/corpus/a/one.wav", write_speech(tmp_path / "other.wav", 0.9, seed=4).read_bytes())
    again = run(["memory://corpus/"], tmp_path / "out")
    assert (again.num_transcribed, again.num_reused) == (1, 1)
    assert (tmp_path / "out/a/one.txt").read_text().strip() == expected_text(tmp_path / "other.wav")


def test_what_tells_no_version_is_copied_again(memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(type(memory), "info", lambda self, path, **options: {"name": path, "size": None, "type": "file"})
        patch.setattr(type(memory), "isdir", lambda self, path: False)
        run(["memory://corpus/a/one.wav"], tmp_path / "out")
        memory.pipe("/corpus/a/one.wav", write_speech(tmp_path / "other.wav", 0.9, seed=4).read_bytes())
        assert run(["memory://corpus/a/one.wav"], tmp_path / "out").num_reused == 0
    assert (tmp_path / "out/one.txt").read_text().strip() == expected_text(tmp_path / "other.wav")


def test_files_and_patterns(memory: Any, tmp_path: Path) -> None:
    assert run(["memory://corpus/a/one.wav", tmp_path / "local/b"], tmp_path / "one").num_transcribed == 2
    assert run(["memory://corpus/*/t*.wav"], tmp_path / "two").num_transcribed == 1


def test_a_copy_that_fails_costs_only_its_own_transcript(
    memory: Any, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = memory.get_file

    def fail(place: str, local: str) -> None:
        if place.endswith("two.wav"):
            Path(local).write_bytes(b"half")
            raise OSError("connection\nlost")
        copy(place, local)

    monkeypatch.setattr(memory, "get_file", fail)
    summary = run(["memory://corpus"], tmp_path / "out")
    assert (summary.num_transcribed, summary.exit_code) == (1, 3)
    (failure,) = summary.failures
    assert failure.utterance_id == "b/two"
    assert failure.reason.startswith("memory://corpus cannot be copied: connection lost; ")
    assert "b/two\t" in (tmp_path / "out/failures.tsv").read_text()
    assert [path.name for path in cache.rglob("*.wav") if not path.name.startswith(".")] == ["one.wav"]
    monkeypatch.undo()
    monkeypatch.setenv("ASRKIT_CACHE_DIR", str(cache))
    again = run(["memory://corpus"], tmp_path / "out")
    assert (again.num_transcribed, again.num_reused, again.exit_code) == (1, 1, 0)


@pytest.mark.parametrize(
    ("status", "message", "reason"),
    [
        (500, "", "cannot be copied: the server answered 500; run again"),
        (404, "", "there is nothing to transcribe at"),
        (None, "bad line: " + "\0" * 1_000_000, "cannot be copied: bad line: %00%00"),
    ],
)
def test_answers_of_a_server_are_told_briefly(
    memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int | None, message: str, reason: str
) -> None:
    def info(path: str, **options: Any) -> None:
        if status is None:
            raise OSError(message)
        cause = OSError()
        cause.status = status  # type: ignore[attr-defined]
        raise FileNotFoundError(path) from cause  # as the file system of the web does with all answers

    with monkeypatch.context() as patch:
        patch.setattr(memory, "info", info)
        patch.setattr(memory, "isdir", lambda path: False)
        (failure,) = run(["memory://corpus/a/one.wav"], tmp_path / "out").failures
    assert reason in failure.reason and len(failure.reason) < 1_200


NOT_THERE = "memory://corpus/none.wav"


@pytest.mark.parametrize("url", [NOT_THERE, "memory://nothing/*.wav", "memory://nothing", "memory://corpus/a/[!o]*"])
def test_a_url_with_nothing_behind_it_fails_alone(memory: Any, url: str, tmp_path: Path) -> None:
    summary = run([url, tmp_path / "local/a", "memory://corpus/b"], tmp_path / "out")
    assert (summary.num_transcribed, summary.exit_code) == (2, 3)
    assert f"nothing to transcribe at {url}, or it cannot be reached" in summary.failures[0].reason
    assert run([url], tmp_path / "alone").exit_code == 1


def test_a_listing_that_fails_costs_nothing_that_is_done(
    memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError(13, "Access denied")

    run(["memory://corpus"], tmp_path / "out")
    before = (tmp_path / "out/hyp.txt").read_text()
    with monkeypatch.context() as broken:
        for name in ("find", "info"):
            broken.setattr(memory, name, fail)
        summary = run(["memory://corpus"], tmp_path / "out")
    assert "Access denied" in summary.failures[0].reason
    assert (tmp_path / "out/hyp.txt").read_text() == before
    with monkeypatch.context() as broken:
        broken.setattr("asrkit.transcription.remote._copy", fail)
        assert len(run(["memory://corpus"], tmp_path / "out").failures) == 2
    assert (tmp_path / "out/hyp.txt").read_text() == before
    assert run(["memory://corpus"], tmp_path / "out").num_reused == 2


@pytest.mark.parametrize("fault", ["full", "unwritable"])
def test_a_cache_that_cannot_be_written_ends_the_run(
    fault: str, memory: Any, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(place: str, local: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if fault == "full":
        monkeypatch.setattr(memory, "get_file", fill)
    else:
        cache.write_bytes(b"no folder")
    with pytest.raises(TranscriptionError, match="cannot be written"):
        run(["memory://corpus"], tmp_path / "out")


def test_only_what_is_there_now_is_transcribed(memory: Any, tmp_path: Path) -> None:
    run(["memory://corpus"], tmp_path / "out")
    memory.rm("/corpus/b/two.wav")
    memory.pipe("/corpus/a/.hidden/three.wav", memory.cat("/corpus/a/one.wav"))
    assert run(["memory://corpus"], tmp_path / "again").num_transcribed == 1
    flat = run(["memory://corpus"], tmp_path / "flat", config=TranscriptionConfig(recursive=False))
    assert "nothing to transcribe" in flat.failures[0].reason


def test_a_remote_manifest_is_read(memory: Any, tmp_path: Path) -> None:
    memory.pipe("/corpus/list.tsv", f"utterance_id\tpath\nu1\t{tmp_path}/local/a/one.wav\n".encode())
    run(["memory://corpus/list.tsv"], tmp_path / "out")
    assert (tmp_path / "out/u1.txt").exists()


def test_a_name_never_leaves_the_cache(memory: Any, cache: Path) -> None:
    memory.store["/corpus/../../evil.wav"] = memory.store["/corpus/a/one.wav"]
    fetch(["memory://corpus/../../evil.wav"], Wanted(include=["*"]))
    copies = [path for path in cache.parent.rglob("*evil*") if not path.name.startswith(".")]
    assert [path.name for path in copies] == ["evil.wav"] and copies[0].is_relative_to(cache)
    del memory.store["/corpus/../../evil.wav"]


def test_two_keys_never_share_a_copy(tmp_path: Path) -> None:
    places = ["bucket/a/b.wav", "bucket/a//b.wav", "bucket/a\\b.wav", "bucket//a/b.wav", "bucket/a/b.wav?v=1"]
    copies = [_local(tmp_path, place) for place in places]
    assert len(set(copies)) == len(places)
    assert copies[0] == tmp_path / "bucket/a/b.wav" and all(copy.is_relative_to(tmp_path) for copy in copies)


def test_a_key_that_is_a_folder_of_another_fails_alone(memory: Any, cache: Path, tmp_path: Path) -> None:
    memory.pipe("/corpus/a/one.wav.d/deep.wav", memory.cat("/corpus/b/two.wav"))
    (first,) = fetch(["memory://corpus/a/one.wav.d/deep.wav"], Wanted(include=["*"]))
    (copy,) = first.files  # type: ignore[union-attr]
    copy.unlink()
    for leftover in copy.parent.iterdir():
        leftover.unlink()
    copy.parent.rmdir()
    copy.parent.write_bytes(b"a file where the folder would be")
    summary = run(["memory://corpus"], tmp_path / "out")
    assert (summary.num_transcribed, summary.exit_code) == (2, 3)
    assert "cannot be written" in summary.failures[0].reason


def test_a_web_server(tmp_path: Path) -> None:
    pytest.importorskip("fsspec", reason="fsspec is not installed (pip install fsspec)")
    pytest.importorskip("aiohttp", reason="aiohttp is not installed (pip install aiohttp)")
    audio = write_speech(tmp_path / "web/my clip.wav", 0.7)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "web"))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        summary = run([f"{url}/my%20clip.wav", f"{url}/none.wav"], tmp_path / "out")
        assert (summary.num_transcribed, summary.exit_code) == (1, 3)
        server.shutdown()
    assert "cannot be reached" in run([f"{url}/gone.wav"], tmp_path / "gone").failures[0].reason
    (text,) = (path for path in (tmp_path / "out").rglob("my*.txt"))
    assert text.read_text().strip() == expected_text(audio)


@pytest.mark.parametrize("drips", [False, True])
@pytest.mark.parametrize(
    "sent",
    [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\nRIFF"],
    ids=["silent", "in a header", "in the content"],
)
def test_a_server_that_says_no_more_is_not_waited_for(
    sent: bytes, drips: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long a copy takes, bytes must come."""
    pytest.importorskip("fsspec", reason="fsspec is not installed (pip install fsspec)")
    pytest.importorskip("aiohttp", reason="aiohttp is not installed (pip install aiohttp)")
    monkeypatch.setattr("asrkit.transcription.remote._PATIENCE_S", 0.3)
    held: list[socket.socket] = []

    def drip(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # of the end
            while drips:
                connection.sendall(b"a")
                time.sleep(0.1)

    def answer() -> None:
        with contextlib.suppress(OSError):  # of the end
            while True:
                connection, _ = listener.accept()
                held.append(connection)
                if sent and connection.recv(4) == b"HEAD":
                    connection.sendall(b"HTTP/1.1 405 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    connection.close()
                elif sent:
                    connection.sendall(sent)
                    threading.Thread(target=drip, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, daemon=True).start()
        began = time.monotonic()
        summary = run([f"http://127.0.0.1:{listener.getsockname()[1]}/a.wav"], tmp_path / "out")
    assert time.monotonic() - began < 30
    for connection in held:
        connection.close()
    assert summary.exit_code == 1
    assert "a.wav cannot be copied: fewer than 60,000 bytes came in 0.3 s; " in summary.failures[0].reason


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(MissingPackageError, match=r"^s3://bucket/a.wav needs .*: pip install (fsspec )?s3fs$"):
        run(["s3://bucket/a.wav"], tmp_path / "out")


def test_a_provider_of_fsspec_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("fsspec", reason="fsspec is not installed (pip install fsspec)")
    monkeypatch.setitem(sys.modules, "adlfs", None)
    with pytest.raises(MissingPackageError, match=r"^abfs://box/a\.wav: Install adlfs to access Azure"):
        run(["abfs://box/a.wav"], tmp_path / "out")


def test_a_provider_that_refuses_costs_only_its_own_files(
    memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(url: str) -> None:
        raise RuntimeError("no credentials")

    monkeypatch.setitem(sys.modules, "gcsfs", types.ModuleType("gcsfs"))
    monkeypatch.setattr("fsspec.core.url_to_fs", refuse)
    summary = run(["gs://bucket/a.wav", tmp_path / "local"], tmp_path / "out")
    assert (summary.num_transcribed, summary.exit_code) == (2, 3)
    assert "gs://bucket/a.wav cannot be copied: no credentials" in summary.failures[0].reason


def test_unknown_kinds_of_url_are_an_error(tmp_path: Path) -> None:
    pytest.importorskip("fsspec", reason="fsspec is not installed (pip install fsspec)")
    with pytest.raises(ConfigError, match="nosuch"):
        run(["nosuch://bucket/a.wav"], tmp_path / "out")


@pytest.mark.parametrize(
    ("given", "expected"), [("s3://b/x", True), ("a/b.wav", False), (Path("s3://b"), False), ("C:\\a.wav", False)]
)
def test_urls_are_told_from_paths(given: Path | str, expected: bool) -> None:
    assert is_url(given) is expected


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX's")
def test_a_copy_is_not_written_where_a_link_leads(memory: Any, tmp_path: Path, cache: Path) -> None:
    run(["memory://corpus/a/one.wav"], tmp_path / "out")
    (copy,) = cache.rglob("one.wav")
    kept = {path: path.read_bytes() for path in copy.parent.iterdir()}
    assert len(kept) == 2  # and its version
    victim = tmp_path / "victim"
    victim.write_text("precious")
    for path in (*kept, copy.with_name(".one.wav.part")):
        path.unlink(missing_ok=True)
        path.symlink_to(victim)
    run(["memory://corpus/a/one.wav"], tmp_path / "out")
    assert {path: path.read_bytes() for path in copy.parent.iterdir()} == kept
    assert victim.read_text() == "precious"
