"""The devices a network trains on: one, or several, of one host or many, that share each batch.

Several devices work through TensorFlow's ``MirroredStrategy``, or through Keras' ``DataParallel`` on JAX: each has a
copy of the network and its part of the rows. Statistics, losses and gradients are summed over all of them, by us on
TensorFlow and by the compiler on JAX, so that a step is that of one device.
"""

from __future__ import annotations

import contextlib
from typing import Any

import keras

from asrkit.errors import ConfigError
from asrkit.model.network import DeepSpeech2
from asrkit.training.backend import gpus_of_system
from asrkit.training.batches import Batch, filled_up
from asrkit.training.hosts import ALONE, Hosts


class Devices:
    """Where a network lives.

    Args:
        count: Devices of each host that share each batch; 0 for all GPUs, or the one CPU where there is none.
        hosts: That train together, on JAX.

    Raises:
        ConfigError: There are not so many, or the backend cannot share a batch.
    """

    def __init__(self, count: int = 1, hosts: Hosts = ALONE) -> None:
        names = [] if count == 1 else _chosen(count)
        self.count = max(1, len(names))
        self._hosts = hosts
        self._total = self.count * hosts.count
        self._strategy: Any = None
        self._distribution = None
        if keras.backend.backend() == "jax":
            if self._total > 1:
                self._distribution = keras.distribution.DataParallel(devices=_of_all_hosts(self.count, hosts))
            keras.distribution.set_distribution(self._distribution)  # also ends that of an earlier run
        elif self.count > 1:
            import tensorflow as tf

            self._strategy = tf.distribute.MirroredStrategy(names)

    def __str__(self) -> str:
        name = device_name(self.count)
        return f"{name} on each of {self._hosts.count} hosts" if self._hosts.count > 1 else name

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Return the context in which a network for these devices is made."""
        return contextlib.nullcontext() if self._strategy is None else self._strategy.scope()

    def share(self, batch: Batch) -> Any:
        """Give each device its rows of a batch, with weights that make the losses of all devices sum to the mean.

        Where the rows do not come out even, empty utterances of weight 0 fill up.
        """
        if self._total == 1:
            return batch
        part = -(-len(batch["frames"]) // self._total)
        full = filled_up(batch, part * self._total)
        if self._distribution is not None:  # Keras wants the rows of this host
            first = part * self.count * self._hosts.index
            return {name: values[first : first + part * self.count] for name, values in full.items()}
        return {
            name: self._strategy.experimental_distribute_values_from_function(
                lambda context, values=values: values[part * context.replica_id_in_sync_group :][:part]
            )
            for name, values in full.items()
        }

    def predict(self, network: DeepSpeech2, batch: Batch) -> Any:
        """Return the logits of a batch, ``(batch, steps, symbols)``, on every host."""
        given = self.share({name: batch[name] for name in ("features", "frames")})
        if self._distribution is not None:  # Keras spreads what it trains on, but not what it predicts
            import jax

            layouts = {name: self._distribution.get_data_layout(values.shape) for name, values in given.items()}
            given = {
                name: jax.make_array_from_process_local_data(layouts[name].backend_layout, values)
                for name, values in given.items()
            }
        # rows that only fill up, a batch or the parts of several devices, come last
        return network.predict_on_batch(given)[: len(batch["frames"])]


def _chosen(count: int) -> list[str]:
    """Return the names of so many devices of one kind of this host."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        by_kind = {kind: [device.name for device in tf.config.list_logical_devices(kind)] for kind in ("GPU", "CPU")}
    elif backend == "jax":
        import jax

        by_kind = {jax.default_backend().upper(): [str(device) for device in jax.local_devices()]}
    elif count == 0:
        return []
    else:
        raise ConfigError(
            f"training.devices = {count} needs Keras on TensorFlow or JAX, not on {backend}; leave it at 1 or "
            "set KERAS_BACKEND"
        )
    kind, names = next((kind, names) for kind, names in by_kind.items() if names)
    if count == 0:
        return [] if kind == "CPU" else names
    if count > len(names):
        raise ConfigError(f"training.devices = {count}, but Keras on {backend} sees {len(names)} {kind}; lower it")
    return names[:count]


def _of_all_hosts(count: int, hosts: Hosts) -> list[str]:
    """Return the names of so many devices of each host, in the order of the hosts."""
    import jax

    of_each = [[d for d in jax.devices() if d.process_index == host][:count] for host in range(hosts.count)]
    return [f"{device.platform}:{device.id}" for devices in of_each for device in devices]


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
