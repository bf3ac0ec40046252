"""Corpora with the audio inside: tar shards of webdataset and NeMo, parquet files of Hugging Face, unpacked once."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from asrkit.audio import AUDIO_SUFFIXES
from asrkit.data.download import ModestMember
from asrkit.data.layouts import LAYOUTS
from asrkit.data.rows import held_out_part
from asrkit.data.tables import named_values
from asrkit.errors import ManifestError, MissingPathError
from asrkit.packages import needed
from asrkit.reading import UNPACKING_ERRORS, files_below, parse_json
from asrkit.writing import write_whole, written_whole

_TARS = (".tar", ".tar.gz", ".tgz")
_MAX_AUDIO_BYTES = 1 << 30
# Recordings shrink to a half or so. What unpacks to much more than that fills memory and disk on purpose.
_MOST_UNPACKED = 50
_FREE_BYTES = 1 << 26
_MAX_TEXT_BYTES = 16 << 20
_ROWS = 8  # of a parquet file in memory
_EXPECTED = (
    "a column text or sentence beside the audio (parquet), or for each recording a .txt or a .json with text right "
    "before or after it, or a line of NeMo's manifest beside the shard (tar); unpack what is another corpus yourself"
)


@dataclass
class _Item:
    """One recording of an archive; its audio may be missing, or the text of what is said in it."""

    key: str
    suffix: str
    audio: bytes
    said: Sequence[Mapping[str, Any]]  # the values of each utterance in it


def archives_of(source: Path) -> list[Path]:
    """Return the archives that a source consists of: itself, or those of a folder; none for any other corpus."""
    if source.is_dir():
        is_read = any(layout.matches(source) for layout in LAYOUTS)
        return [] if is_read else [path for path in files_below(source) if _kind(path) and path.is_file()]
    return [source] if _kind(source) else []


def held_out_archives(source: Path) -> list[Path]:
    """Return the archives of a folder that others test with, unless it holds nothing else."""
    found = archives_of(source) if source.is_dir() else []
    held = [path for path in found if held_out_part(path.relative_to(source).parts)]
    return held if len(held) < len(found) else []


def unpack(source: Path, folder: Path) -> Path:
    """Write the recordings of archives into a folder and return its manifest; what is complete is not done again.

    The source is a tar shard, a parquet file, or a folder of them; NeMo's manifest may lie beside its shards.
    Recordings are numbered. What lacks its text or its audio is a line of the manifest that says so when it is read;
    archives that others test with are left out of a folder of others.

    Raises:
        MissingPathError: There is no such source.
        ManifestError: An archive cannot be read, or holds no audio with a text.
        MissingPackageError: Parquet needs pyarrow.
    """
    if not source.exists():
        raise MissingPathError("no such archive", path=source)
    left_out = held_out_archives(source)
    read = [path for path in archives_of(source) if path not in left_out]
    manifest, told, content = folder / "manifest.jsonl", folder / "archives.sha256", _fingerprint(read)
    if manifest.is_file() and told.is_file() and told.read_text(encoding="utf-8") == content:
        return manifest
    made = [path for path in (folder, folder.parent) if not path.exists()]
    manifest.unlink(missing_ok=True)  # of other archives, whose recordings had the same numbers
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with written_whole(manifest) as file:
            if not _write_recordings(read, folder, file):
                raise ManifestError(f"holds no audio with texts; expected {_EXPECTED}", path=source)
    except ManifestError:
        with suppress(OSError):  # which is what those are that hold something
            for path in made:
                path.rmdir()
        raise
    write_whole(told, content)
    return manifest


def _write_recordings(archives: list[Path], folder: Path, manifest: IO[bytes]) -> int:
    """Write what has audio and text into a folder, and a line for everything; return how many recordings it is.

    Raises:
        ManifestError: An archive cannot be read.
    """
    count = 0
    ids = set[str]()
    for archive in archives:
        left = _most_bytes(archive)
        for item in _items(archive):
            name = f"{archive.name}/{item.key}{item.suffix}"
            if item.audio and any(values.get("text") for values in item.said):
                count += 1
                left -= len(item.audio)
                if left < 0:
                    raise ManifestError(
                        f"unpacks to over {_MOST_UNPACKED} times its size, as no corpus does", path=archive
                    )
                name = f"{count:07}{item.suffix}"
                with written_whole(folder / name) as recording:
                    recording.write(item.audio)
            for place, values in enumerate(item.said, 1):
                row = {"utterance_id": "-".join(item.key.split()), "text": "", **values, "audio_filepath": name}
                if row["utterance_id"] in ids:  # shards that each count from 0, parts, rows without a name
                    row["utterance_id"] += f"-{count:07}-{place}"
                ids.add(row["utterance_id"])
                manifest.write(f"{json.dumps(row, ensure_ascii=False)}\n".encode())
    return count


def _fingerprint(archives: list[Path]) -> str:
    """Return what tells these archives, and NeMo's manifests beside them, from others."""
    beside = {manifest for path in archives for manifest in _nemo_manifests(path.parent)}
    files = [*archives, *sorted(beside)]
    told = [(path.name, (status := path.stat()).st_size, status.st_mtime_ns) for path in files]
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _kind(path: Path) -> str:
    return "parquet" if path.suffix == ".parquet" else "tar" if path.name.endswith(_TARS) else ""


def _most_bytes(archive: Path) -> int:
    return max(_FREE_BYTES, _MOST_UNPACKED * archive.stat().st_size)


def _items(archive: Path) -> Iterator[_Item]:
    try:
        yield from _of_parquet(archive) if _kind(archive) == "parquet" else _of_tar(archive)
    except (*UNPACKING_ERRORS, tarfile.TarError) as error:
        raise ManifestError(f"cannot be read: {error}", path=archive) from None


def _of_tar(archive: Path) -> Iterator[_Item]:
    """Yield what belongs together: members with one name before the first dot, or lines of NeMo's manifest."""
    told = _nemo_lines(archive)
    key, audio, values = "", None, dict[str, Any]()
    lines: list[dict[str, Any]] = []
    with tarfile.open(archive, tarinfo=ModestMember) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            stem, dot, suffix = path.name.partition(".")
            suffix = f"{dot}{suffix}".lower()
            if not member.isfile() or path.name.startswith("."):  # ._NAME is what macOS keeps beside NAME
                continue
            if str(path.parent / stem) != key:
                yield from _item(key, audio, values, lines)
                key, audio, values, lines = str(path.parent / stem), None, {}, []
            is_audio = PurePosixPath(suffix).suffix in AUDIO_SUFFIXES or suffix in AUDIO_SUFFIXES
            if member.size > min(_most_bytes(archive), _MAX_AUDIO_BYTES if is_audio else _MAX_TEXT_BYTES):
                raise ManifestError(f"its member {member.name!r} is too large", path=archive)
            file = tar.extractfile(member)
            content = b"" if file is None else file.read()
            if is_audio:
                audio = (PurePosixPath(suffix).suffix or suffix, content)
                lines = told.get(member.name) or told.get(path.name) or []
            else:
                values |= _told(member.name, suffix, content, archive)
        yield from _item(key, audio, values, lines)


def _told(name: str, suffix: str, content: bytes, archive: Path) -> dict[str, Any]:
    """Return what a text or an object beside a recording says of it."""
    try:
        if suffix in (".txt", ".text", ".transcript"):
            return {"text": content.decode("utf-8-sig").strip()}
        found = parse_json(content) if suffix == ".json" else None
    except ValueError as error:
        raise ManifestError(f"its member {name!r} cannot be read: {error}", path=archive) from None
    return named_values(found) if isinstance(found, dict) else {}


def _item(
    key: str, audio: tuple[str, bytes] | None, values: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]
) -> Iterator[_Item]:
    if audio is not None:
        yield _Item(key.removeprefix("./").replace("/", "_"), *audio, [{**values, **line} for line in lines or [{}]])


def _nemo_manifests(folder: Path) -> list[Path]:
    found = sorted([*folder.glob("*manifest*.json"), *folder.glob("*manifest*.jsonl")])
    return [path for path in found if not path.name.startswith(".")]


def _nemo_lines(archive: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the lines of NeMo's manifests beside an archive, by the name of the member.

    A long recording has a line for each part; those after the first call it ``NAME-sub1``. The same name may be in
    several shards, which lines tell apart by the number of the shard.
    """
    number = re.search(r"(\d+)(?:-of-\d+)?\D*$", archive.name)
    found: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}  # by name, then by shard and place
    for path in _nemo_manifests(archive.parent):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = parse_json(line) if line.strip() else {}
            if isinstance(row, dict) and "audio_filepath" in row:
                values, name = named_values(row), str(row["audio_filepath"])
                if row.get("offset") is not None:
                    values |= {key: row[key] for key in ("offset", "duration") if key in row}
                    name = re.sub(r"-sub\d+(?=\.[^.]+$)", "", name)
                found.setdefault(name, {})[str(row.get("shard_id")), str(row.get("offset"))] = values
    lines = dict[str, list[dict[str, Any]]]()
    for name, told in found.items():
        shards = {shard for shard, _ in told}
        shard = str(int(number[1])) if number and len(shards) > 1 else next(iter(shards))
        lines[name] = [values for (of_shard, _), values in told.items() if of_shard == shard]
    return lines


def _of_parquet(archive: Path) -> Iterator[_Item]:
    with needed("parquet files", "pyarrow"):
        from pyarrow import ArrowException, parquet
    try:
        file = parquet.ParquetFile(archive)
        groups = map(file.metadata.row_group, range(file.num_row_groups))
        if sum(group.total_byte_size for group in groups) > _most_bytes(archive):
            raise ManifestError(f"unpacks to over {_MOST_UNPACKED} times its size, as no corpus does", path=archive)
        for batch in file.iter_batches(_ROWS):
            for row in batch.to_pylist():
                audio = next((v for v in row.values() if isinstance(v, dict) and "bytes" in v), dict[str, Any]())
                values = named_values({key: value for key, value in row.items() if value is not audio})
                path = PurePosixPath(str(audio.get("path") or ""))
                suffix = path.suffix.lower() if path.suffix.lower() in AUDIO_SUFFIXES else ".wav"
                name = str(values.get("utterance_id") or path.stem or archive.stem)
                yield _Item(name, suffix, audio.get("bytes") or b"", [values])
    except ArrowException as error:
        raise ManifestError(f"cannot be read: {' '.join(str(error).split())}", path=archive) from None
