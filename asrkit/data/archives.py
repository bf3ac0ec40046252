"""Corpora with the audio inside: tar shards of webdataset and NeMo, parquet files of Hugging Face, unpacked once."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from asrkit.audio import AUDIO_SUFFIXES
from asrkit.data.download import ModestMember
from asrkit.data.layouts import LAYOUTS
from asrkit.data.tables import named_values
from asrkit.errors import ManifestError, MissingPathError
from asrkit.packages import needed
from asrkit.reading import UNPACKING_ERRORS, parse_json
from asrkit.writing import written_whole

_TARS = (".tar", ".tar.gz", ".tgz")
_MAX_AUDIO_BYTES = 1 << 30
# Recordings shrink to a half or so. What unpacks to much more than that fills memory and disk on purpose.
_MOST_UNPACKED = 50
_FREE_BYTES = 1 << 26
_MAX_TEXT_BYTES = 16 << 20
_ROWS = 8  # of a parquet file in memory


@dataclass
class _Item:
    """One utterance of an archive."""

    key: str
    suffix: str
    audio: bytes
    values: Mapping[str, Any]


def archives_of(source: Path) -> list[Path]:
    """Return the archives that a source consists of: itself, or those of a folder; none for any other corpus."""
    if source.is_dir():
        is_read = any(layout.matches(source) for layout in LAYOUTS)
        return [] if is_read else sorted(path for path in source.rglob("*") if _kind(path))
    return [source] if _kind(source) else []


def unpack(source: Path, folder: Path) -> Path:
    """Write the recordings of archives into a folder and return its manifest; what is complete is not done again.

    The source is a tar shard, a parquet file, or a folder of them; NeMo's manifest may lie beside its shards.
    Recordings are numbered.

    Raises:
        MissingPathError: There is no such source.
        ManifestError: An archive cannot be read, or holds no audio.
        MissingPackageError: Parquet needs pyarrow.
    """
    if not source.exists():
        raise MissingPathError("no such archive", path=source)
    manifest = folder / "manifest.jsonl"
    if manifest.is_file():
        return manifest
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    with written_whole(manifest) as file:
        for archive in archives_of(source):
            left = _most_bytes(archive)
            for item in _items(archive):
                count += 1
                left -= len(item.audio)
                if left < 0:
                    raise ManifestError(
                        f"unpacks to over {_MOST_UNPACKED} times its size, as no corpus does", path=archive
                    )
                name = f"{count:07}{item.suffix}"
                with written_whole(folder / name) as recording:
                    recording.write(item.audio)
                row = {"utterance_id": "-".join(item.key.split()), **item.values, "audio_filepath": name}
                file.write(f"{json.dumps(row, ensure_ascii=False)}\n".encode())
        if not count:
            raise ManifestError("holds no audio with texts", path=source)
    return manifest


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
    """Yield what belongs together: members with one name before the first dot, or a line of NeMo's manifest."""
    told = _nemo_texts(archive.parent)
    key, audio, values = "", None, dict[str, Any]()
    with tarfile.open(archive, tarinfo=ModestMember) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            stem, dot, suffix = path.name.partition(".")
            suffix = f"{dot}{suffix}".lower()
            if not member.isfile():
                continue
            if str(path.parent / stem) != key:
                yield from _item(key, audio, values)
                key, audio, values = str(path.parent / stem), None, {}
            is_audio = PurePosixPath(suffix).suffix in AUDIO_SUFFIXES or suffix in AUDIO_SUFFIXES
            if member.size > min(_most_bytes(archive), _MAX_AUDIO_BYTES if is_audio else _MAX_TEXT_BYTES):
                raise ManifestError(f"its member {member.name!r} is too large", path=archive)
            file = tar.extractfile(member)
            content = b"" if file is None else file.read()
            if is_audio:
                audio = (PurePosixPath(suffix).suffix or suffix, content)
                values |= told.get(member.name) or told.get(path.name) or {}
            elif suffix == ".json":
                found = parse_json(content)
                values |= named_values(found) if isinstance(found, dict) else {}
            elif suffix in (".txt", ".text", ".transcript"):
                values["text"] = content.decode("utf-8-sig").strip()
        yield from _item(key, audio, values)


def _item(key: str, audio: tuple[str, bytes] | None, values: Mapping[str, Any]) -> Iterator[_Item]:
    if audio is not None and values.get("text"):
        yield _Item(key.removeprefix("./").replace("/", "_"), *audio, values)


def _nemo_texts(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the lines of NeMo's manifests of tarred audio, by the name of the member."""
    told: dict[str, dict[str, Any]] = {}
    for path in sorted([*folder.glob("*manifest*.json"), *folder.glob("*manifest*.jsonl")]):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = parse_json(line) if line.strip() else {}
            if isinstance(row, dict) and "audio_filepath" in row:
                told[str(row["audio_filepath"])] = named_values(row)
    return told


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
                audio = next((v for v in row.values() if isinstance(v, dict) and v.get("bytes")), None)
                values = named_values({key: value for key, value in row.items() if value is not audio})
                if audio is not None and values.get("text"):
                    path = PurePosixPath(str(audio.get("path") or ""))
                    suffix = path.suffix.lower() if path.suffix.lower() in AUDIO_SUFFIXES else ".wav"
                    yield _Item(str(values.get("utterance_id") or path.stem or "row"), suffix, audio["bytes"], values)
    except ArrowException as error:
        raise ManifestError(f"cannot be read: {' '.join(str(error).split())}", path=archive) from None
