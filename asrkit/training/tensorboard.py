"""Event files for TensorBoard, through TensorFlow's summary writer, whatever backend trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from asrkit.packages import needed
from asrkit.training.observer import BatchDone, EpochDone, RunStart, TrainingObserver
from asrkit.writing import refuse_links

EVENTS = "tensorboard"
# Of TensorFlow's summary.proto: a number, and a tensor.
_DATA_CLASSES = {"scalars": 1, "text": 2}


class TensorBoardLog(TrainingObserver):
    """Writes losses, rates and dev sentences as a run goes.

    ``train/*`` counts optimizer steps, ``dev/*`` epochs. A resumed run adds a file to the folder; TensorBoard shows
    them as one run.

    Args:
        folder: Gets the event files.

    Raises:
        MissingPackageError: TensorFlow is not installed.
        OSError: The folder is a link.
    """

    def __init__(self, folder: Path) -> None:
        instead = "leave --tensorboard away (log.jsonl and report.html hold the same figures)"
        with needed("training.tensorboard", "tensorflow", instead=instead):
            import tensorflow as tf
        refuse_links(folder, folder.parent)
        self._tf: Any = tf
        self._writer: Any = tf.summary.create_file_writer(str(folder))

    def run_started(self, start: RunStart) -> None:
        """Write the settings down as text."""
        rows = [f"| {table} | {values} |" for table, values in start.config.to_dict().items()]
        self._write("text", "settings", "\n".join(["| table | settings |", "|---|---|", *rows]), 0)

    def batch_done(self, event: BatchDone) -> None:
        """Write the loss of a step."""
        values = {
            "loss": event.loss,
            "learning_rate": event.learning_rate,
            "audio_seconds": event.audio_seconds,
            "wait_share": event.wait_share,
        }
        self._scalars("train", values, event.epoch * event.num_batches + event.batch)

    def epoch_done(self, event: EpochDone) -> None:
        """Write the dev scores and sentences of an epoch."""
        names = ("wer", "cer", "loss", "blank_rate")
        values = (event.dev_wer, event.dev_cer, event.dev_loss, event.blank_rate)
        step = event.epoch + 1
        self._scalars("dev", dict(zip(names, values, strict=True)), step)
        self._scalars("epoch", {"loss": event.loss, "audio_per_second": event.audio_per_second}, step)
        for sample in event.samples:
            said = f"said: {sample.reference}\n\nheard: {sample.hypothesis}"
            self._write("text", f"sentences/{sample.id}", said, step)
        self._writer.flush()

    def _scalars(self, group: str, values: dict[str, float], step: int) -> None:
        for name, value in values.items():
            self._write("scalars", f"{group}/{name}", np.float32(value), step)

    def _write(self, plugin: str, tag: str, value: Any, step: int) -> None:
        """Write a value as TensorBoard's plugin wants it; ``tf.summary.scalar`` would need TensorBoard here."""
        metadata = self._tf.compat.v1.SummaryMetadata(display_name=tag)
        metadata.plugin_data.plugin_name = plugin
        metadata.data_class = _DATA_CLASSES[plugin]
        with self._writer.as_default():
            self._tf.summary.write(tag, value, step=step, metadata=metadata)
