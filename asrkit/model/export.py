"""Pass a trained model on: a clean bundle, or its ONNX graph alone, checked against where it came from."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asrkit.errors import BundleError, MissingPathError
from asrkit.model.bundle import Bundle, save_bundle
from asrkit.model.folder import DESCRIPTION, GRAPH, PARTS, require_place, room_for
from asrkit.model.inference import Emitter
from asrkit.writing import copy_whole

# Utterances of these lengths, in frames, are compared; their features are random.
_CHECKED_FRAMES = (1, 37, 200, 613)


@dataclass(frozen=True)
class ExportReport:
    """What an export amounts to.

    Attributes:
        size_bytes: Of all files written.
        largest_difference: Largest absolute difference of a log-probability from the source's.
    """

    size_bytes: int
    largest_difference: float


def export_bundle(
    bundle: Bundle,
    output: Path,
    *,
    half: bool = False,
    compact: bool = False,
    lm: Path | None = None,
    card: Mapping[str, Any] | None = None,
) -> ExportReport:
    """Write a bundle's parts, and nothing of its training run, to another place.

    Args:
        bundle: The source.
        output: A folder, or a file ending in ``.onnx`` for the graph alone.
        half: Store weights as float16.
        compact: Leave the graph out of a bundle: it is made from the weights at loading.
        lm: A language model to come with the bundle; default: the one that came with the source.
        card: Entries of the model card to add or replace, such as ``license`` or ``results``.

    Raises:
        BundleError: The folder holds a run or something else, or the source's weights are missing.
        MissingPathError: There is no such language model.
    """
    is_graph = output.suffix == ".onnx"
    if is_graph and (compact or lm is not None):
        raise BundleError("a graph alone holds no language model and cannot leave itself out", path=output)
    lm = lm or bundle.language_model
    if lm is not None and not lm.is_file():
        raise MissingPathError("no such language model", path=lm)
    if not is_graph:
        require_place(output)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=room_for(output)) as staging:
        copy = save_bundle(
            Path(staging) / "bundle",
            alphabet=bundle.alphabet,
            units=bundle.units,
            features=bundle.features,
            model=bundle.model,
            weights=bundle.weights(),
            decoding=bundle.decoding,
            tuned=bundle.tuned,
            calibration=bundle.calibration,
            normalizer=bundle.normalizer,
            language=bundle.language,
            card={"name": bundle.name, **bundle.card, **(card or {})},
            half=half,
        )
        difference = largest_difference(bundle, copy)
        if is_graph:
            copy_whole(copy.path / GRAPH, output)
            files = [output]
        else:
            if compact:
                (copy.path / GRAPH).unlink()
            if lm is not None:
                shutil.copyfile(lm, copy.path / f"language_model{language_model_suffix(lm)}")
            files = _replace_bundle(copy.path, output)
    return ExportReport(sum(file.stat().st_size for file in files), difference)


def language_model_suffix(lm: Path) -> str:
    """Return the suffix that tells a language model's format, such as ``.bin`` or ``.arpa.gz``."""
    compressed = lm.suffix in (".gz", ".xz", ".bz2", ".zst")
    return lm.with_suffix("").suffix + lm.suffix if compressed else lm.suffix


def _replace_bundle(source: Path, target: Path) -> list[Path]:
    """Move the files of a bundle over another one's; the description comes last, as it says that all are there."""
    target.mkdir(exist_ok=True)
    names = sorted((path.name for path in source.iterdir()), key=lambda name: (name == DESCRIPTION, name))
    for old in target.iterdir():
        if old.name not in names and (old.name in PARTS or old.name.startswith("language_model.")):
            old.unlink()
    for name in names:
        (source / name).replace(target / name)
    return [target / name for name in names]


def largest_difference(first: Bundle, second: Bundle) -> float:
    """Return the largest absolute difference of log-probabilities of two models on the same random features."""
    rng = np.random.default_rng(0)
    shape = first.features.num_bins
    features = [rng.standard_normal((frames, shape)).astype(np.float32) for frames in _CHECKED_FRAMES]
    pairs = zip(Emitter(first).emissions(features), Emitter(second).emissions(features), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)
