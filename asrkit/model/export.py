"""Pass a trained model on: a clean bundle, or its ONNX graph alone, checked against where it came from."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asrkit.errors import BundleError
from asrkit.model.bundle import PARTS, Bundle, save_bundle
from asrkit.model.inference import Emitter

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


def export_bundle(bundle: Bundle, output: Path, *, half: bool = False) -> ExportReport:
    """Write a bundle's parts, and nothing of its training run, to another place.

    Args:
        bundle: The source.
        output: A folder, or a file ending in ``.onnx`` for the graph alone.
        half: Store weights as float16.

    Raises:
        BundleError: The folder holds something else, or the source's weights are missing.
    """
    is_graph = output.suffix == ".onnx"
    if not is_graph and output.exists() and any(output.iterdir()) and not (output / "bundle.json").exists():
        raise BundleError("the folder holds other things; name an empty or a new one", path=output)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=output.parent) as staging:
        copy = save_bundle(
            Path(staging) / "bundle",
            alphabet=bundle.alphabet,
            features=bundle.features,
            model=bundle.model,
            weights=bundle.weights(),
            decoding=bundle.decoding,
            card={"name": bundle.name, **bundle.card},
            half=half,
        )
        difference = largest_difference(bundle, copy)
        if is_graph:
            (copy.path / "model.onnx").replace(output)
        else:
            output.mkdir(exist_ok=True)
            for part in PARTS:
                shutil.move(copy.path / part, output / part)
    files = [output] if is_graph else [output / part for part in PARTS]
    return ExportReport(sum(file.stat().st_size for file in files), difference)


def largest_difference(first: Bundle, second: Bundle) -> float:
    """Return the largest absolute difference of log-probabilities of two models on the same random features."""
    rng = np.random.default_rng(0)
    shape = first.features.num_bins
    features = [rng.standard_normal((frames, shape)).astype(np.float32) for frames in _CHECKED_FRAMES]
    pairs = zip(Emitter(first).emissions(features), Emitter(second).emissions(features), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)
