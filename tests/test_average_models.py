"""The script that averages models: its weights are the mean, and only of what belongs together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from random_bundle import FEATURES, MODEL, random_bundle

from asrkit.model.bundle import Bundle

SCRIPT = Path(__file__).parent.parent / "scripts" / "average_models.py"


def average(*models: Path, output: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, *models, "-o", output]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_weight_is_the_mean_and_a_model_named_twice_counts_twice(tmp_path: Path) -> None:
    one, two = random_bundle(tmp_path / "one", 1), random_bundle(tmp_path / "two", 2)
    assert average(one.path, two.path, two.path, output=tmp_path / "mean").returncode == 0
    mean = Bundle.load(tmp_path / "mean")
    ours, theirs = one.weights(), two.weights()
    for name, values in mean.weights().items():
        np.testing.assert_allclose(values, (ours[name] + 2 * theirs[name]) / 3, rtol=1e-6)
    assert mean.card["averaged"] == ["one", "two", "two"]
    assert (mean.symbols, mean.features, mean.model) == (one.symbols, one.features, one.model)


def test_dropout_may_differ_and_settings_of_the_search_are_left_to_tuning(tmp_path: Path) -> None:
    one = random_bundle(tmp_path / "one", decoding={"lm_weight": 1.0})
    two = random_bundle(tmp_path / "two", model=MODEL.replace(dropout=0.0))
    assert average(one.path, two.path, output=tmp_path / "mean").returncode == 0
    mean = Bundle.load(tmp_path / "mean")
    np.testing.assert_array_equal(mean.weights()["output/kernel"], one.weights()["output/kernel"])
    assert not mean.decoding


@pytest.mark.parametrize("other", ["letters", "features", "normalizer", "language", "none"])
def test_what_does_not_belong_together_is_refused_in_one_line(other: str, tmp_path: Path) -> None:
    one, two = random_bundle(tmp_path / "one"), tmp_path / "two"
    if other == "letters":
        random_bundle(two, letters=" abd")
    elif other == "features":
        random_bundle(two, features=FEATURES.replace(hop_ms=20.0))
    elif other == "language":
        random_bundle(two, language="de")
    elif other == "normalizer":
        random_bundle(two, normalizer="standard-1")
    done = average(one.path, two, output=tmp_path / "mean")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert str(two) in done.stderr
    assert not (tmp_path / "mean").exists()


@pytest.mark.parametrize("name", ["two", "run", "notes"])
def test_nothing_but_another_model_is_replaced(name: str, tmp_path: Path) -> None:
    one, two = random_bundle(tmp_path / "one", 1), random_bundle(tmp_path / "two", 2)
    random_bundle(tmp_path / "run", 3)
    (tmp_path / "run" / "checkpoint.npz").touch()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.tex").touch()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / name).iterdir()}
    done = average(one.path, two.path, output=tmp_path / name)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert str(tmp_path / name) in done.stderr
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / name).iterdir()} == before
