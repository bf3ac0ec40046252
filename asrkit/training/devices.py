"""The devices a network trains on: one, or several of this host that share each batch.

Several devices work through TensorFlow's ``MirroredStrategy``: each has a copy of the network and its part of the rows,
and sums of statistics, losses and gradients over all devices make a step equal to that of one device.
"""

from __future__ import annotations

import contextlib
from typing import Any

import keras

from asrkit.errors import ConfigError
from asrkit.training.backend import gpus_of_system
from asrkit.training.batches import Batch, filled_up


class Devices:
    """Where a network lives.

    Args:
        count: Devices that share each batch; 0 for all GPUs, or the one CPU where there is none.

    Raises:
        ConfigError: There are not so many, or the backend cannot share a batch.
    """

    def __init__(self, count: int = 1) -> None:
        names = [] if count == 1 else _chosen(count)
        self.count = max(1, len(names))
        self._strategy: Any = None
        if self.count > 1:
            import tensorflow as tf

            self._strategy = tf.distribute.MirroredStrategy(names)

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Return the context in which a network for these devices is made."""
        return contextlib.nullcontext() if self._strategy is None else self._strategy.scope()

    def share(self, batch: Batch) -> Any:
        """Give each device its rows of a batch, with weights that make the losses of all devices sum to the mean.

        Where the rows do not come out even, empty utterances of weight 0 fill up.
        """
        if self._strategy is None:
            return batch
        rows = len(batch["frames"])
        part = -(-rows // self.count)
        full = filled_up(batch, part * self.count)
        return {
            name: self._strategy.experimental_distribute_values_from_function(
                lambda context, values=values: values[part * context.replica_id_in_sync_group :][:part]
            )
            for name, values in full.items()
        }


def _chosen(count: int) -> list[str]:
    """Return the names of so many devices of one kind."""
    if keras.backend.backend() != "tensorflow":
        if count == 0:
            return []
        raise ConfigError(
            f"training.devices = {count} needs Keras on TensorFlow, not on {keras.backend.backend()}; leave it at 1 or "
            "set KERAS_BACKEND=tensorflow"
        )
    import tensorflow as tf

    gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
    names = gpus or ([] if count == 0 else [device.name for device in tf.config.list_logical_devices("CPU")])
    if count > len(names):
        kind = "GPU" if gpus else "CPU"
        raise ConfigError(
            f"training.devices = {count}, but TensorFlow sees {len(names)} {kind}; lower training.devices"
        )
    return names[:count] if count else names


def device_name(count: int = 1) -> str:
    """Return what ``count`` devices of this host are, such as ``cpu`` or ``2 x gpu``."""
    kinds = [kind for kind in _kinds() if kind != "cpu"] or ["cpu"]
    return f"{count} x {kinds[0]}" if count > 1 else kinds[0]


_WITH_GPU = {
    "tensorflow": 'pip install "tensorflow[and-cuda]"',
    "jax": 'pip install "jax[cuda13]"',
    "torch": "install a PyTorch built for CUDA",
}


def unused_gpu() -> str | None:
    """Return what to do about GPUs of this system that are not used, or None where none is left idle."""
    gpus = gpus_of_system()
    if not gpus or device_name() != "cpu":
        return None
    backend = keras.backend.backend()
    advice = f"{_WITH_GPU[backend]}, and see that nvidia-smi runs"
    return f"{gpus[0]} is here, but Keras on {backend} works on the CPU: {advice}"


def device_memory_mb() -> float | None:
    """Return the most memory that the first accelerator has held, or None where there is none or it does not tell."""
    if all(kind == "cpu" for kind in _kinds()):
        return None
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        return torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else None
    if backend == "jax":
        import jax

        told = jax.devices()[0].memory_stats() or {}
        return told["peak_bytes_in_use"] / 2**20 if "peak_bytes_in_use" in told else None
    import tensorflow as tf

    return float(tf.config.experimental.get_memory_info("GPU:0")["peak"]) / 2**20


def _kinds() -> list[str]:
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return [device.device_type.lower() for device in tf.config.list_logical_devices()]
    if backend == "jax":
        import jax

        return [str(device.platform) for device in jax.devices()]
    kind = str(keras.ops.zeros(()).device.type)  # where Keras puts things
    return ["gpu" if kind == "cuda" else kind]
