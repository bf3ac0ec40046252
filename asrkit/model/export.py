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
from asrkit.model.folder import GRAPH, require_place, staged
from asrkit.model.inference import Emitter
from asrkit.writing import copy_whole

# Utterances of these lengths, in frames, are compared; their features are random.
_CHECKED_FRAMES = (1, 37, 200, 613)


@dataclass(frozen=True)
class ExportReport:
    """What an export amounts to."""

    size_bytes: int  # of all files written
    largest_difference: float  # the largest absolute one of a log-probability from the source's


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
    with tempfile.TemporaryDirectory(prefix=".export-") if is_graph else staged(output, whole=True) as staging:
        copy = save_bundle(
            staging,
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
            return ExportReport(output.stat().st_size, difference)
        if compact:
            (copy.path / GRAPH).unlink()
        if lm is not None:
            carry_language_model(lm, copy.path)
        size = sum(file.stat().st_size for file in copy.path.iterdir())
    return ExportReport(size, difference)


def carry_language_model(lm: Path, folder: Path) -> None:
    """Copy a language model into a bundle; its suffix, such as ``.bin`` or ``.arpa.gz``, tells the format."""
    compressed = lm.suffix in (".gz", ".xz", ".bz2", ".zst")
    suffix = lm.with_suffix("").suffix + lm.suffix if compressed else lm.suffix
    shutil.copyfile(lm, folder / f"language_model{suffix}")


def largest_difference(first: Bundle, second: Bundle) -> float:
    """Return the largest absolute difference of log-probabilities of two models on the same random features."""
    rng = np.random.default_rng(0)
    shape = first.features.num_bins
    features = [rng.standard_normal((frames, shape)).astype(np.float32) for frames in _CHECKED_FRAMES]
    pairs = zip(Emitter(first).emissions(features), Emitter(second).emissions(features), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)
