"""The script that makes a smaller network: what it can keep whole it keeps, and it makes nothing larger."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from random_bundle import FEATURES, MODEL, random_bundle
from rich.console import Console

from asrkit.model.bundle import Bundle, save_bundle
from asrkit.model.inference import Emitter
from asrkit.report.model_card import model_table

SCRIPT = Path(__file__).parent.parent / "scripts" / "compress_model.py"


def compress(model: Path, manifest: Path, *options: str, output: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, model, manifest, *options, "-o", output]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, random = tmp_path_factory.mktemp("heard"), np.random.default_rng(3)
    lines = ["id\tpath\ttext"]
    for index in range(5):
        swell = np.abs(np.sin(np.linspace(0, 9 + index, 8_000)))
        soundfile.write(folder / f"{index}.wav", random.normal(0, 0.1, 8_000) * swell, 8_000)
        lines.append(f"{index}\t{index}.wav\tabc")
    (folder / "set.tsv").write_text("\n".join(lines) + "\n")
    return folder / "set.tsv"


def planted(folder: Path) -> Bundle:
    """Write a bundle whose kernel for the inputs has rank 3, and whose convolution has an empty rim."""
    source, random = random_bundle(folder / "source"), np.random.default_rng(5)
    weights = source.weights()
    into = random.normal(0, 0.5, (16, 3))
    for direction in ("forward", "backward"):
        cell = f"rnn_0/{direction}_rnn_0/gru_cell"
        weights[f"{cell}/kernel"] = (into @ random.normal(0, 0.5, (3, 36))).astype(np.float32)
        weights[f"{cell}/bias"] = random.normal(0, 0.5, (2, 36)).astype(np.float32)
    kernel = weights["conv_0/convolution/kernel"]
    kernel[[0, -1]] = kernel[:, [0, -1]] = 0.0
    for of, (low, high) in {"gamma": (0.5, 2), "beta": (-1, 1), "moving_mean": (-1, 1)}.items():
        weights[f"conv_0/normalization/{of}"] = random.uniform(low, high, 4).astype(np.float32)
    return save_bundle(
        folder / "planted", alphabet=source.alphabet, weights=weights, features=FEATURES, model=MODEL, decoding={}
    )


def difference(one: Bundle, other: Bundle) -> float:
    """Return the largest difference of a log-probability; they go down to -20."""
    features = [np.random.default_rng(7).normal(0, 1, (90, 16)).astype(np.float32)]
    (ours,), (theirs,) = Emitter(one).emissions(features), Emitter(other).emissions(features)
    return float(np.abs(ours - theirs).max())


@pytest.mark.parametrize("options", ["--bottleneck 3", "--kernel 3 3", "--bottleneck 3 --kernel 3 5"])
def test_what_has_room_in_the_smaller_network_is_kept_whole(options: str, manifest: Path, tmp_path: Path) -> None:
    before = planted(tmp_path)
    done = compress(before.path, manifest, *options.split(), output=tmp_path / "small")
    assert done.returncode == 0, done.stderr
    assert "100.0% is kept" in done.stdout
    after = Bundle.load(tmp_path / "small")
    assert sum(w.size for w in after.weights().values()) < sum(w.size for w in before.weights().values())
    assert difference(before, after) < 1e-2
    assert after.card["compressed"] == "planted"


def test_what_flows_through_a_layer_says_which_part_of_it_is_kept(manifest: Path, tmp_path: Path) -> None:
    """A kernel that is large for inputs that hardly vary: its own singular values would keep just that."""
    bundle = planted(tmp_path)
    weights = bundle.weights()
    weights["conv_0/normalization/gamma"] *= np.array([1, 1, 1, 1e-3], np.float32)
    weights["conv_0/normalization/beta"][3] = 2.0
    random = np.random.default_rng(9)
    for direction in ("forward", "backward"):
        kernel = random.normal(0, 0.5, (16, 36))
        kernel[3::4] *= 30.0  # the fourth channel of each bin
        weights[f"rnn_0/{direction}_rnn_0/gru_cell/kernel"] = kernel.astype(np.float32)
    odd = save_bundle(tmp_path / "odd", alphabet=bundle.alphabet, weights=weights, features=FEATURES, model=MODEL)
    done = compress(odd.path, manifest, "--bottleneck", "12", output=tmp_path / "small")
    assert "100.0% is kept" in done.stdout, done.stdout + done.stderr
    assert difference(odd, Bundle.load(tmp_path / "small")) < 0.3


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("--kernel 7 3", "a kernel of (5, 5) can lose as much on both sides, which (7, 3) does not"),
        ("--kernel 4 5", "a kernel of (5, 5) can lose as much on both sides, which (4, 5) does not"),
        ("--bottleneck 16", "a bottleneck must be narrower than layer 0's 16 inputs, not 16"),
        ("--bottleneck -3", "--bottleneck -3: give 1 unit or more"),
        ("--kernel -1 -1", "--kernel -1 -1: give 1 frame and 1 bin or more"),
        ("--kernel 3 0", "--kernel 3 0: give 1 frame and 1 bin or more"),
        ("--bottleneck 3 --utterances 0", "--utterances 0: there is nothing to look at; give 1 or more"),
        ("--bottleneck 3 --utterances -1", "--utterances -1: there is nothing to look at; give 1 or more"),
        ("", "nothing is to become smaller; give --bottleneck, --kernel or both"),
    ],
)
def test_what_makes_nothing_smaller_is_refused_in_one_line(
    options: str, reason: str, manifest: Path, tmp_path: Path
) -> None:
    bundle = random_bundle(tmp_path / "bundle")
    done = compress(bundle.path, manifest, *options.split(), output=tmp_path / "small")
    assert done.returncode == 1
    assert done.stderr == f"compress_model: {reason}\n"
    assert not (tmp_path / "small").exists()


def test_the_card_tells_of_a_bottleneck_and_a_second_one_is_refused(manifest: Path, tmp_path: Path) -> None:
    bundle = planted(tmp_path)
    assert compress(bundle.path, manifest, "--bottleneck", "4", output=tmp_path / "once").returncode == 0
    shown = io.StringIO()
    Console(file=shown, width=200).print(model_table(Bundle.load(tmp_path / "once")))
    assert "1 conv, 1 x gru 12 through 4 linear units, bidirectional" in shown.getvalue()
    done = compress(tmp_path / "once", manifest, "--bottleneck", "3", output=tmp_path / "twice")
    assert done.stderr == "compress_model: the model has a bottleneck of 4 units already\n"


def test_a_model_is_not_replaced_by_its_smaller_one(manifest: Path, tmp_path: Path) -> None:
    bundle = planted(tmp_path)
    done = compress(bundle.path, manifest, "--bottleneck", "4", output=bundle.path)
    assert done.stderr == (
        f"compress_model: {bundle.path}: the model there is what the new one is made of; name another folder\n"
    )
