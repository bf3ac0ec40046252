"""The files of a bundle's folder: which they are, how they are read without trust, and put in place as one."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asrkit.errors import BundleError
from asrkit.reading import open_npz, parse_json, read_bounded, require_plain
from asrkit.text.units import LEXICON, PIECES
from asrkit.writing import sync, sync_folder, write_whole

# Version 2 brought the normalizer, units, and models made elsewhere; what a bundle does not say is as it was before.
FORMAT_VERSION = 2
# bundle.json comes last wherever parts are put in place: its presence says that the others are there.
GRAPH, WEIGHTS, DESCRIPTION = "model.onnx", "weights.npz", "bundle.json"
PARTS = (WEIGHTS, GRAPH, LEXICON, PIECES, DESCRIPTION)  # not all of them in each bundle
CHECKPOINT = "checkpoint.npz"  # no part, but beside those of a run that may go on
EXTERNAL_SUFFIXES = (".data", "_data", ".weights")  # of files of tensors beside a graph
_MAX_JSON_BYTES = 4 << 20
_MAX_ARRAY_BYTES = 4 << 30
_MAX_ARRAYS = 10_000


@contextmanager
def staged(path: Path, *, whole: bool = False) -> Iterator[Path]:
    """Give an empty folder for the parts of a bundle, which is put in place in the end.

    Where ``whole``, they are all of it: a language model that stands there does not stay.

    Raises:
        BundleError: There can be no such folder.
        OSError: The disk is full.
    """
    room = path if path.is_dir() else path.parent  # parts are renamed, and a bundle's own may be another disk
    try:
        room.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=room))
    except OSError as error:
        raise BundleError(f"no folder can be made there: {error.strerror or error}", path=path) from None
    try:
        yield staging
        for part in staging.iterdir():
            with part.open("rb+") as file:
                sync(file)
        staging.chmod(0o755)
        _move_into_place(staging, path, whole)
    except OSError as error:
        if str(error.filename or staging).startswith(str(staging)):  # of a full disk
            error.filename = str(path)
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    sync_folder(path)
    sync_folder(path.parent)


def require_place(path: Path, *sources: Path) -> None:
    """Require that a bundle written to a folder replaces nothing but a bundle.

    Raises:
        BundleError: The folder holds a run or other things, or is one of the bundles that the new one is made of.
    """
    if path.resolve() in [source.resolve() for source in sources]:
        raise BundleError("the model there is what the new one is made of; name another folder", path=path)
    if (path / CHECKPOINT).exists():
        raise BundleError("the folder holds a training run, and its model stays; name another folder", path=path)
    # what is hidden, as the lock of a run that was killed before it began, is nobody's model
    others = path.exists() and any(not file.name.startswith(".") for file in path.iterdir())
    if others and not (path / DESCRIPTION).exists():
        raise BundleError("the folder holds other things; name an empty or a new one", path=path)


def write_description(staging: Path, description: Mapping[str, Any]) -> None:
    """Write ``bundle.json``."""
    whole = {"format": "asrkit-bundle", "format_version": FORMAT_VERSION, **description}
    write_whole(staging / DESCRIPTION, to_json(whole))


def external_files(path: Path) -> list[Path]:
    """Return the files of tensors beside the graph of a folder."""
    return sorted(file for file in path.iterdir() if file.name.endswith(EXTERNAL_SUFFIXES) and file.is_file())


def _move_into_place(staging: Path, path: Path, whole: bool) -> None:
    """Rename a finished folder, or, where one stands already, its parts one by one: bundle.json last."""
    if not path.exists():
        staging.rename(path)
        return
    names = {file.name for folder in (staging, path) for file in external_files(folder)}
    names |= {file.name for file in staging.iterdir()} - set(PARTS)  # a language model
    names |= {file.name for file in path.glob("language_model.*") if whole}
    for part in (*sorted(names), *PARTS):
        if (staging / part).exists():
            (staging / part).replace(path / part)
        else:
            (path / part).unlink(missing_ok=True)


def read_arrays(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Return the arrays of an ``.npz`` as float32, without unpickling anything.

    Raises:
        BundleError: The file is missing, too large, or holds anything but plain arrays.
    """
    try:
        with open_npz(path) as arrays:
            if arrays.num_bytes > _MAX_ARRAY_BYTES or len(arrays.names) > _MAX_ARRAYS:
                size = f"{arrays.num_bytes / 1e9:.1f} GB unpacked, {len(arrays.names):,} arrays:"
                raise BundleError(f"{size} more than a model has; refusing it", path=path)
            return {name: arrays.read(name).astype(np.float32) for name in arrays.names}
    except FileNotFoundError:
        raise BundleError(
            "weights.npz is missing; the bundle can transcribe but not be trained on", path=path
        ) from None
    except ValueError as error:
        raise BundleError(f"not a usable weights file: {error}", path=path) from None


def read_description(path: Path) -> dict[str, Any]:
    """Return what ``bundle.json`` says.

    Raises:
        BundleError: There is none, or none that can be read.
    """
    file = path / DESCRIPTION
    try:
        for part in PARTS:
            require_plain(path / part)
        description = parse_json(read_bounded(file, _MAX_JSON_BYTES).decode())
    except (FileNotFoundError, NotADirectoryError):
        hint = "to make one of a model from elsewhere: asrkit model import"
        raise BundleError(f"no bundle.json: this is not a model bundle; {hint}", path=path) from None
    except OSError as error:
        name = Path(error.filename or file).name
        raise BundleError(f"{name} cannot be read: {error.strerror or error}", path=path) from None
    except ValueError as error:
        raise BundleError(f"bundle.json cannot be read: {error}", path=path) from None
    if not isinstance(description, dict) or description.get("format") != "asrkit-bundle":
        raise BundleError("bundle.json does not describe an asrkit model", path=path)
    version = description.get("format_version")
    if type(version) is not int or version < 1:
        raise BundleError(f"unknown format version {version!r}", path=path)
    if version > FORMAT_VERSION:
        raise BundleError(
            f"format version {version} is newer than this asrkit reads ({FORMAT_VERSION}); upgrade asrkit", path=path
        )
    return description


def to_json(description: Mapping[str, Any]) -> str:
    """Return the text of ``bundle.json``."""
    # a card that comes from TOML may hold dates
    return json.dumps(description, indent=2, ensure_ascii=False, default=str) + "\n"
