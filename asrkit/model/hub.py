"""Models on the Hugging Face hub: what an import needs of one, and nothing else of it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from asrkit.config import cache_folder
from asrkit.errors import BundleError, DownloadError
from asrkit.packages import needed

PREFIX = "hf:"
_PLACE = re.compile(r"hf:([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")
_SMALL = (".json", ".txt", ".md", ".yaml")
_MOST_SMALL_BYTES = 64 << 20
_MOST_BYTES = 16 << 30  # of everything together
_GRAPHS = ("onnx/model.onnx", "model.onnx", "model.int8.onnx")
_DATA = ("_data", ".data")


def fetch_model(place: str, *, tell: Callable[[str], None] = lambda text: None) -> tuple[Path, dict[str, Any]]:
    """Copy a model's graph, labels and settings into the cache.

    Args:
        place: ``hf:owner/name`` or ``hf:owner/name@revision``.
        tell: Told what is copied.

    Returns:
        The folder, and what to note of where it came from.

    Raises:
        MissingPackageError: huggingface_hub is not installed.
        BundleError: There is no graph in it.
        DownloadError: It cannot be copied, or is too large.
    """
    match = _PLACE.fullmatch(place)
    if match is None:
        raise BundleError(f"{place!r} is not hf:owner/name or hf:owner/name@revision")
    with needed("copying a model from the Hugging Face hub", "huggingface_hub"):
        import huggingface_hub
    name, wanted = match.groups()
    try:
        info = huggingface_hub.HfApi().model_info(name, revision=wanted, files_metadata=True)
        sizes = {file.rfilename: int(file.size or 0) for file in info.siblings or ()}
        files = _chosen(sizes, name)
        folder = cache_folder() / "hub" / name.replace("/", "--") / str(info.sha)
        license_name = (info.card_data or {}).get("license", "none named")
        tell(
            f"copying {len(files)} files, {sum(sizes[f] for f in files) / 1e6:,.0f} MB, of {name} at {info.sha}; "
            f"license: {license_name}"
        )
        for file in files:
            copied = huggingface_hub.hf_hub_download(name, file, revision=info.sha, local_dir=folder)
            if Path(copied).stat().st_size != sizes[file]:
                raise DownloadError("is not of the size that was announced; try again", path=copied)
    except (DownloadError, BundleError):
        raise
    except Exception as error:  # of httpx, requests or the hub, as its version has it
        raise DownloadError(f"cannot be copied: {' '.join(str(error).split())[:300]}", path=place) from None
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    return folder, {"source": f"{PREFIX}{name}@{info.sha}", "license": license_name}


def _chosen(sizes: dict[str, int], name: str) -> list[str]:
    """Return the files to copy: one graph with its data, what is small, and a language model."""
    unsafe = [file for file in sizes if PurePosixPath(file).is_absolute() or ".." in PurePosixPath(file).parts]
    if unsafe:
        raise DownloadError(f"names a file outside its folder: {unsafe[0]!r}; refusing it", path=name)
    graphs = [file for file in sizes if file.endswith(".onnx")]
    graph = next((file for file in _GRAPHS if file in graphs), graphs[0] if len(graphs) == 1 else None)
    if graph is None:
        found = ", ".join(sorted(graphs)[:5])
        hint = (
            f"it has several graphs ({found}); copy one and import that"
            if found
            else f"it has no ONNX graph; optimum-cli export onnx --task automatic-speech-recognition --model {name} "
            "FOLDER, then: asrkit model import FOLDER"
        )
        raise BundleError(hint, path=name)
    small = [f for f, size in sizes.items() if f.endswith(_SMALL) and "/" not in f and size <= _MOST_SMALL_BYTES]
    models = [f for f in sizes if f.startswith("language_model/") and f.endswith((".bin", ".arpa", ".gz", ".json"))]
    chosen = [graph, *(f for suffix in _DATA if (f := graph + suffix) in sizes), *small, *models]
    if (total := sum(sizes[file] for file in chosen)) > _MOST_BYTES:
        raise DownloadError(f"is {total / 1e9:.0f} GB large; refusing it", path=name)
    return chosen
