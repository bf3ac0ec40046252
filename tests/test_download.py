"""Downloads from a local server: cut, resumed, damaged, hostile."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import os
import re
import socket
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from asrkit.data.archives import unpack as unpack_shards
from asrkit.data.download import ARCHIVES, Archive, download, fetch_corpus
from asrkit.errors import DownloadError, InUseError, ManifestError
from asrkit.locks import LOCK_NAME, hold


class Server:
    """Serves one archive; can cut connections, ignore ranges and refuse."""

    def __init__(self) -> None:
        self.content = b""
        self.requests: list[str | None] = []
        self.cut_after: list[int] = []  # bytes to send before the connection breaks, one entry a request
        self.knows_ranges = True
        self.status: int | None = None
        self.location = ""
        self.slowly = 0  # bytes to send one by one
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(self.headers.get("Range"))
                if server.status is not None:
                    if server.location:
                        self.send_response(server.status)
                        self.send_header("Location", server.location)
                        self.end_headers()
                    else:
                        self.send_error(server.status)
                    return
                start = 0
                if server.knows_ranges and self.headers.get("Range"):
                    start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
                self.send_response(206 if start else 200)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
                self.send_header("Content-Length", str(len(server.content) - start))
                self.end_headers()
                for byte in server.content[start : start + server.slowly]:
                    time.sleep(0.02)
                    self.wfile.write(bytes([byte]))
                start += server.slowly
                stop = start + server.cut_after.pop(0) if server.cut_after else len(server.content)
                self.wfile.write(server.content[start:stop])

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/corpus.tar.bz2"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    yield server
    server.close()


def tar(*members: tuple[str, bytes | tarfile.TarInfo]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:bz2") as file:
        for name, content in members:
            info = tarfile.TarInfo(name) if isinstance(content, bytes) else content
            info.name = name
            if isinstance(content, bytes):
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
            else:
                file.addfile(info)
    return buffer.getvalue()


GOOD = tar(("Corpus/metadata.csv", b"LJ1|x|x\n"), ("Corpus/wavs/LJ1.wav", bytes(range(256)) * 400))


def left(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name != LOCK_NAME]


def offer(server: Server, content: bytes = GOOD) -> Archive:
    server.content = content
    return Archive(server.url, len(content), hashlib.sha256(content).hexdigest(), "Corpus", 1_000_000, 10)


def test_a_corpus_is_fetched_checked_and_unpacked(server: Server, tmp_path: Path) -> None:
    archive = offer(server)
    seen: list[tuple[str, int, int]] = []
    folder = fetch_corpus(archive, tmp_path / "data", on_progress=lambda *event: seen.append(event))
    assert folder == tmp_path / "data" / "Corpus"
    assert (folder / "wavs" / "LJ1.wav").read_bytes() == bytes(range(256)) * 400
    assert [path.name for path in left(tmp_path / "data")] == ["Corpus"]
    assert list(dict.fromkeys(what for what, _, _ in seen)) == ["downloading", "checking", "unpacking"]
    assert ("downloading", len(GOOD), len(GOOD)) in seen


def test_what_is_there_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    archive = offer(server)
    fetch_corpus(archive, tmp_path, keep_archive=True)
    assert (tmp_path / "corpus.tar.bz2").read_bytes() == GOOD
    fetch_corpus(archive, tmp_path)
    assert len(server.requests) == 1


def test_a_cut_download_goes_on_where_it_stopped(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asrkit.data.download.time.sleep", lambda seconds: None)
    archive = offer(server)
    server.cut_after = [300, 50]
    fetch_corpus(archive, tmp_path)
    assert server.requests == [None, "bytes=300-", "bytes=350-"]


def test_a_later_run_goes_on_where_an_earlier_one_stopped(server: Server, tmp_path: Path) -> None:
    archive = offer(server)
    (tmp_path / "corpus.tar.bz2.part").write_bytes(GOOD[:100])
    assert download(archive, tmp_path).read_bytes() == GOOD
    assert server.requests == ["bytes=100-"]


def test_a_server_without_ranges_sends_all_again(server: Server, tmp_path: Path) -> None:
    archive = offer(server)
    server.knows_ranges = False
    (tmp_path / "corpus.tar.bz2.part").write_bytes(GOOD[:100])
    assert download(archive, tmp_path).read_bytes() == GOOD


def test_one_download_at_a_time_writes_into_a_folder(server: Server, tmp_path: Path) -> None:
    with hold(tmp_path), pytest.raises(InUseError, match="another run is writing into this folder"):
        fetch_corpus(offer(server), tmp_path)
    assert server.requests == []


def test_a_bad_sum_is_refused_and_removed(server: Server, tmp_path: Path) -> None:
    archive = replace(offer(server), sha256="0" * 64)
    with pytest.raises(DownloadError, match=r"is damaged: its sha256 .* removed, run again"):
        fetch_corpus(archive, tmp_path)
    assert not left(tmp_path)


def test_too_many_bytes_are_refused(server: Server, tmp_path: Path) -> None:
    archive = replace(offer(server), size_bytes=len(GOOD) - 7)
    with pytest.raises(DownloadError, match="bytes are offered where"):
        fetch_corpus(archive, tmp_path)
    assert not left(tmp_path)


def test_being_offline_is_said_clearly(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asrkit.data.download.time.sleep", lambda seconds: None)
    archive = offer(server)
    server.close()
    with pytest.raises(DownloadError, match=r"cannot download http.*; is this machine online\?$"):
        fetch_corpus(archive, tmp_path)


def test_a_page_in_place_of_the_archive_is_not_kept(server: Server, tmp_path: Path) -> None:
    archive = offer(server)
    server.content = b"<html>sign in</html>"
    with pytest.raises(DownloadError, match=r"20 bytes are offered where .* wants a sign-in first"):
        fetch_corpus(archive, tmp_path)
    assert not left(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX's")
@pytest.mark.parametrize("name", ["corpus.tar.bz2.part", "corpus.tar.bz2", ".Corpus.part"])
@pytest.mark.parametrize("kind", ["file", "folder", "nothing"])
def test_what_a_link_leads_to_is_not_written_to(server: Server, tmp_path: Path, name: str, kind: str) -> None:
    archive, victim, into = offer(server), tmp_path / "victim", tmp_path / "into"
    into.mkdir()
    if kind == "file":
        victim.write_text("precious")
    elif kind == "folder":
        victim.mkdir()
    (into / name).symlink_to(victim)
    with pytest.raises(DownloadError, match=f"cannot be written: {re.escape(name)} is a link"):
        fetch_corpus(archive, into)
    assert not server.requests
    assert victim.exists() == (kind != "nothing")
    assert victim.read_text() == "precious" if kind == "file" else kind == "nothing" or not list(victim.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="pipes are POSIX's")
@pytest.mark.parametrize("name", ["corpus.tar.bz2.part", "corpus.tar.bz2"])
def test_a_pipe_in_the_place_of_the_archive_keeps_nobody_waiting(server: Server, tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(DownloadError, match="cannot be written: is no regular file"):
        fetch_corpus(offer(server), tmp_path)


@pytest.mark.parametrize(("status", "location"), [(503, ""), (500, ""), (416, ""), (302, "http://[::1")])
def test_what_may_pass_is_tried_five_times_and_said(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, location: str
) -> None:
    monkeypatch.setattr("asrkit.data.download.time.sleep", lambda seconds: None)
    archive = offer(server)
    server.status, server.location = status, location
    with pytest.raises(DownloadError, match="cannot download") as caught:
        fetch_corpus(archive, tmp_path)
    assert len(server.requests) == 5
    assert location or (str(status) in str(caught.value) and "online" not in str(caught.value))


def test_a_server_that_refuses_is_quoted(server: Server, tmp_path: Path) -> None:
    archive = offer(server)
    server.status = 404
    with pytest.raises(DownloadError, match="the server answered 404 Not Found"):
        fetch_corpus(archive, tmp_path)
    assert len(server.requests) == 1


def test_what_arrived_is_kept_when_the_server_goes_away(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asrkit.data.download.time.sleep", lambda seconds: None)
    archive = offer(server)
    server.cut_after = [300, *[0] * 9]
    with pytest.raises(DownloadError, match="300 bytes are kept, the same command goes on from there"):
        fetch_corpus(archive, tmp_path)
    assert (tmp_path / "corpus.tar.bz2.part").read_bytes() == GOOD[:300]


def test_a_server_that_hardly_sends_anything_is_left(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asrkit.data.download._TIMEOUT_S", 0.2)
    monkeypatch.setattr("asrkit.data.download._ATTEMPTS", 2)
    archive = offer(server)
    server.slowly = 100
    with pytest.raises(DownloadError, match=r"fewer than 30,000 bytes came in 0\.2 s; .* the same command goes on"):
        fetch_corpus(archive, tmp_path)
    assert len(server.requests) == 2
    part = (tmp_path / "corpus.tar.bz2.part").read_bytes()
    assert part and GOOD.startswith(part)
    server.slowly = 0
    assert fetch_corpus(archive, tmp_path).is_dir()


OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
PART = b"HTTP/1.1 206 Part\r\nConnection: close\r\nContent-Range: bytes "
LAST = str(len(GOOD) - 1).encode()
TOO_SLOW = r"cannot download .*: fewer than 30,000 bytes came in 0\.2 s; is this machine online\?$"
BAD_PART = "cannot download .* sends another part than that asked for; .*; 100 bytes are kept"


@pytest.mark.parametrize(
    ("have", "answer", "message"),
    [
        pytest.param(
            0, [OK + b"\r\n<html>"], "who knows how many bytes are offered where .* wants a sign-in first$", id="a page"
        ),
        pytest.param(
            0, [OK + b"Transfer-Encoding: chunked\r\n\r\n6\r\n<html>\r\n0\r\n\r\n"], "who knows", id="in chunks"
        ),
        pytest.param(0, [OK + b"Transfer-Encoding: chunked\r\n\r\n900\r\n<html>"], "who knows", id="a page, cut"),
        pytest.param(0, [OK + b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n"], "999 bytes are offered", id="length"),
        pytest.param(0, [b"HTTP/1.1 404 " + b"x" * 9_000 + b"\r\n\r\n"], "answered 404 x{300}$", id="long-winded"),
        pytest.param(0, [b"HTTP/1.1 302 No\r\nLocation: /corpus.tar.bz2\r\n\r\n"], "302 .*loop", id="to itself"),
        pytest.param(100, [OK + b"\r\n<html>"], "who knows how many", id="later"),
        pytest.param(100, [PART + b"110-" + LAST + b"/*\r\n\r\n" + GOOD[110:]], BAD_PART, id="another part"),
        pytest.param(100, [PART + b"100-199/*\r\n\r\n" + GOOD[100:200]], BAD_PART, id="a smaller part"),
        pytest.param(100, [PART[:-16] + b"\r\n--x\r\n\r\n" + GOOD[100:]], BAD_PART, id="parts"),
        pytest.param(0, itertools.repeat(b"HTTP/1.1 100 Go on\r\n\r\n"), TOO_SLOW, id="without end: go on"),
        pytest.param(0, [OK + b"X: ", *[b"x"] * 999], TOO_SLOW, id="without end: a header"),
        pytest.param(
            0,
            [OK + b"Transfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n" % len(GOOD), *[b"0"] * 999],
            TOO_SLOW,
            id="without end: a size",
        ),
    ],
)
def test_what_a_server_may_send_instead_is_never_the_archive(
    have: int, answer: list[bytes], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("asrkit.data.download._TIMEOUT_S", 0.2)
    monkeypatch.setattr("asrkit.data.download._ATTEMPTS", 2)

    def drip(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.recv(4_096)
            for piece in answer:
                connection.sendall(piece)
                time.sleep(0.02)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(listener.accept()[0],), daemon=True).start()

    part = tmp_path / "corpus.tar.bz2.part"
    if have:
        part.write_bytes(GOOD[:have])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/corpus.tar.bz2"
        archive = Archive(url, len(GOOD), hashlib.sha256(GOOD).hexdigest(), "Corpus", 1_000_000, 10)
        with pytest.raises(DownloadError, match=message) as caught:
            fetch_corpus(archive, tmp_path)
        listener.shutdown(socket.SHUT_RDWR)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
    assert [data for path in left(tmp_path) if (data := path.read_bytes())] == [GOOD[:have]] * bool(have)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_header_larger_than_memory_is_refused_unread(server: Server, tmp_path: Path, kind: bytes) -> None:
    info = special(kind)
    info.size = 1 << 30
    header = info.tobuf(tarfile.GNU_FORMAT)
    with pytest.raises(DownloadError, match="a header of 1,073,741,824 bytes"):
        fetch_corpus(offer(server, header), tmp_path)
    shard = tmp_path / "shard.tar"
    shard.write_bytes(header)
    with pytest.raises(ManifestError, match="a header of 1,073,741,824 bytes"):
        unpack_shards(shard, tmp_path / "unpacked")


def special(kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo("x")
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("/etc/evil", b"x", "leads out of 'Corpus'"),
        ("../evil", b"x", "leads out of 'Corpus'"),
        ("Corpus/../../evil", b"x", "leads out of 'Corpus'"),
        ("Elsewhere/evil", b"x", "leads out of 'Corpus'"),
        ("Corpus/..\\evil", b"x", "leads out of 'Corpus'"),
        ("Corpus/C:evil", b"x", "leads out of 'Corpus'"),
        ("Corpus/link", special(tarfile.SYMTYPE, "/etc/passwd"), "neither a plain file nor a folder"),
        ("Corpus/link", special(tarfile.LNKTYPE, "Corpus/a"), "neither a plain file nor a folder"),
        ("Corpus/pipe", special(tarfile.FIFOTYPE), "neither a plain file nor a folder"),
        ("Corpus/device", special(tarfile.CHRTYPE), "neither a plain file nor a folder"),
        ("Corpus/big", bytes(1_000_001), "holds more than 10 files or 1,000,000 bytes"),
    ],
)
def test_hostile_members_are_refused_and_nothing_stays(
    server: Server, tmp_path: Path, name: str, content: bytes | tarfile.TarInfo, message: str
) -> None:
    archive = offer(server, tar(("Corpus/a", b"good"), (name, content)))
    data = tmp_path / "deep" / "data"
    with pytest.raises(DownloadError, match=message):
        fetch_corpus(archive, data)
    assert [path.name for path in left(data)] == ["corpus.tar.bz2"]
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]


def test_too_many_members_are_refused(server: Server, tmp_path: Path) -> None:
    archive = offer(server, tar(*((f"Corpus/{index}", b"") for index in range(11))))
    with pytest.raises(DownloadError, match="holds more than 10 files"):
        fetch_corpus(archive, tmp_path)


@pytest.mark.parametrize("content", [b"no archive at all", GOOD[:-60], tar(("Corpus", b"a file"))])
def test_broken_archives_are_refused(server: Server, tmp_path: Path, content: bytes) -> None:
    archive = offer(server, content)
    with pytest.raises(DownloadError, match=r"no readable archive|holds no folder") as caught:
        fetch_corpus(archive, tmp_path)
    assert str(caught.value).count(archive.file_name) == 1
    assert not (tmp_path / "Corpus").exists()


def test_ljspeech_is_the_published_archive() -> None:
    archive = ARCHIVES["ljspeech"]
    assert archive.url == "https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2"
    assert (archive.size_bytes, archive.file_name) == (2_748_572_632, "LJSpeech-1.1.tar.bz2")
    assert len(archive.sha256) == 64
