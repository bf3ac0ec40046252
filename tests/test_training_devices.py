"""Several devices: the same batches, the same losses and weights as on one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tone_speech import write_corpus

from asrkit.errors import ConfigError

TESTS = Path(__file__).parent


@pytest.mark.slow
def test_two_devices_train_as_one_does(tmp_path):
    """In a process of its own: TensorFlow fixes its devices when it starts."""
    pytest.importorskip("tensorflow")
    manifest = write_corpus(tmp_path / "tones", 9)
    command = [sys.executable, str(TESTS / "devices_program.py"), str(manifest), str(tmp_path)]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(TESTS)}, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    one, two, resumed = json.loads(done.stdout.splitlines()[-1])
    assert len(one["losses"]) == 2
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-5)
    np.testing.assert_allclose(two["dev"], one["dev"], rtol=1e-4)
    for name, values in one["weights"].items():
        np.testing.assert_allclose(two["weights"][name], values, atol=2e-4, err_msg=name)
    assert resumed["first_epoch"] == 1
    assert len(resumed["losses"]) == 2


def test_more_devices_than_there_are_is_an_error():
    pytest.importorskip("tensorflow")
    from asrkit.training.devices import Devices, device_name

    with pytest.raises(ConfigError, match=r"training\.devices = 99, but TensorFlow sees \d+ .PU"):
        Devices(99)
    assert Devices(1).count == 1
    assert device_name(1) in ("cpu", "gpu")


def test_another_backend_says_that_it_cannot(monkeypatch):
    pytest.importorskip("keras")
    from asrkit.training import devices

    monkeypatch.setattr(devices.keras.backend, "backend", lambda: "jax")
    with pytest.raises(ConfigError, match="needs Keras on TensorFlow, not on jax"):
        devices.Devices(2)
