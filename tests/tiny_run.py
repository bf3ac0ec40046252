"""A training run so small that a test can afford it, and an observer that keeps what it hears."""

from asrkit.presets import merge, run_config
from asrkit.training.observer import TrainingObserver

TINY = {
    "features": {"mel_bins": 20},
    "model": {
        "conv_layers": [
            {"channels": 4, "kernel_frames": 5, "kernel_bins": 5, "stride_frames": 2, "stride_bins": 2},
            {"channels": 4, "kernel_frames": 3, "kernel_bins": 3, "stride_frames": 2, "stride_bins": 2},
        ],
        "rnn_layers": 1,
        "rnn_units": 16,
        "dropout": 0.1,
    },
    "training": {"epochs": 2, "batch_size": 4, "warmup_steps": 2, "ema_momentum": 0.5},
}


def settings(corpus, **changes):
    return run_config(merge(merge(TINY, {"data": {"train": str(corpus), "dev": str(corpus)}}), changes))


def smallest(corpus, **changes):
    """Return settings whose network is traced in half the time: for tests of what surrounds it."""
    layer = {"channels": 4, "kernel_frames": 5, "kernel_bins": 5, "stride_frames": 3, "stride_bins": 4}
    network = {"conv_layers": [layer], "bidirectional": False, "rnn_units": 8}
    plain = {"augmentation": {"speeds": [1.0]}}
    return settings(corpus, **merge({"model": network, "training": plain}, changes))


class Recorder(TrainingObserver):
    """Keeps what it hears; stops the run after so many batches."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.losses, self.epochs, self.notes, self.start = [], [], [], None

    def run_started(self, start):
        self.start = start

    def batch_done(self, event):
        self.losses.append(event.loss)
        if len(self.losses) == self.stop_after:
            raise KeyboardInterrupt

    def epoch_done(self, event):
        self.epochs.append(event)

    def note(self, message):
        self.notes.append(message)
