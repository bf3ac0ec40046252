"""Trains alike on one and on two logical CPUs, and prints losses, dev results and weights of both as JSON."""

import json
import sys
from pathlib import Path

import tensorflow as tf
from tiny_run import Recorder, settings

from asrkit.training.run import train

manifest, folder = sys.argv[1], Path(sys.argv[2])
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
results = []
for devices in (1, 2):
    # Batches of 5 and 4 utterances: the parts of the first one differ. The norm is small enough to clip.
    changes = {"epochs": 1, "batch_size": 5, "devices": devices, "clip_norm": 0.5, "warmup_steps": 0}
    config = settings(manifest, training=changes, model={"dropout": 0.0, "normalization": "batch"})
    recorder = Recorder()
    bundle = train(config, folder / f"run{devices}", cache_dir=folder, observer=recorder)
    weights = {name: values.ravel().tolist() for name, values in bundle.weights().items()}
    dev = [(event.dev_loss, event.dev_cer, event.blank_rate) for event in recorder.epochs]
    results.append({"losses": recorder.losses, "dev": dev, "weights": weights})
# What two devices began, one goes on with.
recorder = Recorder()
train(
    config.replace(training=config.training.replace(devices=1, epochs=2)),
    folder / "run2",
    cache_dir=folder,
    observer=recorder,
)
results.append({"first_epoch": recorder.start.first_epoch, "losses": recorder.losses})
print(json.dumps(results))
