"""Several devices: the same batches, the same losses and weights as on one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_run import Recorder, smallest
from tone_speech import write_corpus

from asrkit.errors import ConfigError
from asrkit.training.backend import gpus_of_system

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

    with pytest.raises(ConfigError, match=r"training\.devices = 99, but Keras on tensorflow sees \d+ .PU"):
        Devices(99)
    assert Devices(1).count == 1
    assert device_name(1) in ("cpu", "gpu")


def test_another_backend_says_that_it_cannot(monkeypatch):
    pytest.importorskip("keras")
    from asrkit.training import devices

    monkeypatch.setattr(devices.keras.backend, "backend", lambda: "torch")
    with pytest.raises(ConfigError, match="needs Keras on TensorFlow or JAX, not on torch"):
        devices.Devices(2)


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """What an NVIDIA driver shows of two GPUs."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for place, text in (
        ("0000:01:00.0", "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ: 24\n"),
        ("0000:02:00.0", "IRQ: 25\n"),
    ):
        (tmp_path / place).mkdir()
        (tmp_path / place / "information").write_text(text)
    return tmp_path


def test_gpus_are_found_by_their_driver(driver, tmp_path, monkeypatch):
    assert gpus_of_system(driver) == ["NVIDIA H100 80GB HBM3", "NVIDIA GPU"]
    assert gpus_of_system(tmp_path / "none") == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus_of_system(driver) == [], "hidden on purpose"


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_a_gpu_that_is_not_used_is_spoken_of(backend, monkeypatch):
    pytest.importorskip("keras")
    from asrkit.training import devices

    monkeypatch.setattr(devices, "gpus_of_system", lambda: ["NVIDIA H100"])
    monkeypatch.setattr(devices.keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(devices, "_kinds", lambda: ["cpu"])
    assert f"NVIDIA H100 is here, but Keras on {backend} works on the CPU" in devices.unused_gpu()
    monkeypatch.setattr(devices, "_kinds", lambda: ["cpu", "gpu"])
    assert devices.unused_gpu() is None
    monkeypatch.setattr(devices, "gpus_of_system", list)
    monkeypatch.setattr(devices, "_kinds", lambda: ["cpu"])
    assert devices.unused_gpu() is None


@pytest.mark.usefixtures("untraced")
def test_training_its_plan_and_the_doctor_speak_of_it(tmp_path, monkeypatch):
    pytest.importorskip("keras")
    from asrkit.cli import doctor
    from asrkit.training import devices
    from asrkit.training.plan import plan_run
    from asrkit.training.run import train

    monkeypatch.setattr(devices, "gpus_of_system", lambda: ["NVIDIA H100"])
    monkeypatch.setattr(doctor, "gpus_of_system", lambda: ["NVIDIA H100"])
    config = smallest(write_corpus(tmp_path / "tones", 4), training={"epochs": 1})
    planned, trained = Recorder(), Recorder()
    plan_run(config, planned)
    train(config, tmp_path / "run", cache_dir=tmp_path, observer=trained)
    for recorder in (planned, trained):
        assert [note for note in recorder.notes if note.startswith("NVIDIA H100 is here, but")]
    assert trained.start.device == f"cpu ({devices.keras.backend.backend()})"
    told = doctor.diagnose()["gpus"]
    assert told["found"] == ["NVIDIA H100"] and not told["used"] and "nvidia-smi" in told["advice"]
