"""Public corpora fetched from their source: resumable, checked, and unpacked without trust in the archive."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import tarfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from asrkit.errors import DownloadError
from asrkit.locks import hold
from asrkit.reading import one_line, require_plain, while_it_comes
from asrkit.writing import refuse_links

Progress = Callable[[str, int, int], None]  # what is being done, bytes done, bytes in all

_CHUNK_BYTES = 1 << 20
_TIMEOUT_S = 30.0
_ATTEMPTS = 5  # in a row that brought hardly anything
_LEAST_BYTES = 30_000  # to come within the timeout; with less, days would pass
_MOST_HEADER_BYTES = 1 << 20  # of a long name or of remarks on a member, which are read at once


class ModestMember(tarfile.TarInfo):
    """A member of a tar archive whose name and remarks fit into memory, whatever a header says."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:  # tarfile offers it for such
        if self.size > _MOST_HEADER_BYTES and not (self.isreg() or self.isdir()):
            raise tarfile.ReadError(f"a header of {self.size:,} bytes")
        return super()._proc_member(tar)  # type: ignore[misc,no-any-return]


@dataclass(frozen=True)
class Archive:
    """A corpus that its makers offer as one archive."""

    url: str  # where it lies
    size_bytes: int  # its exact size
    sha256: str  # its checksum
    folder: str  # the one folder it holds
    most_bytes: int  # bound of the unpacked size
    most_members: int  # bound of the number of files

    @property
    def file_name(self) -> str:
        """Name of the archive on disk."""
        return PurePosixPath(self.url).name


ARCHIVES = {
    "ljspeech": Archive(
        url="https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2",
        size_bytes=2_748_572_632,
        sha256="be1a30453f28eb8dd26af4101ae40cbf2c50413b1bb21936cbcdc6fae3de8aa5",
        folder="LJSpeech-1.1",
        most_bytes=6_000_000_000,
        most_members=20_000,
    ),
}


def fetch_corpus(
    archive: Archive, into: Path | str, keep_archive: bool = False, on_progress: Progress = lambda *event: None
) -> Path:
    """Download, check and unpack a corpus, and return its folder; what is already there is not fetched again.

    Raises:
        DownloadError: The server cannot be reached, what it sent is damaged, or the archive is hostile.
        InUseError: Another download into this folder goes on.
    """
    into = Path(into)
    folder = into / archive.folder
    if folder.is_dir():
        return folder
    try:
        into.mkdir(parents=True, exist_ok=True)
        with hold(into):
            for name in (f"{archive.file_name}.part", archive.file_name, f".{archive.folder}.part"):
                refuse_links(into / name, into)
                if not (into / name).is_dir():
                    require_plain(into / name)
            path = download(archive, into, on_progress)
            unpack(path, archive, into, on_progress)
            if not keep_archive:
                path.unlink()
    except OSError as error:
        raise DownloadError(f"cannot be written: {error.strerror or error}", path=into) from None
    return folder


def download(archive: Archive, into: Path, on_progress: Progress = lambda *event: None) -> Path:
    """Download an archive; a download cut short goes on where it stopped.

    Raises:
        DownloadError: The server cannot be reached, or what it sent has the wrong size or sum.
    """
    path = into / archive.file_name
    part = path.with_name(path.name + ".part")
    if not path.exists():
        if part.exists() and part.stat().st_size > archive.size_bytes:
            part.unlink()
        _download_rest(archive, part, on_progress)
    else:
        part = path
    _check_sum(archive, part, on_progress)
    return part if part == path else part.rename(path)


def _download_rest(archive: Archive, part: Path, on_progress: Progress) -> None:
    """Fetch what is missing, again and again while something arrives."""
    failures = 0
    while (have := part.stat().st_size if part.exists() else 0) < archive.size_bytes:
        given_up = threading.Event()
        fetch = partial(_fetch_from, archive, part, have, on_progress, given_up)
        try:
            while_it_comes(fetch, lambda: part.stat().st_size if part.exists() else 0, _LEAST_BYTES, _TIMEOUT_S)
            reason = "the server closed the connection"
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 416:
                raise DownloadError(
                    f"{archive.url}: the server answered {error.code} {one_line(error.reason)}"
                ) from None
            if error.code == 416:
                part.unlink(missing_ok=True)  # the server holds less than is here: begin anew
            reason = f"the server answered {one_line(error)}; try again later"
        except (OSError, http.client.HTTPException, ValueError) as error:  # the last: a redirect to no address
            if error.__class__ is OSError or isinstance(error, PermissionError):  # the disk, not the network
                raise DownloadError(f"cannot be written: {error}", path=part) from None
            reason = f"{one_line(getattr(error, 'reason', None) or error)}; is this machine online?"
        finally:
            given_up.set()
        now = part.stat().st_size if part.exists() else 0
        failures = 0 if now - have >= _LEAST_BYTES else failures + 1
        if failures == _ATTEMPTS:
            kept = f"; {now:,} bytes are kept, the same command goes on from there" if now else ""
            raise DownloadError(f"cannot download {archive.url}: {reason}{kept}")
        if failures:
            time.sleep(min(2.0**failures, 10.0) / 4)


def _fetch_from(archive: Archive, part: Path, have: int, on_progress: Progress, given_up: threading.Event) -> None:
    """Append to what is there; start over when the server does not know ranges."""
    request = urllib.request.Request(archive.url, headers={"User-Agent": "asrkit"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
        resumes = response.status == 206
        if resumes and not response.headers.get("Content-Range", "").startswith(
            f"bytes {have}-{archive.size_bytes - 1}/"
        ):
            raise http.client.HTTPException("the server sends another part than that asked for")
        done = have if resumes else 0
        promised, missing = response.headers.get("Content-Length"), str(archive.size_bytes - done)
        if promised != missing:  # nothing of it may be taken for the archive
            raise DownloadError(
                f"{archive.url}: {one_line(promised or 'who knows how many')} bytes are offered where {missing} are "
                "missing; it is not the known archive, or the network here wants a sign-in first"
            )
        with part.open("ab" if resumes else "wb", buffering=0) as file:  # what came is there, though no more may come
            while done < archive.size_bytes and (chunk := response.read1(_CHUNK_BYTES)) and not given_up.is_set():
                done += file.write(chunk[: archive.size_bytes - done])
                on_progress("downloading", done, archive.size_bytes)


def _check_sum(archive: Archive, path: Path, on_progress: Progress) -> None:
    """Remove and refuse an archive that is not the known one, bit for bit."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            on_progress("checking", file.tell(), archive.size_bytes)
    if path.stat().st_size != archive.size_bytes or digest.hexdigest() != archive.sha256:
        path.unlink()
        raise DownloadError("is damaged: its sha256 is not the published one; it was removed, run again", path=path)


def unpack(path: Path, archive: Archive, into: Path, on_progress: Progress = lambda *event: None) -> Path:
    """Unpack an archive into ``into/FOLDER``, which appears whole or not at all.

    Only plain files and folders below the archive's one folder are accepted.

    Raises:
        DownloadError: The archive is damaged, too large, or holds links, devices or paths that lead elsewhere.
    """
    staging = into / f".{archive.folder}.part"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r|*", tarinfo=ModestMember) as tar:
            _unpack_members(tar, archive, staging, lambda: on_progress("unpacking", file.tell(), archive.size_bytes))
        if not (staging / archive.folder).is_dir():
            raise DownloadError(f"holds no folder {archive.folder!r}")
        return (staging / archive.folder).replace(into / archive.folder)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise DownloadError(f"is no readable archive: {error}", path=path) from None
    except DownloadError as error:  # says which member, not of which archive
        raise DownloadError(str(error), path=path) from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _unpack_members(tar: tarfile.TarFile, archive: Archive, staging: Path, tick: Callable[[], None]) -> None:
    unpacked_bytes = 0
    for number, member in enumerate(tar, 1):
        target = staging / _safe_name(member, archive.folder)
        unpacked_bytes += member.size
        if number > archive.most_members or unpacked_bytes > archive.most_bytes:
            raise DownloadError(f"holds more than {archive.most_members:,} files or {archive.most_bytes:,} bytes")
        if member.isdir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        content = tar.extractfile(member)
        assert content is not None  # _safe_name lets only plain files pass
        with content, target.open("wb") as file:
            shutil.copyfileobj(content, file, _CHUNK_BYTES)
        tick()


def _safe_name(member: tarfile.TarInfo, folder: str) -> PurePosixPath:
    """Return the path of a member below the staging folder.

    Raises:
        DownloadError: It is not a plain file or folder, or does not lie below ``folder``.
    """
    name = PurePosixPath(member.name)
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise DownloadError(f"refused: {member.name!r} is neither a plain file nor a folder")
    is_foreign = any(character in member.name for character in "\\:\0") or ".." in name.parts
    if name.is_absolute() or is_foreign or name.parts[:1] != (folder,):
        raise DownloadError(f"refused: {member.name!r} leads out of {folder!r}")
    return name
