"""Make a smaller and faster network of a trained one.

    python scripts/compress_model.py MODEL MANIFEST -o FOLDER [--bottleneck 256] [--kernel 7 7]

What a layer computes is kept as well as the smaller one can, on recordings of MANIFEST. The inputs' kernel of each
recurrent layer, both directions in one, becomes a product of two (``model.bottleneck_units``): the singular values that
are kept are those of what it answers, not its own (as in Prabhavalkar et al. 2016, arXiv 1603.08042, but for that). The
last convolution's kernel becomes a smaller one by least squares on what the larger one answers. The result needs new
settings of the search (``asrkit lm tune``), and ``asrkit train --from FOLDER`` may train on from there.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asrkit.config import ModelConfig
from asrkit.data import read_manifest
from asrkit.errors import AsrkitError, BundleError, ConfigError
from asrkit.features import extract_features
from asrkit.model.bundle import Bundle, save_bundle
from asrkit.model.folder import require_place
from asrkit.model.inference import open_session
from asrkit.model.lengths import padding
from asrkit.model.shapes import cell_names

Weights = dict[str, npt.NDArray[np.float32]]
FloatArray = npt.NDArray[np.float32]
_PLACES = 400  # of one recording at which the convolution is looked at
_RECURRENT = ("GRU", "LSTM", "RNN")


def heard(bundle: Bundle, manifest: Path, count: int) -> list[FloatArray]:
    """Return the features of some utterances, the same ones each time."""
    utterances = read_manifest(manifest)
    some = random.Random(1).sample(utterances, min(count, len(utterances)))
    return [extract_features(one.waveform(bundle.features.sample_rate_hz), bundle.features) for one in some]


class Watched:
    """A network whose convolutions and recurrent layers can be looked into."""

    def __init__(self, bundle: Bundle) -> None:
        import onnx

        model = onnx.load_model_from_string(bundle.made_graph())
        self.recurrent = [node.input[0] for node in model.graph.node if node.op_type in _RECURRENT]
        last = [node for node in model.graph.node if node.op_type == "Conv"][len(bundle.model.conv_layers) - 1]
        self.convolution = (last.input[0], last.output[0])
        for name in (*self.recurrent, *self.convolution):
            model.graph.output.append(onnx.ValueInfoProto(name=name))
        self._session = open_session(model.SerializeToString())

    def look(self, names: tuple[str, ...], features: list[FloatArray]) -> Iterator[list[Any]]:
        """Yield what flows there, one utterance after the other."""
        for one in features:
            yield self._session.run(names, {"features": one[None], "frames": np.array([len(one)], np.int32)})


def narrow_kernels(
    watched: Watched, features: list[FloatArray], weights: Weights, config: ModelConfig, units: int
) -> None:
    """Make two of each recurrent layer's kernel for the inputs, in place."""
    sums: list[Any] = [0.0] * len(watched.recurrent)
    squares, steps = list(sums), 0
    for flows in watched.look(tuple(watched.recurrent), features):
        for index, flow in enumerate(flows):
            x = flow[:, 0].astype(np.float64)
            sums[index], squares[index] = sums[index] + x.sum(0), squares[index] + x.T @ x
        steps += len(flows[0])
    for index, (total, square) in enumerate(zip(sums, squares, strict=True)):
        mean = total / steps
        values, vectors = np.linalg.eigh(square / steps - np.outer(mean, mean))
        spread = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
        cells = cell_names(config, index)
        kernel = np.concatenate([weights[f"{cell}/kernel"] for cell in cells], axis=1).astype(np.float64)
        _, sizes, outputs = np.linalg.svd(spread @ kernel, full_matrices=False)
        if len(sizes) <= units:
            raise ConfigError(f"a bottleneck must be narrower than layer {index}'s {len(sizes)} inputs, not {units}")
        into, out = kernel @ outputs[:units].T, outputs[:units]
        scale = np.sqrt(np.linalg.norm(into, axis=0))[:, None]  # as much in the one as in the other
        into, out = into / scale.T, out * scale
        lost = mean @ (kernel - into @ out)
        weights[f"bottleneck_{index}/kernel"] = into.astype(np.float32)
        for cell, part, missing in zip(cells, np.split(out, len(cells), 1), np.split(lost, len(cells)), strict=True):
            weights[f"{cell}/kernel"] = part.astype(np.float32)
            bias = weights[f"{cell}/bias"] = weights[f"{cell}/bias"].copy()
            bias.reshape(-1, len(missing))[0] += missing  # a GRU has another one for its states
        kept = (sizes[:units] ** 2).sum() / (sizes**2).sum()
        print(f"recurrent layer {index}: {kernel.size:,} weights become {into.size + out.size:,}; {kept:.1%} is kept")


def shrink_kernel(
    watched: Watched, features: list[FloatArray], weights: Weights, config: ModelConfig, size: tuple[int, int]
) -> None:
    """Give the last convolution a kernel of that many frames and bins, in place."""
    index, layer = len(config.conv_layers) - 1, config.conv_layers[-1]
    former = (layer.kernel_frames, layer.kernel_bins)
    if any(new > old or (old - new) % 2 for new, old in zip(size, former, strict=True)):
        raise ConfigError(f"a kernel of {former} can lose as much on both sides, which {size} does not")
    name = f"conv_{index}"
    variance, gamma, beta = (
        weights[f"{name}/normalization/{of}"].astype(np.float64) for of in ("moving_variance", "gamma", "beta")
    )
    scale = gamma / np.sqrt(variance + 1e-3)
    rng = np.random.default_rng(1)
    inner, cross, total, square, count = 0.0, 0.0, 0.0, 0.0, 0
    for before, after in watched.look(watched.convolution, features):
        padded = np.pad(before[0], [(0, 0), *map(padding, size)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, size, axis=(1, 2))
        windows = windows[:, :: layer.stride_frames, :: layer.stride_bins]
        steps, bins = (rng.integers(0, most, _PLACES) for most in after.shape[2:])
        patches = windows[:, steps, bins].swapaxes(0, 1).reshape(_PLACES, -1).astype(np.float64)
        patches = np.concatenate([patches, np.ones((_PLACES, 1))], axis=1)
        targets = after[0][:, steps, bins].T / scale  # of the kernel alone, up to a constant
        inner, cross = inner + patches.T @ patches, cross + patches.T @ targets
        total, square, count = total + targets.sum(0), square + (targets**2).sum(0), count + _PLACES
    solved = np.linalg.solve(inner + np.eye(len(inner)) * 1e-5 * count, cross)
    missed = square - 2 * (solved * cross).sum(0) + (solved * (inner @ solved)).sum(0)
    print(f"the last convolution: {1 - missed.sum() / (square - total**2 / count).sum():.1%} is kept")
    channels = weights[f"{name}/convolution/kernel"].shape[2]
    kernel = solved[:-1].reshape(channels, *size, -1).transpose(1, 2, 0, 3)
    weights[f"{name}/convolution/kernel"] = kernel.astype(np.float32)
    # the constant found is what normalization subtracts and adds: beta / scale - mean of the larger kernel
    weights[f"{name}/normalization/moving_mean"] = (beta / scale - solved[-1]).astype(np.float32)


def compressed(
    bundle: Bundle, features: list[FloatArray], units: int, size: tuple[int, int]
) -> tuple[Weights, ModelConfig]:
    """Return the weights and the sizes of the smaller network; 0 units, or a kernel of 0, leave that part alone.

    Raises:
        ConfigError: It would not be smaller.
    """
    watched, weights, config = Watched(bundle), bundle.weights(), bundle.model
    if units:
        if config.bottleneck_units:
            raise ConfigError(f"the model has a bottleneck of {config.bottleneck_units} units already")
        narrow_kernels(watched, features, weights, config, units)
    if any(size):
        shrink_kernel(watched, features, weights, config, size)
        last = config.conv_layers[-1].replace(kernel_frames=size[0], kernel_bins=size[1])
        config = config.replace(conv_layers=(*config.conv_layers[:-1], last))
    return weights, config.replace(bottleneck_units=units or config.bottleneck_units)


def require_sense(units: int, size: tuple[int, int], count: int) -> None:
    """Refuse what cannot be wanted, before anything is heard.

    Raises:
        ConfigError: A number is too small, or nothing is to become smaller.
    """
    if count < 1:
        raise ConfigError(f"--utterances {count}: there is nothing to look at; give 1 or more")
    if units < 0:
        raise ConfigError(f"--bottleneck {units}: give 1 unit or more")
    if any(size) and min(size) < 1:
        raise ConfigError(f"--kernel {size[0]} {size[1]}: give 1 frame and 1 bin or more")
    if not units and not any(size):
        raise ConfigError("nothing is to become smaller; give --bottleneck, --kernel or both")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--bottleneck", type=int, default=0, metavar="UNITS", help="of each recurrent layer's inputs")
    parser.add_argument("--kernel", type=int, nargs=2, default=(0, 0), metavar=("FRAMES", "BINS"))
    parser.add_argument("--utterances", type=int, default=200, help="to look at")
    arguments = parser.parse_args()
    try:
        bundle = Bundle.load(arguments.model)
        if bundle.network is None:
            raise BundleError("is imported; only a network of asrkit's own has sizes to change", path=bundle.path)
        require_place(arguments.output, bundle.path)
        units, size = arguments.bottleneck, tuple(arguments.kernel)
        require_sense(units, size, arguments.utterances)
        features = heard(bundle, arguments.manifest, arguments.utterances)
        weights, config = compressed(bundle, features, units, size)
        save_bundle(
            arguments.output,
            alphabet=bundle.alphabet,
            units=bundle.units,
            features=bundle.features,
            model=config,
            weights=weights,
            normalizer=bundle.normalizer,
            language=bundle.language,
            card={"name": arguments.output.name, "compressed": bundle.name},
        )
    except (AsrkitError, OSError) as error:
        raise SystemExit(f"compress_model: {error}") from None


if __name__ == "__main__":
    main()
